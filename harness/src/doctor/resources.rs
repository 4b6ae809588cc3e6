//! What the room found means.
//! Lives here: disk space, memory, limits (pure).
//! May not live here: reading any of them.

use super::check::{Check, in_words};
use super::facts::{Memory, Place, Room};

/// The smallest guest of the shipped scenarios has 256 MiB, and QEMU some 100 MiB for itself; in bytes.
const LEAST_MEMORY: u64 = 384 << 20;
/// A guest of 1 GiB with TCG's translations beside it.
const ENOUGH_MEMORY: u64 = 1536 << 20;
/// A run has some 40 descriptors open on either side: sockets, logs, pipes, QEMU's own.
const LEAST_FILES: u64 = 128;
const ENOUGH_FILES: u64 = 512;
/// A run has some 20 threads: QEMU's, with one for each virtual processor and a pool for I/O, and the harness's.
const LEAST_PROCESSES: u64 = 64;
const ENOUGH_PROCESSES: u64 = 256;

/// Free space in a folder.
pub(super) fn place(place: &Place) -> Check {
    let path = place.path.display();
    let elsewhere = format!("have it elsewhere: {}", place.moved_by);
    match &place.space {
        Err(reason) => Check::fail(place.name, reason, elsewhere),
        Ok(space) if !space.writable => {
            let mend = format!("chown -R \"$USER\" {path}, or {elsewhere}");
            Check::fail(place.name, format!("{path} may not be written by this user"), mend)
        }
        Ok(space) => {
            let found = format!("{} free in {path}", in_words(space.free));
            let mend = format!("free {} there, or {elsewhere}", in_words(place.needs.1.saturating_sub(space.free)));
            Check::amount(place.name, space.free, place.needs, found, mend)
        }
    }
}

/// Memory that guests may take.
pub(super) fn memory(memory: &Memory) -> Check {
    const NAME: &str = "memory";
    let bounded = memory.group_left.filter(|left| memory.available.is_none_or(|available| *left < available));
    match (bounded, memory.available) {
        (Some(left), _) => Check::amount(
            NAME,
            left,
            (LEAST_MEMORY, ENOUGH_MEMORY),
            format!("{} left to this control group", in_words(left)),
            "give the container or service more: docker run --memory=2g …, systemd-run -p MemoryMax=2G …",
        ),
        (None, Some(available)) => Check::amount(
            NAME,
            available,
            (LEAST_MEMORY, ENOUGH_MEMORY),
            format!("{} available", in_words(available)),
            "end what takes it (ps -e --sort=-rss -o rss,pid,comm | head), or let guests have less: --set guest.memory=…",
        ),
        (None, None) => Check::warn(NAME, "unknown: /proc/meminfo has no MemAvailable", "see that /proc is mounted"),
    }
}

/// Open files.
pub(super) fn open_files(room: Room) -> Check {
    const NAME: &str = "open-files";
    limited(NAME, room, (LEAST_FILES, ENOUGH_FILES), || match room.hard {
        Some(hard) if hard < ENOUGH_FILES => {
            format!("as root: prlimit --pid $$ --nofile={ENOUGH_FILES}, or in /etc/security/limits.conf")
        }
        _ => format!("ulimit -n {}", ENOUGH_FILES.max(1024)),
    })
}

/// Processes and threads.
pub(super) fn processes(room: Room) -> Check {
    const NAME: &str = "processes";
    limited(NAME, room, (LEAST_PROCESSES, ENOUGH_PROCESSES), || {
        let wanted = room.used.saturating_add(ENOUGH_PROCESSES);
        format!("ulimit -u {wanted}; in a container or service: docker run --pids-limit={wanted} …, TasksMax={wanted}")
    })
}

fn limited(name: &str, room: Room, needs: (u64, u64), mend: impl FnOnce() -> String) -> Check {
    match room.limit {
        None => Check::ok(name, "no limit"),
        Some(limit) => {
            let found = format!("{} of {limit} used", room.used);
            Check::amount(name, limit.saturating_sub(room.used), needs, found, mend())
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::check::Status::{self, Fail, Ok as Well, Warn};
    use super::super::facts::Space;
    use super::*;

    const MIB: u64 = 1 << 20;

    fn space(space: Result<Space, String>) -> Check {
        let path = "/c".into();
        place(&Place { name: "cache", path, needs: (100 * MIB, 200 * MIB), moved_by: "XDG_CACHE_HOME", space })
    }

    #[test]
    fn space_is_counted_where_it_may_be_written() {
        let free = |mib: u64| space(Ok(Space { free: mib * MIB, writable: true }));
        assert_eq!([99, 100, 200].map(|mib| free(mib).status), [Fail, Warn, Well]);
        assert_eq!(free(150).mend.unwrap(), "free 50.0 MiB there, or have it elsewhere: XDG_CACHE_HOME");
        let shut = space(Ok(Space { free: 1 << 40, writable: false }));
        assert_eq!((shut.status, &*shut.found), (Fail, "/c may not be written by this user"));
        let broken = space(Err("/c is no folder".into()));
        assert_eq!((broken.status, &*broken.found), (Fail, "/c is no folder"));
    }

    fn with(available: Option<u64>, group_left: Option<u64>) -> (Status, String) {
        let check =
            memory(&Memory { available: available.map(|mib| mib * MIB), group_left: group_left.map(|mib| mib * MIB) });
        (check.status, check.found)
    }

    #[test]
    fn the_narrower_bound_on_memory_counts() {
        assert_eq!(with(Some(4096), None), (Well, "4.0 GiB available".into()));
        assert_eq!(with(Some(4096), Some(8192)), (Well, "4.0 GiB available".into()));
        assert_eq!(with(Some(4096), Some(512)), (Warn, "512.0 MiB left to this control group".into()));
        assert_eq!(with(None, Some(100)).0, Fail);
        assert_eq!(with(Some(300), None).0, Fail);
        assert_eq!(with(Some(1024), None).0, Warn);
        assert_eq!(with(None, None).0, Warn);
    }

    #[test]
    fn limits_are_compared_with_what_is_used() {
        let room = |limit, used| Room { limit, used, hard: None };
        assert_eq!(open_files(room(None, 9)).status, Well);
        assert_eq!(open_files(room(Some(1024), 9)).status, Well);
        assert_eq!(open_files(room(Some(256), 9)).status, Warn);
        assert_eq!(open_files(room(Some(256), 200)).status, Fail);
        assert_eq!(open_files(room(Some(9), 200)).status, Fail);
        assert_eq!(processes(room(Some(300), 100)).status, Warn);
        assert_eq!(processes(room(Some(300), 280)).status, Fail);
        assert_eq!(processes(room(Some(4000), 280)).status, Well);
    }

    #[test]
    fn a_hard_limit_needs_root() {
        let mend = |hard| open_files(Room { limit: Some(64), used: 3, hard }).mend.unwrap();
        assert!(mend(Some(64)).starts_with("as root: prlimit"));
        assert_eq!(mend(Some(4096)), "ulimit -n 1024");
        assert_eq!(mend(None), "ulimit -n 1024");
    }
}
