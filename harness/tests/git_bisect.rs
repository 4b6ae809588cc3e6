//! `git bisect run` with `oomph run --bisect-exit`, on a repository of made-up kernels whose runs are stored already: no guest is needed.
//! Lives here: what git makes of the exit codes.
//! May not live here: which code is meant for what (`commands::exit`).
#![allow(clippy::unwrap_used)]

use oomph::event::read_events;
use oomph::results::{RunJson, Store};
use oomph::scenario::{KernelSource, KernelSpec, load, to_yaml};
use oomph::verdict::judge;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// Commits, and the first of them that is bad.
const COMMITS: usize = 12;
const CULPRIT: usize = 7;

/// A repository whose one file is a kernel, another one in each commit, and the results of a run of each.
struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        let place = Self { folder: tempfile::tempdir().unwrap() };
        fs::create_dir(place.repository()).unwrap();
        place.git(&["init", "--quiet"]);
        let (hung, killed) = (verdict("hung-oom-deadlock"), verdict("oom-killed"));
        let mut scenario = load(&scenario(), &[]).unwrap();
        scenario.kernel = KernelSpec::Inline(KernelSource::Image { image: place.kernel(), modules: None });
        let store = Store::new(place.results()).unwrap();
        for commit in 0..COMMITS {
            let kernel = kernel(commit);
            fs::write(place.kernel(), &kernel).unwrap();
            place.git(&["add", "bzImage"]);
            place.git(&["commit", "--quiet", "--message", &format!("commit {commit}")]);
            let draft = store.begin(&scenario.name, "bzImage").unwrap();
            fs::write(draft.scenario_yaml(), to_yaml(&scenario).unwrap()).unwrap();
            let mut run = if commit < CULPRIT { killed.clone() } else { hung.clone() };
            run.kernel_identity.hash = blake3::hash(&kernel).to_hex().to_string();
            draft.finish(&run).unwrap();
        }
        let first = place.git(&["rev-list", "--max-parents=0", "HEAD"]);
        place.git(&["bisect", "start", "HEAD", first.trim()]);
        place
    }

    fn repository(&self) -> PathBuf {
        self.folder.path().join("linux")
    }

    fn kernel(&self) -> PathBuf {
        self.repository().join("bzImage")
    }

    fn results(&self) -> PathBuf {
        self.folder.path().join("results")
    }

    fn command(&self, words: &[&str]) -> Output {
        let mut git = Command::new("git");
        git.args(words).current_dir(self.repository());
        git.env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_SYSTEM", "/dev/null");
        for who in ["AUTHOR", "COMMITTER"] {
            git.env(format!("GIT_{who}_NAME"), "a").env(format!("GIT_{who}_EMAIL"), "a@b");
        }
        git.env("XDG_CACHE_HOME", self.folder.path().join("cache")).output().unwrap()
    }

    fn git(&self, words: &[&str]) -> String {
        let output = self.command(words);
        assert!(output.status.success(), "git {words:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// `git bisect run oomph run … --bisect-exit`, with more words; whether git came to its end, and all that was said.
    fn bisect(&self, more: &[&str]) -> (bool, String) {
        let (scenario, kernel, results) = (scenario(), self.kernel(), self.results());
        let mut words = vec!["bisect", "run", env!("CARGO_BIN_EXE_oomph"), "run", scenario.to_str().unwrap()];
        words.extend(["--kernel", kernel.to_str().unwrap(), "--results", results.to_str().unwrap(), "--bisect-exit"]);
        words.extend(more);
        let output = self.command(&words);
        let said = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
        (output.status.success(), said)
    }
}

fn scenario() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../scenarios/xfs-inode-mutex.yaml")
}

/// The record of a run whose events are in the corpus.
fn verdict(name: &str) -> RunJson {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/corpus/{name}.jsonl"));
    // What is expected of it is in the first line.
    let text = fs::read_to_string(file).unwrap();
    let events = read_events(text.split_once('\n').unwrap().1.as_bytes()).unwrap();
    RunJson::of_verdict("xfs-inode-mutex", &judge(&events), "2026-11-24T19:33:21Z".parse().unwrap())
}

/// As much of a bzImage as its header and its version (Documentation/arch/x86/boot.rst).
fn kernel(commit: usize) -> Vec<u8> {
    let mut bytes = vec![0; 0x400];
    bytes[0x1fe..0x200].copy_from_slice(&[0x55, 0xaa]);
    bytes[0x202..0x206].copy_from_slice(b"HdrS");
    bytes[0x206..0x208].copy_from_slice(&0x020f_u16.to_le_bytes());
    bytes[0x20e..0x210].copy_from_slice(&0x100_u16.to_le_bytes());
    bytes[0x236..0x238].copy_from_slice(&1_u16.to_le_bytes());
    let version = format!("6.1.{commit} (a@b) #1\0");
    bytes[0x300..0x300 + version.len()].copy_from_slice(version.as_bytes());
    bytes
}

#[test]
fn git_finds_the_culprit_by_the_runs_that_are_stored() {
    let (found, said) = Place::new().bisect(&["--resume"]);
    assert!(found && said.contains("is the first bad commit"), "{said}");
    assert!(said.contains(&format!("commit {CULPRIT}\n")), "{said}");
    assert!(said.contains("1 run is stored already and counts: 1 hung"), "{said}");
}

#[test]
fn a_mistake_makes_no_commit_bad_but_stops_git() {
    for wrong in [&["--repeat", "many"][..], &["--wombat"], &["--resume", "--set", "guest.memroy=1 GiB"]] {
        let place = Place::new();
        let before = place.git(&["bisect", "log"]);
        let (found, said) = place.bisect(wrong);
        assert!(!found && said.contains("129"), "{said}");
        assert_eq!(place.git(&["bisect", "log"]), before, "{wrong:?}: {said}");
    }
}
