//! What files of /proc and the control groups say.
//! Lives here: reading their texts (pure, but for the walk over the control groups).
//! May not live here: what the numbers mean.

use super::facts::{Room, Schedstat};
use std::path::{Path, PathBuf};

/// MemAvailable of /proc/meminfo, in bytes.
pub(super) fn available(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}

/// The first number of /proc/loadavg: the average over a minute.
pub(super) fn load(loadavg: &str) -> Option<f64> {
    loadavg.split_ascii_whitespace().next()?.parse().ok()
}

/// The three numbers of a `schedstat`.
pub(super) fn schedstat(text: &str) -> Schedstat {
    let numbers: Result<Vec<u64>, _> = text.split_ascii_whitespace().map(str::parse).collect();
    match numbers.as_deref() {
        Ok(&[run_ns, wait_ns, slices]) => Schedstat::Counts { run_ns, wait_ns, slices },
        _ => Schedstat::Strange(text.trim().chars().take(80).collect()),
    }
}

/// The user and the number of threads of a /proc/PID/status.
pub(super) fn threads(status: &str) -> Option<(u32, u64)> {
    let field = |name| status.lines().find_map(|line| line.strip_prefix(name)?.split_ascii_whitespace().next());
    Some((field("Uid:")?.parse().ok()?, field("Threads:")?.parse().ok()?))
}

/// This process's control groups, the nearest first, from /proc/self/cgroup; those of version 2 only
/// (Documentation/admin-guide/cgroup-v2.rst), and none where there are none.
pub(super) fn groups(cgroup: &str, mount: &Path) -> Vec<PathBuf> {
    let Some(path) = cgroup.lines().find_map(|line| line.strip_prefix("0::/")) else { return Vec::new() };
    let group = mount.join(path);
    group.ancestors().take_while(|above| above.starts_with(mount)).map(Path::to_owned).collect()
}

fn number(group: &Path, file: &str) -> Option<u64> {
    // `max` is no number: no limit.
    std::fs::read_to_string(group.join(file)).ok()?.trim().parse().ok()
}

/// What the narrowest of the groups still allows, in bytes. Pages of files that are not in use can be taken back, so they
/// count as free.
pub(super) fn memory_left(groups: &[PathBuf]) -> Option<u64> {
    let left = |group: &PathBuf| {
        let max = number(group, "memory.max")?;
        let stat = std::fs::read_to_string(group.join("memory.stat")).unwrap_or_default();
        let files = stat.lines().find_map(|line| line.strip_prefix("inactive_file ")?.trim().parse().ok()).unwrap_or(0);
        let used = number(group, "memory.current")?.saturating_sub(files);
        Some(max.saturating_sub(used))
    };
    groups.iter().filter_map(left).min()
}

/// Room for processes in the groups, one for each that bounds them.
pub(super) fn processes(groups: &[PathBuf]) -> impl Iterator<Item = Room> {
    groups.iter().filter_map(|group| {
        let limit = number(group, "pids.max")?;
        Some(Room { limit: Some(limit), used: number(group, "pids.current")?, hard: Some(limit) })
    })
}

/// The room that leaves least.
pub(super) fn narrowest(rooms: impl IntoIterator<Item = Room>) -> Room {
    let left = |room: &Room| room.limit.map_or(u64::MAX, |limit| limit.saturating_sub(room.used));
    rooms.into_iter().min_by_key(left).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::fs;

    #[test]
    fn texts_of_proc() {
        assert_eq!(available("MemTotal:  9 kB\nMemAvailable:    2048 kB\n"), Some(2 << 20));
        assert_eq!(available("MemTotal:  9 kB\n"), None);
        assert_eq!(load("0.52 0.58 0.59 1/100 7\n"), Some(0.52));
        assert_eq!(load(""), None);
        assert_eq!(threads("Name:\tx\nUid:\t1000\t1000\t1000\t1000\nThreads:\t3\n"), Some((1000, 3)));
        assert_eq!(threads("Name:\tx\n"), None);
    }

    #[test]
    fn schedstat_is_three_numbers() {
        assert_eq!(schedstat("12 34 5\n"), Schedstat::Counts { run_ns: 12, wait_ns: 34, slices: 5 });
        assert_eq!(schedstat("12 34\n"), Schedstat::Strange("12 34".into()));
        assert_eq!(schedstat("a b c"), Schedstat::Strange("a b c".into()));
    }

    #[test]
    fn groups_go_up_to_their_mount() {
        let mount = Path::new("/m");
        assert_eq!(groups("1:name=systemd:/x\n0::/a/b\n", mount), ["/m/a/b", "/m/a", "/m"].map(PathBuf::from));
        assert_eq!(groups("0::/\n", mount), [PathBuf::from("/m/")]);
        assert!(groups("4:memory:/a\n", mount).is_empty());
    }

    #[test]
    fn the_narrowest_group_decides() {
        let place = tempfile::tempdir().unwrap();
        let inner = place.path().join("inner");
        fs::create_dir(&inner).unwrap();
        for (group, max, current, stat, pids) in
            [(place.path(), "1000", "900", "anon 1\ninactive_file 300\n", "50"), (&inner, "max", "9", "", "max")]
        {
            fs::write(group.join("memory.max"), format!("{max}\n")).unwrap();
            fs::write(group.join("memory.current"), format!("{current}\n")).unwrap();
            fs::write(group.join("memory.stat"), stat).unwrap();
            fs::write(group.join("pids.max"), pids).unwrap();
            fs::write(group.join("pids.current"), "7").unwrap();
        }
        let groups = [inner, place.path().to_owned()];
        assert_eq!(memory_left(&groups), Some(400));
        assert_eq!(memory_left(&groups[..1]), None);
        let rooms: Vec<Room> = processes(&groups).collect();
        assert_eq!(rooms, [Room { limit: Some(50), used: 7, hard: Some(50) }]);
    }

    #[test]
    fn no_limit_is_the_widest_room() {
        let room = |limit, used| Room { limit, used, hard: None };
        assert_eq!(narrowest([room(None, 9), room(Some(10), 1), room(Some(100), 95)]), room(Some(100), 95));
        assert_eq!(narrowest([]), Room::default());
    }
}
