//! Old trees with today's tools: which flags and patches a version needs with a compiler.
//! Lives here: the table of rules, by kernel version and tools (pure), and its patches (`kernel-configs/patches/compat/`).
//! May not live here: applying them.

mod rules;

use rules::Act::{Cc, Ld, Patch, Variable};
use rules::{EVER, RULES, Rule};
use std::collections::BTreeMap;

/// The tools that decide what a tree needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tools {
    /// `gcc` or `clang`.
    pub compiler: String,
    /// Its major and minor version.
    pub compiler_version: (u32, u32),
    /// Of `ld -v`.
    pub linker_version: (u32, u32),
}

/// What a tree needs to build.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Needs {
    /// Variables of make, `KCFLAGS`, `HOSTCFLAGS`, …; what the user gives is appended to flags and replaces the rest.
    pub make: BTreeMap<String, String>,
    /// Flags that go behind the compiler's name in `CC`: boot code, vDSO and the like are compiled without `KCFLAGS`.
    pub cc_flags: Vec<&'static str>,
    /// Flags that go behind the linker's name in `LD`.
    pub ld_flags: Vec<&'static str>,
    /// Patches by name, with their text; a patch that does not apply to a tree that has it already is left out.
    pub patches: Vec<(&'static str, &'static str)>,
    /// For people: what was done and whether that was ever seen to build.
    pub notes: Vec<String>,
}

/// Variables of make whose value is a list of flags.
const FLAGS: [&str; 8] =
    ["KCFLAGS", "KAFLAGS", "KCPPFLAGS", "HOSTCFLAGS", "HOSTCXXFLAGS", "HOSTLDFLAGS", "CFLAGS_KERNEL", "AFLAGS_KERNEL"];

/// What a kernel of this version needs with these tools.
pub fn needs(version: (u32, u32, u32), tools: &Tools) -> Needs {
    let mut needs = Needs::default();
    let wanted = (version.0, version.1);
    for rule in RULES.iter().filter(|rule| rule.from <= wanted && wanted < rule.until && (rule.with)(tools)) {
        for act in rule.acts {
            match *act {
                Variable(name, value) => add(&mut needs.make, name, value),
                Cc(flag) => needs.cc_flags.push(flag),
                Ld(flag) => needs.ld_flags.push(flag),
                Patch(name, text) => needs.patches.push((name, text)),
            }
        }
        if rule.until != EVER {
            needs.notes.push(note(rule));
        }
    }
    needs
}

fn note(rule: &Rule) -> String {
    let act = |act: &rules::Act| match act {
        Variable(name, value) => format!("{name}={value}"),
        Cc(flag) => format!("CC with {flag}"),
        Ld(flag) => format!("LD with {flag}"),
        Patch(name, _) => format!("patch {name}"),
    };
    let acts = rule.acts.iter().map(act).collect::<Vec<_>>().join(", ");
    let seen = rule.seen.map_or("not seen built here".into(), |seen| format!("seen: {seen}"));
    format!("before {}.{}: {acts} ({}; upstream: {}; {seen})", rule.until.0, rule.until.1, rule.why, rule.upstream)
}

/// Appends to a list of flags, replaces what is none.
fn add(make: &mut BTreeMap<String, String>, name: &str, value: &str) {
    match make.get_mut(name) {
        Some(flags) if FLAGS.contains(&name) => {
            flags.push(' ');
            flags.push_str(value);
        }
        _ => {
            make.insert(name.to_owned(), value.to_owned());
        }
    }
}

impl Needs {
    /// The variables that make gets: these, with the user's own behind flags and in place of the rest.
    pub fn variables(&self, user: &BTreeMap<String, String>) -> BTreeMap<String, String> {
        let mut make = self.make.clone();
        for (name, value) in user {
            add(&mut make, name, value);
        }
        for (name, program, flags) in [("CC", "gcc", &self.cc_flags), ("LD", "ld", &self.ld_flags)] {
            if !flags.is_empty() {
                let program = make.get(name).map_or(program, String::as_str);
                let command = format!("{program} {}", flags.join(" "));
                make.insert(name.to_owned(), command);
            }
        }
        make
    }
}

