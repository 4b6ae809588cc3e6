//! patch(1) on copies of the files that patches touch.
//! Lives here: the copies, the call, its words turned into errors.
//! May not live here: reading patches.

use super::super::tree::index::{self, Index, Kind, Record};
use super::super::tree::{Content, Overlay, put};
use super::diff::FileDiff;
use super::{Part, paths};
use crate::kernel::child::{Call, ChildError, Given, words};
use crate::kernel::error::{At, Error};
use crate::kernel::job::Job;
use crate::kernel::{Cache, Temporary};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{Read, Seek};
use std::path::Path;
use std::time::Duration;

/// For one patch.
const DEADLINE: Duration = Duration::from_secs(300);
/// Most fuzz that can be asked for.
const MAX_FUZZ: u8 = 2;
/// Most bytes of what patch(1) says that are looked at.
const MAX_WORDS: u64 = 4 << 20;

/// A file's kind and content; `None` where there is none.
type State = Option<(Kind, Vec<u8>)>;

/// A directory with copies of some files of a tree.
pub struct Scratch<'a> {
    place: Temporary,
    base: &'a Index,
    content: &'a Content,
    /// The files that are here, as they were in the tree.
    before: BTreeMap<String, State>,
}

impl<'a> Scratch<'a> {
    /// An empty one.
    pub fn new(base: &'a Index, content: &'a Content, cache: &Cache) -> Result<Self, Error> {
        Ok(Self { place: cache.temporary()?, base, content, before: BTreeMap::new() })
    }

    /// Has copies of these files here, where the tree has them.
    pub fn bring<'b>(&mut self, paths: impl Iterator<Item = &'b str>, job: &Job) -> Result<(), Error> {
        let mut wanted: Vec<(&str, &Record)> = Vec::new();
        for path in paths {
            if self.before.contains_key(path) {
                continue;
            }
            self.before.insert(path.to_owned(), None);
            if let Some((path, record)) = self.base.files.get_key_value(path) {
                wanted.push((path, record));
            }
        }
        let (place, before) = (self.place.path(), &mut self.before);
        self.content.each(&wanted, job, |path, record, content| {
            set(place, path, Some(&(record.kind, content.clone())))?;
            before.insert(path.to_owned(), Some((record.kind, content)));
            Ok(())
        })
    }

    /// A file as it is here now.
    pub fn content(&self, path: &str) -> Result<State, Error> {
        let file = self.place.path().join(path);
        let Some((kind, _)) = index::look_at(&file) else { return Ok(None) };
        let content = index::content(&file, kind).at("read", &file)?;
        Ok(Some((kind, content)))
    }

    /// What is another than in the tree.
    pub fn overlay(&self, job: &Job) -> Result<Overlay, Error> {
        let mut overlay = Overlay::new();
        for (path, before) in &self.before {
            let now = self.content(path)?;
            if now != *before {
                if let (Some((_, content)), Some(record)) = (before, self.base.files.get(path)) {
                    self.content.keep(record, content)?;
                }
                overlay.insert(path.clone(), now);
            }
            job.check()?;
        }
        Ok(overlay)
    }

    /// Applies one diff, or leaves everything as it was.
    pub fn apply(&self, part: &Part, fuzz: u8, job: &Job) -> Result<(), Error> {
        let wrong = |why: String| Error::Patch { patch: part.name.clone(), why };
        let paths = paths(part);
        let states: Vec<(&str, State)> =
            paths.iter().map(|path| Ok((*path, self.content(path)?))).collect::<Result<_, Error>>()?;
        if let Some(file) = part.files.iter().find(|file| !file.hunks.is_empty() && self.has_other_prefix(file)) {
            let why = format!(
                "the first folder of each name is taken off (`a/mm/x.c`), and there is no {} in the tree; a patch from \
                 `git diff` or `diff -u linux.orig linux` has one to take off",
                file.name()
            );
            return Err(wrong(why));
        }
        let said = match self.patch(part, fuzz, &[], job)? {
            Ok(said) => said,
            Err(said) => {
                let restore =
                    || states.iter().try_for_each(|(path, state)| set(self.place.path(), path, state.as_ref()));
                restore()?;
                let (file, what) = failure(&said, part);
                let there = self.patch(part, 0, &["--reverse"], job)?.is_ok();
                restore()?;
                if there {
                    return Err(wrong(format!("it is in the tree already ({file})")));
                }
                let mut why = format!("{file}: {what}");
                if fuzz < MAX_FUZZ && self.patch(part, MAX_FUZZ, &[], job)?.is_ok() {
                    why += &format!("; it would apply with `fuzz: {MAX_FUZZ}`, that is, where lines around it differ");
                }
                restore()?;
                return Err(wrong(why));
            }
        };
        let fuzzy = said.lines().filter(|line| line.contains(" with fuzz ")).count();
        if fuzzy > 0 {
            job.say(format!("{}: {fuzzy} hunks applied though lines around them differ", part.name));
        }
        Ok(())
    }

    /// Whether the tree has the file by its full name, as in a patch that was made without `a/` and `b/`.
    fn has_other_prefix(&self, file: &FileDiff) -> bool {
        let is_here = |name: &String| self.place.path().join(name).exists();
        !file.full.is_empty()
            && !file.names.iter().any(is_here)
            && file.full.iter().any(|name| self.base.files.contains_key(name))
    }

    /// Calls patch(1): what it said, by success.
    fn patch(&self, part: &Part, fuzz: u8, more: &[&str], job: &Job) -> Result<Result<String, String>, Error> {
        let mut args = words(["--unified", "--strip=1", "--force", "--no-backup-if-mismatch", "--reject-file=-"]);
        args.extend(words([format!("--fuzz={fuzz}")]));
        args.extend(words(more));
        args.extend(["--input".into(), part.file.clone().into_os_string()]);
        let directory = Some(self.place.path());
        let call = Call { program: "patch", package: "patch", args, directory, deadline: DEADLINE };
        let temporary = std::env::temp_dir();
        let mut said = tempfile::tempfile().at("make a file in", &temporary)?;
        let stdout = Some(said.try_clone().at("make a file in", &temporary)?);
        let env =
            [("POSIXLY_CORRECT", None), ("PATCH_GET", None), ("SIMPLE_BACKUP_SUFFIX", None), ("VERSION_CONTROL", None)];
        let ended = call.run_with(Given { stdout, env: &env, ..Given::default() }, job);
        let words = text(&mut said).at("read", &temporary)?;
        match ended {
            Ok(_) => Ok(Ok(words)),
            Err(ChildError::Failed { stderr, .. }) => Ok(Err(words + &stderr)),
            Err(error) => Err(error.into()),
        }
    }
}

