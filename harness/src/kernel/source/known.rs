//! Builds that are known from before, so that finding one again needs no tree and no make.
//! Lives here: the key of a build, the record of which recipe led to which.
//! May not live here: building.
//!
//! A build's *recipe* is all that is asked for, by content: the source's location, base, fragments, patches, variables,
//! tools. With the id of the tree's content it determines the .config, and with that the *key*, which names the cache's
//! entry. The key can only be had by configuring in the build directory; so what a recipe and a tree id led to is written
//! down. Other recipes can lead to the same key.

use super::compat::Needs;
use super::patch::Patch;
use crate::kernel::cache::path_safe;
use crate::kernel::{Cache, Error, Kind};
use crate::scenario::SourceBuild;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::{SystemTime, UNIX_EPOCH};

/// Counts up when the same recipe is to give another kernel.
const FORMAT: u32 = 2;
/// Most trees that are remembered for a recipe.
const MAX_TREES: usize = 64;

/// What is asked for, by content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Recipe {
    /// Its hash.
    hash: String,
    /// Its patches.
    pub patches: Vec<Patch>,
}

/// The contents of what a [`SourceBuild`] names.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct Contents {
    /// Base, fragments and required options (`config::inputs`).
    pub config: String,
    /// The patches.
    pub patches: Vec<Patch>,
    /// First line of the compiler's `--version`.
    pub compiler: String,
    /// First line of the linker's.
    pub linker: String,
}

/// What a recipe led to with a tree.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Led {
    key: String,
    version: (u32, u32, u32),
    /// What the tree needed: another version of this program may know better.
    needs: String,
    when: u64,
}

/// All that is remembered of a recipe.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Memory {
    /// The tree that it led to last.
    last: String,
    /// By tree id.
    trees: BTreeMap<String, Led>,
}

/// What a build's key is made of.
#[derive(Debug, Serialize)]
pub(super) struct Parts<'a> {
    /// Of the tree, before patches.
    pub tree_id: &'a str,
    /// Hashes of the patches, in their order.
    pub patches: Vec<&'a str>,
    /// How far they may be off.
    pub fuzz: u8,
    /// The final .config.
    pub config: &'a str,
    /// First line of the compiler's `--version`.
    pub compiler: &'a str,
    /// First line of the linker's.
    pub linker: &'a str,
    /// Variables of make.
    pub make: &'a BTreeMap<String, String>,
    /// Patches for an old tree.
    pub compat: Vec<(&'a str, &'a str)>,
    /// Whether modules are built.
    pub modules: bool,
    /// Whether debug information is kept.
    pub debug: bool,
}

impl Parts<'_> {
    /// The key: readable, and different for every content.
    pub fn key(&self, version: (u32, u32, u32)) -> Result<String, Error> {
        let (major, minor, patch) = version;
        Ok(path_safe(&format!("linux-{major}.{minor}.{patch}_{}", &hash(&(FORMAT, self))?[..16])))
    }
}

/// BLAKE3 of a value's JSON, in hex.
fn hash<T: Serialize>(value: &T) -> Result<String, Error> {
    let text = serde_json::to_vec(value).map_err(|cause| Error::Internal(cause.to_string()))?;
    Ok(blake3::hash(&text).to_hex().to_string())
}

impl Recipe {
    /// The recipe of a build. Names and places of fragments and patches do not matter, what they hold does.
    pub fn new(spec: &SourceBuild, contents: Contents) -> Result<Self, Error> {
        let asked = (&spec.tree, spec.fuzz, &spec.make, spec.modules);
        Ok(Self { hash: hash(&(FORMAT, asked, &contents))?, patches: contents.patches })
    }

    /// The key that this recipe led to with a tree, or with the last one; whether its entry is there is another matter.
    pub fn key(
        &self,
        tree_id: Option<&str>,
        needs: impl Fn((u32, u32, u32)) -> Needs,
        cache: &Cache,
    ) -> Option<String> {
        let memory: Memory = cache.answer(&self.answer())?;
        let led = memory.trees.get(tree_id.unwrap_or(&memory.last))?;
        (needs_hash(&needs(led.version)).ok()? == led.needs).then(|| led.key.clone())
    }

    /// Remembers what it led to.
    pub fn led_to(
        &self,
        key: &str,
        tree_id: &str,
        version: (u32, u32, u32),
        needs: &Needs,
        cache: &Cache,
    ) -> Result<(), Error> {
        let mut memory: Memory = cache.answer(&self.answer()).unwrap_or_default();
        memory.trees.retain(|_, led| cache.path(Kind::Builds, &led.key).exists());
        while memory.trees.len() >= MAX_TREES {
            let oldest = memory.trees.iter().min_by_key(|(_, led)| led.when).map(|(id, _)| id.clone());
            oldest.and_then(|id| memory.trees.remove(&id));
        }
        let when = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        let led = Led { key: key.to_owned(), version, needs: needs_hash(needs)?, when };
        memory.trees.insert(tree_id.to_owned(), led);
        tree_id.clone_into(&mut memory.last);
        cache.set_answer(&self.answer(), &memory)
    }

