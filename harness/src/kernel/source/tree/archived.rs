//! Sources that come as an archive: a tarball, a Debian package.
//! Lives here: knowing which one lies in a workplace already, and getting it there where it does not.
//! May not live here: the format (`archive`), downloads (`fetch`, `debian`).

use super::index::{Index, Stamp, look_at};
use super::work::Work;
use super::{Base, Content, LIST, archive, check_files, fetch};
use crate::kernel::error::{At, Error};
use crate::kernel::job::Job;
use crate::kernel::{Cache, debian};
use serde::{Deserialize, Serialize};
use std::fs;
use std::path::{Path, PathBuf};

/// An archive.
#[derive(Debug)]
pub enum Archive<'a> {
    /// A file here, or a URL.
    File {
        /// Path or URL.
        place: &'a str,
        /// What it must be.
        sha256: Option<&'a str>,
    },
    /// In a package.
    Debian(&'a str),
}

/// What lies in the workplace, fetched and unpacked if it is not what is asked for.
pub fn base(archive: &Archive<'_>, place: &Path, work: &mut Work, cache: &Cache, job: &Job) -> Result<Base, Error> {
    let wanted = match archive {
        Archive::File { place: file, sha256 } if is_path(file) => {
            let found = sha256_of(Path::new(file), place, job)?;
            sha256.map_or(Ok(()), |wanted| fetch::verify(file, &found, wanted))?;
            found
        }
        Archive::File { sha256, .. } => sha256.unwrap_or_default().to_owned(),
        Archive::Debian(spec) => debian::source_package(spec, cache, job)?.sha256,
    };
    let originals = place.join("originals");
    let list = Index::read(&place.join(LIST)).filter(|list| list.id == wanted);
    if let Some(index) = list.filter(|list| is_whole(list, work, &originals)) {
        return Ok(Base { index, content: Content::Kept { tree: work.directory(), originals } });
    }
    let temporary = cache.temporary()?;
    let unpacked = temporary.path().join("unpacked");
    fs::create_dir(&unpacked).at("make the directory", &unpacked)?;
    let (file, id, describe) = get(archive, &wanted, temporary.path(), cache, job)?;
    job.say(format!("unpacking {describe}"));
    let (root, mut index) = archive::unpack(&file, &unpacked, job)?;
    (index.id, index.describe) = (id, describe);
    check_files(&index, fs::read(root.join("Makefile")).ok(), archive.name())?;
    // A process that is killed from here on leaves a tree that is not what the list says: no list, no such tree.
    for stale in [place.join(LIST), originals.clone()] {
        remove(&stale)?;
    }
    let content = if work.is_empty() {
        work.adopt(&root, &index)?;
        Content::Kept { tree: work.directory(), originals }
    } else {
        work.sync(&index, &Default::default(), &Content::Directory(root), job)?;
        Content::Kept { tree: work.directory(), originals }
    };
    index.write(&place.join(LIST))?;
    Ok(Base { index, content })
}

impl Archive<'_> {
    fn name(&self) -> &str {
        match self {
            Self::File { place, .. } => place,
            Self::Debian(spec) => spec,
        }
    }
}

fn is_path(place: &str) -> bool {
    Path::new(place).is_absolute()
}

fn remove(path: &Path) -> Result<(), Error> {
    let removed = if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
    match removed {
        Err(cause) if cause.kind() != std::io::ErrorKind::NotFound => Ok(Err(cause).at("remove", path)?),
        _ => Ok(()),
    }
}

/// Whether every file of the archive is there: as it was, or kept from before a patch.
fn is_whole(list: &Index, work: &Work, originals: &Path) -> bool {
    let in_tree = |path: &String, id: &String| {
        work.state().files.get(path).is_some_and(|here| here.id == *id) && !work.stale().contains(path)
    };
    list.files.iter().all(|(path, record)| in_tree(path, &record.id) || originals.join(&record.id).exists())
}

/// The archive as a file, what it is, and its name for people.
fn get(
    archive: &Archive<'_>,
    wanted: &str,
    directory: &Path,
    cache: &Cache,
    job: &Job,
) -> Result<(PathBuf, String, String), Error> {
    match archive {
        Archive::File { place, .. } => {
            let name = place.rsplit('/').next().unwrap_or(place).to_owned();
            if is_path(place) {
                return Ok((PathBuf::from(place), wanted.to_owned(), name));
            }
            job.say(format!("fetching {place}"));
            let file = directory.join("download");
            fetch::download(place, &file, job)?;
            fetch::verify(place, &fetch::sha256(&file, job)?, wanted)?;
            Ok((file, wanted.to_owned(), name))
        }
        Archive::Debian(spec) => {
            let downloads = directory.join("package");
            fs::create_dir(&downloads).at("make the directory", &downloads)?;
            let package = debian::source_package(spec, cache, job)?;
            let (file, package) = debian::fetch_source(spec, package, &downloads, cache, job)?;
            Ok((file, package.sha256, format!("{} {}", package.name, package.version)))
        }
    }
}

/// What is known of an archive here from the last time.
#[derive(Debug, Serialize, Deserialize)]
struct Known {
    path: PathBuf,
    stamp: [i128; 3],
    sha256: String,
}

/// The SHA-256 of an archive here, read again only where the file is another.
pub fn sha256_of(path: &Path, place: &Path, job: &Job) -> Result<String, Error> {
    let wrong = |why: &str| Error::Tree { place: path.display().to_string(), why: why.into() };
    if !path.is_file() {
        return Err(wrong("there is no such file"));
    }
    let seen = look_at(&path.canonicalize().at("find", path)?);
    let (_, Stamp { size, modified, changed }) = seen.ok_or_else(|| wrong("it cannot be looked at"))?;
    let stamp = [size.into(), modified.into(), changed.into()];
    let record = place.join("archive.json");
    let known = fs::read(&record).ok().and_then(|text| serde_json::from_slice::<Known>(&text).ok());
    if let Some(known) = known.filter(|known| known.path == path && known.stamp == stamp) {
        return Ok(known.sha256);
    }
    let sha256 = fetch::sha256(path, job)?;
    let known = Known { path: path.to_owned(), stamp, sha256 };
    fs::create_dir_all(place).at("make the directory", place)?;
    let text = serde_json::to_vec(&known).map_err(std::io::Error::from).at("write", &record)?;
    fs::write(&record, text).at("write", &record)?;
    Ok(known.sha256)
}
