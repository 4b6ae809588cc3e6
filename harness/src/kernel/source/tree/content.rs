//! The content of a tree's files, from wherever it is.
//! Lives here: reading it, and proof that it is what the list says.
//! May not live here: making lists.

use super::git::Repository;
use super::index::{self, Kind, Record};
use crate::kernel::error::{At, Error};
use crate::kernel::job::Job;
use std::path::PathBuf;

/// Where content is.
#[derive(Debug)]
pub enum Content {
    /// In a directory of the same layout.
    Directory(PathBuf),
    /// In a git repository; records' ids are object ids.
    Repository(Repository),
    /// Nowhere but in the work tree, and for files that patches have changed since, in a directory where each is by its id.
    Kept {
        /// The work tree.
        tree: PathBuf,
        /// Files as they were before patches.
        originals: PathBuf,
    },
}

impl Content {
    /// Hands the content of each file to `with`, in their order.
    pub fn each(
        &self,
        files: &[(&str, &Record)],
        job: &Job,
        mut with: impl FnMut(&str, &Record, Vec<u8>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        if let Self::Repository(repository) = self {
            let ids: Vec<&str> = files.iter().map(|(_, record)| record.id.as_str()).collect();
            return repository.contents(&ids, job, |n, content| with(files[n].0, files[n].1, content));
        }
        for (path, record) in files {
            job.check()?;
            let file = match self {
                Self::Directory(directory) => directory.join(path),
                Self::Kept { tree, originals } => Some(originals.join(&record.id))
                    .filter(|original| original.exists())
                    .unwrap_or_else(|| tree.join(path)),
                Self::Repository(_) => continue,
            };
            let kind = if file.is_symlink() { Kind::Link } else { Kind::Plain };
            let content = index::content(&file, kind).at("read", &file)?;
            if index::hash(&content) != record.id {
                let why = "it changed while it was read; try again".to_owned();
                return Err(Error::Tree { place: file.display().to_string(), why });
            }
            with(path, record, content)?;
        }
        Ok(())
    }

    /// Keeps a file's content for the time after patches.
    pub fn keep(&self, record: &Record, content: &[u8]) -> Result<(), Error> {
        let Self::Kept { originals, .. } = self else { return Ok(()) };
        let path = originals.join(&record.id);
        if path.exists() {
            return Ok(());
        }
        std::fs::create_dir_all(originals).at("make the directory", originals)?;
        let mut draft = tempfile::NamedTempFile::new_in(originals).at("make a file in", originals)?;
        std::io::Write::write_all(&mut draft, content).at("write", &path)?;
        draft.persist(&path).map_err(|error| error.error).at("write", &path)?;
        Ok(())
    }
}
