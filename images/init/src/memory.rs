//! A process's own memory: locking it, and proving that it is not added to.
//! Lives here: the counting allocator, mlockall.
//! May not live here: any other use of memory.

use rustix::io::Errno;
use rustix::mm::{MlockAllFlags, mlockall};
use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// The system's allocator, with a count of what it is asked for.
pub struct Counting;

static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);

/// Allocations and reallocations of this process so far.
pub fn allocations() -> u64 {
    ALLOCATIONS.load(Relaxed)
}

// SAFETY: every call goes to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Relaxed);
        // SAFETY: the caller keeps the contract of `alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller keeps the contract of `dealloc`.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Relaxed);
        // SAFETY: the caller keeps the contract of `realloc`.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

/// Locks what is mapped now and all that will be mapped. exec maps 128 KiB of stack beforehand (`setup_arg_pages`,
/// fs/exec.c), more than anything here uses, so the stack does not grow later.
pub fn lock() -> Result<(), Errno> {
    mlockall(MlockAllFlags::CURRENT | MlockAllFlags::FUTURE)
}

/// Locks only what is mapped now: a later mapping is filled by page faults.
pub fn lock_present() -> Result<(), Errno> {
    mlockall(MlockAllFlags::CURRENT)
}
