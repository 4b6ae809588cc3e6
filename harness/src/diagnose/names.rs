//! Functions of the kernel and what it means to find them on a stack.
//! Lives here: the roles, and looking a function up.
//! May not live here: the functions themselves (`table`), or what follows from their order on a stack (`place`).

use super::table::TABLE;

/// What a function on a stack tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// Gives the processor away.
    Sched,
    /// The same for I/O.
    IoSched,
    /// Gives the processor away although it could go on.
    Preempt,
    /// Sleeps for a set time.
    Timed,
    /// Waits for a lock.
    Lock,
    /// Waits for a per-processor reader-writer lock, which filesystems use for freezing, and others for other things.
    Percpu,
    /// Waits for a page's lock.
    PageLock,
    /// Waits for I/O, if it waits.
    Io,
    /// Waits for a frozen filesystem, if it waits.
    Freeze,
    /// Waits for a frozen filesystem, if it waits for a per-processor lock: `sb_start_write` is inlined into it.
    Writer,
    /// The page allocator's entry.
    Alloc,
    /// The page allocator's way when there is no memory.
    Slow,
    /// The same for the charge to a memory cgroup: what it waits for is that cgroup's memory, and not free memory.
    Charge,
    /// Tries an allocation again by itself.
    Retry,
    /// Gives memory back, for an allocation or in the background.
    Reclaim,
    /// The same; waits where too many pages are isolated.
    Isolating,
    /// A kernel thread that gives memory back in the background.
    Daemon,
    /// The task exits.
    Exit,
    /// Between the allocator and whoever wants memory.
    Plumbing,
}

/// Whether a function is the page allocator's entry, or its way when there is no memory. A charge to a memory cgroup is another matter: who
/// waits there waits for the cgroup's memory.
pub(crate) fn is_allocator(function: &str) -> bool {
    let function = super::plain(function);
    role(&function) == Some(Role::Alloc) || function.starts_with("__alloc_pages_")
}

/// Whether who allocates in this function does so for the charge to a memory cgroup.
pub(crate) fn charges_cgroup(function: &str) -> bool {
    role(function) == Some(Role::Charge)
}

/// Whether a task in this function has pages isolated from their lists, which it puts back in the end (mm/vmscan.c, mm/migrate.c).
pub(crate) fn holds_isolated(function: &str) -> bool {
    // –5.17 shrink_page_list, 5.18– shrink_folio_list; 6.1– evict_folios where generations are counted.
    ["shrink_page_list", "shrink_folio_list", "evict_folios", "migrate_pages"]
        .iter()
        .any(|name| function.starts_with(name))
}

/// Whether a task in this function waits for others to write dirty pages out (mm/page-writeback.c).
pub(crate) fn waits_for_clean(function: &str) -> bool {
    function.starts_with("balance_dirty_pages")
}

/// Whether a task in this function writes dirty pages out for all (fs/fs-writeback.c).
pub(crate) fn flushes(function: &str) -> bool {
    // –4.1, 4.2–
    ["bdi_writeback_workfn", "wb_workfn"].contains(&function)
}

/// The role of a function; `None` for one that tells nothing by itself.
pub(super) fn role(function: &str) -> Option<Role> {
    // Trying a lock is not waiting for it.
    if function.ends_with("_trylock") {
        return None;
    }
    let exact = TABLE.iter().find(|(_, names)| names.contains(&function));
    let begins = |name: &&str| name.strip_suffix('*').is_some_and(|start| function.starts_with(start));
    exact.or_else(|| TABLE.iter().find(|(_, names)| names.iter().any(begins))).map(|(role, _)| *role)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_is_there_twice() {
        let mut names: Vec<&str> = TABLE.iter().flat_map(|(_, names)| names.iter().copied()).collect();
        let all = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), all);
    }

    #[test]
    fn a_whole_name_goes_before_a_beginning() {
        assert_eq!(role("__alloc_pages_slowpath"), Some(Role::Slow));
        assert_eq!(role("__alloc_pages_noprof"), Some(Role::Alloc));
        assert_eq!(role("kmem_alloc"), Some(Role::Retry));
        assert_eq!(role("mutex_lock_killable"), Some(Role::Lock));
        assert!(
            ["__alloc_pages_slowpath.constprop.0", "__alloc_pages", "__alloc_frozen_pages_noprof"]
                .iter()
                .all(|name| is_allocator(name))
        );
        assert!(!is_allocator("try_charge_memcg") && !is_allocator("out_of_memory"));
        assert_eq!(role("do_sys_poll"), None);
        assert_eq!((role("down_read_trylock"), role("down_read_killable")), (None, Some(Role::Lock)));
    }
}
