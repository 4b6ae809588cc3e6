//! Finding out about the host.
//! Lives here: every read, call and clock of the doctor.
//! May not live here: what is good or bad (`tools`, `resources`, `time`).

use super::facts::{
    Apt, CachedKernel, Clock, Device, Facts, Kvm, Memory, Place, Processors, Proof, QemuFacts, Room, Schedstat, Space,
    Tool,
};
use super::{host, proof};
use crate::kernel;
use crate::vm::{self, Qemu, Snapshot};
use rustix::fs::{Access, StatVfsMountFlags, access, statvfs};
use rustix::process::{Resource, getrlimit, getuid};
use rustix::time::{ClockId, Timespec, clock_getres, clock_gettime};
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

/// Where control groups are mounted.
const GROUPS: &str = "/sys/fs/cgroup";
/// What to look at.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// The cache's folder; why there is none, else.
    pub cache: Result<PathBuf, String>,
    /// The folder of the result folders; it need not exist.
    pub results: PathBuf,
    /// A kernel with which to prove KVM.
    pub kernel: Option<CachedKernel>,
}

/// How long clocks and processors are looked at.
const SAMPLE: Duration = Duration::from_secs(1);
/// How often CLOCK_MONOTONIC is read in a row.
const READINGS: u32 = 10_000;
/// For a program that does nothing.
const CALL: Duration = Duration::from_secs(20);
/// Needs of the cache: a Debian kernel is 70 to 130 MB to download and 0.5 GB unpacked; a disk's overlay may grow as large
/// as the disk.
const CACHE_NEEDS: (u64, u64) = (1 << 30, 4 << 30);
/// Needs of results: the logs of one run are at most 272 MiB, and mostly under 20.
const RESULTS_NEEDS: (u64, u64) = (300 << 20, 2 << 30);

/// Looks at the host. Takes a second, and up to half a minute longer where KVM is tried and fails.
pub async fn gather(wanted: &Wanted) -> Facts {
    let qemu = Qemu::find(Path::new(vm::PROGRAM)).await;
    let device = device(Path::new("/dev/kvm"));
    let proof = match (&device, &qemu, &wanted.kernel) {
        (Device::Opens, Ok(qemu), Some(kernel)) => proof::prove(qemu, kernel).await,
        (Device::Opens, Ok(_), None) => Proof::NoKernel,
        _ => Proof::NotTried,
    };
    let (clock, processors, schedstat) = sample().await;
    let groups = host::groups(&read("/proc/self/cgroup"), Path::new(GROUPS));
    Facts {
        qemu: qemu
            .map(|qemu| QemuFacts { version: qemu.version, sandbox: qemu.sandbox })
            .map_err(|error| error.to_string()),
        kvm: Kvm { device, proof },
        tools: tools().await,
        apt: apt().await,
        places: vec![
            place("cache-space", wanted.cache.clone(), CACHE_NEEDS, "set XDG_CACHE_HOME"),
            place("results-space", Ok(wanted.results.clone()), RESULTS_NEEDS, "--results DIR"),
        ],
        memory: Memory { available: host::available(&read("/proc/meminfo")), group_left: host::memory_left(&groups) },
        open_files: open_files(),
        processes: host::narrowest([user_processes()].into_iter().chain(host::processes(&groups))),
        clock,
        processors,
        schedstat,
    }
}

/// Bytes of memory that processes started here may still take: what the machine has, or the narrowest of this process's control groups;
/// `None` where nobody says.
pub fn memory_left() -> Option<u64> {
    let groups = host::groups(&read("/proc/self/cgroup"), Path::new(GROUPS));
    [host::available(&read("/proc/meminfo")), host::memory_left(&groups)].into_iter().flatten().min()
}

/// A small file of the kernel's; empty where it cannot be read.
fn read(path: &str) -> String {
    fs::read_to_string(path).unwrap_or_default()
}

fn device(path: &Path) -> Device {
    match fs::File::options().read(true).write(true).open(path) {
        Ok(_) => Device::Opens,
        Err(cause) if cause.kind() == ErrorKind::NotFound => Device::Absent,
        Err(cause) if cause.kind() == ErrorKind::PermissionDenied => Device::Denied,
        Err(cause) => Device::Broken(cause.to_string()),
    }
}

