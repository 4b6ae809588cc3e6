//! `oomph validate`: what a patch does to a hang.
//! Lives here: options to kernels and trials, how a run is had, what is printed, the exit status.
//! May not live here: when it is known (`campaign::compare`), the loop (`run::validate`), how a run is done (`run::execute`).

use super::cli::{Expect, Global, Validate};
use super::exit::Status;
use super::interrupt::{self, interruptible};
use super::named::{images, named};
use super::output::Output;
use super::page;
use super::run::wanted;
use crate::campaign::compare::{Answer, Rules, Trial, Trials, Validated};
use crate::image::Images;
use crate::kernel::{self, Cache, Kernel, Names};
use crate::report::{self, Live};
use crate::results::{Recorded, RunJson, Store};
use crate::run::validate::{Work, validate as go};
use crate::run::{self, Boots, Host};
use crate::scenario::{self, KernelSpec, Scenario};
use anyhow::{Context, bail};
use std::path::{Path, PathBuf};

/// What the two kernels are called while runs go on.
const SIDES: [&str; 2] = ["without", "with"];

/// Runs scenarios on a kernel without and with a change until it is known what the change does.
///
/// # Errors
/// Where an option, a scenario, a kernel or the host is wrong; what ran before keeps its results.
pub fn validate(global: &Global, options: &Validate, output: &Output) -> anyhow::Result<Status> {
    let files = || options.scenarios.iter().chain(&options.guards);
    let (mut names, images) = (named(global, files())?, images(files())?);
    let first = names.from_argument(&options.kernel);
    // All scenarios are read before the first is run: a mistake in the last costs nothing.
    let load = |file: &PathBuf| Ok(scenario::load(file, &options.overrides)?);
    let scenarios: Vec<Scenario> = files().map(load).collect::<anyhow::Result<_>>()?;
    for (number, one) in scenarios.iter().enumerate() {
        if scenarios[..number].iter().any(|other| other.name == one.name) {
            bail!("`{}` is there twice: a scenario is tested once, as a scenario or as a guard", one.name);
        }
    }
    scenarios.iter().try_for_each(|one| given_a_kernel(one, &images, "--kernel"))?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let place = tempfile::tempdir()?;
    let cache = Cache::open(None)?;
    let second = match runtime.block_on(second(options, &first, &mut names, &cache, place.path()))? {
        Some(second) => second,
        None => return Ok(Status::Interrupted),
    };
    let specs = [first, second];
    for spec in &specs {
        kernel::known(spec, &names)?;
    }
    let called = [kernel::meaning(&specs[0], &names)?.0, kernel::meaning(&specs[1], &names)?.0];
    if specs[0] == specs[1] {
        bail!("both kernels are `{}`: --against names the one with the change", called[0]);
    }
    let guards = options.scenarios.len()..;
    let trial = |(number, one): (usize, &Scenario)| Trial {
        scenario: one.name.clone(),
        guard: guards.contains(&number),
        runs: [Vec::new(), Vec::new()],
    };
    let mut trials = Trials {
        trials: scenarios.iter().enumerate().map(trial).collect(),
        rules: Rules { alpha: options.alpha, beta: options.beta, difference: options.difference },
        max_runs: options.max_runs,
        bad_when: options.bad_when.clone(),
    };
    let interrupted = runtime.block_on(async {
        let mut runs = Runs {
            host: Host::look(cache, images, wanted(options.accel)).await?,
            store: Store::new(&global.results)?,
            recorded: options.resume.then(|| Recorded::read(&global.results)).transpose()?,
            scenarios: &scenarios,
            specs,
            names: &names,
            kernels: [None, None],
        };
        go(&mut runs, &mut trials).await
    })?;
    let done = Validated::of(&trials, called, expected(options.expect), interrupted, command(std::env::args()));
    if let Some(file) = &options.html {
        let both =
            [0, 1].map(|side| trials.trials.iter().flat_map(|trial| trial.runs[side].clone()).collect::<Vec<_>>());
        let html = report::validation(&page::html(), &done, both.each_ref().map(Vec::as_slice));
        super::report::write(file, |out| out.write_all(html.as_bytes())).with_context(|| file.display().to_string())?;
    }
    match output.json() {
        _ if options.html.as_deref() == Some(Path::new("-")) => Status::AsExpected,
        true => output.line(&serde_json::to_string(&done)?)?,
        false => output.line(&report::validated(&done))?,
    };
    Ok(status(&done))
}

/// A scenario whose image boots its own kernel runs on no other.
pub(super) fn given_a_kernel(scenario: &Scenario, images: &Images, option: &str) -> anyhow::Result<()> {
    if let Boots::Own(..) = Boots::of(scenario, images)? {
        bail!(
            "{option} has no meaning for {}: its image boots its own kernel; expected an image with `kernel: ours`",
            scenario.name
        );
    }
    Ok(())
}

/// 0 where the answer is the expected one, 3 where it is not known, else 1.
fn status(done: &Validated) -> Status {
    match done.answer {
        _ if done.interrupted => Status::Interrupted,
        Answer::Undecided => Status::Inconclusive,
        answer if answer == done.expect => Status::AsExpected,
        _ => Status::Unexpected,
    }
}

