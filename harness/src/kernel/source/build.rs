//! One build from source.
//! Lives here: the order of tools, tree, config, make and cache.
//! May not live here: how any of these is done.

use super::collect::{self, IMAGE};
use super::compat::{self, Needs};
use super::known::{Contents, Parts, Recipe};
use super::make::{Make, MakeError};
use super::record::{self, Build};
use super::tools::Toolchain;
use super::tree::{self, Tree};
use super::work::Work;
use super::{config, describe, disk, patch, tools, types};
use crate::kernel::job::Job;
use crate::kernel::manifest;
use crate::kernel::{Cache, Error, Kernel, Kind, Limits, file};
use crate::scenario::SourceBuild;
use indicatif::HumanBytes;
use std::path::{Path, PathBuf};

/// The kernel that `spec` describes, if it is in the cache. The source is not looked at: where it moves on (a branch, a
/// directory), this is the kernel that was built last.
pub(in crate::kernel) fn find(
    name: String,
    spec: &SourceBuild,
    cache: &Cache,
    job: &Job,
) -> Result<Option<Kernel>, Error> {
    let Some(config) = config::known_inputs(spec, cache)? else { return Ok(None) };
    let asked = Asked::new(spec, config, job)?;
    asked.entry(None, cache).map(|entry| from_entry(name, &entry, &asked.recipe)).transpose()
}

/// The kernel that `spec` describes, built if it is not in the cache.
pub(in crate::kernel) fn kernel(name: String, spec: &SourceBuild, cache: &Cache, job: &Job) -> Result<Kernel, Error> {
    let asked = Asked::new(spec, config::inputs(spec, cache, job)?, job)?;
    // Without the source's lock: another build may be at work in it for minutes.
    if let Some(id) = tree::identify(&spec.tree, cache, job)?
        && let Some(entry) = asked.entry(Some(&id), cache)
    {
        return from_entry(name, &entry, &asked.recipe);
    }
    let (tree, needs) = asked.tree(cache, job)?;
    let entry = match asked.entry(Some(&tree.id), cache) {
        // Another process built it while this one waited for the source.
        Some(entry) => entry,
        None => asked.build(&tree, &needs, cache, job).map_err(|error| explain(error, spec, job))?,
    };
    from_entry(name, &entry, &asked.recipe)
}

/// What is asked for, and the tools that there are.
struct Asked<'a> {
    spec: &'a SourceBuild,
    what: String,
    tools: Toolchain,
    recipe: Recipe,
}

impl<'a> Asked<'a> {
    fn new(spec: &'a SourceBuild, config: String, job: &Job) -> Result<Self, Error> {
        let tools = tools::tools(&spec.make, job)?;
        let patches = spec.patches.iter().map(|path| patch::identify(path)).collect::<Result<_, _>>()?;
        let contents = Contents { config, patches, compiler: tools.compiler.clone(), linker: tools.linker.clone() };
        let recipe = Recipe::new(spec, contents)?;
        Ok(Self { spec, what: describe::describe(spec), tools, recipe })
    }

    /// The entry that this led to before, with a tree or with the last one.
    fn entry(&self, tree_id: Option<&str>, cache: &Cache) -> Option<PathBuf> {
        let key = self.recipe.key(tree_id, |version| compat::needs(version, &self.tools.tools), cache)?;
        // A damaged entry is not known: it is made again.
        let (entry, _) = cache.find(Kind::Builds, &key).ok()??;
        manifest::touch(&entry);
        Some(entry)
    }

    /// The source with its patches, and with those that an old one needs.
    fn tree(&self, cache: &Cache, job: &Job) -> Result<(Tree, Needs), Error> {
        let spec = self.spec;
        let needs = |version| compat::needs(version, &self.tools.tools);
        let built_in = |version| needs(version).patches;
        let tree = tree::prepare_with(&spec.tree, &spec.patches, spec.fuzz, built_in, cache, job)?;
        if let Some(problem) = compat::too_old(tree.version, &self.tools.tools) {
            return Err(Error::Config(problem));
        }
        let needs = needs(tree.version);
        Ok((tree, needs))
    }

    /// Builds it and remembers that.
    fn build(&self, tree: &Tree, needs: &Needs, cache: &Cache, job: &Job) -> Result<PathBuf, Error> {
        // Told before what may take an hour; whether this tree does need it is seen at the end (`explain`).
        if let Some(missing) = tools::missing(&tools::check(self.spec, job)?) {
            job.say(missing);
        }
        let mut work = Work::open(cache, &tree.name, &self.what, job)?;
        let make =
            Make { tree: tree.directory.clone(), output: work.output(), variables: needs.variables(&self.spec.make) };
        work.begin()?;
        let mut compiled = None;
        let built = self.make(tree, needs, &make, &work, &mut compiled, cache, job);
        let ended = work.end(compiled.unwrap_or(0), built.is_ok() && compiled.is_some());
        // Why the build failed comes first: a full disk takes no record either.
        let (key, entry) = built?;
        let all = ended?;
        if let Some(all) = all {
            cache.set_answer(&self.measure(tree)?, &all)?;
        }
        self.recipe.led_to(&key, &tree.id, tree.version, needs, cache)?;
        let limits =
            Limits { older_than: None, max_size: Some(Limits::DEFAULT_SIZE), kinds: &Kind::ALL, dry_run: false };
        for pruned in cache.prune(limits)? {
            let size = HumanBytes(pruned.size);
            job.say(format!("the cache was too large: {} {} ({size}) is gone", pruned.kind.name(), pruned.key));
        }
        Ok(entry)
    }

