//! Every `oomph …` that README, docs and CI files tell a reader to type: its command line is one that the program takes, and what needs
//! no guest is run.
//! Lives here: finding the commands, the few rules for what stands for something else, running the cheap ones.
//! May not live here: what a command does.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use clap::error::ErrorKind;
use clap::{CommandFactory, Parser};
use oomph::commands::Cli;
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the harness is a folder of the workspace")
}

/// A command line as it is written.
struct Told {
    /// The file it stands in.
    file: String,
    words: Vec<String>,
    /// Within a sentence, or with `…`: it may leave out arguments, and nothing else.
    mention: bool,
}

/// What a variable stands for. One that is not here is a mistake, so that none is taken for a literal by chance.
const VARIABLES: [(&str, &str); 4] = [
    ("OOMPH_MATRIX", "scenarios/matrix/kernel-versions.yaml"),
    ("CELL", "xfs-inode-mutex debian-6.1"),
    ("CI_NODE_INDEX", "1"),
    ("CI_NODE_TOTAL", "4"),
];

/// The commands of a shell text: continued lines joined, `$(…)` taken out, ends of a command known.
fn of_shell(file: &str, text: &str) -> Vec<Told> {
    let mut lines: Vec<String> = Vec::new();
    for line in text.replace("\\\n", " ").lines() {
        let mut line = line.to_owned();
        if let Some((before, rest)) = line.split_once("$(")
            && let Some((inner, after)) = rest.split_once(')')
        {
            let (inner, outer) = (inner.to_owned(), format!("{before}X{after}"));
            lines.push(inner);
            line = outer;
        }
        lines.push(line);
    }
    let mut told = Vec::new();
    let mut open = String::new();
    for line in lines {
        open = if open.is_empty() { line } else { format!("{open}\n{line}") };
        // A quote that does not end here goes on in the next line.
        let Some(words) = shlex::split(&open) else { continue };
        open.clear();
        for command in words.split(|word| ["|", "||", "&&", ";"].contains(&word.as_str())) {
            let redirected = command.iter().position(|word| word.starts_with(['>', '<'])).unwrap_or(command.len());
            let mut words = command[..redirected].to_vec();
            if let Some(script) = words.iter().position(|word| word == "-c").and_then(|place| words.get(place + 1)) {
                told.append(&mut of_shell(file, script));
            }
            while words.first().is_some_and(|word| word.contains('=') || word == "exec") {
                words.remove(0);
            }
            if words.first().is_some_and(|word| Path::new(word).file_name().is_some_and(|name| name == "oomph")) {
                words[0] = "oomph".to_owned();
                let mention = words.contains(&"…".to_owned());
                told.push(Told { file: file.to_owned(), words, mention });
            }
        }
    }
    assert!(open.is_empty(), "{file}: a quote without end: {open}");
    told
}

/// Whether the last command of a block goes on in the next line.
fn open(block: &str) -> bool {
    block.ends_with("\\\n") || (!block.is_empty() && shlex::split(block).is_none())
}

/// Of Markdown: what stands after `$ ` in a block of a console, all of a block of a shell, and what is code within a sentence.
fn of_markdown(file: &str, text: &str) -> Vec<Told> {
    let mut told = Vec::new();
    let (mut prose, mut block, mut kind) = (String::new(), String::new(), None);
    for line in text.lines() {
        match (kind, line.trim_start().strip_prefix("```")) {
            (None, Some(language)) => kind = Some(language.trim()),
            (None, None) => prose += &format!("{line}\n"),
            (Some(language), Some(_)) => {
                if ["console", "sh"].contains(&language) {
                    told.append(&mut of_shell(file, &std::mem::take(&mut block)));
                }
                block.clear();
                kind = None;
            }
            (Some("console"), None) => match line.strip_prefix("$ ") {
                Some(line) => block += &format!("{line}\n"),
                // What a command goes on with is indented or ends a quote; all else is what it prints.
                None if open(&block) => block += &format!("{line}\n"),
                None => {}
            },
            (Some(_), None) => block += &format!("{line}\n"),
        }
    }
    let spans = prose.split('`').skip(1).step_by(2).filter(|span| span.starts_with("oomph "));
    for span in spans {
        told.extend(of_shell(file, &span.replace('\n', " ")).into_iter().map(|one| Told { mention: true, ..one }));
    }
    told
}

