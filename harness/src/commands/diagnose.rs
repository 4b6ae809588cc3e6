//! `oomph diagnose`: who waits for whom in a guest's memory.
//! Lives here: which memory and which files, and printing.
//! May not live here: reading memory (`introspect`), or the words (`report`).

use super::cli::{Diagnose, Global};
use super::exit::Status;
use super::output::Output;
use crate::event::{Event, Kind, read_events};
use crate::introspect::NotFound;
use crate::introspect::account::Account;
use crate::introspect::memory::{Core, Physical, Registers};
use crate::kernel::{Cache, InsideFiles};
use crate::report::{self, Examined, Pictures, Processor, inert_json};
use crate::results::{self, file};
use crate::run::{CORE, lens};
use crate::verdict::judge;
use crate::vm::{Guest, Running};
use anyhow::{Context, anyhow, bail};
use std::fs::{self, File};
use std::io::BufReader;
use std::path::Path;

/// How a file begins that zstd has packed (RFC 8878).
const ZSTD: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

/// Shows what a stored run's pictures say, a core's memory, or that of a guest that runs.
///
/// # Errors
/// Where a file cannot be read, or the kernel is not found in the memory.
pub fn diagnose(global: &Global, options: &Diagnose, output: &Output) -> anyhow::Result<Status> {
    match (&options.core, options.live, &options.result) {
        (Some(core), None, None) => of_core(core, options, output),
        (None, Some(pid), None) => of_guest(pid, options, output),
        (None, None, Some(result)) => of_result(&results::find_events(&global.results, result)?, options, output),
        _ => bail!("one of a result, --core FILE or --live [PID] is wanted"),
    }
}

fn of_core(core: &Path, options: &Diagnose, output: &Output) -> anyhow::Result<Status> {
    let name = || core.display().to_string();
    let mut bytes = fs::read(core).with_context(name)?;
    if bytes.starts_with(&ZSTD) {
        bytes = zstd::decode_all(bytes.as_slice()).with_context(name)?;
    }
    let parsed = Core::new(&bytes).with_context(name)?;
    let beside = || ["vmlinux", "bzImage"].iter().map(|file| core.with_file_name(file)).find(|file| file.is_file());
    let files = given(options, Some(core)).or_else(|| Some(InsideFiles::around(&beside()?, "")));
    let files =
        files.ok_or_else(|| anyhow!("{}: no vmlinux or bzImage lies beside it; name one with --vmlinux", name()))?;
    picture(&parsed, parsed.registers(), &files, options, output)
}

fn of_guest(pid: Option<u32>, options: &Diagnose, output: &Output) -> anyhow::Result<Status> {
    let pid = pid.map_or_else(the_only_guest, Ok)?;
    let guest =
        Guest::of_process(pid).map_err(|why| anyhow!("process {pid}: {why}{}", listed("\n", &Running::all())))?;
    let files = match (given(options, None), &guest.kernel) {
        (Some(files), _) => files,
        (None, Some(booted)) => InsideFiles::of_booted(booted, &Cache::open(None)?),
        (None, None) => {
            bail!("process {pid}: its guest boots from a disk, and its kernel is not at hand; name it with --vmlinux")
        }
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let registers = runtime.block_on(guest.registers()).unwrap_or_else(|why| {
        eprintln!("oomph: process {pid}: no registers, so what runs on a processor shows no stack: {why}");
        Vec::new()
    });
    picture(&guest.memory, &registers, &files, options, output)
}

/// The guest that runs, where only one does.
fn the_only_guest() -> anyhow::Result<u32> {
    match Running::all().as_slice() {
        [] => bail!(
            "no guest of oomph's runs here, or none of this user's (--live [PID] wants the process id of its QEMU)"
        ),
        [guest] => Ok(guest.pid),
        several => bail!("several guests run; --live wants the process id of one's QEMU{}", listed("\n", several)),
    }
}

/// Guests that run, a line each; nothing where none does.
fn listed(before: &str, guests: &[Running]) -> String {
    if guests.is_empty() {
        return String::new();
    }
    let line = |Running { pid, memory, harness }: &Running| {
        format!("\n  {pid}  {} MiB  {}", memory >> 20, report::plain(harness))
    };
    let lines: String = guests.iter().map(line).collect();
    format!("{before}guests of oomph's that run here, by the process id of QEMU:{lines}")
}

/// Looks at a memory and prints what is there.
fn picture(
    memory: &dyn Physical,
    registers: &[Registers],
    files: &InsideFiles,
    options: &Diagnose,
    output: &Output,
) -> anyhow::Result<Status> {
    let mut introspector = lens::introspector(files, None).map_err(|why| match options.vmlinux.is_empty() {
        true => anyhow!("{why}; name the kernel's vmlinux, and files with its types, with --vmlinux"),
        false => anyhow!(why),
    })?;
    let seen = introspector.look(memory, registers).map_err(|why| match why {
        NotFound::NoBanner if registers.is_empty() => {
            anyhow!("{why} (without registers a kernel that KASLR has moved is not found)")
        }
        why => anyhow!(why),
    })?;
    let processor = |registers: &Registers| Processor {
        registers: *registers,
        function: introspector.name(registers.rip).filter(|_| !registers.in_user()),
    };
    let processors: Vec<Processor> = registers.iter().map(processor).collect();
    if output.json() {
        let examined = Examined::new(&lens::as_event(&seen), &processors, seen.reaper.as_ref());
        return output.line(&inert_json(serde_json::to_string(&examined)?));
    }
    output.line(&report::diagnosis(&seen, &processors, options.stacks))
}

/// The files that were named. What they lack may lie beside the file with the guest's memory.
fn given(options: &Diagnose, guest: Option<&Path>) -> Option<InsideFiles> {
    let (image, types) = options.vmlinux.split_first()?;
    Some(InsideFiles::given(image, types, guest))
}

fn of_result(events_file: &Path, options: &Diagnose, output: &Output) -> anyhow::Result<Status> {
    let name = || events_file.display().to_string();
    let events = read_events(BufReader::new(File::open(events_file).with_context(name)?)).with_context(name)?;
    if options.folded {
        if output.json() {
            bail!(
                "--folded writes text for programs that draw flame graphs; with --json leave it out: `state.tasks` has stacks"
            );
        }
        return output.line(&folded(&events));
    }
    let mut pictures = Pictures::new(&events, &judge(&events));
    pictures.core = Some(events_file.with_file_name(file::CORE).join(CORE)).filter(|core| core.is_file());
    if output.json() {
        return output.line(&inert_json(serde_json::to_string(&pictures)?));
    }
    output.line(&pictures.text(options.stacks))
}

/// Stacks of all pictures, for flame graphs: they count pictures, so times do not matter.
fn folded(events: &[Event]) -> String {
    let mut account = Account::default();
    for event in events {
        if let Kind::Picture(picture) = &event.kind {
            account.observe(0, picture);
        }
    }
    account.folded()
}
