//! The .config of a build: base, fragments, and what came out of them.
//! Lives here: merging, `olddefconfig`, which asked options are missing and why.
//! May not live here: the fragments themselves (`kernel-configs/`), or building.

mod expression;
mod fragment;
mod kconfig;
mod merge;
mod renames;
mod report;

use super::make::Make;
use super::tree::Tree;
use crate::kernel::debian;
use crate::kernel::error::At;
use crate::kernel::job::Job;
use crate::kernel::{Cache, Error, Kernel};
use crate::scenario::{ConfigBase, Fragment, SourceBuild};
use fragment::MAX_BYTES;
use kconfig::Symbols;
use merge::Named;
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

/// Fragments that are built into the program.
const BUILT_IN: [(&str, &str); 9] = [
    ("base", include_str!("../../../../kernel-configs/base.config")),
    ("btrfs", include_str!("../../../../kernel-configs/btrfs.config")),
    ("debug-info", include_str!("../../../../kernel-configs/debug-info.config")),
    ("distribution", include_str!("../../../../kernel-configs/distribution.config")),
    ("fast", include_str!("../../../../kernel-configs/fast.config")),
    ("fault-injection", include_str!("../../../../kernel-configs/fault-injection.config")),
    ("kasan", include_str!("../../../../kernel-configs/kasan.config")),
    ("lockdep", include_str!("../../../../kernel-configs/lockdep.config")),
    ("no-swap", include_str!("../../../../kernel-configs/no-swap.config")),
];

/// Options by which a distribution's .config names certificates that are not part of the source.
const CERTIFICATES: [&str; 2] = ["SYSTEM_TRUSTED_KEYS", "SYSTEM_REVOCATION_KEYS"];

/// What came out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Configured {
    /// The final .config's text, with what differs from build to build (paths, dates, compiler text) taken out.
    pub text: String,
    /// For people: options that a fragment asked for and the result lacks, with the cause where that can be told;
    /// options that this tree does not know.
    pub notes: Vec<String>,
}

/// The names of the fragments that are built in.
pub fn names() -> impl Iterator<Item = &'static str> {
    BUILT_IN.iter().map(|(name, _)| *name)
}

/// Everything that `configure` makes the .config of, beside the tree and the tools: the texts of base and fragments, as one
/// text that is the same if and only if they are. Nothing is called. `None` where the base is a Debian kernel's config that
/// is not in the cache; where it is, a newer one may have come out.
///
/// # Errors
/// Where one of them is not there, cannot be read, or is unsound.
pub fn known_inputs(spec: &SourceBuild, cache: &Cache) -> Result<Option<String>, Error> {
    let base = match &spec.base {
        ConfigBase::Debian(release) => match debian::find(format!("debian-{release}"), release, cache)? {
            Some(kernel) => read(&config_of(&kernel)?)?,
            None => return Ok(None),
        },
        _ => base_text(spec, cache, &Job::silent())?,
    };
    inputs_with(spec, base).map(Some)
}

/// As [`known_inputs`], with a Debian kernel's config fetched if need be.
///
/// # Errors
/// Where one of them is not there, cannot be read, or is unsound.
pub fn inputs(spec: &SourceBuild, cache: &Cache, job: &Job) -> Result<String, Error> {
    inputs_with(spec, base_text(spec, cache, job)?)
}

fn base_text(spec: &SourceBuild, cache: &Cache, job: &Job) -> Result<String, Error> {
    match &spec.base {
        ConfigBase::Target(target) => Ok(format!("make {target}")),
        other => base_file(other, cache, job),
    }
}

fn inputs_with(spec: &SourceBuild, base: String) -> Result<String, Error> {
    let mut parts = vec![base];
    for fragment in fragments(spec)? {
        parts.push(fragment.settings.iter().map(|setting| format!("{}\n", setting.text())).collect());
    }
    parts.push(spec.required.join("\n"));
    Ok(parts.iter().map(|part| format!("{}\n{part}\n", part.len())).collect())
}

/// The value that the fragments ask for, for checks before a build: `None` where they do not name the option.
///
/// # Errors
/// Where a fragment is not there or unsound.
pub fn asked(spec: &SourceBuild, option: &str) -> Result<Option<String>, Error> {
    let merged = merge::merge(&fragments(spec)?);
    Ok(report::asked_for(&merged, option).map(str::to_owned))
}

/// Makes `.config` in the build directory of `make`.
///
/// A .config that comes out as it was keeps its time, so that make has nothing to do.
///
/// # Errors
/// Where a fragment is not there or unsound, make fails, or an option in `required` did not come out.
pub fn configure(spec: &SourceBuild, tree: &Tree, make: &Make, cache: &Cache, job: &Job) -> Result<Configured, Error> {
    let mut merged = merge::merge(&fragments(spec)?);
    let mut notes = std::mem::take(&mut merged.overridden);
    let symbols = Symbols::read(|path| read(&tree.directory.join(path)).ok());
    job.check()?;
    let unknown = merged.keep_known(|name| symbols.has(name));
    notes.extend(report::unknown(&unknown, &symbols));

    let path = make.output.join(".config");
    fs::create_dir_all(&make.output).at("make the directory", &make.output)?;
    let before = path.metadata().and_then(|file| file.modified()).ok().zip(fs::read_to_string(&path).ok());
    let base = match &spec.base {
        ConfigBase::Target(target) => {
            let target = target_for(target, &tree.directory, &mut notes);
            make.quick(&[target], job)?;
            read(&path)?
        }
        other => without_certificates(&base_file(other, cache, job)?, &tree.directory, &mut notes),
    };
    fs::write(&path, merged.onto(&base)).at("write", &path)?;
    make.quick(&["olddefconfig"], job)?;
    let text = read(&path)?;
    if let Some((time, _)) = before.filter(|(_, before)| *before == text) {
        File::options()
            .write(true)
            .open(&path)
            .and_then(|file| file.set_modified(time))
            .at("set the time of", &path)?;
    }

    let values = fragment::values(&text);
    let wrong = report::required(&spec.required, &symbols, &values).map_err(Error::Config)?;
    if !wrong.is_empty() {
        return Err(Error::Config(wrong.join("; ")));
    }
    notes.extend(report::missing(&merged, &symbols, &values));
    Ok(Configured { text: normal(&text), notes })
}