/// Of a CI system's YAML: the strings below keys that hold commands.
fn of_yaml(file: &str, text: &str) -> Vec<Told> {
    fn walk(value: &Value, script: bool, found: &mut Vec<String>) {
        match value {
            Value::String(text) if script => found.push(text.clone()),
            Value::Array(list) => list.iter().for_each(|one| walk(one, script, found)),
            Value::Object(map) => map.iter().for_each(|(key, one)| {
                walk(one, ["run", "script", "before_script", "after_script"].contains(&key.as_str()), found);
            }),
            _ => {}
        }
    }
    let value: Value = serde_yaml::from_str(text).unwrap_or_else(|error| panic!("{file}: {error}"));
    let mut found = Vec::new();
    walk(&value, false, &mut found);
    found.iter().flat_map(|script| of_shell(file, script)).collect()
}

fn with_variables(word: &str) -> Result<String, String> {
    let word = VARIABLES.iter().fold(word.to_owned(), |word, (name, value)| word.replace(&format!("${name}"), value));
    if word.contains('$') { Err(format!("`{word}`: no rule says what this variable stands for")) } else { Ok(word) }
}

/// Whether the program takes a command line; what is wrong with it otherwise.
fn check(told: &Told) -> Result<(), String> {
    let words = told.words.iter().map(|word| with_variables(word)).collect::<Result<Vec<_>, _>>()?;
    match Cli::try_parse_from(&words) {
        Ok(_) => Ok(()),
        Err(error) => match error.kind() {
            ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => Ok(()),
            ErrorKind::MissingRequiredArgument
            | ErrorKind::MissingSubcommand
            | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand
                if told.mention =>
            {
                Ok(())
            }
            _ => Err(format!("{}: `{}`: {error}", told.file, told.words.join(" "))),
        },
    }
}

fn read(file: &Path) -> Vec<Told> {
    let text = fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    let name = file.strip_prefix(root()).unwrap_or(file).display().to_string();
    match file.extension().and_then(|end| end.to_str()) {
        Some("md") => of_markdown(&name, &text),
        _ => of_yaml(&name, &text),
    }
}

/// Every file that tells a reader what to type.
fn files() -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> =
        ["README.md", "scenarios/README.md", "results/README.md"].map(|name| root().join(name)).into();
    let mut folders = vec![root().join("docs")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|end| end == "md" || end == "yml") {
                files.push(path);
            }
        }
    }
    files.sort();
    files
}

#[test]
fn every_command_line_is_one_that_the_program_takes() {
    let told: Vec<Told> = files().iter().flat_map(|file| read(file)).collect();
    let wrong: Vec<String> = told.iter().filter_map(|one| check(one).err()).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    for (file, least) in
        [("README.md", 30), ("docs/ci/README.md", 5), ("docs/ci/github.yml", 5), ("docs/ci/gitlab-ci.yml", 5)]
    {
        let count = told.iter().filter(|one| one.file == file).count();
        assert!(count >= least, "{file}: {count} commands were found, expected {least} at least");
    }
}

/// A place with what commands expect to find: results, scenarios, the parts that shards leave.
fn sandbox() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    // Where a soak goes on, drafts and an index lie beside its results.
    let inside = |folder: &Path| -> Vec<PathBuf> {
        let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
        entries
            .filter(|entry| !entry.file_name().to_string_lossy().starts_with('.'))
            .map(|entry| entry.path())
            .collect()
    };
    let copy = |name: &str| {
        for scenario in inside(&root().join("results/soak")) {
            for run in inside(&scenario).into_iter().filter(|run| run.join("run.json").exists()) {
                let to = folder.path().join(name).join(scenario.file_name().unwrap()).join(run.file_name().unwrap());
                fs::create_dir_all(&to).unwrap();
                for file in ["run.json", "scenario.yaml"] {
                    fs::copy(run.join(file), to.join(file)).unwrap();
                }
            }
        }
    };
    ["results", "results/soak", "results-1", "parts/results-0"].into_iter().for_each(copy);
    // Only so much that a command of README finds `results/soak`; results hold results.
    fs::rename(folder.path().join("results/soak"), folder.path().join("soak")).unwrap();
    for name in ["scenarios", "kernel-configs", "images"] {
        std::os::unix::fs::symlink(root().join(name), folder.path().join(name)).unwrap();
    }
    folder
}

/// Whether a command is done without a guest, a build, the network, or the user's cache.
fn cheap(words: &[String]) -> bool {
    let verb = words.get(1).map(String::as_str);
    match verb {
        Some("report" | "results" | "schema" | "completions") => true,
        Some("matrix") => words.iter().any(|word| word == "--plan"),
        Some("run") => words.iter().any(|word| word == "--explain") && !words.iter().any(|word| word.contains('…')),
        _ => false,
    }
}

