//! `oomph run`: scenarios, one run after the other.
//! Lives here: options to plans, progress, what is printed, the exit status.
//! May not live here: how a run is prepared and driven (`run`).

use super::cli::{Accel, Global, Run};
use super::exit::Status;
use super::output::Output;
use crate::kernel::{self, Cache, Names};
use crate::report::Live;
use crate::results::Store;
use crate::run::{self, Host};
use crate::scenario::{self, KernelSource, KernelSpec, Scenario};
use crate::vm::Wanted;
use std::path::Path;

/// Runs scenarios.
///
/// # Errors
/// Where a scenario or the host is wrong; what ran before keeps its results.
pub fn run(global: &Global, options: &Run, output: &Output) -> anyhow::Result<Status> {
    // All scenarios are read before the first is run: a mistake in the last costs nothing.
    let scenarios: Vec<Scenario> =
        options.scenarios.iter().map(|file| load(file, options)).collect::<anyhow::Result<_>>()?;
    let names = Names::load(global.kernels.as_deref(), &std::env::current_dir()?)?;
    let wanted = match options.accel {
        Accel::Auto => Wanted::Auto,
        Accel::Kvm => Wanted::Kvm,
        Accel::Tcg => Wanted::Tcg,
    };
    if options.dry_run {
        for scenario in &scenarios {
            output.line(&run::describe(scenario, &names, wanted)?)?;
        }
        return Ok(Status::AsExpected);
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(async {
        let host = Host::look(Cache::open_default()?, wanted).await?;
        let store = Store::new(&global.results);
        let mut status = Status::AsExpected;
        for scenario in &scenarios {
            let live = Live::new(&scenario.name);
            let kernel = kernel::resolve(&scenario.kernel, &names, host.cache(), &|text| live.doing(text)).await;
            live.done();
            let kernel = kernel?;
            for number in 1..=options.repeat {
                let label = match options.repeat {
                    1 => scenario.name.clone(),
                    all => format!("{} {number}/{all}", scenario.name),
                };
                let run = run::execute(&host, &store, scenario, &kernel, Live::new(&label)).await?;
                status = status.and(output.run(&run)?);
                if status == Status::Interrupted {
                    return Ok(status);
                }
            }
        }
        Ok(status)
    })
}

fn load(file: &Path, options: &Run) -> anyhow::Result<Scenario> {
    let mut scenario = scenario::load(file, &options.overrides)?;
    if let Some(kernel) = &options.kernel {
        scenario.kernel = named_or_file(kernel, options.modules.as_deref());
    }
    Ok(scenario)
}

/// A name has no slash and is no file here; anything else is the path of an image.
fn named_or_file(kernel: &str, modules: Option<&Path>) -> KernelSpec {
    let path = Path::new(kernel);
    if kernel.contains('/') || path.is_file() || modules.is_some() {
        KernelSpec::Inline(KernelSource::Image { image: path.to_owned(), modules: modules.map(Path::to_owned) })
    } else {
        KernelSpec::Named(kernel.to_owned())
    }
}
