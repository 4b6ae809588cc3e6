//! Stacks as kernels of all ages print them, shortened to what matters, and the places that they are.

use super::*;

fn stack(functions: &str) -> Vec<Frame> {
    functions
        .split_whitespace()
        .map(|word| {
            let (reliable, name) = word.strip_prefix('?').map_or((true, word), |name| (false, name));
            Frame { function: name.to_owned(), module: None, reliable }
        })
        .collect()
}

fn told(state: char, functions: &str) -> String {
    let place = classify(state, false, &stack(functions));
    format!("{}: {place}", place.kind.name())
}

#[test]
fn tasks_that_find_no_memory_are_in_the_allocator() {
    // 3.10: the slow path is inlined.
    assert_eq!(
        told(
            'D',
            "schedule schedule_timeout io_schedule_timeout wait_iff_congested __alloc_pages_nodemask alloc_pages_current \
             __page_cache_alloc grab_cache_page_write_begin xfs_vm_write_begin generic_file_buffered_write"
        ),
        "allocator: __alloc_pages_nodemask ← xfs_vm_write_begin"
    );
    // 4.4, in reclaim.
    assert_eq!(
        told(
            'R',
            "shrink_lruvec shrink_zone do_try_to_free_pages try_to_free_pages __alloc_pages_nodemask alloc_pages_vma \
             handle_mm_fault __do_page_fault"
        ),
        "allocator: __alloc_pages_nodemask ← handle_mm_fault"
    );
    // 4.19, between two tries.
    assert_eq!(
        told(
            'D',
            "__schedule schedule schedule_timeout schedule_timeout_uninterruptible __alloc_pages_slowpath \
             __alloc_pages_nodemask new_slab ___slab_alloc kmem_cache_alloc xfs_trans_alloc"
        ),
        "allocator: __alloc_pages_slowpath ← xfs_trans_alloc"
    );
    // 6.1, preempted of its own will; 7.2, running.
    assert_eq!(
        told(
            'R',
            "__schedule __cond_resched shrink_slab shrink_node do_try_to_free_pages try_to_free_pages \
             __alloc_pages_slowpath __alloc_pages folio_alloc __filemap_get_folio iomap_write_begin \
             iomap_file_buffered_write xfs_file_buffered_write vfs_write"
        ),
        "allocator: __alloc_pages_slowpath ← xfs_file_buffered_write"
    );
    assert_eq!(
        told(
            'R',
            "lru_add_drain shrink_node try_to_free_pages __alloc_pages_slowpath __alloc_frozen_pages_noprof \
             alloc_pages_mpol vma_alloc_folio_noprof do_anonymous_page"
        ),
        "allocator: __alloc_pages_slowpath ← do_anonymous_page"
    );
    // Held back for kswapd's sake; charging a memory cgroup; XFS's own loop.
    assert_eq!(
        told('D', "schedule throttle_direct_reclaim try_to_free_pages __alloc_pages_nodemask do_fork"),
        "allocator: __alloc_pages_nodemask ← do_fork"
    );
    assert_eq!(
        told(
            'R',
            "shrink_node try_to_free_mem_cgroup_pages try_charge_memcg charge_memcg __mem_cgroup_charge do_anonymous_page"
        ),
        "allocator: try_charge_memcg ← do_anonymous_page"
    );
    assert_eq!(
        told('D', "schedule io_schedule_timeout congestion_wait kmem_alloc kmem_zone_alloc xfs_btree_init"),
        "allocator: kmem_alloc ← xfs_btree_init"
    );
}

#[test]
fn the_quick_way_through_the_allocator_is_no_place_to_hang() {
    assert_eq!(
        told('R', "get_page_from_freelist __alloc_pages folio_alloc do_anonymous_page"),
        "running: get_page_from_freelist ← do_anonymous_page"
    );
}

