//! What the parser carries from line to line, and that nothing makes it panic or grow.
//! Lives here: short logs and properties; whole logs are in `tests/kmsg/`.
//! May not live here: tests of single texts.

use super::*;
use proptest::prelude::*;

fn told(log: &str) -> Vec<Message> {
    let mut parser = Parser::new(Timestamps::Required);
    let mut told: Vec<Stamped> = log.lines().flat_map(|line| parser.feed(line)).collect();
    told.extend(parser.finish());
    told.into_iter().map(|stamped| stamped.message).collect()
}

fn kills(log: &str) -> Vec<(u32, Scope, bool)> {
    let kill = |message| match message {
        Message::Kill(kill) => Some((kill.pid, kill.scope, kill.manual)),
        _ => None,
    };
    told(log).into_iter().filter_map(kill).collect()
}

#[test]
fn a_choice_that_comes_to_nothing_is_no_kill() {
    let log = "[1.000001] Out of memory: Kill process 5 (x) score 9 or sacrifice child";
    assert_eq!(kills(&log.replace("[1", "[    1")), []);
}

#[test]
fn scopes_follow_the_pid_when_two_kills_interleave() {
    let log = "\
[    1.000001] Memory cgroup out of memory: Kill process 5 (x) score 9 or sacrifice child
[    1.000002] Out of memory: Kill process 6 (y) score 9 or sacrifice child
[    1.000003] Killed process 5 (x) total-vm:1kB, anon-rss:1kB, file-rss:0kB
[    1.000004] Killed process 6 (y) total-vm:1kB, anon-rss:1kB, file-rss:0kB";
    assert_eq!(kills(log), [(5, Scope::Memcg, false), (6, Scope::Global, false)]);
}

#[test]
fn an_old_request_does_not_taint_a_later_kill() {
    let log = "\
[    1.000001] sysrq: Manual OOM execution
[   90.000002] Out of memory: Killed process 6 (y) total-vm:1kB, anon-rss:1kB, file-rss:0kB";
    assert_eq!(kills(log), [(6, Scope::Global, false)]);
}

/// Lines made of the kernel's own words, so that the tests get past the first comparison.
fn lines() -> impl Strategy<Value = Vec<String>> {
    let piece = prop::sample::select(vec![
        "[    1.000001]",
        "[    2.000001][  T3]",
        " ",
        "x invoked oom-killer: gfp_mask=0x1",
        ", order=",
        "-1",
        "oom-kill:constraint=",
        "CONSTRAINT_MEMCG",
        ",task=",
        ",pid=",
        ",uid=",
        "7",
        "Out of memory: ",
        "Memory cgroup out of memory: ",
        "Killed process ",
        "Kill process ",
        " (",
        ")",
        " total-vm:",
        "kB",
        "oom_reaper: reaped process ",
        " score ",
        " sharing same memory",
        "SysRq : ",
        "Manual OOM execution",
        "INFO: task ",
        ":",
        " blocked for more than ",
        " seconds",
        "blocked on ",
        "a mutex",
        " by task ",
        " <writer>",
        "BUG: soft lockup - CPU#",
        " stuck for ",
        "s! [",
        "]",
        "BUG: workqueue lockup - pool",
        "rcu: INFO: rcu_x detected stall",
        "Kernel panic - not syncing: ",
        "Attempted to kill init! exitcode=0x",
        "XFS (",
        "EXT4-fs error (device ",
        "I/O error, dev ",
        "é",
        "\u{0}",
        "** ",
        " printk messages dropped **",
        " callbacks suppressed",
        "99999999999999999999",
        "Task in /",
        " killed as a result of limit of ",
        ": page allocation failure: order:",
        ": page allocation stalls for ",
        "XFS: possible memory allocation deadlock (mode:",
    ]);
    prop::collection::vec(prop::collection::vec(piece, 0..8).prop_map(|pieces| pieces.concat()), 0..40)
}

proptest! {
    #[test]
    fn no_text_panics(text in "\\PC{0,300}", pieces in lines()) {
        for timestamps in [Timestamps::Required, Timestamps::Absent] {
            let mut parser = Parser::new(timestamps);
            for line in pieces.iter().map(String::as_str).chain([text.as_str()]) {
                parser.feed(line);
                matters(line, timestamps);
            }
            parser.finish();
        }
    }

    #[test]
    fn lines_without_a_timestamp_tell_of_nothing_but_loss(pieces in lines()) {
        let mut parser = Parser::new(Timestamps::Required);
        for line in pieces.iter().filter(|line| record(line, Timestamps::Required).is_none()) {
            let only_loss = parser.feed(line).iter().all(|told| matches!(told.message, Message::Lost { .. }));
            prop_assert!(only_loss, "{}", line);
        }
    }

}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn the_state_is_bounded(pieces in lines(), long in 0usize..6_000) {
        let mut parser = Parser::new(Timestamps::Absent);
        for at in 0..60u64 {
            for line in &pieces {
                parser.feed(&format!("[{at:5}.000001] {line}{}", "y".repeat(long)));
                parser.feed(line);
            }
        }
        prop_assert!(parser.seen.len() <= MAX_SEEN && parser.seen.capacity() <= 2 * MAX_SEEN);
        prop_assert!(parser.chosen.len() <= MAX_CHOSEN && parser.chosen.capacity() <= 2 * MAX_CHOSEN);
        prop_assert!(parser.open.is_none_or(|open| open.text.len() <= MAX_LINE));
    }

    #[test]
    fn a_message_is_bounded(line in lines(), long in 0usize..8_000) {
        let mut parser = Parser::new(Timestamps::Absent);
        for line in line {
            for told in parser.feed(&format!("{line}{}", "y".repeat(long))) {
                prop_assert!(serde_json::to_string(&told).map_or(0, |json| json.len()) < 4_096);
            }
        }
    }
}