    /// Configures, and makes what is not in the cache. `compiled` is set once make is called for a kernel.
    #[allow(clippy::too_many_arguments)]
    fn make(
        &self,
        tree: &Tree,
        needs: &Needs,
        make: &Make,
        work: &Work,
        compiled: &mut Option<u64>,
        cache: &Cache,
        job: &Job,
    ) -> Result<(String, PathBuf), Error> {
        job.say(format!("{}: configuring", self.what));
        let configured = config::configure(self.spec, tree, make, cache, job)?;
        let debug = disk::has_debug_info(&configured.text) && self.asks_for_debug_info()?;
        let parts = Parts {
            tree_id: &tree.id,
            patches: tree.patches.iter().map(|patch| patch.hash.as_str()).collect(),
            fuzz: self.spec.fuzz,
            config: &configured.text,
            compiler: &self.tools.compiler,
            linker: &self.tools.linker,
            make: &make.variables,
            compat: needs.patches.iter().filter(|(name, _)| tree.built_in.contains(name)).copied().collect(),
            modules: self.spec.modules,
            debug,
        };
        let build = Build {
            tree: tree.describe.clone(),
            tree_id: tree.id.clone(),
            patches: tree.patches.clone(),
            compat: tree.built_in.iter().map(|name| (*name).to_owned()).collect(),
            config_hash: blake3::hash(configured.text.as_bytes()).to_hex().to_string(),
            compiler: self.tools.compiler.clone(),
            linker: self.tools.linker.clone(),
            make: make.variables.clone(),
            notes: needs.notes.iter().chain(&configured.notes).cloned().collect(),
            key: parts.key(tree.version)?,
        };
        build.notes.iter().for_each(|note| job.say(format!("{}: {note}", self.what)));
        let entry = cache.entry(Kind::Builds, &build.key, &self.what, job, |directory| {
            disk::check(&self.what, cache.root(), &configured.text, self.spec.modules, work.is_empty())?;
            let all = cache.answer(&self.measure(tree)?);
            let heard = compiled.insert(0);
            let targets: &[&str] = if self.spec.modules { &["bzImage", "modules"] } else { &["bzImage"] };
            let built = make.build(targets, &work.log(), work.left(all), job, &mut |files| *heard = files)?;
            job.say(format!("{}: compiled {} files, {} warnings", self.what, built.compiled, built.warnings));
            collect::collect(make, debug, directory, job)?;
            if self.spec.modules {
                collect::install_modules(make, directory, job)?;
            }
            let remarks = if debug { Vec::new() } else { types::collect(make, &configured.text, directory, job)? };
            collect::log(&work.log(), &remarks, directory)?;
            file::identify(&directory.join(IMAGE))?;
            build.write(directory)?;
            Ok::<_, Error>(vec![IMAGE.into(), record::NAME.into()])
        })?;
        Ok((build.key, entry))
    }

    fn asks_for_debug_info(&self) -> Result<bool, Error> {
        disk::DEBUG_INFO.iter().try_fold(false, |any, option| {
            let asked = config::asked(self.spec, option)?;
            Ok(any || asked.is_some_and(|value| value == "y"))
        })
    }

    /// Where it is written down how many files a build from nothing compiles.
    fn measure(&self, tree: &Tree) -> Result<String, Error> {
        let asked = (&tree.name, &self.spec.base, &self.spec.config, self.spec.modules);
        let text = serde_json::to_vec(&asked).map_err(|cause| Error::Internal(cause.to_string()))?;
        Ok(format!("files-{}", &blake3::hash(&text).to_hex()[..32]))
    }
}

/// Adds to a make's failure what it may have wanted that is not installed. Trees differ in what they need, so this is no
/// reason to refuse a build beforehand.
fn explain(error: Error, spec: &SourceBuild, job: &Job) -> Error {
    match error {
        Error::Make(MakeError::Failed { what, status, lines, log, .. }) => {
            let hint = tools::check(spec, job).ok().and_then(|found| tools::missing(&found));
            MakeError::Failed { what, status, lines, hint, log }.into()
        }
        error => error,
    }
}

fn from_entry(name: String, entry: &Path, recipe: &Recipe) -> Result<Kernel, Error> {
    // Patches of another name but the same content lead to the same entry.
    let build = Build { patches: recipe.patches.clone(), ..Build::read(entry)? };
    let modules = collect::modules_in(entry)?;
    let kernel = file::kernel(name, &entry.join(IMAGE), modules.as_deref(), build.summary())?;
    let tags = build.patches.iter().map(|patch| patch.name.clone()).collect();
    Ok(Kernel { tags, build: Some(Box::new(build)), ..kernel })
}

#[cfg(test)]
mod tests;
