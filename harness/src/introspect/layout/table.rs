//! What the kernel called each field, and from which version to which.
//! Lives here: the table; a new name of an old field is one line.
//! May not live here: how it is looked up.
//!
//! Sources: the structures' definitions in the trees of 3.10 to 7.0: include/linux/{sched,mm_types,rwsem,mutex,fs,mmzone,module,
//! vmstat,blk_types,blkdev,genhd,swap,pagemap,wait}.h, kernel/locking/{rwsem,mutex.h,semaphore}.c, mm/vmscan.c, arch/x86/include/asm/{switch_to,processor}.h, fs/xfs/xfs_inode.h.

/// Whether there is a picture without it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Need {
    /// None: every kernel has it.
    Always,
    /// One with a gap: it came later, went away, or hangs on the configuration.
    Perhaps,
}

/// One name of a field.
#[derive(Clone, Copy, Debug)]
pub(super) struct Name {
    /// The structure.
    pub structure: &'static str,
    /// The way to the field in it.
    pub path: &'static str,
    /// First and last version that has it so; empty where that is the first or the newest that we know.
    #[cfg_attr(not(test), expect(dead_code, reason = "for the reader, and for the test that plays each version"))]
    pub versions: (&'static str, &'static str),
}

/// A field and its names.
#[derive(Clone, Copy, Debug)]
pub(super) struct Row {
    pub field: Field,
    pub need: Need,
    pub names: &'static [Name],
}

