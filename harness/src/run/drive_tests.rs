//! The whole harness but QEMU: loop, VM, QMP, ports, machine and judge, against a scripted guest under a paused clock.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use super::{Evidence, Means, Sink, drive};
use crate::event::{Answer, Event, Exit, Kind, Phase, Plan, Reason, Rules, SCHEMA, State, read_events};
use crate::introspect::symbols::Symbols;
use crate::scenario::{DiskError, Fault, FaultAction, Operation, Outcome};
use crate::verdict::{End, Verdict, View, judge};
use crate::vm::Piece;
use crate::vm::capture::Capture;
use crate::vm::fake::{Act, Cure, Record, Script, secs};
use crate::vm::login::{Access, Fetch, Key};
use std::future::pending;
use std::io;
use std::path::Path;
use std::time::Duration;

/// Keeps everything as the files would.
#[derive(Default)]
struct Memory {
    events: Vec<u8>,
    console: usize,
    full_after: Option<usize>,
    pieces: Vec<u8>,
}

impl Sink for Memory {
    fn event(&mut self, event: &Event) -> io::Result<()> {
        if self.full_after.is_some_and(|bound| self.events.len() > bound) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        serde_json::to_writer(&mut self.events, event)?;
        self.events.push(b'\n');
        Ok(())
    }

    fn console(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.console += bytes.len();
        Ok(())
    }

    fn piece(&mut self, piece: &Piece) {
        assert_eq!((piece.path.as_str(), piece.at), ("/proc/vmstat", self.pieces.len() as u64));
        self.pieces.extend(&piece.bytes);
    }

    fn file(&mut self, _: &str, _: u64, failed: Option<String>) -> Option<String> {
        failed
    }

    fn show(&mut self, _: &Event, _: &View<'_>) {}
}

fn plan() -> Plan {
    let required = ["beat", "fault", "spawn", "file:data"].map(str::to_owned).to_vec();
    Plan {
        schema: SCHEMA,
        scenario: "fake".into(),
        required,
        rules: Rules { frozen_for_ms: 60_000, ..Rules::default() },
        ..Plan::default()
    }
}

struct Ran {
    verdict: Verdict,
    replayed: Verdict,
    memory: Memory,
    record: Record,
}

/// Only the registers.
fn evidence(place: &Path) -> Evidence {
    let capture = Capture { registers: place.join("registers.txt"), core: None, keep: None, memory: 3 << 20 };
    let map = "ffffffff81000000 T _stext\nffffffff81000000 T spins\nffffffff82000000 T _etext\n";
    Evidence { capture, symbols: Symbols::from_system_map(map).unwrap() }
}

fn means(evidence: &Evidence) -> Means<'_> {
    Means { faults: &[], evidence, lens: None, access: None, fetch: None }
}

async fn run_with(script: Script, faults: &[Fault], memory: Memory) -> Ran {
    run_plan(script, plan(), faults, memory).await
}

async fn run_plan(script: Script, plan: Plan, faults: &[Fault], memory: Memory) -> Ran {
    let place = tempfile::tempdir().unwrap();
    run_taking(script, plan, faults, memory, &evidence(place.path())).await
}

async fn run_taking(script: Script, plan: Plan, faults: &[Fault], mut memory: Memory, evidence: &Evidence) -> Ran {
    let (mut vm, fake) = script.vm().await;
    let cancelled = Box::pin(pending());
    let means = Means { faults, evidence, lens: None, access: None, fetch: None };
    let judged = drive(&mut vm, plan, means, &mut memory, cancelled).await;
    vm.shutdown(Duration::from_secs(1)).await;
    let replayed = judge(&read_events(memory.events.as_slice()).unwrap());
    let record = std::mem::take(&mut *fake.record());
    Ran { verdict: judged.verdict(), replayed, memory, record }
}

