//! What was found on the host.
//! Lives here: plain values that a test can make up.
//! May not live here: what they mean (`tools`, `resources`, `time`), or how they are found (`gather`).

use std::path::PathBuf;

/// All facts.
#[derive(Clone, Debug, PartialEq)]
pub struct Facts {
    /// QEMU; why there is none, else.
    pub qemu: Result<QemuFacts, String>,
    /// KVM.
    pub kvm: Kvm,
    /// Programs that runs call.
    pub tools: Vec<Tool>,
    /// apt, by which kernels are fetched.
    pub apt: Apt,
    /// Folders that runs write to.
    pub places: Vec<Place>,
    /// Memory.
    pub memory: Memory,
    /// Open files (RLIMIT_NOFILE).
    pub open_files: Room,
    /// Processes and threads of this user (RLIMIT_NPROC) or of its control group (pids.max), whichever leaves less.
    pub processes: Room,
    /// The clocks.
    pub clock: Clock,
    /// The processors.
    pub processors: Processors,
    /// What the kernel tells about waits for a processor.
    pub schedstat: Schedstat,
}

/// A QEMU.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QemuFacts {
    /// The first line of `-version`.
    pub version: String,
    /// Whether the build has the sandbox that is asked of it.
    pub sandbox: bool,
}

/// KVM on this host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kvm {
    /// /dev/kvm.
    pub device: Device,
    /// Whether a guest has run under it.
    pub proof: Proof,
}

/// /dev/kvm, opened for reading and writing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Device {
    /// It opens.
    Opens,
    /// There is none.
    Absent,
    /// It is there, and this user may not open it.
    Denied,
    /// It does not open for this other reason.
    Broken(String),
}

/// Whether a guest has run under KVM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Proof {
    /// A guest with this kernel (`uname -r`) has spoken.
    Works(String),
    /// A guest with this kernel has not.
    Fails {
        /// The kernel's release.
        kernel: String,
        /// Why.
        reason: String,
    },
    /// Nobody tried: no kernel is in the cache.
    NoKernel,
    /// Nobody tried, as the device or QEMU does not allow it.
    NotTried,
}

/// A kernel in the cache, with which KVM can be proven.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CachedKernel {
    /// The bootable image.
    pub image: PathBuf,
    /// `uname -r`.
    pub release: String,
}

/// A program that runs call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tool {
    /// Its name.
    pub program: &'static str,
    /// Debian's package that has it.
    pub package: &'static str,
    /// What it is for.
    pub purpose: &'static str,
    /// Where it is, as far as it does what it is called for; else what is wrong.
    pub usable: Result<PathBuf, String>,
}

/// apt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Apt {
    /// Of its programs, those that are missing.
    pub missing: Vec<&'static str>,
    /// Whether a mirror of Debian is among its sources; why that could not be read, else.
    pub mirror: Result<bool, String>,
}

/// A folder that runs write to. It may not exist yet; then what is said holds for the nearest folder above it that does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The check's name.
    pub name: &'static str,
    /// The folder; empty where there is none.
    pub path: PathBuf,
    /// What a folder of its kind needs: at least, and to be comfortable, in bytes.
    pub needs: (u64, u64),
    /// The option or variable that moves it elsewhere.
    pub moved_by: &'static str,
    /// What is there; why that could not be found out, else.
    pub space: Result<Space, String>,
}

/// Room in a folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Space {
    /// Bytes that this user may still write.
    pub free: u64,
    /// Whether this user may write there at all.
    pub writable: bool,
}

/// Memory in bytes; `None` where the kernel does not tell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Memory {
    /// MemAvailable.
    pub available: Option<u64>,
    /// What the narrowest control group above this process still allows; `None` where none bounds it.
    pub group_left: Option<u64>,
}

/// A limit and what of it is used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Room {
    /// The limit; `None` where there is none.
    pub limit: Option<u64>,
    /// Used already.
    pub used: u64,
    /// Up to which this user may raise the limit; `None` where there is no such bound.
    pub hard: Option<u64>,
}

/// The clocks, over a sample of a second or so.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Clock {
    /// How often CLOCK_MONOTONIC was earlier than the reading before, of ten thousand.
    pub steps_back: u64,
    /// Its resolution in nanoseconds (clock_getres(2)).
    pub resolution_ns: u64,
    /// What CLOCK_MONOTONIC advanced by during the sample, in nanoseconds.
    pub monotonic_ns: u64,
    /// What CLOCK_MONOTONIC_RAW, which nobody adjusts, advanced by meanwhile.
    pub raw_ns: u64,
    /// What CLOCK_REALTIME advanced by meanwhile.
    pub realtime_ns: i64,
    /// CLOCK_REALTIME in seconds since 1970.
    pub now_s: i64,
    /// /sys/devices/system/clocksource/clocksource0/current_clocksource.
    pub source: Option<String>,
}

/// The processors.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Processors {
    /// How many this process may use.
    pub count: u64,
    /// Load average over a minute; `None` where it cannot be read.
    pub load: Option<f64>,
    /// Share of the processors' time that the hypervisor gave to others during the sample, 0 to 1.
    pub steal: Option<f64>,
}

/// /proc/thread-self/schedstat at the end of the sample.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Schedstat {
    /// There is no such file.
    Absent,
    /// It is not what proc(5) says; this is what it is.
    Strange(String),
    /// Its numbers.
    Counts {
        /// Time on a processor, in nanoseconds.
        run_ns: u64,
        /// Time waited for one, in nanoseconds.
        wait_ns: u64,
        /// Times on a processor.
        slices: u64,
    },
}
