//! Scenarios that nobody would write: any text, any override, bad files; and where overrides go.
//! Lives here: what must hold for all of them.
//! May not live here: what one particular error says.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use oomph::event::Rules;
use oomph::scenario::{
    KernelSource, KernelSpec, ProbeKind, Program, Scenario, SourceBuild, SourceTree, load, parse, to_yaml,
};
use proptest::prelude::*;
use proptest::sample::select;
use std::path::Path;
use std::time::Duration;

const SOUND: &str = include_str!("../../scenarios/xfs-inode-mutex.yaml");

const MINIMAL: &str = "\
name: minimal
summary: Nothing that has a default.
kernel: debian-6.1
guest: {cpus: 1, memory: 96 MiB}
workload: {program: exit-with}
";

/// The processor time of this thread; wall time says nothing on a busy machine.
fn cpu_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.try_into().unwrap(), time.tv_nsec.try_into().unwrap())
}

/// The error of a text: it must come within a second, name the file and be of bounded length.
fn refused(text: &str) -> String {
    let start = cpu_time();
    let error = parse(text, Path::new("some/file.yaml"), &[]).expect_err("it should be refused");
    let drawn = error.to_string();
    let took = cpu_time() - start;
    assert!(took < Duration::from_secs(1), "{took:?} for {}", &drawn[..drawn.len().min(300)]);
    assert!(drawn.contains("some/file.yaml"), "{drawn}");
    assert!(drawn.len() < 20_000, "{} bytes", drawn.len());
    drawn
}

#[test]
fn bombs_are_refused_within_a_second() {
    let mut laughs = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for n in 1..9 {
        let items = vec![format!("*a{}", n - 1); 10].join(", ");
        laughs += &format!("a{n}: &a{n} [{items}]\n");
    }
    refused(&laughs);
    // The same where the shape lets it in: as a list of references.
    refused(&format!("references: &r [{}]\n{laughs}", ["x"; 10].join(", ")));
    refused(&SOUND.replace("- https", &format!("{}- https", "- x\n  ".repeat(200_000))));
    refused(&format!("references: [{}]\n", vec!["x"; 20_000].join(", ")));
    for (piece, times) in [("- ", 500_000), ("[", 500_000), ("{a: ", 200_000), ("&a ", 300_000), ("? ", 300_000)] {
        refused(&piece.repeat(times));
        refused(&piece.repeat(20_000));
        refused(&format!("{}\n", piece.trim_end()).repeat(times.min(250_000)));
    }
    for piece in ["a:\n", "a: |\n", "--- a\n", "!!str\n", "name: x\n", "*a\n", "'\n", "%YAML 1.2\n", "#\n "] {
        refused(&piece.repeat((1 << 20) / piece.len()));
    }
    refused(&(0..1000).map(|depth| format!("{}a:\n", " ".repeat(depth))).collect::<String>());
    refused(&format!("name: {}", "x".repeat(1 << 20)));
    refused(&format!("name: {}", "x".repeat(60_000)));
    refused(&format!("name: {}", "x\n ".repeat(300_000)));
    refused(&format!("name: \"{}", "\\x41".repeat(15_000)));
    refused(&format!("{}: x", "k".repeat(60_000)));
    // Wrong in thousands of places.
    for (key, item) in [
        ("probes", "x"),
        ("references", "''"),
        ("faults", "{at: x, throttle: {disk: data}}"),
        ("expect", "{outcome: hung}"),
    ] {
        let list = format!("{key}:\n{}", format!("  - {item}\n").repeat(1200));
        refused(&format!("{}\n{list}", MINIMAL.trim_end()));
    }
}

