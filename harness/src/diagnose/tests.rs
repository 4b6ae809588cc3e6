//! The diagnosis as a whole: dumps as events bring them, rules, bounds.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use super::*;
use crate::kmsg::{Parser, Timestamps};
use crate::scenario::Mechanism;
use proptest::prelude::*;

/// Feeds a log without timestamps, as the fold does.
fn diagnose(parts: &[(u64, &str)]) -> Diagnosis {
    let mut diagnosis = Diagnosis::new(Timestamps::Absent);
    feed(&mut diagnosis, parts);
    diagnosis.finish();
    diagnosis
}

fn feed(diagnosis: &mut Diagnosis, parts: &[(u64, &str)]) {
    let mut parser = Parser::new(Timestamps::Absent);
    let mut seq = 0;
    for (at_ms, text) in parts {
        for line in text.lines() {
            for said in parser.feed(line) {
                diagnosis.message(seq, *at_ms, &said.message);
            }
            diagnosis.line(seq, *at_ms, line);
            seq += 1;
        }
    }
}

fn task(comm: &str, state: char, pid: u32, flags: u32, functions: &str) -> String {
    let state = if state == 'R' { "R  running task    ".to_owned() } else { state.to_string() };
    let frames: String = functions.split_whitespace().map(|name| format!(" {name}+0x1/0x2\n")).collect();
    format!(
        "task:{comm:<15} state:{state} stack:0     pid:{pid:<5} ppid:40     flags:0x{flags:08x}\nCall Trace:\n <TASK>\n{frames} </TASK>\n"
    )
}

const LOCK: &str = "__schedule schedule rwsem_down_write_slowpath xfs_ilock xfs_file_buffered_write vfs_write";
const LOOP: &str = "__schedule __cond_resched shrink_node try_to_free_pages __alloc_pages_slowpath __alloc_pages \
                    folio_alloc iomap_write_begin xfs_file_buffered_write vfs_write";
const ISOLATED: &str =
    "schedule schedule_timeout msleep shrink_inactive_list shrink_node __alloc_pages_slowpath do_anonymous_page";
const FROZEN: &str = "schedule percpu_rwsem_wait __percpu_down_read vfs_write ksys_write";
const KILL: &str = "Out of memory: Killed process 90 (hog) total-vm:1kB, anon-rss:1kB, file-rss:0kB, shmem-rss:0kB";

fn blocked(tasks: &[String]) -> String {
    format!("sysrq: Show Blocked State\n{}", tasks.concat())
}

fn all(tasks: &[String]) -> String {
    format!("sysrq: Show State\n{}Sched Debug Version: v0.11, 6.1.0 #1\n", tasks.concat())
}

fn found(diagnosis: &Diagnosis) -> Finding {
    let circumstances = Circumstances { now_ms: 70_000, stall_ms: 9_000, ..Circumstances::default() };
    diagnosis.mechanism(&circumstances)
}

fn reclaiming(diagnosis: &Diagnosis) -> Finding {
    let circumstances = Circumstances {
        now_ms: 70_000,
        stall_ms: 9_000,
        reclaims: Some((700_000, 60_000)),
        ..Circumstances::default()
    };
    diagnosis.mechanism(&circumstances)
}

#[test]
fn a_victim_that_waits_for_a_lock_while_its_holder_loops_is_an_oom_deadlock() {
    let waiting = [task("hog", 'D', 91, 6, LOCK), task("writer", 'D', 54, 2, LOCK)];
    let holder = task("writer", 'R', 86, 0x4002, LOOP);
    let dump = [&waiting[..], &[holder]].concat();
    let diagnosis = diagnose(&[(3_000, KILL), (19_000, &blocked(&waiting)), (70_000, &all(&dump))]);
    let finding = reclaiming(&diagnosis);
    assert_eq!(finding.mechanism, Mechanism::OomDeadlock);
    let text: Vec<&str> = finding.evidence.iter().chain(&finding.places).map(|piece| piece.text.as_str()).collect();
    assert_eq!(
        text,
        [
            "oom-deadlock: hog (90) was chosen by the OOM killer 67.0 s before and has not died: its thread 91 (a signal \
             pending) is in rwsem_down_write_slowpath ← xfs_ilock (D)",
            "1 task loops in the allocator: direct reclaim was entered 700000 times in 60.0 s without movement",
            "1 task in __alloc_pages_slowpath ← xfs_file_buffered_write (allocator): writer (86), R, for 0.0 s, seen 1 of 1",
            "2 tasks in rwsem_down_write_slowpath ← xfs_ilock (lock): one is writer (54), D, for 51.0 s, seen 2 of 2",
        ]
    );
}

