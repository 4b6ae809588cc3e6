//! Reading Kconfig, on texts made here.
//! Lives here: symbols with their places, dependencies and prompts; what damage does.
//! May not live here: a kernel's own files.

#![allow(clippy::unwrap_used)]
use super::*;

const TREE: &[(&str, &str)] = &[
    (
        "Kconfig",
        "mainmenu \"Linux\"\nsource \"arch/$(SRCARCH)/Kconfig\"\nsource \"fs/Kconfig\" # both\n\
         source \"gone/Kconfig\"\nsource \"../outside/Kconfig\"\nsource \"fs/Kconfig\"\n",
    ),
    ("../outside/Kconfig", "config OUTSIDE\n\tbool\n"),
    (
        "arch/x86/Kconfig",
        "config X86_64\n\tdef_bool y\n\tselect HAVE_A if SMP\n\tselect HAVE_B\n\
         config HAVE_A\n\tbool\n\
         config HAVE_B\n\tbool\n",
    ),
    (
        "fs/Kconfig",
        "menu \"File systems\"\n\tdepends on BLOCK\n\
         if MMU\n\
         config XFS_FS\n\ttristate \"XFS \\\" if x\" if EXPERT\n\tdepends on A && \\\n\t\t(B || C)\n\tselect HAVE_A\n\
         \thelp\n\t  Text that reads like Kconfig:\n\n\t    config NOT_ONE\n\t  depends on NOTHING\n\
         \tdepends on D\n\
         endif\n\
         endmenu\n\
         config EXT4_FS\n\tbool 'ext4'\n\
         choice\n\tprompt \"How\"\n\tdepends on E\n\
         config HOW_ONE\n\tbool \"One\"\n\
         if Z\nconfig HOW_TWO\n\tbool\n\tprompt \"Two\" if(F)\nendif\n\
         endchoice\n\
         comment \"Depends on nothing\"\n\tdepends on G\n\
         menuconfig LAST\n\tbool \"Last\"\n",
    ),
];

fn read() -> Symbols {
    let find = |path: &Path| TREE.iter().find(|(name, _)| Path::new(name) == path);
    Symbols::read(|path| find(path).map(|(_, text)| (*text).to_owned()))
}

fn depends(symbols: &Symbols, name: &str) -> Vec<String> {
    symbols.symbols[name].definitions[0].depends.iter().map(ToString::to_string).collect()
}

#[test]
fn definitions_with_all_that_is_around_them() {
    let symbols = read();
    let xfs = &symbols.symbols["XFS_FS"].definitions;
    assert_eq!(xfs.len(), 1, "a file that is sourced twice is read once");
    assert_eq!(xfs[0].place, ("fs/Kconfig".into(), 4));
    assert!(xfs[0].prompt && xfs[0].prompt_if == Some(Expression::parse("EXPERT")));
    assert_eq!(depends(&symbols, "XFS_FS"), ["A && (B || C)", "D", "BLOCK", "MMU"]);
    assert!(depends(&symbols, "EXT4_FS").is_empty() && depends(&symbols, "LAST").is_empty());
    assert!(!symbols.symbols["X86_64"].definitions[0].prompt);
    for name in ["NOT_ONE", "OUTSIDE"] {
        assert!(!symbols.has(name), "{name}");
    }
}

#[test]
fn what_selects_an_option() {
    let symbols = read();
    let by = &symbols.symbols["HAVE_A"].selected_by;
    assert_eq!(by[0], ("X86_64".into(), Some(Expression::parse("SMP"))));
    assert_eq!(by[1], ("XFS_FS".into(), None));
}

#[test]
fn members_of_a_choice() {
    let symbols = read();
    assert_eq!(symbols.choices, [["HOW_ONE", "HOW_TWO"]]);
    let two = &symbols.symbols["HOW_TWO"].definitions[0];
    assert_eq!((two.choice, &two.prompt_if), (Some(0), &Some(Expression::parse("(F)"))));
    assert_eq!(depends(&symbols, "HOW_TWO"), ["E", "Z"]);
}

#[test]
fn a_near_name_is_found_and_a_far_one_is_not() {
    let symbols = read();
    assert_eq!(symbols.nearest("XSF_FS"), Some("XFS_FS"));
    assert_eq!(symbols.nearest("EXT4_F"), Some("EXT4_FS"));
    assert_eq!(symbols.nearest("RESOURCE_COUNTERS"), None);
    assert_eq!(symbols.nearest("HAV_E_X"), None);
}
