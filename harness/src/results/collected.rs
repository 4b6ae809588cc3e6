//! Files that were brought back from a guest: `collected/`, by their paths there.
//! Lives here: which pieces are taken, and what makes a file whole.
//! May not live here: asking for files (`run`), or how they come (`vm`).
//!
//! The guest is not believed: only what was asked for is written, at plain paths below the folder, and within bounds.

use oomph_wire::config::Bounds;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Component, Path, PathBuf};

/// The folder, and what of it is being written.
#[derive(Debug)]
pub struct Collected {
    folder: PathBuf,
    asked: Vec<PathBuf>,
    bounds: Bounds,
    open: Option<Open>,
    files: u64,
    bytes: usize,
}

/// A file that is being written.
#[derive(Debug)]
struct Open {
    path: String,
    place: PathBuf,
    file: File,
    bytes: u64,
    /// Why it will not be whole.
    broken: Option<String>,
}

impl Collected {
    /// Nothing yet; `folder` is made with the first file, and `asked` are paths in the guest.
    pub fn new(folder: PathBuf, asked: &[String], bounds: Bounds) -> Self {
        Self { folder, asked: asked.iter().map(PathBuf::from).collect(), bounds, open: None, files: 0, bytes: 0 }
    }

    /// Takes a piece of a file.
    pub fn piece(&mut self, path: &str, at: u64, bytes: &[u8]) {
        if self.open.as_ref().is_none_or(|open| open.path != path) {
            self.open = self.begin(path);
        }
        let Some(open) = &mut self.open else { return };
        self.bytes = self.bytes.saturating_add(bytes.len());
        if open.bytes != at {
            open.broken.get_or_insert_with(|| format!("{} bytes are missing", at.abs_diff(open.bytes)));
        } else if open.bytes + bytes.len() as u64 > self.bounds.file as u64 || self.bytes > self.bounds.total {
            open.broken.get_or_insert_with(|| "more came than any guest of ours sends".into());
        } else if let Err(error) = open.file.write_all(bytes) {
            open.broken.get_or_insert_with(|| format!("cannot be written here: {error}"));
        } else {
            open.bytes += bytes.len() as u64;
        }
    }

    /// The file is through, and has so many bytes if the guest is right; why it is not whole.
    pub fn end(&mut self, path: &str, bytes: u64, failed: Option<String>) -> Option<String> {
        if bytes == 0 && failed.is_none() {
            // An empty file has no piece.
            self.piece(path, 0, &[]);
        }
        let Some(open) = self.open.take_if(|open| open.path == path) else {
            return Some(failed.unwrap_or_else(|| "nothing of it came, or it was not asked for".into()));
        };
        let lost = (open.bytes != bytes).then(|| format!("{} of {bytes} bytes came", open.bytes));
        let why = failed.or_else(|| open.broken.clone()).or(lost);
        // One that is not whole is kept as far as it came: half a log is better than none.
        if open.bytes == 0 && why.is_some() {
            fs::remove_file(&open.place).ok();
        }
        why
    }

    fn begin(&mut self, path: &str) -> Option<Open> {
        let below = below(path)?;
        let asked = self.asked.iter().any(|asked| Path::new(path).starts_with(asked));
        if !asked || self.files >= self.bounds.files {
            return None;
        }
        self.files += 1;
        let place = self.folder.join(below);
        let file = create(&place).ok()?;
        Some(Open { path: path.to_owned(), place, file, bytes: 0, broken: None })
    }
}

/// A path without its root; `None` for one that is not absolute and plain.
fn below(path: &str) -> Option<PathBuf> {
    let rest = Path::new(path).strip_prefix("/").ok()?;
    let plain = !path.contains('\0') && rest.components().all(|part| matches!(part, Component::Normal(_)));
    (plain && rest.components().count() > 0).then(|| rest.to_owned())
}

/// A new file, with the directories that lead to it. One that is there is left alone: no path comes twice.
fn create(place: &Path) -> io::Result<File> {
    if let Some(parent) = place.parent() {
        fs::create_dir_all(parent)?;
    }
    File::create_new(place)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use oomph_wire::config::BY_SERIAL;

    fn collected(asked: &[&str]) -> (tempfile::TempDir, Collected) {
        let place = tempfile::tempdir().unwrap();
        let folder = place.path().join("collected");
        (place, Collected::new(folder, &asked.iter().map(|path| (*path).to_owned()).collect::<Vec<_>>(), BY_SERIAL))
    }

    #[test]
    fn files_lie_where_they_lay_in_the_guest() {
        let (place, mut collected) = collected(&["/proc/vmstat", "/var/log"]);
        collected.piece("/proc/vmstat", 0, b"nr_free");
        collected.piece("/proc/vmstat", 7, b"_pages 1\n");
        assert_eq!(collected.end("/proc/vmstat", 16, None), None);
        assert_eq!(collected.end("/var/log/empty", 0, None), None);
        collected.piece("/var/log/a/b", 0, b"x");
        assert_eq!(collected.end("/var/log/a/b", 1, None), None);
        let read = |path: &str| fs::read_to_string(place.path().join("collected").join(path)).unwrap();
        assert_eq!((read("proc/vmstat").as_str(), read("var/log/empty").as_str()), ("nr_free_pages 1\n", ""));
        assert_eq!(read("var/log/a/b"), "x");
    }

    #[test]
    fn what_is_not_whole_says_why() {
        let (place, mut collected) = collected(&["/x"]);
        collected.piece("/x/lost", 0, b"abc");
        collected.piece("/x/lost", 5, b"fg");
        assert_eq!(collected.end("/x/lost", 7, None).as_deref(), Some("2 bytes are missing"));
        assert_eq!(collected.end("/x/none", 0, Some("No such file".into())).as_deref(), Some("No such file"));
        collected.piece("/x/cut", 0, b"abc");
        assert_eq!(collected.end("/x/cut", 4, None).as_deref(), Some("3 of 4 bytes came"));
        assert_eq!(fs::read_to_string(place.path().join("collected/x/cut")).unwrap(), "abc");
    }

    #[test]
    fn a_guest_writes_only_what_was_asked_for_and_not_too_much() {
        let (place, mut collected) = collected(&["/x"]);
        for path in ["/etc/passwd", "x", "/x/../../../evil", "/", "/xy", "/x/\0"] {
            collected.piece(path, 0, b"evil");
            assert!(collected.end(path, 4, None).is_some(), "{path:?}");
        }
        assert!(!place.path().join("collected").exists());
        let block = vec![0; 64 << 10];
        for at in 0..8 {
            collected.piece("/x/flood", at * block.len() as u64, &block);
        }
        assert!(collected.end("/x/flood", 8 * block.len() as u64, None).is_some());
        assert_eq!(fs::metadata(place.path().join("collected/x/flood")).unwrap().len(), BY_SERIAL.file as u64);
    }
}