#[test]
fn bad_files_are_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, content: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, content).unwrap();
        path
    };
    let sparse = folder.path().join("huge.yaml");
    std::fs::File::create(&sparse).unwrap().set_len(100 << 20).unwrap();
    for (path, says) in [
        (folder.path().join("missing.yaml"), "No such file"),
        (folder.path().to_owned(), "this is a folder"),
        ("/dev/zero".into(), "this is no regular file"),
        (file("empty.yaml", b""), "the file is empty"),
        (file("comments.yaml", b"# nothing\n\n  # more\n"), "the file is empty"),
        (sparse, "the file is too large: 104857600 bytes"),
        (file("binary.yaml", b"\x7fELF\x02\x01\x01\x00\xff\xfe"), "the file is no UTF-8 text: byte 8"),
        (file("nul.yaml", b"name: a\0b\n"), "the file is no text: byte 7 is NUL"),
        (file("utf16.yaml", b"\xff\xfen\0a\0m\0"), "the file is no UTF-8 text: byte 0"),
    ] {
        let start = cpu_time();
        let error = load(&path, &["guest.cpus=1".into()]).expect_err("it should be refused").to_string();
        assert!(cpu_time() - start < Duration::from_secs(1));
        assert!(error.contains(says) && error.contains(path.to_str().unwrap()), "{error}");
    }
}

#[test]
fn what_is_not_said_has_its_default() {
    let scenario = parse(MINIMAL, Path::new("x.yaml"), &[]).unwrap_or_else(|error| panic!("{error}"));
    // No boot deadline: the accelerator has its own.
    assert_eq!(scenario.rules, Rules { boot_ms: 0, ..Rules::default() });
    assert_eq!(scenario.probes, [ProbeKind::Beat, ProbeKind::Counters, ProbeKind::Fault, ProbeKind::Spawn]);
    assert_eq!(scenario.guest.sysctl.get("vm.oom_dump_tasks").map(String::as_str), Some("0"));
    let disk = ["guest.disks.d={filesystem: ext4, size: 16 MiB, mount: /d}".to_owned()];
    let scenario = parse(MINIMAL, Path::new("x.yaml"), &disk).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(scenario.probes.last(), Some(&ProbeKind::File));
}

#[test]
fn line_endings_and_byte_order_marks_of_other_systems_do() {
    let file = Path::new("x.yaml");
    let plain = parse(SOUND, file, &[]).unwrap();
    assert_eq!(parse(&SOUND.replace('\n', "\r\n"), file, &[]).unwrap(), plain);
    assert_eq!(parse(&format!("\u{feff}{SOUND}"), file, &[]).unwrap(), plain);
    let wrong = format!("\u{feff}{}", SOUND.replace("cpus: 2", "cpus: 0").replace('\n', "\r\n"));
    let place = &parse(&wrong, file, &[]).unwrap_err().places()[0];
    assert_eq!((place.source.as_str(), place.line, place.column), ("x.yaml", 13, 9));
}

