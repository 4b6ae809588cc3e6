//! Patches: unified diffs and mailboxes of them.
//! Lives here: reading them, what they make of a tree's files.
//! May not live here: where the tree is from, or writing to it.
//!
//! Only the files that patches touch are looked at: they are put into a directory of their own, patch(1) works there, and what
//! came out is compared with what was. So a tree is written to where a file is really another, and not before all is well.

mod apply;
mod diff;
mod mail;

use super::tree::index::Index;
use super::tree::{Content, Overlay};
use crate::kernel::error::{At, Error};
use crate::kernel::job::Job;
use crate::kernel::manifest;
use crate::kernel::{Cache, Temporary};
use crate::scenario::patch_name;
use apply::Scratch;
use diff::FileDiff;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

/// Most bytes of a patch file; that from 6.1 to 6.2 has 60 MB.
const MAX_PATCH: u64 = 256 << 20;

/// A patch that is in a tree.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Patch {
    /// Its file's name without `.patch`, `.diff`, `.mbox` or `.mbx`; a tag of the kernel.
    pub name: String,
    /// BLAKE3 of the file, in hex.
    pub hash: String,
}

/// A patch file's name and hash.
///
/// # Errors
/// Where it cannot be read.
pub fn identify(path: &Path) -> Result<Patch, Error> {
    Ok(Patch { name: patch_name(path), hash: manifest::hash(path)? })
}

/// A patch that is part of the program.
pub type BuiltIn = (&'static str, &'static str);

/// A diff of a patch file: all of it, or one mail's.
#[derive(Debug)]
struct Part {
    /// The patch file, and which mail.
    name: String,
    /// Where the diff is.
    file: PathBuf,
    files: Vec<FileDiff>,
}

/// Patches that were read.
#[derive(Debug)]
pub struct Series {
    /// What they are, in order.
    pub patches: Vec<Patch>,
    parts: Vec<Part>,
    /// Holds decoded mails.
    _place: Option<Temporary>,
}

/// Reads patches and checks what can be checked without a tree.
///
/// # Errors
/// Where one cannot be read, is no patch, or holds what cannot be applied.
pub fn read(paths: &[PathBuf], cache: &Cache, job: &Job) -> Result<Series, Error> {
    let place = if paths.is_empty() { None } else { Some(cache.temporary()?) };
    let mut series = Series { patches: Vec::new(), parts: Vec::new(), _place: place };
    for (n, path) in paths.iter().enumerate() {
        series.patches.push(identify(path)?);
        let wrong = |name: &str, why: String| Error::Patch { patch: name.to_owned(), why };
        let name = path.display().to_string();
        let text = text(path)?;
        let before = series.parts.len();
        match &series._place {
            Some(place) if mail::is_mail(&text) => {
                let directory = place.path().join(n.to_string());
                fs::create_dir(&directory).at("make the directory", &directory)?;
                for (number, mail) in mail::split(path, &directory, job)?.into_iter().enumerate() {
                    let name = format!("{name}, mail {} ({})", number + 1, mail.subject);
                    let files = diff::read(&String::from_utf8_lossy(&self::text(&mail.diff)?));
                    let files = files.map_err(|why| wrong(&name, why))?;
                    // A cover letter, an answer.
                    if !files.is_empty() {
                        series.parts.push(Part { name, file: mail.diff, files });
                    }
                }
            }
            _ => {
                let files = diff::read(&String::from_utf8_lossy(&text)).map_err(|why| wrong(&name, why))?;
                if !files.is_empty() {
                    series.parts.push(Part { name: name.clone(), file: path.clone(), files });
                }
            }
        }
        if series.parts.len() == before {
            let why =
                "there is no patch in it: what is wanted is a unified diff (`git diff`) or a mailbox of them (`b4 am`)";
            return Err(wrong(&name, why.into()));
        }
    }
    Ok(series)
}

fn text(path: &Path) -> Result<Vec<u8>, Error> {
    let mut text = Vec::new();
    File::open(path).at("open", path)?.take(MAX_PATCH + 1).read_to_end(&mut text).at("read", path)?;
    if text.len() as u64 > MAX_PATCH {
        let why = format!("it is larger than {MAX_PATCH} bytes");
        return Err(Error::Patch { patch: path.display().to_string(), why });
    }
    Ok(text)
}

/// What came of patches.
#[derive(Debug, Default)]
pub struct Patched {
    /// The files that are others now.
    pub overlay: Overlay,
    /// The built-in patches that were applied.
    pub built_in: Vec<&'static str>,
}

/// Applies patches to the files of a tree, and then those built-in patches that its version needs. One of these that is in the
/// tree already, or does not fit it, is left out.
///
/// # Errors
/// Where a patch does not apply: the error names patch, file and hunk.
pub fn apply(
    series: &Series,
    fuzz: u8,
    built_in: impl FnOnce(Option<Vec<u8>>) -> Vec<BuiltIn>,
    base: &Index,
    content: &Content,
    cache: &Cache,
    job: &Job,
) -> Result<Patched, Error> {
    let mut scratch = Scratch::new(base, content, cache)?;
    scratch.bring(
        series.parts.iter().flat_map(|part| &part.files).flat_map(|file| &file.names).map(String::as_str),
        job,
    )?;
    for part in &series.parts {
        scratch.apply(part, fuzz, job)?;
    }
    scratch.bring(["Makefile"].into_iter(), job)?;
    let place = cache.temporary()?;
    let mut applied = Vec::new();
    for (name, text) in built_in(scratch.content("Makefile")?.map(|(_, makefile)| makefile)) {
        let wrong = |why| Error::Patch { patch: name.to_owned(), why };
        let files = diff::read(text).map_err(wrong)?;
        let file = place.path().join("patch");
        fs::write(&file, text).at("write", &file)?;
        scratch.bring(files.iter().flat_map(|file| &file.names).map(String::as_str), job)?;
        match scratch.apply(&Part { name: name.to_owned(), file, files }, 0, job) {
            Ok(()) => applied.push(name),
            Err(Error::Patch { why, .. }) => job.say(format!("{name} is left out: {why}")),
            Err(error) => return Err(error),
        }
    }
    let overlay = scratch.overlay(job)?;
    Ok(Patched { overlay, built_in: applied })
}

/// Paths of a part, once each.
fn paths(part: &Part) -> BTreeSet<&str> {
    part.files.iter().flat_map(|file| &file.names).map(String::as_str).collect()
}

#[cfg(test)]
mod tests;