async fn run(script: Script) -> Ran {
    let ran = run_with(script, &[], Memory::default()).await;
    assert_eq!(ran.verdict, ran.replayed, "live and replay differ");
    ran
}

/// The verdict on what was recorded.
fn judge_again(memory: &Memory) -> Verdict {
    judge(&read_events(memory.events.as_slice()).unwrap())
}

fn reason(verdict: &Verdict) -> Reason {
    match &verdict.end {
        End::Inconclusive { reason, .. } => *reason,
        End::Outcome(outcome) => panic!("{outcome:?}: {:#?}", verdict.evidence),
    }
}

fn kill(name: &str, pid: u32) -> Act {
    Act::OomKill { pid, name: name.into() }
}

#[tokio::test(start_paused = true)]
async fn a_healthy_guest_under_pressure_recovers() {
    let ran = run(Script::new()).await;
    assert_eq!(ran.verdict.end, End::Outcome(Outcome::Recovered), "{:#?}", ran.verdict.evidence);
    assert_eq!(ran.record.commands, ["start", "release", "poweroff"]);
    assert!(ran.verdict.max_stall_ms < 3_000, "{}", ran.verdict.max_stall_ms);
}

#[tokio::test(start_paused = true)]
async fn kills_make_it_oom_killed() {
    let script = Script::new().since_start(secs(7), kill("hog (x) y", 91)).since_start(secs(9), kill("hog", 92));
    let ran = run(script).await;
    assert_eq!(ran.verdict.end, End::Outcome(Outcome::OomKilled));
    assert_eq!(ran.verdict.kills.iter().map(|kill| kill.victim.as_str()).collect::<Vec<_>>(), ["hog (x) y", "hog"]);
    assert!(ran.memory.console > 0);
}

#[tokio::test(start_paused = true)]
async fn a_deadlock_is_hung_and_what_ends_it_is_told() {
    let frozen = || Script::new().since_start(secs(12), kill("hog", 91)).since_start(secs(13), Act::Freeze);
    let ran = run(frozen().cured_by(Cure::Release)).await;
    assert_eq!((ran.verdict.outcome(), ran.verdict.ended_by()), (Some(Outcome::Hung), Some("release")));
    assert_eq!(ran.record.keys, ['w', 'l', 'm', 't', 'l', 'm', 'l', 'f']);

    let ran = run(frozen().cured_by(Cure::Key('f'))).await;
    assert_eq!((ran.verdict.outcome(), ran.verdict.ended_by()), (Some(Outcome::Hung), Some("sysrq-f")));

    let ran = run(frozen().since_start(secs(14), Act::Deaf)).await;
    assert_eq!((ran.verdict.outcome(), ran.verdict.ended_by()), (Some(Outcome::Hung), None));
}

fn freezes() -> Script {
    Script::new().since_start(secs(12), kill("hog", 91)).since_start(secs(13), Act::Freeze).cured_by(Cure::Release)
}