fn text(file: &mut File) -> std::io::Result<String> {
    let mut bytes = Vec::new();
    file.rewind()?;
    file.take(MAX_WORDS).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Puts a file into a directory, or takes it out.
fn set(directory: &Path, path: &str, state: Option<&(Kind, Vec<u8>)>) -> Result<(), Error> {
    let file = directory.join(path);
    if file.symlink_metadata().is_ok() {
        fs::remove_file(&file).at("remove", &file)?;
    }
    let Some((kind, content)) = state else { return Ok(()) };
    if let Some(parent) = file.parent() {
        fs::create_dir_all(parent).at("make the directory", parent)?;
    }
    put(&file, *kind, content)
}

/// The first file that a failed patch(1) complains about, and what about it.
fn failure(said: &str, part: &Part) -> (String, String) {
    let mut file = None;
    let mut times: BTreeMap<&str, usize> = BTreeMap::new();
    for line in said.lines().map(str::trim_end) {
        if let Some(name) = line.strip_prefix("patching file ") {
            let name = name.split(" (").next().unwrap_or(name).trim_matches('\'');
            *times.entry(name).or_default() += 1;
            file = Some(name);
        } else if let Some((number, at)) = line.strip_prefix("Hunk #").and_then(|rest| rest.split_once(" FAILED at ")) {
            let name = file.unwrap_or_default();
            let number: usize = number.parse().unwrap_or(0);
            let at = at.split(['.', ' ']).next().unwrap_or_default();
            let nth = times.get(name).map_or(0, |times| times - 1);
            let diff = part.files.iter().filter(|file| file.names.iter().any(|known| known == name)).nth(nth);
            let line = diff.and_then(|diff| diff.hunks.get(number.checked_sub(1)?));
            let line = line.map_or(String::new(), |line| format!(" (line {line} of the patch)"));
            return (name.to_owned(), format!("hunk {number}{line} fits neither at line {at} nor anywhere else"));
        } else if line.starts_with("can't find file to patch") {
            let missing =
                part.files.iter().find(|file| !file.names.iter().any(|name| times.contains_key(name.as_str())));
            return (missing.map_or("", FileDiff::name).to_owned(), "there is no such file in the tree".into());
        } else if line.starts_with("Not deleting file") {
            return (file.unwrap_or_default().to_owned(), "it deletes the file, which holds more than it says".into());
        } else if line.contains("is not a regular file") {
            return (file.unwrap_or_default().to_owned(), "it is a symbolic link in the tree".into());
        }
    }
    let last = said.lines().rfind(|line| !line.trim().is_empty()).unwrap_or("patch(1) does not say why");
    (file.unwrap_or("it cannot be applied").to_owned(), last.trim().to_owned())
}
