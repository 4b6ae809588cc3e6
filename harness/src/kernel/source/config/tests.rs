//! The way to a .config, on a tree whose make is a few lines of shell.
//! Lives here: fragments merged onto bases, what is missing of them, what is said of it.
//! May not live here: a kernel's own Kconfig (that takes a kernel).

#![allow(clippy::unwrap_used)]
use super::*;
use crate::scenario::SourceTree;
use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

/// A tree whose make knows the targets; `olddefconfig` turns CONFIG_NEVER off and adds a default, as a real one would.
const MAKEFILE: &str = "tinyconfig:\n\t@printf '# Linux\\nCONFIG_CC_VERSION_TEXT=\"gcc 12\"\\nCONFIG_GCC_VERSION=120200\\n\
    CONFIG_SWAP=y\\n' > $(O)/.config\n\
    olddefconfig:\n\t@sed -i -e '/^CONFIG_NEVER=/d' $(O)/.config && echo CONFIG_MMU=y >> $(O)/.config\n";
const KCONFIG: &str = "config SWAP\n\tbool \"s\"\nconfig PSI\n\tbool \"p\"\nconfig NEVER\n\tbool \"n\"\n\tdepends on GONE\n\
    config MODULES\n\tbool \"m\"\n";

struct Place {
    directory: tempfile::TempDir,
    tree: Tree,
    make: Make,
    cache: Cache,
}

fn place() -> Place {
    let directory = tempfile::tempdir().unwrap();
    let (tree, output) = (directory.path().join("tree"), directory.path().join("output"));
    fs::create_dir_all(&tree).unwrap();
    fs::write(tree.join("Makefile"), MAKEFILE).unwrap();
    fs::write(tree.join("Kconfig"), KCONFIG).unwrap();
    let make = Make { tree: tree.clone(), output, variables: BTreeMap::new() };
    let tree = Tree {
        directory: tree,
        name: "t".into(),
        id: "i".into(),
        describe: "d".into(),
        version: (6, 1, 0),
        patches: vec![],
        built_in: vec![],
        lock: None,
    };
    let cache = Cache::open(Some(&directory.path().join("cache"))).unwrap();
    Place { directory, tree, make, cache }
}

fn spec(fragments: Vec<Fragment>) -> SourceBuild {
    SourceBuild {
        tree: SourceTree::Path("t".into()),
        base: ConfigBase::Target("tinyconfig".into()),
        config: fragments,
        required: vec![],
        patches: vec![],
        fuzz: 0,
        make: BTreeMap::new(),
        modules: false,
    }
}

impl Place {
    fn fragment(&self, text: &str) -> Fragment {
        let path = self.directory.path().join("my.config");
        fs::write(&path, text).unwrap();
        Fragment::File(path)
    }

    fn configure(&self, spec: &SourceBuild) -> Result<Configured, Error> {
        configure(spec, &self.tree, &self.make, &self.cache, &Job::silent())
    }
}

#[test]
fn what_is_asked_for_comes_out_or_is_told() {
    let place = place();
    let mut spec = spec(vec![place.fragment("# CONFIG_SWAP is not set\nCONFIG_NEVER=y\nCONFIG_PIS=y\n")]);
    spec.modules = true;
    let configured = place.configure(&spec).unwrap();
    assert_eq!(configured.text, "CONFIG_MODULES=y\n# CONFIG_SWAP is not set\nCONFIG_MMU=y\n");
    assert_eq!(configured.notes.len(), 2, "{:?}", configured.notes);
    let typo = "my.config:3: this tree has no CONFIG_PIS (did you mean CONFIG_PSI?); skipped";
    assert!(configured.notes[0].ends_with(typo), "{:?}", configured.notes);
    let missing = "my.config:2 asks for y, the result has n: it depends on GONE (GONE is n) (Kconfig:5)";
    assert!(configured.notes[1].ends_with(missing), "{:?}", configured.notes);
}

#[test]
fn required_options_are_required() {
    let place = place();
    let mut spec = spec(vec![place.fragment("CONFIG_PSI=y\n")]);
    spec.required = vec!["CONFIG_PSI=y".into()];
    place.configure(&spec).unwrap();
    spec.required.push("CONFIG_NEVER=y".into());
    let error = place.configure(&spec).unwrap_err().to_string();
    assert!(error.starts_with("CONFIG_NEVER=y is required, the result has n: it depends on GONE"), "{error}");
}