#[test]
fn the_isolation_wait_is_told_apart_from_other_sleeps_of_reclaim() {
    let out = "shrink_inactive_list shrink_lruvec shrink_node try_to_free_pages __alloc_pages_slowpath __alloc_pages_nodemask \
               pagecache_get_page filemap_fault";
    for sleep in ["io_schedule_timeout congestion_wait", "msleep", "reclaim_throttle"] {
        // As gcc 12 made it of 6.1: shrink_inactive_list is inlined.
        let inlined = "schedule schedule_timeout reclaim_throttle shrink_lruvec shrink_node do_try_to_free_pages try_to_free_pages \
                   __alloc_pages_slowpath __alloc_pages __folio_alloc __handle_mm_fault";
        assert_eq!(told('D', inlined), "isolation: shrink_lruvec ← __handle_mm_fault");
        assert_eq!(
            told('D', &format!("__schedule schedule schedule_timeout {sleep} {out}")),
            "isolation: shrink_inactive_list ← filemap_fault"
        );
    }
    assert_eq!(
        told(
            'D',
            "schedule reclaim_throttle isolate_migratepages_block isolate_migratepages compact_zone try_to_compact_pages \
             __alloc_pages_direct_compact __alloc_pages_slowpath __alloc_pages vma_alloc_folio do_huge_pmd_anonymous_page"
        ),
        "isolation: isolate_migratepages_block ← do_huge_pmd_anonymous_page"
    );
    assert_eq!(
        told(
            'D',
            "schedule reclaim_throttle shrink_node try_to_free_pages __alloc_pages_slowpath __alloc_pages do_fork"
        ),
        "allocator: __alloc_pages_slowpath ← do_fork"
    );
}

#[test]
fn locks_are_named_with_who_wants_them() {
    for (functions, told_as) in [
        (
            "schedule rwsem_down_write_slowpath xfs_ilock xfs_file_buffered_write",
            "lock: rwsem_down_write_slowpath ← xfs_ilock",
        ),
        (
            "schedule rwsem_down_write_failed call_rwsem_down_write_failed down_write xfs_ilock",
            "lock: rwsem_down_write_failed ← xfs_ilock",
        ),
        (
            "__schedule schedule_preempt_disabled __mutex_lock_slowpath mutex_lock xfs_file_buffered_aio_write",
            "lock: __mutex_lock_slowpath ← xfs_file_buffered_aio_write",
        ),
        ("schedule schedule_timeout __down down xfs_buf_lock", "lock: __down ← xfs_buf_lock"),
        (
            "schedule io_schedule folio_wait_bit_common __folio_lock write_cache_pages",
            "lock: __folio_lock ← write_cache_pages",
        ),
        ("schedule sleep_on_page __wait_on_bit_lock __lock_page find_lock_page", "lock: __lock_page ← find_lock_page"),
        ("schedule percpu_rwsem_wait __percpu_down_read copy_process", "lock: percpu_rwsem_wait ← copy_process"),
    ] {
        assert_eq!(told('D', functions), told_as);
    }
    let kswapd = "schedule mutex_lock xfs_reclaim_inodes_ag xfs_fs_free_cached_objects super_cache_scan shrink_slab balance_pgdat kswapd";
    assert_eq!(told('D', kswapd), "lock: mutex_lock ← xfs_reclaim_inodes_ag");
    let direct =
        "schedule mutex_lock xfs_reclaim_inodes_ag shrink_slab try_to_free_pages __alloc_pages_nodemask do_fork";
    assert_eq!(told('D', direct), "lock: mutex_lock ← xfs_reclaim_inodes_ag (in reclaim for an allocation)");
    let dies = "schedule rwsem_down_write_slowpath xfs_ilock xfs_release __fput do_exit do_group_exit";
    assert_eq!(told('D', dies), "lock: rwsem_down_write_slowpath ← xfs_ilock (exiting)");
}

