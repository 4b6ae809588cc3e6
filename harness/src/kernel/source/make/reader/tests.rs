//! Lines as make 4.3, gcc 12 and binutils 2.40 printed them while building Linux 6.1.192.
#![allow(clippy::unwrap_used)]
use super::*;

fn read(text: &str) -> Reader {
    let mut reader = Reader::new(["/build", "/src/linux"].map(Path::new));
    text.lines().for_each(|line| reader.line(line));
    reader
}

#[test]
fn steps_of_every_kind_are_known() {
    let is = |line, command, target| assert_eq!(step(line), Some((command, target)), "{line}");
    is("  CC      mm/oom_kill.o", "CC", "mm/oom_kill.o");
    is("  CC [M]  fs/xfs/xfs_aops.o", "CC", "fs/xfs/xfs_aops.o");
    is("  AR      built-in.a", "AR", "built-in.a");
    is("  HOSTCC  scripts/basic/fixdep", "HOSTCC", "scripts/basic/fixdep");
    is("  BTF [M] fs/xfs/xfs.ko", "BTF", "fs/xfs/xfs.ko");
    is("  CC [U]  samples/x", "CC", "samples/x");
    is("  VDSO2C  arch/x86/entry/vdso/vdso-image-64.c", "VDSO2C", "arch/x86/entry/vdso/vdso-image-64.c");
    is("  CHK     include/generated/compile.h", "CHK", "include/generated/compile.h");
    for line in [
        "",
        "  ",
        "   12 |   Foo bar",
        "      |   ^~~",
        "  Building modules, stage 2.",
        "Kernel: arch/x86/boot/bzImage is ready  (#1)",
        "  CC",
    ] {
        assert_eq!(step(line), None, "{line}");
    }
}

#[test]
fn progress_counts_files_and_names_the_current_one() {
    let mut reader = read("  SYNC    include/config/auto.conf\n  HOSTCC  scripts/kallsyms\n  CC      init/main.o\n");
    assert_eq!(reader.progress(Some(900)), "compiled 2 of 900 files: init/main.o");
    assert_eq!(reader.progress(None), "compiled 2 files: init/main.o");
    assert_eq!(reader.progress(Some(1)), "compiled 2 files: init/main.o");
    reader.line("mm/slub.c:12:3: warning: unused variable 'x' [-Wunused-variable]");
    reader.line("WARNING: modpost: vmlinux.o: section mismatch in reference");
    reader.line("  CHKSHA1 /src/linux/include/linux/atomic.h");
    assert!(reader.progress(None).ends_with(": CHKSHA1 include/linux/atomic.h"));
    reader.line("  LD      vmlinux");
    assert_eq!(reader.progress(None), "compiled 2 files, 2 warnings: LD vmlinux");
    assert_eq!(read("").progress(None), "compiled 0 files: starting");
}

#[test]
fn a_compile_error_comes_with_its_lines_and_nothing_else() {
    let mut reader = Reader::new(["/build", "/src/linux"].map(Path::new));
    let mut steps = Vec::new();
    for line in include_str!("compile-error.log").lines() {
        reader.line(line);
        steps.push(reader.progress(None));
    }
    assert!(steps.iter().any(|step| step == "compiled 35 files: tools/objtool/check.o"), "{steps:#?}");
    assert_eq!((reader.compiled(), reader.warnings(), reader.errors), (48, 1, 2));
    let expected = "\
/src/linux/mm/oom_kill.c: In function 'oom_badness':
/src/linux/mm/oom_kill.c:206:9: error: 'undeclared_thing' undeclared (first use in this function)
  206 |         undeclared_thing = points;
      |         ^~~~~~~~~~~~~~~~
/src/linux/mm/oom_kill.c:206:9: note: each undeclared identifier is reported only once for each function it appears in
/src/linux/mm/oom_kill.c:206:28: error: 'points' undeclared (first use in this function); did you mean 'printk'?
  206 |         undeclared_thing = points;
      |                            ^~~~~~
      |                            printk
make[3]: *** [/src/linux/scripts/Makefile.build:255: mm/oom_kill.o] Error 1";
    assert_eq!(reader.failure().join("\n"), expected);
}

#[test]
fn a_missing_header_names_who_wanted_it() {
    let reader = read(
        "  HOSTCC  scripts/sorttable\n\
         In file included from scripts/sorttable.h:1,\n\
         \x20                from ../scripts/sorttable.c:30:\n\
         ../tools/include/tools/be_byteshift.h:5:10: fatal error: gelf.h: No such file or directory\n\
         \x20   5 | #include <gelf.h>\n\
         \x20     |          ^~~~~~~~\n\
         compilation terminated.\n\
         make[2]: *** [../scripts/Makefile.host:95: scripts/sorttable] Error 1\n\
         make[1]: *** [/t/Makefile:1280: scripts] Error 2\n\
         make: *** [Makefile:238: __sub-make] Error 2\n",
    );
    let lines = reader.failure();
    assert_eq!(lines.len(), 6, "{lines:#?}");
    assert!(lines[0].starts_with("In file included from") && lines[2].contains("gelf.h"));
    assert_eq!(lines[5], "make[2]: *** [../scripts/Makefile.host:95: scripts/sorttable] Error 1");
}

#[test]
fn errors_of_shell_linker_and_modpost_are_found() {
    let first = |text: &str| read(text).failure()[0].clone();
    let noise = "  CC      a.o\nsomething else\n";
    for error in [
        "/bin/sh: 1: flex: not found",
        "ld: mm/oom_kill.o: in function `oom_badness':",
        "oom_kill.c:(.text+0x12): undefined reference to `wanted'",
        "ERROR: modpost: \"wanted\" [fs/xfs/xfs.ko] undefined!",
        "arch/x86/entry/entry_64.S:12: Error: no such instruction: `frob'",
        "FAILED: load BTF from vmlinux: No such file or directory",
        "*** Configuration file \".config\" not found!",
    ] {
        let text = format!("{noise}{error}\nmake[1]: *** [Makefile:9: vmlinux] Error 1\n");
        // The linker names the function first, and what is wrong in the next line.
        assert!(first(&text) == error || error.contains(": in function"), "{error}: {:?}", first(&text));
    }
}

#[test]
fn what_no_rule_knows_is_shown_as_it_ended() {
    let text = (0..40).map(|n| format!("line {n}\n")).collect::<String>() + "make: *** [Makefile:1: all] Error 3\n";
    let lines = read(&text).failure();
    assert_eq!((lines.len(), lines[0].as_str()), (LAST_LINES + 1, "line 25"));
    assert_eq!(lines[LAST_LINES], "make: *** [Makefile:1: all] Error 3");
}

#[test]
fn a_full_disk_is_noticed_wherever_it_is_said() {
    assert!(read("fatal error: error writing to /tmp/x.s: No space left on device\n").is_disk_full());
    assert!(!read("  CC  x.o\n").is_disk_full());
}

#[test]
fn what_is_kept_is_bounded() {
    let text = "a.c:1:1: error: no\n    1 | x\n".repeat(10_000);
    let reader = read(&text);
    assert_eq!(reader.errors, 10_000);
    assert_eq!(reader.failure().len(), MAX_ERROR_LINES);
}
