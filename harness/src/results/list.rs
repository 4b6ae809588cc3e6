//! Looking at results: all of a folder, or one.
//! Lives here: the walk, tolerant of what is broken; the data that `list` and `show` print.
//! May not live here: printing.

use super::run_json::{ReadError, RunJson};
use super::store::file;
use crate::event::Reason;
use crate::image::ImageIdentity;
use crate::scenario::what_runs;
use std::collections::{HashMap, HashSet};
use std::fs::{self, File};
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

/// Longest run.json that is read, in bytes.
const MAX_RECORD: u64 = 16 << 20;

/// Longest command line that is shown, in bytes.
const MAX_COMMAND: u64 = 256 << 10;

/// What a folder of results holds.
#[derive(Debug, Default)]
pub struct Listing {
    /// The runs, newest first; each knows its folder.
    pub runs: Vec<RunJson>,
    /// Folders that should be results and are not, by path.
    pub broken: Vec<Broken>,
}

impl Listing {
    fn sort(&mut self) {
        self.runs.sort_by(|a, b| (b.started, &b.result).cmp(&(a.started, &a.result)));
        self.broken.sort_by(|a, b| a.folder.cmp(&b.folder));
    }
}

/// A folder that should be a result and is not.
#[derive(Debug)]
pub struct Broken {
    /// The folder.
    pub folder: PathBuf,
    /// What is wrong with it.
    pub why: String,
}

/// One result in full.
#[derive(Debug)]
pub struct Shown {
    /// Its record.
    pub run: RunJson,
    /// Its files by name; a folder's name ends with a slash.
    pub files: Vec<FileInfo>,
    /// The QEMU command line, where it is there; cut at 256 KiB.
    pub command: Option<String>,
}

/// A file of a result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileInfo {
    /// Its name.
    pub name: String,
    /// Its size; of a folder, that of the files in it.
    pub bytes: u64,
}

/// Lists `ROOT/SCENARIO/RUN`. Files, and folders whose names begin with a dot, are passed over; a root that does not
/// exist holds nothing.
///
/// # Errors
/// Where the root itself cannot be read.
pub fn list(root: &Path) -> std::io::Result<Listing> {
    let mut listing = Listing::default();
    let scenarios = match folders(root) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(listing),
        scenarios => scenarios?,
    };
    for scenario in scenarios {
        match folders(&scenario) {
            Err(error) => listing.broken.push(Broken { folder: scenario, why: format!("cannot be read: {error}") }),
            Ok(runs) => {
                let mut read = read(runs);
                listing.runs.append(&mut read.runs);
                listing.broken.append(&mut read.broken);
            }
        }
    }
    listing.sort();
    Ok(listing)
}

/// Reads the records of result folders.
fn read(folders: impl IntoIterator<Item = PathBuf>) -> Listing {
    let mut listing = Listing::default();
    for folder in folders {
        match load(&folder) {
            Ok(run) => listing.runs.push(run),
            Err(_) if holds_results(&folder) => {}
            Err(error) => listing.broken.push(Broken { folder, why: error.to_string() }),
        }
    }
    listing
}

/// Whether a folder where a result should be holds results: then a folder of results lies in another, as `results/soak` does in `results`,
/// and is nobody's broken result.
pub(super) fn holds_results(folder: &Path) -> bool {
    folders(folder).is_ok_and(|inside| inside.iter().any(|folder| folder.join(file::RUN).exists()))
}