#[test]
fn a_victim_is_pending_until_it_dies_or_its_memory_is_freed() {
    let holder = || task("writer", 'D', 86, 2, LOOP);
    let mechanism = |kill: &str, tasks: &[String]| {
        let dump = [tasks, &[holder()]].concat();
        found(&diagnose(&[(3_000, kill), (19_000, &blocked(&dump)), (70_000, &all(&dump))])).mechanism
    };
    let alive = [task("hog", 'D', 90, 6, LOCK)];
    assert_eq!(mechanism(KILL, &alive), Mechanism::OomDeadlock);
    assert_eq!(mechanism(KILL, &[]), Mechanism::NoFsLivelock, "it died");
    assert_eq!(
        mechanism(KILL, &[task("hog", 'D', 94, 2, LOCK)]),
        Mechanism::NoFsLivelock,
        "a namesake without a signal"
    );
    let reaped = format!("{KILL}\noom_reaper: reaped process 90 (hog), now anon-rss:0kB, file-rss:0kB, shmem-rss:0kB");
    assert_eq!(mechanism(&reaped, &alive), Mechanism::NoFsLivelock);
    assert_eq!(mechanism(&format!("{KILL}\noom_reaper: unable to reap pid:90 (hog)"), &alive), Mechanism::NoFsLivelock);
    let marked = [task("hog", 'D', 95, 0x10_0004, LOCK)];
    assert_eq!(mechanism("nothing", &marked), Mechanism::OomDeadlock, "TIF_MEMDIE tells of a kill whose line was lost");
}

#[test]
fn a_victim_that_was_reaped_is_no_trace_of_a_later_one_that_died() {
    let reaped = format!("{KILL}\noom_reaper: reaped process 90 (hog), now anon-rss:0kB, file-rss:0kB, shmem-rss:0kB");
    let later = KILL.replace("process 90", "process 92");
    let dump = [task("hog", 'D', 90, 0x10_0004, LOCK), task("writer", 'D', 86, 2, LOOP)];
    let log = [(3_000, reaped.as_str()), (6_000, &later), (19_000, &blocked(&dump)), (70_000, &all(&dump))];
    assert_eq!(found(&diagnose(&log)).mechanism, Mechanism::NoFsLivelock);
}

#[test]
fn a_victim_of_a_moment_ago_is_not_yet_a_deadlock() {
    let dump = [task("hog", 'D', 90, 6, LOCK), task("writer", 'D', 86, 2, LOOP)];
    let diagnosis = diagnose(&[(66_000, KILL), (67_000, &blocked(&dump)), (68_000, &all(&dump))]);
    assert_eq!(found(&diagnosis).mechanism, Mechanism::NoFsLivelock);
}

#[test]
fn the_meaning_of_flags_goes_with_the_kernel() {
    let dump = all(&[task("hog", 'D', 95, 0x8_000a, LOCK), task("writer", 'D', 86, 2, LOOP)]);
    let mechanism = |release: &str| {
        let mut diagnosis = Diagnosis::new(Timestamps::Absent);
        diagnosis.release(release);
        feed(&mut diagnosis, &[(20_000, &dump), (70_000, &dump)]);
        found(&diagnosis).mechanism
    };
    assert_eq!(mechanism("7.2.13-amd64"), Mechanism::OomDeadlock, "TIF_MEMDIE is bit 3 there");
    assert_eq!(mechanism("6.12.41+deb13-amd64"), Mechanism::NoFsLivelock, "and there a pending reschedule");
}

