//! Which modules to load, and in which order (pure).
//! Lives here: hard and soft dependencies, the order that satisfies them.
//! May not live here: files.
//!
//! A hard dependency (`depends=`) comes before the module that needs it, and must be there. A soft one (`softdep=`) comes
//! before or after it, and is left out where it cannot be had: libcrc32c only asks softly for `crc32c`, an alias of
//! crc32c_generic and of what the processor offers, and without any of them xfs does not load.

use super::index::Index;
use super::modinfo::normal;
use std::collections::{BTreeSet, VecDeque};
use std::path::PathBuf;

/// A module to load.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// Its name.
    pub name: String,
    /// Its file, as a path from the modules directory.
    pub path: PathBuf,
    /// Whether the guest does without it when it does not load: it is only there for a soft dependency.
    pub optional: bool,
}

/// Why there is no order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Missing {
    /// A module that is wanted is neither there nor built in.
    Wanted(String),
    /// A module's hard dependency is not there.
    Dependency {
        /// The module.
        module: String,
        /// What it needs.
        needs: String,
    },
    /// A module is there but its file cannot be used.
    Broken {
        /// The module.
        module: String,
        /// What is wrong.
        why: String,
    },
}

/// The modules that `wanted` ones (by name) need, in the order in which to load them, and then those of `helpful` ones that
/// can be had. A wanted one that is not in a file is taken to be built in where the index does not know what is.
pub fn closure(index: &Index, wanted: &[&str], helpful: &[&str]) -> Result<Vec<Step>, Missing> {
    let mut roots = Vec::new();
    for name in wanted {
        if index.modules.contains_key(&normal(name)) {
            roots.push(normal(name));
        } else if index.builtin.is_some() && !index.is_builtin(name) {
            return Err(Missing::Wanted((*name).to_owned()));
        }
    }
    let mut required = BTreeSet::new();
    for root in &roots {
        hard(index, root, &mut required)?;
    }
    let mut order = Order {
        index,
        required,
        loading: BTreeSet::new(),
        done: BTreeSet::new(),
        later: VecDeque::new(),
        steps: vec![],
    };
    for root in roots {
        order.visit(&root);
    }
    order.soft(&helpful.iter().map(|name| normal(name)).collect::<Vec<_>>());
    while let Some(soft) = order.later.pop_front() {
        order.visit(&soft);
    }
    Ok(order.steps)
}

/// Adds a module and its hard dependencies.
fn hard(index: &Index, name: &str, found: &mut BTreeSet<String>) -> Result<(), Missing> {
    let mut open = vec![name.to_owned()];
    while let Some(name) = open.pop() {
        let Some(module) = index.modules.get(&name) else { continue };
        if let Some(why) = &module.broken {
            return Err(Missing::Broken { module: name, why: why.clone() });
        }
        if !found.insert(name.clone()) {
            continue;
        }
        for needs in module.depends.iter().filter(|needs| !index.is_builtin(needs)) {
            if !index.modules.contains_key(needs) {
                return Err(Missing::Dependency { module: name, needs: needs.clone() });
            }
            open.push(needs.clone());
        }
    }
    Ok(())
}

struct Order<'a> {
    index: &'a Index,
    required: BTreeSet<String>,
    /// Modules whose dependencies are being loaded.
    loading: BTreeSet<String>,
    done: BTreeSet<String>,
    /// Soft dependencies that need a module which is being loaded.
    later: VecDeque<String>,
    steps: Vec<Step>,
}

