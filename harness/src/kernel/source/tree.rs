//! The source of a kernel, here and patched.
//! Lives here: from a `SourceTree` and patches to a directory that make can read.
//! May not live here: configs, or building.
//!
//! Each source location has a workplace in the cache with one copy of it (`work`). A source tells its files (`index`) and gives
//! their content (`content`), patches lay other files over that (`patch`), and the copy is brought to it.

mod archive;
mod archived;
mod content;
mod fetch;
pub(super) mod git;
pub(super) mod index;
mod local;
mod makefile;
mod range;
mod work;

pub(super) use content::Content;
pub(in crate::kernel) use range::range;
pub(super) use work::{Overlay, put};

use super::patch::{self, BuiltIn, Patch};
use crate::kernel::cache::path_safe;
use crate::kernel::error::{At, Error};
use crate::kernel::job::Job;
use crate::kernel::{Cache, debian};
use crate::scenario::SourceTree;
use git::{Mirror, Repository};
use index::Index;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::SystemTime;
use work::Work;

/// A source tree with its patches in it, ours alone for as long as the value lives.
#[derive(Debug)]
pub struct Tree {
    /// Where it is. Only files whose content differs from the tree before are ever rewritten in it, so that make rebuilds
    /// no more than what changed.
    pub directory: PathBuf,
    /// Names the source location, not its content: what stays the same from one ref or patch to the next. Path-safe.
    pub name: String,
    /// Says the content before patches: a git tree id, a tarball's SHA-256, a hash over a directory.
    pub id: String,
    /// `git describe`, a package with its version, or a tarball's name.
    pub describe: String,
    /// From the Makefile, patches included.
    pub version: (u32, u32, u32),
    /// The patches that are in it, in order.
    pub patches: Vec<Patch>,
    /// The built-in patches that are in it, after the others.
    pub built_in: Vec<&'static str>,
    /// Held while somebody works in the directory.
    #[allow(dead_code, reason = "held for as long as the value lives")]
    pub lock: Option<File>,
}

/// [`prepare_with`] without patches of our own.
#[cfg(test)]
pub fn prepare(source: &SourceTree, patches: &[PathBuf], fuzz: u8, cache: &Cache, job: &Job) -> Result<Tree, Error> {
    prepare_with(source, patches, fuzz, |_| Vec::new(), cache, job)
}

/// Has the tree here with exactly these patches in it, and after them those of our own that it needs, given its version. One of
/// them that is in the tree already, or does not fit it, is left out.
///
/// # Errors
/// Where the source cannot be had, is no kernel, or a patch does not apply: the error names file and hunk.
pub fn prepare_with(
    source: &SourceTree,
    patches: &[PathBuf],
    fuzz: u8,
    built_in: impl FnOnce((u32, u32, u32)) -> Vec<BuiltIn>,
    cache: &Cache,
    job: &Job,
) -> Result<Tree, Error> {
    // What is wrong with a patch itself is told before a source is fetched for minutes.
    let series = patch::read(patches, cache, job)?;
    let name = name(source);
    let (place, lock) = workplace(&name, source, cache, job)?;
    let mut work = Work::open(&place, job)?;
    let base = base(source, &place, &mut work, cache, job)?;
    check(&base, source, job)?;
    let version_of = |makefile: Option<Vec<u8>>| makefile.and_then(|text| makefile::version(&text));
    let mut version = None;
    let built_in = |makefile: Option<Vec<u8>>| {
        version = version_of(makefile);
        version.as_ref().map_or_else(Vec::new, |version| built_in(version.number))
    };
    let patched = patch::apply(&series, fuzz, built_in, &base.index, &base.content, cache, job)?;
    let version =
        version.ok_or_else(|| not_a_kernel(&location(source), "the patches leave no version in its Makefile"))?;
    work.sync(&base.index, &patched.overlay, &base.content, job)?;
    Ok(Tree {
        directory: work.directory(),
        name,
        id: base.index.id,
        describe: base.index.describe,
        version: version.number,
        patches: series.patches,
        built_in: patched.built_in,
        lock: Some(lock),
    })
}

/// The id that [`prepare_with`] would give, where it can be told without fetching; nobody's lock is waited for.
///
/// # Errors
/// Where the source is not there, or is none of its kind.
pub fn identify(source: &SourceTree, cache: &Cache, job: &Job) -> Result<Option<String>, Error> {
    let place = place(&name(source), cache);
    match source {
        SourceTree::Path(path) => {
            fs::create_dir_all(&place).at("make the directory", &place)?;
            Ok(Some(local_index(path, &place, cache, job)?.id))
        }
        SourceTree::Git { git, reference } => match repository(git, cache, job)? {
            Some(repository) => match repository.state(reference, job)? {
                Some(state) => Ok(Some(state.tree)),
                None => Err(repository.no_state(reference, job)),
            },
            // A branch may have moved on over there.
            None if place.join(MIRROR).is_dir() => {
                let state = Mirror::open(&place.join(MIRROR), git, cache, job)?.fixed(reference, job)?;
                Ok(state.map(|state| state.tree))
            }
            None => Ok(None),
        },
        SourceTree::Tarball { sha256: Some(sha256), .. } => Ok(Some(sha256.clone())),
        SourceTree::Tarball { tarball, .. } => archived::sha256_of(Path::new(tarball), &place, job).map(Some),
        SourceTree::Debian(spec) => Ok(debian::recall_source(spec, cache).map(|package| package.sha256)),
    }
}

/// The mirror of a repository elsewhere, in a workplace.
const MIRROR: &str = "mirror.git";

/// A source as it is before patches.
struct Base {
    index: Index,
    content: Content,
}

