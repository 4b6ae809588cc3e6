//! A task's kernel stack: who called whom.
//! Lives here: from where a stack is to be read, and the three ways to walk it: ORC, frame pointers, return addresses.
//! May not live here: what a function means.

mod irq;
pub(super) mod orc;
mod walk;

use super::code::Code;
use super::kernel::Kernel;
use super::layout::Field;
use super::memory::Registers;
use super::tasks::Task;
use walk::Start;

/// Bytes of a stack where the types do not tell (`THREAD_SIZE` of x86-64 since 3.15).
const STACK_BYTES: u64 = 16 * 1024;
/// Most that a stack may have: KASAN's have 64 KiB.
const MOST_STACK_BYTES: u64 = 256 * 1024;
/// Most frames that are kept of one stack.
pub const MOST_FRAMES: usize = 64;

/// How a stack was walked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum How {
    /// By the kernel's ORC tables.
    Orc,
    /// By frame pointers.
    FramePointer,
    /// By what looks like a return address; some may be left from earlier calls.
    #[default]
    Scan,
}

impl How {
    /// In words.
    pub fn name(self) -> &'static str {
        match self {
            Self::Orc => "ORC",
            Self::FramePointer => "frame pointers",
            Self::Scan => "return addresses",
        }
    }
}

/// A frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Call {
    /// Where in its function it is; before the address at which it goes on, for that may be the next function's: a call that does not come
    /// back can be the last of its instructions.
    pub address: u64,
    /// Where its part of the stack begins; its caller's begins where it ends.
    pub sp: u64,
    /// Whether the way of walking vouches for it.
    pub reliable: bool,
}

/// A stack.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stack {
    /// Innermost first.
    pub calls: Vec<Call>,
    /// How it was walked.
    pub how: How,
    /// Whether the walk came to its end without having to guess.
    pub whole: bool,
    /// Its words, from `from` upwards: what lies in the frames.
    pub words: Vec<u64>,
    /// Address of the first word.
    pub from: u64,
}

impl Stack {
    /// Whether an address is in what is in use of it.
    pub fn holds(&self, address: u64) -> bool {
        address.wrapping_sub(self.from) < self.words.len() as u64 * 8
    }

    /// The words of a frame with their addresses: from its start to its caller's.
    pub fn frame(&self, index: usize) -> impl Iterator<Item = (u64, u64)> + '_ {
        let end = self.calls.get(index + 1).map_or(u64::MAX, |caller| caller.sp);
        let start = self.calls.get(index).map_or(u64::MAX, |call| call.sp);
        self.addressed().filter(move |(address, _)| (start..end).contains(address))
    }

    /// All words with their addresses.
    pub fn addressed(&self) -> impl Iterator<Item = (u64, u64)> + '_ {
        self.words.iter().enumerate().map(|(index, &word)| (self.from.wrapping_add(index as u64 * 8), word))
    }
}

/// Reads a task's stack. Of one that runs in the kernel it starts at the registers of its processor, which are known by the stack
/// that they point into, or where an interrupt left it; one that runs in a program, or elsewhere, has no stack.
pub fn read(kernel: &Kernel<'_>, code: &Code, task: &Task, registers: &[Registers]) -> Stack {
    let size = kernel.layout.place(Field::ThreadStack).map_or(STACK_BYTES, |place| place.size);
    let size = size.clamp(4096, MOST_STACK_BYTES);
    if task.stack == 0 {
        return Stack::default();
    }
    let inside = |address: u64| address.wrapping_sub(task.stack) < size;
    let running = registers.iter().find(|cpu| !cpu.in_user() && inside(cpu.rsp)).map(|cpu| Start {
        ip: cpu.rip,
        sp: cpu.rsp,
        bp: cpu.rbp,
        exact: true,
        switched: false,
    });
    let interrupted = || task.on_cpu.then(|| irq::interrupted(kernel, registers, !code.has_orc(), inside)).flatten();
    let running = running.or_else(interrupted);
    let sp = match running {
        Some(start) => start.sp & !7,
        // It runs and no processor says where: what is saved is old.
        None if task.on_cpu || !inside(task.sp) => return Stack::default(),
        None => task.sp & !7,
    };
    let words = kernel.space.words(sp, ((task.stack + size - sp) / 8) as usize);
    let mut stack = Stack { words, from: sp, ..Stack::default() };
    let Some(start) = running.or_else(|| switched_away(kernel, sp)) else {
        stack.calls = walk::scan(kernel, code, &stack, sp);
        return stack;
    };
    let walked = walk::walk(kernel, code, &stack, start);
    Stack { calls: walked.calls, how: walked.how, whole: walked.whole, ..stack }
}

/// Where a task goes on that was switched away from. Since 4.9 the switch is a function, whose frame says so. Before, it is a part of
/// `__schedule`, which pushes the processor's flags and then its frame pointer (arch/x86/include/asm/switch_to.h, SAVE_CONTEXT), and no address.
fn switched_away(kernel: &Kernel<'_>, sp: u64) -> Option<Start> {
    let Some(bytes) = kernel.layout.size_of_structure_with(Field::FrameReturn) else {
        let (ip, bp) = (kernel.symbols.address("__schedule")?, kernel.space.word(sp)?);
        return Some(Start { ip, sp: sp.wrapping_add(16), bp, exact: true, switched: true });
    };
    let (ip, bp) = (kernel.field(sp, Field::FrameReturn)?, kernel.field(sp, Field::FrameBp)?);
    Some(Start { ip, sp: sp.wrapping_add(bytes), bp, exact: false, switched: false })
}