/// The fragments in order; modules that are to be built are asked for last of all.
fn fragments(spec: &SourceBuild) -> Result<Vec<Named>, Error> {
    let mut found = Vec::new();
    for fragment in &spec.config {
        found.push(match fragment {
            Fragment::Named(name) => named(name, built_in(name)?, true)?,
            Fragment::File(path) => named(&path.to_string_lossy(), &read(path)?, false)?,
        });
    }
    if spec.modules {
        found.push(named("modules: true", "CONFIG_MODULES=y\n", true)?);
    }
    Ok(found)
}

fn named(name: &str, text: &str, ours: bool) -> Result<Named, Error> {
    let settings = fragment::parse(text, name).map_err(Error::Config)?;
    Ok(Named { name: name.to_owned(), settings, ours })
}

fn built_in(name: &str) -> Result<&'static str, Error> {
    let found = BUILT_IN.iter().find(|(known, _)| *known == name);
    found.map(|(_, text)| *text).ok_or_else(|| {
        let near = names().min_by_key(|known| strsim::damerau_levenshtein(known, name)).unwrap_or_default();
        let known = names().collect::<Vec<_>>().join(", ");
        Error::Config(format!(
            "no config fragment is named `{name}` (did you mean `{near}`?); there are: {known}, or a path"
        ))
    })
}

/// The text of a base that is a file.
fn base_file(base: &ConfigBase, cache: &Cache, job: &Job) -> Result<String, Error> {
    let path = match base {
        ConfigBase::Target(_) => return Ok(String::new()),
        ConfigBase::File(path) => path.clone(),
        ConfigBase::Debian(spec) => config_of(&debian::kernel(format!("debian-{spec}"), spec, cache, job)?)?,
    };
    let text = read(&path)?;
    if fragment::values(&text).is_empty() {
        return Err(Error::Config(format!("{} is no .config: it has no line such as CONFIG_SMP=y", path.display())));
    }
    Ok(text)
}

/// Empties what names certificates that neither the tree nor this machine has.
fn without_certificates(config: &str, tree: &Path, notes: &mut Vec<String>) -> String {
    let mut text = String::new();
    for line in config.lines() {
        let setting = fragment::parse_one(line).ok().filter(|setting| CERTIFICATES.contains(&setting.name.as_str()));
        let named = setting.filter(|setting| {
            let path = setting.value.trim_matches('"');
            !path.is_empty() && setting.value != "n" && !tree.join(path).exists()
        });
        match named {
            Some(setting) => {
                text.push_str(&fragment::line(&setting.name, "\"\""));
                notes.push(format!(
                    "CONFIG_{}: the base names {}, which is not there; left out",
                    setting.name, setting.value
                ));
            }
            None => text.push_str(line),
        }
        text.push('\n');
    }
    text
}

/// The .config of a Debian kernel: `boot/config-RELEASE`, since 7.x `lib/modules/RELEASE/config`.
fn config_of(kernel: &Kernel) -> Result<PathBuf, Error> {
    let beside = |name: &str| kernel.image.with_file_name(name);
    let places = [beside(&format!("config-{}", kernel.release)), beside("config")];
    places.into_iter().find(|path| path.is_file()).ok_or_else(|| {
        let place = kernel.image.parent().unwrap_or(Path::new("")).display();
        Error::Config(format!("{} has no config in {place}", kernel.origin))
    })
}

/// `tinyconfig` came with 3.17; before, `allnoconfig` is nearest to it.
fn target_for<'a>(target: &'a str, tree: &Path, notes: &mut Vec<String>) -> &'a str {
    let makefiles = ["scripts/kconfig/Makefile", "Makefile"].map(|name| read(&tree.join(name)).unwrap_or_default());
    if target != "tinyconfig" || makefiles.iter().any(|text| text.contains("tinyconfig")) {
        return target;
    }
    notes.push("this tree has no tinyconfig; allnoconfig is taken as the base".into());
    "allnoconfig"
}

/// What stays the same from one build to the next: settings alone, without what names the compiler.
fn normal(config: &str) -> String {
    const TOOLS: [&str; 4] = ["CC_VERSION_TEXT", "RUSTC_VERSION_TEXT", "BINDGEN_VERSION_TEXT", "PAHOLE_VERSION"];
    let keep = |line: &&str| {
        fragment::parse_one(line).is_ok_and(|setting| {
            let version = setting.name.ends_with("_VERSION") && setting.value.bytes().all(|byte| byte.is_ascii_digit());
            !version && !TOOLS.contains(&setting.name.as_str())
        })
    };
    config.lines().filter(keep).flat_map(|line| [line, "\n"]).collect()
}

fn read(path: &Path) -> Result<String, Error> {
    let mut bytes = Vec::new();
    File::open(path).and_then(|file| file.take(MAX_BYTES).read_to_end(&mut bytes)).at("read", path)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests;