/// All results of the folders given: each is one, or holds some, or holds folders of scenarios as a folder of results does.
/// What is named twice comes once.
///
/// # Errors
/// Where a folder cannot be read, or holds no result; the message names it.
pub fn gather(paths: &[PathBuf]) -> std::io::Result<Listing> {
    let mut gathered = Listing::default();
    let mut seen = HashSet::new();
    for path in paths {
        let told = |error: std::io::Error| std::io::Error::new(error.kind(), format!("{}: {error}", path.display()));
        let mut found = if path.join(file::RUN).exists() {
            read([path.clone()])
        } else {
            fs::metadata(path).map_err(told)?;
            let inside = folders(path).map_err(told)?;
            let here: Vec<PathBuf> = inside.into_iter().filter(|folder| folder.join(file::RUN).exists()).collect();
            if here.is_empty() { list(path).map_err(told)? } else { read(here) }
        };
        if found.runs.is_empty() && found.broken.is_empty() {
            return Err(told(std::io::Error::new(
                ErrorKind::NotFound,
                "holds no result (expected a folder with run.json, or a folder of such)",
            )));
        }
        found.runs.retain(|run| seen.insert(run.result.as_deref().and_then(|folder| fs::canonicalize(folder).ok())));
        gathered.runs.append(&mut found.runs);
        gathered.broken.append(&mut found.broken);
    }
    gathered.sort();
    Ok(gathered)
}

/// The runs that are stored, by what they were of.
#[derive(Debug, Default)]
pub struct Recorded(HashMap<(String, String), Vec<RunJson>>);

impl Recorded {
    /// Reads a folder of results. Runs that the user ended before anything was known of them are left out; all others are there, so that no end is
    /// tried again until it pleases. One that was ended when its outcome was known is as sound as any.
    ///
    /// # Errors
    /// Where the root cannot be read.
    pub fn read(root: &Path) -> std::io::Result<Self> {
        let mut recorded = HashMap::<_, Vec<RunJson>>::new();
        for run in list(root)?.runs.into_iter().filter(|run| run.inconclusive != Some(Reason::Cancelled)) {
            let folder = run.result.as_deref().unwrap_or(Path::new(""));
            if let Ok(yaml) = fs::read_to_string(folder.join(file::SCENARIO)) {
                recorded.entry((run.kernel_identity.hash.clone(), what_runs(&yaml))).or_default().push(run);
            }
        }
        Ok(Self(recorded))
    }

    /// All runs, by [`what_runs`] of the resolved YAML of their scenario.
    pub fn each(&self) -> impl Iterator<Item = (&str, &RunJson)> {
        self.0.iter().flat_map(|((_, yaml), runs)| runs.iter().map(|run| (yaml.as_str(), run)))
    }

    /// The runs of just this scenario on just this kernel and in just this image: [`what_runs`] of the same resolved YAML, the same hash, the
    /// same key. What was expected of them may not be what is now.
    pub fn of(&self, scenario_yaml: &str, kernel_hash: &str, image: Option<&ImageIdentity>) -> Vec<RunJson> {
        let alike = self.0.get(&(kernel_hash.to_owned(), what_runs(scenario_yaml))).into_iter().flatten();
        alike.filter(|run| same_image(run.image.as_ref(), image)).cloned().collect()
    }
}

/// Whether two runs were in one image: one that was made again of newer packages is another.
pub fn same_image(one: Option<&ImageIdentity>, other: Option<&ImageIdentity>) -> bool {
    one.map(|image| &image.key) == other.map(|image| &image.key)
}

/// Reads the record of a result folder.
///
/// # Errors
/// Where there is none, or it cannot be understood.
pub fn load(folder: &Path) -> Result<RunJson, ReadError> {
    let mut text = String::new();
    File::open(folder.join(file::RUN))?.take(MAX_RECORD + 1).read_to_string(&mut text)?;
    if text.len() as u64 > MAX_RECORD {
        return Err(ReadError::TooLong { limit: MAX_RECORD });
    }
    Ok(RunJson { result: Some(folder.to_owned()), ..RunJson::parse(&text)? })
}

/// Gathers what there is to show of a result folder.
///
/// # Errors
/// Where its record or the folder cannot be read; a missing command line is no error.
pub fn show(folder: &Path) -> Result<Shown, ReadError> {
    let run = load(folder)?;
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let metadata = entry.metadata()?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if metadata.is_file() {
            files.push(FileInfo { name, bytes: metadata.len() });
        } else if metadata.is_dir() {
            let inside = fs::read_dir(entry.path()).into_iter().flatten().filter_map(Result::ok);
            let sizes = inside.filter_map(|entry| entry.metadata().ok()).filter(fs::Metadata::is_file);
            files.push(FileInfo { name: name + "/", bytes: sizes.map(|metadata| metadata.len()).sum() });
        }
    }
    files.sort_by(|a, b| a.name.cmp(&b.name));
    let mut command = Vec::new();
    let read = File::open(folder.join(file::COMMAND)).and_then(|file| file.take(MAX_COMMAND).read_to_end(&mut command));
    Ok(Shown { run, files, command: read.ok().map(|_| String::from_utf8_lossy(&command).trim_end().to_owned()) })
}

