//! A kernel that its system's bootloader has started, with words on its command line that are not the harness's.
//! Lives here: what the harness's words would have set, set through /proc and /sys and read back; what cannot be had so.
//! May not live here: settings of a scenario (`sysctl`), or the words themselves (the host's `vm::cmdline`).

use crate::failure::{Failure, Step};
use crate::link::Port;
use oomph_wire::words::kind;
use rustix::io::Errno;
use std::fs;

/// Settings without which a verdict would be wrong: file, what is written, what has to read back first, what for.
const NEEDED: [(&str, &str, &str, &str); 2] = [
    // Down to KERN_INFO: kills and stacks are read from the console.
    ("/proc/sys/kernel/printk", "7 4 1 7", "7", "loglevel=7"),
    // A panic resets at once, and a reset ends QEMU.
    ("/proc/sys/kernel/panic", "-1", "-1", "panic=-1"),
];
/// Settings that are better to have, in the same way.
const WISHED: [(&str, &str, &str, &str); 2] = [
    (
        "/proc/sys/kernel/printk_devkmsg",
        "off",
        "off",
        "programs may write lines to the console that look like the kernel's",
    ),
    ("/sys/module/printk/parameters/time", "Y", "Y", "the kernel's lines on the console have no times"),
];
/// Most bytes of the command line that are told: a line of the link holds 768, and each space takes three.
const SHOWN: usize = 160;

/// Makes of the kernel what the host's command line would have made of it; what is only less than wished is told.
pub fn settle(port: &mut Port) -> Result<(), Failure> {
    let consoles = fs::read_to_string("/proc/consoles").step(|| "read /proc/consoles".to_owned())?;
    if !prints_on_serial(&consoles) {
        let what = "the system's kernel does not print on ttyS0, where its kills would be read: what is wanted is \
                    console=ttyS0 on its command line, in its bootloader's configuration";
        return Err(Failure { what: what.to_owned(), errno: Errno::NODEV });
    }
    for (file, value, wanted, word) in NEEDED {
        set(file, value).step(|| format!("write {value} to {file} (as {word} would)"))?;
        if !reads(file, wanted) {
            return Err(Failure {
                what: format!("{file} does not keep {value} (as {word} would)"),
                errno: Errno::INVAL,
            });
        }
    }
    let mut remark = |text: &str| port.send(kind::REMARK, |line| line.text("text", text.as_bytes()));
    for (file, value, wanted, without) in WISHED {
        // Read back: what matters is what it is then.
        set(file, value).unwrap_or_default();
        if !reads(file, wanted) {
            remark(without);
        }
    }
    let line = fs::read_to_string("/proc/cmdline").unwrap_or_default();
    let shown: String = line.trim().chars().take(SHOWN).collect();
    remark(&format!("the system's own kernel, started with: {shown}"));
    Ok(())
}

/// Writes a setting as a line: printk_devkmsg takes no other (kernel/printk/printk.c, devkmsg_sysctl_set_loglvl).
fn set(file: &str, value: &str) -> std::io::Result<()> {
    fs::write(file, format!("{value}\n"))
}

/// Whether a setting's first word is this one.
fn reads(file: &str, wanted: &str) -> bool {
    fs::read_to_string(file).is_ok_and(|text| text.split_whitespace().next() == Some(wanted))
}

/// Whether the kernel prints on ttyS0, by /proc/consoles: its name, what it can do, and flags, of which `E` is enabled
/// (fs/proc/consoles.c).
fn prints_on_serial(consoles: &str) -> bool {
    let serial = consoles.lines().find(|line| line.split_whitespace().next() == Some("ttyS0"));
    let flags = serial.and_then(|line| line.split_once('('));
    flags.is_some_and(|(_, flags)| flags.split(')').next().is_some_and(|flags| flags.contains('E')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_serial_console_is_one_that_is_enabled() {
        let both = "tty0                 -WU (EC  p  )    4:1\nttyS0                -W- (E   p a)    4:64\n";
        assert!(prints_on_serial(both) && prints_on_serial("ttyS0                -W- (EC p a)    4:64\n"));
        assert!(!prints_on_serial("tty0                 -WU (EC  p  )    4:1\n"));
        assert!(!prints_on_serial("ttyS0                -W- (    p a)    4:64\n"));
        assert!(!prints_on_serial("ttyS01               -W- (EC p a)    4:65\n") && !prints_on_serial(""));
    }

    #[test]
    fn what_is_read_back_is_the_first_word() {
        let file = std::env::temp_dir().join(format!("oomph-own-{}", std::process::id()));
        fs::write(&file, "7\t4\t1\t7\n").unwrap_or_default();
        let path = file.to_string_lossy().into_owned();
        let (is, is_not, none) = (reads(&path, "7"), reads(&path, "4"), reads("/nonexistent", "7"));
        fs::remove_file(&file).unwrap_or_default();
        assert_eq!((is, is_not, none), (true, false, false));
    }
}