    fn answer(&self) -> String {
        format!("build-{}", &self.hash[..32])
    }
}

fn needs_hash(needs: &Needs) -> Result<String, Error> {
    hash(&(&needs.make, &needs.cc_flags, &needs.ld_flags, &needs.patches))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::scenario::{ConfigBase, Fragment, SourceTree};

    fn spec() -> SourceBuild {
        SourceBuild {
            tree: SourceTree::Path("/tree".into()),
            base: ConfigBase::Target("tinyconfig".into()),
            config: vec![Fragment::Named("base".into())],
            required: vec![],
            patches: vec!["/a/x.patch".into()],
            fuzz: 0,
            make: BTreeMap::new(),
            modules: false,
        }
    }

    fn contents() -> Contents {
        let patches = vec![Patch { name: "x".into(), hash: "1".into() }];
        Contents { config: "CONFIG_A=y".into(), patches, compiler: "gcc 12".into(), ..Contents::default() }
    }

    #[test]
    fn a_recipe_is_its_content() {
        let same = Recipe::new(&spec(), contents()).unwrap();
        let elsewhere = SourceBuild {
            config: vec![Fragment::File("/my/base.config".into())],
            patches: vec!["/b/x.patch".into()],
            ..spec()
        };
        assert_eq!(Recipe::new(&elsewhere, contents()).unwrap(), same);
        let mut others = Vec::new();
        for change in [
            |spec: &mut SourceBuild, _: &mut Contents| spec.fuzz = 1,
            |spec: &mut SourceBuild, _: &mut Contents| spec.modules = true,
            |spec: &mut SourceBuild, _: &mut Contents| drop(spec.make.insert("CC".into(), "gcc-9".into())),
            |_: &mut SourceBuild, contents: &mut Contents| contents.config.push('\n'),
            |_: &mut SourceBuild, contents: &mut Contents| contents.patches[0].hash = "2".into(),
            |_: &mut SourceBuild, contents: &mut Contents| contents.compiler = "gcc 13".into(),
            |_: &mut SourceBuild, contents: &mut Contents| contents.linker = "ld 3".into(),
        ] {
            let (mut spec, mut contents) = (spec(), contents());
            change(&mut spec, &mut contents);
            others.push(Recipe::new(&spec, contents).unwrap().hash);
        }
        others.push(same.hash);
        let all = others.len();
        others.sort();
        others.dedup();
        assert_eq!(others.len(), all);
    }

    #[test]
    fn what_a_recipe_led_to_is_known_by_its_tree() {
        let place = tempfile::tempdir().unwrap();
        let cache = Cache::open(Some(place.path())).unwrap();
        let recipe = Recipe::new(&spec(), contents()).unwrap();
        let needs = |_| Needs::default();
        assert_eq!(recipe.key(None, needs, &cache), None);
        for (key, tree) in [("k1", "t1"), ("k2", "t2")] {
            std::fs::create_dir_all(cache.path(Kind::Builds, key)).unwrap();
            recipe.led_to(key, tree, (6, 1, 2), &Needs::default(), &cache).unwrap();
        }
        assert_eq!(recipe.key(Some("t1"), needs, &cache).as_deref(), Some("k1"));
        assert_eq!(recipe.key(None, needs, &cache).as_deref(), Some("k2"));
        assert_eq!(recipe.key(Some("t3"), needs, &cache), None);
        let more = |_| Needs { patches: vec![("a", "b")], ..Needs::default() };
        assert_eq!(recipe.key(Some("t1"), more, &cache), None, "this program would build it otherwise");
        for number in 0..200 {
            std::fs::create_dir_all(cache.path(Kind::Builds, "k")).unwrap();
            recipe.led_to("k", &format!("n{number}"), (6, 1, 2), &Needs::default(), &cache).unwrap();
        }
        let memory: Memory = cache.answer(&recipe.answer()).unwrap();
        assert_eq!(memory.trees.len(), MAX_TREES);
    }

    #[test]
    fn a_key_is_readable_and_follows_every_part() {
        let make = BTreeMap::new();
        let parts = Parts {
            tree_id: "t",
            patches: vec![],
            fuzz: 0,
            config: "CONFIG_A=y",
            compiler: "gcc",
            linker: "ld",
            make: &make,
            compat: vec![],
            modules: false,
            debug: false,
        };
        let key = parts.key((6, 1, 192)).unwrap();
        assert!(key.starts_with("linux-6.1.192_") && key.len() == 30, "{key}");
        assert_ne!(Parts { patches: vec!["x"], ..parts }.key((6, 1, 192)).unwrap(), key);
    }
}
