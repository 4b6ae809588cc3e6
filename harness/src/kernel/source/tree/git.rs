//! git: calls of it, and what a repository has.
//! Lives here: its command line and environment, references, lists of files, contents; a mirror of a repository elsewhere.
//! May not live here: work trees. git writes none for us, and nothing at all in a repository that is not ours.

use super::index::{Index, Kind, MAX_FILE, Record, Stamp};
use crate::kernel::Cache;
use crate::kernel::child::{Call, ChildError, Given, Output, words};
use crate::kernel::error::{At, Error};
use crate::kernel::job::Job;
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// For questions to a repository on a slow disk.
const QUERY_DEADLINE: Duration = Duration::from_secs(300);
/// For a list of another host's references.
const LIST_DEADLINE: Duration = Duration::from_secs(90);
/// For one state of a kernel, some 250 MB.
const FETCH_DEADLINE: Duration = Duration::from_secs(3600);
/// Files whose contents are asked for at once; they lie in a temporary file meanwhile.
const BATCH: usize = 2000;
/// Most bytes of a list of files; a kernel's has 10 MB.
const MAX_LIST: u64 = 256 << 20;
/// Near references that an error names.
const NEAR: usize = 6;
/// Variables that a git which called us has set for its own repository (`git rev-parse --local-env-vars`), and what keeps it
/// from asking people.
const ENVIRONMENT: [(&str, Option<&str>); 13] = [
    ("GIT_DIR", None),
    ("GIT_WORK_TREE", None),
    ("GIT_INDEX_FILE", None),
    ("GIT_PREFIX", None),
    ("GIT_COMMON_DIR", None),
    ("GIT_NAMESPACE", None),
    ("GIT_OBJECT_DIRECTORY", None),
    ("GIT_ALTERNATE_OBJECT_DIRECTORIES", None),
    ("GIT_SHALLOW_FILE", None),
    ("GIT_GRAFT_FILE", None),
    ("GIT_TERMINAL_PROMPT", Some("0")),
    ("GIT_ASKPASS", Some("true")),
    ("SSH_ASKPASS", Some("true")),
];
/// Settings: no helper programs, no housekeeping, and repositories of other users too: who names one to build it runs its
/// Makefile anyway.
const SETTINGS: [&str; 12] = [
    "-c",
    "safe.directory=*",
    "-c",
    "core.fsmonitor=false",
    "-c",
    "gc.auto=0",
    "-c",
    "maintenance.auto=false",
    "-c",
    "http.lowSpeedLimit=1000",
    "-c",
    "http.lowSpeedTime=60",
];

/// A repository on this machine.
#[derive(Clone, Debug)]
pub struct Repository {
    directory: PathBuf,
    /// Where its contents lie on their way: a kernel's may be too large for a /tmp in memory.
    scratch: PathBuf,
    /// What people call it.
    name: String,
}

/// A state of a repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State {
    /// Its commit; empty where the reference leads to a tree.
    pub commit: String,
    /// Its tree.
    pub tree: String,
}

/// Calls git.
pub fn call<W: AsRef<OsStr>>(
    directory: Option<&Path>,
    args: impl IntoIterator<Item = W>,
    deadline: Duration,
    given: Given<'_>,
    job: &Job,
) -> Result<Output, ChildError> {
    let mut all: Vec<OsString> = words(["--no-optional-locks"]);
    all.extend(words(SETTINGS));
    if std::env::var_os("GIT_SSH_COMMAND").is_none() {
        all.extend(words(["-c", "core.sshCommand=ssh -o BatchMode=yes"]));
    }
    all.extend(words(args));
    let given = Given { env: &ENVIRONMENT, ..given };
    Call { program: "git", package: "git", args: all, directory, deadline }.run_with(given, job)
}

impl Repository {
    /// The repository at a directory: a work tree's, or a bare one.
    pub fn open(directory: &Path, cache: &Cache, job: &Job) -> Result<Self, Error> {
        let repository = Self::at(directory, directory.display().to_string(), cache);
        match repository.ask(["rev-parse", "--git-dir"], job) {
            Ok(_) => Ok(repository),
            Err(ChildError::Failed { .. }) => Err(repository.wrong("this is no git repository")),
            Err(error) => Err(error.into()),
        }
    }

    fn at(directory: &Path, name: String, cache: &Cache) -> Self {
        Self { directory: directory.to_owned(), scratch: cache.scratch(), name }
    }