async fn tools() -> Vec<Tool> {
    let found = |program, package, purpose| {
        let usable = kernel::find_program(program, package).map_err(|_| "not installed".to_owned());
        Tool { program, package, purpose, usable }
    };
    let mut setpriv = found("setpriv", "util-linux", "QEMU is started by it, so that it ends when oomph does");
    if let Ok(path) = setpriv.usable {
        setpriv.usable = binds_lives(&path).await.map(|()| path);
    }
    vec![
        setpriv,
        found("qemu-img", "qemu-utils", "guests' disks are made by it"),
        found("mkfs.xfs", "xfsprogs", "xfs disks are made by it"),
        found("mkfs.ext4", "e2fsprogs", "ext4 disks are made by it"),
        found("mkfs.btrfs", "btrfs-progs", "btrfs disks are made by it"),
    ]
}

/// By use: `--pdeathsig` is younger than the program, and other makers' programs of this name lack it.
async fn binds_lives(setpriv: &Path) -> Result<(), String> {
    let mut command = tokio::process::Command::new(setpriv);
    command.args(["--pdeathsig", "SIGKILL", "--", "true"]).stdin(Stdio::null()).kill_on_drop(true);
    match tokio::time::timeout(CALL, command.output()).await {
        Ok(Ok(output)) if output.status.success() => Ok(()),
        Ok(Ok(output)) => Err(format!("--pdeathsig fails: {}", String::from_utf8_lossy(&output.stderr).trim())),
        Ok(Err(cause)) => Err(format!("cannot be run: {cause}")),
        Err(_) => Err(format!("did not end within {} s", CALL.as_secs())),
    }
}

async fn apt() -> Apt {
    let missing = |program: &&'static str| kernel::find_program(program, "apt").is_err();
    let missing: Vec<&str> = ["apt-get", "apt-cache", "apt-config"].into_iter().filter(missing).collect();
    let mirror = match missing[..] {
        [] => kernel::has_debian_mirror().await.map_err(|error| error.to_string()),
        _ => Ok(false),
    };
    Apt { missing, mirror }
}

fn place(name: &'static str, path: Result<PathBuf, String>, needs: (u64, u64), moved_by: &'static str) -> Place {
    let space = path.as_ref().map_err(Clone::clone).and_then(|path| space(path));
    Place { name, path: path.unwrap_or_default(), needs, moved_by, space }
}

/// Room in the nearest folder above `path` that exists.
fn space(path: &Path) -> Result<Space, String> {
    let path = std::path::absolute(path).map_err(|cause| format!("{}: {cause}", path.display()))?;
    let there = path.ancestors().find(|above| above.exists()).unwrap_or(Path::new("/"));
    if !there.is_dir() {
        return Err(format!("{} is no folder", there.display()));
    }
    let found = statvfs(there).map_err(|errno| format!("{}: {errno}", there.display()))?;
    let writable =
        access(there, Access::WRITE_OK | Access::EXEC_OK).is_ok() && !found.f_flag.contains(StatVfsMountFlags::RDONLY);
    Ok(Space { free: found.f_bavail.saturating_mul(found.f_frsize), writable })
}

fn open_files() -> Room {
    let limit = getrlimit(Resource::Nofile);
    let used = fs::read_dir("/proc/self/fd").map_or(0, |files| files.count() as u64);
    Room { limit: limit.current, used, hard: limit.maximum }
}

/// Threads of this user. The limit does not bind root (kernel/fork.c, copy_process).
fn user_processes() -> Room {
    let user = getuid();
    if user.is_root() {
        return Room::default();
    }
    let limit = getrlimit(Resource::Nproc);
    let statuses =
        fs::read_dir("/proc").into_iter().flatten().flatten().filter(|entry| {
            entry.file_name().to_str().is_some_and(|name| name.bytes().all(|byte| byte.is_ascii_digit()))
        });
    let threads = statuses.filter_map(|entry| host::threads(&fs::read_to_string(entry.path().join("status")).ok()?));
    let used = threads.filter(|(owner, _)| *owner == user.as_raw()).map(|(_, threads)| threads).sum();
    Room { limit: limit.current, used, hard: limit.maximum }
}