/// Why a tree of this version refuses such tools; `None` where they are new enough (scripts/min-tool-version.sh and, before
/// 5.12, include/linux/compiler-gcc.h).
pub fn too_old(version: (u32, u32, u32), tools: &Tools) -> Option<String> {
    // From that version on, at least these.
    const GCC: [((u32, u32), (u32, u32)); 4] =
        [((6, 15), (8, 1)), ((5, 15), (5, 1)), ((5, 8), (4, 9)), ((4, 19), (4, 6))];
    const BINUTILS: [((u32, u32), (u32, u32)); 4] =
        [((6, 16), (2, 30)), ((6, 2), (2, 25)), ((5, 7), (2, 23)), ((5, 3), (2, 21))];
    let wanted = (version.0, version.1);
    let least = |table: [((u32, u32), (u32, u32)); 4]| {
        table.into_iter().find(|(from, _)| *from <= wanted).map(|(_, least)| least)
    };
    if tools.compiler != "gcc" {
        return None;
    }
    let (compiler, linker) = (tools.compiler_version, tools.linker_version);
    let refuse = |what: &str, (major, minor): (u32, u32), found: (u32, u32)| {
        let (kernel, patch) = wanted;
        format!("Linux {kernel}.{patch} needs {what} {major}.{minor} or later, this is {}.{}", found.0, found.1)
    };
    match (least(GCC), least(BINUTILS)) {
        (Some(least), _) if compiler < least => Some(refuse("gcc", least, compiler)),
        (_, Some(least)) if linker < least => Some(refuse("binutils", least, linker)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gcc_tools(major: u32, minor: u32) -> Tools {
        Tools { compiler: "gcc".into(), compiler_version: (major, 2), linker_version: (2, minor) }
    }

    fn patches(version: (u32, u32, u32), tools: &Tools) -> Vec<&'static str> {
        needs(version, tools).patches.into_iter().map(|(name, _)| name).collect()
    }

    #[test]
    fn a_tree_of_today_needs_nothing_but_its_architecture() {
        let needs = needs((6, 18, 0), &gcc_tools(12, 40));
        assert_eq!(needs.make, BTreeMap::from([("ARCH".into(), "x86_64".into())]));
        assert!(needs.patches.is_empty() && needs.cc_flags.is_empty() && needs.notes.is_empty());
    }

    #[test]
    fn the_oldest_tree_with_the_newest_tools_needs_everything() {
        let needs = needs((3, 10, 108), &gcc_tools(12, 40));
        let expected = ["-std=gnu89", "-fno-pie", "-fcf-protection=none", "-fcommon"];
        assert_eq!(
            (needs.cc_flags.as_slice(), needs.ld_flags.as_slice()),
            (&expected[..], &["-z max-page-size=0x200000"][..])
        );
        assert_eq!(needs.make["KCFLAGS"], "-fno-stack-protector -Wno-error");
        assert!(!needs.make.contains_key("WERROR"), "it has no objtool");
        let names: Vec<_> = needs.patches.iter().map(|(name, _)| *name).collect();
        let all = ["compiler-gcc-newer", "log2-nan", "make-number-sign", "early-idt-padding", "relocs-x86-64-plt32"];
        assert_eq!(names, all);
        assert!(needs.notes.iter().all(|note| note.contains("seen")), "{:?}", needs.notes);
    }

    #[test]
    fn an_older_compiler_needs_less() {
        let old = gcc_tools(4, 25);
        assert_eq!(patches((4, 0, 9), &old), ["make-number-sign"]);
        assert!(needs((4, 0, 9), &old).cc_flags.is_empty());
        // What a 4.0 kernel was built and booted with: gcc 9 and binutils 2.35.
        assert_eq!(needs((4, 0, 9), &gcc_tools(9, 35)).cc_flags, ["-fno-pie", "-fcf-protection=none"]);
        let expected =
            ["compiler-gcc-newer", "log2-nan", "make-number-sign", "early-idt-padding", "relocs-x86-64-plt32"];
        assert_eq!(patches((4, 0, 9), &gcc_tools(9, 35)), expected);
    }

    #[test]
    fn rules_end_with_the_version_that_needs_them_no_more() {
        let tools = gcc_tools(12, 40);
        assert_eq!(patches((5, 10, 262), &tools), ["objtool-no-symbols"]);
        assert!(patches((5, 11, 0), &tools).is_empty());
        assert_eq!(needs((5, 10, 262), &tools).make["WERROR"], "0");
        assert!(needs((6, 13, 0), &gcc_tools(15, 44)).cc_flags.contains(&"-std=gnu11"));
        assert!(needs((6, 14, 0), &gcc_tools(15, 44)).cc_flags.is_empty());
    }

    #[test]
    fn gccs_rules_are_not_for_clang() {
        let clang = Tools { compiler: "clang".into(), compiler_version: (19, 1), linker_version: (19, 1) };
        let needs = needs((4, 14, 0), &clang);
        assert_eq!((needs.cc_flags.len(), needs.ld_flags.len(), needs.patches.len()), (0, 0, 2));
        assert_eq!(too_old((6, 16, 0), &clang), None);
    }

    #[test]
    fn what_the_user_gives_is_appended_to_flags_and_replaces_the_rest() {
        let user = [("KCFLAGS", "-O1"), ("CC", "ccache gcc-9"), ("ARCH", "x86"), ("V", "1")];
        let user = user.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        let make = needs((4, 4, 0), &gcc_tools(9, 35)).variables(&user);
        assert_eq!((&*make["KCFLAGS"], &*make["ARCH"], &*make["V"]), ("-Wno-error -O1", "x86", "1"));
        assert_eq!(make["CC"], "ccache gcc-9 -fno-pie -fcf-protection=none");
        assert_eq!(make["LD"], "ld -z max-page-size=0x200000");
        assert!(!needs((6, 1, 0), &gcc_tools(12, 40)).variables(&BTreeMap::new()).contains_key("CC"));
    }

    #[test]
    fn tools_that_a_tree_refuses() {
        let refused = |version, tools| too_old(version, &tools).unwrap_or_default();
        assert_eq!(refused((6, 16, 0), gcc_tools(7, 40)), "Linux 6.16 needs gcc 8.1 or later, this is 7.2");
        assert_eq!(refused((6, 16, 0), gcc_tools(9, 28)), "Linux 6.16 needs binutils 2.30 or later, this is 2.28");
        assert_eq!(refused((5, 10, 0), gcc_tools(4, 40)), "Linux 5.10 needs gcc 4.9 or later, this is 4.2");
        assert_eq!(too_old((3, 10, 0), &gcc_tools(4, 20)), None);
    }

    #[test]
    fn patches_say_until_when_they_are_needed_and_what_ended_that() {
        for rule in RULES {
            for act in rule.acts {
                let Patch(name, text) = act else { continue };
                assert!(text.contains("\nNeeded up to ") && text.contains("Upstream: "), "{name}");
                assert!(rule.upstream.split(", ").any(|commit| text.contains(commit)), "{name}: {}", rule.upstream);
            }
        }
    }
}
