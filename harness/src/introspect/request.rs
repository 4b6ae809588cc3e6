//! What a task that reclaims wants to allocate.
//! Lives here: finding the reclaim's `struct scan_control` in the frame that holds it; remembering it while the call lasts.
//! May not live here: walking stacks.
//!
//! Sources: mm/vmscan.c (try_to_free_pages sets it up, 3.10 to 7.0), include/linux/gfp.h and gfp_types.h (bits).

use super::kernel::Kernel;
use super::layout::{Field, Place};
use super::picture::Seen;
use super::stack::Stack;
use std::collections::HashMap;

/// An allocation that goes through direct reclaim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request {
    /// Allocation flags (`__GFP_…`); reclaim may have cleared some by the task's own scope.
    pub gfp: u32,
    /// Pages as a power of two.
    pub order: u8,
}

/// `__GFP_IO` and `__GFP_FS`.
const IO: u32 = 0x40;
const FS: u32 = 0x80;
/// What a reclaim for an allocation wants (`SWAP_CLUSTER_MAX`), and where its priority starts (`DEF_PRIORITY`).
const WANTED: u64 = 32;
const PRIORITY: u64 = 12;
/// Largest allocation (`MAX_ORDER`).
const ORDER: u64 = 10;
/// The function in whose frame it is.
const HOLDER: &str = "try_to_free_pages";

impl Request {
    /// Whether reclaim may call into filesystems, and so the OOM killer may be called (mm/page_alloc.c, __alloc_pages_may_oom).
    pub fn may_enter_filesystems(self) -> bool {
        self.gfp & FS != 0
    }

    /// Whether reclaim may start I/O.
    pub fn may_start_io(self) -> bool {
        self.gfp & IO != 0
    }
}

impl std::fmt::Display for Request {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "order {}", self.order)?;
        match (self.may_start_io(), self.may_enter_filesystems()) {
            (_, true) => Ok(()),
            (true, false) => f.write_str(", no __GFP_FS"),
            (false, false) => f.write_str(", no __GFP_IO"),
        }
    }
}

/// Requests of earlier looks. A call of the allocator wants the same throughout, and shows it only while it reclaims: between two
/// rounds of that it looks at the free lists, or waits for its turn.
#[derive(Debug, Default)]
pub(super) struct Remembered {
    /// By task and call.
    calls: HashMap<(u64, u64), Request>,
}

impl Remembered {
    /// Completes a look by what earlier ones showed of the calls that still last, and forgets the others.
    pub fn complete(&mut self, tasks: &mut [Seen]) {
        let before = std::mem::take(&mut self.calls);
        for seen in tasks {
            let Some(key) = seen.call.map(|call| (seen.task.address, call)) else { continue };
            seen.request = seen.request.or_else(|| before.get(&key).copied());
            self.calls.extend(seen.request.map(|request| (key, request)));
        }
    }
}

/// The request of the task whose stack this is; `functions` are those of its frames.
pub fn find(kernel: &Kernel<'_>, stack: &Stack, functions: &[&str]) -> Option<Request> {
    let holder = functions.iter().position(|function| *function == HOLDER)?;
    let place = |field| kernel.layout.place(field);
    let (gfp, order) = (place(Field::ScanGfp)?, place(Field::ScanOrder)?);
    let (wanted, priority) = (place(Field::ScanWanted)?, place(Field::ScanPriority)?);
    let read = |base: u64, place: Place| kernel.space.number(base.wrapping_add(place.offset), place.size);
    stack.frame(holder).find_map(|(base, _)| {
        let found = read(base, wanted)? == WANTED && read(base, priority)? <= PRIORITY && read(base, order)? <= ORDER;
        let gfp = u32::try_from(read(base, gfp)?).ok().filter(|gfp| found && *gfp != 0)?;
        Some(Request { gfp, order: read(base, order)? as u8 })
    })
}
