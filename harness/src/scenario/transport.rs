//! By what files come back out of a guest.
//! Lives here: the choice, and what a guest needs for it.
//! May not live here: bringing them (`vm`, `image`).

use super::model::Scenario;
use serde::Serialize;

/// By what files come back out of a guest. A verdict rests on what comes by serial ports, whatever this is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Transport {
    /// The agent's serial port.
    Serial,
    /// Logins over ssh.
    Ssh,
}

impl Scenario {
    /// Whether files are brought back over ssh.
    pub fn fetches(&self) -> bool {
        self.guest.transport == Transport::Ssh && !self.collect.is_empty()
    }

    /// Whether anybody logs in, for which the guest needs a network and a server.
    pub fn is_logged_in_to(&self) -> bool {
        self.has_login() || self.fetches()
    }
}
