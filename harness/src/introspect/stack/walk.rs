//! Walking a stack.
//! Lives here: ORC as the kernel does it, frame pointers, and the search for return addresses where neither is to be had.
//! May not live here: where a walk starts.
//!
//! Sources: arch/x86/kernel/unwind_orc.c (unwind_next_frame), arch/x86/include/asm/ptrace.h (pt_regs).

use super::orc::{Base, Entry, Kind};
use super::{Call, How, MOST_FRAMES, Stack};
use crate::introspect::code::Code;
use crate::introspect::kernel::Kernel;

/// Offsets in pt_regs.
const REGS_BP: u64 = 32;
const REGS_IP: u64 = 128;
const REGS_CS: u64 = 136;
const REGS_SP: u64 = 152;

/// Where a walk starts.
#[derive(Clone, Copy, Debug)]
pub(super) struct Start {
    pub ip: u64,
    pub sp: u64,
    pub bp: u64,
    /// Whether `ip` is the next instruction, and not the one after a call.
    pub exact: bool,
    /// Whether `sp` was found on another stack, on which it is put aside (see `irq`).
    pub switched: bool,
}

impl Start {
    /// An address that is in the function for sure.
    fn within(self) -> u64 {
        if self.exact { self.ip } else { self.ip.wrapping_sub(1) }
    }
}

/// What a walk came to.
pub(super) struct Walked {
    pub calls: Vec<Call>,
    pub how: How,
    /// Whether it came to the stack's end without guessing.
    pub whole: bool,
}

/// Walks by the best way that there is. Where ORC loses its way, what looks like a return address follows.
pub(super) fn walk(kernel: &Kernel<'_>, code: &Code, stack: &Stack, start: Start) -> Walked {
    if code.has_orc() {
        let (mut calls, ended) = by_orc(kernel, code, stack, start);
        if !ended {
            let from = calls.last().map_or(start.sp, |call| call.sp);
            let more = scan(kernel, code, stack, from);
            calls.extend(more.into_iter().take(MOST_FRAMES.saturating_sub(calls.len())));
        }
        return Walked { calls, how: How::Orc, whole: ended };
    }
    let calls = by_frame_pointers(kernel, code, stack, start);
    if calls.len() >= LEAST_BY_FRAME_POINTERS {
        return Walked { calls, how: How::FramePointer, whole: true };
    }
    let mut calls = vec![Call { address: start.within(), sp: start.sp, reliable: true }];
    calls.extend(scan(kernel, code, stack, start.sp).into_iter().take(MOST_FRAMES - 1));
    Walked { calls, how: How::Scan, whole: false }
}

/// A chain of frame pointers is one from so many frames on: a register that happens to point into the stack gives one or two.
const LEAST_BY_FRAME_POINTERS: usize = 4;

/// The word at an address of the stack.
fn word(stack: &Stack, address: u64) -> Option<u64> {
    let offset = address.checked_sub(stack.from)?;
    offset.is_multiple_of(8).then(|| stack.words.get(usize::try_from(offset / 8).ok()?).copied()).flatten()
}

/// The frames, and whether the walk came to the stack's end.
fn by_orc(kernel: &Kernel<'_>, code: &Code, stack: &Stack, start: Start) -> (Vec<Call>, bool) {
    let mut calls = Vec::new();
    let mut at = start;
    while calls.len() < MOST_FRAMES {
        let within = at.within();
        calls.push(Call { address: within, sp: at.sp, reliable: true });
        let entry = code.function(kernel.symbols, within).and_then(|_| code.orc(within));
        let Some(entry) = entry else { return (calls, false) };
        match step(stack, at, entry) {
            Step::To(next) if next.sp > at.sp => at = next,
            // A frame that does not lead upwards is none.
            Step::To(_) | Step::Lost => return (calls, false),
            Step::End => return (calls, true),
        }
    }
    (calls, true)
}

enum Step {
    To(Start),
    End,
    Lost,
}