#[test]
fn a_config_that_stays_as_it_was_keeps_its_time() {
    let place = place();
    let spec = spec(vec![place.fragment("CONFIG_PSI=y\n")]);
    place.configure(&spec).unwrap();
    let path = place.make.output.join(".config");
    let time = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000);
    File::options().write(true).open(&path).unwrap().set_modified(time).unwrap();
    place.configure(&spec).unwrap();
    assert_eq!(path.metadata().unwrap().modified().unwrap(), time);
    place.fragment("CONFIG_PSI=y\nCONFIG_MODULES=y\n");
    place.configure(&spec).unwrap();
    assert_ne!(path.metadata().unwrap().modified().unwrap(), time);
}

#[test]
fn a_file_as_base_loses_certificates_that_are_not_there() {
    let place = place();
    let base = place.directory.path().join("config");
    let here = place.directory.path().join("here.pem");
    fs::write(&here, "").unwrap();
    let text = |keys: &str, revoked: &str| {
        format!("CONFIG_PSI=y\nCONFIG_SYSTEM_TRUSTED_KEYS=\"{keys}\"\nCONFIG_SYSTEM_REVOCATION_KEYS=\"{revoked}\"\n")
    };
    fs::write(&base, text("debian/certs/x.pem", here.to_str().unwrap())).unwrap();
    let spec = SourceBuild { base: ConfigBase::File(base.clone()), ..spec(vec![]) };
    let configured = place.configure(&spec).unwrap();
    assert_eq!(configured.text, text("", here.to_str().unwrap()) + "CONFIG_MMU=y\n");
    let note = "CONFIG_SYSTEM_TRUSTED_KEYS: the base names \"debian/certs/x.pem\", which is not there; left out";
    assert_eq!(configured.notes, [note]);
    fs::write(&base, "no config\n").unwrap();
    assert!(place.configure(&spec).unwrap_err().to_string().contains("is no .config"));
}

#[test]
fn fragments_that_are_not_there_or_unsound() {
    let place = place();
    let error = |fragment| place.configure(&spec(vec![fragment])).unwrap_err().to_string();
    assert!(error(Fragment::Named("kasen".into())).contains("did you mean `kasan`?"));
    assert!(error(Fragment::File("/no/such.config".into())).contains("cannot read /no/such.config"));
    assert!(error(place.fragment("\nPSI=y\n")).contains("my.config:2: `PSI=y` is no setting"));
}

#[test]
fn inputs_differ_when_anything_does() {
    let place = place();
    let inputs = |spec: &SourceBuild| inputs(spec, &place.cache, &Job::silent()).unwrap();
    let named = |name: &str| Fragment::Named(name.into());
    let first = spec(vec![named("base"), named("fast")]);
    assert_eq!(inputs(&first), inputs(&first.clone()));
    let others = [
        spec(vec![named("fast"), named("base")]),
        SourceBuild { base: ConfigBase::Target("defconfig".into()), ..first.clone() },
        SourceBuild { modules: true, ..first.clone() },
        SourceBuild { required: vec!["CONFIG_PSI=y".into()], ..first.clone() },
        spec(vec![named("base"), named("fast"), place.fragment("CONFIG_PSI=y\n")]),
    ];
    for other in others {
        assert_ne!(inputs(&first), inputs(&other), "{other:?}");
    }
    assert_eq!(asked(&first, "KERNEL_LZ4").unwrap().as_deref(), Some("y"));
    assert_eq!(asked(&first, "NO_SUCH").unwrap(), None);
}

#[test]
fn the_fragments_that_are_built_in_are_sound_and_those_of_the_directory() {
    for (name, text) in BUILT_IN {
        let settings = fragment::parse(text, name).unwrap();
        let mut names: Vec<&str> = settings.iter().map(|setting| setting.name.as_str()).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), settings.len(), "{name} names an option twice");
    }
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../kernel-configs");
    let mut files: Vec<String> = fs::read_dir(directory)
        .unwrap()
        .filter_map(|entry| Some(entry.unwrap().file_name().to_str()?.strip_suffix(".config")?.to_owned()))
        .collect();
    files.sort();
    assert_eq!(files, names().collect::<Vec<_>>());
}