#[test]
fn half_of_the_allocating_in_the_isolation_wait_is_a_throttle() {
    let tasks = |isolated: u32| -> Vec<String> {
        (0..4).map(|n| task("eater", 'D', 100 + n, 2, if n < isolated { ISOLATED } else { LOOP })).collect()
    };
    let mechanism =
        |isolated| found(&diagnose(&[(19_000, &blocked(&tasks(isolated))), (70_000, &all(&tasks(isolated)))]));
    assert_eq!(mechanism(2).mechanism, Mechanism::IsolationThrottle);
    assert_eq!(mechanism(1).mechanism, Mechanism::NoFsLivelock);
    assert!(mechanism(4).evidence[0].text.contains("4 of 4 allocating tasks wait"), "{:?}", mechanism(4).evidence);
}

#[test]
fn who_charges_a_cgroup_wants_no_free_memory() {
    let charge = LOOP.replace("__alloc_pages_slowpath", "try_charge_memcg").replace("__alloc_pages", "charge_memcg");
    assert!(charge.contains("try_charge_memcg"));
    let tasks: Vec<String> =
        (0..9).map(|n| task("eater", 'D', 100 + n, 2, if n < 2 { ISOLATED } else { charge.as_str() })).collect();
    let finding = found(&diagnose(&[(19_000, &blocked(&tasks)), (70_000, &all(&tasks))]));
    assert_eq!(finding.mechanism, Mechanism::IsolationThrottle);
    assert!(finding.evidence[0].text.contains("2 of 2 allocating tasks wait"), "{:?}", finding.evidence);
}

#[test]
fn the_kernels_own_numbers_can_deny_the_isolation_wait() {
    let memory = |isolated: u64| {
        format!(
            "Mem-Info:\nactive_anon:9 inactive_anon:9 isolated_anon:0\n active_file:9 inactive_file:80 \
             isolated_file:{isolated}\n free:300 x:0\nNode 0 DMA free:1200kB min:4000kB low:1kB\n99 total pagecache pages"
        )
    };
    let dump = blocked(&[task("eater", 'D', 100, 2, ISOLATED)]);
    let finding = |isolated| found(&diagnose(&[(19_000, &dump), (20_000, &memory(isolated)), (69_000, &dump)]));
    assert_eq!(finding(0).mechanism, Mechanism::NoFsLivelock);
    assert_eq!(finding(90).mechanism, Mechanism::IsolationThrottle);
    assert!(finding(90).evidence[0].text.contains("isolated are 360 kB of files (320 kB inactive)"));
}

#[test]
fn a_stray_allocation_is_no_loop() {
    let tasks = [task("probe", 'R', 30, 2, LOOP), task("writer", 'D', 54, 2, FROZEN)];
    let diagnosis = diagnose(&[(19_000, &blocked(&tasks[1..])), (70_000, &all(&tasks))]);
    let finding = found(&diagnosis);
    assert_eq!(finding.mechanism, Mechanism::IoStall);
    assert!(finding.evidence[0].text.starts_with("io-stall: nobody loops"), "{:?}", finding.evidence);
    assert_eq!(
        reclaiming(&diagnosis).mechanism,
        Mechanism::NoFsLivelock,
        "but with a thousand reclaims a second it is"
    );
}

#[test]
fn without_the_heartbeat_waiting_for_io_proves_nothing() {
    let diagnosis = diagnose(&[(70_000, &all(&[task("writer", 'D', 54, 2, FROZEN)]))]);
    let silent = Circumstances { now_ms: 70_000, beat_silent: true, ..Circumstances::default() };
    assert_eq!(diagnosis.mechanism(&silent).mechanism, Mechanism::Unknown);
    assert_eq!(found(&diagnosis).mechanism, Mechanism::IoStall);
}

