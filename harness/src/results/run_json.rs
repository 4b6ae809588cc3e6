//! run.json: what became of a run, for people and programs.
//! Lives here: the record, its schema version, reading it back, the checks that keep it sound.
//! May not live here: how it is arrived at (`verdict`), or where it is kept (`store`).

use crate::event::{Phase, Reason};
use crate::kmsg::Scope;
use crate::scenario::{Mechanism, Outcome};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// Version of the record. Fields are only added within a version; a reader passes over those it does not know.
pub const SCHEMA: u32 = 1;

/// What became of one run. Times are in seconds of fair time unless a field says wall.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunJson {
    /// [`SCHEMA`] of the writer.
    pub schema: u32,
    /// The scenario's name.
    pub scenario: String,
    /// The kernel's name.
    pub kernel: String,
    /// The outcome; null when the run is inconclusive.
    pub outcome: Option<Outcome>,
    /// Why it hung; null unless the outcome is `hung`.
    pub mechanism: Option<Mechanism>,
    /// Why there is no outcome; null when there is one.
    pub inconclusive: Option<Reason>,
    /// The reason in words.
    pub inconclusive_detail: Option<String>,
    /// Whether everything the scenario expects of this kernel came true. False for an inconclusive run.
    pub expected: bool,
    /// What did not come true, each in a sentence.
    pub differences: Vec<String>,
    /// Every OOM kill, in order.
    pub kills: Vec<KillRecord>,
    /// The longest time that a required probe was outstanding past its bound.
    pub max_stall_s: f64,
    /// The longest stretch of a stall without movement.
    pub longest_frozen_s: f64,
    /// From the start of pressure to the first kill that counts; null without one.
    pub time_to_first_kill_s: Option<f64>,
    /// The phases in their order.
    pub phases: Vec<PhaseTime>,
    /// The escape that ended a hang; null when there was no hang or nothing helped.
    pub ended_by: Option<String>,
    /// What was tried against a hang, in order.
    pub escapes: Vec<Escape>,
    /// The events on which the verdict rests.
    pub evidence: Vec<Evidence>,
    /// The machine that ran it.
    pub host: Host,
    /// The kernel, so that it can be told from another of the same name.
    pub kernel_identity: KernelIdentity,
    /// Seed of the workload.
    pub seed: u64,
    /// When it began, RFC 3339 in UTC.
    pub started: Timestamp,
    /// How long it took, in seconds of wall time.
    pub duration_s: f64,
    /// The result folder. Not in the file, which may be moved: filled in by whoever loads it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result: Option<PathBuf>,
}

/// One OOM kill.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct KillRecord {
    /// When, in seconds of fair time since the run began.
    pub time_s: f64,
    /// In which phase.
    pub phase: Phase,
    /// Which memory it was about.
    pub scope: Scope,
    /// The victim's name.
    pub victim: String,
    /// The victim's process id in the guest.
    pub pid: u32,
    /// What the victim was.
    pub role: Role,
    /// Whether it bears on the outcome: of the right scope, under pressure, and not asked for by us.
    pub counts: bool,
}

/// What a victim was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// A process of the workload.
    Workload,
    /// A probe, or the agent.
    Probe,
    /// Anything else in the guest.
    Other,
}

/// How long a phase took.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PhaseTime {
    /// The phase.
    pub phase: Phase,
    /// Seconds of fair time.
    pub fair_s: f64,
    /// Seconds of wall time.
    pub wall_s: f64,
}

/// One thing that was tried against a hang.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Escape {
    /// `sysrq-f`, `release` or `sysrq-i`.
    pub escape: String,
    /// When, in seconds of fair time since the run began.
    pub time_s: f64,
    /// Whether every required probe answered after it.
    pub helped: bool,
    /// What it changed, in words.
    pub effect: String,
}

/// An event on which the verdict rests.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evidence {
    /// Its `seq` in events.jsonl.
    pub seq: u64,
    /// What it shows, in a sentence.
    pub text: String,
}

