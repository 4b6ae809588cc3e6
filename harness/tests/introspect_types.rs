//! Types out of what a compiler writes today, against what it says of itself.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use oomph::introspect::symbols::{NotRead, Symbols};
use oomph::introspect::types::{Bits, Elements, Member, Types};
use std::fs;
use std::path::Path;
use std::process::Command;

/// Declared before it is complete, and in a unit that has it only as a pointer; fields of all kinds.
const SOURCE: &str = r#"
#include <stddef.h>
#include <stdio.h>
struct waiter;
struct holder { struct waiter *waiter; };
typedef struct { int counter; } atomic_t;
typedef unsigned long word;
enum item { ITEM_NONE = -1, ITEM_FIRST, ITEM_BIG = 0x12345 };
enum small { SMALL_A, SMALL_B = 200 };
struct list { struct list *next, *prev; };
struct waiter {
    char tag;
    const volatile struct list list;
    atomic_t count;
    union { long whole; struct { short low, high; }; };
    unsigned int before : 3, flag : 1, wide : 17;
    int negative : 5;
    char comm[16];
    struct list table[2][3];
    enum item item;
    enum small small;
    void (*call)(int);
    struct { word start; } timing;
    struct list rest[];
};
struct holder held;
struct waiter one;
int main(void) {
#define AT(field) printf("%zu %zu " #field "\n", offsetof(struct waiter, field), sizeof one.field)
    AT(tag); AT(list); AT(list.prev); AT(count.counter); AT(whole); AT(high); AT(comm); AT(table); AT(item); AT(small);
    AT(call); AT(timing.start);
    printf("%zu %zu\n", sizeof(struct waiter), sizeof(atomic_t));
    return 0;
}
"#;
/// Another unit, which comes first in the file that is linked.
const OTHER: &str = "struct waiter; struct waiter *first; int use(void) { return first != 0; }\n";
const WANTED: [&str; 6] = ["waiter", "atomic_t", "item", "holder", "list", "no_such"];

fn run(program: &str, args: &[&str], place: &Path) -> String {
    let output = Command::new(program).args(args).current_dir(place).output().unwrap();
    assert!(output.status.success(), "{program} {args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// The program that says where its fields are, and the types in the files that lead to it.
fn compiled(flags: &[&str]) -> (String, Vec<(&'static str, Vec<u8>)>) {
    let place = tempfile::tempdir().unwrap();
    fs::write(place.path().join("a.c"), SOURCE).unwrap();
    fs::write(place.path().join("b.c"), OTHER).unwrap();
    let gcc = |args: &[&str]| run("gcc", &[flags, args].concat(), place.path());
    gcc(&["-c", "a.c", "b.c"]);
    gcc(&["b.o", "a.o", "-o", "linked"]);
    run("ld", &["-r", "b.o", "a.o", "-o", "both.o"], place.path());
    run("objcopy", &["--only-keep-debug", "--compress-debug-sections=zlib", "a.o", "kept.o"], place.path());
    let said = run("./linked", &[], place.path());
    let files = ["a.o", "linked", "both.o", "kept.o"];
    (said, files.map(|file| (file, fs::read(place.path().join(file)).unwrap())).into())
}

/// Types are as the program says.
#[track_caller]
fn agree(said: &str, types: &Types, what: &str) {
    let member = |path| types.member("waiter", path).unwrap_or_else(|| panic!("{what}: {path}"));
    for line in said.lines() {
        let words: Vec<&str> = line.split(' ').collect();
        let numbers: Vec<u64> = words.iter().filter_map(|word| word.parse().ok()).collect();
        match words.get(2) {
            Some(path) => {
                assert_eq!((member(path).offset, member(path).size), (numbers[0], numbers[1]), "{what}: {path}")
            }
            None => {
                assert_eq!((types.size_of("waiter"), types.size_of("atomic_t")), (Some(numbers[0]), Some(numbers[1])))
            }
        }
    }
    assert!(member("list.prev").pointer && member("call").pointer && !member("list").pointer, "{what}");
    assert!(member("count.counter").signed && !member("timing.start").signed && member("item").signed, "{what}");
    let elements = |path| member(path).elements.map(|Elements { count, size }| (count, size));
    assert_eq!((elements("comm"), elements("table")), (Some((16, 1)), Some((2, 48))), "{what}");
    assert_eq!((elements("rest"), elements("whole")), (Some((0, 16)), None), "{what}");
    let first = member("before").offset;
    let bits = |path| match member(path) {
        Member { offset, bits: Some(Bits { shift, width }), size, .. } => {
            assert!(u64::from(shift + width).div_ceil(8) == size, "{what}: {path}");
            (8 * (offset - first) + u64::from(shift), width)
        }
        member => panic!("{what}: {path}: {member:?}"),
    };
    assert_eq!(
        (bits("before"), bits("flag"), bits("wide"), bits("negative")),
        ((0, 3), (3, 1), (4, 17), (21, 5)),
        "{what}"
    );
    assert_eq!(types.enumerator("ITEM_NONE"), Some(-1), "{what}");
    assert_eq!((types.enumerator("ITEM_BIG"), types.enumerator("SMALL_B")), (Some(0x12345), Some(200)), "{what}");
    assert_eq!((types.size_of("no_such"), types.member("holder", "waiter.tag")), (None, None), "{what}");
}

#[test]
fn every_version_of_dwarf_is_read_linked_or_not() {
    for version in ["-gdwarf-2", "-gdwarf-3", "-gdwarf-4", "-gdwarf-5"] {
        let (said, files) = compiled(&["-g", version, "-gno-strict-dwarf", "-no-pie"]);
        assert_eq!(said.lines().count(), 13);
        for (file, bytes) in files {
            let types = Types::from_elf(&bytes, &WANTED).unwrap();
            agree(&said, &types, &format!("{version}, {file}"));
        }
    }
}

#[test]
fn only_what_is_wanted_is_read_and_only_where_it_is_complete() {
    let (_, files) = compiled(&["-g"]);
    let types = Types::from_elf(&files[1].1, &["holder"]).unwrap();
    assert_eq!((types.size_of("holder"), types.size_of("list")), (Some(8), None));
    let place = tempfile::tempdir().unwrap();
    fs::write(place.path().join("b.c"), OTHER).unwrap();
    run("gcc", &["-g", "-c", "b.c"], place.path());
    let declared = Types::from_elf(&fs::read(place.path().join("b.o")).unwrap(), &["waiter"]).unwrap();
    assert_eq!((declared.size_of("waiter"), declared.member("waiter", "tag")), (None, None));
}

#[test]
fn a_program_is_no_kernel() {
    let (_, files) = compiled(&["-g0"]);
    for (file, bytes) in files {
        let error = Types::from_elf(&bytes, &WANTED).unwrap_err().to_string();
        assert!(error.starts_with("it has neither BTF"), "{file}: {error}");
        assert_eq!(Symbols::from_elf(&bytes), Err(NotRead::NoText), "{file}");
    }
}

/// Damage to any byte of an object costs its types at most.
#[test]
fn damaged_dwarf_is_survived() {
    let (_, files) = compiled(&["-g", "-gdwarf-4"]);
    let (_, object) = &files[0];
    let mut read = 0;
    for at in (0..object.len()).step_by(7) {
        let mut damaged = object.clone();
        damaged[at] = damaged[at].wrapping_add(1 + (at % 251) as u8);
        if let Ok(types) = Types::from_elf(&damaged, &WANTED) {
            read += 1;
            for path in ["tag", "list.prev", "high", "flag", "table", "rest"] {
                types.member("waiter", path);
            }
        }
    }
    assert!(read > 0);
}
