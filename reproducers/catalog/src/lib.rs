//! What the reproducers are: the programs themselves read it in the guest, and the harness before a guest is booted.
//! Lives here: each program's name, sentence, parameters and explanation.
//! May not live here: I/O, or what a program does with its parameters.

mod parameter;
mod programs;

pub use parameter::{Kind, Parameter, Value};
pub use programs::*;

/// What a reproducer says of itself.
#[derive(Clone, Copy, Debug)]
pub struct Program {
    /// Its name, that of its file.
    pub name: &'static str,
    /// What it does, in a sentence.
    pub summary: &'static str,
    /// What it can be told, as `--NAME=VALUE`.
    pub parameters: &'static [Parameter],
    /// The dependency that it provokes and why, with the kernel's source.
    pub explanation: &'static str,
}

impl Program {
    /// Its parameter of this name.
    pub fn parameter(&self, name: &str) -> Option<&'static Parameter> {
        self.parameters.iter().find(|parameter| parameter.name == name)
    }
}

/// The reproducer of this name.
pub fn program(name: &str) -> Option<&'static Program> {
    PROGRAMS.iter().find(|program| program.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_found_and_says_what_it_is() {
        for one in &PROGRAMS {
            assert_eq!(program(one.name).map(|found| found.name), Some(one.name));
            assert!(one.summary.ends_with('.') && !one.explanation.trim().is_empty(), "{}", one.name);
            for (n, parameter) in one.parameters.iter().enumerate() {
                assert!(
                    one.parameters[..n].iter().all(|other| other.name != parameter.name),
                    "{} twice",
                    parameter.name
                );
                assert!(!parameter.meaning.is_empty() && parameter.kind.reads_its_default(), "{}", parameter.name);
            }
        }
        assert!(program("wombat").is_none());
        assert_eq!(program("xfs-inode-mutex").and_then(|one| one.parameter("hogs")).map(|one| one.name), Some("hogs"));
    }
}
