//! Each version's names lead to its fields.
//! Lives here: the table held against itself.
//! May not live here: real types (`tests/real/inside.rs`).
#![allow(clippy::unwrap_used)]

use super::table::{Name, Need, TABLE};
use super::*;
use crate::introspect::ages::types;

/// Whether a version has a name, by the table's own bounds.
fn has(versions: (&str, &str), version: (u32, u32)) -> bool {
    let number = |text: &str| {
        let (major, minor) = text.split_once('.').unwrap();
        (major.parse::<u32>().unwrap(), minor.parse::<u32>().unwrap())
    };
    (versions.0.is_empty() || number(versions.0) <= version) && (versions.1.is_empty() || version <= number(versions.1))
}

const VERSIONS: [(u32, u32); 24] = [
    (3, 10),
    (3, 14),
    (3, 16),
    (3, 18),
    (3, 19),
    (4, 1),
    (4, 4),
    (4, 6),
    (4, 7),
    (4, 8),
    (4, 9),
    (4, 10),
    (4, 12),
    (4, 14),
    (4, 19),
    (5, 4),
    (5, 10),
    (5, 15),
    (6, 1),
    (6, 4),
    (6, 12),
    (6, 18),
    (7, 0),
    (7, 2),
];

#[test]
fn each_version_has_one_name_for_what_it_must_have() {
    for version in VERSIONS {
        for row in TABLE {
            let names: Vec<&str> =
                row.names.iter().filter(|name| has(name.versions, version)).map(|name| name.path).collect();
            assert!(names.len() <= 1, "{version:?} has {:?} as {names:?}", row.field);
            assert!(row.need == Need::Perhaps || names.len() == 1, "{version:?} has no {:?}", row.field);
        }
    }
}

#[test]
fn the_table_gives_each_age_the_names_that_c_had() {
    let made = VERSIONS.map(|version| (version, types(version)));
    let is_there = |types: &Types, name: &Name| types.member(name.structure, name.path).is_some();
    for (version, types) in &made {
        for row in TABLE {
            let found = row.names.iter().find(|name| is_there(types, name));
            assert!(found.is_none_or(|name| has(name.versions, *version)), "{version:?} has {found:?}");
            // What no age has is not among what is made here.
            let mut named = row.names.iter().filter(|name| made.iter().any(|(_, types)| is_there(types, name)));
            let lost = named.find(|name| has(name.versions, *version) && !is_there(types, name));
            assert!(lost.is_none(), "{version:?} has no {lost:?}");
        }
        assert!(Layout::new(types).is_ok(), "{version:?}");
    }
}

#[test]
fn rows_stand_where_their_fields_say() {
    for (at, row) in TABLE.iter().enumerate() {
        assert_eq!(row.field as usize, at, "{:?}", row.field);
    }
    let names = structures();
    assert!(names.contains(&"task_struct") && names.contains(&"rwsem_waiter") && names.is_sorted());
    assert_eq!(enumerations(), ["node_stat_item", "zone_stat_item"]);
}

#[test]
fn types_without_a_task_are_refused_by_name() {
    let Err(Missing(missing)) = Layout::new(&Types::default()) else { panic!("there are no types") };
    assert!(missing.contains(&"task_struct.__state or task_struct.state".to_owned()), "{missing:?}");
}
