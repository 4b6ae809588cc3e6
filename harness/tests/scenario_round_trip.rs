//! Sound scenarios of every kind, written as YAML and read again.
//! Lives here: the generator of sound scenarios.
//! May not live here: what is not sound.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use oomph::event::Rules;
use oomph::scenario::{
    ConfigBase, Credential, DebianImage, Disk, DiskError, DiskImage, Evidence, Expectation, FRAGMENTS, Fault,
    FaultAction, Filesystem, Fragment, Guest, ImageKernel, ImageSource, ImageSpec, KernelSource, KernelSpec, Mechanism,
    Operation, Outcome, ProbeKind, Program, REPRODUCERS, RootPlace, Scenario, SourceBuild, SourceTree, Ssh, Transport,
    VersionBound, VersionOp, Workload, json_schema, parse, to_yaml,
};
use proptest::prelude::*;
use proptest::sample::select;
use std::path::Path;

thread_local! {
    static SCHEMA: jsonschema::Validator = jsonschema::validator_for(&json_schema()).unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn a_sound_scenario_fits_the_schema(scenario in sound()) {
        let text = to_yaml(&scenario).unwrap();
        let value: serde_json::Value = serde_yaml::from_str(&text).unwrap();
        let errors: Vec<String> = SCHEMA.with(|schema| schema.iter_errors(&value).map(|error| error.to_string()).collect());
        prop_assert!(errors.is_empty(), "{:?}\n{}", errors, text);
    }

    #[test]
    fn a_sound_scenario_comes_back_from_yaml_as_it_was(scenario in sound()) {
        let yaml = to_yaml(&scenario).unwrap();
        match parse(&yaml, Path::new("/x.yaml"), &[]) {
            Ok(again) => prop_assert_eq!(again, scenario, "{}", yaml),
            Err(error) => return Err(TestCaseError::fail(format!("{error}\n{yaml}"))),
        }
    }
}

fn line() -> impl Strategy<Value = String> {
    prop_oneof![
        "[^\\x00-\\x1f\\x7f-\\x9f]{1,60}",
        select(vec!["null", "~", "true", "5", "1e3", "- a", "a: b", "#x", " x ", "|", "'", "\\", "0x1f"])
            .prop_map(String::from)
    ]
}

fn action() -> impl Strategy<Value = FaultAction> {
    let disk = String::new;
    let errno = prop::sample::select(vec![DiskError::Io, DiskError::NoSpace]);
    let on = prop::sample::subsequence(Operation::ALL.to_vec(), 1..=3);
    prop_oneof![
        (1u64..1000, prop::option::of(1u64..u64::MAX)).prop_map(move |(iops, bps)| FaultAction::Throttle {
            disk: disk(),
            iops: Some(iops),
            bps
        }),
        Just(FaultAction::Stop { disk: disk() }),
        (errno, on).prop_map(move |(errno, on)| FaultAction::Error { disk: disk(), errno, on }),
        (64u64..96).prop_map(|mib| FaultAction::Balloon { memory: mib << 20 }),
        (1u64..60_000).prop_map(|for_ms| FaultAction::Pause { for_ms }),
    ]
}

/// The action on this disk; `None` where there is none, or a balloon that would leave all.
fn on_disk(mut action: FaultAction, disk: Option<&String>, memory: u64) -> Option<FaultAction> {
    match &mut action {
        FaultAction::Throttle { disk: name, .. }
        | FaultAction::Stop { disk: name }
        | FaultAction::Error { disk: name, .. } => {
            name.clone_from(disk?);
        }
        FaultAction::Balloon { memory: left } if *left >= memory => return None,
        FaultAction::Balloon { .. } | FaultAction::Pause { .. } => {}
    }
    Some(action)
}

fn arg() -> impl Strategy<Value = String> {
    prop_oneof!["[^\\x00]{0,40}", line()]
}

/// An image of any kind; a file that is there stands for a disk and for a key.
fn image() -> impl Strategy<Value = ImageSpec> {
    let file = || Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml");
    let kernel = || select(vec![ImageKernel::Ours, ImageKernel::Own]);
    let packages = prop::collection::btree_set("[a-z0-9][a-z0-9+.-]{1,9}", 0..4);
    let root = select(vec![Filesystem::Xfs, Filesystem::Ext4]);
    let debian = ("[a-z][a-z0-9-]{0,9}", root, packages, 1024u64..5000, kernel()).prop_map(
        |(release, filesystem, packages, mib, kernel)| {
            let packages = packages.into_iter().collect();
            ImageSource::Debian(DebianImage { release, filesystem, packages, size: mib << 20, kernel })
        },
    );
    let with = prop_oneof![Just(Credential::Key(file())), line().prop_map(Credential::Password)];
    let root = (prop::option::of(1u8..=128), select(vec![Filesystem::Xfs, Filesystem::Ext4, Filesystem::Btrfs]))
        .prop_map(|(partition, filesystem)| RootPlace { partition, filesystem });
    let disk = ("[a-z_][a-z0-9._-]{0,9}", with, prop::option::of(root)).prop_map(move |(user, with, root)| {
        let kernel = if root.is_some() { ImageKernel::Ours } else { ImageKernel::Own };
        ImageSource::Disk(DiskImage { disk: file(), ssh: Ssh { user, with }, root, kernel })
    });
    prop_oneof![
        4 => Just(ImageSpec::default()),
        1 => "[a-z0-9][a-z0-9._-]{0,9}".prop_map(ImageSpec::Named),
        1 => Just(ImageSpec::Inline(ImageSource::Minimal)),
        1 => debian.prop_map(ImageSpec::Inline),
        1 => disk.prop_map(ImageSpec::Inline),
    ]
}

