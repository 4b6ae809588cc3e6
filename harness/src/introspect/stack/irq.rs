//! Stacks of their own on which interrupts run.
//! Lives here: from a processor that serves an interrupt to the stack of the task that it interrupted.
//! May not live here: walking either.
//!
//! Sources: arch/x86/kernel/irq_64.c (`hardirq_stack_ptr` is the last word of the stack), arch/x86/include/asm/irq_stack.h (since 5.12) and
//! arch/x86/entry/entry_64.S (`asm_call_on_stack`, 5.8 to 5.11): that word has the stack pointer of before, and the first that is called
//! there has its return address below it.

use super::walk::Start;
use crate::introspect::kernel::Kernel;
use crate::introspect::layout::Field;
use crate::introspect::memory::Registers;

/// Bytes of such a stack (`IRQ_STACK_SIZE` without KASAN).
const BYTES: u64 = 16 * 1024;

/// Where a task goes on after the interrupt that its processor serves; `inside` tells the addresses of its stack.
pub(super) fn interrupted(
    kernel: &Kernel<'_>,
    registers: &[Registers],
    frame_pointers: bool,
    inside: impl Fn(u64) -> bool,
) -> Option<Start> {
    let hot = || {
        let hot = kernel.symbols.address("pcpu_hot")?;
        kernel.address(hot, Field::HotIrqStack)
    };
    let variable = kernel.symbols.address("hardirq_stack_ptr").or_else(hot)?;
    let tops = kernel.per_cpu_offsets().into_iter().filter_map(|cpu| kernel.space.word(variable.wrapping_add(cpu)));
    tops.filter(|&top| registers.iter().any(|cpu| !cpu.in_user() && top.wrapping_sub(cpu.rsp) < BYTES)).find_map(
        |top| {
            let link = kernel.space.word(top).filter(|&link| link % 8 == 0 && inside(link))?;
            let ip = kernel.space.word(top.wrapping_sub(8))?;
            // With frame pointers the callee has put its caller's below the return address.
            let bp = if frame_pointers { kernel.space.word(top.wrapping_sub(16))? } else { link };
            Some(Start { ip, sp: link, bp, exact: false, switched: true })
        },
    )
}
