//! Disks: who waits for one, and who serves one.
//! Lives here: the disks of filesystems and of swap, and finding one by what a task has on its stack.
//! May not live here: what follows from such a wait (`chain`).
//!
//! A task that waits for a request, a tag or a bio has the disk, its queue or its block device in the frames of the block layer; one that
//! waits for a page has the page in its entry of the page's queue (mm/filemap.c, `struct wait_page_queue`; up to 4.9 include/linux/wait.h,
//! `struct wait_bit_queue`). The worker of a loop device has that on its stack (drivers/block/loop.c): it is a task as others are, and may
//! itself wait.

use super::kernel::{KERNEL_HALF, Kernel};
use super::layout::Field;
use super::stack::Stack;
use std::collections::HashMap;

/// Bytes of a disk's name (include/linux/blkdev.h, `DISK_NAME_LEN`), and most areas of swap (include/linux/swap.h, `MAX_SWAPFILES`).
const NAME_BYTES: usize = 32;
const MOST_AREAS: usize = 32;
/// Frames of the block layer and of the filesystem above it, at most.
const FRAMES: usize = 24;
/// Lowest bit of a page's mapping: anonymous memory (include/linux/page-flags.h, `PAGE_MAPPING_ANON`).
const ANONYMOUS: u64 = 1;

/// A disk.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Disk {
    /// Where its `struct gendisk` is.
    pub address: u64,
    /// Its name, for example `vda` or `loop0`.
    pub name: String,
    /// Whether there is an area of swap on it.
    pub swap: bool,
    /// What its driver knows it by.
    pub(super) private: u64,
}

/// The disks that something is mounted from or swapped to, and those whose own pages somebody waits for.
#[derive(Clone, Debug, Default)]
pub struct Disks {
    /// Each once, swap's first.
    pub all: Vec<Disk>,
    /// By what of them may lie on a stack: the disk, its queue, its block devices.
    handles: HashMap<u64, usize>,
    /// By the filesystem that is on one.
    filesystems: HashMap<u64, usize>,
}

impl Disks {
    /// Reads those of swap and of these filesystems.
    pub fn new(kernel: &Kernel<'_>, filesystems: &[u64]) -> Self {
        let mut disks = Self::default();
        let areas = kernel.symbols.address("swap_info").map(|areas| kernel.space.words(areas, MOST_AREAS));
        for area in areas.unwrap_or_default().into_iter().filter(|&area| area >= KERNEL_HALF) {
            // It may be one that was switched off.
            let added = kernel.pointer(area, Field::SwapDevice).and_then(|device| disks.add(kernel, device));
            if let Some(disk) = added {
                disks.all[disk].swap = true;
            }
        }
        for &filesystem in filesystems {
            let device = kernel.pointer(filesystem, Field::SuperDevice);
            if let Some(disk) = device.and_then(|device| disks.add(kernel, device)) {
                disks.filesystems.insert(filesystem, disk);
            }
        }
        disks
    }

    fn add(&mut self, kernel: &Kernel<'_>, device: u64) -> Option<usize> {
        let address = kernel.pointer(device, Field::DeviceDisk)?;
        let known = self.all.iter().position(|disk| disk.address == address);
        let at = match known {
            Some(at) => at,
            None => {
                let name = kernel.text(address, Field::DiskName, NAME_BYTES)?;
                let private = kernel.pointer(address, Field::DiskPrivate).unwrap_or(0);
                self.all.push(Disk { address, name, swap: false, private });
                self.all.len() - 1
            }
        };
        let handles = [Some(address), Some(device), kernel.pointer(address, Field::DiskQueue)];
        self.handles.extend(handles.into_iter().flatten().map(|handle| (handle, at)));
        Some(at)
    }

    /// The disk that a task waits for. `functions` are those of its stack.
    pub fn waited_for(&mut self, kernel: &Kernel<'_>, task: u64, stack: &Stack, functions: &[&str]) -> Option<usize> {
        let outside = functions.iter().position(|function| crate::diagnose::is_allocator(function));
        let end = outside.unwrap_or(FRAMES).min(FRAMES);
        let end = stack.calls.get(end).map_or(u64::MAX, |call| call.sp);
        let inner = || stack.addressed().take_while(move |(address, _)| *address < end);
        // –5.15 wait_on_page_bit and others, –4.9 __lock_page without that, 5.16– folio_wait_bit_common.
        let for_page = ["_wait_bit", "_page_bit", "__lock_page"];
        if functions.iter().take(FRAMES).any(|function| for_page.iter().any(|name| function.contains(name))) {
            let mut entries = inner().filter(|(_, word)| *word == task).map(|(at, _)| at);
            return entries.find_map(|at| self.of_wait(kernel, at));
        }
        inner().find_map(|(_, word)| self.handles.get(&word).copied())
    }

    /// The disk of the page that is waited for by the entry whose task is named at `at`.
    fn of_wait(&mut self, kernel: &Kernel<'_>, at: u64) -> Option<usize> {
        let offset = |field| kernel.layout.offset(field);
        let wait = at.wrapping_sub(offset(Field::WaitTask)?).wrapping_sub(offset(Field::PageWaitEntry)?);
        let page = kernel.pointer(wait, Field::PageWaitPage)?;
        let mapping = kernel.pointer(page, Field::PageMapping)?;
        if mapping & ANONYMOUS != 0 {
            // Which area is told by bits that moved over the years; it is plain where there is one.
            let mut areas = self.all.iter().enumerate().filter(|(_, disk)| disk.swap);
            return areas.next().filter(|_| areas.next().is_none()).map(|(at, _)| at);
        }
        let inode = kernel.pointer(mapping, Field::MappingInode)?;
        let of_file = kernel.pointer(inode, Field::InodeSuper).and_then(|filesystem| self.filesystems.get(&filesystem));
        of_file.copied().or_else(|| self.add(kernel, device(kernel, inode, mapping)?))
    }

    /// The loop device that a task does the work of.
    pub fn served_by<'a>(&self, stack: &Stack, mut functions: impl Iterator<Item = &'a str>) -> Option<usize> {
        // –5.13 loop_queue_work and loop_kthread_worker_fn, 5.14– loop_workfn; most of the rest is inlined into these.
        functions.any(|function| function.starts_with("loop_")).then_some(())?;
        self.all.iter().position(|disk| disk.private != 0 && stack.words.contains(&disk.private))
    }
}

/// The block device of an inode and its pages, if they are one's own: it lies right before its inode (block/bdev.c, `struct bdev_inode`;
/// fs/block_dev.c before 5.13), and points back.
fn device(kernel: &Kernel<'_>, inode: u64, mapping: u64) -> Option<u64> {
    let bytes = kernel.layout.size_of_structure_with(Field::DeviceDisk)?;
    let device = inode.wrapping_sub(bytes.next_multiple_of(8));
    let back = |field, to| kernel.pointer(device, field) == Some(to);
    (back(Field::DeviceInode, inode) || back(Field::DeviceMapping, mapping)).then_some(device)
}
