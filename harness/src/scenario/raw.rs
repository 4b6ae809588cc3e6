//! The scenario file as it is written: keys and nesting, and nothing else.
//! Lives here: one type a map, its keys, what each is for (also the JSON Schema's descriptions).
//! May not live here: what values mean together (`check`), or serde's tag, untagged and flatten (they lose the place).

mod fault;
mod image;
mod kernel;
mod matrix;

pub use fault::{RawBalloon, RawError, RawFault, RawPause, RawStop, RawThrottle};
pub use image::{RawImage, RawImageSource, RawRoot, RawSsh};
pub use kernel::{RawBase, RawDebianConfig, RawKernel, RawKernels, RawSource, RawTree};
pub use matrix::{RawCellExpectation, RawInclude, RawMatrix, RawPick};

use super::model::{Filesystem, Mechanism, Outcome, ProbeKind, VersionBound};
use super::scalars::{
    ArgName, ArgText, BootWord, DiskName, Duration, FilePath, Flag, GuestPath, KernelName, Line, ModuleName,
    MountPoint, Name, ProcessName, Setting, SettingName, Size, VariableName, Whole,
};
use super::transport::Transport;
use super::value::{At, Entries, Val};
use crate::event::ProofUse;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::borrow::Cow;
use std::fmt;

/// A scenario of oomph: what a run does to a guest, and what should come of it.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Scenario")]
pub struct RawScenario {
    /// The scenario's name; also the name of its folder of results.
    pub name: Val<Name>,
    /// What it shows, in a sentence.
    pub summary: Val<Line>,
    /// Where that comes from: links, titles.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub references: Vec<Val<Line>>,
    /// The kernel: a name from kernel-configs/kernels.yaml, or one written inline.
    pub kernel: At<RawKernel>,
    /// The virtual machine.
    pub guest: RawGuest,
    /// What presses.
    pub workload: RawWorkload,
    /// Times and bounds. All are the guest's fair time, except `wall`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phases: Option<RawPhases>,
    /// Whether kills inside a memory cgroup count as kills. Default: false.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memcg: Option<Val<Flag>>,
    /// The probes that run; login is the host's, over ssh. Default: beat, counters, fault, spawn, and file where there are disks to write files to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub probes: Option<At<Vec<Val<ProbeKind>>>>,
    /// What the host does to the guest during pressure.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub faults: Vec<At<RawFault>>,
    /// What is taken of a guest that hangs, before anything is tried against it. Default: its registers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evidence: Option<RawEvidence>,
    /// Files and directories of the guest that are brought back at the end of a run, where the guest still answers: at most 256 KiB
    /// each and 1 MiB in all, with `guest.transport: ssh` 64 MiB and 256 MiB.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("examples" = [["/proc/vmstat", "/sys/kernel/mm"]]))]
    pub collect: Vec<Val<GuestPath>>,
    /// What should come of it; the first that matches the kernel counts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub expect: Vec<At<RawExpectation>>,
}

/// The virtual machine.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Guest")]
pub struct RawGuest {
    /// Virtual processors.
    #[schemars(extend("examples" = [2]))]
    pub cpus: Val<Whole<1, 64>>,
    /// Memory, in whole MiB.
    #[schemars(extend("examples" = ["256 MiB"]))]
    pub memory: Val<Size>,
    /// What it boots into: a name from images/, or an image described inline. Default: minimal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<At<RawImage>>,
    /// How `collect` brings files back: `serial`, or `ssh`, for which files may have 64 MiB each and 256 MiB in all. Default: serial.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transport: Option<Val<Transport>>,
    /// Disks by name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disks: Option<Entries<DiskName, RawDisk>>,
    /// Kernel settings to write before the workload starts. Default: vm.oom_dump_tasks is 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sysctl: Option<Entries<SettingName, Val<Setting>>>,
    /// Kernel modules to load besides those that the disks need; what is built in is there already.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("examples" = [["loop"]]))]
    pub modules: Vec<Val<ModuleName>>,
    /// Words to add to the kernel's command line.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cmdline: Vec<Val<BootWord>>,
    /// Files of this machine that are put into the guest: paths there, and paths here. They take up the guest's memory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("examples" = [{"/etc/my.conf": "./my.conf"}]))]
    pub files: Option<Entries<GuestPath, Val<FilePath>>>,
}

/// A disk. What is written to it is gone after the run.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Disk")]
pub struct RawDisk {
    /// What is on it: a filesystem, or swap space.
    #[schemars(extend("examples" = ["xfs"]))]
    pub filesystem: Val<Filesystem>,
    /// Its size, in whole MiB.
    #[schemars(extend("examples" = ["512 MiB"]))]
    pub size: Val<Size>,
    /// Where the guest mounts it. Every disk but swap has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("examples" = ["/data"]))]
    pub mount: Option<Val<MountPoint>>,
}

