//! A resolved scenario as a scenario file: complete, every default written out.
//! Lives here: from the model back to raw types, and those as YAML.
//! May not live here: writing to disk.

use super::image::{Credential, ImageSource, ImageSpec};
use super::kernel::{ConfigBase, Fragment, KernelSource, KernelSpec, SourceBuild, SourceTree};
use super::model::{Disk, Evidence, Expectation, Fault, FaultAction, Guest, Program, Scenario, Workload};
use super::raw::{
    RawArgs, RawBalloon, RawBase, RawDebianConfig, RawDisk, RawError, RawEvidence, RawExpectation, RawFault, RawGuest,
    RawImage, RawImageSource, RawKernel, RawLogin, RawPause, RawPhases, RawRoot, RawScenario, RawSource, RawSsh,
    RawStop, RawThrottle, RawTree, RawWorkload,
};
use super::scalars::{
    ArgText, BootWord, DiskName, Duration, FilePath, Flag, GitRef, GuestPath, ImageName, Initramfs, KernelName, Line,
    MakeName, MakeValue, ModuleName, Modules, MountPoint, Name, OptionLine, PackageName, Password, ProcessName,
    ReleaseName, Setting, SettingName, Sha256, Size, Until, UserName, VariableName, Whole,
};
use super::transport::Transport;
use super::value::{At, Entries, Scalar, Val};
use crate::event::{ProofUse, Rules};
use std::collections::BTreeMap;
use std::path::Path;

/// A resolved scenario as YAML; loading it gives the same scenario again, from any folder.
///
/// # Errors
/// None for a scenario that was loaded. One that was put together otherwise may hold what YAML cannot carry.
pub fn to_yaml(scenario: &Scenario) -> Result<String, serde_yaml::SerializeError> {
    serde_yaml::to_string(&raw(scenario))
}

/// Of a scenario's YAML as [`to_yaml`] writes it: what bears on a run. What is only said of the scenario, and what is expected of it, makes no
/// other run, so runs that are stored still count when that changes.
pub fn what_runs(yaml: &str) -> String {
    let mut said = false;
    let key = |line: &str| line.starts_with(|first: char| first.is_ascii_alphabetic());
    let kept = yaml.split_inclusive('\n').filter(|line| {
        if key(line) {
            said = ["summary:", "references:", "expect:"].iter().any(|key| line.starts_with(key));
        }
        !said
    });
    kept.collect()
}

fn raw(scenario: &Scenario) -> RawScenario {
    RawScenario {
        name: Val::of(&Name(scenario.name.clone())),
        summary: Val::of(&Line(scenario.summary.clone())),
        references: scenario.references.iter().map(|line| Val::of(&Line(line.clone()))).collect(),
        kernel: At::of(kernel(&scenario.kernel)),
        guest: guest(&scenario.guest),
        workload: workload(&scenario.workload),
        phases: Some(phases(&scenario.rules)),
        memcg: Some(Val::of(&Flag(scenario.rules.memcg))),
        probes: Some(At::of(scenario.probes.iter().map(Val::of).collect())),
        faults: scenario.faults.iter().map(|one| At::of(fault(one))).collect(),
        evidence: evidence(scenario.evidence),
        collect: scenario.collect.iter().map(|path| Val::of(&GuestPath(path.clone()))).collect(),
        expect: scenario.expect.iter().map(|one| At::of(expectation(one))).collect(),
    }
}

fn path(path: &Path) -> Val<FilePath> {
    Val::of(&FilePath(path.to_string_lossy().into_owned()))
}

fn kernel(kernel: &KernelSpec) -> RawKernel {
    let source = match kernel {
        KernelSpec::Named(name) => return RawKernel::Name(name.clone()),
        KernelSpec::Inline(KernelSource::Debian(debian)) => {
            RawSource { debian: Some(name(debian)), ..RawSource::default() }
        }
        KernelSpec::Inline(KernelSource::Image { image, modules }) => RawSource {
            image: Some(path(image)),
            modules: modules.as_ref().map(|modules| Val::of(&Modules(modules.to_string_lossy().into_owned()))),
            ..RawSource::default()
        },
        KernelSpec::Inline(KernelSource::Source(spec)) => build(spec),
    };
    RawKernel::Source(Box::new(source))
}

fn name(name: &str) -> Val<KernelName> {
    Val::of(&KernelName(name.to_owned()))
}

