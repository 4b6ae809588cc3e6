//! What PID 1's program does where it is not PID 1 of a guest: nothing.
#![allow(clippy::expect_used)]

use std::process::Command;

#[test]
fn refuses_to_work() {
    for args in [&[][..], &["launch"], &["agent"], &["probe", "spawn"], &["true"]] {
        let output =
            Command::new(env!("CARGO_BIN_EXE_oomph-init")).args(args).env_clear().output().expect("the program starts");
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        assert!(String::from_utf8_lossy(&output.stderr).contains("nothing anywhere else"), "{args:?}");
    }
}