fn guest() -> impl Strategy<Value = Guest> {
    let filesystem = prop::sample::select(vec![Filesystem::Xfs, Filesystem::Ext4, Filesystem::Btrfs, Filesystem::Swap]);
    let disks = prop::collection::btree_map("[a-z][a-z0-9-]{0,19}", (filesystem, 300u64..5000), 0..4);
    let sysctl = prop::collection::btree_map("net\\.[a-z0-9_-]{1,9}(\\.[a-z]{1,5})?", line(), 0..3);
    let cmdline = prop::collection::vec("x[!-~]{0,20}", 0..3);
    let modules = prop::collection::vec("[a-z0-9][a-zA-Z0-9_-]{0,9}", 0..3);
    let rest = (modules, cmdline, image(), select(vec![Transport::Serial, Transport::Ssh]));
    (1u32..=64, 96u64..4096, disks, sysctl, rest).prop_map(
        |(cpus, mib, disks, mut sysctl, (modules, cmdline, image, transport))| {
            sysctl.insert("vm.oom_dump_tasks".into(), "0".into());
            let disk = |(n, (name, (filesystem, mib))): (usize, (String, (Filesystem, u64)))| {
                let mount = filesystem.holds_files().then(|| format!("/d{n}/x"));
                (name, Disk { filesystem, size: mib << 20, mount })
            };
            let disks = disks.into_iter().enumerate().map(disk).collect();
            Guest {
                cpus,
                memory: mib << 20,
                image,
                transport,
                disks,
                sysctl,
                modules,
                cmdline,
                files: std::collections::BTreeMap::new(),
            }
        },
    )
}

fn expectation() -> impl Strategy<Value = Expectation> {
    let outcome = select(vec![Outcome::Recovered, Outcome::OomKilled, Outcome::Hung, Outcome::Panicked]);
    let mechanism = select(vec![
        Mechanism::OomDeadlock,
        Mechanism::NoFsLivelock,
        Mechanism::IsolationThrottle,
        Mechanism::IoStall,
        Mechanism::Unknown,
    ]);
    let version = (0u32..20, 0u32..20, prop::option::of(0u32..300))
        .prop_map(|version| VersionBound { op: VersionOp::GreaterEqual, version });
    (
        prop::option::of("[a-zA-Z0-9][a-z.+_-]{0,9}"),
        prop::option::of(version),
        outcome,
        mechanism,
        0u64..1_000_000,
        1u64..100,
        prop::option::of(prop::collection::vec("[^\\x00-\\x1f\\x7f-\\x9f]{1,15}", 1..3)),
    )
        .prop_map(|(kernel, version, outcome, mechanism, stall, kills, victims)| Expectation {
            kernel,
            tag: None,
            version: version.into_iter().collect(),
            outcome,
            mechanism: (outcome == Outcome::Hung).then_some(mechanism),
            max_stall_ms: (outcome != Outcome::Hung).then_some(stall),
            max_kills: (outcome == Outcome::OomKilled).then_some(kills),
            victims: victims.filter(|_| outcome != Outcome::Recovered),
            login_max_ms: None,
        })
}

fn rules() -> impl Strategy<Value = Rules> {
    (0u64..100_000, 1u64..100_000, 1000u64..100_000, 1u64..1000, any::<bool>()).prop_map(
        |(boot_ms, settle_ms, pressure_ms, movement_kb, memcg)| Rules {
            boot_ms,
            settle_ms,
            pressure_ms,
            movement_kb,
            memcg,
            ..Rules::default()
        },
    )
}

