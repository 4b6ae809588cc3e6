//! One look at a guest: all its tasks, where they are, what they wait for; its memory and its OOM victims.
//! Lives here: putting the parts together.
//! May not live here: what follows from it (`graph`).

use super::code::{Code, Function};
use super::disks::{Disk, Disks};
use super::kernel::Kernel;
use super::locks::{self, Filesystems, Known, Lock};
use super::memory::Registers;
use super::oom::{self, Reaper, Victim};
use super::request::{self, Request};
use super::stack::{self, How, Stack};
use super::tasks::{self, Task};
use super::vmstat::{self, Memory};
use crate::diagnose::{self, Frame, Place};
use std::collections::HashMap;

/// What was seen in one look.
#[derive(Clone, Debug, Default)]
pub struct Picture {
    /// All tasks but the idle ones.
    pub tasks: Vec<Seen>,
    /// Whether none is missing.
    pub whole: bool,
    /// Locks that somebody waits for.
    pub locks: Vec<Lock>,
    /// Disks that something is mounted from or swapped to, or whose own pages somebody waits for.
    pub disks: Vec<Disk>,
    /// Memory of node 0.
    pub memory: Memory,
    /// OOM victims that have not gone.
    pub victims: Vec<Victim>,
    /// What the OOM reaper has before it; `None` where the kernel has none, or it cannot be read.
    pub reaper: Option<Reaper>,
}

impl Picture {
    /// Places of tasks by their addresses.
    pub(super) fn by_address(&self) -> HashMap<u64, usize> {
        self.tasks.iter().enumerate().map(|(index, seen)| (seen.task.address, index)).collect()
    }
}

/// A task as it was seen.
#[derive(Clone, Debug)]
pub struct Seen {
    /// Its own fields.
    pub task: Task,
    /// Its stack, innermost function first; empty where it runs in a program or nobody knows.
    pub frames: Vec<Frame>,
    /// How that was found.
    pub how: How,
    /// What it does.
    pub place: Place,
    /// The lock that it waits for, by its place in the list of locks.
    pub lock: Option<usize>,
    /// The disk that it waits for, by its place in the list of disks.
    pub disk: Option<usize>,
    /// The disk that it does the work of: a loop device.
    pub serves: Option<usize>,
    /// Whether it has pages isolated from their lists, as far as its functions tell.
    pub isolates: bool,
    /// Whether it writes dirty pages out for all.
    pub flushes: bool,
    /// What it wants to allocate, where it reclaims for that.
    pub request: Option<Request>,
    /// Whether its stack was read to its end without guessing.
    pub whole: bool,
    /// Which call of the allocator it is in: a hash of its stack outside of that. While it is the same, so is the call.
    pub call: Option<u64>,
    /// For how long the scheduler has not accounted any time to it, in nanoseconds, by the clock of the task that ran last.
    pub idle_ns: u64,
}

impl Seen {
    /// Its name and thread id, as `init[97]`.
    pub fn name(&self) -> String {
        format!("{}[{}]", self.task.comm, self.task.pid)
    }

    /// Where it is and what for, in the words of a chain, whose links have the arrow.
    pub(super) fn at(&self) -> String {
        let request = self.request.map(|request| format!(" ({request})")).unwrap_or_default();
        format!("in {}{request}", self.place.to_string().replace(" ← ", " from "))
    }
}

