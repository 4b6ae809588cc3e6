//! Options that go by different names in different versions.
//! Lives here: the table.
//! May not live here: what is done with it (`merge`, `report`).

/// Names of one thing, oldest first, with the version that renamed it. Only names with the same meaning of `y` and `n`.
const RENAMED: &[&[&str]] = &[
    // kernel/watchdog.c, 4.13: LOCKUP_DETECTOR lost its prompt.
    &["LOCKUP_DETECTOR", "SOFTLOCKUP_DETECTOR"],
    // 4.14, 4.15.
    &["ORC_UNWINDER", "UNWINDER_ORC"],
    &["FRAME_POINTER_UNWINDER", "UNWINDER_FRAME_POINTER"],
    &["GUESS_UNWINDER", "UNWINDER_GUESS"],
    // drivers/misc/pvpanic, 5.13: PVPANIC became a menu.
    &["PVPANIC", "PVPANIC_MMIO"],
    // 5.18: one option became a choice.
    &["DEBUG_INFO", "DEBUG_INFO_DWARF_TOOLCHAIN_DEFAULT"],
    // 4.18: no longer named after the compiler.
    &["CC_STACKPROTECTOR", "STACKPROTECTOR"],
    &["CC_STACKPROTECTOR_STRONG", "STACKPROTECTOR_STRONG"],
    // arch/x86/Kconfig, 6.9: what guards against the processor's bugs.
    &["PAGE_TABLE_ISOLATION", "MITIGATION_PAGE_TABLE_ISOLATION"],
    &["RETPOLINE", "MITIGATION_RETPOLINE"],
    &["RETHUNK", "MITIGATION_RETHUNK"],
    &["SPECULATION_MITIGATIONS", "CPU_MITIGATIONS"],
];

/// Options of which one stands for the others in different versions, so that the lack of one is no news where another is on.
const STANDS_FOR: &[&[&str]] = &[
    // How stacks are unwound: a choice from 4.14 on.
    &["FRAME_POINTER", "UNWINDER_FRAME_POINTER", "ORC_UNWINDER", "UNWINDER_ORC"],
    // kernel/Kconfig.preempt: lazy preemption came with 6.13; 7.2 has no voluntary one on x86 any more.
    &["PREEMPT_VOLUNTARY", "PREEMPT_LAZY"],
];

/// The other names of an option.
pub fn same(name: &str) -> impl Iterator<Item = &'static str> {
    others(RENAMED, name)
}

/// Options whose being on makes this one's being off no news, other names included.
pub fn stand_ins(name: &str) -> impl Iterator<Item = &'static str> {
    others(RENAMED, name).chain(others(STANDS_FOR, name))
}

fn others(table: &'static [&'static [&'static str]], name: &str) -> impl Iterator<Item = &'static str> {
    let group = table.iter().find(|group| group.contains(&name)).copied().unwrap_or_default();
    let own = group.iter().find(|other| **other == name).copied();
    group.iter().copied().filter(move |other| Some(*other) != own)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_names_without_ones_own() {
        assert_eq!(same("UNWINDER_ORC").collect::<Vec<_>>(), ["ORC_UNWINDER"]);
        assert_eq!(same("PSI").count(), 0);
        assert_eq!(stand_ins("PREEMPT_VOLUNTARY").collect::<Vec<_>>(), ["PREEMPT_LAZY"]);
        assert!(stand_ins("FRAME_POINTER").any(|name| name == "UNWINDER_ORC"));
    }

    #[test]
    fn no_name_is_in_two_groups() {
        for table in [RENAMED, STANDS_FOR] {
            let mut names: Vec<_> = table.iter().copied().flatten().collect();
            let all = names.len();
            names.sort();
            names.dedup();
            assert_eq!(names.len(), all);
        }
    }
}
