//! The machine against a scripted guest, on a paused clock.
//! Lives here: tests that need the whole of `vm` but QEMU.
//! May not live here: tests of one file's own matters.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use super::fake::{Act, Cure, Script, ms, secs};
use super::qmp::QmpError;
use super::{Command, Error, Fails, Seen, Throttle, Vm};
use crate::event::{Answer, Exit, Kind};
use serde_json::json;
use std::time::Duration;
use tokio::time::{Instant, timeout, timeout_at};

/// All that is seen until a time or the end.
async fn watch(vm: &mut Vm, until: Instant) -> Vec<(Instant, Kind)> {
    let mut seen = Vec::new();
    while let Ok(Some(next)) = timeout_at(until, vm.next()).await {
        if let Seen::Event { at, kind, .. } = next {
            seen.push((at, kind));
        }
    }
    seen
}

async fn watch_for(vm: &mut Vm, time: Duration) -> Vec<Kind> {
    watch(vm, Instant::now() + time).await.into_iter().map(|(_, kind)| kind).collect()
}

fn count(seen: &[Kind], mut wanted: impl FnMut(&Kind) -> bool) -> usize {
    seen.iter().filter(|kind| wanted(kind)).count()
}

fn is_beat(kind: &Kind) -> bool {
    matches!(kind, Kind::Beat(_))
}

fn begins(seen: &[Kind], name: &str) -> usize {
    count(seen, |kind| matches!(kind, Kind::ProbeBegin { probe, .. } if probe == name))
}

fn ends(seen: &[Kind], name: &str) -> usize {
    count(seen, |kind| matches!(kind, Kind::ProbeEnd { probe, .. } if probe == name))
}

fn console(seen: &[Kind], part: &str) -> usize {
    count(seen, |kind| matches!(kind, Kind::Console { line } if line.contains(part)))
}

const START: Command = Command::Start { release_ms: 600_000 };