fn build(spec: &SourceBuild) -> RawSource {
    let file = |text: &str| Val::of(&FilePath(text.to_owned()));
    let tree = match &spec.tree {
        SourceTree::Path(place) => RawTree { path: Some(path(place)), ..RawTree::default() },
        SourceTree::Git { git, reference } => {
            let reference = Some(Val::of(&GitRef(reference.clone())));
            RawTree { git: Some(file(git)), reference, ..RawTree::default() }
        }
        SourceTree::Tarball { tarball, sha256 } => {
            let sha256 = sha256.as_ref().map(|hash| Val::of(&Sha256(hash.clone())));
            RawTree { tarball: Some(file(tarball)), sha256, ..RawTree::default() }
        }
        SourceTree::Debian(package) => RawTree { debian: Some(file(package)), ..RawTree::default() },
    };
    let base = match &spec.base {
        ConfigBase::Target(target) => RawBase::Text(target.clone()),
        ConfigBase::File(file) => RawBase::Text(file.to_string_lossy().into_owned()),
        ConfigBase::Debian(debian) => RawBase::Debian(RawDebianConfig { debian: name(debian) }),
    };
    let fragment = |fragment: &Fragment| match fragment {
        Fragment::Named(name) => file(name),
        Fragment::File(place) => path(place),
    };
    let variable = |value: &String| Val::of(&MakeValue(value.clone()));
    let make: Vec<_> = entries(&spec.make, MakeName).map(|(name, value)| (name, variable(value))).collect();
    RawSource {
        source: Some(At::of(tree)),
        base: Some(At::of(base)),
        config: Some(At::of(spec.config.iter().map(fragment).collect())),
        required: spec.required.iter().map(|option| Val::of(&OptionLine(option.clone()))).collect(),
        patches: spec.patches.iter().map(|patch| path(patch)).collect(),
        fuzz: Some(Val::of(&Whole(spec.fuzz.into()))),
        make: (!make.is_empty()).then_some(Entries(make)),
        modules: Some(Val::of(&Modules(spec.modules.to_string()))),
        ..RawSource::default()
    }
}

fn entries<K: Scalar, V>(map: &BTreeMap<String, V>, key: fn(String) -> K) -> impl Iterator<Item = (Val<K>, &V)> {
    map.iter().map(move |(name, value)| (Val::of(&key(name.clone())), value))
}

fn guest(guest: &Guest) -> RawGuest {
    let disk = |disk: &Disk| RawDisk {
        filesystem: Val::of(&disk.filesystem),
        size: Val::of(&Size(disk.size)),
        mount: disk.mount.as_ref().map(|mount| Val::of(&MountPoint(mount.clone()))),
    };
    let disks: Vec<_> = entries(&guest.disks, DiskName).map(|(name, one)| (name, disk(one))).collect();
    let setting = |value: &String| Val::of(&Setting(value.clone()));
    let sysctl = entries(&guest.sysctl, SettingName).map(|(name, value)| (name, setting(value))).collect();
    let files: Vec<_> = entries(&guest.files, GuestPath).map(|(name, file)| (name, path(file))).collect();
    RawGuest {
        cpus: Val::of(&Whole(guest.cpus.into())),
        memory: Val::of(&Size(guest.memory)),
        image: image(&guest.image),
        // Nothing where it is as in every scenario of old.
        transport: (guest.transport != Transport::Serial).then(|| Val::of(&guest.transport)),
        disks: (!disks.is_empty()).then_some(Entries(disks)),
        sysctl: Some(Entries(sysctl)),
        modules: guest.modules.iter().map(|module| Val::of(&ModuleName(module.clone()))).collect(),
        cmdline: guest.cmdline.iter().map(|word| Val::of(&BootWord(word.clone()))).collect(),
        files: (!files.is_empty()).then_some(Entries(files)),
    }
}

/// Nothing where it is the one of every scenario of old: so are those written, and series on them go on.
fn image(image: &ImageSpec) -> Option<At<RawImage>> {
    let source = match image {
        image if *image == ImageSpec::default() => return None,
        ImageSpec::Named(name) => return Some(At::of(RawImage::Name(ImageName(name.clone()).text()))),
        ImageSpec::Inline(source) => source,
    };
    let raw = match source {
        ImageSource::Minimal => RawImageSource { initramfs: Some(Val::of(&Initramfs)), ..RawImageSource::default() },
        ImageSource::Debian(debian) => {
            let packages = debian.packages.iter().map(|name| Val::of(&PackageName(name.clone())));
            RawImageSource {
                debian: Some(Val::of(&ReleaseName(debian.release.clone()))),
                filesystem: Some(Val::of(&debian.filesystem)),
                packages: (!debian.packages.is_empty()).then(|| At::of(packages.collect())),
                size: Some(Val::of(&Size(debian.size))),
                kernel: Some(Val::of(&debian.kernel)),
                ..RawImageSource::default()
            }
        }
        ImageSource::Disk(disk) => {
            let (key, password) = match &disk.ssh.with {
                Credential::Key(key) => (Some(path(key)), None),
                Credential::Password(password) => (None, Some(Val::of(&Password(password.clone())))),
            };
            let root = disk.root.map(|root| RawRoot {
                partition: root.partition.map(|number| Val::of(&Whole(number.into()))),
                filesystem: Val::of(&root.filesystem),
            });
            RawImageSource {
                disk: Some(path(&disk.disk)),
                ssh: Some(At::of(RawSsh { user: Val::of(&UserName(disk.ssh.user.clone())), key, password })),
                root: root.map(At::of),
                kernel: Some(Val::of(&disk.kernel)),
                ..RawImageSource::default()
            }
        }
    };
    Some(At::of(RawImage::Source(Box::new(raw))))
}