#[test]
fn overrides_go_where_they_say() {
    let set = |overrides: &[&str]| {
        let overrides: Vec<String> = overrides.iter().map(|one| (*one).to_owned()).collect();
        parse(SOUND, Path::new("x.yaml"), &overrides).unwrap_or_else(|error| panic!("{error}"))
    };
    let plain = set(&[]);
    let with = |change: fn(&mut Scenario)| {
        let mut scenario = plain.clone();
        change(&mut scenario);
        scenario
    };
    // In place of a value, plain, in braces, and last of several.
    assert_eq!(set(&["guest.memory=512 MiB"]), with(|one| one.guest.memory = 512 << 20));
    assert_eq!(set(&["guest.cpus=3", "guest.cpus=4"]), with(|one| one.guest.cpus = 4));
    assert_eq!(set(&["workload.args.writers=20"]), with(|one| one.workload.args[0] = "--writers=20".into()));
    assert_eq!(set(&["expect.2.max_stall=7s"]), with(|one| one.expect[2].max_stall_ms = Some(7000)));
    // Beside others, and where the map was not there.
    assert_eq!(set(&["guest.cmdline=[nokaslr]"]), with(|one| one.guest.cmdline = vec!["nokaslr".into()]));
    assert_eq!(set(&["phases.boot=30s"]), with(|one| one.rules.boot_ms = 30_000));
    assert_eq!(set(&["memcg=true"]), with(|one| one.rules.memcg = true));
    assert_eq!(set(&["workload.env.A=x y"]), with(|one| drop(one.workload.env.insert("A".into(), "x y".into()))));
    assert_eq!(
        set(&["guest.sysctl.vm.panic_on_oom=2"]),
        with(|one| drop(one.guest.sysctl.insert("vm.panic_on_oom".into(), "2".into())))
    );
    // Whole lists and maps, as blocks and in brackets.
    assert_eq!(set(&["references=[]"]), with(|one| one.references.clear()));
    assert_eq!(set(&["kernel={debian: trixie}"]).kernel, KernelSpec::Inline(KernelSource::Debian("trixie".into())));
    let build = |overrides: &[&str]| match set(overrides).kernel {
        KernelSpec::Inline(KernelSource::Source(build)) => *build,
        other => panic!("{other:?}"),
    };
    let source = "kernel={source: {debian: linux-source-6.1}, make: {CC: gcc-9}}";
    let plain = build(&[source]);
    assert_eq!(plain.make["CC"], "gcc-9");
    let more = build(&[source, "kernel.make.LLVM=1", "kernel.fuzz=2", "kernel.source.debian=sid/linux-source"]);
    let tree = SourceTree::Debian("sid/linux-source".into());
    let make = [("CC".to_owned(), "gcc-9".to_owned()), ("LLVM".into(), "1".into())].into();
    assert_eq!(more, SourceBuild { tree, make, fuzz: 2, ..plain });
    assert_eq!(set(&["probes=[beat, fault]"]), with(|one| one.probes = vec![ProbeKind::Beat, ProbeKind::Fault]));
    assert_eq!(set(&["expect=[]"]), with(|one| one.expect.clear()));
    assert_eq!(set(&["workload.args=[--seed=1]"]), with(|one| one.workload.args = vec!["--seed=1".into()]));
    // Text that YAML would read otherwise.
    for summary in ["a: b # c", "[x", "{", "*a", "- a", "'", "\"q\"", "a, b", "é", "@", "%", "~x", "  x "] {
        let scenario = set(&[&format!("summary={summary}")]);
        assert_eq!(scenario.summary, summary, "{summary:?}");
    }
}

#[test]
fn an_override_can_fill_an_empty_place() {
    let text =
        SOUND.replace("phases: {settle: 5s, pressure: 60s, verify: 30s}", "phases:").replace("summary: The", "x: The");
    let text =
        text.replace("x: The OOM victim waits for an inode lock whose holder allocates without __GFP_FS.", "summary:");
    let overrides = ["phases.settle=1s".to_owned(), "phases.verify=2s".into(), "summary=s".into()];
    let scenario = parse(&text, Path::new("x.yaml"), &overrides).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!((scenario.rules.settle_ms, scenario.rules.verify_ms, scenario.summary.as_str()), (1000, 2000, "s"));
}

#[test]
fn an_override_can_mend_what_the_file_has_wrong() {
    let text = SOUND.replace("kernel: debian-6.1", "kernel: {image: ./gone}");
    assert!(parse(&text, Path::new("x.yaml"), &[]).is_err());
    let scenario = parse(&text, Path::new("x.yaml"), &["kernel=debian-6.12".into()]).unwrap();
    assert_eq!(scenario.kernel, KernelSpec::Named("debian-6.12".into()));
}

#[test]
fn paths_start_at_the_scenario_and_those_of_overrides_at_the_current_folder() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("prog");
    std::fs::write(&program, "#!/bin/sh\n").unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    let text = SOUND.replace("program: xfs-inode-mutex", "program: ./prog");
    let file = folder.path().join("x.yaml");
    std::fs::write(&file, &text).unwrap();
    let scenario = load(&file, &[]).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(scenario.workload.program, Program::Path(program));
    let yaml = to_yaml(&scenario).unwrap();
    assert_eq!(parse(&yaml, Path::new("/elsewhere/scenario.yaml"), &[]).unwrap(), scenario);
    // Tests run in the package's folder, where Cargo.toml is and the scenario's `prog` is not.
    let error = load(&file, &["workload.program=./prog".into()]).unwrap_err().to_string();
    assert!(error.contains("does not exist") && error.contains("--set:1:18"), "{error}");
    let image = load(&file, &["kernel={image: Cargo.toml}".into()]).unwrap().kernel;
    let here = std::env::current_dir().unwrap().join("Cargo.toml");
    assert_eq!(image, KernelSpec::Inline(KernelSource::Image { image: here, modules: None }));
    let tree = |text: &str, overrides: &[String]| {
        std::fs::write(&file, SOUND.replace("kernel: debian-6.1", text)).unwrap();
        load(&file, overrides).map(|scenario| scenario.kernel).map_err(|error| error.to_string())
    };
    let of = |path: &Path| {
        KernelSpec::Inline(KernelSource::Source(Box::new(SourceBuild::of(SourceTree::Path(path.into())))))
    };
    std::fs::create_dir(folder.path().join("linux")).unwrap();
    assert_eq!(tree("kernel: {source: {path: linux}}", &[]).unwrap(), of(&folder.path().join("linux")));
    let here = std::env::current_dir().unwrap().join("src");
    let set = ["kernel.source.path=src".to_owned()];
    assert_eq!(tree("kernel: {source: {path: linux}}", &set).unwrap(), of(&here));
}

