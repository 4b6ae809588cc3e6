//! `oomph run`: scenarios, one run after the other.
//! Lives here: options to plans, progress, what is printed, the exit status.
//! May not live here: how a run is prepared and driven (`run`).

use super::cli::{Accel, Global, Run};
use super::exit::{Series, Status};
use super::interrupt;
use super::named::{images, named};
use super::output::Output;
use crate::image::programs;
use crate::kernel::{Cache, Names};
use crate::report::{self, Live, Stream};
use crate::results::{Recorded, Store};
use crate::run::{self, Boots, Host};
use crate::scenario::{self, KernelSource, KernelSpec, Program, Scenario};
use crate::vm::Wanted;
use anyhow::bail;
use std::path::{Path, PathBuf};

/// Runs scenarios.
///
/// # Errors
/// Where a scenario or the host is wrong; what ran before keeps its results.
pub fn run(global: &Global, options: &Run, output: &Output) -> anyhow::Result<Status> {
    let (names, images) = (named(global, &options.scenarios)?, images(&options.scenarios)?);
    // All scenarios are read before the first is run: a mistake in the last costs nothing.
    let load = |file: &PathBuf| load(file, options, &names);
    let scenarios: Vec<Scenario> = options.scenarios.iter().map(load).collect::<anyhow::Result<_>>()?;
    let wanted = wanted(options.accel);
    if options.explain {
        for scenario in &scenarios {
            let text = match &scenario.workload.program {
                Program::Reproducer(name) => programs::explanation(name).unwrap_or_default(),
                Program::Path(_) => "",
            };
            output.line(&format!("{}: {}\n\n{text}", scenario.name, scenario.summary))?;
        }
        return Ok(Status::AsExpected);
    }
    if options.dry_run {
        for scenario in &scenarios {
            output.line(&run::describe(scenario, &names, &images, wanted)?)?;
        }
        return Ok(Status::AsExpected);
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(async {
        let host = Host::look(Cache::open(None)?, images, wanted).await?;
        let store = Store::new(&global.results)?;
        let mut series = Series::new(options.bisect_exit.then_some(&options.bad_when));
        for scenario in &scenarios {
            let live = || Live::new(&scenario.name);
            let boots = Boots::of(scenario, host.images())?;
            if matches!(boots, Boots::Own(..)) && options.kernel.is_some() {
                bail!("--kernel has no meaning for {}: its image boots its own kernel; `kernel: ours` in the image changes that", scenario.name);
            }
            let kernel = match interrupt::kernel(&boots, &names, host.cache(), live()).await? {
                None => return Ok(Status::Interrupted),
                Some(Err(error)) if options.bisect_exit && interrupt::is_of_source(&error) => {
                    output.error(&error);
                    return Ok(Status::Inconclusive);
                }
                Some(kernel) => kernel?,
            };
            let mut done = 0;
            if options.resume {
                let image = interrupt::image(scenario, &kernel, &host, live()).await?;
                let Some(image) = image.transpose()? else { return Ok(Status::Interrupted) };
                let recorded = Recorded::read(&global.results)?;
                let past = run::past(&recorded, scenario, &kernel, image.as_ref())?;
                done = past.len();
                if done > 0 {
                    live().note(&report::stored(&past));
                }
                if let Some(end) = past.iter().find_map(|run| series.past(run)) {
                    return Ok(end);
                }
            }
            for number in u32::try_from(done)?.saturating_add(1)..=options.repeat {
                let label = match options.repeat {
                    1 => scenario.name.clone(),
                    all => format!("{} {number}/{all}", scenario.name),
                };
                let events = (output.json() && !output.quiet()).then(|| Stream::new(std::io::stdout()));
                let live = Live::new(&label).streaming(events);
                let run = run::execute(&host, &store, scenario, &kernel, live).await?;
                output.run(&run)?;
                if let Some(end) = series.add(&run) {
                    return Ok(end);
                }
            }
        }
        Ok(series.status())
    })
}

/// The accelerator that an option wants.
pub(super) fn wanted(accel: Accel) -> Wanted {
    match accel {
        Accel::Auto => Wanted::Auto,
        Accel::Kvm => Wanted::Kvm,
        Accel::Tcg => Wanted::Tcg,
    }
}

fn load(file: &Path, options: &Run, names: &Names) -> anyhow::Result<Scenario> {
    let mut scenario = scenario::load(file, &options.overrides)?;
    scenario.evidence.core |= options.core;
    scenario.evidence.keep |= options.keep_hung;
    scenario.evidence.sample = options.sample.unwrap_or(scenario.evidence.sample);
    if let Some(kernel) = &options.kernel {
        scenario.kernel = match &options.modules {
            None => names.from_argument(kernel),
            Some(modules) => {
                KernelSpec::Inline(KernelSource::Image { image: kernel.into(), modules: Some(modules.clone()) })
            }
        };
    }
    Ok(scenario)
}
