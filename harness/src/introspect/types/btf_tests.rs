//! What is read of BTF that was made by hand, whole and damaged.
//! Lives here: every kind of type, and what is not to be found.
//! May not live here: how the section is written (`made`).

use super::made::Btf;
use super::{Bits, Elements, Member, NotRead, Types};
use proptest::prelude::*;

/// Of a structure: its fields' places have a bit-field's width in the upper 8 bits.
const FLAG: u32 = 1 << 31;

/// Something like a task_struct, with every kind of type in it.
fn task() -> Btf {
    let mut btf = Btf::new();
    let (int, long) = (btf.int("int", 4, true), btf.int("unsigned long", 8, false));
    let pointer = btf.add("", 2 << 24, 0, &[]);
    let chars = btf.add("", 3 << 24, 0, &[int, int, 4]);
    let table = btf.add("", 3 << 24, 0, &[chars, int, 3]);
    let list = btf.structure("list_head", 16, 0, &[("next", pointer, 0, 0), ("prev", pointer, 64, 0)]);
    btf.add("unfinished", 7 << 24, 0, &[]);
    let entity = btf.structure("sched_entity", 24, 0, &[("on_rq", int, 0, 0), ("exec_start", long, 64, 0)]);
    let alias = btf.add("se_t", 8 << 24, entity, &[]);
    let volatile = btf.add("", 9 << 24, alias, &[]);
    let constant = btf.add("", 10 << 24, volatile, &[]);
    let restrict = btf.add("", 11 << 24, constant, &[]);
    let tagged = btf.add("rcu", 18 << 24, restrict, &[]);
    let inner = btf.structure("", 16, FLAG, &[("one", int, 0, 0), ("flag", int, 43, 3), ("wide", long, 64, 0)]);
    let (deep, anything) = (btf.string("deep"), btf.string(""));
    let union = btf.add("", 5 << 24 | 2, 16, &[deep, int, 0, anything, inner, 0]);
    btf.add("run", 12 << 24, 0, &[]);
    btf.add("", 13 << 24 | 2, 0, &[0, int, 0, long]);
    btf.add("init_task", 14 << 24, 0, &[1]);
    btf.add(".data", 15 << 24 | 1, 8, &[1, 0, 8]);
    let float = btf.add("double", 16 << 24, 8, &[]);
    btf.add("tag", 17 << 24, 1, &[0]);
    let fields = [
        ("__state", int, 0, 0),
        ("tasks", list, 64, 0),
        ("se", tagged, 192, 0),
        ("", union, 384, 0),
        ("comm", table, 512, 0),
        ("gone", 7, 896, 0),
        ("f", float, 960, 0),
    ];
    btf.structure("task_struct", 128, 0, &fields);
    let (a, b, c) = (btf.string("NR_FREE_PAGES"), btf.string("NR_LESS"), btf.string("NR_HUGE"));
    btf.add("zone_stat_item", FLAG | 6 << 24 | 2, 4, &[a, 7, b, -2_i32 as u32]);
    btf.add("", 19 << 24 | 1, 8, &[c, 5, 1]);
    btf
}

fn at(offset: u64, size: u64) -> Member {
    Member { offset, size, bits: None, pointer: false, signed: false, elements: None }
}

#[test]
fn fields_are_found_through_names_and_without() {
    let types = task().read().unwrap();
    let member = |path| types.member("task_struct", path);
    assert_eq!(member("__state"), Some(Member { signed: true, ..at(0, 4) }));
    assert_eq!(member("tasks.prev"), Some(Member { pointer: true, ..at(16, 8) }));
    assert_eq!(member("tasks"), Some(at(8, 16)));
    assert_eq!(member("se.exec_start"), Some(at(32, 8)));
    assert_eq!(member("deep").map(|found| found.offset), Some(48));
    assert_eq!(member("wide"), Some(at(56, 8)));
    assert_eq!(member("comm"), Some(Member { elements: Some(Elements { count: 3, size: 16 }), ..at(64, 48) }));
    let flag = Member { bits: Some(Bits { shift: 3, width: 3 }), signed: true, ..at(53, 1) };
    assert_eq!(member("flag"), Some(flag));
    for none in ["nothing", "", "tasks.", ".tasks", "tasks.next.next", "gone", "comm.x"] {
        assert_eq!(member(none), None, "{none}");
    }
    assert_eq!(types.member("se_t", "exec_start").map(|found| found.offset), Some(8));
    assert_eq!(types.member("no_struct", "x"), None);
}

