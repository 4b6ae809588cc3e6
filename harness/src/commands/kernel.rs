//! `oomph kernel`: what kernels there are, getting, building and removing them.
//! Lives here: the tables, the order of a verb's steps.
//! May not live here: where kernels come from (`kernel`).

use super::cli::{Build, Global, Kernel, Prune};
use super::exit::Status;
use super::interrupt::interruptible;
use super::named::named;
use super::output::Output;
use crate::kernel::{self, Cache, Kind, Limits, Names};
use crate::report::{Live, kernel_block};
use crate::scenario::KernelSpec;
use anyhow::Context;
use indicatif::HumanBytes;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::runtime::{Builder, Runtime};

/// Lists, fetches, builds, shows or removes kernels.
///
/// # Errors
/// Where the list cannot be read, or a kernel not be had.
pub fn kernel(global: &Global, verb: &Kernel, output: &Output) -> anyhow::Result<Status> {
    let names = named(global, &[])?;
    let cache = Cache::open(None)?;
    match verb {
        Kernel::List => list(&names, &cache, output),
        Kernel::Fetch { names: wanted } => fetch(wanted, &names, &cache, output),
        Kernel::Build(options) => build(options, &names, &cache, output),
        Kernel::Show { name } => {
            let kernel = here(name, &names, &cache)?;
            output.line(&if output.json() { serde_json::to_string(&kernel)? } else { kernel_block(&kernel) })
        }
        Kernel::Path { name } => output.line(&here(name, &names, &cache)?.image.display().to_string()),
        Kernel::Prune(options) => prune(options, &Kind::ALL, &cache, output),
    }
}

/// A runtime whose end waits for the work that was given up.
pub(super) fn runtime() -> anyhow::Result<Runtime> {
    Ok(Builder::new_current_thread().enable_all().build()?)
}

fn list(names: &Names, cache: &Cache, output: &Output) -> anyhow::Result<Status> {
    let listed = kernel::list(names, cache);
    let width = |text: fn(&kernel::Listed) -> &str| listed.iter().map(|kernel| text(kernel).len()).max().unwrap_or(0);
    let (name, source) = (width(|kernel| &kernel.name), width(|kernel| &kernel.source));
    for kernel in &listed {
        if output.json() {
            output.line(&serde_json::to_string(kernel)?)?;
            continue;
        }
        let state = match (&kernel.problem, &kernel.cached) {
            (Some(problem), _) => problem.clone(),
            (None, Some(cached)) => format!("{}, {}", cached.origin, HumanBytes(cached.size)),
            (None, None) => kernel.kind.absent().to_owned(),
        };
        output.line(&format!("{:<name$}  {:<source$}  {state}", kernel.name, kernel.source))?;
    }
    Ok(Status::AsExpected)
}

fn fetch(wanted: &[String], names: &Names, cache: &Cache, output: &Output) -> anyhow::Result<Status> {
    let live = Live::new("kernel");
    let progress = |text: &str| live.doing(text);
    let fetched = runtime()?.block_on(interruptible(kernel::fetch(wanted, names, cache, &progress)))?;
    live.done();
    let mut status = Status::AsExpected;
    let Some(fetched) = fetched else { return Ok(Status::Interrupted) };
    for (name, kernel) in fetched {
        match kernel {
            Ok(kernel) if output.json() => output.line(&serde_json::to_string(&kernel)?)?,
            Ok(kernel) => output.line(&format!("{name:<16} {} ({})", kernel.release, kernel.origin))?,
            Err(error) => {
                output.error(&anyhow::Error::new(error).context(name));
                status = Status::Usage;
                status
            }
        };
    }
    Ok(status)
}

fn build(options: &Build, names: &Names, cache: &Cache, output: &Output) -> anyhow::Result<Status> {
    let spec = options.name.as_ref().map(|name| names.from_argument(name));
    if options.check {
        return check(spec.as_ref(), names, output);
    }
    let spec = spec.context("name a kernel or a directory")?;
    let runtime = runtime()?;
    let live = Live::new(options.name.as_deref().unwrap_or_default());
    let progress = |text: &str| live.doing(text);
    let kernel = runtime.block_on(interruptible(kernel::build(&spec, names, cache, &progress)))?;
    live.done();
    let Some(kernel) = kernel.transpose()? else {
        // Until make and all that it started is gone.
        drop(runtime);
        eprintln!("oomph: interrupted; what was built so far stays, and the next build goes on from there");
        return Ok(Status::Interrupted);
    };
    if let Some(directory) = &options.output {
        kernel::export(&kernel, directory)?;
    }
    output.line(&if output.json() { serde_json::to_string(&kernel)? } else { kernel_block(&kernel) })
}

/// What a build needs of this host; a status that a script can act on.
fn check(spec: Option<&KernelSpec>, names: &Names, output: &Output) -> anyhow::Result<Status> {
    let tools = kernel::check(spec, names)?;
    let width = tools.iter().map(|tool| tool.name.len()).max().unwrap_or(0);
    for tool in &tools {
        output.line(&match (&tool.found, output.json()) {
            (_, true) => serde_json::to_string(tool)?,
            (Some(found), false) => format!("ok       {:<width$}  {found}", tool.name),
            (None, false) => format!("missing  {:<width$}  {}", tool.name, tool.why),
        })?;
    }
    let Some(missing) = kernel::missing(&tools) else { return Ok(Status::AsExpected) };
    eprintln!("oomph: {missing}");
    Ok(Status::Usage)
}

/// A kernel that is here, without a network and without building.
fn here(name: &str, names: &Names, cache: &Cache) -> anyhow::Result<kernel::Kernel> {
    let found = kernel::find(&names.from_argument(name), names, cache)?;
    found.with_context(|| format!("{name} is not here; `oomph kernel fetch {name}` gets it"))
}

/// Removes what is beyond the limits, of these kinds.
pub(super) fn prune(options: &Prune, kinds: &'static [Kind], cache: &Cache, output: &Output) -> anyhow::Result<Status> {
    let limits = Limits {
        older_than: Some(options.older_than),
        max_size: Some(options.max_size),
        kinds,
        dry_run: options.dry_run,
    };
    let pruned = cache.prune(limits)?;
    if output.json() {
        for pruned in &pruned {
            output.line(&serde_json::to_string(pruned)?)?;
        }
        return Ok(Status::AsExpected);
    }
    for pruned in &pruned {
        let age = SystemTime::now().duration_since(UNIX_EPOCH)?.saturating_sub(Duration::from_secs(pruned.used));
        let days = age.as_secs() / 86_400;
        let size = HumanBytes(pruned.size).to_string();
        output.line(&format!("{:<13} {size:>11}  {days:>4} days  {}", pruned.kind.name(), pruned.key))?;
    }
    let size = pruned.iter().map(|pruned| pruned.size).sum();
    let left = cache.sizes()?.iter().filter(|(kind, _)| kinds.contains(kind)).map(|(_, size)| size).sum();
    let (done, left) = match options.dry_run {
        true => ("would be removed", HumanBytes(left).to_string() + " are there"),
        false => ("removed", HumanBytes(left).to_string() + " are left"),
    };
    output.line(&format!("{} {done}; {left} in {}", HumanBytes(size), cache.root().display()))
}
