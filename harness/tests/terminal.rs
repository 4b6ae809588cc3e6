//! What `oomph` prints to a pipe and to people: lists, words, errors; as its users run it, without a guest.
#![allow(clippy::unwrap_used)]

use assert_cmd::Command;
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn oomph(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_oomph"));
    command.current_dir(root()).args(arguments).env_remove("NO_COLOR").env_remove("CLICOLOR_FORCE");
    command
}

fn stdout(arguments: &[&str]) -> String {
    String::from_utf8(oomph(arguments).assert().success().get_output().stdout.clone()).unwrap()
}

/// The message of a command that is wrong.
#[track_caller]
fn refused(arguments: &[&str]) -> String {
    String::from_utf8(oomph(arguments).assert().code(2).get_output().stderr.clone()).unwrap()
}

fn list(options: &[&str]) -> String {
    stdout(&[&["results", "list", "--results", "results/soak"], options].concat())
}

#[test]
fn a_list_off_a_terminal_is_a_plain_line_a_run() {
    let all = list(&[]);
    assert!(!all.contains('\x1b'), "{all:?}");
    let records = list(&["--json"]).lines().count();
    assert!(records >= 10 && all.lines().count() == records, "{all}");
    assert!(list(&["--color", "always"]).contains("\x1b["), "as asked for");
    assert!(list(&["--limit", "3"]).lines().count() == 3);
    let newest: Vec<&str> = all.lines().map(|line| &line[..19]).collect();
    assert!(newest.is_sorted_by(|a, b| a >= b), "{newest:?}");
}

#[test]
fn a_list_shows_what_is_asked_for() {
    let records = |options: &[&str]| -> Vec<Value> {
        let text = list(&[options, &["--json"]].concat());
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    };
    let all = records(&[]);
    type Wanted = fn(&Value) -> bool;
    let cases: [(&[&str], Wanted); 8] = [
        (&["--outcome", "hung,inconclusive"], |run| run["outcome"].is_null() || run["outcome"] == "hung"),
        (&["--mechanism", "isolation-throttle"], |run| run["mechanism"] == "isolation-throttle"),
        (&["--kernel", "debian-6.1-source"], |run| run["kernel"] == "debian-6.1-source"),
        // Whole words: 6.12 is another.
        (&["--kernel", "6.1"], |run| {
            let kernel = run["kernel"].as_str().unwrap();
            kernel == "debian-6.1" || kernel.starts_with("debian-6.1-")
        }),
        (&["--kernel", "*reaper"], |run| run["kernel"].as_str().unwrap().ends_with("reaper")),
        (&["--scenario", "xfs", "--scenario", "kswapd"], |run| {
            let scenario = run["scenario"].as_str().unwrap();
            scenario.starts_with("xfs-") || scenario == "kswapd-block"
        }),
        (&["--unexpected"], |run| run["expected"] == false),
        (&["--since", "2026-11-29T16:15", "--until", "2026-11-29"], |run| {
            ("2026-11-29T16:15".."2026-11-30").contains(&run["started"].as_str().unwrap())
        }),
    ];
    for (options, wanted) in cases {
        let shown = records(options);
        assert_eq!(shown, all.iter().filter(|run| wanted(run)).cloned().collect::<Vec<_>>(), "{options:?}");
    }
    assert_eq!(list(&["--kernel", "nothing-like-it"]), "");
}