#[tokio::test(start_paused = true)]
async fn a_hung_guest_is_held_for_its_state_before_anything_is_tried_and_that_is_none_of_its_time() {
    let place = tempfile::tempdir().unwrap();
    let plain = run(freezes()).await;
    let mut with_core = evidence(place.path());
    with_core.capture.core = Some(place.path().join("core.zst"));
    let ran = run_taking(freezes(), plan(), &[], Memory::default(), &with_core).await;
    assert_eq!(ran.verdict, ran.replayed);
    assert_eq!((ran.verdict.outcome(), ran.verdict.ended_by()), (Some(Outcome::Hung), Some("release")));
    let places: Vec<String> = ran.verdict.captured.registers.iter().map(ToString::to_string).collect();
    assert_eq!(places, ["processor 0 at spins+0x10", "processor 1 at 0xffffffffc0000010"]);
    assert_eq!(ran.verdict.captured.stored[0].bytes, 3 << 20);
    assert!(place.path().join("registers.txt").is_file() && place.path().join("core.zst").is_file());

    let events = read_events(ran.memory.events.as_slice()).unwrap();
    let at = |wanted: &dyn Fn(&Kind) -> bool| events.iter().position(|event| wanted(&event.kind)).unwrap();
    let said = |name: &'static str| move |kind: &Kind| matches!(kind, Kind::Qmp { event, .. } if event == name);
    let order = [
        at(&|kind| matches!(kind, Kind::Capture { active: true })),
        at(&said("STOP")),
        at(&said("RESUME")),
        at(&|kind| matches!(kind, Kind::Stored(_))),
        at(&|kind| matches!(kind, Kind::Capture { active: false })),
        at(&|kind| matches!(kind, Kind::Phase { phase: Phase::Escapes })),
        at(&|kind| matches!(kind, Kind::Sysrq { key: 'f' })),
    ];
    assert!(order.is_sorted(), "{order:?}");
    assert!(!events.iter().any(|event| matches!(event.kind, Kind::HostError { .. })), "our own STOP is no other's");
    let (with, without) = (ran.verdict.fair_ms, plain.verdict.fair_ms);
    assert!(with.abs_diff(without) <= 250, "{with} {without}");
}

#[tokio::test(start_paused = true)]
async fn state_that_cannot_be_taken_is_a_remark_and_no_more() {
    let place = tempfile::tempdir().unwrap();
    let mut with_core = evidence(place.path());
    with_core.capture.core = Some(place.path().join("core.zst"));
    with_core.capture.memory = u64::MAX / 4;
    let ran = run_taking(freezes(), plan(), &[], Memory::default(), &with_core).await;
    assert_eq!((ran.verdict.outcome(), ran.verdict.ended_by()), (Some(Outcome::Hung), Some("release")));
    assert_eq!(ran.verdict.captured.failed[0].0, State::Core);
    let said = |piece: &crate::verdict::Evidence| piece.text.starts_with("the core could not be saved: the disk has ");
    assert!(ran.verdict.evidence.iter().any(said), "{:#?}", ran.verdict.evidence);

    let deaf = freezes().since_start(secs(60), Act::QmpDeaf);
    let ran = run(deaf).await;
    assert_eq!((ran.verdict.outcome(), ran.verdict.ended_by()), (Some(Outcome::Hung), Some("release")));
}

#[tokio::test(start_paused = true)]
async fn a_run_that_is_called_off_while_its_guest_is_held_is_hung_and_leaves_no_half_core() {
    let place = tempfile::tempdir().unwrap();
    let mut with_core = evidence(place.path());
    let core = place.path().join("core.zst");
    with_core.capture.core = Some(core.clone());
    let (mut vm, _fake) = freezes().never_done().vm().await;
    let mut memory = Memory::default();
    let begun = Box::pin(async {
        while !core.exists() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    });
    let verdict = drive(&mut vm, plan(), means(&with_core), &mut memory, begun).await.verdict();
    assert_eq!((verdict.outcome(), verdict.escapes.len()), (Some(Outcome::Hung), 0));
    assert!(!core.exists());
    vm.shutdown(Duration::from_secs(1)).await;
}