fn base(source: &SourceTree, place: &Path, work: &mut Work, cache: &Cache, job: &Job) -> Result<Base, Error> {
    match source {
        SourceTree::Path(path) => {
            let index = local_index(path, place, cache, job)?;
            Ok(Base { index, content: Content::Directory(path.clone()) })
        }
        SourceTree::Git { git, reference } => {
            let (repository, state) = match repository(git, cache, job)? {
                Some(repository) => {
                    let state = repository.state(reference, job)?;
                    let state = state.map_or_else(|| Err(repository.no_state(reference, job)), Ok)?;
                    (repository, state)
                }
                None => {
                    let mirror = Mirror::open(&place.join(MIRROR), git, cache, job)?;
                    let state = mirror.state(reference, job)?;
                    (mirror.repository().clone(), state)
                }
            };
            let list = place.join(LIST);
            let known = Index::read(&list).filter(|index| (&index.id, &index.commit) == (&state.tree, &state.commit));
            let index = match known {
                Some(index) => index,
                None => {
                    let mut index = repository.index(&state, job)?;
                    index.files.retain(|path, _| !local::is_product(path));
                    index.write(&list)?;
                    index
                }
            };
            Ok(Base { index, content: Content::Repository(repository) })
        }
        SourceTree::Tarball { tarball, sha256 } => {
            let archive = archived::Archive::File { place: tarball, sha256: sha256.as_deref() };
            archived::base(&archive, place, work, cache, job)
        }
        SourceTree::Debian(spec) => archived::base(&archived::Archive::Debian(spec), place, work, cache, job),
    }
}

/// The list of a source's files, in a workplace.
const LIST: &str = "list";

fn local_index(path: &Path, place: &Path, cache: &Cache, job: &Job) -> Result<Index, Error> {
    if !path.is_dir() {
        return Err(Error::Tree { place: path.display().to_string(), why: "there is no such directory".into() });
    }
    let list = place.join(LIST);
    let known = Index::read(&list);
    if known.is_none() {
        let makefile = fs::read(path.join("Makefile")).ok().and_then(|makefile| makefile::version(&makefile));
        if makefile.is_none() {
            // Before all files of some other directory are read.
            return Err(not_a_kernel(&path.display().to_string(), NO_VERSION));
        }
        job.say(format!("reading {}", path.display()));
    }
    let (index, differs) = local::list(path, known.as_ref(), cache, job)?;
    if differs {
        index.write(&list)?;
    }
    Ok(index)
}

/// The repository of a path; `None` for a URL.
fn repository(git: &str, cache: &Cache, job: &Job) -> Result<Option<Repository>, Error> {
    let path = Path::new(git);
    match path.is_absolute() {
        true => Repository::open(path, cache, job).map(Some),
        false => Ok(None),
    }
}

const NO_VERSION: &str = "it has no Makefile that states VERSION and PATCHLEVEL";

fn check(base: &Base, source: &SourceTree, job: &Job) -> Result<(), Error> {
    let mut makefile = None;
    if let Some((path, record)) = base.index.files.get_key_value("Makefile") {
        base.content.each(&[(path, record)], job, |_, _, content| {
            makefile = Some(content);
            Ok(())
        })?;
    }
    check_files(&base.index, makefile, &location(source))
}

/// Whether files are a kernel's.
fn check_files(index: &Index, makefile: Option<Vec<u8>>, place: &str) -> Result<(), Error> {
    let why = match makefile.and_then(|makefile| makefile::version(&makefile)) {
        None => NO_VERSION,
        Some(_) if !index.files.contains_key("Kconfig") => "it has no Kconfig",
        Some(_) => return Ok(()),
    };
    Err(not_a_kernel(place, why))
}

fn not_a_kernel(place: &str, why: &str) -> Error {
    Error::Tree { place: place.to_owned(), why: format!("this is no kernel's source: {why}") }
}

/// Where a source is, for people.
fn location(source: &SourceTree) -> String {
    match source {
        SourceTree::Path(path) => path.display().to_string(),
        SourceTree::Git { git, reference } => format!("{reference} of {git}"),
        SourceTree::Tarball { tarball, .. } => tarball.clone(),
        SourceTree::Debian(package) => package.clone(),
    }
}

/// A short name for a source location: its last part, and a hash of all of it.
fn name(source: &SourceTree) -> String {
    let (kind, place) = match source {
        SourceTree::Path(path) => ("path", path.display().to_string()),
        SourceTree::Git { git, .. } => ("git", git.clone()),
        SourceTree::Tarball { tarball, .. } => ("tarball", tarball.clone()),
        SourceTree::Debian(package) => ("debian", package.clone()),
    };
    let last = place.trim_end_matches('/').rsplit(['/', ':']).next().unwrap_or_default();
    let last = last.split(".tar").next().unwrap_or_default();
    let last = path_safe(&last.trim_end_matches(".git").chars().take(60).collect::<String>());
    let last = if last.is_empty() { "source" } else { &last };
    format!("{last}-{}", &blake3::hash(format!("{kind} {place}").as_bytes()).to_hex()[..12])
}

fn place(name: &str, cache: &Cache) -> PathBuf {
    cache.root().join("source-trees").join(name)
}

/// The workplace of a source, and its lock.
fn workplace(name: &str, source: &SourceTree, cache: &Cache, job: &Job) -> Result<(PathBuf, File), Error> {
    let lock = cache.lock(&format!("source-trees-{name}"), &format!("the source {}", location(source)), job)?;
    let place = place(name, cache);
    fs::create_dir_all(&place).at("make the directory", &place)?;
    // Says when it was used last.
    File::open(&place).and_then(|directory| directory.set_modified(SystemTime::now())).unwrap_or_default();
    Ok((place, lock))
}

#[cfg(test)]
pub(super) mod testing;
#[cfg(test)]
mod tests;