#[test]
fn io_is_told_apart_from_locks() {
    for (functions, told_as) in [
        (
            "schedule io_schedule folio_wait_bit_common folio_wait_writeback shrink_folio_list",
            "io: folio_wait_writeback ← shrink_folio_list",
        ),
        (
            "schedule io_schedule bit_wait_io __wait_on_bit wait_on_page_bit filemap_fdatawait_range xfs_file_fsync",
            "io: filemap_fdatawait_range ← xfs_file_fsync",
        ),
        (
            "schedule io_schedule blk_mq_get_tag __blk_mq_alloc_requests blk_mq_submit_bio",
            "io: blk_mq_get_tag ← __blk_mq_alloc_requests",
        ),
        (
            "schedule schedule_timeout io_schedule_timeout balance_dirty_pages balance_dirty_pages_ratelimited generic_perform_write",
            "io: balance_dirty_pages_ratelimited",
        ),
        ("schedule xlog_wait_on_iclog xfs_log_force_seq xfs_file_fsync", "io: xfs_log_force_seq ← xfs_file_fsync"),
        ("schedule io_schedule some_new_wait some_fs_read", "io: some_new_wait ← some_fs_read"),
    ] {
        assert_eq!(told('D', functions), told_as);
    }
    assert_eq!(
        told('R', "xfs_log_force xfs_fs_sync_fs"),
        "running: xfs_log_force ← xfs_fs_sync_fs",
        "it does not wait"
    );
}

#[test]
fn a_frozen_filesystem_is_told_apart_from_other_locks_of_its_kind() {
    for (functions, told_as) in [
        ("schedule percpu_rwsem_wait __percpu_down_read vfs_write ksys_write", "frozen: percpu_rwsem_wait ← vfs_write"),
        (
            "schedule rwsem_down_read_failed percpu_down_read __sb_start_write vfs_write",
            "frozen: rwsem_down_read_failed ← __sb_start_write",
        ),
        ("schedule __sb_start_write vfs_write", "frozen: __sb_start_write ← vfs_write"),
        (
            "schedule percpu_rwsem_wait __percpu_down_read mnt_want_write do_unlinkat",
            "frozen: percpu_rwsem_wait ← mnt_want_write",
        ),
        (
            "schedule percpu_rwsem_wait __percpu_down_read xfs_trans_alloc xfs_inactive",
            "frozen: percpu_rwsem_wait ← xfs_trans_alloc",
        ),
    ] {
        assert_eq!(told('D', functions), told_as);
    }
}

#[test]
fn the_rest_has_a_place_too() {
    assert_eq!(
        told('S', "__schedule schedule do_nanosleep hrtimer_nanosleep"),
        "idle: do_nanosleep ← hrtimer_nanosleep"
    );
    assert_eq!(told('I', "__schedule schedule worker_thread kthread"), "idle: worker_thread ← kthread");
    assert_eq!(told('S', "schedule kswapd kthread"), "idle: kswapd ← kthread");
    assert_eq!(told('R', "shrink_slab shrink_node balance_pgdat kswapd kthread"), "reclaim: balance_pgdat ← kswapd");
    assert_eq!(
        told('D', "schedule wait_for_completion flush_work xfs_sync"),
        "blocked: wait_for_completion ← flush_work"
    );
    assert_eq!(told('R', ""), "running: ?");
    assert_eq!(classify('R', true, &[]).function, "user space");
    assert_eq!(told('Z', ""), "exiting: ?");
    assert_eq!(told('D', "schedule exit_mm do_exit do_group_exit"), "exiting: exit_mm ← do_exit");
}

#[test]
fn guesses_of_the_unwinder_count_only_where_it_has_nothing_else() {
    let guessed = "?mutex_lock ?shrink_node ?try_to_free_pages ?__alloc_pages_slowpath ?__alloc_pages ?do_fork";
    assert_eq!(told('R', guessed), "lock: mutex_lock ← shrink_node (in reclaim for an allocation)");
    let mixed = "__schedule ?mutex_lock schedule ?__alloc_pages_slowpath do_nanosleep";
    assert_eq!(told('S', mixed), "idle: do_nanosleep");
}
