//! One run from a scenario and a kernel to a stored result.
//! Lives here: the order of prepare, launch, drive, store; what goes into which file.
//! May not live here: how any of these is done.

use super::boots::{self, version_that_ran};
use super::debuggers;
use super::drive::{Evidence, Means, Sink, drive};
use super::host::Host;
use super::lens::lens;
use super::looks::Lens;
use super::prepare::{Prepared, prepare};
use crate::event::{Event, Kind, Plan, Reason, State};
use crate::introspect::account::Account;
use crate::introspect::symbols::Symbols;
use crate::kernel::{DebugFiles, Kernel};
use crate::report::{self, Form, Live};
use crate::results::{Collected, ConsoleLog, Draft, EventLog, LogError, RunJson, Store, file};
use crate::scenario::{Scenario, matching, to_yaml};
use crate::timeline::Fold;
use crate::verdict::{FairClock, Judge, View};
use crate::vm::capture::{Capture, Keep};
use crate::vm::{self, Piece, Vm};
use anyhow::Context;
use jiff::Timestamp;
use oomph_wire::config::{BY_SERIAL, BY_SSH};
use std::io;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};

/// Until QEMU has connected and greeted.
const LAUNCH: Duration = Duration::from_secs(60);
/// For a proof that KVM boots this kernel.
const PROOF: Duration = Duration::from_secs(10);
/// … where its initramfs first looks for a disk, which the proof has not.
const PROOF_OF_SYSTEM: Duration = Duration::from_secs(25);
/// Between quit, SIGTERM and SIGKILL.
const GRACE: Duration = Duration::from_secs(3);
/// Bounds of the two logs, in bytes. An hour of ticks and probes is 15 MiB of events.
const CONSOLE_MAX: u64 = 16 << 20;
const EVENTS_MAX: u64 = 256 << 20;