#[test]
fn a_wait_for_io_that_was_not_there_before_is_no_stall() {
    let diagnosis = diagnose(&[
        (19_000, &blocked(&[task("writer", 'D', 54, 2, LOCK)])),
        (60_000, &blocked(&[])),
        (70_000, &all(&[task("writer", 'D', 54, 2, LOCK)])),
    ]);
    assert_eq!(found(&diagnosis).mechanism, Mechanism::Unknown, "a lock alone tells nothing");
    assert_eq!(found(&Diagnosis::default()).mechanism, Mechanism::Unknown);
    assert_eq!(found(&Diagnosis::default()).evidence[0].text, "unknown: no task's stack was seen");
}

#[test]
fn a_task_is_where_it_was_seen_last_and_backtraces_count() {
    let cpu = "sysrq: Show backtrace of all active CPUs\nNMI backtrace for cpu 1\n\
               CPU: 1 PID: 86 Comm: writer Not tainted 6.1.0 #1\nRIP: 0010:shrink_node+0x1/0x2\nCall Trace:\n <TASK>\n \
               try_to_free_pages+0x1/0x2\n __alloc_pages_slowpath+0x1/0x2\n __alloc_pages+0x1/0x2\n do_fork+0x1/0x2\n </TASK>\n\
               NMI backtrace for cpu 0 skipped: idling at default_idle+0x1/0x2\n";
    let running = task("writer", 'R', 86, 2, "");
    let diagnosis = diagnose(&[(70_000, &all(&[running])), (70_000, cpu), (71_000, cpu)]);
    let waits = diagnosis.history().waits(0);
    assert_eq!(waits.len(), 1);
    assert_eq!(
        waits[0].sentence(),
        "1 task in __alloc_pages_slowpath ← do_fork (allocator): writer (86), R, for 1.0 s, seen 2 of 2"
    );
    assert_eq!(found(&diagnosis).mechanism, Mechanism::NoFsLivelock, "seen twice");
}

#[test]
fn stacks_of_two_printers_are_kept_apart_by_their_callers() {
    let text = "[    1.000000][    C0] sysrq: Show State\n\
                [    1.000001][    C0] task:one             state:D\n\
                [    1.000001][   T90] CPU: 1 PID: 90 Comm: x Not tainted 6.1.0 #1\n\
                [    1.000002][    C0]  stack:0     pid:1     ppid:0      flags:0x00000002\n\
                [    1.000002][   T90] Call Trace:\n\
                [    1.000003][    C0] Call Trace:\n\
                [    1.000003][   T90]  do_exit+0x1/0x2\n\
                [    1.000004][    C0]  schedule+0x1/0x2\n\
                [    1.000004][   T90]  out_of_memory+0x1/0x2\n\
                [    1.000005][    C0]  mutex_lock+0x1/0x2\n\
                [    1.000005][    C0]  xfs_x+0x1/0x2\n";
    let mut diagnosis = Diagnosis::new(Timestamps::Required);
    let mut parser = Parser::default();
    for line in text.lines() {
        for said in parser.feed(line) {
            diagnosis.message(0, 0, &said.message);
        }
        diagnosis.line(0, 0, line);
    }
    diagnosis.finish();
    let waits = diagnosis.history().waits(0);
    assert_eq!(waits.iter().map(|wait| wait.place.to_string()).collect::<Vec<_>>(), ["mutex_lock ← xfs_x"]);
}

#[test]
fn a_stack_whose_header_was_lost_is_nobodys() {
    let torn = "sysrq: Show State\ntask:one             state:D stack:0     pid:1     ppid:0      flags:0x00000002\n\
                Call Trace:\n schedule+0x1/0x2\n do_wait+0x1/0x2\nd:2     ppid:0      flags:0x00000002\nCall Trace:\n \
                mutex_lock+0x1/0x2\n xfs_x+0x1/0x2\n";
    let waits = diagnose(&[(0, torn)]).history().waits(0);
    assert_eq!(waits.iter().map(|wait| wait.place.to_string()).collect::<Vec<_>>(), ["do_wait"]);
}

