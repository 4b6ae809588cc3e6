//! From console lines to tasks with their stacks.
//! Lives here: which line belongs to which task; where a stack begins and ends; lines of several printers mixed up.
//! May not live here: what a stack means (`place`), or what is kept of many dumps (`history`).
//!
//! A task's lines are its header, `Call Trace:`, and frames. Every printer has lines of its own: where the kernel names
//! the caller of a line (CONFIG_PRINTK_CALLER) they are kept apart by it, elsewhere a foreign header ends a stack.

use super::frame::{self, Frame, Instruction};
use super::header::{self, Header, Rest};
use super::history::{Sighting, Source};
use super::memory::{Memory, MemoryReader};
use super::place::classify;
use crate::kmsg::{Timestamps, record};

/// Frames kept of a stack; the kernel's own stacks are 16 kB.
const MAX_FRAMES: usize = 64;
/// Printers that are kept apart at once.
const MAX_PRINTERS: usize = 8;
/// Lines within which a header follows what announces it, or its rest its beginning.
const PATIENCE: u8 = 6;

/// What a stretch of the console said.
#[derive(Clone, Debug, PartialEq)]
pub enum Item {
    /// A task was shown.
    Task(Box<Sighting>),
    /// The last task of a dump of all was shown.
    EndOfTasks,
    /// The kernel told of its memory.
    Memory {
        /// Fair time in milliseconds.
        at_ms: u64,
        /// What it said.
        memory: Memory,
    },
}

/// Reads a console line by line. Its state is bounded, whatever is fed.
#[derive(Clone, Debug)]
pub struct Reader {
    timestamps: Timestamps,
    bits: Bits,
    printers: Vec<Printer>,
    memory: MemoryReader,
}

/// Bits of x86's `thread_info` flags that matter.
#[derive(Clone, Copy, Debug)]
struct Bits {
    signal: u64,
    memdie: u64,
}

/// arch/x86/include/asm/thread_info.h from 3.10 to 6.12: TIF_SIGPENDING 2, TIF_MEMDIE 20.
const X86: Bits = Bits { signal: 1 << 2, memdie: 1 << 20 };
/// include/asm-generic/thread_info_tif.h of 7.2: TIF_SIGPENDING 1, TIF_MEMDIE 3.
const GENERIC: Bits = Bits { signal: 1 << 1, memdie: 1 << 3 };
/// From which version on x86 has the generic bits; between 6.12 and 7.2 no tree was looked at.
const GENERIC_FROM: (u64, u64) = (6, 18);
/// PF_EXITING (include/linux/sched.h, 3.10 to 7.2).
const EXITING: u32 = 4;

/// Where the lines of one printer have got to.
#[derive(Clone, Debug, Default)]
struct Printer {
    caller: Option<String>,
    open: Option<Open>,
    /// The first piece of a header, with the lines that its rest may still take.
    begun: Option<(String, u64, u64, u8)>,
    /// A hung-task report or a processor's backtrace has been announced; lines until its header.
    announced: Option<(Source, u8)>,
}

/// A task whose stack is being read.
#[derive(Clone, Debug)]
struct Open {
    sighting: Sighting,
    /// Somebody's stack that is no sighting (a warning's, an OOM kill's): read so that its frames are nobody else's.
    foreign: bool,
    in_trace: bool,
    user: bool,
}

impl Default for Reader {
    fn default() -> Self {
        Self::new(Timestamps::Required)
    }
}

impl Reader {
    /// A reader of a console on which timestamps are required or absent.
    pub fn new(timestamps: Timestamps) -> Self {
        Self { timestamps, bits: X86, printers: Vec::new(), memory: MemoryReader::default() }
    }

    /// The kernel, as `uname -r` names it.
    pub fn release(&mut self, release: &str) {
        let mut numbers = release.split(|c: char| !c.is_ascii_digit()).map(str::parse);
        if let (Some(Ok(major)), Some(Ok(minor))) = (numbers.next(), numbers.next()) {
            self.bits = if (major, minor) >= GENERIC_FROM { GENERIC } else { X86 };
        }
    }

    /// Reads a line: event `seq`, at `at_ms` of fair time.
    pub fn feed(&mut self, seq: u64, at_ms: u64, line: &str) -> Vec<Item> {
        let Some(record) = record(line, self.timestamps) else { return Vec::new() };
        let mut items = Vec::new();
        if let Some(memory) = self.memory.feed(record.text) {
            items.push(Item::Memory { at_ms, memory });
        }
        if ends_task(record.text) {
            items.extend(self.finish());
            if record.text.starts_with(SCHED_DEBUG) {
                items.push(Item::EndOfTasks);
            }
            return items;
        }
        let bits = self.bits;
        if let Some(open) = self.printer(record.caller, &mut items).feed(seq, at_ms, record.text) {
            items.extend(open.close(bits));
        }
        items
    }

    /// Ends what is open; more lines may follow.
    pub fn finish(&mut self) -> Vec<Item> {
        let bits = self.bits;
        self.printers.drain(..).filter_map(|printer| printer.open?.close(bits)).collect()
    }

    fn printer(&mut self, caller: Option<&str>, items: &mut Vec<Item>) -> &mut Printer {
        let at = self.printers.iter().position(|printer| printer.caller.as_deref() == caller);
        let at = at.unwrap_or_else(|| {
            if self.printers.len() == MAX_PRINTERS {
                items.extend(self.printers.remove(0).open.and_then(|open| open.close(self.bits)));
            }
            self.printers.push(Printer { caller: caller.map(str::to_owned), ..Printer::default() });
            self.printers.len() - 1
        });
        &mut self.printers[at]
    }
}