impl Order<'_> {
    fn visit(&mut self, name: &str) {
        let Some(module) = self.index.modules.get(name) else { return };
        if self.done.contains(name) || !self.loading.insert(name.to_owned()) {
            return;
        }
        for needs in &module.depends {
            self.visit(needs);
        }
        self.soft(&module.pre);
        self.loading.remove(name);
        self.done.insert(name.to_owned());
        let optional = !self.required.contains(name);
        self.steps.push(Step { name: name.to_owned(), path: module.path.clone(), optional });
        self.soft(&module.post);
    }

    fn soft(&mut self, names: &[String]) {
        for name in names.iter().flat_map(|name| self.index.find(name)) {
            let mut needs = BTreeSet::new();
            // What cannot be loaded anyway is left out.
            if hard(self.index, &name, &mut needs).is_ok() && !self.done.contains(&name) {
                if needs.is_disjoint(&self.loading) { self.visit(&name) } else { self.later.push_back(name) }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::image::modinfo::Modinfo;
    use proptest::prelude::*;

    fn index(modules: &[(&str, &str)], builtin: &[&str]) -> Index {
        let mut index =
            Index { builtin: Some(builtin.iter().map(|name| (*name).to_owned()).collect()), ..Index::default() };
        for (name, modinfo) in modules {
            index.add(format!("kernel/{name}.ko").into(), Ok(Modinfo::of_text(modinfo.as_bytes())));
        }
        index
    }

    fn names(index: &Index, wanted: &[&str]) -> Vec<String> {
        let mark = |step: Step| if step.optional { format!("{}?", step.name) } else { step.name };
        closure(index, wanted, &[]).unwrap().into_iter().map(mark).collect()
    }

    #[test]
    fn xfs_of_6_1_brings_its_checksum() {
        let index = index(
            &[
                ("xfs", "depends=libcrc32c"),
                ("libcrc32c", "depends=\0softdep=pre: crc32c"),
                ("crc32c_generic", "alias=crypto-crc32c\0alias=crc32c"),
                ("crc32c-intel", "alias=crc32c"),
                ("virtio_blk", "depends=virtio,virtio_ring"),
                ("virtio_ring", "depends=virtio"),
                ("virtio", ""),
            ],
            &[],
        );
        assert_eq!(names(&index, &["xfs"]), ["crc32c_generic?", "crc32c_intel?", "libcrc32c", "xfs"]);
        assert_eq!(names(&index, &["virtio-blk", "virtio"]), ["virtio", "virtio_ring", "virtio_blk"]);
    }

    #[test]
    fn what_is_built_in_needs_no_file() {
        let index = index(
            &[("xfs", "depends=libcrc32c\0softdep=pre: crc32c post: extra"), ("extra", "")],
            &["crc32c", "ext4", "libcrc32c"],
        );
        assert_eq!(names(&index, &["xfs", "ext4"]), ["xfs", "extra?"]);
    }

    #[test]
    fn what_is_missing_is_named() {
        let index = index(&[("xfs", "depends=libcrc32c\0softdep=pre: nothing"), ("soft", "softdep=pre: xfs")], &[]);
        let missing = Missing::Dependency { module: "xfs".into(), needs: "libcrc32c".into() };
        assert_eq!(closure(&index, &["xfs"], &[]), Err(missing));
        assert_eq!(closure(&index, &["virtio_blk"], &[]), Err(Missing::Wanted("virtio_blk".into())));
        assert_eq!(names(&index, &["soft"]), ["soft"], "a soft dependency that cannot be loaded is left out");
        let unknown = Index { builtin: None, ..index };
        assert_eq!(closure(&unknown, &["virtio_blk"], &[]), Ok(vec![]), "built in, as far as can be told");
    }

    #[test]
    fn a_broken_module_matters_only_where_it_is_needed() {
        let mut index = index(&[("a", "depends=b"), ("c", "softdep=pre: b")], &[]);
        index.add("kernel/b.ko".into(), Err("damaged".into()));
        let broken = Missing::Broken { module: "b".into(), why: "damaged".into() };
        assert_eq!(closure(&index, &["a"], &[]), Err(broken));
        assert_eq!(names(&index, &["c"]), ["c"]);
    }

    #[test]
    fn a_soft_circle_keeps_hard_dependencies_first() {
        let index =
            index(&[("a", "softdep=pre: b"), ("b", "depends=a\0softdep=pre: c"), ("c", "softdep=post: b")], &[]);
        assert_eq!(names(&index, &["a"]), ["a", "c?", "b?"]);
    }

    proptest! {
        /// Any hard dependencies without a circle, and any soft ones: module N may need any of lower number.
        #[test]
        fn hard_dependencies_come_first_and_nothing_twice(
            modules in prop::collection::vec((prop::collection::vec(any::<prop::sample::Index>(), 0..3),
                prop::collection::vec(any::<prop::sample::Index>(), 0..3), any::<bool>()), 1..20),
            wanted in any::<prop::sample::Index>(),
        ) {
            let count = modules.len();
            let mut index = Index { builtin: Some(BTreeSet::new()), ..Index::default() };
            for (number, (hard, soft, pre)) in modules.iter().enumerate() {
                let hard = hard.iter().filter(|_| number > 0).map(|at| format!("m{}", at.index(number.max(1)))).collect();
                let soft: Vec<String> = soft.iter().map(|at| format!("m{}", at.index(count))).collect();
                let (pre, post) = if *pre { (soft, vec![]) } else { (vec![], soft) };
                index.add(format!("m{number}.ko").into(), Ok(Modinfo { depends: hard, pre, post, ..Modinfo::default() }));
            }
            let wanted = format!("m{}", wanted.index(count));
            let steps = closure(&index, &[&wanted], &[]).unwrap();
            let place = |name: &str| steps.iter().position(|step| step.name == name);
            let mut required = BTreeSet::new();
            hard(&index, &wanted, &mut required).unwrap();
            for name in &required {
                prop_assert!(place(name).is_some());
            }
            for (at, step) in steps.iter().enumerate() {
                prop_assert_eq!(place(&step.name), Some(at));
                prop_assert_eq!(step.optional, !required.contains(&step.name));
                for needs in &index.modules[&step.name].depends {
                    prop_assert!(place(needs).is_some_and(|before| before < at), "{} before {}", needs, step.name);
                }
            }
        }
    }
}
