//! The scenarios that are shipped, and the JSON Schema beside them.
//! Lives here: that they load, fit the schema, and come back from YAML as they were.
//! May not live here: running them.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use oomph::scenario::{Filesystem, KernelSpec, Program, json_schema, load, matching, matrix_schema, parse, to_yaml};
use std::fs;
use std::path::{Path, PathBuf};

const SCHEMA: &str = "scenarios/scenario.schema.json";
const OF_MATRICES: &str = "scenarios/matrix/matrix.schema.json";

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the harness is a folder of the workspace")
}

/// Every shipped scenario.
fn files() -> Vec<PathBuf> {
    let folder = |name: &str| fs::read_dir(root().join(name)).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<PathBuf> = folder("scenarios").chain(folder("scenarios/tests")).collect();
    files.retain(|file| file.extension().is_some_and(|end| end == "yaml"));
    files.sort();
    assert!(files.len() >= 6, "{files:?}");
    files
}

#[test]
fn the_committed_schemas_are_current() {
    for (name, schema) in [(SCHEMA, json_schema()), (OF_MATRICES, matrix_schema())] {
        let text = serde_json::to_string_pretty(&schema).unwrap() + "\n";
        let file = root().join(name);
        if std::env::var_os("OOMPH_WRITE_SCHEMA").is_some() {
            fs::write(&file, &text).unwrap();
        }
        let committed = fs::read_to_string(&file).unwrap_or_default();
        assert!(committed == text, "{name} is old: run this test with OOMPH_WRITE_SCHEMA=1 and commit the file");
    }
}

#[test]
fn every_scenario_loads_and_comes_back_from_yaml_as_it_was() {
    for file in files() {
        let scenario = load(&file, &[]).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(Some(scenario.name.as_str()), file.file_stem().and_then(|stem| stem.to_str()));
        let yaml = to_yaml(&scenario).unwrap();
        let again = parse(&yaml, Path::new("elsewhere/scenario.yaml"), &[]).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(again, scenario, "{yaml}");
    }
}

#[test]
fn every_scenario_and_its_resolved_form_fit_the_schema_that_they_name() {
    let schema = jsonschema::validator_for(&json_schema()).unwrap();
    for file in files() {
        let text = fs::read_to_string(&file).unwrap();
        let named = text.strip_prefix("# yaml-language-server: $schema=").and_then(|rest| rest.lines().next());
        let named = file.parent().unwrap().join(named.unwrap_or_else(|| panic!("{} names no schema", file.display())));
        assert_eq!(named.canonicalize().unwrap(), root().join(SCHEMA).canonicalize().unwrap());
        let resolved = to_yaml(&load(&file, &[]).unwrap()).unwrap();
        for text in [text, resolved] {
            let value: serde_json::Value = serde_yaml::from_str(&text).unwrap();
            let errors: Vec<String> = schema.iter_errors(&value).map(|error| error.to_string()).collect();
            assert!(errors.is_empty(), "{}: {errors:?}\n{text}", file.display());
        }
    }
}

#[test]
fn every_matrix_fits_the_schema_that_it_names_and_a_wrong_one_does_not() {
    let schema = jsonschema::validator_for(&matrix_schema()).unwrap();
    let mut files: Vec<PathBuf> =
        fs::read_dir(root().join("scenarios/matrix")).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|file| file.extension().is_some_and(|end| end == "yaml"));
    assert!(files.len() >= 5, "{files:?}");
    for file in files {
        let text = fs::read_to_string(&file).unwrap();
        assert!(text.starts_with("# yaml-language-server: $schema=./matrix.schema.json\n"), "{}", file.display());
        let value: serde_json::Value = serde_yaml::from_str(&text).unwrap();
        let errors: Vec<String> = schema.iter_errors(&value).map(|error| error.to_string()).collect();
        assert!(errors.is_empty(), "{}: {errors:?}", file.display());
        for (path, wrong) in
            [("name", "../x".into()), ("repeats", 0.into()), ("scenarios", "x".into()), ("settle", 2.into())]
        {
            let mut broken = value.clone();
            broken[path] = wrong;
            assert!(!schema.is_valid(&broken), "{path} should not fit");
        }
    }
}