/// Declares the fields, and for each its names: `structure.path from..to`.
macro_rules! fields {
    ($($(#[$doc:meta])* $field:ident $need:ident { $($structure:literal . $path:literal $from:literal .. $to:literal),+ })*) => {
        /// A field that is read, by our name.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Field { $($(#[$doc])* $field,)* }

        /// All fields, in the order of [`Field`].
        pub(super) const TABLE: &[Row] = &[$(Row {
            field: Field::$field,
            need: Need::$need,
            names: &[$(Name { structure: $structure, path: $path, versions: ($from, $to) },)+],
        },)*];
    };
}

fields! {
    /// All processes: a list through their leaders.
    TaskTasks Always { "task_struct"."tasks" "".."" }
    /// Thread id.
    TaskPid Always { "task_struct"."pid" "".."" }
    /// Process id.
    TaskTgid Always { "task_struct"."tgid" "".."" }
    /// Name, 16 bytes.
    TaskComm Always { "task_struct"."comm" "".."" }
    /// Run state.
    TaskState Always { "task_struct"."__state" "5.14".."", "task_struct"."state" "".."5.13" }
    /// State of one that is exiting.
    TaskExitState Always { "task_struct"."exit_state" "".."" }
    /// `PF_` flags.
    TaskFlags Always { "task_struct"."flags" "".."" }
    /// Lowest address of the kernel stack.
    TaskStack Always { "task_struct"."stack" "".."" }
    /// Stack pointer of one that is not running.
    TaskSp Always { "task_struct"."thread.sp" "".."" }
    /// Whether it is on a processor (with `CONFIG_SMP`).
    TaskOnCpu Perhaps { "task_struct"."on_cpu" "".."" }
    /// Address space; 0 for a kernel thread.
    TaskMm Always { "task_struct"."mm" "".."" }
    /// What the threads of a process share.
    TaskSignal Always { "task_struct"."signal" "".."" }
    /// Its place in the list of its process's threads.
    TaskThreadNode Perhaps { "task_struct"."thread_node" "3.14".."" }
    /// The same, in a ring without a head.
    TaskThreadGroup Perhaps { "task_struct"."thread_group" "".."6.6" }
    /// Switches of its own will.
    TaskVoluntary Perhaps { "task_struct"."nvcsw" "".."" }
    /// Switches against it.
    TaskInvoluntary Perhaps { "task_struct"."nivcsw" "".."" }
    /// Signals that wait for this thread.
    TaskPending Perhaps { "task_struct"."pending.signal" "".."" }
    /// When the scheduler last accounted time to it, in nanoseconds of its own clock.
    TaskExecStart Perhaps { "task_struct"."se.exec_start" "".."" }
    /// The next task in the queue of the OOM reaper.
    TaskReaperNext Perhaps { "task_struct"."oom_reaper_list" "4.6".."" }
    /// Whether it will be put there when a timer has run off: where the timer is linked.
    TaskReaperTimer Perhaps { "task_struct"."oom_reaper_timer.entry.pprev" "5.18".."" }
    /// `TIF_` flags. Up to 4.8 the structure lies at the bottom of the stack, and only there it is read.
    ThreadFlags Perhaps { "thread_info"."flags" "".."" }

    /// The list of a process's threads.
    SignalThreads Perhaps { "signal_struct"."thread_head" "3.14".."" }
    /// The address space of an OOM victim; before, a victim is marked in its `TIF_` flags.
    SignalOomMm Perhaps { "signal_struct"."oom_mm" "4.9".."" }
    /// Signals that wait for the process.
    SignalPending Perhaps { "signal_struct"."shared_pending.signal" "".."" }

    /// `MMF_` flags.
    MmFlags Perhaps { "mm_struct"."flags.__mm_flags" "6.18".."", "mm_struct"."flags" "".."6.17" }
    /// Its lock.
    MmLock Perhaps { "mm_struct"."mmap_lock" "5.8".."", "mm_struct"."mmap_sem" "".."5.7" }

    /// The whole of a kernel stack.
    ThreadStack Perhaps { "thread_union"."stack" "".."" }
    /// What a switch leaves on the stack: the frame pointer.
    FrameBp Perhaps { "inactive_task_frame"."bp" "4.9".."" }
    /// And the address at which the task goes on.
    FrameReturn Perhaps { "inactive_task_frame"."ret_addr" "4.9".."" }

    /// The stack on which a processor serves interrupts, where that is no variable of its own.
    HotIrqStack Perhaps { "pcpu_hot"."hardirq_stack_ptr" "6.2".."6.14" }

    /// How many hold a reader-writer semaphore, and whether somebody waits.
    RwsemCount Perhaps { "rw_semaphore"."count" "".."" }
    /// The same where it is atomic: since then readers leave a mark in the owner.
    RwsemAtomicCount Perhaps { "rw_semaphore"."count.counter" "4.8".."" }
    /// A reader-writer semaphore's holder: a writer, since 4.8 that readers have it, and the last of these later.
    RwsemOwner Perhaps { "rw_semaphore"."owner" "3.16".."" }
    /// Its waiters: a list with a head, or the first of a ring.
    RwsemWaiters Perhaps { "rw_semaphore"."wait_list" "".."6.19", "rw_semaphore"."first_waiter" "7.0".."" }
    /// A waiter's place among them.
    RwsemWaiterList Perhaps { "rwsem_waiter"."list" "".."" }
    /// Who waits.
    RwsemWaiterTask Perhaps { "rwsem_waiter"."task" "".."" }
    /// A mutex's holder.
    MutexOwner Perhaps { "mutex"."owner" "".."" }
    /// Its waiters.
    MutexWaiters Perhaps { "mutex"."wait_list" "".."6.19", "mutex"."first_waiter" "7.0".."" }
    /// A waiter's place among them.
    MutexWaiterList Perhaps { "mutex_waiter"."list" "".."" }
    /// Who waits.
    MutexWaiterTask Perhaps { "mutex_waiter"."task" "".."" }
    /// A semaphore's waiters.
    SemaphoreWaiters Perhaps { "semaphore"."wait_list" "".."6.19", "semaphore"."first_waiter" "7.0".."" }
    /// A waiter's place among them.
    SemaphoreWaiterList Perhaps { "semaphore_waiter"."list" "".."" }
    /// Who waits.
    SemaphoreWaiterTask Perhaps { "semaphore_waiter"."task" "".."" }

    /// The lock of a file's content or of a directory.
    InodeLock Perhaps { "inode"."i_rwsem" "4.7".."", "inode"."i_mutex" "".."4.6" }
    /// The filesystem.
    InodeSuper Perhaps { "inode"."i_sb" "".."" }
    /// Its number.
    InodeNumber Perhaps { "inode"."i_ino" "".."" }
    /// Its names: the first.
    InodeDentry Perhaps { "inode"."i_dentry.first" "".."" }
    /// A name's place among those of its inode.
    DentryAlias Perhaps { "dentry"."d_u.d_alias" "3.19".."", "dentry"."d_alias" "".."3.18" }
    /// A name's text.
    DentryName Perhaps { "dentry"."d_name.name" "".."" }
    /// The directory that it is in.
    DentryParent Perhaps { "dentry"."d_parent" "".."" }
    /// A filesystem's place among all.
    SuperList Perhaps { "super_block"."s_list" "".."" }
    /// The name of its device, 32 bytes.
    SuperId Perhaps { "super_block"."s_id" "".."" }
    /// The block device that it is on.
    SuperDevice Perhaps { "super_block"."s_bdev" "".."" }
    /// The disk of a block device.
    DeviceDisk Perhaps { "block_device"."bd_disk" "".."" }
    /// The inode of a block device's own pages.
    DeviceInode Perhaps { "block_device"."bd_inode" "".."6.9" }
    /// The same by its pages.
    DeviceMapping Perhaps { "block_device"."bd_mapping" "6.10".."" }
    /// A disk's name, 32 bytes.
    DiskName Perhaps { "gendisk"."disk_name" "".."" }
    /// Its queue of requests.
    DiskQueue Perhaps { "gendisk"."queue" "".."" }
    /// What its driver knows it by.
    DiskPrivate Perhaps { "gendisk"."private_data" "".."" }
    /// The block device of an area of swap.
    SwapDevice Perhaps { "swap_info_struct"."bdev" "".."" }
    /// A wait for a bit of a page: whose. Up to 4.9 it is one for a bit of a word: the page's flags, with which it begins.
    PageWaitPage Perhaps { "wait_page_queue"."folio" "5.16".."", "wait_page_queue"."page" "4.10".."5.15", "wait_bit_queue"."key.flags" "".."4.9" }
    /// And the entry that is in a queue for it.
    PageWaitEntry Perhaps { "wait_page_queue"."wait" "4.10".."", "wait_bit_queue"."wait" "".."4.9" }
    /// An entry in a queue of waiters: who waits.
    WaitTask Perhaps { "wait_queue_entry"."private" "4.13".."", "__wait_queue"."private" "".."4.12" }
    /// What a page is a page of; with the lowest bit set it is anonymous memory.
    PageMapping Perhaps { "page"."mapping" "".."" }
    /// The inode of a file's pages.
    MappingInode Perhaps { "address_space"."host" "".."" }
    /// XFS's own lock of an inode.
    XfsLock Perhaps { "xfs_inode"."i_lock.mr_lock" "".."6.10", "xfs_inode"."i_lock" "6.11".."" }
    /// Its older lock of the content.
    XfsIoLock Perhaps { "xfs_inode"."i_iolock.mr_lock" "".."4.9" }
    /// The inode in it.
    XfsInode Perhaps { "xfs_inode"."i_vnode" "".."" }

    /// What a reclaim is for: allocation flags.
    ScanGfp Perhaps { "scan_control"."gfp_mask" "".."" }
    /// Size of the allocation, as a power of two of pages.
    ScanOrder Perhaps { "scan_control"."order" "".."" }
    /// Pages that it wants.
    ScanWanted Perhaps { "scan_control"."nr_to_reclaim" "".."" }
    /// How hard it tries, from 12 down to 0.
    ScanPriority Perhaps { "scan_control"."priority" "".."" }

    /// A node's zones.
    NodeZones Perhaps { "pglist_data"."node_zones" "".."" }
    /// How many there are.
    NodeZoneCount Perhaps { "pglist_data"."nr_zones" "".."" }
    /// A node's counters.
    NodeStat Perhaps { "pglist_data"."vm_stat" "4.8".."" }
    /// What processors have not yet added to them.
    NodeDiffs Perhaps { "pglist_data"."per_cpu_nodestats" "4.8".."" }
    /// One processor's share.
    NodeDiff Perhaps { "per_cpu_nodestat"."vm_node_stat_diff" "4.8".."" }
    /// A zone's name.
    ZoneName Perhaps { "zone"."name" "".."" }
    /// Its watermarks: min, low, high.
    ZoneWatermarks Perhaps { "zone"."_watermark" "4.20".."", "zone"."watermark" "".."4.19" }
    /// Its counters.
    ZoneStat Perhaps { "zone"."vm_stat" "".."" }
    /// Its pages.
    ZoneManaged Perhaps { "zone"."managed_pages" "".."" }
    /// What processors have not yet added to its counters.
    ZoneDiffs Perhaps { "zone"."per_cpu_zonestats" "5.14".."", "zone"."pageset" "".."5.13" }
    /// One processor's share.
    ZoneDiff Perhaps { "per_cpu_zonestat"."vm_stat_diff" "5.14".."", "per_cpu_pageset"."vm_stat_diff" "".."5.13" }

    /// Modules: a list.
    ModuleList Perhaps { "module"."list" "".."" }
    /// A module's name.
    ModuleName Perhaps { "module"."name" "".."" }
    /// Where its code is.
    ModuleText Perhaps { "module"."mem" "6.4".."", "module"."core_layout.base" "4.5".."6.3", "module"."module_core" "".."4.4" }
    /// How long that is.
    ModuleTextSize Perhaps { "module_memory"."size" "6.4".."", "module"."core_layout.size" "4.5".."6.3", "module"."core_size" "".."4.4" }
    /// Its symbols.
    ModuleKallsyms Perhaps { "module"."kallsyms" "4.5".."" }
    /// The table of them.
    KallsymsTable Perhaps { "mod_kallsyms"."symtab" "4.5".."", "module"."symtab" "".."4.4" }
    /// How many there are.
    KallsymsCount Perhaps { "mod_kallsyms"."num_symtab" "4.5".."", "module"."num_symtab" "".."4.4" }
    /// Their names.
    KallsymsNames Perhaps { "mod_kallsyms"."strtab" "4.5".."", "module"."strtab" "".."4.4" }
    /// A module's ORC tables.
    ModuleOrcIp Perhaps { "module"."arch.orc_unwind_ip" "4.14".."" }
    /// Their entries.
    ModuleOrc Perhaps { "module"."arch.orc_unwind" "4.14".."" }
    /// How many there are.
    ModuleOrcs Perhaps { "module"."arch.num_orcs" "4.14".."" }

    /// An entry of the ORC unwinder: what kind of frame it describes.
    OrcType Perhaps { "orc_entry"."type" "4.14".."" }
    /// Whether the stack ends there, where that is no kind of its own.
    OrcEnd Perhaps { "orc_entry"."end" "5.1".."6.3" }
}

/// Counters that are read, each by its enumeration.
pub const ENUMERATIONS: &[(&str, &str)] = &[
    ("zone_stat_item", "NR_FREE_PAGES"),
    // Of nodes since 4.8, of zones before.
    ("node_stat_item", "NR_ISOLATED_ANON"),
    ("node_stat_item", "NR_ISOLATED_FILE"),
    ("node_stat_item", "NR_INACTIVE_ANON"),
    ("node_stat_item", "NR_ACTIVE_ANON"),
    ("node_stat_item", "NR_INACTIVE_FILE"),
    ("node_stat_item", "NR_ACTIVE_FILE"),
    ("node_stat_item", "NR_WRITEBACK"),
];
