//! `oomph kernel`: what kernels there are, and getting them.
//! Lives here: the table.
//! May not live here: where kernels come from (`kernel`).

use super::cli::{Global, Kernel};
use super::exit::Status;
use super::output::Output;
use crate::kernel::{self, Cache, Names};
use crate::report::Live;
use indicatif::HumanBytes;

/// Lists or fetches kernels.
///
/// # Errors
/// Where the list cannot be read, or a kernel not be fetched.
pub fn kernel(global: &Global, verb: &Kernel, output: &Output) -> anyhow::Result<Status> {
    let names = Names::find(global.kernels.as_deref(), &[&std::env::current_dir()?])?;
    let cache = Cache::open(None)?;
    match verb {
        Kernel::List => list(&names, &cache, output),
        Kernel::Fetch { names: wanted } => fetch(wanted, &names, &cache, output),
    }
}

fn list(names: &Names, cache: &Cache, output: &Output) -> anyhow::Result<Status> {
    for kernel in kernel::list(names, cache) {
        if output.json() {
            output.line(&serde_json::to_string(&kernel)?)?;
            continue;
        }
        let state = match (&kernel.problem, &kernel.cached) {
            (Some(problem), _) => problem.clone(),
            (None, Some(cached)) => format!("{}, {}", cached.origin, HumanBytes(cached.size)),
            (None, None) => "not fetched".to_owned(),
        };
        output.line(&format!("{:<16} {:<18} {state}", kernel.name, kernel.source))?;
    }
    Ok(Status::AsExpected)
}

fn fetch(wanted: &[String], names: &Names, cache: &Cache, output: &Output) -> anyhow::Result<Status> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let live = Live::new("kernel");
    let fetched = runtime.block_on(kernel::fetch(wanted, names, cache, &|text| live.doing(text)));
    live.done();
    let mut status = Status::AsExpected;
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
