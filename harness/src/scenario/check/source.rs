//! Rules for kernels that are built from source.
//! Lives here: kinds of source, bases, fragments, the variables of make that are the harness's own.
//! May not live here: fetching, patching or building.

use super::{Checker, MAX_ITEMS};
use crate::scenario::kernel::{ConfigBase, Fragment, SourceBuild, SourceTree};
use crate::scenario::problem::Problem;
use crate::scenario::raw::{RawBase, RawSource, RawTree};
use crate::scenario::scalars::{FilePath, MakeName, MakeValue};
use crate::scenario::suggest::{nearest, one_of};
use crate::scenario::value::{At, Entries, Val};
use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;

/// The config fragments that the harness carries: `kernel-configs/NAME.config`.
pub const FRAGMENTS: [&str; 9] =
    ["base", "debug-info", "lockdep", "kasan", "fault-injection", "no-swap", "fast", "distribution", "btrfs"];
/// The targets of the kernel's Makefile that fragments can be merged onto.
const BASES: [&str; 3] = ["tinyconfig", "allnoconfig", "defconfig"];
/// Schemes of URLs from which a tarball can be fetched.
const TARBALL_SCHEMES: [&str; 3] = ["https", "http", "file"];
/// Schemes of URLs that git is given.
const GIT_SCHEMES: [&str; 5] = ["https", "http", "git", "ssh", "file"];
/// Variables of make that belong to the harness: how their names begin (a name in full ends with `=`), and why.
const OWN: [(&str, &str); 15] = [
    ("O=", "the harness keeps a build directory for each tree"),
    ("KBUILD_OUTPUT=", "the harness keeps a build directory for each tree"),
    ("KBUILD_SRC=", "the harness keeps a build directory for each tree"),
    ("SRCARCH=", "guests are x86-64"),
    ("SUBARCH=", "guests are x86-64"),
    ("M=", "the whole kernel is built"),
    ("KBUILD_EXTMOD=", "the whole kernel is built"),
    ("INSTALL_", "the harness takes image and modules from the build directory itself"),
    ("KBUILD_BUILD_", "the harness fixes time, user, host and version, so that a build comes out the same each time"),
    ("KCONFIG_", "the config comes from `base`, `config` and `required`"),
    ("V=", "the harness reads make's output"),
    ("KBUILD_VERBOSE=", "the harness reads make's output"),
    ("MAKEFLAGS=", "the harness reads make's output, and says how many jobs it runs"),
    ("MFLAGS=", "the harness reads make's output, and says how many jobs it runs"),
    ("MAKEOVERRIDES=", "variables are written one by one"),
];