    fn wrong(&self, why: impl Into<String>) -> Error {
        Error::Tree { place: self.name.clone(), why: why.into() }
    }

    fn ask<W: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = W>, job: &Job) -> Result<String, ChildError> {
        let output = call(Some(&self.directory), args, QUERY_DEADLINE, Given::default(), job)?;
        Ok(output.stdout.trim_end().to_owned())
    }

    /// The answer to a question that may have none.
    pub fn ask_whether<W: AsRef<OsStr>>(
        &self,
        args: impl IntoIterator<Item = W>,
        job: &Job,
    ) -> Result<Option<String>, Error> {
        match self.ask(args, job) {
            Ok(answer) => Ok(Some(answer)),
            Err(ChildError::Failed { .. }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// The state that a branch, tag or commit leads to.
    pub fn state(&self, reference: &str, job: &Job) -> Result<Option<State>, Error> {
        let resolve = |kind: &str| {
            let name = format!("{reference}^{{{kind}}}");
            self.ask_whether(["rev-parse", "--verify", "--quiet", "--end-of-options", &name], job)
        };
        let Some(tree) = resolve("tree")? else { return Ok(None) };
        Ok(Some(State { commit: resolve("commit")?.unwrap_or_default(), tree }))
    }

    /// That there is no such branch, tag or commit.
    pub fn no_state(&self, reference: &str, job: &Job) -> Error {
        let names =
            self.ask(["for-each-ref", "--format=%(refname:short)", "refs/heads", "refs/tags", "refs/remotes"], job);
        no_reference(&self.name, reference, names.unwrap_or_default().lines())
    }

    /// What people call a commit.
    pub fn describe(&self, state: &State, job: &Job) -> Result<String, Error> {
        let commit = if state.commit.is_empty() { &state.tree } else { &state.commit };
        let described = self.ask_whether(["describe", "--always", "--end-of-options", commit], job)?;
        Ok(described.unwrap_or_else(|| commit.chars().take(12).collect()))
    }

    /// What people call what lies in its work tree; `None` before the first commit. `git describe --dirty` would write to the
    /// repository's index.
    pub fn describe_work_tree(&self, job: &Job) -> Result<Option<String>, Error> {
        let Some(described) = self.ask_whether(["describe", "--always"], job)? else { return Ok(None) };
        let changes = self.ask(["status", "--porcelain", "--untracked-files=normal"], job)?;
        Ok(Some(if changes.is_empty() { described } else { described + "-dirty" }))
    }

    /// All files of a tree; submodules are left out.
    pub fn list(&self, tree: &str, job: &Job) -> Result<BTreeMap<String, Record>, Error> {
        let text = self.text(["ls-tree", "-r", "-z", "--full-tree", "--end-of-options", tree], job)?;
        let mut files = BTreeMap::new();
        for line in text.split('\0').filter(|line| !line.is_empty()) {
            let (about, path) = line.split_once('\t').unwrap_or_default();
            let mut about = about.split(' ');
            let kind = match about.next() {
                Some("100755") => Kind::Program,
                Some("120000") => Kind::Link,
                Some("160000") => continue,
                _ => Kind::Plain,
            };
            let id = about.nth(1).unwrap_or_default().to_owned();
            files.insert(path.to_owned(), Record { kind, id, hash: String::new(), stamp: Stamp::default() });
        }
        Ok(files)
    }

    /// The list of a state, with its name for people.
    pub fn index(&self, state: &State, job: &Job) -> Result<Index, Error> {
        let describe = self.describe(state, job)?;
        let files = self.list(&state.tree, job)?;
        Ok(Index { id: state.tree.clone(), describe, commit: state.commit.clone(), files })
    }

    /// Writes the commits of a range into a mailbox, in order.
    pub fn format_patch(&self, commits: &str, mailbox: &Path, job: &Job) -> Result<(), Error> {
        let file = File::options().read(true).write(true).create(true).truncate(true).open(mailbox);
        let stdout = Some(file.at("write", mailbox)?);
        // Nothing of the user's format.* settings.
        let args = ["format-patch", "--stdout", "--no-signature", "--no-cover-letter", "--no-attach", "--no-base"];
        let args = args.into_iter().chain(["--no-thread", "--full-index", "--binary", "--end-of-options", commits]);
        call(Some(&self.directory), args, QUERY_DEADLINE, Given { stdout, ..Given::default() }, job)?;
        match mailbox.metadata().at("read", mailbox)?.len() {
            0 => Err(self.wrong(format!("there are no commits in {commits}"))),
            _ => Ok(()),
        }
    }

    /// What git writes to its output, as text with NULs in it.
    pub fn text<W: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = W>, job: &Job) -> Result<String, Error> {
        let mut file = self.file()?;
        let stdout = Some(file.try_clone().at("make a file in", &self.scratch)?);
        call(Some(&self.directory), args, QUERY_DEADLINE, Given { stdout, ..Given::default() }, job)?;
        let mut bytes = Vec::new();
        file.rewind().at("read", &self.scratch)?;
        file.take(MAX_LIST).read_to_end(&mut bytes).at("read", &self.scratch)?;
        String::from_utf8(bytes).map_err(|_| self.wrong("it has file names that are not UTF-8"))
    }

    fn file(&self) -> Result<File, Error> {
        Ok(tempfile::tempfile_in(&self.scratch).at("make a file in", &self.scratch)?)
    }

    /// What git tracks or would track in its work tree: paths that may be gone, or be directories.
    pub fn tracked(&self, job: &Job) -> Result<BTreeSet<String>, Error> {
        let text = self.text(["ls-files", "-z", "--cached", "--others", "--exclude-standard"], job)?;
        // A file in conflict is listed more than once; a directory is another repository.
        let paths = text.split('\0').filter(|path| !path.is_empty() && !path.ends_with('/'));
        Ok(paths.map(str::to_owned).collect())
    }

    /// Hands the contents of objects to `with`, in their order.
    pub fn contents(
        &self,
        ids: &[&str],
        job: &Job,
        mut with: impl FnMut(usize, Vec<u8>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let scratch = &self.scratch;
        for (batch, ids) in ids.chunks(BATCH).enumerate() {
            let (mut asked, answer) = (self.file()?, self.file()?);
            asked.write_all(format!("{}\n", ids.join("\n")).as_bytes()).at("write to", scratch)?;
            asked.rewind().at("write to", scratch)?;
            let stdout = answer.try_clone().at("make a file in", scratch)?;
            let given = Given { stdin: Some(asked), stdout: Some(stdout), env: &[] };
            call(Some(&self.directory), ["cat-file", "--batch"], QUERY_DEADLINE, given, job)?;
            let mut answer = BufReader::with_capacity(1 << 18, answer);
            answer.rewind().at("read", scratch)?;
            for (n, id) in ids.iter().enumerate() {
                let content = object(&mut answer).map_err(|cause| self.wrong(format!("object {id}: {cause}")))?;
                with(batch * BATCH + n, content)?;
            }
        }
        Ok(())
    }
}

/// Reads one object of `git cat-file --batch`: `ID TYPE SIZE`, the content, a line's end.
fn object(answer: &mut impl BufRead) -> io::Result<Vec<u8>> {
    let mut head = String::new();
    answer.take(4096).read_line(&mut head)?;
    let size = head.trim_end().rsplit(' ').next().and_then(|size| size.parse::<u64>().ok());
    let size = size.filter(|size| *size <= MAX_FILE).ok_or_else(|| io::Error::other(head.trim_end().to_owned()))?;
    let mut content = Vec::new();
    answer.take(size).read_to_end(&mut content)?;
    let mut end = [0];
    answer.read_exact(&mut end)?;
    if content.len() as u64 == size { Ok(content) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
}

/// That a repository has no such reference, with those that are near.
fn no_reference<'a>(place: &str, reference: &str, known: impl Iterator<Item = &'a str>) -> Error {
    let mut known: Vec<&str> = known.collect();
    known.sort_by_cached_key(|known| (strsim::damerau_levenshtein(known, reference), (*known).to_owned()));
    known.truncate(NEAR);
    let near =
        if known.is_empty() { String::new() } else { format!("; the nearest that it has: {}", known.join(", ")) };
    Error::Tree { place: place.to_owned(), why: format!("it has no branch, tag or commit `{reference}`{near}") }
}

/// A copy of what was needed so far of a repository elsewhere.
#[derive(Debug)]
pub struct Mirror<'a> {
    repository: Repository,
    url: &'a str,
}

impl<'a> Mirror<'a> {
    /// The mirror at a directory, made if need be.
    pub fn open(directory: &Path, url: &'a str, cache: &Cache, job: &Job) -> Result<Self, Error> {
        let repository = Repository::at(directory, url.to_owned(), cache);
        if !directory.join("HEAD").is_file() {
            std::fs::create_dir_all(directory).at("make the directory", directory)?;
            repository.ask(["init", "--bare", "--quiet", "."], job)?;
        }
        Ok(Self { repository, url })
    }

    /// The repository that it is here.
    pub fn repository(&self) -> &Repository {
        &self.repository
    }

    /// A tag or a commit that is here: they do not move.
    pub fn fixed(&self, reference: &str, job: &Job) -> Result<Option<State>, Error> {
        let name = if is_commit(reference) { reference.to_owned() } else { format!("refs/tags/{reference}") };
        self.repository.state(&name, job)
    }

    /// The state of a reference over there, fetched if need be. Where nobody answers, the last that was fetched.
    pub fn state(&self, reference: &str, job: &Job) -> Result<State, Error> {
        if let Some(state) = self.fixed(reference, job)? {
            return Ok(state);
        }
        let full = match self.look_up(reference, job) {
            Ok(Some(full)) => full,
            Ok(None) => {
                let output = self.remote(&["--heads", "--tags", "--refs"], &[], job)?;
                let names = output.lines().filter_map(|line| line.split_once('\t').map(|(_, name)| name));
                let names = names.map(|name| name.trim_start_matches("refs/heads/").trim_start_matches("refs/tags/"));
                return Err(no_reference(self.url, reference, names));
            }
            Err(error) => {
                job.check()?;
                let last = self.repository.state(&format!("refs/heads/{reference}"), job)?.ok_or(error)?;
                job.say(format!("{}: no answer; using `{reference}` as it was fetched last", self.url));
                return Ok(last);
            }
        };
        let is_here = self.repository.ask_whether(["rev-parse", "--verify", "--quiet", &full.name], job)?;
        if is_here.as_deref() != Some(&full.id) {
            job.say(format!("fetching {reference} of {}", self.url));
            self.fetch(&full, job)?;
        }
        self.repository.state(&full.name, job)?.ok_or_else(|| self.repository.no_state(reference, job))
    }

    fn remote(&self, options: &[&str], patterns: &[String], job: &Job) -> Result<String, Error> {
        let mut args = vec!["ls-remote"];
        args.extend(options);
        args.extend(["--", self.url]);
        args.extend(patterns.iter().map(String::as_str));
        Ok(call(Some(&self.repository.directory), args, LIST_DEADLINE, Given::default(), job)?.stdout)
    }

    /// What a reference is called in full over there, by git's own order: as it stands, tag, branch.
    fn look_up(&self, reference: &str, job: &Job) -> Result<Option<Full>, Error> {
        if is_commit(reference) {
            let (id, name) = (reference.to_owned(), format!("refs/oomph/{reference}"));
            return Ok(Some(Full { source: id.clone(), id, name }));
        }
        let patterns = [reference.to_owned(), format!("refs/tags/{reference}"), format!("refs/heads/{reference}")];
        let output = self.remote(&[], &patterns, job)?;
        let find = |pattern: &String| {
            let mut lines = output.lines().filter_map(|line| line.split_once('\t'));
            let (id, name) = lines.find(|(_, name)| name == pattern)?;
            let here = if name.starts_with("refs/") { name.to_owned() } else { format!("refs/heads/{name}") };
            Some(Full { source: name.to_owned(), id: id.to_owned(), name: here })
        };
        Ok(patterns.iter().find_map(find))
    }

    fn fetch(&self, full: &Full, job: &Job) -> Result<(), Error> {
        let what = format!("+{}:{}", full.source, full.name);
        let fetch = |depth: &[&str]| {
            let mut args = vec!["fetch", "--quiet", "--no-tags", "--force"];
            args.extend(depth);
            args.extend(["--", self.url, &what]);
            call(Some(&self.repository.directory), args, FETCH_DEADLINE, Given::default(), job)
        };
        match fetch(&["--depth=1"]) {
            // A plain web server has no way to give one state alone.
            Err(ChildError::Failed { stderr, .. }) if stderr.contains("shallow") => fetch(&[]).map(drop)?,
            Err(ChildError::Failed { stderr, .. }) if is_commit(&full.source) && stderr.contains(&full.source) => {
                let why = format!("it has no commit {}, or does not give it away by its id", full.source);
                return Err(self.repository.wrong(why));
            }
            fetched => drop(fetched?),
        }
        Ok(())
    }
}

/// A reference over there and here.
struct Full {
    source: String,
    id: String,
    name: String,
}

fn is_commit(reference: &str) -> bool {
    matches!(reference.len(), 40 | 64) && reference.bytes().all(|byte| byte.is_ascii_hexdigit())
}
