//! Real makes of a Makefile of a few lines.
#![allow(clippy::unwrap_used)]
use super::*;
use std::sync::atomic::Ordering::Relaxed;

struct Fixture {
    place: tempfile::TempDir,
    make: Make,
}

impl Fixture {
    fn new(makefile: &str) -> Self {
        let place = tempfile::tempdir().unwrap();
        fs::write(place.path().join("Makefile"), makefile).unwrap();
        let (tree, output) = (place.path().to_owned(), place.path().join("output"));
        Self { make: Make { tree, output, variables: BTreeMap::new() }, place }
    }

    fn log(&self) -> PathBuf {
        self.place.path().join("make.log")
    }

    fn build(&self, target: &str, job: &Job) -> Result<Built, Error> {
        self.make.build(&[target], &self.log(), None, job, &mut |_| {})
    }
}

#[test]
fn what_quick_targets_print_comes_back() {
    let text = "all:\n\t@echo $(O) $(ARCH) '$(X)' $$KBUILD_BUILD_USER $(origin LOCALVERSION); echo err >&2\n";
    let mut fixture = Fixture::new(text);
    fixture.make.variables.insert("X".into(), "two words".into());
    let printed = fixture.make.quick(&["all"], &Job::silent()).unwrap();
    let output = fixture.make.output.display();
    assert!(printed.contains(&format!("{output} x86_64 two words oomph command line\nerr\n")), "{printed}");
}

#[test]
fn a_build_counts_and_keeps_its_log() {
    let text = "all:\n\t@echo '  CC      a.o'; echo '  LD      x'; echo 'a.c:1:1: warning: hm'; echo '  CC      b.o'\n";
    let fixture = Fixture::new(text);
    let mut heard = 0;
    let built = fixture.make.build(&["all"], &fixture.log(), Some(2), &Job::silent(), &mut |n| heard = n).unwrap();
    assert_eq!((built, heard), (Built { compiled: 2, warnings: 1 }, 2));
    assert!(fs::read_to_string(fixture.log()).unwrap().contains("a.c:1:1: warning: hm\n"));
}

#[test]
fn a_failure_shows_its_own_lines_and_the_log() {
    let fixture = Fixture::new("all:\n\t@echo '  CC      a.o'; echo 'a.c:1:2: error: no'; exit 3\n");
    let error = fixture.build("all", &Job::silent()).unwrap_err().to_string();
    let expected = format!(
        "make all failed (exit status: 2)\n  a.c:1:2: error: no\n  make: *** [Makefile:2: all] Error 3\n\
         the whole log: {}",
        fixture.log().display()
    );
    assert_eq!(error, expected);
}

#[test]
fn a_full_disk_is_named() {
    let fixture = Fixture::new("all:\n\t@echo 'ld: final link failed: No space left on device'; exit 1\n");
    let error = fixture.build("all", &Job::silent()).unwrap_err().to_string();
    assert!(error.contains("no space left on the filesystem of") && error.contains("are free now"), "{error}");
}

#[test]
fn a_build_that_is_called_off_leaves_whole_files_and_no_process() {
    let text = "all: whole half\nwhole:\n\t@touch $(O)/whole; echo '  CC      whole'\n\
                half: whole\n\t@touch half; echo $$$$ > $(O)/pid; echo '  CC      half'; sleep 60\n";
    let fixture = Fixture::new(text);
    let (job, _lines, cancelled) = Job::watched();
    let start = Instant::now();
    let mut call_off = |compiled: u64| {
        if compiled == 2 {
            cancelled.store(true, Relaxed);
        }
    };
    let ended = fixture.make.build(&["all"], &fixture.log(), None, &job, &mut call_off);
    assert!(matches!(ended, Err(Error::Cancelled)), "{ended:?}");
    assert!(start.elapsed() < Duration::from_secs(30));
    assert!(fixture.make.output.join("whole").exists());
    assert!(!fixture.place.path().join("half").exists(), "make removes the target it was at");
    let pid = fs::read_to_string(fixture.make.output.join("pid")).unwrap();
    let stat = fs::read_to_string(format!("/proc/{}/stat", pid.trim()));
    assert!(stat.is_err() || stat.is_ok_and(|stat| stat.contains(") Z ")), "its shell is gone");
}

#[test]
fn a_make_without_end_is_ended() {
    let fixture = Fixture::new("all:\n\t@sleep 60\n");
    let fast = Duration::from_millis(500);
    let ended = fixture.make.run(&["all"], &fixture.log(), None, fast, &Job::silent(), &mut |_| {});
    let error = ended.unwrap_err().to_string();
    assert!(error.starts_with("make all did not end within 0 s and was ended"), "{error}");
}