#[test]
fn a_watchdog_that_reports_in_the_middle_of_a_dump_does_not_end_it() {
    let holder = task("writer", 'D', 86, 2, LOOP);
    let report = "BUG: workqueue lockup - pool cpus=1 node=0 flags=0x0 nice=0 stuck for 125s!\nShowing busy workqueues and worker pools:\n\
                  workqueue events: flags=0x0\n";
    let dump = format!("sysrq: Show State\n{holder}{report}{}", task("hog", 'D', 91, 6, LOCK));
    let diagnosis = diagnose(&[(3_000, KILL), (19_000, &blocked(std::slice::from_ref(&holder))), (70_000, &dump)]);
    assert_eq!(found(&diagnosis).mechanism, Mechanism::OomDeadlock);
}

#[test]
fn whoever_is_missing_in_half_a_dump_may_still_live() {
    let (victim, holder) = (task("hog", 'D', 90, 6, LOCK), task("writer", 'D', 86, 2, LOOP));
    let seen = blocked(&[holder.clone(), victim]);
    let mechanism = |end: &str| {
        let dump = format!("sysrq: Show State\n{holder}{end}");
        found(&diagnose(&[(3_000, KILL), (19_000, &seen), (70_000, &dump)])).mechanism
    };
    assert_eq!(mechanism(""), Mechanism::OomDeadlock, "cut off");
    assert_eq!(mechanism("Sched Debug Version: v0.11, 6.1.0 #1\n"), Mechanism::NoFsLivelock);
    assert_eq!(mechanism("sysrq: Show Memory\n"), Mechanism::NoFsLivelock);
}

#[test]
fn an_interrupt_on_top_of_a_stack_is_not_the_tasks() {
    let cpu = |pid: u32, text: &str| {
        format!(
            "sysrq: Show backtrace of all active CPUs\nNMI backtrace for cpu 1\nCPU: 1 PID: {pid} Comm: x Not tainted\n{text}"
        )
    };
    let new = "Call Trace:\n <IRQ>\n dump_stack+0x1/0x2\n mutex_lock+0x1/0x2\n RIP: 0010:handle_softirqs+0x1/0x2\n </IRQ>\n <TASK>\n \
               asm_common_interrupt+0x1/0x2\nRIP: 0010:do_x+0x1/0x2\n sys_y+0x1/0x2\n </TASK>\n";
    let old = "Call Trace:\n <IRQ>  [<ffffffff8160a5ed>] mutex_lock+0x1/0x2\n <EOI>  [<ffffffff8160a5ed>] do_x+0x1/0x2\n \
               [<ffffffff8160a5ed>] sys_y+0x1/0x2\n";
    let program = "Call Trace:\n <IRQ>\n dump_stack+0x1/0x2\n </IRQ>\n <TASK>\n asm_common_interrupt+0x1/0x2\nRIP: 0033:0x2470a1\n </TASK>\n";
    let text = [cpu(1, new), cpu(2, old), cpu(3, program), cpu(4, "RIP: 0033:0x2470a1\n")].concat();
    let waits = diagnose(&[(0, &text)]).history().waits(0);
    let told: Vec<(String, usize)> = waits.iter().map(|wait| (wait.place.to_string(), wait.tasks.len())).collect();
    assert_eq!(told, [("do_x ← sys_y".into(), 2), ("user space".into(), 2)]);
}