/// What stands for something else, as what it stands for in the sandbox.
fn real(word: &str, folder: &Path, matrix: bool) -> Vec<String> {
    let first = |scenario: &Path| -> String {
        let mut runs: Vec<PathBuf> = fs::read_dir(scenario).unwrap().map(|entry| entry.unwrap().path()).collect();
        runs.sort();
        runs[0].display().to_string()
    };
    let one = match word {
        "FILE" if matrix => "scenarios/matrix/smoke.yaml".to_owned(),
        "OLD" | "NEW" | "A" | "B" | "RESULTS" | "RESULTS…" | "DIR" => "results".to_owned(),
        "RESULT" | "RUN" => first(&folder.join("results/xfs-inode-mutex")),
        "K1,K2" => "debian-6.1-source,debian-6.1-no-oom-reaper".to_owned(),
        "results/soak" => "soak".to_owned(),
        "results-*" => "results-1".to_owned(),
        "parts/results-*" => "parts/results-0".to_owned(),
        _ => match word.strip_suffix("/RUN") {
            Some(scenario) => first(&folder.join(scenario)),
            None => with_variables(word).unwrap(),
        },
    };
    vec![one]
}

#[test]
fn what_needs_no_guest_runs() {
    let sandbox = sandbox();
    let mut ran = Vec::new();
    for told in files().iter().flat_map(|file| read(file)).filter(|one| !one.mention && cheap(&one.words)) {
        let matrix = told.words[1] == "matrix";
        let words: Vec<String> = told.words[1..].iter().flat_map(|word| real(word, sandbox.path(), matrix)).collect();
        let output = assert_cmd::Command::new(env!("CARGO_BIN_EXE_oomph"))
            .args(&words)
            .current_dir(sandbox.path())
            .env("GITHUB_STEP_SUMMARY", sandbox.path().join("summary.md"))
            .env("COLUMNS", "100")
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        // 1 is an answer: two folders may differ.
        assert!(matches!(output.status.code(), Some(0 | 1)), "{}: `oomph {}`: {said}", told.file, words.join(" "));
        assert!(!output.stdout.is_empty() || words[0] == "report" || words.contains(&"merge".to_owned()), "{words:?}");
        ran.push(words.join(" "));
    }
    for of in ["matrix", "report", "results merge", "results list", "results summary", "results compare"] {
        assert!(ran.iter().any(|words| words.starts_with(of)), "no `oomph {of}` was run: {ran:#?}");
    }
    for file in ["junit.xml", "codequality.json", "report.ktap", "kcidb.json", "runs.csv", "runs.jsonl", "summary.md"] {
        let size = fs::metadata(sandbox.path().join(file)).unwrap_or_else(|error| panic!("{file}: {error}")).len();
        assert!(size > 100, "{file} has {size} bytes");
    }
}

#[test]
fn a_wrong_word_is_found_wherever_it_stands() {
    let wrong = |told: Vec<Told>| -> Vec<bool> { told.iter().map(|one| check(one).is_err()).collect() };
    let console = "```console\n$ oomph run s.yaml --repeat 3   # --wombat\n$ oomph run s.yaml --wombat\n```\n";
    assert_eq!(wrong(of_markdown("x.md", console)), [false, true]);
    let shell =
        "```sh\noomph results merge a b \\\n  --wombat c && bin/oomph repot x | tee y\nA=1 oomph schema >x\n```\n";
    assert_eq!(wrong(of_markdown("x.md", shell)), [true, true, false]);
    let prose = "By `oomph run`, `oomph run --wombat`, `oomph\nresults lost` and `oomph` itself.";
    assert_eq!(wrong(of_markdown("x.md", prose)), [false, true]);
    let yaml = "a:\n  - run: |\n      x=$(oomph matrix \"$OOMPH_MATRIX\" --plan github)\n      oomph matrix \"$WOMBAT\"\n  - script: [oomph report a --jnit x]\n    other: oomph repot\n";
    assert_eq!(wrong(of_yaml("x.yml", yaml)), [false, true, true]);
    let bisect = "```console\n$ git bisect run sh -c 'make ||  exit 125\n  exec oomph run s.yaml --bisekt-exit'\n$ oomph bisect … --time 8\n```";
    assert_eq!(wrong(of_markdown("x.md", bisect)), [true, true]);
    // A mention may leave out arguments, a command may not.
    assert_eq!(wrong(of_markdown("x.md", "```console\n$ oomph run\n```\n`oomph run`")), [true, false]);
    Cli::command().debug_assert();
}