/// The machine that ran it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Host {
    /// Version of QEMU, for example `7.2.19`.
    pub qemu_version: String,
    /// `kvm` or `tcg`.
    pub accelerator: String,
    /// Its name.
    pub hostname: String,
    /// Model of its processor.
    pub cpu_model: String,
}

/// What tells a kernel from another of the same name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KernelIdentity {
    /// `uname -r`.
    pub release: String,
    /// BLAKE3 of the image in hex.
    pub hash: String,
    /// Where it came from.
    pub origin: String,
    /// Its tags; each patch adds its name.
    pub tags: Vec<String>,
}

/// Why a run.json cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The file could not be read.
    #[error("run.json cannot be read: {0}")]
    Io(#[from] std::io::Error),
    /// Longer than any record is.
    #[error("run.json is longer than {limit} bytes, so it is not a run's record")]
    TooLong {
        /// The bound.
        limit: u64,
    },
    /// Not JSON, or a field is missing or wrong.
    #[error("run.json is no record of a run: {0}")]
    Syntax(#[from] serde_json::Error),
    /// Written by a newer oomph.
    #[error("run.json was written with schema {found}, this oomph knows up to {SCHEMA}: use a newer oomph")]
    TooNew {
        /// The writer's schema.
        found: u32,
    },
}

/// A record that contradicts itself; such a one is never written.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unsound {
    /// Not the version that this code writes.
    #[error("schema is {0}, expected {SCHEMA}")]
    Schema(u32),
    /// Neither or both of outcome and inconclusive.
    #[error("expected either an outcome or the reason why there is none")]
    Outcome,
    /// A mechanism without a hang.
    #[error("a mechanism is given although the outcome is not hung")]
    Mechanism,
    /// JSON has no such number.
    #[error("{0} is not a finite number")]
    NotFinite(&'static str),
}

impl RunJson {
    /// Reads a record.
    ///
    /// # Errors
    /// Where the text is no record, or one of a newer schema.
    pub fn parse(text: &str) -> Result<Self, ReadError> {
        #[derive(Deserialize)]
        struct Version {
            schema: u32,
        }
        let Version { schema: found } = serde_json::from_str(text)?;
        if found > SCHEMA {
            return Err(ReadError::TooNew { found });
        }
        Ok(serde_json::from_str(text)?)
    }

    /// Checks what the types cannot say.
    ///
    /// # Errors
    /// The first contradiction found.
    pub fn check(&self) -> Result<(), Unsound> {
        if self.schema != SCHEMA {
            return Err(Unsound::Schema(self.schema));
        }
        if self.outcome.is_some() == self.inconclusive.is_some() {
            return Err(Unsound::Outcome);
        }
        if self.mechanism.is_some() && self.outcome != Some(Outcome::Hung) {
            return Err(Unsound::Mechanism);
        }
        let kills = self.kills.iter().map(|kill| ("kills.time_s", kill.time_s));
        let escapes = self.escapes.iter().map(|escape| ("escapes.time_s", escape.time_s));
        let phases =
            self.phases.iter().flat_map(|phase| [("phases.fair_s", phase.fair_s), ("phases.wall_s", phase.wall_s)]);
        [
            ("max_stall_s", self.max_stall_s),
            ("longest_frozen_s", self.longest_frozen_s),
            ("time_to_first_kill_s", self.time_to_first_kill_s.unwrap_or(0.0)),
            ("duration_s", self.duration_s),
        ]
        .into_iter()
        .chain(kills)
        .chain(escapes)
        .chain(phases)
        .find(|(_, value)| !value.is_finite())
        .map_or(Ok(()), |(name, _)| Err(Unsound::NotFinite(name)))
    }
}

#[cfg(test)]
pub(super) mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// A record of a run that hung, with something in every field.
    pub(in crate::results) fn sample() -> RunJson {
        RunJson {
            schema: SCHEMA,
            scenario: "xfs-inode-mutex".into(),
            kernel: "debian-6.1".into(),
            outcome: Some(Outcome::Hung),
            mechanism: Some(Mechanism::OomDeadlock),
            inconclusive: None,
            inconclusive_detail: None,
            expected: false,
            differences: vec!["outcome is hung, expected oom-killed".into()],
            kills: vec![KillRecord {
                time_s: 12.5,
                phase: Phase::Pressure,
                scope: Scope::Global,
                victim: "hog (1)".into(),
                pid: 812,
                role: Role::Workload,
                counts: true,
            }],
            max_stall_s: 61.25,
            longest_frozen_s: 60.0,
            time_to_first_kill_s: Some(7.5),
            phases: vec![PhaseTime { phase: Phase::Boot, fair_s: 9.0, wall_s: 11.0 }],
            ended_by: Some("release".into()),
            escapes: vec![Escape {
                escape: "release".into(),
                time_s: 90.0,
                helped: true,
                effect: "226 MB free".into(),
            }],
            evidence: vec![Evidence { seq: 41, text: "spawn outstanding for 61.2 s".into() }],
            host: Host {
                qemu_version: "7.2.19".into(),
                accelerator: "tcg".into(),
                hostname: "builder".into(),
                cpu_model: "Some CPU".into(),
            },
            kernel_identity: KernelIdentity {
                release: "6.1.0-56-amd64".into(),
                hash: "00ff".into(),
                origin: "linux-image-6.1.0-56-amd64 6.1.192-2 (Debian)".into(),
                tags: vec!["no-oom-reaper".into()],
            },
            seed: 7,
            started: "2026-11-24T19:33:21Z".parse().unwrap(),
            duration_s: 130.0,
            result: None,
        }
    }

    #[test]
    fn the_format_is_the_documented_one() {
        insta::assert_json_snapshot!(sample());
    }

    #[test]
    fn comes_back_as_it_was_written() {
        let text = serde_json::to_string_pretty(&sample()).unwrap();
        assert_eq!(RunJson::parse(&text).unwrap(), sample());
    }

    #[test]
    fn an_inconclusive_run_says_so_with_null() {
        let run = RunJson { outcome: None, mechanism: None, inconclusive: Some(Reason::NoPressure), ..sample() };
        assert_eq!(run.check(), Ok(()));
        let value = serde_json::to_value(&run).unwrap();
        assert_eq!((value["outcome"].is_null(), value["inconclusive"].as_str()), (true, Some("no-pressure")));
    }

    #[test]
    fn what_is_newer_or_broken_is_named() {
        let newer = serde_json::to_string(&sample()).unwrap().replace(r#""schema":1"#, r#""schema":2,"x":1"#);
        assert!(matches!(RunJson::parse(&newer), Err(ReadError::TooNew { found: 2 })));
        assert!(matches!(RunJson::parse("{}"), Err(ReadError::Syntax(_))));
        let more = serde_json::to_string(&sample()).unwrap().replace(r#""schema":1"#, r#""schema":1,"x":1"#);
        assert_eq!(RunJson::parse(&more).unwrap(), sample());
    }

    #[test]
    fn contradictions_are_found() {
        assert_eq!(sample().check(), Ok(()));
        assert_eq!(RunJson { schema: 0, ..sample() }.check(), Err(Unsound::Schema(0)));
        assert_eq!(RunJson { outcome: None, mechanism: None, ..sample() }.check(), Err(Unsound::Outcome));
        assert_eq!(RunJson { inconclusive: Some(Reason::NoBoot), ..sample() }.check(), Err(Unsound::Outcome));
        let recovered = RunJson { outcome: Some(Outcome::Recovered), ..sample() };
        assert_eq!(recovered.check(), Err(Unsound::Mechanism));
        assert_eq!(RunJson { max_stall_s: f64::NAN, ..sample() }.check(), Err(Unsound::NotFinite("max_stall_s")));
        let mut run = sample();
        run.kills[0].time_s = f64::INFINITY;
        assert_eq!(run.check(), Err(Unsound::NotFinite("kills.time_s")));
    }
}