/// What only SysRq-t prints (kernel/sched/debug.c `sysrq_sched_debug_show`, with CONFIG_SCHED_DEBUG): its tasks are over.
const SCHED_DEBUG: &str = "Sched Debug Version";

/// What follows the last task of SysRq-t, and may come between two of them where a watchdog reports as well (kernel/sched/debug.c `sysrq_sched_debug_show`, lockdep's `debug_show_all_locks`,
/// kernel/workqueue.c `show_all_workqueues`).
fn ends_task(text: &str) -> bool {
    [SCHED_DEBUG, "Showing all locks held", "Showing busy workqueues"].iter().any(|&end| text.starts_with(end))
}

impl Printer {
    /// Reads a text; gives the task that it ends.
    fn feed(&mut self, seq: u64, at_ms: u64, text: &str) -> Option<Open> {
        if let Some((begun, seq, at_ms)) = self.goes_on(text) {
            let whole = header::read(&format!("{begun}{text}"));
            return whole.and_then(|header| self.begin(header, seq, at_ms));
        }
        if let Some(header) = header::read(text) {
            return self.begin(header, seq, at_ms);
        }
        if let Some(source) = announces(text) {
            self.announced = Some((source, PATIENCE));
            return self.open.take();
        }
        if let Some(header) = header::on_cpu(text) {
            return self.on_cpu(header, seq, at_ms);
        }
        if header::is_begun(text) {
            self.begun = Some((text.to_owned(), seq, at_ms, PATIENCE));
            return self.open.take();
        }
        self.announced = self.announced.take().and_then(|(source, left)| Some((source, left.checked_sub(1)?)));
        match text.trim() {
            "Call Trace:" | "Call trace:" => {
                // A second one is somebody's whose header was lost.
                if self.open.as_ref().is_some_and(|open| open.in_trace) {
                    return self.open.take();
                }
                if let Some(open) = &mut self.open {
                    open.in_trace = true;
                }
                None
            }
            "</TASK>" => self.open.take(),
            _ => {
                if let Some(open) = &mut self.open {
                    open.line(text);
                }
                None
            }
        }
    }

    /// What of a header was begun, where a text is the rest of it.
    fn goes_on(&mut self, text: &str) -> Option<(String, u64, u64)> {
        let (mut begun, seq, at_ms, left) = self.begun.take()?;
        match header::rest(text) {
            Some(Rest::Last) => return Some((begun, seq, at_ms)),
            Some(Rest::More) => begun.push_str(text),
            None => {}
        }
        self.begun = left.checked_sub(1).map(|left| (begun, seq, at_ms, left));
        None
    }

    fn begin(&mut self, header: Header, seq: u64, at_ms: u64) -> Option<Open> {
        let source = match self.announced.take() {
            Some((Source::HungTask, _)) => Source::HungTask,
            _ => Source::Dump,
        };
        self.begun = None;
        self.open.replace(Open::new(header, seq, at_ms, source, false))
    }

    /// The task on a processor: of a backtrace of all of them, or of somebody's warning.
    fn on_cpu(&mut self, header: Header, seq: u64, at_ms: u64) -> Option<Open> {
        let backtrace = matches!(self.announced.take(), Some((Source::Backtrace, _)));
        // Task 0 is a processor's idle loop.
        let foreign = !backtrace || header.pid == 0;
        self.open.replace(Open::new(header, seq, at_ms, Source::Backtrace, foreign))
    }
}

/// `INFO: task %s:%d blocked for more than …` (kernel/hung_task.c); `NMI backtrace for cpu %d` (lib/nmi_backtrace.c, before
/// 4.1 arch/x86/kernel/apic/hw_nmi.c).
fn announces(text: &str) -> Option<Source> {
    if text.starts_with("NMI backtrace for cpu ") && !text.contains(" skipped") {
        return Some(Source::Backtrace);
    }
    let hung = text.starts_with("INFO: task ") && text.contains(" blocked ") && text.contains(" for more than ");
    hung.then_some(Source::HungTask)
}

impl Open {
    fn new(header: Header, seq: u64, at_ms: u64, source: Source, foreign: bool) -> Self {
        let sighting = Sighting::new(header, seq, at_ms, source);
        Self { sighting, foreign, in_trace: false, user: false }
    }

    fn line(&mut self, text: &str) {
        let stack = &mut self.sighting.stack;
        if frame::ends_interrupt(text) {
            stack.clear();
        }
        match frame::instruction(text) {
            Some(Instruction::Kernel(frame)) if stack.len() < MAX_FRAMES => stack.push(frame),
            // Behind more than an interrupt's entry it is where the program called the kernel from.
            Some(Instruction::User) => self.user = stack.iter().all(Frame::is_interrupt_entry),
            _ if self.in_trace && stack.len() < MAX_FRAMES => stack.extend(frame::read(text)),
            _ => {}
        }
    }

    fn close(mut self, bits: Bits) -> Option<Item> {
        if self.foreign {
            return None;
        }
        let Header { flags, task_flags, state, .. } = self.sighting.header;
        self.sighting.signal = flags & bits.signal != 0;
        self.sighting.memdie = flags & bits.memdie != 0;
        self.sighting.place = classify(state, self.user, &self.sighting.stack);
        self.sighting.place.exiting |= task_flags.is_some_and(|flags| flags & EXITING != 0);
        Some(Item::Task(Box::new(self.sighting)))
    }
}