fn workload(workload: &Workload) -> RawWorkload {
    let text = |text: &String| Val::of(&ArgText(text.clone()));
    let env: Vec<_> = entries(&workload.env, VariableName).map(|(name, value)| (name, text(value))).collect();
    RawWorkload {
        program: match &workload.program {
            Program::Reproducer(name) => Val::of(&FilePath(name.clone())),
            Program::Path(file) => path(file),
        },
        args: Some(RawArgs::List(workload.args.iter().map(text).collect())),
        env: (!env.is_empty()).then_some(Entries(env)),
    }
}

fn phases(rules: &Rules) -> RawPhases {
    let time = |ms: u64| Some(Val::of(&Duration(ms)));
    RawPhases {
        boot: if rules.boot_ms == 0 { None } else { time(rules.boot_ms) },
        settle: time(rules.settle_ms),
        pressure: time(rules.pressure_ms),
        verify: time(rules.verify_ms),
        stall_after: time(rules.stall_after_ms),
        frozen_for: time(rules.frozen_for_ms),
        stall_max: time(rules.stall_max_ms),
        escape: time(rules.escape_ms),
        wall: time(rules.wall_ms),
        movement: Some(Val::of(&Size(rules.movement_kb * 1024))),
        // As it is by default it is not written: so are the scenarios of old, and series on them go on.
        proof: (rules.proof != ProofUse::Decides).then(|| Val::of(&rules.proof)),
    }
}

fn fault(fault: &Fault) -> RawFault {
    let disk = |disk: &String| Val::of(&DiskName(disk.clone()));
    let mut raw = RawFault {
        at: Val::of(&Duration(fault.at_ms)),
        until: Some(Val::of(&fault.until_ms.map_or(Until::Lift, Until::Time))),
        throttle: None,
        stop: None,
        error: None,
        balloon: None,
        pause: None,
    };
    match &fault.action {
        FaultAction::Throttle { disk: name, iops, bps } => {
            let (iops, bps) = (iops.map(|iops| Val::of(&Whole(iops))), bps.map(|bps| Val::of(&Size(bps))));
            raw.throttle = Some(At::of(RawThrottle { disk: disk(name), iops, bps }));
        }
        FaultAction::Stop { disk: name } => raw.stop = Some(At::of(RawStop { disk: disk(name) })),
        FaultAction::Error { disk: name, errno, on } => {
            let on = Some(At::of(on.iter().map(Val::of).collect()));
            raw.error = Some(At::of(RawError { disk: disk(name), errno: Some(Val::of(errno)), on }));
        }
        FaultAction::Balloon { memory } => {
            raw.balloon = Some(At::of(RawBalloon { memory: Val::of(&Size(*memory)) }));
        }
        FaultAction::Pause { for_ms } => {
            raw.until = None;
            raw.pause = Some(At::of(RawPause { time: Val::of(&Duration(*for_ms)) }));
        }
    }
    raw
}

/// Nothing where nothing is asked for: so are the scenarios of old written, and series on them go on.
fn evidence(evidence: Evidence) -> Option<RawEvidence> {
    let flag = |on: bool| on.then(|| Val::of(&Flag(true)));
    (evidence != Evidence::default()).then(|| RawEvidence {
        core: flag(evidence.core),
        keep: flag(evidence.keep),
        sample: (evidence.sample > 0).then(|| Val::of(&Whole(evidence.sample.into()))),
    })
}

fn expectation(one: &Expectation) -> RawExpectation {
    let victim = |name: &String| Val::of(&ProcessName(name.clone()));
    RawExpectation {
        kernel: one.kernel.as_deref().map(name),
        tag: one.tag.as_deref().map(name),
        version: (!one.version.is_empty()).then(|| Val::of(&one.version)),
        outcome: Val::of(&one.outcome),
        mechanism: one.mechanism.as_ref().map(Val::of),
        max_stall: one.max_stall_ms.map(|ms| Val::of(&Duration(ms))),
        max_kills: one.max_kills.map(|kills| Val::of(&Whole(kills))),
        victims: one.victims.as_ref().map(|names| At::of(names.iter().map(victim).collect())),
        login: one.login_max_ms.map(|ms| At::of(RawLogin { max: Val::of(&Duration(ms)) })),
    }
}
