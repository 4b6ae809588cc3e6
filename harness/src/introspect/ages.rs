//! Kernels of several ages, made by hand: what their structures were called and how they were written.
//! Lives here: the structures as C had them, types of them for a version, and what a deadlock looks like in it: for tests and `make fuzz`.
//! May not live here: the names by which they are read (`layout::table`), which are held against these.
#![allow(clippy::unwrap_used, missing_docs)]

use super::fixture::{Guest, STACK_BYTES};
use super::layout::{Field, Layout};
use super::types::Types;
use super::types::made::Btf;
use std::collections::BTreeMap;

pub type Version = (u32, u32);

/// Before all versions, and after all.
const FIRST: Version = (0, 0);
const LAST: Version = (99, 0);

/// A structure: its name, its bytes, and of each field the path, where it is, its bytes, and the versions that have it so. Places are those of
/// these tests, and the same in all ages; only what is called otherwise, or is longer, may lie elsewhere.
type Structure = (&'static str, u32, &'static [(&'static str, u32, u32, Version, Version)]);

/// Sources: the headers of Linux 3.10, 4.4, 4.9, 4.14 and 6.1, and the commits that are named where one decides between two versions.
const STRUCTURES: &[Structure] = &[
    (
        "task_struct",
        0x400,
        &[
            ("tasks", 0x10, 16, FIRST, LAST),
            ("pid", 0x20, 4, FIRST, LAST),
            ("tgid", 0x24, 4, FIRST, LAST),
            ("__state", 0x28, 4, (5, 14), LAST),
            ("exit_state", 0x2c, 4, FIRST, LAST),
            ("flags", 0x30, 4, FIRST, LAST),
            ("on_cpu", 0x34, 4, FIRST, LAST),
            ("stack", 0x38, 8, FIRST, LAST),
            ("thread.sp", 0x40, 8, FIRST, LAST),
            ("mm", 0x48, 8, FIRST, LAST),
            ("signal", 0x50, 8, FIRST, LAST),
            // 0c740d0afc3b: for_each_thread()
            ("thread_node", 0x58, 16, (3, 14), LAST),
            ("comm", 0x68, 16, FIRST, LAST),
            ("nvcsw", 0x78, 8, FIRST, LAST),
            ("pending.signal", 0x80, 8, FIRST, LAST),
            // 29c696e1c6ec
            ("oom_reaper_list", 0x88, 8, (4, 6), LAST),
            ("oom_reaper_timer.entry.pprev", 0x90, 8, (5, 18), LAST),
            ("state", 0x98, 8, FIRST, (5, 13)),
            ("thread_group", 0xa0, 16, FIRST, (6, 6)),
        ],
    ),
    (
        "signal_struct",
        0x100,
        &[
            ("thread_head", 0x10, 16, (3, 14), LAST),
            // 26db62f179d1
            ("oom_mm", 0x20, 8, (4, 9), LAST),
            ("shared_pending.signal", 0x28, 8, FIRST, LAST),
        ],
    ),
    (
        "mm_struct",
        0x100,
        &[
            ("flags", 0x10, 8, FIRST, (6, 17)),
            ("flags.__mm_flags", 0x10, 8, (6, 18), LAST),
            ("mmap_sem", 0x20, 0x28, FIRST, (5, 7)),
            ("mmap_lock", 0x20, 0x28, (5, 8), LAST),
        ],
    ),
    // 6538b8ea886e: from 8 KiB to 16 in 3.15
    ("thread_union", 0x4000, &[("stack", 0, 0x2000, FIRST, (3, 14)), ("stack", 0, 0x4000, (3, 15), LAST)]),
    ("thread_info", 0x40, &[("flags", 0x10, 4, FIRST, (4, 8)), ("flags", 0, 8, (4, 9), LAST)]),
    // 0100301bfdf5
    ("inactive_task_frame", 0x38, &[("bp", 0x28, 8, (4, 9), LAST), ("ret_addr", 0x30, 8, (4, 9), LAST)]),
    (
        "rw_semaphore",
        0x28,
        &[
            // 8ee62b1870be
            ("count", 0, 8, FIRST, (4, 7)),
            ("count.counter", 0, 8, (4, 8), LAST),
            // 4fc828e24cd9
            ("owner", 8, 8, (3, 16), (5, 2)),
            ("owner.counter", 8, 8, (5, 3), LAST),
            ("wait_list", 0x10, 16, FIRST, (6, 19)),
            ("first_waiter", 0x10, 8, (7, 0), LAST),
        ],
    ),
    ("rwsem_waiter", 0x20, &[("list", 0, 16, FIRST, LAST), ("task", 0x10, 8, FIRST, LAST)]),
    (
        "mutex",
        0x28,
        &[
            // 3ca0ff571b09
            ("owner", 8, 8, FIRST, (4, 9)),
            ("owner.counter", 8, 8, (4, 10), LAST),
            ("wait_list", 0x10, 16, FIRST, (6, 19)),
            ("first_waiter", 0x10, 8, (7, 0), LAST),
        ],
    ),
    ("mutex_waiter", 0x20, &[("list", 0, 16, FIRST, LAST), ("task", 0x10, 8, FIRST, LAST)]),
    (
        "inode",
        0x100,
        &[
            ("i_sb", 0x28, 8, FIRST, LAST),
            ("i_ino", 0x30, 8, FIRST, LAST),
            ("i_dentry.first", 0x38, 8, FIRST, LAST),
            ("i_mutex", 0x80, 0x28, FIRST, (4, 6)),
            // 9902af79c01a
            ("i_rwsem", 0x80, 0x28, (4, 7), LAST),
        ],
    ),
    (
        "xfs_inode",
        0x160,
        &[
            ("i_lock.mr_lock", 0, 0x28, FIRST, (6, 10)),
            ("i_lock", 0, 0x28, (6, 11), LAST),
            // 65523218b31d
            ("i_iolock.mr_lock", 0x30, 0x28, FIRST, (4, 9)),
            ("i_vnode", 0x60, 0x100, FIRST, LAST),
        ],
    ),
    (
        "dentry",
        0x80,
        &[
            ("d_parent", 0x18, 8, FIRST, LAST),
            ("d_name.name", 0x28, 8, FIRST, LAST),
            ("d_alias", 0x40, 16, FIRST, (3, 18)),
            // 946e51f2bf37
            ("d_u.d_alias", 0x40, 16, (3, 19), LAST),
        ],
    ),
    (
        "super_block",
        0x80,
        &[("s_list", 0, 16, FIRST, LAST), ("s_id", 0x10, 32, FIRST, LAST), ("s_bdev", 0x48, 8, FIRST, LAST)],
    ),
    (
        "block_device",
        0x100,
        &[
            ("bd_disk", 0x10, 8, FIRST, LAST),
            ("bd_inode", 0x18, 8, FIRST, (6, 9)),
            ("bd_mapping", 0x20, 8, (6, 10), LAST),
        ],
    ),
    (
        "gendisk",
        0x80,
        &[
            ("disk_name", 0x10, 32, FIRST, LAST),
            ("queue", 0x40, 8, FIRST, LAST),
            ("private_data", 0x48, 8, FIRST, LAST),
        ],
    ),
    ("swap_info_struct", 0x40, &[("bdev", 0x18, 8, FIRST, LAST)]),
    (
        "wait_page_queue",
        0x38,
        // 62906027091f
        &[("page", 0, 8, (4, 10), (5, 15)), ("folio", 0, 8, (5, 16), LAST), ("wait", 0x10, 40, (4, 10), LAST)],
    ),
    ("wait_bit_queue", 0x40, &[("key.flags", 0, 8, FIRST, (4, 12)), ("wait", 0x18, 40, FIRST, (4, 12))]),
    ("__wait_queue", 0x28, &[("private", 8, 8, FIRST, (4, 12))]),
    ("wait_queue_entry", 0x28, &[("private", 8, 8, (4, 13), LAST)]),
    ("page", 0x40, &[("mapping", 0x18, 8, FIRST, LAST)]),
    ("address_space", 0x80, &[("host", 0, 8, FIRST, LAST)]),
    (
        "scan_control",
        0x40,
        &[
            ("nr_to_reclaim", 0, 8, FIRST, LAST),
            // bb451fdf3dd3
            ("order", 0x18, 4, FIRST, (4, 18)),
            ("priority", 0x1c, 4, FIRST, (4, 18)),
            ("order", 0x18, 1, (4, 19), LAST),
            ("priority", 0x19, 1, (4, 19), LAST),
            ("gfp_mask", 0x20, 4, FIRST, LAST),
        ],
    ),
    (
        "pglist_data",
        0x600,
        &[
            ("nr_zones", 0x10, 4, FIRST, LAST),
            // 75ef71840539
            ("per_cpu_nodestats", 0x18, 8, (4, 8), LAST),
            ("vm_stat", 0x40, 0x100, (4, 8), LAST),
            ("node_zones", 0x200, 0x400, FIRST, LAST),
        ],
    ),
    ("per_cpu_nodestat", 0x40, &[("vm_node_stat_diff", 0x10, 0x20, (4, 8), LAST)]),
    (
        "zone",
        0x200,
        &[
            ("name", 0, 8, FIRST, LAST),
            ("watermark", 8, 24, FIRST, (4, 19)),
            ("_watermark", 8, 24, (4, 20), LAST),
            ("managed_pages", 0x20, 8, FIRST, LAST),
            ("pageset", 0x28, 8, FIRST, (5, 13)),
            ("per_cpu_zonestats", 0x28, 8, (5, 14), LAST),
            ("vm_stat", 0x40, 0x100, FIRST, LAST),
        ],
    ),
    ("per_cpu_pageset", 0x40, &[("vm_stat_diff", 0x10, 0x20, FIRST, (5, 13))]),
    ("per_cpu_zonestat", 0x40, &[("vm_stat_diff", 0x10, 0x20, (5, 14), LAST)]),
];

/// What nodes count since 4.8, and zones before.
const COUNTED: &[&str] = &[
    "NR_INACTIVE_ANON",
    "NR_ACTIVE_ANON",
    "NR_INACTIVE_FILE",
    "NR_ACTIVE_FILE",
    "NR_ISOLATED_ANON",
    "NR_ISOLATED_FILE",
    "NR_WRITEBACK",
];

/// The types of a version.
pub fn types(version: Version) -> Types {
    let mut btf = Btf::new();
    let byte = btf.int("char", 1, false);
    let mut kinds = BTreeMap::new();
    for (structure, bytes, fields) in STRUCTURES {
        let mut made = Vec::new();
        for &(path, at, bytes, ..) in fields.iter().filter(|(.., from, to)| (*from..=*to).contains(&version)) {
            let mut kind = *kinds.entry(bytes).or_insert_with(|| match bytes {
                4 | 8 => btf.int("", bytes, false),
                1 => byte,
                _ => btf.add("", 3 << 24, 0, &[byte, byte, bytes]),
            });
            let mut names = path.split('.').rev();
            let mut name = names.next().unwrap();
            // What is on the way begins with what is in it.
            for outer in names {
                kind = btf.structure("", bytes, 0, &[(name, kind, 0, 0)]);
                name = outer;
            }
            made.push((name, kind, 8 * at, 0));
        }
        if !made.is_empty() {
            btf.structure(structure, *bytes, 0, &made);
        }
    }
    let of_zones = if version < (4, 8) { COUNTED } else { &[] };
    let of_nodes = if version < (4, 8) { &[] } else { COUNTED };
    enumeration(&mut btf, "zone_stat_item", &[&["NR_FREE_PAGES"], of_zones].concat());
    enumeration(&mut btf, "node_stat_item", of_nodes);
    btf.read().unwrap()
}

fn enumeration(btf: &mut Btf, name: &str, names: &[&str]) {
    let values: Vec<u32> = (0..).zip(names).flat_map(|(value, name)| [btf.string(name), value]).collect();
    if !names.is_empty() {
        btf.add(name, 6 << 24 | names.len() as u32, 4, &values);
    }
}

/// The lock that a deadlock is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum About {
    /// An inode's own: a mutex up to 4.6, a reader-writer semaphore since.
    Inode,
    /// XFS's of its content, a reader-writer semaphore, up to 4.9.
    XfsContent,
}

/// A kernel of some age, and how a deadlock is written in it.
#[derive(Clone, Debug)]
pub struct Age {
    pub version: Version,
    pub about: About,
    pub layout: Layout,
}

/// Waiting for a mutex: of 3.10, with the names of later callers.
const MUTEX: &[&str] = &[
    "schedule",
    "schedule_preempt_disabled",
    "__mutex_lock_slowpath",
    "mutex_lock",
    "xfs_file_buffered_aio_write",
    "xfs_file_write_iter",
    "vfs_write",
    "SyS_write",
    "system_call_fastpath",
];
const RWSEM_TO_5_2: &[&str] = &[
    "schedule",
    "rwsem_down_write_failed",
    "call_rwsem_down_write_failed",
    "down_write",
    "xfs_ilock",
    "xfs_file_buffered_aio_write",
    "xfs_file_write_iter",
    "vfs_write",
    "SyS_write",
    "system_call_fastpath",
];
pub const RWSEM: &[&str] = &[
    "schedule",
    "rwsem_down_write_slowpath",
    "xfs_ilock",
    "xfs_file_buffered_write",
    "vfs_write",
    "ksys_write",
    "do_syscall_64",
    "entry_SYSCALL_64_after_hwframe",
];
/// Allocating: the slow path is a part of `__alloc_pages_nodemask` (reports of 3.18 to 4.5 on linux-mm).
const ALLOCATES_TO_4_7: &[&str] = &[
    "_cond_resched",
    "shrink_zone",
    "do_try_to_free_pages",
    "try_to_free_pages",
    "__alloc_pages_nodemask",
    "alloc_pages_current",
    "__page_cache_alloc",
    "grab_cache_page_write_begin",
    "xfs_vm_write_begin",
    "generic_perform_write",
    "xfs_file_buffered_aio_write",
    "xfs_file_write_iter",
    "vfs_write",
    "SyS_write",
    "system_call_fastpath",
];
const ALLOCATES_TO_5_11: &[&str] = &[
    "_cond_resched",
    "shrink_node",
    "do_try_to_free_pages",
    "try_to_free_pages",
    "__alloc_pages_slowpath",
    "__alloc_pages_nodemask",
    "alloc_pages_current",
    "__page_cache_alloc",
    "grab_cache_page_write_begin",
    "iomap_write_begin",
    "iomap_file_buffered_write",
    "xfs_file_buffered_aio_write",
    "xfs_file_write_iter",
    "vfs_write",
    "SyS_write",
    "system_call_fastpath",
];
pub const ALLOCATES: &[&str] = &[
    "schedule",
    "shrink_node",
    "try_to_free_pages",
    "__alloc_pages_slowpath",
    "__alloc_pages",
    "filemap_alloc_folio",
    "xfs_file_buffered_write",
    "vfs_write",
    "ksys_write",
    "do_syscall_64",
    "entry_SYSCALL_64_after_hwframe",
];
/// All of them, those of today first.
pub const STACKS: &[&[&str]] = &[RWSEM, ALLOCATES, MUTEX, RWSEM_TO_5_2, ALLOCATES_TO_4_7, ALLOCATES_TO_5_11];

impl Age {
    pub fn new(version: Version, about: About) -> Self {
        Self { version, about, layout: Layout::new(&types(version)).unwrap() }
    }

    /// Where the lock is in the structures around `inode`.
    pub fn lock(&self, inode: u64) -> u64 {
        let offset = |field| self.layout.offset(field).unwrap();
        match self.about {
            About::Inode => inode + offset(Field::InodeLock),
            About::XfsContent => inode - offset(Field::XfsInode) + offset(Field::XfsIoLock),
        }
    }

    /// What a task that holds it leaves in its owner: since 5.3 with a bit that spinning may set (RWSEM_NONSPINNABLE).
    pub fn owner(&self, task: u64) -> u64 {
        if self.version < (5, 3) { task } else { task | 2 }
    }

    /// Functions of a task that waits for it, after the switch.
    pub fn waits(&self) -> &'static [&'static str] {
        if self.about == About::Inode && self.version < (4, 7) {
            MUTEX
        } else if self.version < (5, 3) {
            RWSEM_TO_5_2
        } else {
            RWSEM
        }
    }

    /// In whose frame of these the waiter is.
    pub fn waiter_in(&self) -> usize {
        let slow = |name: &&str| name.starts_with("__mutex_lock") || name.starts_with("rwsem_down_");
        self.waits().iter().position(slow).unwrap()
    }

    /// Functions of a task that allocates.
    pub fn allocates(&self) -> &'static [&'static str] {
        if self.version < (4, 8) {
            ALLOCATES_TO_4_7
        } else if self.version < (5, 12) {
            ALLOCATES_TO_5_11
        } else {
            ALLOCATES
        }
    }

    /// `GFP_NOFS`: `__GFP_IO`, and what allows to wait: `__GFP_WAIT`, since 4.4 `__GFP_RECLAIM`, whose bits moved (include/linux/gfp.h,
    /// and the masks in `tests/kmsg`).
    pub fn nofs(&self) -> u64 {
        let newest_first =
            [((5, 4), 0xc40), ((4, 19), 0x60_0040), ((4, 14), 0x140_0040), ((4, 4), 0x240_0040), (FIRST, 0x50)];
        newest_first.iter().find(|(since, _)| self.version >= *since).unwrap().1
    }

    /// Writes a field by our name for it.
    pub fn put(&self, guest: &mut Guest, base: u64, field: Field, value: u64) {
        let place = self.layout.place(field).unwrap();
        guest.write(base + place.offset, &value.to_le_bytes()[..place.size.min(8) as usize]);
    }

    /// Bytes of a kernel stack.
    pub fn stack_bytes(&self) -> u64 {
        self.layout.place(Field::ThreadStack).map_or(STACK_BYTES, |place| place.size)
    }

    /// Writes what a switch leaves on a stack, right below `first`; where that begins. Up to 4.8 that is the flags and below them the frame
    /// pointer of `__schedule` (arch/x86/include/asm/switch_to.h, SAVE_CONTEXT), since then a frame of its own (`inactive_task_frame`).
    pub fn put_switch(&self, guest: &mut Guest, first: u64, bp: u64, goes_on: u64) -> u64 {
        if self.version < (4, 9) {
            guest.put(first - 8, 0x246);
            guest.put(first - 16, bp);
            return first - 16;
        }
        guest.put(first - 8, goes_on);
        guest.put(first - 16, bp);
        first - 0x38
    }
}