/// The sound scenario with pieces of it and of YAML's own signs put elsewhere.
fn mangled() -> impl Strategy<Value = String> {
    let pieces: Vec<&'static str> = SOUND
        .split_inclusive([' ', '\n', ',', '{', '[', ':'])
        .chain([
            "&a ",
            "*a",
            "<<: *a\n",
            "? ",
            "|\n",
            ">-\n  ",
            "!!int ",
            "---\n",
            "...\n",
            "\t",
            "\u{feff}",
            "\0",
            "'",
            "\"",
            "%YAML 1.2\n",
            "\r",
            "é",
            "~",
            "- ",
        ])
        .collect();
    let edits = prop::collection::vec((0..SOUND.len(), select(pieces), 0usize..30), 1..8);
    edits.prop_map(|edits| {
        let mut text = SOUND.to_owned();
        for (at, piece, cut) in edits {
            let boundary =
                |at: usize| (0..=at.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
            let place = boundary(at)..boundary(at + cut);
            text.replace_range(place, piece);
        }
        text
    })
}

fn anything() -> impl Strategy<Value = String> {
    prop_oneof![any::<String>(), "[ a-z0-9:{}\\[\\],\\-\\n\"'&*#|>?!%@~\\t]{0,200}", mangled()]
}

fn override_text() -> impl Strategy<Value = String> {
    let path = select(vec![
        "guest.memory",
        "guest",
        "kernel",
        "phases.settle",
        "expect.0.outcome",
        "workload.args",
        "x",
        "guest.sysctl.a.b",
        "probes.1",
        "",
    ]);
    prop_oneof![any::<String>(), (path, "\\PC{0,20}").prop_map(|(path, value)| format!("{path}={value}"))]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn no_text_panics_and_every_error_can_be_drawn(text in anything(), overrides in prop::collection::vec(override_text(), 0..3)) {
        match parse(&text, Path::new("dir/x.yaml"), &overrides) {
            Err(error) => {
                prop_assert!(!error.places().is_empty());
                let plain = error.to_string();
                prop_assert!(plain.starts_with("error: "), "{plain}");
                let escape = '\u{1b}';
                prop_assert!(!plain.contains(escape), "steers the terminal");
                prop_assert!(error.render(true).contains(escape), "has no colour");
            }
            Ok(scenario) => {
                let yaml = to_yaml(&scenario).unwrap();
                let again = parse(&yaml, Path::new("/x.yaml"), &[]).map_err(|error| TestCaseError::fail(format!("{error}\n{yaml}")))?;
                prop_assert_eq!(again, scenario);
            }
        }
    }

    #[test]
    fn any_override_of_a_text_is_that_text(value in "[^\\x00-\\x1f\\x7f-\\x9f]{1,40}") {
        prop_assume!(!matches!(value.as_str(), "null" | "~" | "Null" | "NULL") && !value.starts_with(['[', '{']));
        let scenario = parse(SOUND, Path::new("x.yaml"), &[format!("summary={value}"), format!("workload.env.X={value}")]);
        let scenario = scenario.map_err(|error| TestCaseError::fail(error.to_string()))?;
        prop_assert_eq!((&scenario.summary, &scenario.workload.env["X"]), (&value, &value));
    }
}
