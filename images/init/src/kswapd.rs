//! What kswapd is doing: its state, where it sleeps, its stack.
//! Lives here: finding it, and reading that of it.
//! May not live here: anything that a verdict needs; a stack's reading allocates (`proc_pid_stack`, fs/proc/base.c).

use crate::procfs::read_whole;
use oomph_wire::line::Encoder;
use rustix::fd::OwnedFd;
use rustix::fs::{Mode, OFlags, open};
use std::fs;
use std::path::Path;

/// The thread that reclaims for node 0; guests have one node.
const NAME: &str = "kswapd0";
/// Functions of a stack that are told: what matters lies on top, and a line has room for these.
const FRAMES: usize = 16;
/// Bytes of a stack that are told.
const ROOM: usize = 480;

/// The files of kswapd0 in /proc, open.
pub struct Kswapd {
    stat: OwnedFd,
    wchan: Option<OwnedFd>,
    stack: Option<OwnedFd>,
}

impl Kswapd {
    /// Finds it below `proc`; `None` where there is none.
    pub fn find(proc: &Path) -> Option<Self> {
        let mut tasks = fs::read_dir(proc).ok()?.filter_map(Result::ok).map(|entry| entry.path());
        let task =
            tasks.find(|task| fs::read(task.join("comm")).is_ok_and(|name| name.trim_ascii() == NAME.as_bytes()))?;
        let open = |name| open(task.join(name), OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty()).ok();
        Some(Self { stat: open("stat")?, wchan: open("wchan"), stack: open("stack") })
    }

    /// Reads what it is doing; `None` where its state cannot be read.
    pub fn look<'a>(&self, texts: &'a mut Texts) -> Option<Look<'a>> {
        let Texts { stat, wchan, stack, functions } = texts;
        let state = state(read_whole(&self.stat, stat).ok()?)?;
        let read = |file: &Option<OwnedFd>, text| file.as_ref().and_then(|file| read_whole(file, text).ok());
        // "0" is the answer for a task that runs, and of kernels that tell nobody.
        let wchan = read(&self.wchan, wchan).map(<[u8]>::trim_ascii).filter(|place| *place != b"0");
        let stack = read(&self.stack, stack).unwrap_or_default();
        Some(Look { state, wchan: wchan.unwrap_or_default(), functions: frames(stack, functions) })
    }
}

/// Room for what is read.
pub struct Texts {
    stat: [u8; 512],
    wchan: [u8; 128],
    stack: [u8; 4096],
    functions: [u8; ROOM],
}

impl Texts {
    /// Empty.
    pub const fn new() -> Self {
        Self { stat: [0; 512], wchan: [0; 128], stack: [0; 4096], functions: [0; ROOM] }
    }
}

/// What kswapd was doing when it was looked at.
pub struct Look<'a> {
    state: u8,
    wchan: &'a [u8],
    functions: &'a [u8],
}

impl Look<'_> {
    /// Adds the fields of a [`oomph_wire::words::kind::KSWAPD`] line.
    pub fn fields(&self, line: Encoder) -> Encoder {
        let known = |line: Encoder, key, text: &[u8]| if text.is_empty() { line } else { line.text(key, text) };
        known(known(line.text("state", &[self.state]), "wchan", self.wchan), "stack", self.functions)
    }
}

/// The state letter of a /proc/PID/stat: behind the name, which stands in parentheses.
fn state(stat: &[u8]) -> Option<u8> {
    let end = stat.iter().rposition(|&byte| byte == b')')?;
    stat[end + 1..].trim_ascii_start().first().copied()
}

/// The functions of a /proc/PID/stack, which has lines such as `[<0>] kswapd+0x1f0/0x3a0` (an address in place of 0 before
/// 4.15) and may end in `[<ffffffffffffffff>] 0xffffffffffffffff`; with commas between.
fn frames<'a>(stack: &[u8], into: &'a mut [u8]) -> &'a [u8] {
    let lines = stack.split(|&byte| byte == b'\n');
    let names = lines.filter_map(|line| {
        let symbol = line.split(|&byte| byte == b' ').nth(1)?;
        let end = symbol.iter().position(|&byte| byte == b'+')?;
        Some(&symbol[..end])
    });
    let mut length = 0;
    for name in names.take(FRAMES) {
        let comma = usize::from(length > 0);
        let Some(room) = into.get_mut(length..length + comma + name.len()) else { break };
        room[..comma].fill(b',');
        room[comma..].copy_from_slice(name);
        length += comma + name.len();
    }
    &into[..length]
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use oomph_wire::line::Line;

    const STACK: &[u8] = b"[<0>] xfs_ilock+0x10/0x20 [xfs]\n[<0>] xfs_reclaim_inodes_ag+0x1a/0x2b [xfs]\n\
        [<0>] kswapd+0x1f0/0x3a0\n[<0>] ret_from_fork+0x22/0x30\n";

    #[test]
    fn stacks_of_all_ages_are_read() {
        let told = |text: &[u8]| String::from_utf8(frames(text, &mut [0; ROOM]).to_vec()).unwrap();
        assert_eq!(told(STACK), "xfs_ilock,xfs_reclaim_inodes_ag,kswapd,ret_from_fork");
        assert_eq!(
            told(b"[<ffffffff8117e5b0>] kswapd+0x270/0x4e0\n[<ffffffffffffffff>] 0xffffffffffffffff\n"),
            "kswapd"
        );
        assert_eq!(told(b""), "");
        let long = b"[<0>] a_function_with_a_name_of_some_length+0x1/0x2\n".repeat(40);
        assert!(told(&long).len() <= ROOM && told(&long).ends_with("length"));
        assert_eq!(frames(STACK, &mut [0; 20]), b"xfs_ilock");
    }

    #[test]
    fn it_is_found_by_its_name_and_told_in_one_line() {
        let proc = std::env::temp_dir().join(format!("oomph-kswapd-{}", std::process::id()));
        for (pid, name, stat) in [("7", "kswapd01\n", "7 (kswapd01) S 2"), ("8", "kswapd0\n", "8 (a) b) D 2 0")] {
            fs::create_dir_all(proc.join(pid)).unwrap();
            for (file, text) in [("comm", name), ("stat", stat), ("wchan", "xfs_ilock")] {
                fs::write(proc.join(pid).join(file), text).unwrap();
            }
        }
        fs::write(proc.join("8/stack"), STACK).unwrap();
        let mut texts = Texts::new();
        let look = Kswapd::find(&proc).unwrap().look(&mut texts).unwrap();
        let mut line = look.fields(Encoder::new("counters", 1, 1, "kswapd"));
        let line = Line::find(line.finish()).unwrap();
        let fields: Vec<_> = line.fields().collect();
        let stack = "xfs_ilock,xfs_reclaim_inodes_ag,kswapd,ret_from_fork";
        assert_eq!(fields, [("state", "D"), ("wchan", "xfs_ilock"), ("stack", stack)]);
        fs::remove_file(proc.join("8/comm")).unwrap();
        assert!(Kswapd::find(&proc).is_none());
        fs::remove_dir_all(&proc).unwrap();
    }
}
