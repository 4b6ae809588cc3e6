//! `oomph bisect`: which commit made a kernel bad.
//! Lives here: options to a search, commits to kernels and runs, what is printed.
//! May not live here: which commit is next (`campaign::bisect`), the loop (`run::bisect`), the account's form (`report`).

use super::cli::{Bisect, Global};
use super::exit::Status;
use super::interrupt::{self, interruptible};
use super::named::{images, named};
use super::output::Output;
use super::run::wanted;
use super::validate::given_a_kernel;
use crate::campaign::bisect::{At, End, Graph, Options, Search};
use crate::kernel::{self, Cache, Commit, Follow, History, Kernel, Names};
use crate::report::{self, Account, Live};
use crate::results::{Recorded, RunJson, Store, same_image};
use crate::run::bisect::{News, Prepared, Work, bisect as go, guess};
use crate::run::{self, Boots, Host};
use crate::scenario::{self, KernelSource, KernelSpec, Scenario, SourceBuild, SourceTree};
use anyhow::{Context, bail};
use std::collections::HashMap;
use std::path::PathBuf;
use tokio::time::Instant;

/// Searches for the culprit.
///
/// # Errors
/// Where an option, the repository or the host is wrong; runs that were made keep their results.
pub fn bisect(global: &Global, options: &Bisect, output: &Output) -> anyhow::Result<Status> {
    let (names, images) = (named(global, [&options.scenario])?, images([&options.scenario])?);
    let mut scenario = scenario::load(&options.scenario, &options.overrides)?;
    let build = template(options, &scenario, &names)?;
    // Whether a kernel is bad is not whether it was expected.
    scenario.expect.clear();
    given_a_kernel(&scenario, &images, "--tree")?;
    let tree = options.tree.canonicalize().with_context(|| format!("--tree {}", options.tree.display()))?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(async {
        let cache = Cache::open(None)?;
        let follow = Follow { first_parent: options.first_parent, paths: options.paths.clone() };
        let live = Live::new("bisect");
        let progress = |text: &str| live.doing(text);
        let history = kernel::history(&tree, (&options.good, &options.bad), &follow, &cache, &progress);
        let Some(history) = interruptible(history).await?.transpose()? else { return Ok(Status::Interrupted) };
        let graph = Graph::new(&history.parents)?;
        live.done();
        eprintln!("oomph: {} commits between the ends", history.commits.len());
        let end = Options { confidence: options.confidence, max_runs: options.max_runs };
        let mut search = Search::new(graph, &history.suspects, guess(), end);
        let mut guests = Guests {
            host: Host::look(cache, images, wanted(options.accel)).await?,
            store: Store::new(&global.results)?,
            names,
            scenario,
            build,
            tree,
            history: &history,
            kernels: HashMap::new(),
            output,
        };
        let past = if options.resume { guests.past(&Recorded::read(&global.results)?).await? } else { Vec::new() };
        let begun = Instant::now();
        let done = go(&mut search, &mut guests, &options.bad_when, past, options.time).await?;
        let account = Account::new(&history, &search, &done, &options.bad_when, begun.elapsed().as_secs_f64());
        match output.json() {
            true => output.line(&serde_json::to_string(&account)?)?,
            false => output.line(&report::bisection(&account))?,
        };
        Ok(match done.end {
            _ if done.interrupted => Status::Interrupted,
            Some(End::Found(_)) => Status::AsExpected,
            Some(End::Alike | End::NeverBad | End::Broken(_)) => Status::Unexpected,
            Some(End::Among | End::MaxRuns) | None => Status::Inconclusive,
        })
    })
}

/// What all commits are built with.
fn template(options: &Bisect, scenario: &Scenario, names: &Names) -> anyhow::Result<SourceBuild> {
    let spec = options.kernel.as_deref().map(|name| names.from_argument(name));
    let (name, source, _) = kernel::meaning(spec.as_ref().unwrap_or(&scenario.kernel), names)?;
    match source {
        KernelSource::Source(build) => Ok(*build),
        _ if spec.is_none() => Ok(SourceBuild::of(SourceTree::Path(PathBuf::new()))),
        _ => bail!("--kernel {name}: this kernel is not built from source, so commits cannot be built as it is"),
    }
}