/// Runs a scenario once. A first ^C or SIGTERM ends the guest and keeps the result: inconclusive where no outcome was known by then. A second
/// ends the harness at once, and QEMU with it.
///
/// # Errors
/// Where the run cannot be prepared or its result not be kept. What a guest or QEMU does is no error but an end.
pub async fn execute(
    host: &Host,
    store: &Store,
    scenario: &Scenario,
    kernel: &Kernel,
    live: Live,
) -> anyhow::Result<RunJson> {
    let started = Timestamp::now();
    let mut interrupts = Interrupts::new()?;
    let draft = store.begin(&scenario.name, &kernel.name)?;
    live.doing("preparing the guest");
    let mut prepared = prepare(host, scenario, kernel, &live).await?;
    live.doing("choosing the accelerator");
    let proof = if prepared.freight.is_some() { PROOF_OF_SYSTEM } else { PROOF };
    let (accel, why) = vm::choose(host.wanted, &host.qemu, &prepared.spec, host.cache.root(), proof).await?;
    live.note_once(&why);
    prepared.set_accel(accel);
    std::fs::write(draft.scenario_yaml(), to_yaml(scenario)?).with_context(|| "scenario.yaml")?;
    std::fs::write(draft.command_txt(), prepared.spec.command_text(&host.qemu)).with_context(|| "command.txt")?;

    let debug = DebugFiles::of(kernel);
    let core = draft.path(file::CORE);
    let keep = || Keep { folder: draft.path(file::KEPT), spec: prepared.spec.clone(), qemu: host.qemu.clone() };
    let capture = Capture {
        registers: draft.path(file::REGISTERS),
        core: scenario.evidence.core.then(|| core.join(debuggers::CORE)),
        keep: scenario.evidence.keep.then(keep),
        memory: prepared.spec.memory,
    };
    if scenario.evidence.core {
        std::fs::create_dir(&core).with_context(|| core.display().to_string())?;
    }
    let evidence = Evidence { capture, symbols: Symbols::from_system_map(&debug.map_text()).unwrap_or_default() };
    let mut files = Files::create(&draft, scenario, live)?;
    // Of a kernel that is on a disk of its own nothing is known.
    let lens = prepared.spec.kernel.as_ref().map(|given| lens(kernel, &given.image));
    let watched = Watched { evidence: &evidence, lens: lens.as_ref() };
    let mut judge = guest(host, &prepared, scenario, watched, &mut files, &mut interrupts).await;
    let timeline = std::mem::take(&mut files.timeline).finish();
    let account = std::mem::take(&mut files.account);
    let identity = boots::identity(kernel, files.said.as_ref());
    let live = files.close(&draft);
    if let Some(stacks) = report::stacks(judge.diagnosis()) {
        write_for_people(&draft, file::STACKS, &stacks);
    }
    if account.pictures() > 0 {
        write_for_people(&draft, file::FOLDED, &account.folded());
    }
    let verdict = judge.verdict();
    if verdict.captured.stored.iter().any(|stored| stored.state == State::Core) {
        live.doing("putting the kernel's files beside the core");
        let cmdline = prepared.spec.kernel.as_ref().map_or("", |given| &given.cmdline);
        let (release, origin) = (identity.release.clone(), identity.origin.clone());
        let ran = Kernel { release, origin, ..kernel.clone() };
        if let Err(cause) = debuggers::accompany(&core, &ran, &debug, cmdline) {
            live.note(&format!("not all that debuggers need is beside the core: {cause}"));
        }
        live.done();
    } else if scenario.evidence.core {
        std::fs::remove_dir(&core).ok();
    }

    let mut run = RunJson::of_verdict(&scenario.name, &verdict, started);
    run.kernel.clone_from(&kernel.name);
    run.kernel_identity = identity;
    run.image.clone_from(&prepared.image);
    run.host = host.describe(&accel.to_string(), &why);
    let version = version_that_ran(kernel, &run.kernel_identity);
    run.expect(matching(&scenario.expect, &kernel.name, &kernel.tags, version).cloned());
    let title = format!("{} on {}: {}", run.scenario, run.kernel, report::headline(&run));
    write_for_people(&draft, file::TIMELINE, &report::timeline_svg(&timeline, &title, Form::Standalone));
    let folder = draft.finish(&run)?;
    run.result = Some(folder);
    // Whoever ends it when the guest has been judged means the series; nothing of this run was cut short, so its record does not say so.
    run.cancelled |= interrupts.came().await;
    Ok(run)
}

/// Writes a file that is only for people: the verdict stands without it. A part of it would only take the record's room on a full disk.
fn write_for_people(draft: &Draft, name: &str, text: &str) {
    let path = draft.path(name);
    if std::fs::write(&path, text).is_err() {
        std::fs::remove_file(&path).ok();
    }
}

/// How a guest is looked at.
#[derive(Clone, Copy)]
struct Watched<'a> {
    evidence: &'a Evidence,
    lens: Option<&'a Lens>,
}

/// Boots the guest, drives it to its end and takes it away.
async fn guest(
    host: &Host,
    prepared: &Prepared,
    scenario: &Scenario,
    watched: Watched<'_>,
    files: &mut Files,
    interrupts: &mut Interrupts,
) -> Judge {
    match Vm::launch(&host.qemu, &prepared.spec, LAUNCH).await {
        Ok(mut vm) => {
            let Watched { evidence, lens } = watched;
            let means = Means {
                faults: &scenario.faults,
                evidence,
                lens,
                access: prepared.access.as_ref(),
                fetch: prepared.fetch.as_ref(),
            };
            if let (Some(freight), Some(access)) = (&prepared.freight, &prepared.access)
                && let Err(error) = vm.bring(freight, access).await
            {
                vm.shutdown(GRACE).await;
                return spoiled(&prepared.plan, Reason::HarnessError, error.to_string(), files);
            }
            let cancelled = Box::pin(interrupts.next());
            let judge = drive(&mut vm, prepared.plan.clone(), means, files, cancelled).await;
            vm.shutdown(GRACE).await;
            judge
        }
        // Even a QEMU that does not start leaves a result that says so.
        Err(error) => spoiled(&prepared.plan, Reason::QemuDied, error.to_string(), files),
    }
}