/// Looks at a guest. `registers` are those of its processors, where they are known.
pub fn take(kernel: &Kernel<'_>, code: &Code, registers: &[Registers]) -> Picture {
    let found = tasks::tasks(kernel);
    let stacks: Vec<Stack> = found.all.iter().map(|task| stack::read(kernel, code, task, registers)).collect();
    let known: Known<'_> = found.all.iter().zip(&stacks).map(|(task, stack)| (task.address, (task, stack))).collect();
    let blocks = kernel.filesystems();
    let filesystems = Filesystems::new(kernel, &blocks);
    let mut disks = Disks::new(kernel, &blocks);
    let newest = found.all.iter().map(|task| task.ran_ns).max().unwrap_or(0);
    let mut locks: Vec<Lock> = Vec::new();
    let mut seen = Vec::with_capacity(found.all.len());
    for (task, stack) in found.all.iter().zip(&stacks) {
        let found: Vec<_> = stack.calls.iter().map(|call| code.function(kernel.symbols, call.address)).collect();
        let functions: Vec<&str> = found.iter().map(|function| function.map_or("", |function| function.name)).collect();
        let frames =
            stack.calls.iter().zip(&found).filter_map(|(call, function)| Some(frame(call, function.as_ref()?)));
        let frames: Vec<Frame> = frames.collect();
        let in_user = task.on_cpu && registers.iter().any(Registers::in_user) && stack.calls.is_empty();
        let place = diagnose::classify(task.state, in_user, &frames);
        let lock = locks::waited_for(kernel, &known, task.address, &functions).map(|(address, kind)| {
            locks.iter().position(|lock| lock.address == address).unwrap_or_else(|| {
                locks.push(locks::lock(kernel, &known, &filesystems, address, kind));
                locks.len() - 1
            })
        });
        let waits_for_disk = task.state == 'D' && lock.is_none() && place.waits_for_disk();
        let disk = waits_for_disk.then(|| disks.waited_for(kernel, task.address, stack, &functions)).flatten();
        seen.push(Seen {
            disk,
            serves: None,
            isolates: place.kind != diagnose::Kind::Isolation
                && functions.iter().any(|function| diagnose::holds_isolated(function)),
            flushes: functions.iter().any(|function| diagnose::flushes(function)),
            request: request::find(kernel, stack, &functions),
            whole: stack.whole,
            call: call(kernel, code, stack, &functions),
            idle_ns: newest.saturating_sub(task.ran_ns),
            how: stack.how,
            task: task.clone(),
            frames,
            place,
            lock,
        });
    }
    // Which disks there are is known when all have been asked what they wait for.
    for (seen, stack) in seen.iter_mut().zip(&stacks) {
        seen.serves = disks.served_by(stack, seen.frames.iter().map(|frame| frame.function.as_str()));
    }
    Picture {
        tasks: seen,
        whole: found.whole,
        locks,
        disks: disks.all,
        memory: vmstat::memory(kernel),
        victims: oom::victims(kernel, &found.all),
        reaper: oom::reaper(kernel, &found.all),
    }
}

fn frame(call: &stack::Call, function: &Function<'_>) -> Frame {
    let module = function.module.map(str::to_owned);
    Frame { function: diagnose::plain(function.name), module, reliable: call.reliable }
}

/// A hash of words: the same where all of them are.
pub(super) fn hash(words: impl Iterator<Item = u64>) -> u64 {
    let mut hasher = blake3::Hasher::new();
    words.for_each(|word| {
        hasher.update(&word.to_le_bytes());
    });
    let hash = hasher.finalize();
    hash.as_bytes().first_chunk().map_or(0, |first| u64::from_le_bytes(*first))
}

/// A hash of the part of a stack that lies outside of the outermost call of the page allocator, and of the registers that the allocator has
/// put aside for its caller: of all that the caller goes on with afterwards.
fn call(kernel: &Kernel<'_>, code: &Code, stack: &Stack, functions: &[&str]) -> Option<u64> {
    stack.whole.then_some(())?;
    let entry = functions.iter().rposition(|function| diagnose::is_allocator(function))?;
    let caller = stack.calls.get(entry + 1)?;
    // They lie below the return address, which lies below the caller's part.
    let pushes = code.pushes(kernel.symbols, stack.calls.get(entry)?.address) as u64;
    let from = caller.sp.wrapping_sub(8 * (1 + pushes));
    Some(hash(stack.addressed().filter(|(address, _)| *address >= from).map(|(_, word)| word)))
}
