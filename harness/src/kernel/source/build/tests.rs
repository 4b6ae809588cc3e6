//! Whole builds of a tree that make "compiles" in milliseconds: everything but the kernel is real.
#![allow(clippy::unwrap_used)]
use super::*;
use crate::kernel::source::MakeError;
use crate::scenario::SourceTree;
use std::fs;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};
use tokio::sync::mpsc::Receiver;

/// The fake tree and a patch for it.
fn fake(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fake-linux").join(path)
}

struct Fixture {
    place: tempfile::TempDir,
    cache: Cache,
    spec: SourceBuild,
}

impl Fixture {
    fn new() -> Self {
        let place = tempfile::tempdir().unwrap();
        let cache = Cache::open(Some(&place.path().join("cache"))).unwrap();
        let tree = place.path().join("linux");
        let mut spec = SourceBuild::of(SourceTree::Path(tree));
        spec.config.clear();
        spec.make.insert("GATE".into(), place.path().join("gate").display().to_string());
        let fixture = Self { place, cache, spec };
        for path in manifest::files_below(&fake("tree")).unwrap() {
            fixture.write(path.to_str().unwrap(), &fs::read_to_string(fake("tree").join(&path)).unwrap());
        }
        fixture
    }

    fn tree(&self) -> PathBuf {
        self.place.path().join("linux")
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.tree().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn patched(&self) -> SourceBuild {
        SourceBuild { patches: vec![fake("no-reap.patch")], ..self.spec.clone() }
    }

    fn build(&self, spec: &SourceBuild) -> Result<(Kernel, Vec<String>), Error> {
        let (job, lines, _) = Job::watched();
        let kernel = kernel("k".into(), spec, &self.cache, &job);
        Ok((kernel?, said(lines)))
    }

    fn find(&self, spec: &SourceBuild) -> Option<Kernel> {
        find("k".into(), spec, &self.cache, &Job::silent()).unwrap()
    }

    /// Entries of the cache, and what is half made.
    fn entries(&self) -> (usize, usize) {
        let count = |name: &str| fs::read_dir(self.cache.root().join(name)).map_or(0, Iterator::count);
        (count("builds"), count("tmp"))
    }
}

fn said(mut lines: Receiver<String>) -> Vec<String> {
    std::iter::from_fn(|| lines.try_recv().ok()).collect()
}

/// How many files were compiled.
fn compiled(lines: &[String]) -> Option<&str> {
    lines.iter().find_map(|line| line.split_once("compiled ")?.1.split_once(" files, ").map(|(count, _)| count))
}

#[test]
fn a_kernel_is_built_once_and_found_after() {
    let f = Fixture::new();
    assert_eq!(f.find(&f.spec), None);
    let (first, lines) = f.build(&f.spec).unwrap();
    assert_eq!(compiled(&lines), Some("3"), "{lines:#?}");
    assert_eq!((first.release.as_str(), first.version, &first.modules), ("6.1.7", (6, 1, 7), &None));
    let build = first.build.as_deref().unwrap();
    assert!(build.key.starts_with("linux-6.1.7_") && build.compiler.contains("gcc") && build.linker.contains("ld"));
    let entry = first.image.parent().unwrap();
    for file in ["vmlinux", "System.map", ".config", "build.json", "make.log"] {
        assert!(entry.join(file).is_file(), "{file}");
    }
    let start = Instant::now();
    let (second, lines) = f.build(&f.spec).unwrap();
    assert_eq!((second, lines), (first.clone(), vec![]));
    assert!(start.elapsed() < Duration::from_secs(5));
    assert_eq!(f.find(&f.spec), Some(first));
    assert_eq!(f.entries(), (1, 0));
}

#[test]
fn types_are_of_the_units_that_kbuild_recorded() {
    let f = Fixture::new();
    f.write("mm/vmscan.c", "struct scan_control { long order; };\n");
    let (kernel, _) = f.build(&f.spec).unwrap();
    let entry = kernel.image.parent().unwrap();
    let object = fs::read(entry.join("types/mm-vmscan.o")).unwrap();
    let types = crate::introspect::types::Types::from_elf(&object, &["scan_control"]).unwrap();
    assert_eq!(types.size_of("scan_control"), Some(8));
    assert_eq!(fs::read_dir(entry.join("types")).unwrap().count(), 1);
    assert!(manifest::check(entry).unwrap().files.contains_key("types/mm-vmscan.o"));
    // What kbuild has of its own stays as it was: nothing is compiled again.
    let output =
        fs::read_dir(f.cache.root().join("build-trees")).unwrap().next().unwrap().unwrap().path().join("output");
    assert!(!output.join("mm/.vmscan.o.d").exists());
}

#[test]
fn a_kernel_whose_types_do_not_come_out_is_built_all_the_same() {
    let f = Fixture::new();
    // Good enough for this tree's make, and not for a compiler.
    f.write("mm/vmscan.c", "int scan = ;\n");
    let (kernel, _) = f.build(&f.spec).unwrap();
    let log = fs::read_to_string(kernel.image.parent().unwrap().join("make.log")).unwrap();
    assert!(log.contains("\noomph: no types of mm/vmscan.o: gcc failed"), "{log}");
    assert!(!kernel.image.parent().unwrap().join("types").exists());
}

#[test]
fn a_patch_costs_what_it_changes_and_is_a_tag() {
    let f = Fixture::new();
    let (stock, _) = f.build(&f.spec).unwrap();
    let spec = f.patched();
    let (patched, lines) = f.build(&spec).unwrap();
    assert_eq!(compiled(&lines), Some("1"), "{lines:#?}");
    assert_eq!(patched.tags, ["no-reap"]);
    assert!(patched.origin.contains(" + no-reap"), "{}", patched.origin);
    assert_ne!(patched.hash, stock.hash);
    assert!(fs::read_to_string(f.tree().join("mm/oom_kill.c")).unwrap().contains("reap"), "the source is not touched");
    // Both stay, and going back costs nothing.
    assert_eq!(f.build(&f.spec).unwrap(), (stock, vec![]));
    assert_eq!(f.entries(), (2, 0));
}

#[test]
fn a_changed_source_or_config_or_variable_is_another_kernel() {
    let f = Fixture::new();
    let (first, _) = f.build(&f.spec).unwrap();
    let (_, lines) = f.build(&SourceBuild { required: vec!["CONFIG_64BIT=y".into()], ..f.spec.clone() }).unwrap();
    assert_eq!(compiled(&lines), None, "asked for otherwise, but the same: {lines:#?}");
    f.write("mm/vmscan.c", "int rescan;\n");
    let (second, lines) = f.build(&f.spec).unwrap();
    assert_eq!(compiled(&lines), Some("1"), "{lines:#?}");
    assert_ne!(second.build.unwrap().tree_id, first.build.unwrap().tree_id);
    let mut spec = f.spec.clone();
    spec.make.insert("KCFLAGS".into(), "-g".into());
    f.build(&spec).unwrap();
    assert_eq!(f.entries(), (3, 0));
}

#[test]
fn the_same_key_from_nothing_is_the_same_image() {
    let (a, b) = (Fixture::new(), Fixture::new());
    let (first, _) = a.build(&a.spec).unwrap();
    let spec = SourceBuild { make: a.spec.make.clone(), ..b.spec.clone() };
    let (second, _) = b.build(&spec).unwrap();
    assert_eq!((first.hash, first.build.unwrap().key), (second.hash, second.build.unwrap().key));
}

#[test]
fn modules_are_built_where_they_are_wanted() {
    let f = Fixture::new();
    let spec = SourceBuild { modules: true, ..f.spec.clone() };
    let (kernel, _) = f.build(&spec).unwrap();
    let modules = kernel.modules.clone().unwrap();
    assert!(modules.ends_with("lib/modules/6.1.7") && modules.join("kernel/x.ko").is_file());
    assert!(!modules.join("build").is_symlink());
    let out = f.place.path().join("out");
    collect::export(&kernel, &out).unwrap();
    for file in ["bzImage", "vmlinux", "System.map", ".config", "lib/modules/6.1.7/kernel/x.ko", "build.json"] {
        assert!(out.join(file).is_file(), "{file}");
    }
    collect::export(&kernel, &out).unwrap();
    fs::remove_file(out.join("build.json")).unwrap();
    let error = collect::export(&kernel, &out).unwrap_err().to_string();
    assert!(error.contains("is not empty and holds no kernel of oomph's"), "{error}");
}

#[test]
fn a_build_that_fails_says_why_leaves_nothing_and_goes_on_when_mended() {
    let f = Fixture::new();
    f.write("mm/vmscan.c", "#error\n");
    let error = f.build(&f.spec).unwrap_err();
    assert!(matches!(error, Error::Make(MakeError::Failed { .. })), "{error}");
    let text = error.to_string();
    assert!(text.contains("\n  mm/vmscan.c:1:2: error: #error\n") && text.contains("the whole log: "), "{text}");
    assert_eq!(f.entries(), (0, 0));
    assert_eq!(f.find(&f.spec), None);
    f.write("mm/vmscan.c", "int scan;\n");
    let (_, lines) = f.build(&f.spec).unwrap();
    assert_eq!(compiled(&lines), Some("1"), "{lines:#?}");
}

#[test]
fn a_compiler_that_is_not_there_is_named() {
    let mut f = Fixture::new();
    f.spec.make.insert("CC".into(), "gcc-4.9".into());
    let error = f.build(&f.spec).unwrap_err().to_string();
    assert!(error.contains("gcc-4.9 is not installed"), "{error}");
    assert_eq!(f.entries(), (0, 0));
}

#[test]
fn a_damaged_entry_is_built_again() {
    let f = Fixture::new();
    let (kernel, _) = f.build(&f.spec).unwrap();
    fs::write(&kernel.image, "no").unwrap();
    assert_eq!(f.find(&f.spec), None);
    let (again, lines) = f.build(&f.spec).unwrap();
    assert_eq!((again.hash, compiled(&lines)), (kernel.hash, Some("0")), "{lines:#?}");
}

#[test]
fn a_build_that_is_called_off_goes_on_later() {
    let f = Fixture::new();
    let gate = f.place.path().join("gate");
    fs::write(&gate, "").unwrap();
    let (job, lines, cancelled) = Job::watched();
    std::thread::scope(|scope| {
        let build = scope.spawn(|| kernel("k".into(), &f.spec, &f.cache, &job));
        let log = || fs::read_dir(f.cache.root().join("build-trees")).ok()?.flatten().next().map(|d| d.path());
        let has_begun =
            || log().is_some_and(|d| fs::read_to_string(d.join("make.log")).is_ok_and(|l| l.contains("CC")));
        let end = Instant::now() + Duration::from_secs(60);
        while !has_begun() && Instant::now() < end {
            std::thread::sleep(Duration::from_millis(10));
        }
        cancelled.store(true, Relaxed);
        assert!(matches!(build.join().unwrap(), Err(Error::Cancelled)));
    });
    drop(lines);
    assert_eq!(f.entries(), (0, 0));
    fs::remove_file(&gate).unwrap();
    let (_, lines) = f.build(&f.spec).unwrap();
    assert_eq!(compiled(&lines), Some("3"), "{lines:#?}");
    assert!(!lines.iter().any(|line| line.contains("cut off")), "{lines:#?}");
}

#[test]
fn two_who_want_the_same_build_it_once_and_the_second_says_that_it_waits() {
    let f = Fixture::new();
    let gate = f.place.path().join("gate");
    fs::write(&gate, "").unwrap();
    let (first, first_lines, _) = Job::watched();
    let (second, mut second_lines, _) = Job::watched();
    let (one, two) = std::thread::scope(|scope| {
        let one = scope.spawn(|| kernel("k".into(), &f.spec, &f.cache, &first).unwrap());
        while !f.cache.root().join("build-trees").is_dir() {
            std::thread::sleep(Duration::from_millis(5));
        }
        let two = scope.spawn(|| kernel("k".into(), &f.spec, &f.cache, &second).unwrap());
        let waits = second_lines.blocking_recv().unwrap();
        assert!(waits.ends_with("another process is at it; waiting"), "{waits}");
        fs::remove_file(&gate).unwrap();
        (one.join().unwrap(), two.join().unwrap())
    });
    assert_eq!(one, two);
    assert_eq!((compiled(&said(first_lines)), compiled(&said(second_lines))), (Some("3"), None));
}