/// A run that ended before there was a guest.
fn spoiled(plan: &Plan, reason: Reason, detail: String, files: &mut Files) -> Judge {
    let mut judge = Judge::default();
    for (seq, kind) in (0..).zip([Kind::Plan(plan.clone()), Kind::HostError { reason, detail }]) {
        let event = Event { seq, host_ns: 0, guest_ns: None, kind };
        // The verdict stands whether or not the disk takes it.
        let _ = files.event(&event);
        judge.observe(&event);
    }
    judge
}

/// The files of a result, and the display.
struct Files {
    events: EventLog,
    console: ConsoleLog,
    timeline: Fold,
    clock: FairClock,
    account: Account,
    collected: Collected,
    /// `uname -r` and `uname -v` of the guest, once it has said them.
    said: Option<(String, String)>,
    live: Live,
}

impl Files {
    fn create(draft: &Draft, scenario: &Scenario, live: Live) -> Result<Self, LogError> {
        Ok(Self {
            events: EventLog::create(&draft.events_jsonl(), EVENTS_MAX)?,
            console: ConsoleLog::create(&draft.console_log(), CONSOLE_MAX)?,
            timeline: Fold::default(),
            clock: FairClock::default(),
            account: Account::default(),
            collected: Collected::new(
                draft.path(file::COLLECTED),
                &scenario.collect,
                if scenario.fetches() { BY_SSH } else { BY_SERIAL },
            ),
            said: None,
            live,
        })
    }

    /// What cannot be written now is lost, and the run has been told so by the first write that failed.
    fn close(mut self, draft: &Draft) -> Live {
        let full = self.events.flush().is_err() | self.console.flush().is_err();
        if full && draft.free_reserve().is_ok() {
            self.events.flush().ok();
        }
        self.console.finish().ok();
        self.live.done();
        self.live
    }
}

impl Sink for Files {
    fn event(&mut self, event: &Event) -> io::Result<()> {
        if let Kind::Hello { kernel, version, .. } = &event.kind {
            self.said = Some((kernel.clone(), version.clone()));
        }
        self.timeline.observe(event);
        self.clock.observe(event);
        if let Kind::Picture(picture) = &event.kind {
            self.account.observe(self.clock.fair_ms(), picture);
        }
        self.live.event(event);
        self.events.append(event).map_err(into_io)
    }

    fn console(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.console.write(bytes).map_err(into_io)
    }

    fn piece(&mut self, piece: &Piece) {
        self.collected.piece(&piece.path, piece.at, &piece.bytes);
    }

    fn file(&mut self, path: &str, bytes: u64, failed: Option<String>) -> Option<String> {
        self.collected.end(path, bytes, failed)
    }

    fn show(&mut self, event: &Event, view: &View<'_>) {
        self.live.show(event, view);
    }
}

fn into_io(error: LogError) -> io::Error {
    let kind = match &error {
        LogError::Full { .. } => io::ErrorKind::StorageFull,
        LogError::Limit { .. } => io::ErrorKind::FileTooLarge,
        LogError::Io { source, .. } => source.kind(),
    };
    io::Error::new(kind, error)
}

/// ^C and SIGTERM.
struct Interrupts {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

impl Interrupts {
    fn new() -> io::Result<Self> {
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    /// The first; from then on a watcher waits for the second, which ends the process. QEMU dies with it (PDEATHSIG).
    async fn next(&mut self) {
        self.any().await;
        tokio::spawn(async {
            if let Ok(mut again) = Self::new() {
                again.any().await;
                report::leave();
                std::process::exit(130);
            }
        });
    }

    /// Whether one came that nobody has waited for.
    async fn came(&mut self) -> bool {
        tokio::select! {
            biased;
            () = self.any() => true,
            () = std::future::ready(()) => false,
        }
    }

    async fn any(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}