#[test]
fn the_schema_refuses_what_an_editor_should_mark() {
    let schema = jsonschema::validator_for(&json_schema()).unwrap();
    let sound: serde_json::Value = serde_yaml::from_str(include_str!("../../scenarios/xfs-inode-mutex.yaml")).unwrap();
    let mut sound = sound;
    sound["faults"] = serde_json::json!([{"at": "5s", "stop": {"disk": "data"}}]);
    assert!(schema.is_valid(&sound));
    for (path, value) in [
        ("/name", "\"../x\""),
        ("/guest/memory", "256"),
        ("/guest/memory", "\"256 MB\""),
        ("/guest/cpus", "0"),
        ("/guest/disks/data/filesystem", "\"vfat\""),
        ("/phases/settle", "\"5 s\""),
        ("/probes/0", "\"logn\""),
        ("/expect/0/outcome", "\"dead\""),
        ("/expect/1/version", "\"4.6\""),
        ("/kernel", "{\"debian\": \"bookworm\", \"image\": \"x\"}"),
        ("/kernel", "{\"source\": \"x\"}"),
        ("/kernel", "{\"source\": {\"git\": \"x\"}}"),
        ("/kernel", "{\"source\": {\"git\": \"x\", \"ref\": \"y\", \"path\": \"z\"}}"),
        ("/kernel", "{\"source\": {\"path\": \"x\"}, \"image\": \"x\"}"),
        ("/kernel", "{\"source\": {\"path\": \"x\"}, \"tags\": [\"x\"]}"),
        ("/kernel", "{\"source\": {\"path\": \"x\"}, \"fuzz\": 3}"),
        ("/kernel", "{\"source\": {\"path\": \"x\"}, \"required\": [\"PSI=y\"]}"),
        ("/kernel", "{\"source\": {\"path\": \"x\"}, \"make\": {\"cc\": \"gcc\"}}"),
        ("/workload/args", "7"),
        ("/faults", "[{\"at\": \"5s\", \"error\": {\"disk\": \"data\", \"errno\": 5}}]"),
        ("/faults", "[{\"at\": \"5s\", \"pause\": {\"for\": 10}}]"),
    ] {
        let mut broken = sound.clone();
        *broken.pointer_mut(path).unwrap_or_else(|| panic!("{path}")) = serde_json::from_str(value).unwrap();
        assert!(!schema.is_valid(&broken), "{path} = {value} should not fit");
    }
}

#[test]
fn the_first_scenario_says_what_the_design_says() {
    let scenario = load(&root().join("scenarios/xfs-inode-mutex.yaml"), &[]).unwrap();
    assert_eq!(scenario.kernel, KernelSpec::Named("debian-6.1".into()));
    assert_eq!((scenario.guest.cpus, scenario.guest.memory), (2, 256 << 20));
    assert_eq!(scenario.guest.disks["data"].filesystem, Filesystem::Xfs);
    assert_eq!(scenario.workload.program, Program::Reproducer("xfs-inode-mutex".into()));
    let args = ["--writers=10", "--hogs=4", "--threads=8", "--file=same", "--fsync=true"];
    assert_eq!(scenario.workload.args, args);
    let outcome =
        |tags: &[String], version| matching(&scenario.expect, "k", tags, Some(version)).unwrap().outcome.name();
    assert_eq!(outcome(&[], (6, 1, 192)), "oom-killed");
    assert_eq!(outcome(&[], (4, 4, 302)), "hung");
    assert_eq!(outcome(&["no-oom-reaper".into()], (6, 1, 192)), "hung");
}
