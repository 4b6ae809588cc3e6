//! A kept guest that `oomph attach` goes on with.
//! Lives here: the process, its doors, what is typed and read there.
//! May not live here: what is expected of it.

use super::ran::{oomph, wait_for};
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

/// How long anything may take that takes a moment.
const LONG: Duration = Duration::from_secs(120);

pub struct Attached {
    child: Child,
    monitor: PathBuf,
    console: PathBuf,
    _folder: tempfile::TempDir,
}

impl Attached {
    /// Takes the guest of a result in, and leaves it held.
    pub fn start(result: &Path) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let console = folder.path().join("console");
        let mut command = oomph(&["attach", result.to_str().unwrap(), "--paused", "--console"]);
        let mut child = command.arg(&console).stdout(Stdio::piped()).stderr(Stdio::inherit()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        let monitor = lines.into_iter().find_map(|line| {
            let rest = line.strip_prefix("monitor")?.split_once("UNIX-CONNECT:")?.1.to_owned();
            rest.split_whitespace().next().map(PathBuf::from)
        });
        let monitor = monitor.expect("it names its monitor before it ends");
        Self { child, monitor, console, _folder: folder }
    }

    /// What QEMU's monitor says to a command.
    pub fn monitor(&self, command: &str) -> String {
        let mut stream = UnixStream::connect(&self.monitor).unwrap();
        // The monitor echoes what is typed with its own control characters, and prompts when it is ready for more.
        read_until(&mut stream, "(qemu) ");
        stream.write_all(format!("{command}\n").as_bytes()).unwrap();
        read_until(&mut stream, "\r\n(qemu) ")
    }

    /// What the console prints after a SysRq key, up to a text.
    pub fn sysrq(&self, key: char, until: &str) -> String {
        let mut console = UnixStream::connect(&self.console).unwrap();
        self.monitor("chardev-send-break console");
        console.write_all(key.to_string().as_bytes()).unwrap();
        read_until(&mut console, until)
    }

    /// Ends QEMU, and with it the session.
    pub fn quit(mut self) {
        // Open until it has ended: QEMU does not read what comes just before a hang-up.
        let mut stream = UnixStream::connect(&self.monitor).unwrap();
        read_until(&mut stream, "(qemu) ");
        stream.write_all(b"quit\n").unwrap();
        let ended = wait_for(LONG, || self.child.try_wait().unwrap()).expect("it ends with QEMU");
        assert_eq!(ended.code(), Some(0));
    }
}

impl Drop for Attached {
    fn drop(&mut self) {
        // Only where a test has failed is it still there.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

fn read_until(stream: &mut UnixStream, end: &str) -> String {
    let (mut text, mut buffer, until) = (String::new(), [0; 4096], Instant::now() + LONG);
    while !text.contains(end) {
        stream
            .set_read_timeout(Some(until.saturating_duration_since(Instant::now()).max(Duration::from_millis(1))))
            .unwrap();
        match stream.read(&mut buffer) {
            Ok(read @ 1..) => text += &String::from_utf8_lossy(&buffer[..read]),
            other => panic!("{end:?} never came ({other:?}): {text}"),
        }
    }
    text
}

/// Each register with its value, of all processors in their order; what counts time goes on while a guest is held.
pub fn registers(text: &str) -> Vec<String> {
    const NAMES: [&str; 17] = [
        "RAX", "RBX", "RCX", "RDX", "RSI", "RDI", "RBP", "RSP", "R10", "R11", "R12", "R13", "R14", "R15", "RIP", "CR2",
        "CR3",
    ];
    let words = text.split_whitespace();
    words
        .filter(|word| word.split_once('=').is_some_and(|(name, _)| NAMES.contains(&name)))
        .map(str::to_owned)
        .collect()
}
