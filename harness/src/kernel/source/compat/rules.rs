//! The rules for old trees.
//! Lives here: the table, one entry a kind of trouble.
//! May not live here: what is made of it (`super`).

use super::Tools;
use Act::{Cc, Ld, Patch, Variable};

/// What a rule does.
pub enum Act {
    /// Sets a variable of make, or adds to one that holds flags.
    Variable(&'static str, &'static str),
    /// A flag behind the compiler's name.
    Cc(&'static str),
    /// A flag behind the linker's name.
    Ld(&'static str),
    /// A patch: name and text.
    Patch(&'static str, &'static str),
}

/// A rule: kernels from `from` up to and not including `until` need it with such tools.
pub struct Rule {
    /// Major and minor.
    pub from: (u32, u32),
    /// The first that does not need it.
    pub until: (u32, u32),
    /// With which tools.
    pub with: fn(&Tools) -> bool,
    /// What it does.
    pub acts: &'static [Act],
    /// What happens without it.
    pub why: &'static str,
    /// The commit that ended the need.
    pub upstream: &'static str,
    /// Where it was seen to build and boot; `None` where no such tree could be had.
    pub seen: Option<&'static str>,
}

/// No end.
pub const EVER: (u32, u32) = (u32::MAX, 0);

/// Sources, where a rule names only the commit: that commit, and the kernel's history of breakage by gcc and binutils
/// release as the ClangBuiltLinux, syzkaller and gcc-kernel projects keep it.
pub const RULES: &[Rule] = &[
    Rule {
        from: (0, 0),
        until: EVER,
        with: |_| true,
        acts: &[Variable("ARCH", "x86_64")],
        why: "with ARCH=x86, tinyconfig and allnoconfig lead to a 32-bit kernel",
        upstream: "arch/x86/Kconfig, 64BIT",
        seen: Some("5.10 and 6.1 with gcc 12 and binutils 2.40"),
    },
    Rule {
        from: (0, 0),
        until: (4, 2),
        with: |tools| gcc(tools, 5),
        acts: &[Patch(
            "compiler-gcc-newer",
            include_str!("../../../../../kernel-configs/patches/compat/compiler-gcc-newer.patch"),
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
        acts: &[Patch("log2-nan", include_str!("../../../../../kernel-configs/patches/compat/log2-nan.patch"))],
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
            include_str!("../../../../../kernel-configs/patches/compat/make-number-sign.patch"),
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
            include_str!("../../../../../kernel-configs/patches/compat/early-idt-padding.patch"),
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
                include_str!("../../../../../kernel-configs/patches/compat/relocs-x86-64-plt32.patch"),
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
            include_str!("../../../../../kernel-configs/patches/compat/relocs-386-plt32.patch"),
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
            include_str!("../../../../../kernel-configs/patches/compat/objtool-no-symbols.patch"),
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