#[tokio::test(start_paused = true)]
async fn files_are_brought_back_before_the_guest_powers_off() {
    let plan = Plan { collect: true, ..plan() };
    let ran = run_plan(Script::new(), plan.clone(), &[], Memory::default()).await;
    assert_eq!(ran.verdict.outcome(), Some(Outcome::Recovered));
    assert_eq!(ran.memory.pieces, b"nr_free_pages 1\n");
    let failed =
        |piece: &crate::verdict::Evidence| piece.text.starts_with("/none was not brought back whole: No such file");
    assert!(ran.verdict.evidence.iter().any(failed), "{:#?}", ran.verdict.evidence);
    let text = String::from_utf8(ran.memory.events).unwrap();
    assert!(!text.contains("nr_free_") && text.contains(r#""kind":"collected","path":"/proc/vmstat","bytes":16"#));
    // A guest that does not take the command is waited for, and then no more.
    let deaf = run_plan(Script::new().since_release(secs(1), Act::Deaf), plan, &[], Memory::default()).await;
    assert_eq!(deaf.verdict.outcome(), Some(Outcome::Recovered));
    assert!(deaf.verdict.wall_ms > ran.verdict.wall_ms + 100_000, "{}", deaf.verdict.wall_ms);
}

#[tokio::test(start_paused = true)]
async fn files_that_cannot_be_fetched_are_told_and_cost_nothing() {
    let plan = Plan { collect: true, fetch: true, ..plan() };
    let place = tempfile::tempdir().unwrap();
    let evidence = evidence(place.path());
    let access = Access::root(Key::new().unwrap());
    let fetch = Fetch { command: "send".into(), asked: vec!["/proc/vmstat".into()] };
    let (mut vm, fake) = Script::new().vm().await;
    let mut memory = Memory::default();
    let means = Means { access: Some(&access), fetch: Some(&fetch), ..means(&evidence) };
    let verdict = drive(&mut vm, plan, means, &mut memory, Box::pin(pending())).await.verdict();
    vm.shutdown(Duration::from_secs(1)).await;
    assert_eq!(verdict.outcome(), Some(Outcome::Recovered));
    let why = "/proc/vmstat was not brought back whole: ";
    assert!(verdict.evidence.iter().any(|piece| piece.text.starts_with(why)), "{:#?}", verdict.evidence);
    let text = String::from_utf8(memory.events).unwrap();
    assert!(text.contains(r#""kind":"all-collected""#) && !text.contains(r#""command":"collect""#), "by ssh alone");
    drop(fake);
}

#[tokio::test(start_paused = true)]
async fn a_mute_guest_is_hung_even_without_its_beat() {
    let ran = run(Script::new().since_start(secs(20), Act::Mute)).await;
    assert_eq!(ran.verdict.outcome(), Some(Outcome::Hung));
}

#[tokio::test(start_paused = true)]
async fn a_stall_that_ends_is_not_hung() {
    let script = Script::new().since_start(secs(20), Act::Freeze).since_start(secs(70), Act::Thaw);
    let ran = run(script).await;
    assert_eq!(ran.verdict.outcome(), Some(Outcome::Recovered));
    assert_eq!(ran.verdict.stalls.len(), 1);
    assert!(ran.verdict.max_stall_ms > 40_000, "{}", ran.verdict.max_stall_ms);
}

#[tokio::test(start_paused = true)]
async fn a_stopped_or_starved_qemu_is_not_a_hung_guest() {
    let stopped = Script::new()
        .since_start(secs(20), Act::HostStops(true))
        .since_start(secs(20), Act::Mute)
        .since_start(secs(200), Act::HostStops(false))
        .since_start(secs(200), Act::Unmute);
    let ran = run(stopped).await;
    assert_eq!((ran.verdict.outcome(), ran.verdict.stalls.len()), (Some(Outcome::Recovered), 0));

    let waits = Script::new().since_start(secs(1), Act::HostWaits(90)).since_start(secs(20), Act::Freeze);
    let ran = run(waits.since_start(secs(320), Act::Thaw)).await;
    assert_eq!(ran.verdict.outcome(), Some(Outcome::Recovered), "300 s at a tenth of the time are 30 s");
}

#[tokio::test(start_paused = true)]
async fn what_is_not_the_kernels_doing_is_inconclusive() {
    let start = Script::new;
    let code = |code| Exit::Code(code);
    let cases = [
        (start().since_start(secs(9), Act::Die(Exit::Signal(9))), Reason::QemuDied),
        (start().since_start(secs(9), Act::Stop("internal-error".into())), Reason::KvmInternalError),
        (start().since_start(secs(9), Act::Stop("paused".into())), Reason::QemuStopped),
        (start().since_boot(secs(1), Act::SetupFails { what: "mount /data".into(), errno: 19 }), Reason::SetupFailed),
        (start().since_boot(secs(1), Act::Mute), Reason::NoBoot),
        (start().since_boot(secs(1), Act::Panic), Reason::NoBoot),
        (start().protocol(99), Reason::ProtocolError),
        (start().probes_adj(0), Reason::SetupFailed),
        (start().without_pressure(), Reason::NoPressure),
        (
            start().since_start(secs(9), Act::ProbeDies { probe: "fault".into(), exit: Exit::Signal(9) }),
            Reason::ProbeKilled,
        ),
        (
            start().since_start(secs(9), Act::Answers { probe: "file:data".into(), answer: Answer::Errno(5) }),
            Reason::ProbeFailing,
        ),
        (
            start().since_start(secs(0), Act::WorkloadExit { pid: 60, main: true, exit: code(1), errno: 0 }),
            Reason::WorkloadFailed,
        ),
        (start().since_start(secs(9), Act::Deaf), Reason::ProtocolError),
    ];
    for (script, expected) in cases {
        let told = format!("{script:?}");
        let ran = run(script).await;
        assert_eq!(reason(&ran.verdict), expected, "{told}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_panic_under_pressure_is_panicked() {
    let ran = run(Script::new().since_start(secs(9), Act::Panic)).await;
    assert_eq!(ran.verdict.outcome(), Some(Outcome::Panicked));
}

#[tokio::test(start_paused = true)]
async fn noise_floods_and_a_deaf_qmp_change_nothing() {
    let script = Script::new()
        .since_start(secs(3), kill("hog", 91))
        .since_start(secs(4), Act::Garbage(b"\xff\xfe@fault 1 2 end ok=1 *00000000\n@@@@\n\0\0".to_vec()))
        .since_start(secs(5), Act::Flood(500_000))
        .since_start(secs(6), Act::QmpDeaf);
    let ran = run(script).await;
    assert_eq!(ran.verdict.outcome(), Some(Outcome::OomKilled), "{:#?}", ran.verdict.evidence);
    let events = read_events(ran.memory.events.as_slice()).unwrap();
    assert!(events.iter().any(|event| matches!(event.kind, Kind::Dropped { lines: 1.. })), "not all was kept");
}

#[tokio::test(start_paused = true)]
async fn faults_go_to_qmp_and_are_lifted_before_anything_is_hung() {
    let throttle = FaultAction::Throttle { disk: "data".into(), iops: Some(1), bps: None };
    let faults = [Fault { at_ms: 5_000, until_ms: Some(30_000), action: throttle }];
    let ran = run_with(Script::new(), &faults, Memory::default()).await;
    assert_eq!(ran.verdict.outcome(), Some(Outcome::Recovered));
    let bounds: Vec<(i64, i64)> = ran.record.throttles.iter().map(|(_, bps, iops)| (*bps, *iops)).collect();
    assert_eq!(bounds, [(0, 1), (0, 0)]);
}

fn fault(at_s: u64, until_s: Option<u64>, action: FaultAction) -> Fault {
    Fault { at_ms: at_s * 1000, until_ms: until_s.map(|until| until * 1000), action }
}

/// When a fault that is told so came and went, in whole seconds since pressure began.
fn window(memory: &Memory, told: &str) -> Vec<(bool, u64)> {
    let events = read_events(memory.events.as_slice()).unwrap();
    let began = events.iter().find(|event| event.kind == Kind::Phase { phase: Phase::Pressure }).unwrap().host_ns;
    let switch = |event: &Event| match &event.kind {
        Kind::Fault { fault, active, .. } if fault == told => Some((*active, (event.host_ns - began) / 1_000_000_000)),
        _ => None,
    };
    events.iter().filter_map(switch).collect()
}

#[tokio::test(start_paused = true)]
async fn faults_of_one_disk_add_up() {
    let disk = || "data".to_owned();
    let (read, write) = (vec![Operation::Read], vec![Operation::Write]);
    let faults = [
        fault(5, Some(40), FaultAction::Throttle { disk: disk(), iops: Some(50), bps: None }),
        fault(10, Some(30), FaultAction::Stop { disk: disk() }),
        fault(15, Some(25), FaultAction::Error { disk: disk(), errno: DiskError::Io, on: read }),
        fault(20, None, FaultAction::Error { disk: disk(), errno: DiskError::NoSpace, on: write }),
        fault(5, Some(50), FaultAction::Balloon { memory: 200 << 20 }),
        fault(10, Some(20), FaultAction::Balloon { memory: 100 << 20 }),
    ];
    let ran = run_with(Script::new(), &faults, Memory::default()).await;
    assert_eq!(ran.verdict, ran.replayed);
    assert_eq!(ran.verdict.outcome(), Some(Outcome::Recovered), "{:#?}", ran.verdict.evidence);
    let bounds: Vec<(i64, i64)> = ran.record.throttles.iter().map(|(_, bps, iops)| (*bps, *iops)).collect();
    assert_eq!(bounds, [(0, 50), (1, 1), (0, 50), (0, 0)]);
    let nodes: Vec<&str> = ran.record.drives.iter().map(|(_, node)| node.as_str()).collect();
    assert_eq!(nodes, ["fail-data-1", "fail-data-2", "fail-data-3", "node-data"]);
    assert_eq!(ran.record.balloons, [200 << 20, 100 << 20, 200 << 20, i64::MAX]);
    assert_eq!(window(&ran.memory, "error data ENOSPC on write").first(), Some(&(true, 20)));
    assert_eq!(window(&ran.memory, "error data EIO on read"), [(true, 15), (false, 25)]);
}

#[tokio::test(start_paused = true)]
async fn a_pause_lasts_wall_time_and_takes_none_of_the_guests() {
    let faults = [
        fault(20, None, FaultAction::Pause { for_ms: 200_000 }),
        fault(30, Some(40), FaultAction::Stop { disk: "data".into() }),
    ];
    let ran = run_with(Script::new(), &faults, Memory::default()).await;
    assert_eq!(ran.verdict, ran.replayed);
    assert_eq!((ran.verdict.outcome(), ran.verdict.stalls.len()), (Some(Outcome::Recovered), 0));
    assert_eq!(window(&ran.memory, "pause for 3m20s"), [(true, 20), (false, 220)]);
    let stop = window(&ran.memory, "stop data");
    assert!(matches!(stop[..], [(true, 230..=231), (false, 240..=241)]), "in the guest's own time: {stop:?}");
    let pressure = ran.verdict.phases.iter().find(|time| time.phase == Phase::Pressure).unwrap();
    assert!((60_000..61_000).contains(&pressure.fair_ms) && pressure.wall_ms > 259_000, "{pressure:?}");
    assert_eq!(ran.record.qmp.iter().filter(|name| *name == "stop" || *name == "cont").count(), 2);
}

#[tokio::test(start_paused = true)]
async fn another_stop_beside_a_pause_is_qemus_own() {
    let pause = [fault(5, None, FaultAction::Pause { for_ms: 5_000 })];
    let script = Script::new().since_start(secs(30), Act::Stop("paused".into()));
    let ran = run_with(script, &pause, Memory::default()).await;
    assert_eq!(reason(&ran.verdict), Reason::QemuStopped);
}

#[tokio::test(start_paused = true)]
async fn disk_errors_that_a_fault_asked_for_spoil_nothing_and_flood_nothing() {
    let data = || serde_json::json!({"node-name": "node-data", "operation": "write", "action": "report"});
    let errors = |mut script: Script, at: u64| {
        for _ in 0..300 {
            script = script.since_start(secs(at), Act::Qmp { event: "BLOCK_IO_ERROR".into(), data: data() });
        }
        script
    };
    let action = FaultAction::Error { disk: "data".into(), errno: DiskError::Io, on: Operation::ALL.to_vec() };
    let faults = [fault(10, Some(20), action)];
    // In its middle, and told a moment after its end.
    let ran = run_with(errors(errors(Script::new(), 15), 21), &faults, Memory::default()).await;
    assert_eq!(ran.verdict, ran.replayed);
    assert_eq!(ran.verdict.outcome(), Some(Outcome::Recovered), "{:#?}", ran.verdict.evidence);
    let events = read_events(ran.memory.events.as_slice()).unwrap();
    let kept =
        events.iter().filter(|event| matches!(&event.kind, Kind::Qmp { event, .. } if event == "BLOCK_IO_ERROR"));
    assert_eq!(kept.count(), 100);
    let ran = run_with(errors(Script::new(), 40), &faults, Memory::default()).await;
    assert_eq!(reason(&ran.verdict), Reason::HostIoError, "nobody asked for those");
}

#[tokio::test(start_paused = true)]
async fn a_stall_under_a_stopped_disk_is_no_hang() {
    let stop = [fault(5, None, FaultAction::Stop { disk: "data".into() })];
    let script = Script::new().since_start(secs(6), Act::Freeze).since_start(secs(62), Act::Thaw);
    let long = Plan { rules: Rules { frozen_for_ms: 20_000, ..Rules::default() }, ..plan() };
    let ran = run_plan(script, long, &stop, Memory::default()).await;
    assert_eq!((ran.verdict.outcome(), ran.verdict.stalls.len()), (Some(Outcome::Recovered), 1));
    assert!(ran.verdict.max_stall_ms > 45_000 && ran.verdict.longest_frozen_ms < 5_000, "{:?}", ran.verdict.stalls);
}

#[tokio::test(start_paused = true)]
async fn a_full_disk_ends_the_run_and_says_so() {
    let memory = Memory { full_after: Some(20_000), ..Memory::default() };
    let ran = run_with(Script::new(), &[], memory).await;
    assert_eq!(reason(&ran.verdict), Reason::DiskFull);
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_run_ends_at_once() {
    let (mut vm, _fake) = Script::new().vm().await;
    let mut memory = Memory::default();
    let cancelled = Box::pin(tokio::time::sleep(secs(20)));
    let evidence = evidence(Path::new("/nowhere"));
    let verdict = drive(&mut vm, plan(), means(&evidence), &mut memory, cancelled).await.verdict();
    assert_eq!(reason(&verdict), Reason::Cancelled);
    assert!((19_000..22_000).contains(&verdict.wall_ms), "{}", verdict.wall_ms);
    let events = read_events(memory.events.as_slice()).unwrap();
    assert!(events.iter().any(|event| event.kind == Kind::Cancelled));
    assert!(verdict.cancelled);
}

#[tokio::test(start_paused = true)]
async fn a_hung_run_that_is_cancelled_in_its_escapes_is_hung_and_cancelled() {
    let (mut vm, fake) = freezes().since_start(secs(14), Act::Deaf).vm().await;
    let mut memory = Memory::default();
    let place = tempfile::tempdir().unwrap();
    let evidence = evidence(place.path());
    // The first escape is tried some 90 s into the run, the second 60 s later.
    let pressed = async {
        while !fake.record().keys.contains(&'f') {
            tokio::time::sleep(secs(1)).await
        }
    };
    let judge = drive(&mut vm, plan(), means(&evidence), &mut memory, Box::pin(pressed)).await;
    let verdict = judge.verdict();
    assert_eq!((verdict.outcome(), verdict.cancelled, verdict.ended_by()), (Some(Outcome::Hung), true, None));
    assert_eq!(verdict.escapes.len(), 1, "{:?}", verdict.escapes);
    assert_eq!(verdict, judge_again(&memory));
}
