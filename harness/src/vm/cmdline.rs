//! The kernel's command line.
//! Lives here: the words that every guest gets.
//! May not live here: QEMU's command line (`spec`).

/// Words for every guest, each with its reason.
const WORDS: [&str; 13] = [
    // The console is ttyS0.
    "console=ttyS0,115200",
    // Everything down to KERN_INFO: stacks of SysRq-w and -t are printed with KERN_INFO (kernel/sched/core.c,
    // sched_show_task), and SysRq raises the level for its own headline only (drivers/tty/sysrq.c, __handle_sysrq).
    "loglevel=7",
    "printk.time=1",
    // No program may write lines that look like the kernel's: a verdict rests on them (kernel/printk/printk.c, 4.8).
    "printk.devkmsg=off",
    // All SysRq keys work from boot on, whatever the distribution's mask is (drivers/tty/sysrq.c, sysrq_mask).
    "sysrq_always_enabled",
    // ttyS0 to ttyS2 exist even where CONFIG_SERIAL_8250_RUNTIME_UARTS is smaller.
    "8250.nr_uarts=4",
    // A panic resets at once, and a reset ends QEMU (`-no-reboot`).
    "panic=-1",
    // Addresses in stacks are those of System.map.
    "nokaslr",
    // No clocksource watchdog: a host that is stopped or starved would make it discard the TSC and fill the log.
    "tsc=reliable",
    // What a boot under emulation need not wait for: timer check, self-tests of ciphers, entropy.
    "no_timer_check",
    "cryptomgr.notests",
    "random.trust_cpu=on",
    // The agent is the first program.
    "rdinit=/init",
];

/// The kernel's command line: the words that every guest gets, then `extra`, so that the latter win.
pub fn kernel_command_line(extra: &[String]) -> String {
    WORDS.iter().copied().chain(extra.iter().map(String::as_str)).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn extra_words_come_last() {
        let line = kernel_command_line(&["loglevel=4".into(), "slub_debug=P".into()]);
        assert!(line.starts_with("console=ttyS0,115200 loglevel=7 "), "{line}");
        assert!(line.ends_with(" rdinit=/init loglevel=4 slub_debug=P"), "{line}");
        assert!(!line.contains("oops=panic"));
    }
}
