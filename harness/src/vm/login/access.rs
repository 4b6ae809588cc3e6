//! Who logs in to a guest, and by what.
//! Lives here: a user's name with a key or a password; reading a user's own key file.
//! May not live here: logging in (`attempt`), or making a key (`key`).

use super::Key;
use base64::prelude::{BASE64_STANDARD, Engine};
use std::fmt;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

/// Longest key file: an RSA key of 16,384 bits has 13 KB.
const MAX_KEY: u64 = 64 << 10;
/// Begins what is in an OpenSSH key (PROTOCOL.key in OpenSSH's source); the cipher's name follows, with its length in 32 bits.
const OPENSSH: &[u8] = b"openssh-key-v1\0";
/// The cipher of a key without a passphrase.
const PLAIN: &[u8] = b"none";

/// Who logs in, and by what.
#[derive(Clone, Debug)]
pub struct Access {
    /// The user.
    pub user: String,
    /// What proves it.
    pub by: Proof,
}

impl Access {
    /// Root, by a key.
    pub fn root(key: Key) -> Self {
        Self { user: "root".to_owned(), by: Proof::Key(key) }
    }
}

/// What proves who logs in.
#[derive(Clone)]
pub enum Proof {
    /// A private key.
    Key(Key),
    /// A password.
    Password(String),
}

impl fmt::Debug for Proof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key(key) => key.fmt(f),
            Self::Password(_) => f.write_str("Password"),
        }
    }
}

/// A file that is no private key that can be used.
#[derive(Debug, thiserror::Error)]
#[error("{}: {why}", path.display())]
pub struct KeyError {
    /// The file.
    path: PathBuf,
    /// What is wrong, and what would be right.
    why: String,
}

/// The private key in a file of the user's, for logins.
///
/// # Errors
/// Where it cannot be read, is no private key, or has a passphrase.
pub fn key_file(path: &Path) -> Result<Key, KeyError> {
    let wrong = |why: String| KeyError { path: path.to_owned(), why };
    let mut text = String::new();
    let read = File::open(path).and_then(|file| file.take(MAX_KEY).read_to_string(&mut text));
    read.map_err(|cause| wrong(format!("the key cannot be read: {cause}")))?;
    usable(&text).map_err(|why| wrong(why.to_owned()))?;
    Ok(Key::of_user(text))
}

/// Whether a text is a private key that opens without a passphrase; what is wrong where it is not.
fn usable(text: &str) -> Result<(), &'static str> {
    const PASSPHRASE: &str = "the key has a passphrase, and nobody is there to type it; expected a key without one: \
        `ssh-keygen -p -N '' -f COPY` takes it from a copy";
    const NONE: &str = "this is no private key; expected a file that begins with `-----BEGIN … PRIVATE KEY-----`, as ssh-keygen makes it";
    const PUBLIC: &str =
        "this is a public key; expected the private one, which ssh-keygen puts beside it, without `.pub`";
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let Some(first) = lines.first() else { return Err(NONE) };
    let public = ["ssh-", "ecdsa-", "sk-", "---- BEGIN SSH2 PUBLIC KEY"].iter().any(|begin| first.starts_with(begin));
    if public || first.contains("PUBLIC KEY") {
        return Err(PUBLIC);
    }
    if !first.starts_with("-----BEGIN ") || !first.ends_with("PRIVATE KEY-----") {
        return Err(NONE);
    }
    // PKCS#8, and what OpenSSL wrote of old (RFC 1421).
    if first.contains("ENCRYPTED")
        || lines.iter().any(|line| line.starts_with("Proc-Type:") && line.contains("ENCRYPTED"))
    {
        return Err(PASSPHRASE);
    }
    if first.contains("OPENSSH") {
        let inside: String = lines.iter().filter(|line| !line.starts_with("-----")).copied().collect();
        let bytes = BASE64_STANDARD.decode(inside).map_err(|_| NONE)?;
        let cipher = bytes.strip_prefix(OPENSSH).and_then(|rest| rest.get(4..)).ok_or(NONE)?;
        if !cipher.starts_with(PLAIN) {
            return Err(PASSPHRASE);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_key_of_ours_is_one_that_can_be_used() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("id");
        let key = Key::new().unwrap();
        std::fs::write(&path, key.private()).unwrap();
        assert_eq!(key_file(&path).unwrap().private(), key.private());
        let error = key_file(&place.path().join("none")).unwrap_err().to_string();
        assert!(error.contains("none: the key cannot be read: No such file"), "{error}");
    }

    #[test]
    fn what_cannot_be_used_says_what_would_be_right() {
        let openssh = |cipher: &[u8]| {
            let body = [OPENSSH, &[0, 0, 0, 10], cipher, &[0; 60]].concat();
            format!(
                "-----BEGIN OPENSSH PRIVATE KEY-----\n{}\n-----END OPENSSH PRIVATE KEY-----\n",
                BASE64_STANDARD.encode(body)
            )
        };
        assert_eq!(usable(&openssh(b"none")), Ok(()));
        assert_eq!(usable("-----BEGIN RSA PRIVATE KEY-----\nMII\n-----END RSA PRIVATE KEY-----\n"), Ok(()));
        let old = "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\nMII\n";
        for locked in [&openssh(b"aes256-ctr"), old, "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMII\n"] {
            assert!(usable(locked).unwrap_err().starts_with("the key has a passphrase"), "{locked}");
        }
        for public in ["ssh-ed25519 AAAA me@here\n", "-----BEGIN PUBLIC KEY-----\n"] {
            assert!(usable(public).unwrap_err().starts_with("this is a public key"), "{public}");
        }
        for other in ["", "hello\n", "-----BEGIN CERTIFICATE-----\n", "-----BEGIN OPENSSH PRIVATE KEY-----\n!\n"] {
            assert!(usable(other).unwrap_err().starts_with("this is no private key"), "{other}");
        }
    }

    #[test]
    fn a_password_is_never_shown() {
        let access = Access { user: "me".into(), by: Proof::Password("secret".into()) };
        assert_eq!(format!("{access:?}"), "Access { user: \"me\", by: Password }");
    }
}
