//! The matrices that are shipped, and what is wrong with others.
//! Lives here: that their cells' scenarios load, and the errors of a matrix file, place by place.
//! May not live here: running one.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use oomph::campaign::matrix::cells;
use oomph::scenario::{Matrix, load_matrix};
use std::fs;
use std::path::{Path, PathBuf};

fn shipped(name: &str) -> Matrix {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the harness is a folder of the workspace");
    load_matrix(&root.join("scenarios/matrix").join(name)).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn every_shipped_matrix_loads_and_so_do_its_cells() {
    for (name, count) in [
        ("smoke.yaml", 2),
        ("kernel-versions.yaml", 20),
        ("inode-mutex-sweep.yaml", 14),
        ("soak.yaml", 30),
        ("proof.yaml", 11),
        ("variants.yaml", 26),
    ] {
        let matrix = shipped(name);
        assert_eq!(Some(matrix.name.as_str()), name.strip_suffix(".yaml"));
        let cells = cells(&matrix);
        assert_eq!(cells.len(), count, "{name}");
        for cell in &cells {
            matrix
                .places
                .load(&cell.scenario, cell.include, &cell.set)
                .unwrap_or_else(|error| panic!("{}: {error}", cell.id));
        }
    }
}

const SOUND: &str = "\
name: sample
summary: A sample.
scenarios: [a.yaml]
kernels: [debian-6.1, debian-5.10]
parameters: {workload.args.hogs: [2, 4]}
repeats: 3
settle: 0.95
exclude: [{kernel: debian-5.10, set: {workload.args.hogs: 4}}]
include: [{scenario: b.yaml, kernel: debian-sid}]
expect: [{cells: {kernel: debian-sid}, be: {outcome: hung}}]
";

fn written(text: &str) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    for scenario in ["a.yaml", "b.yaml"] {
        fs::write(folder.path().join(scenario), "").unwrap();
    }
    let file = folder.path().join("matrix.yaml");
    fs::write(&file, text).unwrap();
    (folder, file)
}

#[test]
fn a_sound_matrix_is_read_as_it_is_written() {
    let (folder, file) = written(SOUND);
    let matrix = load_matrix(&file).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(matrix.scenarios, [folder.path().join("a.yaml")]);
    assert_eq!((matrix.repeats, matrix.settle), (3, Some(0.95)));
    let ids: Vec<String> = cells(&matrix).into_iter().map(|cell| cell.id).collect();
    let first = ["a debian-6.1 workload.args.hogs=2", "a debian-5.10 workload.args.hogs=2"];
    let last = ["a debian-6.1 workload.args.hogs=4", "b debian-sid"];
    assert_eq!(ids, [first, last].concat());
}

#[test]
fn each_mistake_is_told_at_its_place() {
    let cases = [
        ("scenarios: [a.yaml]", "scenarios: [c.yaml]", (3, 13), "does not exist"),
        ("scenarios: [a.yaml]", "scenarios: []", (3, 12), "the list is empty"),
        ("scenarios: [a.yaml]", "scenarios: [a.yaml, a.yaml]", (3, 21), "is there twice"),
        ("repeats: 3", "repeats: 0", (6, 10), "out of range"),
        ("settle: 0.95", "settle: 1.5", (7, 9), "no such probability"),
        ("{kernel: debian-5.10,", "{kernel: debian-5.1,", (8, 20), "no kernel of this matrix"),
        ("hogs: 4}}", "hogs: 5}}", (8, 59), "never is `5` here"),
        ("set: {workload.args.hogs: 4}", "set: {workload.args.hog: 4}", (8, 39), "no parameter of this matrix"),
        ("{cells: {kernel", "{cells: {scenario: b.yml, kernel", (10, 29), "does not exist"),
        ("outcome: hung", "outcome: hang", (10, 54), "hang"),
        ("repeats: 3", "repeat: 3", (6, 1), "unknown key `repeat`"),
    ];
    for (from, to, place, message) in cases {
        assert_eq!(SOUND.matches(from).count(), 1, "{from}");
        let (_folder, file) = written(&SOUND.replace(from, to));
        let error = load_matrix(&file).expect_err(to);
        let first = error.places().remove(0);
        assert_eq!((first.line, first.column), place, "{to}: {error}");
        assert!(error.to_string().contains(message), "{to}: {error}");
    }
}