/// Clocks and processors over [`SAMPLE`].
async fn sample() -> (Clock, Processors, Schedstat) {
    let clocks = || [ClockId::Monotonic, ClockId::MonotonicRaw, ClockId::Realtime].map(clock_gettime);
    let processors = || Snapshot::read(std::process::id()).unwrap_or_default();
    let (before, busy_before) = (clocks(), processors());
    let steps_back = steps_back();
    tokio::time::sleep(SAMPLE).await;
    let (after, busy_after) = (clocks(), processors());
    let passed = |clock: usize| nanoseconds(after[clock]).saturating_sub(nanoseconds(before[clock]));
    let unsigned = |nanoseconds: i64| u64::try_from(nanoseconds).unwrap_or(0);
    let clock = Clock {
        steps_back,
        resolution_ns: unsigned(nanoseconds(clock_getres(ClockId::Monotonic))),
        monotonic_ns: unsigned(passed(0)),
        raw_ns: unsigned(passed(1)),
        realtime_ns: passed(2),
        now_s: after[2].tv_sec,
        source: fs::read_to_string("/sys/devices/system/clocksource/clocksource0/current_clocksource")
            .ok()
            .map(|name| name.trim().to_owned()),
    };
    let total = busy_after.host.total.saturating_sub(busy_before.host.total);
    let stolen = busy_after.host.steal.saturating_sub(busy_before.host.steal);
    #[expect(clippy::cast_precision_loss, reason = "ticks of a second")]
    let steal = (total > 0).then(|| stolen as f64 / total as f64);
    let count = std::thread::available_parallelism().map_or(1, |count| count.get() as u64);
    let schedstat =
        fs::read_to_string("/proc/thread-self/schedstat").map_or(Schedstat::Absent, |text| host::schedstat(&text));
    (clock, Processors { count, load: host::load(&read("/proc/loadavg")), steal }, schedstat)
}

fn nanoseconds(time: Timespec) -> i64 {
    time.tv_sec.saturating_mul(1_000_000_000).saturating_add(time.tv_nsec)
}

fn steps_back() -> u64 {
    let mut last = i64::MIN;
    let mut steps = 0;
    for _ in 0..READINGS {
        let now = nanoseconds(clock_gettime(ClockId::Monotonic));
        steps += u64::from(now < last);
        last = now;
    }
    steps
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn space_is_that_of_the_nearest_folder_there_is() {
        let place = tempfile::tempdir().unwrap();
        let file = place.path().join("file");
        fs::write(&file, "").unwrap();
        let free = |path: &Path| space(path).map(|space| (space.free > 0, space.writable));
        assert_eq!(free(&place.path().join("not/yet")), Ok((true, true)));
        assert_eq!(free(&file.join("below")), Err(format!("{} is no folder", file.display())));
        assert!(!space(Path::new("/proc/sys")).unwrap().writable || getuid().is_root());
    }

    #[test]
    fn a_device_that_opens_is_told_from_one_that_is_not_there() {
        assert_eq!(device(Path::new("/dev/null")), Device::Opens);
        assert_eq!(device(Path::new("/dev/no-such")), Device::Absent);
        assert!(matches!(device(Path::new("/")), Device::Broken(_)));
    }

    #[tokio::test]
    async fn a_setpriv_that_does_not_know_the_option_is_told() {
        let error = binds_lives(Path::new("/bin/false")).await.unwrap_err();
        assert_eq!(error, "--pdeathsig fails: ");
        assert!(binds_lives(Path::new("/no/such")).await.unwrap_err().starts_with("cannot be run: "));
    }

    #[tokio::test]
    async fn this_very_host_has_facts() {
        let place = tempfile::tempdir().unwrap();
        let wanted = Wanted { cache: Ok(place.path().into()), results: place.path().join("r"), kernel: None };
        let facts = gather(&wanted).await;
        assert!(facts.clock.monotonic_ns >= 1_000_000_000 && facts.clock.steps_back == 0, "{facts:?}");
        assert!(facts.processors.count > 0 && facts.processors.load.is_some() && facts.processors.steal.is_some());
        assert!(facts.memory.available > Some(1 << 20) && facts.open_files.used > 2, "{facts:?}");
        assert!(facts.places.iter().all(|place| place.space.is_ok()), "{facts:?}");
        assert!(!matches!(facts.kvm.proof, Proof::Works(_) | Proof::Fails { .. }), "there was no kernel to try");
        let checks = super::super::evaluate(&facts);
        let names: Vec<&str> = checks.iter().map(|check| check.name.as_str()).collect();
        assert_eq!(names[..3], ["qemu", "kvm", "setpriv"]);
        assert_eq!(names.len(), names.iter().collect::<std::collections::BTreeSet<_>>().len(), "{names:?}");
    }
}