/// The folders in a folder, links to folders too.
pub(super) fn folders(parent: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(parent)? {
        let entry = entry?;
        let hidden = entry.file_name().as_encoded_bytes().first() == Some(&b'.');
        // The folder itself tells what is in it; only a link is to be followed.
        let is_folder = |entry: &fs::DirEntry| match entry.file_type() {
            Ok(kind) if !kind.is_symlink() => kind.is_dir(),
            _ => entry.path().is_dir(),
        };
        if !hidden && is_folder(&entry) {
            found.push(entry.path());
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::Store;
    use super::super::run_json::tests::sample;
    use super::*;

    fn run(store: &Store, scenario: &str, started: &str) -> PathBuf {
        let draft = store.begin(scenario, "k").unwrap();
        fs::write(draft.command_txt(), "qemu-system-x86_64 -m 256\n").unwrap();
        draft.finish(&RunJson { started: started.parse().unwrap(), ..sample() }).unwrap()
    }

    #[test]
    fn newest_first_and_what_is_broken_is_told() {
        let root = tempfile::tempdir().unwrap();
        let store = Store::new(root.path()).unwrap();
        let old = run(&store, "b", "2026-01-01T00:00:00Z");
        let new = run(&store, "a", "2026-01-03T00:00:00Z");
        let middle = run(&store, "a", "2026-01-02T00:00:00Z");
        let _draft = store.begin("a", "k").unwrap();
        fs::write(root.path().join("README.md"), "").unwrap();
        fs::create_dir_all(root.path().join("a/empty")).unwrap();
        fs::create_dir_all(root.path().join("a/torn")).unwrap();
        fs::write(root.path().join("a/torn/run.json"), "{\"schema\":1,").unwrap();
        fs::create_dir_all(root.path().join("a/newer")).unwrap();
        fs::write(root.path().join("a/newer/run.json"), "{\"schema\":9}").unwrap();
        let listing = list(root.path()).unwrap();
        let order: Vec<_> = listing.runs.into_iter().map(|run| run.result.unwrap()).collect();
        assert_eq!(order, [new, middle, old]);
        let broken: Vec<_> = listing.broken.iter().map(|broken| broken.folder.file_name().unwrap()).collect();
        assert_eq!(broken, ["empty", "newer", "torn"]);
        run(&Store::new(root.path().join("soak")).unwrap(), "a", "2026-01-01T00:00:00Z");
        let with_another_in_it = list(root.path()).unwrap();
        assert_eq!((with_another_in_it.runs.len(), with_another_in_it.broken.len()), (3, 3));
        assert!(listing.broken[0].why.contains("cannot be read"), "{}", listing.broken[0].why);
        assert!(listing.broken[1].why.contains("schema 9"), "{}", listing.broken[1].why);
    }

    #[test]
    fn the_same_runs_are_counted_but_those_called_off() {
        let root = tempfile::tempdir().unwrap();
        let store = Store::new(root.path()).unwrap();
        let keep = |yaml: &str, hash: &str, reason: Option<Reason>| {
            let draft = store.begin("a", "k").unwrap();
            fs::write(draft.scenario_yaml(), yaml).unwrap();
            let mut run = sample();
            hash.clone_into(&mut run.kernel_identity.hash);
            if reason.is_some() {
                run = RunJson { outcome: None, inconclusive: reason, mechanism: None, expected: false, ..run };
            }
            draft.finish(&run).unwrap();
        };
        keep("name: a\n", "h", None);
        keep("name: a\n", "h", Some(Reason::QemuDied));
        keep("name: a\n", "h", Some(Reason::Cancelled));
        keep("name: a\n", "other", None);
        keep("name: b\n", "h", None);
        let image = |key: &str| ImageIdentity { name: None, what: "x".into(), key: key.into(), size: 1 };
        let draft = store.begin("a", "k").unwrap();
        fs::write(draft.scenario_yaml(), "name: a\n").unwrap();
        let mut in_image = RunJson { image: Some(image("old")), ..sample() };
        in_image.kernel_identity.hash = "h".into();
        draft.finish(&in_image).unwrap();
        keep("name: a\nsummary: another\nreferences:\n- x\nkernel: k\nexpect:\n- outcome: hung\n", "h", None);
        assert_eq!(Recorded::read(root.path()).unwrap().of("name: a\n", "h", None).len(), 2);
        let recorded = Recorded::read(root.path()).unwrap();
        assert_eq!(recorded.of("name: a\n", "h", Some(&image("old"))).len(), 1);
        assert_eq!(recorded.of("name: a\n", "h", Some(&image("new"))).len(), 0, "made again, it is another");
        assert_eq!(recorded.of("name: a\nkernel: k\n", "h", None).len(), 1, "what is said of it makes no other run");
        assert_eq!(recorded.of("name: a\nkernel: l\n", "h", None).len(), 0);
        assert_eq!(Recorded::read(&root.path().join("nowhere")).unwrap().of("name: a\n", "h", None).len(), 0);
    }

    #[test]
    fn results_are_gathered_from_wherever_they_are() {
        let root = tempfile::tempdir().unwrap();
        let store = Store::new(root.path()).unwrap();
        let one = run(&store, "b", "2026-01-01T00:00:00Z");
        let two = run(&store, "a", "2026-01-02T00:00:00Z");
        let folders = |paths: &[&Path]| -> Vec<PathBuf> {
            let paths: Vec<PathBuf> = paths.iter().map(|path| path.to_path_buf()).collect();
            gather(&paths).unwrap().runs.into_iter().map(|run| run.result.unwrap()).collect()
        };
        assert_eq!(folders(&[root.path()]), [two.clone(), one.clone()]);
        assert_eq!(folders(&[&root.path().join("b")]), std::slice::from_ref(&one));
        assert_eq!(folders(&[&one, root.path(), &two]), [two, one]);
        fs::create_dir(root.path().join("empty")).unwrap();
        for wrong in ["empty", "nowhere"] {
            let error = gather(&[root.path().join(wrong)]).unwrap_err().to_string();
            assert!(error.contains(wrong), "{error}");
        }
    }

    #[test]
    fn nowhere_holds_nothing_and_a_file_is_an_error() {
        let root = tempfile::tempdir().unwrap();
        assert!(list(&root.path().join("nowhere")).unwrap().runs.is_empty());
        fs::write(root.path().join("file"), "").unwrap();
        assert!(list(&root.path().join("file")).is_err());
    }

    #[test]
    fn one_result_is_shown_with_its_files() {
        let root = tempfile::tempdir().unwrap();
        let folder = run(&Store::new(root.path()).unwrap(), "a", "2026-01-01T00:00:00Z");
        let shown = show(&folder).unwrap();
        assert_eq!(shown.command.as_deref(), Some("qemu-system-x86_64 -m 256"));
        assert_eq!(shown.files.iter().map(|file| file.name.as_str()).collect::<Vec<_>>(), ["command.txt", "run.json"]);
        fs::create_dir(folder.join(file::CORE)).unwrap();
        fs::write(folder.join(file::CORE).join("core.zst"), "12345").unwrap();
        assert_eq!(show(&folder).unwrap().files[1], FileInfo { name: "core/".into(), bytes: 5 });
        fs::remove_file(folder.join(file::COMMAND)).unwrap();
        assert_eq!(show(&folder).unwrap().command, None);
        assert!(matches!(show(root.path()), Err(ReadError::Io(_))));
    }

    #[test]
    fn a_record_without_end_is_not_read() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join(file::RUN);
        File::create(&path).unwrap().set_len(MAX_RECORD + 1).unwrap();
        assert!(matches!(load(root.path()), Err(ReadError::TooLong { .. })));
    }
}