/// A matrix of a real scenario, with these lines put to it.
fn of_a_real_scenario(lines: &str) -> (tempfile::TempDir, PathBuf) {
    let (folder, file) = written(&format!("name: m\nsummary: s\nscenarios: [a.yaml]\n{lines}"));
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the harness is a folder of the workspace");
    for scenario in ["a.yaml", "b.yaml"] {
        fs::copy(root.join("scenarios/xfs-inode-mutex.yaml"), folder.path().join(scenario)).unwrap();
    }
    (folder, file)
}

#[test]
fn what_is_wrong_with_a_value_is_told_at_its_place_in_the_matrix() {
    let cases = [
        ("parameters: {guest.memory: [1 GiB, wombat]}", (4, 36), "wombat"),
        ("parameters:\n  guest.memory:\n  - 1 GiB\n  - 'wombat'\n", (7, 5), "wombat"),
        ("parameters: {guest.cpus: [1], guest.memroy: [1 GiB]}", (4, 37), "memroy"),
        ("include:\n- {scenario: b.yaml, set: {guest.cpus: many}}\n", (5, 40), "many"),
        // The same value is sound in the lists' scenario: only the cell that is put in can be meant.
        ("parameters: {phases.settle: [5s]}\ninclude: [{scenario: b.yaml, set: {phases.settle: 5}}]", (5, 51), "5"),
        ("parameters: {workload.program.x: [1]}", (4, 31), "there is nothing below"),
    ];
    for (lines, place, message) in cases {
        let (_folder, file) = of_a_real_scenario(lines);
        let matrix = load_matrix(&file).unwrap_or_else(|error| panic!("{error}"));
        let load = |cell: oomph::campaign::matrix::Cell| matrix.places.load(&cell.scenario, cell.include, &cell.set);
        let error = cells(&matrix).into_iter().find_map(|cell| load(cell).err()).expect(lines);
        let first = error.places().remove(0);
        assert_eq!(
            (first.source.as_str(), first.line, first.column),
            (file.to_str().unwrap(), place.0, place.1),
            "{error}"
        );
        let drawn = error.to_string();
        assert!(drawn.contains(message) && drawn.contains(&format!("matrix.yaml:{}:{}", place.0, place.1)), "{drawn}");
        assert!(!drawn.contains("--set"), "{drawn}");
    }
}

fn oomph(folder: &Path, words: &[&str]) -> (Option<i32>, String) {
    let mut command = assert_cmd::Command::new(env!("CARGO_BIN_EXE_oomph"));
    let output = command.args(words).current_dir(folder).output().unwrap();
    let said = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
    (output.status.code(), said)
}

#[test]
fn a_kernel_without_a_name_is_told_at_its_place() {
    for (lines, place) in [
        ("kernels: [debian-6.1, debian-61]", "matrix.yaml:4:23"),
        ("include:\n- {scenario: b.yaml, kernel: debian-61}", "matrix.yaml:5:30"),
    ] {
        let (folder, _file) = of_a_real_scenario(lines);
        let (code, said) = oomph(folder.path(), &["matrix", "matrix.yaml", "--plan", "json"]);
        assert_eq!(code, Some(2));
        assert!(said.contains(place) && said.contains("did you mean `debian-6.1`?"), "{said}");
    }
}

#[test]
fn a_plan_has_the_paths_that_people_write() {
    let (folder, file) = of_a_real_scenario("include: [{scenario: ../b.yaml}]");
    fs::create_dir(folder.path().join("matrix")).unwrap();
    fs::rename(&file, folder.path().join("matrix/m.yaml")).unwrap();
    fs::copy(folder.path().join("a.yaml"), folder.path().join("matrix/a.yaml")).unwrap();
    let (_, said) = oomph(folder.path(), &["matrix", "matrix/m.yaml", "--plan", "json"]);
    assert!(said.contains(r#""scenario":"matrix/a.yaml""#) && said.contains(r#""scenario":"b.yaml""#), "{said}");
    let (_, said) = oomph(&folder.path().join("matrix"), &["matrix", "m.yaml", "--plan", "json"]);
    assert!(said.contains(r#""scenario":"a.yaml""#) && !said.contains(".."), "{said}");
}

#[test]
fn times_that_are_not_there_are_an_error() {
    let (folder, _file) = of_a_real_scenario("");
    let words = ["matrix", "matrix.yaml", "--plan", "json", "--shard", "1/2", "--timings", "nowhere"];
    let (code, said) = oomph(folder.path(), &words);
    assert!(code == Some(2) && said.contains("--timings nowhere"), "{said}");
}