#[test]
fn a_list_of_many_keeps_an_index_that_nobody_misses() {
    let place = tempfile::tempdir().unwrap();
    let record = fs::read_dir(root().join("results/soak/kswapd-block")).unwrap().flatten().next().unwrap();
    let record = fs::read(record.path().join("run.json")).unwrap();
    for number in 0..250 {
        let folder = place.path().join("results/s").join(format!("20260101T000000Z-k-{number:04}"));
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("run.json"), &record).unwrap();
    }
    let results = place.path().join("results");
    let list = || stdout(&["results", "list", "--results", results.to_str().unwrap()]);
    let first = list();
    let index = results.join(".index");
    // What is a moment old is not taken in.
    std::thread::sleep(std::time::Duration::from_millis(3200));
    assert_eq!(list(), first);
    assert!(index.is_file());
    assert_eq!(list(), first);
    fs::write(&index, "rubbish").unwrap();
    assert_eq!(list(), first);
    fs::remove_dir_all(results.join("s/20260101T000000Z-k-0007")).unwrap();
    assert_eq!(list().lines().count(), 249);
}

#[test]
fn a_result_is_shown_by_the_end_of_its_name() {
    let shown = stdout(&["results", "show", "mter", "--results", "results/soak"]);
    assert!(shown.starts_with("recovered"), "{shown}");
    let error = refused(&["results", "show", "nope", "--results", "results/soak"]);
    assert!(error.contains("no such result") && error.contains("oomph results list"), "{error}");
}

#[test]
fn mistakes_are_named_with_what_would_be_right() {
    for (arguments, wanted) in [
        (vec!["results", "list", "--outcome", "hang"], "`hung`"),
        (vec!["results", "list", "--since", "yesterday"], "`2d`"),
        (vec!["explain", "oom-deadlok"], "did you mean `oom-deadlock`?"),
        (vec!["explain", "wombat"], "`oomph explain` lists"),
        (vec!["-q", "-v", "doctor"], "cannot be used with"),
    ] {
        let error = refused(&arguments);
        assert!(error.contains(wanted), "{arguments:?}: {error}");
    }
}

#[test]
fn words_are_explained_to_people_and_programs() {
    let words = stdout(&["explain"]);
    assert!(!words.contains('\x1b') && words.contains("  oom-deadlock "), "{words}");
    assert!(stdout(&["explain", "hung"]).contains("How it is decided"));
    let all = stdout(&["explain", "--json"]);
    for line in all.lines() {
        let entry: Value = serde_json::from_str(line).unwrap();
        assert!(words.contains(&format!("  {} ", entry["word"].as_str().unwrap())), "{line}");
    }
}

/// What `oomph` prints on a terminal of 80 columns (made by script(1), which every Debian has).
fn on_a_terminal(arguments: &str, no_color: bool) -> Option<String> {
    let command = format!("stty cols 80 rows 24; exec {} {arguments}", env!("CARGO_BIN_EXE_oomph"));
    let mut script = std::process::Command::new("script");
    script.current_dir(root()).args(["-qec", &command, "/dev/null"]).env("TERM", "xterm").env_remove("NO_COLOR");
    if no_color {
        script.env("NO_COLOR", "1");
    }
    let output = script.stdin(std::process::Stdio::null()).output().ok()?;
    Some(String::from_utf8(output.stdout).unwrap().replace('\r', ""))
}

#[test]
fn a_terminal_gets_a_table_that_fits_and_colour_unless_it_wants_none() {
    let list = "results list --results results/soak";
    let Some(coloured) = on_a_terminal(list, false) else { return };
    let plain = on_a_terminal(list, true).unwrap();
    assert!(coloured.contains("\x1b[32m") && !plain.contains('\x1b'), "{coloured:?} {plain:?}");
    assert_eq!(on_a_terminal(&format!("{list} --color never"), false).unwrap(), plain);
    assert!(plain.starts_with("  id ") && plain.contains("\n  mter  "), "{plain}");
    let shown = on_a_terminal("results show mter --results results/soak", true).unwrap();
    for text in [&plain, &shown, &on_a_terminal("explain hung", true).unwrap()] {
        // A command is one line, to be copied.
        let fits = |line: &str| line.chars().count() <= 80 || line.contains("  oomph run ");
        assert!(text.lines().all(fits), "{text}");
    }
    assert!(on_a_terminal(&format!("{list} --kernel wombat"), true).unwrap().starts_with("none of "));
}