/// Lines that mean something, torn and mixed with others.
fn lines() -> impl Strategy<Value = String> {
    let known = prop::sample::select(vec![
        "sysrq: Show State",
        "sysrq: Show Blocked State",
        "sysrq: Show backtrace of all active CPUs",
        "task:hog             state:D stack:0     pid:90    ppid:40     flags:0x00000006",
        "task:hog             state:R",
        "  running task    ",
        " stack:0     pid:90    ppid:40     flags:0x00000006",
        "hog             D ffff88000f7d3a40     0   412    401 0x00100004",
        "INFO: task hog:90 blocked for more than 120 seconds.",
        "NMI backtrace for cpu 1",
        "CPU: 1 PID: 86 Comm: writer Not tainted 6.1.0 #1",
        "RIP: 0010:shrink_node+0x1/0x2",
        "RIP: 0033:0x313178",
        " </IRQ>",
        " <EOI>  [<ffffffff8160a5ed>] down+0x29/0x70",
        "Call Trace:",
        " <TASK>",
        " </TASK>",
        " [<ffffffff8160a5ed>] ? schedule+0x29/0x70",
        " __alloc_pages_slowpath.constprop.0+0x29/0x70 [x]",
        " rwsem_down_write_slowpath+0x1/0x2",
        "Mem-Info:",
        " active_file:9 inactive_file:80 isolated_file:18446744073709551615",
        "Node 0 DMA free:1200kB min:18446744073709551615kB low:1kB",
        "99 total pagecache pages",
        "Showing busy workqueues and worker pools:",
        "Out of memory: Killed process 90 (hog) total-vm:1kB, anon-rss:1kB, file-rss:0kB",
    ]);
    prop_oneof![
        4 => (known, any::<prop::sample::Index>(), any::<bool>()).prop_map(|(line, at, whole)| {
            let cut = line.floor_char_boundary(at.index(line.len() + 1));
            if whole { line.to_owned() } else { line[..cut].to_owned() }
        }),
        1 => ".{0,60}",
        1 => prop::collection::vec(any::<u8>(), 0..60).prop_map(|bytes| String::from_utf8_lossy(&bytes).into_owned()),
    ]
}

proptest! {
    #[test]
    fn any_console_ends_in_one_mechanism_with_evidence(lines in prop::collection::vec(lines(), 0..200), callers in any::<bool>(), times in prop::collection::vec(0..100_000u64, 3)) {
        let mut diagnosis = Diagnosis::new(Timestamps::Required);
        let mut parser = Parser::default();
        for (seq, line) in (0..).zip(&lines) {
            let caller = if callers { format!("[{:>5}T{}]", "", seq % 11) } else { String::new() };
            let line = format!("[    1.000000]{caller} {line}");
            let at_ms = times[seq as usize % times.len()];
            for said in parser.feed(&line) {
                diagnosis.message(seq, at_ms, &said.message);
            }
            diagnosis.line(seq, at_ms, &line);
        }
        diagnosis.finish();
        prop_assert!(!found(&diagnosis).evidence.is_empty());
        for wait in diagnosis.history().waits(0) {
            prop_assert!(!wait.tasks.is_empty());
            for task in &wait.tasks {
                prop_assert!(task.first_ms <= task.last_ms && task.seen >= 1 && task.seen <= task.of);
            }
            prop_assert!(!wait.sentence().is_empty());
        }
    }
}

#[test]
fn floods_are_bounded() {
    let mut diagnosis = Diagnosis::new(Timestamps::Absent);
    let mut parser = Parser::new(Timestamps::Absent);
    let mut feed = |line: &str| {
        for said in parser.feed(line) {
            diagnosis.message(0, 0, &said.message);
        }
        diagnosis.line(0, 0, line);
    };
    for round in 0..10 {
        feed("sysrq: Show State");
        for pid in 0..2100 {
            let pid = round * 2100 + pid;
            feed(&format!("task:x               state:D stack:0     pid:{pid}  ppid:0      flags:0x00000002"));
            feed("Call Trace:");
            for frame in 0..if pid % 2100 == 0 { 100 } else { 2 } {
                feed(&format!(" f{frame}+0x1/0x2"));
            }
        }
    }
    diagnosis.finish();
    assert!(diagnosis.history().dumps().len() <= 8);
    assert!(
        diagnosis
            .history()
            .dumps()
            .iter()
            .all(|dump| dump.tasks.len() <= 2048 && dump.tasks.iter().all(|task| task.stack.len() <= 64))
    );
    let waits = diagnosis.history().waits(0);
    assert!(waits.iter().map(|wait| wait.tasks.len()).sum::<usize>() <= 16_384);
}
