//! The functions that say what a task is doing.
//! Lives here: one table, by role; the versions in which a function goes by its name, as far as looked up (3.10, 4.x,
//! 5.10, 6.1, 7.2; "–5.2" is up to and with 5.2, "5.3–" from 5.3 on, no remark all of them).
//! May not live here: code.

use super::names::Role;

/// A name that ends in `*` is the beginning of names; a whole name goes first.
pub(super) const TABLE: &[(Role, &[&str])] = &[
    (
        Role::Sched,
        &[
            "__schedule",
            "schedule",
            "schedule_timeout*",
            "schedule_hrtimeout*",
            "schedule_preempt_disabled",
            "__switch_to*",
            // kernel/sched/wait_bit.c; "–4.x" kernel/wait.c
            "bit_wait",
            "bit_wait_timeout",
            "__wait_on_bit",
            "__wait_on_bit_lock",
            "out_of_line_wait_on_bit*",
        ],
    ),
    (
        Role::IoSched,
        &[
            "io_schedule*",
            // 3.17–
            "bit_wait_io*",
            // –3.16
            "sleep_on_page*",
            "sleep_on_buffer",
            // What the wait is for stands in the next frame: a page's lock, its writeback, or its being read.
            // –4.10
            "wait_on_page_bit",
            "wait_on_page_bit_killable*",
            // 4.11–5.15
            "wait_on_page_bit_common",
            // 5.16–
            "folio_wait_bit*",
        ],
    ),
    (
        Role::Preempt,
        &[
            "preempt_schedule*",
            "___preempt_schedule*",
            // –4.4 _cond_resched and __cond_resched, 4.5–5.11 _cond_resched, 5.12– __cond_resched
            "cond_resched",
            "_cond_resched",
            "__cond_resched*",
            "dynamic_cond_resched",
            // –5.7
            "retint_kernel",
            "retint_careful",
            // 5.8–
            "irqentry_exit*",
            "raw_irqentry_exit_cond_resched",
            "yield",
        ],
    ),
    (
        Role::Timed,
        &[
            // mm/backing-dev.c, –5.15; the isolation wait of compaction –5.15, of reclaim –4.13
            "congestion_wait",
            // –5.15
            "wait_iff_congested",
            // The isolation wait of reclaim 4.14–5.15
            "msleep",
            "msleep_interruptible",
            // mm/vmscan.c, 5.16–
            "reclaim_throttle",
        ],
    ),
    (
        Role::Lock,
        &[
            // kernel/locking/rwsem.c; lib/rwsem.c –3.10
            "rwsem_down_failed_common",
            // –5.2
            "rwsem_down_write_failed*",
            "rwsem_down_read_failed*",
            "__rwsem_down_write_failed_common",
            "__rwsem_down_read_failed_common",
            // –5.1, arch/x86/lib/rwsem.S
            "call_rwsem_down_*",
            // 5.3–
            "rwsem_down_write_slowpath",
            "rwsem_down_read_slowpath",
            "rwsem_optimistic_spin",
            "rwsem_spin_on_owner",
            "down_write*",
            "down_read*",
            "__down_write*",
            "__down_read*",
            // kernel/locking/mutex.c
            "mutex_lock*",
            "__mutex_lock*",
            "ww_mutex_lock*",
            "__ww_mutex_lock*",
            "mutex_optimistic_spin",
            "mutex_spin_on_owner",
            "osq_lock",
            // kernel/locking/semaphore.c; XFS locks its buffers with one
            "down",
            "down_killable",
            "down_timeout",
            "__down",
            "__down_killable",
            "__down_timeout",
            "__down_common",
            // 6.2–
            "___down_common",
            // PREEMPT_RT
            "rt_mutex_*",
            "__rt_mutex_*",
            "rwbase_*",
        ],
    ),
    (
        Role::Percpu,
        &[
            // 5.7–
            "percpu_rwsem_wait",
            // 4.8–
            "__percpu_down_read",
            "percpu_down_read*",
            "percpu_down_write",
        ],
    ),
    (
        Role::PageLock,
        &[
            // –5.15
            "__lock_page*",
            // 5.16–
            "__folio_lock*",
        ],
    ),
    (
        Role::Io,
        &[
            // Pages
            "wait_on_page_writeback*",
            "folio_wait_writeback*",
            "wait_for_stable_page",
            "folio_wait_stable",
            "filemap_fdatawait*",
            "__filemap_fdatawait_range",
            "__wait_on_buffer",
            "balance_dirty_pages*",
            "wb_wait_for_completion",
            "wait_sb_inodes",
            "inode_wait_for_writeback",
            "__inode_wait_for_writeback",
            // Block layer
            "submit_bio_wait",
            "wait_for_completion_io*",
            "mempool_alloc*",
            // –4.20
            "get_request",
            "wbt_wait",
            // 3.13–
            "blk_mq_get_tag",
            "blk_mq_get_request",
            // 4.20–
            "rq_qos_wait",
            // A queue that is frozen or suspended: –4.x blk_mq_queue_enter, 5.10– the others
            "blk_mq_queue_enter",
            "blk_queue_enter",
            "__bio_queue_enter",
            // XFS
            "xfs_buf_iowait",
            "xfs_bwait_unpin",
            "xfs_buf_wait_unpin",
            "xfs_log_force*",
            // –5.x
            "_xfs_log_force*",
            // –5.12 by lsn, 5.13– by sequence
            "xlog_cil_force_lsn",
            "xlog_cil_force_seq",
            "__xfs_log_force_lsn",
            // 5.14–
            "xlog_force_lsn",
            "xlog_wait_on_iclog",
            "xlog_grant_head_wait",
            "xlog_grant_head_check",
            "xlog_state_get_iclog_space",
            "xfs_iunpin_wait",
            "__xfs_iunpin_wait",
            "__xfs_iflock",
            "xfs_ail_push_all_sync",
            // ext4's journal
            "jbd2_log_wait_commit",
            "jbd2_complete_transaction",
            "__jbd2_log_wait_for_space",
            "jbd2_journal_commit_transaction",
            "wait_transaction_locked",
            "wait_transaction_switching",
            "start_this_handle",
            "add_transaction_credits",
            "do_get_write_access",
            // btrfs
            "wait_current_trans",
            "wait_log_commit",
            "btrfs_commit_transaction",
            "btrfs_wait_ordered_range",
            "btrfs_start_ordered_extent*",
            "btrfs_wait_for_commit",
        ],
    ),
    (
        Role::Freeze,
        &[
            // fs/super.c, –5.9 a function of its own, inlined later
            "__sb_start_write",
            "sb_start_write*",
            "sb_start_pagefault*",
            "sb_start_intwrite*",
            // fs/namespace.c
            "mnt_want_write",
            "mnt_want_write_file*",
            // Who freezes or thaws
            "freeze_super",
            "sb_wait_write",
            "thaw_super*",
        ],
    ),
    (
        Role::Writer,
        &[
            "vfs_write",
            "vfs_writev",
            "vfs_iter_write",
            "vfs_iocb_iter_write",
            "do_iter_write",
            "do_iter_readv_writev",
            "vfs_fallocate",
            "vfs_copy_file_range",
            "vfs_clone_file_range",
            "do_clone_file_range",
            "do_sendfile",
            "do_splice*",
            "direct_splice_actor",
            "aio_write",
            "io_write",
            "do_page_mkwrite",
            "filemap_page_mkwrite",
            // sb_start_pagefault and sb_start_intwrite of single filesystems
            "xfs_trans_alloc*",
            "__xfs_filemap_fault",
            "xfs_write_fault",
            "xfs_filemap_page_mkwrite",
            "ext4_page_mkwrite",
            "ext4_dax_huge_fault",
            "ext4_journal_start_sb",
            "__ext4_journal_start_sb",
            "ext4_evict_inode",
            "ext4_dirty_inode",
            "start_transaction",
            "btrfs_page_mkwrite",
        ],
    ),
    (
        Role::Slow,
        &[
            // –3.19 and 4.x inlined into __alloc_pages_nodemask by most compilers
            "__alloc_pages_slowpath",
            "__alloc_pages_direct_reclaim",
            "__alloc_pages_direct_compact",
            "__alloc_pages_may_oom",
            "__alloc_pages_cpuset_fallback",
            // –4.3
            "__alloc_pages_high_priority",
            "__perform_reclaim",
            // 4.7–
            "should_reclaim_retry",
            "should_compact_retry",
            // –4.8 warn_alloc_failed
            "warn_alloc*",
            "out_of_memory",
        ],
    ),
    (
        Role::Charge,
        &[
            // mm/memcontrol.c: –3.17, –5.15, 5.16–
            "__mem_cgroup_try_charge",
            "mem_cgroup_do_charge",
            "try_charge",
            "try_charge_memcg",
        ],
    ),
    (
        Role::Alloc,
        &[
            // –5.11
            "__alloc_pages_nodemask",
            // 5.12–6.9 __alloc_pages, 6.10– with _noprof
            "__alloc_pages*",
            // 6.14–
            "__alloc_frozen_pages*",
        ],
    ),
    (
        Role::Retry,
        &[
            // fs/xfs/kmem.c –6.8, xfs_buf.c
            "kmem_alloc",
            "kmem_alloc_large",
            "kmem_zone_alloc",
            "kmem_realloc",
            "xfs_buf_allocate_memory",
            "xfs_buf_alloc_pages",
            // fs/buffer.c –4.x
            "free_more_memory",
            // A page fault that found no memory
            "pagefault_out_of_memory",
        ],
    ),
    (
        Role::Isolating,
        &[
            "shrink_inactive_list",
            // Where the former is inlined into it (6.1, gcc 12); it throttles nobody itself.
            "shrink_lruvec",
            // –3.18; later for memory of drivers only
            "isolate_migratepages_range",
            // 3.19–
            "isolate_migratepages_block",
            "isolate_migratepages",
        ],
    ),
    (
        Role::Reclaim,
        &[
            "try_to_free_pages",
            "do_try_to_free_pages",
            "try_to_free_mem_cgroup_pages",
            // –4.7 by zone, 4.8– by node
            "shrink_zone",
            "shrink_zones",
            "shrink_node*",
            // 6.1–
            "shrink_many",
            "shrink_one",
            "try_to_shrink_lruvec",
            "evict_folios",
            "shrink_list",
            "shrink_active_list",
            // –5.17, 5.18–
            "shrink_page_list",
            "shrink_folio_list",
            "shrink_slab*",
            "do_shrink_slab",
            "throttle_direct_reclaim",
            "consider_reclaim_throttle",
            "drain_all_pages",
            "zone_reclaim",
            "__zone_reclaim",
            "node_reclaim",
            "__node_reclaim",
            "compact_zone*",
            "try_to_compact_pages",
        ],
    ),
    (Role::Daemon, &["kswapd", "balance_pgdat", "kswapd_shrink_zone", "kcompactd", "kcompactd_do_work"]),
    (Role::Exit, &["do_exit", "do_group_exit"]),
    (
        Role::Plumbing,
        &[
            "alloc_pages*",
            "alloc_page_*",
            "alloc_frozen_pages*",
            "__folio_alloc*",
            "folio_alloc*",
            "vma_alloc_*",
            "alloc_anon_folio",
            "folio_prealloc",
            "get_free_pages*",
            "__get_free_pages",
            "get_zeroed_page*",
            "get_page_from_freelist",
            "policy_node*",
            "policy_zonelist",
            // Page cache
            "__page_cache_alloc",
            "filemap_alloc_folio*",
            "pagecache_get_page",
            "__filemap_get_folio*",
            "filemap_get_pages",
            "find_or_create_page",
            "grab_cache_page*",
            "iomap_get_folio",
            "iomap_write_begin",
            "iomap_write_iter",
            // –5.14
            "iomap_write_actor",
            "iomap_apply",
            "iomap_file_buffered_write",
            "generic_perform_write",
            "page_cache_ra_*",
            "page_cache_sync_ra",
            "page_cache_async_ra",
            "page_cache_sync_readahead",
            "page_cache_async_readahead",
            "do_page_cache_ra",
            "__do_page_cache_readahead",
            "ondemand_readahead",
            "ra_submit",
            "do_sync_mmap_readahead",
            "mapping_*",
            // Slab
            "new_slab*",
            "allocate_slab",
            "alloc_slab_page",
            "___slab_alloc",
            "__slab_alloc*",
            "slab_alloc*",
            "kmem_cache_alloc*",
            "kmalloc*",
            "__kmalloc*",
            "__do_kmalloc_node",
            "cache_grow*",
            "cache_alloc_refill",
            "fallback_alloc",
            "__vmalloc*",
            "vmalloc*",
            // Memory cgroups
            "mem_cgroup_try_charge*",
            "mem_cgroup_charge*",
            "__mem_cgroup_charge*",
            "charge_memcg",
            "obj_cgroup_charge*",
            "__memcg_kmem_charge*",
        ],
    ),
];
