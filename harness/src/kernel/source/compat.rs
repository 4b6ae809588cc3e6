//! Old trees with today's tools: which flags and patches a version needs with a compiler.
//! Lives here: the table of rules, by kernel version and tools (pure), and its patches (`kernel-configs/patches/compat/`).
//! May not live here: applying them.

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

/// What a rule does.
enum Act {
    Variable(&'static str, &'static str),
    Cc(&'static str),
    Ld(&'static str),
    Patch(&'static str, &'static str),
}
use Act::{Cc, Ld, Patch, Variable};

/// A rule: kernels from `from` up to and not including `until` need it with such tools.
struct Rule {
    from: (u32, u32),
    until: (u32, u32),
    with: fn(&Tools) -> bool,
    acts: &'static [Act],
    /// What happens without it.
    why: &'static str,
    /// The commit that ended the need.
    upstream: &'static str,
    /// Where it was seen to build and boot; `None` where no such tree could be had.
    seen: Option<&'static str>,
}

const EVER: (u32, u32) = (u32::MAX, 0);

/// Sources, where a rule names only the commit: that commit, and the kernel's history of breakage by gcc and binutils
/// release as the ClangBuiltLinux, syzkaller and gcc-kernel projects keep it.
const RULES: &[Rule] = &[
    Rule {
        from: (0, 0),
        until: EVER,
        with: |_| true,
        acts: &[Variable("ARCH", "x86_64")],
        why: "with ARCH=x86, tinyconfig and allnoconfig lead to a 32-bit kernel",
        upstream: "arch/x86/Kconfig, 64BIT",
        seen: Some("5.10, 6.1 and 7.2 with gcc 12 and binutils 2.40"),
    },
    Rule {
        from: (0, 0),
        until: (4, 2),
        with: |tools| gcc(tools, 5),
        acts: &[Patch(
            "compiler-gcc-newer",
            include_str!("../../../../kernel-configs/patches/compat/compiler-gcc-newer.patch"),
        )],
        why: "the tree includes a header by gcc's major version and has none for this one",
        upstream: "cb984d101b30",
        seen: None,
    },
    Rule {
        from: (0, 0),
        until: (3, 18),
        with: |tools| gcc(tools, 5),
        acts: &[Cc("-std=gnu89")],
        why: "gcc takes `extern inline` as newer standards do, and functions are defined twice",
        upstream: "51b97e354ba9",
        seen: None,
    },
    Rule {
        from: (3, 18),
        until: (6, 14),
        with: |tools| gcc(tools, 15),
        acts: &[Cc("-std=gnu11")],
        why: "`bool` is a keyword in gcc 15's own standard, and boot code is compiled without a standard named",
        upstream: "b3bee1e7c3f2 (6.7), ee2ab467bddf (6.14)",
        seen: None,
    },
    Rule {
        from: (0, 0),
        until: (4, 9),
        with: |tools| gcc(tools, 5),
        acts: &[Cc("-fno-pie")],
        why: "distributions build gcc so that it makes position-independent executables unless told otherwise",
        upstream: "8ae94224c9d7, c6a385539175",
        seen: None,
    },
    Rule {
        from: (0, 0),
        until: (5, 3),
        with: |tools| gcc(tools, 8),
        acts: &[Cc("-fcf-protection=none")],
        why: "distributions build gcc so that it marks branch targets, which retpolines cannot be compiled with",
        upstream: "29be86d7f9cb",
        seen: None,
    },
    Rule {
        from: (0, 0),
        until: (5, 6),
        with: |tools| gcc(tools, 10),
        acts: &[Cc("-fcommon"), Variable("HOSTCFLAGS", "-fcommon")],
        why: "variables that are defined twice do not link: yylloc of dtc, __force_order of the decompressor",
        upstream: "e33a814e772c, df6d4f9db79c",
        seen: None,
    },
    Rule {
        from: (0, 0),
        until: (5, 7),
        with: |tools| gcc(tools, 10),
        acts: &[Variable("KCFLAGS", "-fno-stack-protector")],
        why: "with a stack protector the kernel panics in start_secondary at boot",
        upstream: "a9a3ed1eff36",
        seen: None,
    },
    Rule {
        from: (0, 0),
        until: (5, 15),
        with: |tools| gcc(tools, 7),
        acts: &[Variable("KCFLAGS", "-Wno-error")],
        why: "directories that are compiled with -Werror fail on warnings of a newer gcc",
        upstream: "CONFIG_WERROR, 3fe617ccafd6",
        seen: Some("5.10 with gcc 12"),
    },
    Rule {
        from: (4, 6),
        until: (5, 17),
        with: |tools| gcc(tools, 12),
        acts: &[Variable("WERROR", "0")],
        why: "objtool's library fails on a warning of gcc 12",
        upstream: "52a9dab6d892",
        seen: Some("5.10 with gcc 12, whose stable release has the correction as well"),
    },
    Rule {
        from: (0, 0),
        until: (4, 11),
        with: |tools| gcc(tools, 7),
        acts: &[Patch("log2-nan", include_str!("../../../../kernel-configs/patches/compat/log2-nan.patch"))],
        why: "gcc compiles calls of ____ilog2_NaN, which does not exist",
        upstream: "474c90156c8d",
        seen: None,
    },
    Rule {
        from: (0, 0),
        until: (4, 17),
        with: |_| true,
        acts: &[Patch(
            "make-number-sign",
            include_str!("../../../../kernel-configs/patches/compat/make-number-sign.patch"),
        )],
        why: "make 4.3 reads `\\#` otherwise, and every file is compiled again in each build",
        upstream: "9564a8cf422d",
        seen: None,
    },
    Rule {
        from: (0, 0),
        until: (4, 1),
        with: |tools| binutils(tools, 26),
        acts: &[Patch(
            "early-idt-padding",
            include_str!("../../../../kernel-configs/patches/compat/early-idt-padding.patch"),
        )],
        why: "the assembler shortens jumps in a table of fixed stride, and the kernel halts silently at boot",
        upstream: "425be5679fd2",
        seen: None,
    },
    Rule {
        from: (0, 0),
        until: (4, 16),
        with: |tools| binutils(tools, 31),
        acts: &[
            Ld("-z max-page-size=0x200000"),
            Patch(
                "relocs-x86-64-plt32",
                include_str!("../../../../kernel-configs/patches/compat/relocs-x86-64-plt32.patch"),
            ),
        ],
        why: "the linker aligns to 4 KiB where the kernel needs 2 MiB, and the kernel's own tools do not know R_X86_64_PLT32",
        upstream: "e3d03598e8ae, b21ebf2fb4cd",
        seen: None,
    },
    Rule {
        from: (0, 0),
        until: (5, 12),
        with: |tools| tools.compiler == "clang" && tools.compiler_version.0 >= 12,
        acts: &[Patch(
            "relocs-386-plt32",
            include_str!("../../../../kernel-configs/patches/compat/relocs-386-plt32.patch"),
        )],
        why: "the tool that relocates real-mode code does not know R_386_PLT32",
        upstream: "bb73d07148c4",
        seen: None,
    },
    Rule {
        from: (4, 6),
        until: (5, 11),
        with: |tools| binutils(tools, 36),
        acts: &[Patch(
            "objtool-no-symbols",
            include_str!("../../../../kernel-configs/patches/compat/objtool-no-symbols.patch"),
        )],
        why: "objtool refuses an object without symbols, as newer assemblers write it for an empty file",
        upstream: "1d489151e9f9",
        seen: Some("5.10 with binutils 2.40, whose stable release has the correction"),
    },
];

fn gcc(tools: &Tools, from: u32) -> bool {
    tools.compiler == "gcc" && tools.compiler_version.0 >= from
}

/// The minor version of binutils 2. ld.lld has versions of its own.
fn binutils(tools: &Tools, minor: u32) -> bool {
    tools.compiler == "gcc" && tools.linker_version >= (2, minor)
}

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
    let act = |act: &Act| match act {
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