#[test]
fn sizes_and_enumerators_have_names() {
    let types = task().read().unwrap();
    assert_eq!((types.size_of("task_struct"), types.size_of("se_t")), (Some(128), Some(24)));
    assert_eq!((types.size_of("unfinished"), types.size_of("")), (None, None));
    assert_eq!((types.enumerator("NR_FREE_PAGES"), types.enumerator("NR_LESS")), (Some(7), Some(-2)));
    assert_eq!((types.enumerator("NR_HUGE"), types.enumerator("NR_NONE")), (Some(1 << 32 | 5), None));
}

#[test]
fn a_tag_goes_before_a_typedef_and_the_first_before_later_ones() {
    let mut btf = Btf::new();
    let int = btf.int("int", 4, true);
    btf.add("page", 8 << 24, int, &[]);
    btf.structure("page", 64, 0, &[("flags", int, 0, 0)]);
    btf.structure("page", 32, 0, &[]);
    let mut types = btf.read().unwrap();
    assert_eq!(types.size_of("page"), Some(64));
    types.add(task().read().unwrap());
    assert_eq!((types.size_of("page"), types.size_of("task_struct")), (Some(64), Some(128)));
    assert_eq!(types.member("task_struct", "se.exec_start"), Some(at(32, 8)));
    assert_eq!(
        (types.member("page", "flags"), types.enumerator("NR_LESS")),
        (Some(Member { signed: true, ..at(0, 4) }), Some(-2))
    );
}

#[test]
fn kinds_to_come_are_passed_where_the_section_says_how() {
    let mut btf = Btf::new();
    btf.add("", 20 << 24 | 2, 0, &[1, 2, 3]);
    let int = btf.int("int", 4, true);
    btf.structure("s", 4, 0, &[("x", int, 0, 0)]);
    assert_eq!(btf.read().map(|_| ()), Err(NotRead::UnknownKind { kind: 20 }));
    btf.layout = [vec![0; 80], vec![4, 4, 0, 0]].concat();
    assert_eq!(btf.read().unwrap().member("s", "x"), Some(Member { signed: true, ..at(0, 4) }));
}

#[test]
fn types_that_lead_to_themselves_end() {
    let mut btf = Btf::new();
    btf.add("loop", 8 << 24, 1, &[]);
    btf.structure("s", 8, 0, &[("", 2, 0, 0), ("", 2, 0, 0), ("a", 4, 0, 0), ("next", 2, 0, 0)]);
    btf.add("", 3 << 24, 0, &[4, 1, u32::MAX]);
    btf.add("", 3 << 24, 0, &[3, 1, u32::MAX]);
    let types = btf.read().unwrap();
    assert_eq!((types.size_of("loop"), types.member("s", "x"), types.member("s", "a")), (None, None, None));
    assert_eq!(types.member("s", "next.next.next").map(|found| found.size), Some(8));
}

#[test]
fn damage_is_named() {
    let good = task().bytes();
    let read = |bytes: &[u8]| Types::from_btf(bytes).map(|_| ()).unwrap_err().to_string();
    assert_eq!(read(&good[..20]), "its BTF is damaged: its header points behind its end");
    assert_eq!(read(b"\x7fELF"), "its BTF is damaged: it starts with 0x457f, version 76, not 0xeb9f, 1");
    let mut cut = good.clone();
    cut[12] -= 4; // type_len
    assert_eq!(read(&cut), "its BTF is damaged: its last type is cut off");
    assert!(matches!(Types::from_elf(&good, &[]), Err(NotRead::Elf(_))));
}

proptest! {
    #[test]
    fn damage_is_survived(damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..12)) {
        let mut bytes = task().bytes();
        for (at, value) in damage {
            *at.get_mut(&mut bytes) = value;
        }
        if let Ok(types) = Types::from_btf(&bytes) {
            for path in ["__state", "tasks.prev", "se.exec_start", "deep", "flag", "comm"] {
                types.member("task_struct", path);
            }
            types.size_of("task_struct");
            let mut all = task().read().unwrap();
            all.add(types);
            prop_assert_eq!(all.size_of("task_struct"), Some(128));
        }
    }

    #[test]
    fn any_bytes_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..512)) {
        prop_assert!(Types::from_btf(&bytes).is_err());
    }
}
