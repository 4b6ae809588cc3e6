//! What the programs do outside a guest: explain themselves, and nothing else.
#![allow(clippy::expect_used)]

use std::process::{Command, Output};

const PROGRAMS: [(&str, &str); 7] = [
    ("exit-with", env!("CARGO_BIN_EXE_exit-with")),
    ("fill-disk", env!("CARGO_BIN_EXE_fill-disk")),
    ("freeze-forever", env!("CARGO_BIN_EXE_freeze-forever")),
    ("isolation-storm", env!("CARGO_BIN_EXE_isolation-storm")),
    ("kswapd-block", env!("CARGO_BIN_EXE_kswapd-block")),
    ("spin-rt", env!("CARGO_BIN_EXE_spin-rt")),
    ("xfs-inode-mutex", env!("CARGO_BIN_EXE_xfs-inode-mutex")),
];

fn run(program: &str, args: &[&str]) -> Output {
    Command::new(program).args(args).env_clear().output().expect("the program starts")
}

#[test]
fn refuses_to_work() {
    for (name, program) in PROGRAMS {
        let output = run(program, &[]);
        let message = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{name}: {message}");
        assert!(message.contains("only in a guest"), "{name}: {message}");
    }
}

#[test]
fn explains_itself() {
    for (name, program) in PROGRAMS {
        for flag in ["--help", "--explain"] {
            let output = run(program, &[flag]);
            assert!(output.status.success() && output.stderr.is_empty(), "{name} {flag}");
            assert!(String::from_utf8_lossy(&output.stdout).contains(name), "{name} {flag}");
        }
    }
}

#[test]
fn names_a_wrong_argument() {
    for (name, program) in PROGRAMS {
        let output = run(program, &["--nonsense=1"]);
        assert_eq!(output.status.code(), Some(2), "{name}");
        assert!(String::from_utf8_lossy(&output.stderr).contains("no parameter 'nonsense'"), "{name}");
    }
}