fn source() -> impl Strategy<Value = SourceBuild> {
    let file = || select(vec!["/proc/version", "/proc/uptime"]).prop_map(std::path::PathBuf::from);
    let place = || prop_oneof![Just("/proc".to_owned()), "(https|ssh|git|http)://[a-z:@0-9./-]{1,20}"];
    let sha256 = || "[0-9a-f]{64}";
    let tree = prop_oneof![
        Just(SourceTree::Path("/proc".into())),
        (prop_oneof![place(), "[a-z]{1,5}@[a-z0-9.]{1,9}:[a-z~/]{1,9}"], "[!-,./0-~][!-~]{0,20}")
            .prop_map(|(git, reference)| SourceTree::Git { git, reference }),
        ("(https?|file)://[ -~]{1,20}", sha256())
            .prop_map(|(tarball, hash)| SourceTree::Tarball { tarball, sha256: Some(hash) }),
        prop::option::of(sha256()).prop_map(|sha256| SourceTree::Tarball { tarball: "/proc/version".into(), sha256 }),
        "([a-z][a-z-]{1,9}/)?linux-source(-[0-9]\\.[0-9]{1,2})?".prop_map(SourceTree::Debian),
    ];
    let base = prop_oneof![
        select(vec!["tinyconfig", "allnoconfig", "defconfig"]).prop_map(|name| ConfigBase::Target(name.into())),
        file().prop_map(ConfigBase::File),
        "[a-z0-9][a-z.0-9-]{0,9}".prop_map(ConfigBase::Debian),
    ];
    let fragment = prop_oneof![
        select(FRAGMENTS.to_vec()).prop_map(|name| Fragment::Named(name.into())),
        file().prop_map(Fragment::File)
    ];
    let option = "CONFIG_[A-Z0-9_]{1,9}=(y|m|n|-?[0-9]{1,9}|0x[0-9A-F]{1,4}|\"[a-z #:\\\\']{0,9}\")";
    let variable = ("Z[A-Z0-9_]{0,9}", prop_oneof!["[^\\x00-\\x1f\\x7f-\\x9f]{0,40}", line()]);
    (
        tree,
        base,
        prop::collection::vec(fragment, 0..3),
        prop::collection::vec(option, 0..3),
        prop::collection::vec(file(), 0..3),
        0u8..=2,
        prop::collection::btree_map(variable.0, variable.1, 0..3),
        any::<bool>(),
    )
        .prop_map(|(tree, base, config, required, patches, fuzz, make, modules)| SourceBuild {
            tree,
            base,
            config,
            required,
            patches,
            fuzz,
            make,
            modules,
        })
}

fn sound() -> impl Strategy<Value = Scenario> {
    let names = ("[a-z0-9][a-z0-9._-]{0,63}", line(), prop::collection::vec(line(), 0..3));
    let kernel = prop_oneof![
        "[A-Za-z0-9][A-Za-z0-9._+-]{0,20}".prop_map(KernelSpec::Named),
        "[A-Za-z0-9][A-Za-z0-9._+-]{0,20}".prop_map(|name| KernelSpec::Inline(KernelSource::Debian(name))),
        source().prop_map(|build| KernelSpec::Inline(KernelSource::Source(Box::new(build)))),
        Just(KernelSpec::Inline(KernelSource::Image { image: "/proc/version".into(), modules: Some("/proc".into()) })),
    ];
    let ours = (select(REPRODUCERS.to_vec()), 0..4usize).prop_map(|(name, args)| {
        let parameters = oomph_catalog::program(name).map_or(&[][..], |program| program.parameters);
        let arg = |one: &oomph_catalog::Parameter| format!("--{}={}", one.name, one.kind.default());
        (Program::Reproducer(name.into()), parameters.iter().take(args).map(arg).collect())
    });
    let own = prop::collection::vec(arg(), 0..4).prop_map(|args| (Program::Path("/bin/sh".into()), args));
    let program = prop_oneof![ours, own];
    let env = prop::collection::btree_map("[a-z_][a-zA-Z0-9_]{0,9}", arg(), 0..3);
    let workload = (program, env).prop_map(|((program, args), env)| Workload { program, args, env });
    let faults = prop::collection::vec((0u64..500, prop::option::of(1u64..500), action()), 0..4);
    let evidence = (any::<bool>(), any::<bool>(), 0..=4u32);
    let evidence = evidence.prop_map(|(core, keep, sample)| Evidence { core, keep, sample });
    let collect = prop::collection::vec("(/[a-z%:._]{1,3}x){1,3}", 0..3);
    let all = (names, kernel, guest(), workload, rules(), faults, evidence, prop::option::of(expectation()), collect);
    all.prop_map(|((name, summary, references), kernel, guest, workload, rules, faults, evidence, expect, collect)| {
        let mut probes = vec![ProbeKind::Spawn, ProbeKind::Beat];
        probes.extend(guest.disks.values().any(|disk| disk.mount.is_some()).then_some(ProbeKind::File));
        let disk = guest.disks.keys().next().cloned();
        let fault = |(at_ms, length, action): (u64, Option<u64>, FaultAction)| {
            let action = on_disk(action, disk.as_ref(), guest.memory)?;
            let length = length.filter(|_| !matches!(action, FaultAction::Pause { .. }));
            Some(Fault { at_ms, until_ms: length.map(|length| at_ms + length), action })
        };
        let (faults, expect) = (faults.into_iter().filter_map(fault).collect(), expect.into_iter().collect());
        Scenario {
            name,
            summary,
            references,
            kernel,
            guest,
            workload,
            rules,
            probes,
            faults,
            evidence,
            collect,
            expect,
        }
    })
}