#[tokio::test(start_paused = true)]
async fn a_whole_run_in_good_health() {
    let wall = std::time::Instant::now();
    let (mut vm, fake) = Script::new().vm().await;
    let boot = watch_for(&mut vm, secs(5)).await;
    let position = |wanted: fn(&Kind) -> bool| boot.iter().position(wanted).expect("it is there");
    assert!(position(|kind| matches!(kind, Kind::Hello { .. })) < position(|kind| matches!(kind, Kind::Probe { .. })));
    assert_eq!(count(&boot, |kind| matches!(kind, Kind::Probe { adj: -1000, .. })), 5);
    assert_eq!(count(&boot, |kind| matches!(kind, Kind::Ready { min_kb: 2_000, sysrq: 1 })), 1);
    vm.command(START).await.unwrap();
    vm.command(START).await.unwrap();
    let pressure = watch_for(&mut vm, secs(200)).await;
    assert_eq!(count(&pressure, |kind| matches!(kind, Kind::Ack { command } if command == "start")), 2);
    assert_eq!(count(&pressure, |kind| matches!(kind, Kind::WorkloadStarted { adj: 0, .. })), 1, "twice is once");
    assert_eq!((begins(&pressure, "file:data"), ends(&pressure, "spawn")), (200, 200));
    let work = |kind: &Kind| if let Kind::Beat(beat) = kind { Some(beat.work) } else { None };
    assert!(pressure.iter().filter_map(work).is_sorted() && pressure.iter().rev().find_map(work) > Some(19_000));
    vm.command(Command::Release).await.unwrap();
    vm.command(Command::Poweroff).await.unwrap();
    let end = watch_for(&mut vm, secs(60)).await;
    assert_eq!(end.last(), Some(&Kind::QemuExit { asked: true, exit: Exit::Code(0), stderr: String::new() }));
    assert_eq!(count(&end, |kind| matches!(kind, Kind::Released { by } if by == "host")), 1);
    assert_eq!(count(&end, |kind| matches!(kind, Kind::Bye { allocs: 0 })), 1);
    assert_eq!(console(&end, "Power down"), 1);
    assert_eq!(vm.next().await, None);
    assert_eq!(fake.record().commands, ["start", "start", "release", "poweroff"]);
    assert!(wall.elapsed() < Duration::from_secs(5), "a paused clock waits for nothing: {:?}", wall.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_freeze_leaves_rounds_open_until_its_cure() {
    let script = Script::new().since_start(secs(10), Act::Freeze).cured_by(Cure::Key('i'));
    let (mut vm, fake) = script.vm().await;
    watch_for(&mut vm, secs(3)).await;
    vm.command(START).await.unwrap();
    watch_for(&mut vm, secs(15)).await;
    let frozen = watch_for(&mut vm, secs(30)).await;
    assert_eq!((begins(&frozen, "fault"), ends(&frozen, "fault")), (0, 0));
    assert_eq!(count(&frozen, is_beat), 30);
    vm.sysrq('i').await.unwrap();
    let cured = watch_for(&mut vm, secs(10)).await;
    assert!(begins(&cured, "fault") >= 9 && ends(&cured, "fault") > begins(&cured, "fault") - 1);
    assert_eq!(console(&cured, "sysrq: Kill All Tasks"), 1);
    assert_eq!(fake.record().keys, ['i']);
    assert!(matches!(vm.sysrq('\n').await, Err(Error::Io { .. })));
}

#[tokio::test(start_paused = true)]
async fn a_flood_that_nobody_reads_costs_nothing_but_its_own_lines() {
    let (mut vm, _) = Script::new().since_boot(secs(5), Act::Flood(200_000)).vm().await;
    // Nobody calls next() meanwhile, as when the consumer is busy; QMP answers all the same.
    for _ in 0..30 {
        tokio::time::sleep(secs(1)).await;
        assert_eq!(vm.status().await.unwrap(), "running");
    }
    let seen = watch_for(&mut vm, secs(1)).await;
    let dropped: u64 = seen.iter().map(|kind| if let Kind::Dropped { lines } = kind { *lines } else { 0 }).sum();
    let kept = count(&seen, |kind| matches!(kind, Kind::Console { line } if line.starts_with("000")));
    assert!(kept > 20_000 && kept < 50_000, "4 MiB of lines of 100 bytes: {kept}");
    assert!((199_999..=200_000).contains(&(kept as u64 + dropped)), "{kept} {dropped}: at most one line is cut in two");
    assert!(count(&seen, is_beat) >= 25 && ends(&seen, "spawn") >= 25);
    assert_eq!(count(&seen, |kind| matches!(kind, Kind::Link { .. })), 0);
}

#[tokio::test(start_paused = true)]
async fn garbage_is_told_once_a_second_and_harms_no_line() {
    let mut script = Script::new();
    for n in 0..100 {
        script = script.since_boot(secs(5) + ms(100) * n, Act::Garbage(b"@fault 9 torn\n\xff\n".to_vec()));
    }
    let (mut vm, _) = script.vm().await;
    let seen = watch(&mut vm, Instant::now() + secs(20)).await;
    let links: Vec<_> = seen.iter().filter(|(_, kind)| matches!(kind, Kind::Link { .. })).collect();
    assert!((9..=12).contains(&links.len()), "{links:?}");
    // Each carries the time of the last garbage before it, which comes ten times a second.
    assert!(links.windows(2).all(|pair| pair[1].0 - pair[0].0 >= ms(900)));
    assert_eq!(links.last().unwrap().1, Kind::Link { garbage: 200, lost: 0, repeated: 0 });
    let kinds: Vec<Kind> = seen.into_iter().map(|(_, kind)| kind).collect();
    assert_eq!(ends(&kinds, "fault"), 18);
}

#[tokio::test(start_paused = true)]
async fn giving_up_on_next_loses_nothing() {
    let watched = |slice: Duration| async move {
        let (mut vm, _) = Script::new().vm().await;
        let end = Instant::now() + secs(30);
        let mut seen = Vec::new();
        while Instant::now() < end {
            if let Ok(Some(Seen::Event { kind, .. })) = timeout(slice, vm.next()).await {
                seen.push(kind);
            }
        }
        seen
    };
    assert_eq!(watched(ms(7)).await, watched(secs(30)).await);
}

#[tokio::test(start_paused = true)]
async fn a_deaf_qmp_is_bounded_and_ended_by_force() {
    let (mut vm, _) = Script::new().since_boot(secs(3), Act::QmpDeaf).ignores_term().vm().await;
    watch_for(&mut vm, secs(4)).await;
    let asked = Instant::now();
    assert!(matches!(vm.status().await, Err(QmpError::Deadline { .. })));
    assert_eq!(asked.elapsed(), secs(10));
    assert_eq!(vm.shutdown(secs(5)).await, Some(Exit::Signal(9)));
    assert_eq!(asked.elapsed(), secs(20), "quit 5 s, SIGTERM 5 s, then SIGKILL");
    let rest = watch_for(&mut vm, secs(5)).await;
    assert!(count(&rest, is_beat) >= 15, "what came meanwhile is handed over");
    assert!(matches!(rest.last(), Some(Kind::QemuExit { asked: true, exit: Exit::Signal(9), .. })));
}

#[tokio::test(start_paused = true)]
async fn quit_is_obeyed_at_once() {
    let (mut vm, fake) = Script::new().vm().await;
    let asked = Instant::now();
    assert_eq!(vm.shutdown(secs(5)).await, Some(Exit::Code(0)));
    assert!(asked.elapsed() < secs(1));
    assert_eq!(vm.shutdown(secs(5)).await, Some(Exit::Code(0)), "again is no harm");
    assert_eq!(fake.record().qmp, ["qmp_capabilities", "quit"]);
}

#[tokio::test(start_paused = true)]
async fn an_end_that_nobody_asked_for_says_so_even_if_asked_later() {
    let (mut vm, _) = Script::new().since_boot(secs(3), Act::Die(Exit::Signal(11))).vm().await;
    tokio::time::sleep(secs(5)).await;
    assert_eq!(vm.shutdown(secs(1)).await, Some(Exit::Signal(11)));
    let seen = watch_for(&mut vm, secs(1)).await;
    assert!(matches!(seen.last(), Some(Kind::QemuExit { asked: false, exit: Exit::Signal(11), .. })));
    assert!(matches!(vm.status().await, Err(QmpError::Closed { .. })));
}

#[tokio::test(start_paused = true)]
async fn the_last_words_come_before_the_end() {
    let (mut vm, _) = Script::new().since_boot(secs(3), Act::Panic).vm().await;
    let seen = watch_for(&mut vm, secs(10)).await;
    assert_eq!((console(&seen, "Kernel panic"), console(&seen, "Rebooting in 0 seconds..")), (1, 1));
    let event = |name| count(&seen, |kind| matches!(kind, Kind::Qmp { event, .. } if event == name));
    assert_eq!((event("GUEST_PANICKED"), event("SHUTDOWN")), (1, 1));
    assert!(matches!(seen.last(), Some(Kind::QemuExit { asked: false, .. })));
}

#[tokio::test(start_paused = true)]
async fn console_bytes_come_as_they_were() {
    let (mut vm, _) = Script::new().since_boot(secs(1), Act::Flood(3)).vm().await;
    let mut raw = Vec::new();
    let mut lines = Vec::new();
    while let Ok(Some(seen)) = timeout(secs(3), vm.next()).await {
        match seen {
            Seen::Piece(piece) => panic!("{piece:?}"),
            Seen::ConsoleBytes { bytes, .. } => raw.extend(bytes),
            Seen::Event { kind: Kind::Console { line }, .. } => {
                lines.push(line);
                let text = lines.join("\r\n");
                assert!(raw.starts_with(text.as_bytes()), "the bytes come before the lines in them");
            }
            Seen::Event { at, .. } if at.elapsed() > secs(1) => break,
            Seen::Event { .. } if lines.len() == 4 => break,
            Seen::Event { .. } => {}
        }
    }
    assert_eq!(raw, (lines.join("\r\n") + "\r\n").as_bytes());
}

#[tokio::test(start_paused = true)]
async fn throttles_never_mean_unlimited_by_accident() {
    let (vm, fake) = Script::new().vm().await;
    vm.throttle("data", Throttle { iops: Some(0), bps: Some(1) }).await.unwrap();
    vm.throttle("data", Throttle { iops: Some(7), bps: None }).await.unwrap();
    vm.throttle("data", Throttle::default()).await.unwrap();
    let device = || "/machine/peripheral/disk-data/virtio-backend".to_owned();
    assert_eq!(fake.record().throttles, [(device(), 1, 1), (device(), 0, 7), (device(), 0, 0)]);
    assert_eq!(vm.qmp().version().await.unwrap(), "7.2.0 fake");
}

#[tokio::test(start_paused = true)]
async fn errors_come_by_a_node_that_is_there_only_while_they_are_wanted() {
    let (mut vm, fake) = Script::new().vm().await;
    let writes = Fails { write: Some(5), ..Fails::default() };
    vm.fail("data", writes).await.unwrap();
    vm.fail("data", Fails { flush: Some(28), ..writes }).await.unwrap();
    vm.fail("data", Fails::default()).await.unwrap();
    vm.fail("data", Fails::default()).await.unwrap();
    let nodes: Vec<String> = fake.record().drives.iter().map(|(_, node)| node.clone()).collect();
    assert_eq!(nodes, ["fail-data-1", "fail-data-2", "node-data", "node-data"]);
    let count = |name: &str| fake.record().qmp.iter().filter(|command| *command == name).count();
    assert_eq!((count("blockdev-add"), count("blockdev-del")), (2, 2));
}

#[tokio::test(start_paused = true)]
async fn a_pause_is_no_time_and_its_stop_is_known() {
    let (mut vm, _) = Script::new().vm().await;
    watch_for(&mut vm, secs(3)).await;
    vm.tick();
    vm.pause().await.unwrap();
    assert_eq!(vm.status().await.unwrap(), "paused");
    let seen = watch_for(&mut vm, secs(5)).await;
    assert_eq!(count(&seen, |kind| matches!(kind, Kind::Qmp { event, .. } if event == "STOP")), 1);
    assert!(count(&seen, is_beat) <= 1, "but for one that was under way");
    assert!(vm.asked_to_stop() && !vm.asked_to_stop(), "the next one is QEMU's own");
    assert_eq!(vm.tick().stopped_ns, 5_000_000_000);
    vm.resume().await.unwrap();
    assert!(count(&watch_for(&mut vm, secs(3)).await, is_beat) >= 2);
    assert_eq!(vm.tick().stopped_ns, 3_000_000_000, "a stretch with a stop in it counts whole");
    watch_for(&mut vm, secs(1)).await;
    assert_eq!(vm.tick().stopped_ns, 0);
}

#[tokio::test(start_paused = true)]
async fn ticks_tell_what_the_host_took() {
    let script = Script::new().since_boot(secs(10), Act::HostWaits(60)).since_boot(secs(20), Act::HostStops(true));
    let (mut vm, _) = script.vm().await;
    let mut ticks = Vec::new();
    for _ in 0..30 {
        watch_for(&mut vm, secs(1)).await;
        ticks.push(vm.tick());
    }
    assert!(ticks[1..9].iter().all(|tick| tick.wait_ns == 0 && tick.stopped_ns == 0 && tick.cpu_ns == 1_000_000_000));
    assert!(ticks[11..19].iter().all(|tick| tick.wait_ns == 600_000_000 && tick.stopped_ns == 0));
    assert!(ticks[21..].iter().all(|tick| tick.stopped_ns == 1_000_000_000 && tick.wait_ns == 0));
}

#[tokio::test(start_paused = true)]
async fn the_scripts_acts_are_seen() {
    let answers = |answer| Act::Answers { probe: "spawn".into(), answer };
    let script = Script::new()
        .since_boot(secs(3), Act::OomKill { pid: 77, name: "hog (x)".into() })
        .since_boot(secs(4), answers(Answer::Errno(12)))
        .since_boot(secs(5), Act::ProbeDies { probe: "fault".into(), exit: Exit::Signal(9) })
        .since_boot(secs(6), Act::Memory { free: 1, file: 2, anon: 3 })
        .since_boot(secs(7), Act::Qmp { event: "BLOCK_IO_ERROR".into(), data: json!({"device": "x"}) })
        .since_boot(secs(8), Act::Deaf)
        .since_boot(secs(12), Act::Mute);
    let (mut vm, fake) = script.vm().await;
    let seen = watch_for(&mut vm, secs(10)).await;
    assert_eq!(console(&seen, "Out of memory: Killed process 77 (hog (x))"), 1);
    assert_eq!(console(&seen, "oom_reaper: reaped process 77"), 1);
    let failed =
        |kind: &Kind| matches!(kind, Kind::ProbeEnd { probe, result: Answer::Errno(12), .. } if probe == "spawn");
    assert!(count(&seen, failed) >= 5);
    assert_eq!(count(&seen, |kind| matches!(kind, Kind::ProbeDied { exit: Exit::Signal(9), .. })), 1);
    assert!(begins(&seen, "fault") <= 4);
    assert!(
        count(
            &seen,
            |kind| matches!(kind, Kind::Beat(beat) if (beat.free_kb, beat.file_kb, beat.anon_kb) == (1, 2, 3))
        ) >= 3
    );
    assert_eq!(count(&seen, |kind| matches!(kind, Kind::Qmp { event, .. } if event == "BLOCK_IO_ERROR")), 1);
    vm.command(START).await.unwrap();
    let deaf = watch_for(&mut vm, secs(3)).await;
    assert_eq!(count(&deaf, |kind| matches!(kind, Kind::Ack { .. })), 0);
    assert!(fake.record().commands.is_empty());
    assert_eq!(watch_for(&mut vm, secs(60)).await, []);
}

#[tokio::test(start_paused = true)]
async fn the_agents_own_timer_releases() {
    let (mut vm, _) = Script::new().vm().await;
    watch_for(&mut vm, secs(3)).await;
    vm.command(Command::Start { release_ms: 5_000 }).await.unwrap();
    let seen = watch_for(&mut vm, secs(10)).await;
    assert_eq!(count(&seen, |kind| matches!(kind, Kind::Released { by } if by == "timer")), 1);
    assert_eq!(count(&seen, |kind| matches!(kind, Kind::WorkloadExit { main: true, exit: Exit::Signal(9), .. })), 1);
}
