//! Files that the host wants back, read when the run is over and sent over the serial link, or to one who has logged in.
//! Lives here: the process that waits for the word, what it reads, and the lines that it sends.
//! May not live here: which files (the configuration says), or when (the host does).
//!
//! The process exists from before `ready` on, so that the agent never forks afterwards.

use crate::config::Config;
use crate::failure::{Failure, Step, errno_of};
use crate::link::{AGENT_PORT, Port};
use oomph_wire::config::{BY_SERIAL, BY_SSH, Bounds, PATH};
use oomph_wire::page::GUEST_VARIABLE;
use oomph_wire::words::{kind, source};
use rustix::io::Errno;
use rustix::process::{Pid, chdir, chroot};
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::{ChildStdin, Command, ExitCode, Stdio};

/// Bytes of a file in one line: three characters each at worst, and room for the rest of the line.
const CHUNK: usize = 200;

/// The process as the agent knows it. Nothing here allocates after [`Collector::prepare`].
pub struct Collector {
    /// Its process.
    pub pid: Pid,
    go: ChildStdin,
}

impl Collector {
    /// Makes the process, if there is anything to collect.
    pub fn prepare(config: &Config) -> Result<Option<Self>, Failure> {
        if config.collect.is_empty() {
            return Ok(None);
        }
        let step = |what: &str| format!("collector: {what}");
        let mut command = Command::new(std::env::current_exe().step(|| step("own file"))?);
        command.arg("collect").env_clear().env(GUEST_VARIABLE, "1").stdin(Stdio::piped());
        let mut child = command.spawn().step(|| step("start"))?;
        let go = child.stdin.take().ok_or(Errno::PIPE).step(|| step("its pipe"))?;
        Ok(Some(Self { pid: Pid::from_child(&child), go }))
    }

    /// Sets it off. It ends when it has sent everything; one that is gone already needs nothing.
    pub fn start(&self) {
        rustix::io::write(&self.go, b"!").ok();
    }
}

/// The collector's process: waits for the word, sends the files, ends.
pub fn run() -> ExitCode {
    let done = fs::read_to_string(PATH).map_err(|error| errno_of(&error)).and_then(|text| {
        let config = Config::read(&text).map_err(|failure| failure.errno)?;
        let mut port = Port::open(AGENT_PORT, source::COLLECT)?;
        std::io::stdin().read_exact(&mut [0]).map_err(|error| errno_of(&error))?;
        let mut sender = Sender::new(&mut port, BY_SERIAL);
        config.collect.iter().for_each(|path| sender.send(Path::new(path)));
        Ok(())
    });
    if done.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// The same for one who has logged in: sends these files on standard output. The server for logins of the minimal image has a root of its
/// own; the files are those of PID 1.
pub fn send(paths: &[String]) -> ExitCode {
    let enter = || chroot("/proc/1/root").and_then(|()| chdir("/"));
    let port = enter().and_then(|()| Port::on(std::io::stdout(), source::COLLECT));
    match port {
        Ok(mut port) => {
            let mut sender = Sender::new(&mut port, BY_SSH);
            paths.iter().for_each(|path| sender.send(Path::new(path)));
            ExitCode::SUCCESS
        }
        Err(errno) => {
            eprintln!("oomph-init: send: {errno}");
            ExitCode::FAILURE
        }
    }
}

struct Sender<'a> {
    port: &'a mut Port,
    bounds: Bounds,
    files: u64,
    left: usize,
}

impl<'a> Sender<'a> {
    fn new(port: &'a mut Port, bounds: Bounds) -> Self {
        Self { port, bounds, files: 0, left: bounds.total }
    }

    /// A file, or all regular files below a directory; links are not followed there.
    fn send(&mut self, path: &Path) {
        match below(path, self.bounds.files) {
            Ok(files) => files.iter().for_each(|file| self.file(file)),
            Err(errno) => self.end(path.as_os_str(), 0, Err(errno)),
        }
    }

    fn file(&mut self, path: &Path) {
        if self.files >= self.bounds.files {
            return;
        }
        self.files += 1;
        match self.content(path) {
            Ok(sent) => self.end(path.as_os_str(), sent, Ok(())),
            Err((sent, errno)) => self.end(path.as_os_str(), sent, Err(errno)),
        }
    }

    /// Sends a file's content; what was sent, also of one that failed.
    fn content(&mut self, path: &Path) -> Result<usize, (usize, Errno)> {
        let mut sent = 0;
        let failed = |sent| move |error: std::io::Error| (sent, errno_of(&error));
        let mut file = File::open(path).map_err(failed(0))?;
        let mut buffer = [0; CHUNK];
        loop {
            match file.read(&mut buffer).map_err(failed(sent))? {
                0 => return Ok(sent),
                read if sent + read > self.bounds.file || read > self.left => return Err((sent, Errno::FBIG)),
                read => {
                    let name = path.as_os_str().as_bytes();
                    self.port.send(kind::DATA, |line| {
                        line.text("path", name).num("at", sent as u64).text("bytes", &buffer[..read])
                    });
                    sent += read;
                    self.left -= read;
                }
            }
        }
    }

    fn end(&mut self, path: &OsStr, sent: usize, result: Result<(), Errno>) {
        self.port.send(kind::FILE, |line| {
            let line = line.text("path", path.as_bytes()).num("size", sent as u64);
            match result {
                Ok(()) => line.num("ok", 1),
                Err(errno) => line.int("errno", errno.raw_os_error().into()),
            }
        });
    }
}

/// The file itself, or the regular files below a directory, sorted, so that two runs collect alike.
fn below(path: &Path, most: u64) -> Result<Vec<PathBuf>, Errno> {
    let of = |error: std::io::Error| errno_of(&error);
    if !fs::metadata(path).map_err(of)?.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let mut files = Vec::new();
    let mut open = vec![path.to_owned()];
    while let Some(directory) = open.pop() {
        for entry in fs::read_dir(&directory).map_err(of)?.filter_map(Result::ok) {
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => open.push(entry.path()),
                Ok(kind) if kind.is_file() => files.push(entry.path()),
                _ => {}
            }
        }
        if files.len() as u64 > most {
            break;
        }
    }
    files.sort();
    Ok(files)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_directory_is_its_files() {
        let place = std::env::temp_dir().join(format!("oomph-collect-{}", std::process::id()));
        fs::create_dir_all(place.join("b/deep")).unwrap();
        for name in ["b/deep/x", "a"] {
            fs::write(place.join(name), name).unwrap();
        }
        std::os::unix::fs::symlink("/etc/passwd", place.join("link")).unwrap();
        let below = |path: &Path| below(path, 100);
        let (all, one, none) = (below(&place), below(&place.join("a")), below(&place.join("none")));
        fs::remove_dir_all(&place).unwrap();
        assert_eq!(all.unwrap(), [place.join("a"), place.join("b/deep/x")]);
        assert_eq!(one.unwrap(), [place.join("a")]);
        assert_eq!(none.unwrap_err(), Errno::NOENT);
    }
}