fn expected(expect: Expect) -> Answer {
    match expect {
        Expect::Fixes => Answer::Fixes,
        Expect::Same => Answer::NoDifference,
        Expect::Regresses => Answer::Regresses,
    }
}

/// The kernel with the change; `None` where the user ended it. Patches of a range lie in `place`.
async fn second(
    options: &Validate,
    first: &KernelSpec,
    names: &mut Names,
    cache: &Cache,
    place: &Path,
) -> anyhow::Result<Option<KernelSpec>> {
    let mut patches = options.patches.clone();
    if let Some(commits) = &options.range {
        let plain = |c: char| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '_' };
        let mailbox = place.join(format!("{}.mbox", commits.chars().take(60).map(plain).collect::<String>()));
        let live = Live::new("range");
        let progress = |text: &str| live.doing(text);
        let done = interruptible(kernel::range(first, names, commits, &mailbox, cache, &progress)).await?;
        live.done();
        let Some(()) = done.transpose()? else { return Ok(None) };
        patches.push(mailbox);
    }
    match &options.against {
        Some(against) => Ok(Some(names.from_argument(against))),
        None => Ok(Some(KernelSpec::Named(kernel::patched(first, names, &patches)?))),
    }
}

/// The command line as a shell takes it.
fn command(args: impl Iterator<Item = String>) -> String {
    std::iter::once("oomph".to_owned())
        .chain(args.skip(1).map(|arg| report::quoted(&arg)))
        .collect::<Vec<_>>()
        .join(" ")
}

/// Runs by the machinery of `run`.
struct Runs<'a> {
    host: Host,
    store: Store,
    recorded: Option<Recorded>,
    scenarios: &'a [Scenario],
    specs: [KernelSpec; 2],
    names: &'a Names,
    kernels: [Option<Kernel>; 2],
}

impl Runs<'_> {
    /// A trial's scenario on a kernel.
    fn scenario(&self, trial: usize, side: usize) -> Scenario {
        Scenario { kernel: self.specs[side].clone(), ..self.scenarios[trial].clone() }
    }
}

impl Work for Runs<'_> {
    async fn prepare(&mut self, side: usize) -> anyhow::Result<Option<Vec<Vec<RunJson>>>> {
        let live = Live::new(SIDES[side]);
        let made =
            interrupt::kernel(&Boots::Kernel(self.specs[side].clone()), self.names, self.host.cache(), live).await?;
        let Some(kernel) = made.transpose().with_context(|| format!("the kernel {} the change", SIDES[side]))? else {
            return Ok(None);
        };
        let mut past = Vec::new();
        for trial in 0..self.scenarios.len() {
            let Some(recorded) = &self.recorded else {
                past.push(Vec::new());
                continue;
            };
            let of = self.scenario(trial, side);
            let image = interrupt::image(&of, &kernel, &self.host, Live::new("image")).await?;
            let Some(image) = image.transpose()? else { return Ok(None) };
            past.push(run::past(recorded, &of, &kernel, image.as_ref())?);
        }
        self.kernels[side] = Some(kernel);
        Ok(Some(past))
    }

    async fn run(&mut self, trial: usize, side: usize) -> anyhow::Result<RunJson> {
        let kernel = self.kernels[side].as_ref().context("a run comes before its kernel is there")?;
        let live = Live::new(&format!("{} {}", self.scenarios[trial].name, SIDES[side]));
        run::execute(&self.host, &self.store, &self.scenario(trial, side), kernel, live).await
    }

    fn finished(&mut self, trial: usize, side: usize, run: &RunJson, trials: &Trials) {
        let (test, [without, with]) = (trials.test(trial), trials.trials[trial].runs.each_ref().map(Vec::len));
        eprintln!(
            "{} {}: {}; {without} runs without, {with} with the change: {}",
            self.scenarios[trial].name,
            SIDES[side],
            run.outcome_name(),
            test.answer().text()
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_line_can_be_given_to_a_shell() {
        let args = ["/x/oomph", "validate", "a.yaml", "--bad-when", "max_stall>20s", "--set", "a=it's"];
        assert_eq!(
            command(args.into_iter().map(str::to_owned)),
            r"oomph validate a.yaml --bad-when 'max_stall>20s' --set 'a=it'\''s'"
        );
    }

    #[test]
    fn the_exit_status_is_what_a_ci_job_waits_for() {
        let bad_when = crate::campaign::HUNG.parse().unwrap_or_else(|error| panic!("{error}"));
        let trials = Trials { trials: Vec::new(), rules: Rules::default(), max_runs: 1, bad_when };
        let of = |answer, expect, interrupted| {
            let done = Validated::of(&trials, ["a".into(), "b".into()], expect, interrupted, String::new());
            status(&Validated { answer, ..done })
        };
        assert_eq!(of(Answer::Fixes, Answer::Fixes, false), Status::AsExpected);
        assert_eq!(of(Answer::NoDifference, Answer::NoDifference, false), Status::AsExpected);
        assert_eq!(of(Answer::NoDifference, Answer::Fixes, false), Status::Unexpected);
        assert_eq!(of(Answer::Regresses, Answer::Fixes, false), Status::Unexpected);
        assert_eq!(of(Answer::Undecided, Answer::Fixes, false), Status::Inconclusive);
        assert_eq!(of(Answer::Undecided, Answer::Fixes, true), Status::Interrupted);
    }
}