/// What presses.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Workload")]
pub struct RawWorkload {
    /// One of oomph's reproducers by name, or a path (with a slash in it) to an executable.
    #[schemars(extend("examples" = ["xfs-inode-mutex", "./my-program"]))]
    pub program: Val<FilePath>,
    /// Its arguments: a map becomes `--key=value` in the order written, a list is taken as it stands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub args: Option<RawArgs>,
    /// Variables to add to its environment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub env: Option<Entries<VariableName, Val<ArgText>>>,
}

/// Arguments: options by name, or all as they stand.
#[derive(Debug)]
pub enum RawArgs {
    /// `{writers: 10}` for `--writers=10`.
    Options(Entries<ArgName, Val<ArgText>>),
    /// `[--writers=10]`.
    List(Vec<Val<ArgText>>),
}

/// Times and bounds of a run.
#[derive(Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Phases")]
pub struct RawPhases {
    /// Time to become ready. Default: as the accelerator wants it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub boot: Option<Val<Duration>>,
    /// The guest at rest; every required probe must succeed twice. Default: 5s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settle: Option<Val<Duration>>,
    /// The workload's time. Default: 1m.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pressure: Option<Val<Duration>>,
    /// Time for every required probe to succeed twice after the workload is gone. Default: 30s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verify: Option<Val<Duration>>,
    /// A required probe that is silent for so long is a stall. Default: 10s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stall_after: Option<Val<Duration>>,
    /// A stall without movement for so long is a hang. Default: 2m, twice the longest seen to end by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub frozen_for: Option<Val<Duration>>,
    /// A stall that moves and lasts so long leaves the run inconclusive. Default: 5m.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stall_max: Option<Val<Duration>>,
    /// Time that each escape from a hang is given. Default: 15s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub escape: Option<Val<Duration>>,
    /// Bound on the whole run, in wall time. Default: 1h.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wall: Option<Val<Duration>>,
    /// Free, file or anonymous memory off by more than this is movement. Default: 256 KiB.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub movement: Option<Val<Size>>,
    /// What a closed cycle of waiting that stands in the guest's memory is good for: `decides` that it is hung, or is only `told`, so
    /// that the rules' verdict can be held against it. Default: decides.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proof: Option<Val<ProofUse>>,
}

/// What is taken of a guest, and of one that hangs. A core takes as much room as the guest has memory, less what compression saves.
#[derive(Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Evidence")]
pub struct RawEvidence {
    /// Its memory, as a core for crash and drgn. Default: false.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub core: Option<Val<Flag>>,
    /// The whole guest, for `oomph attach`. Default: false.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keep: Option<Val<Flag>>,
    /// How many times a second to look at its tasks from outside, from the start of pressure on, 1 to 4. Default: only while it stalls.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sample: Option<Val<Whole<1, 4>>>,
}

/// What should come of a run, on the kernels that `kernel`, `tag` and `version` all match.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Expectation")]
pub struct RawExpectation {
    /// Only the kernel of this name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kernel: Option<Val<KernelName>>,
    /// Only kernels with this tag; a patch's name is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tag: Option<Val<KernelName>>,
    /// Only kernels of these versions. A bound without a patch level compares major and minor only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<Val<Vec<VersionBound>>>,
    /// The outcome.
    #[schemars(extend("examples" = ["oom-killed"]))]
    pub outcome: Val<Outcome>,
    /// Why it hung.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mechanism: Option<Val<Mechanism>>,
    /// The longest time that a required probe may be silent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_stall: Option<Val<Duration>>,
    /// The most kills.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_kills: Option<Val<Whole<0, 1_000_000>>>,
    /// Every victim has one of these names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub victims: Option<At<Vec<Val<ProcessName>>>>,
    /// How the logins of the `login` probe fare.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub login: Option<At<RawLogin>>,
}

/// How logins fare from the start of pressure on.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Login")]
pub struct RawLogin {
    /// The longest that one may take; and none may fail.
    #[schemars(extend("examples" = ["5s"]))]
    pub max: Val<Duration>,
}

impl<'de> Deserialize<'de> for RawArgs {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;
        impl<'de> Visitor<'de> for Reader {
            type Value = RawArgs;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map such as `{writers: 10}` or a list such as `[--writers=10]`")
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<RawArgs, A::Error> {
                Entries::deserialize(MapAccessDeserializer::new(map)).map(RawArgs::Options)
            }

            fn visit_seq<A: SeqAccess<'de>>(self, items: A) -> Result<RawArgs, A::Error> {
                Vec::deserialize(SeqAccessDeserializer::new(items)).map(RawArgs::List)
            }
        }
        deserializer.deserialize_any(Reader)
    }
}

impl Serialize for RawArgs {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Options(options) => options.serialize(serializer),
            Self::List(list) => list.serialize(serializer),
        }
    }
}

impl JsonSchema for RawArgs {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Args".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "anyOf": [
                generator.subschema_for::<Entries<ArgName, Val<ArgText>>>(),
                generator.subschema_for::<Vec<Val<ArgText>>>(),
            ],
        })
    }
}