impl Checker<'_> {
    /// A build; `tree` is its `source`.
    pub(super) fn build(&mut self, raw: &RawSource, tree: &At<RawTree>) -> Option<SourceBuild> {
        let tree = self.tree(&tree.value, &tree.at);
        let base = raw.base.as_ref().map_or(Some(None), |base| self.base(base).map(Some));
        let config = raw.config.as_ref().map_or(Some(None), |config| self.fragments(&config.value).map(Some));
        self.few(raw.required.get(MAX_ITEMS).map(|val| &val.at), MAX_ITEMS, "required options");
        let required = self.all(&raw.required);
        self.few(raw.patches.get(MAX_ITEMS).map(|val| &val.at), MAX_ITEMS, "patches");
        let patches: Vec<_> =
            raw.patches.iter().take(MAX_ITEMS).map(|patch| self.path(patch, Path::is_file, "file")).collect();
        let fuzz = self.read_optional(raw.fuzz.as_ref());
        let make = raw.make.as_ref().map_or(Some(BTreeMap::new()), |make| self.make(make));
        let modules = self.read_optional(raw.modules.as_ref()).and_then(|modules| match (modules, &raw.modules) {
            (Some(modules), Some(val)) => match modules.flag() {
                Ok(flag) => Some(flag.0),
                Err(wrong) => {
                    let problem = Problem::of(wrong, &val.at);
                    self.report(problem.help("a build brings its own modules; this says whether it makes any"));
                    None
                }
            },
            _ => Some(false),
        });
        let default = SourceBuild::of(tree?);
        Some(SourceBuild {
            base: base?.unwrap_or(default.base),
            config: config?.unwrap_or(default.config),
            required: required?.into_iter().map(|option| option.0).collect(),
            patches: patches.into_iter().collect::<Option<_>>()?,
            fuzz: fuzz?.map_or(Some(default.fuzz), |fuzz| u8::try_from(fuzz.0).ok())?,
            make: make?,
            modules: modules?,
            tree: default.tree,
        })
    }

    fn tree(&mut self, raw: &RawTree, at: &Range<usize>) -> Option<SourceTree> {
        let place = |val: Option<&Val<FilePath>>| val.map(|val| val.at.clone());
        let kinds = [
            ("path", place(raw.path.as_ref())),
            ("git", place(raw.git.as_ref())),
            ("tarball", place(raw.tarball.as_ref())),
            ("debian", place(raw.debian.as_ref())),
        ];
        let kinds: Vec<(&str, Range<usize>)> = kinds.into_iter().filter_map(|(kind, at)| Some((kind, at?))).collect();
        if let [(first, first_at), (_, second_at), ..] = &kinds[..] {
            let right = format!("this cannot stand beside `{first}`");
            self.report(Problem::new(second_at, "the source is in two places", right).other(first_at, *first));
            return None;
        }
        let Some((kind, kind_at)) = kinds.first() else {
            let right =
                "expected `path: DIR`, `git: REPOSITORY` with `ref: NAME`, `tarball: FILE`, or `debian: PACKAGE`";
            self.report(Problem::new(at, "it is not said where the source is", right));
            return None;
        };
        let mut stray = |key: &str, at: Option<&Range<usize>>, of: &str| {
            if let Some(at) = at.filter(|_| *kind != of) {
                let message = format!("`{key}` does not go with `{kind}`");
                self.report(Problem::new(at, message, format!("only `{of}` has this")).other(kind_at, *kind));
            }
        };
        stray("ref", raw.reference.as_ref().map(|val| &val.at), "git");
        stray("sha256", raw.sha256.as_ref().map(|val| &val.at), "tarball");
        if let Some(path) = &raw.path {
            return self.path(path, Path::is_dir, "folder").map(SourceTree::Path);
        }
        if let Some(git) = &raw.git {
            let place = self.path_or_url(git, &GIT_SCHEMES, Path::is_dir, "folder").map(|(text, _)| text);
            let Some(reference) = &raw.reference else {
                let problem =
                    Problem::new(&git.at, "it is not said which state of the repository is built", "needs `ref`");
                self.report(problem.help("`ref` is a branch, a tag or a commit, such as `ref: v6.1`"));
                return None;
            };
            let reference = self.read(reference);
            return Some(SourceTree::Git { git: place?, reference: reference?.0 });
        }
        if let Some(tarball) = &raw.tarball {
            let sha256 = self.read_optional(raw.sha256.as_ref());
            let (place, is_url) = self.path_or_url(tarball, &TARBALL_SCHEMES, Path::is_file, "file")?;
            if is_url && raw.sha256.is_none() {
                let problem = Problem::new(&tarball.at, "what a URL leads to can change", "needs `sha256`");
                self.report(
                    problem.help("sha256sum(1) prints it; kernel.org lists those of its own in sha256sums.asc"),
                );
            }
            let sha256 = sha256?.map(|hash| hash.0.to_ascii_lowercase());
            return Some(SourceTree::Tarball { tarball: place, sha256 });
        }
        self.debian(raw.debian.as_ref()?).map(SourceTree::Debian)
    }

    /// A path as one that can be opened, or a URL as it stands; and whether it is a URL.
    fn path_or_url(
        &mut self,
        val: &Val<FilePath>,
        schemes: &[&str],
        is: fn(&Path) -> bool,
        kind: &str,
    ) -> Option<(String, bool)> {
        let text = self.read(val)?.0;
        let Some(scheme) = scheme(&text, schemes) else {
            return self.path(val, is, kind)?.into_os_string().into_string().ok().map(|path| (path, false));
        };
        if !schemes.contains(&scheme) {
            let right = format!("expected a URL of {}, or a path", one_of(schemes));
            self.report(Problem::new(&val.at, format!("nothing can be fetched by `{scheme}` here"), right));
            return None;
        }
        Some((text, true))
    }

    fn debian(&mut self, val: &Val<FilePath>) -> Option<String> {
        let text = self.read(val)?.0;
        let (release, package) = text.split_once('/').map_or((None, text.as_str()), |(one, two)| (Some(one), two));
        let plain = |word: &str| {
            word.starts_with(|c: char| c.is_ascii_lowercase())
                && word.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "-.+".contains(c))
        };
        let is_source = package == "linux-source" || package.starts_with("linux-source-");
        if release.is_none_or(plain) && plain(package) && is_source {
            return Some(text);
        }
        let right = "expected `linux-source-6.1`, or with its release: `sid/linux-source`";
        self.report(Problem::new(&val.at, format!("`{text}` is no Debian package of a kernel's source"), right));
        None
    }

    fn base(&mut self, raw: &At<RawBase>) -> Option<ConfigBase> {
        let text = match &raw.value {
            RawBase::Debian(debian) => return self.read(&debian.debian).map(|debian| ConfigBase::Debian(debian.0)),
            RawBase::Text(text) => text,
        };
        let val = Val::at(text, &raw.at);
        if !text.contains('/') {
            self.read(&val)?;
            return self.known(&val, &BASES, "target of make", "path").map(ConfigBase::Target);
        }
        self.path(&val, Path::is_file, "file").map(ConfigBase::File)
    }

    fn fragments(&mut self, raw: &[Val<FilePath>]) -> Option<Vec<Fragment>> {
        self.few(raw.get(MAX_ITEMS).map(|val| &val.at), MAX_ITEMS, "config fragments");
        let read: Vec<Option<Fragment>> = raw.iter().take(MAX_ITEMS).map(|val| self.fragment(val)).collect();
        read.into_iter().collect()
    }

    fn fragment(&mut self, val: &Val<FilePath>) -> Option<Fragment> {
        if self.read(val)?.0.contains('/') {
            return self.path(val, Path::is_file, "file").map(Fragment::File);
        }
        self.known(val, &FRAGMENTS, "config fragment", "path").map(Fragment::Named)
    }

    /// One of the names that are known; everything else must be a path with a slash in it.
    fn known(&mut self, val: &Val<FilePath>, known: &[&str], what: &str, else_: &str) -> Option<String> {
        let name = val.text.as_str();
        if known.contains(&name) {
            return Some(name.to_owned());
        }
        let right = format!("expected {}, or a {else_} with a `/` in it", one_of(known));
        let problem = Problem::new(&val.at, format!("there is no {what} `{name}`"), right);
        self.report(match nearest(name, known) {
            Some(near) => problem.help(format!("did you mean `{near}`? A file in the same folder is `./{name}`")),
            None => problem.help(format!("a file in the same folder is `./{name}`")),
        });
        None
    }

    fn make(&mut self, raw: &Entries<MakeName, Val<MakeValue>>) -> Option<BTreeMap<String, String>> {
        self.few(raw.0.get(MAX_ITEMS).map(|(name, _)| &name.at), MAX_ITEMS, "variables of make");
        let mut variables = BTreeMap::new();
        for (name_val, value_val) in raw.0.iter().take(MAX_ITEMS) {
            let (name, value) = (self.read(name_val), self.read(value_val));
            let (Some(MakeName(name)), Some(MakeValue(value))) = (name, value) else { continue };
            let own = |(begin, _): &&(&str, &str)| {
                begin.strip_suffix('=').map_or_else(|| name.starts_with(begin), |full| name == full)
            };
            if let Some((_, why)) = OWN.iter().find(own) {
                let problem = Problem::new(&name_val.at, format!("`{name}` belongs to the harness"), "leave it out");
                self.report(problem.help(*why));
            } else if name == "ARCH" && !["x86", "x86_64"].contains(&value.as_str()) {
                let problem = Problem::new(&value_val.at, format!("`{value}` cannot run here"), "expected `x86_64`");
                self.report(problem.help("guests are x86-64"));
            }
            variables.insert(name, value);
        }
        (variables.len() == raw.0.len()).then_some(variables)
    }
}

/// The scheme of a URL, or git's remote helper in `HELPER::ADDRESS`; `None` for a path. `HOST:PATH` is of ssh where that is
/// among `schemes`, as for git.
fn scheme<'a>(text: &'a str, schemes: &[&'a str]) -> Option<&'a str> {
    let (before, after) = text.split_once(':')?;
    if (after.starts_with("//") || after.starts_with(':'))
        && before.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c))
    {
        return Some(before);
    }
    let is_host = before.starts_with(|c: char| c.is_ascii_alphanumeric()) && !before.contains('/');
    (is_host && schemes.contains(&"ssh")).then_some("ssh")
}