/// Commits as guests.
struct Guests<'a> {
    host: Host,
    store: Store,
    names: Names,
    scenario: Scenario,
    build: SourceBuild,
    tree: PathBuf,
    history: &'a History,
    kernels: HashMap<At, Kernel>,
    output: &'a Output,
}

impl Guests<'_> {
    fn commit(&self, at: At) -> &Commit {
        match at {
            At::Good => &self.history.good,
            At::Commit(commit) => &self.history.commits[commit],
        }
    }

    fn scenario(&self, at: At) -> Scenario {
        let tree =
            SourceTree::Git { git: self.tree.to_string_lossy().into_owned(), reference: self.commit(at).id.clone() };
        let build = SourceBuild { tree, ..self.build.clone() };
        let kernel = KernelSpec::Inline(KernelSource::Source(Box::new(build)));
        Scenario { kernel, ..self.scenario.clone() }
    }

    /// The runs of this bisection that are stored.
    async fn past(&self, recorded: &Recorded) -> anyhow::Result<Vec<(At, RunJson)>> {
        let places = (0..self.history.commits.len()).map(At::Commit).chain([At::Good]);
        let yaml = |at: At| Ok((scenario::what_runs(&scenario::to_yaml(&self.scenario(at))?), at));
        let of: HashMap<String, At> = places.map(yaml).collect::<anyhow::Result<_>>()?;
        let mut past: Vec<(At, RunJson)> = Vec::new();
        for (at, run) in recorded.each().filter_map(|(yaml, run)| of.get(yaml).map(|at| (*at, run))) {
            if self.is_of_this_image(run).await? {
                past.push((at, run.clone()));
            }
        }
        past.sort_by_key(|(_, run)| run.started);
        Ok(past)
    }

    /// Whether a stored run was in the image that its kernel would be in now: which one that is depends on the kernel's version alone.
    async fn is_of_this_image(&self, run: &RunJson) -> anyhow::Result<bool> {
        let Some(version) = kernel::version_of(&run.kernel_identity.release) else { return Ok(run.image.is_none()) };
        let now = run::image_for(&self.scenario, version, &self.host, &|_| ()).await?;
        Ok(same_image(run.image.as_ref(), now.as_ref()))
    }
}

impl Work for Guests<'_> {
    async fn prepare(&mut self, at: At) -> anyhow::Result<Prepared> {
        let commit = self.commit(at);
        let live = Live::new(commit.short());
        live.doing(&commit.subject);
        match interrupt::kernel(&Boots::Kernel(self.scenario(at).kernel), &self.names, self.host.cache(), live).await? {
            None => Ok(Prepared::Interrupted),
            Some(Err(error)) if interrupt::is_of_source(&error) => Ok(Prepared::Broken(error.to_string())),
            Some(kernel) => {
                let name = self.commit(at).short().to_owned();
                self.kernels.insert(at, Kernel { name, ..kernel? });
                Ok(Prepared::Ready)
            }
        }
    }

    async fn run(&mut self, at: At) -> anyhow::Result<RunJson> {
        let kernel = self.kernels.get(&at).context("a commit runs before its kernel is there")?;
        let live = Live::new(self.commit(at).short());
        run::execute(&self.host, &self.store, &self.scenario(at), kernel, live).await
    }

    fn tell(&mut self, news: News<'_>) {
        match news {
            News::Ran(at, run, bad, search) => {
                if self.output.json() {
                    // The account is what matters; a reader that is gone is told of then.
                    let _ = self.output.run(run);
                }
                eprintln!("oomph: {}", report::bisection_step(self.history, at, run, bad, search));
            }
            News::Skipped(at, why) => eprintln!("oomph: {} is left out: {why}", self.commit(at).short()),
        }
    }
}
