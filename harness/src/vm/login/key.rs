//! Keys for logins.
//! Lives here: making it, and the two forms in which it is needed.
//! May not live here: files: the private half never leaves the process's memory.

use ssh_key::rand_core::OsRng;
use ssh_key::{Algorithm, LineEnding, PrivateKey};
use std::fmt;

/// A key pair: an Ed25519 one made for one run, or a user's own.
#[derive(Clone)]
pub struct Key {
    private: String,
    public: String,
}

impl Key {
    /// A new one, from the system's random numbers.
    ///
    /// # Errors
    /// Where it cannot be put into OpenSSH's form, which no key of this kind is known to bring about.
    pub fn new() -> Result<Self, ssh_key::Error> {
        let key = PrivateKey::random(&mut OsRng, Algorithm::Ed25519)?;
        let private = key.to_openssh(LineEnding::LF)?.to_string();
        Ok(Self { private, public: key.public_key().to_openssh()? })
    }

    /// A user's own, as it is in its file; nobody needs its public half.
    pub(super) fn of_user(private: String) -> Self {
        Self { private, public: String::new() }
    }

    /// The private half, in PEM.
    pub(super) fn private(&self) -> &str {
        &self.private
    }

    /// The public half as one word: `ssh-ed25519,AAAA…`, a line of an authorized_keys file with `,` in place of the space.
    pub fn word(&self) -> String {
        self.public.replace(' ', ",")
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({})", self.public)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn each_is_another_and_shows_its_public_half_alone() {
        let (one, other) = (Key::new().unwrap(), Key::new().unwrap());
        assert_ne!(one.word(), other.word());
        assert!(one.word().starts_with("ssh-ed25519,AAAA") && !one.word().contains(char::is_whitespace), "{one:?}");
        assert!(one.private().starts_with("-----BEGIN OPENSSH PRIVATE KEY-----\n"));
        assert!(!format!("{one:?}").contains("PRIVATE"));
    }
}
