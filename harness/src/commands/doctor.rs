//! `oomph doctor`: whether this host can run scenarios.
//! Lives here: which kernel KVM is proven with, the lines printed, the exit status.
//! May not live here: the checks (`doctor`).

use super::cli::Global;
use super::exit::Status;
use super::named::named;
use super::output::Output;
use crate::doctor::{self, CachedKernel, Check, Wanted};
use crate::kernel::{self, Cache};
use anstyle::{AnsiColor, Style};

/// Checks the host and says how to mend it. A warning is no failure.
///
/// # Errors
/// Where the list of kernels cannot be read, or stdout not be written.
pub fn doctor(global: &Global, output: &Output) -> anyhow::Result<Status> {
    // A cache that cannot be opened is a finding, like all the others.
    let cache = Cache::open(None);
    let names = named(global, &[])?;
    let mut here = cache.iter().flat_map(|cache| kernel::list(&names, cache)).filter_map(|listed| listed.cached);
    let kernel = here.next().map(|cached| CachedKernel { image: cached.image, release: cached.release });
    let cache = cache.as_ref().map(|cache| cache.root().to_owned()).map_err(ToString::to_string);
    let wanted = Wanted { cache, results: global.results.clone(), kernel };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let checks = doctor::evaluate(&runtime.block_on(doctor::gather(&wanted)));
    for check in &checks {
        output.line(&if output.json() { serde_json::to_string(check)? } else { text(check) })?;
    }
    Ok(match doctor::worst(&checks) {
        doctor::Status::Ok | doctor::Status::Warn => Status::AsExpected,
        doctor::Status::Fail => Status::Usage,
    })
}

/// A line with what was found, and one below it with what to do.
fn text(check: &Check) -> String {
    let colour = match check.status {
        doctor::Status::Ok => AnsiColor::Green,
        doctor::Status::Warn => AnsiColor::Yellow,
        doctor::Status::Fail => AnsiColor::Red,
    };
    let style: Style = colour.on_default();
    let Check { name, status, found, mend } = check;
    let mend = mend.as_ref().map_or_else(String::new, |mend| format!("\n{:20} {mend}", ""));
    format!("{style}{:<4}{style:#} {name:<14}  {found}{mend}", status.name())
}
