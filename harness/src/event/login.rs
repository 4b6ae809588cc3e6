//! A login, stage by stage.
//! Lives here: what a login over ssh has to pass, in its order.
//! May not live here: logging in (`vm`), or what it means (`verdict`).

use serde::{Deserialize, Serialize};

/// A stage of a login (RFC 4253, 4252, 4254). One that is passed says which part of the guest still works.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LoginStage {
    /// QEMU has taken the connection. Whether the guest's kernel has, shows in the next stage only: QEMU takes it first.
    Tcp,
    /// The server has said its version: the guest takes connections, and the server got as far as to make a process for this one.
    Banner,
    /// Keys are exchanged: that process computes and has memory.
    KeyExchange,
    /// The key was accepted: files were read.
    Auth,
    /// A shell ran and its exit status is here: new processes can be made.
    Exec,
}

impl LoginStage {
    /// All, in their order.
    pub const ALL: [Self; 5] = [Self::Tcp, Self::Banner, Self::KeyExchange, Self::Auth, Self::Exec];

    /// Its name, as in events.
    pub fn name(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Banner => "banner",
            Self::KeyExchange => "key-exchange",
            Self::Auth => "auth",
            Self::Exec => "exec",
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn names_are_those_in_events() {
        for stage in LoginStage::ALL {
            assert_eq!(serde_json::to_value(stage).unwrap(), stage.name());
        }
        assert!(LoginStage::ALL.is_sorted());
    }
}