fn step(stack: &Stack, at: Start, entry: Entry) -> Step {
    let (base, offset) = entry.sp;
    if entry.kind == Kind::End {
        return Step::End;
    }
    let sp = match base {
        Base::Sp => Some(at.sp.wrapping_add_signed(offset)),
        Base::Bp => Some(at.bp.wrapping_add_signed(offset)),
        Base::SpIndirect => {
            let aside = if at.switched { Some(at.sp) } else { word(stack, at.sp) };
            aside.map(|sp| sp.wrapping_add_signed(offset))
        }
        Base::BpIndirect => word(stack, at.bp.wrapping_add_signed(offset)),
        Base::Undefined | Base::PrevSp | Base::Other => None,
    };
    let Some(sp) = sp else { return Step::Lost };
    let (ip, next_sp, exact) = match entry.kind {
        Kind::Call => (word(stack, sp.wrapping_sub(8)), Some(sp), false),
        Kind::Regs | Kind::Partial => {
            let regs = if entry.kind == Kind::Regs { sp } else { sp.wrapping_sub(REGS_IP) };
            if word(stack, regs.wrapping_add(REGS_CS)).is_some_and(|cs| cs & 3 == 3) {
                return Step::End;
            }
            (word(stack, regs.wrapping_add(REGS_IP)), word(stack, regs.wrapping_add(REGS_SP)), true)
        }
        Kind::Undefined | Kind::End => return Step::Lost,
    };
    let bp = match entry.bp {
        (Base::PrevSp, offset) => word(stack, sp.wrapping_add_signed(offset)),
        (Base::Bp, offset) => word(stack, at.bp.wrapping_add_signed(offset)),
        _ if entry.kind == Kind::Regs => word(stack, sp.wrapping_add(REGS_BP)),
        _ => Some(at.bp),
    };
    match (ip, next_sp, bp) {
        (Some(ip), Some(sp), Some(bp)) => Step::To(Start { ip, sp, bp, exact, switched: false }),
        _ => Step::Lost,
    }
}

fn by_frame_pointers(kernel: &Kernel<'_>, code: &Code, stack: &Stack, start: Start) -> Vec<Call> {
    let mut calls = vec![Call { address: start.within(), sp: start.sp, reliable: true }];
    let mut bp = start.bp;
    while calls.len() < MOST_FRAMES {
        let (Some(next), Some(address)) = (word(stack, bp), word(stack, bp.wrapping_add(8))) else { break };
        if code.function(kernel.symbols, address).is_none() {
            break;
        }
        calls.push(Call { address: address.wrapping_sub(1), sp: bp.wrapping_add(16), reliable: true });
        if next <= bp {
            break;
        }
        bp = next;
    }
    calls
}

/// Everything from `from` upwards that is an address behind a call.
pub(super) fn scan(kernel: &Kernel<'_>, code: &Code, stack: &Stack, from: u64) -> Vec<Call> {
    let words = stack.addressed().filter(|(at, _)| *at >= from);
    let calls = words.filter(|&(_, address)| {
        code.function(kernel.symbols, address).is_some_and(|function| function.offset > 0)
            && follows_call(kernel, address)
    });
    let call = |(at, address): (u64, u64)| (address.wrapping_sub(1), at.wrapping_add(8));
    calls.take(MOST_FRAMES).map(call).map(|(address, sp)| Call { address, sp, reliable: false }).collect()
}

/// Whether the instruction before an address may be a call: relative (`E8`), or by register or memory (`FF /2`).
fn follows_call(kernel: &Kernel<'_>, address: u64) -> bool {
    let mut before = [0; 7];
    if !kernel.space.read(address.wrapping_sub(7), &mut before) {
        return false;
    }
    let indirect = |at: usize| before[at] == 0xff && (before[at + 1] >> 3) & 7 == 2;
    before[2] == 0xe8 || (0..=5).any(indirect)
}
