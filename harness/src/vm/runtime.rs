//! The directory for QEMU's sockets.
//! Lives here: making it private, short and gone afterwards.
//! May not live here: the sockets themselves.

use super::Error;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// A Unix socket's path has at most this many bytes (`sun_path`, unix(7), without its NUL).
const MAX_SOCKET_PATH: usize = 107;
/// Room for a slash and a socket's name.
const MAX_NAME: usize = 16;

/// A directory that only this user can enter; removed with all that is in it when dropped.
#[derive(Debug)]
pub struct RuntimeDir(tempfile::TempDir);

impl RuntimeDir {
    /// Makes one below `XDG_RUNTIME_DIR`, or below `/tmp` where that is unset, unusable or too long.
    ///
    /// # Errors
    /// Where neither can be used.
    pub fn new() -> Result<Self, Error> {
        let preferred = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from).filter(|path| path.is_absolute());
        Self::below(preferred.into_iter().chain(["/tmp".into()]))
    }

    fn below(places: impl IntoIterator<Item = PathBuf>) -> Result<Self, Error> {
        let mut tried = Vec::new();
        for place in places {
            match Self::within(&place) {
                Ok(made) => return Ok(made),
                Err(why) => tried.push(format!("{}: {why}", place.display())),
            }
        }
        Err(Error::Runtime { detail: tried.join("; ") })
    }

    fn within(place: &Path) -> Result<Self, String> {
        let private = std::fs::Permissions::from_mode(0o700);
        let made = tempfile::Builder::new()
            .prefix("oomph-")
            .permissions(private)
            .tempdir_in(place)
            .map_err(|cause| cause.to_string())?;
        let length = made.path().as_os_str().len();
        if length + MAX_NAME > MAX_SOCKET_PATH {
            return Err(format!("{length} bytes is too long a path (a socket's may have {MAX_SOCKET_PATH})"));
        }
        Ok(Self(made))
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.0.path()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;

    #[test]
    fn is_private_and_goes_away() {
        let made = RuntimeDir::new().unwrap();
        let path = made.path().to_owned();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o700);
        std::fs::write(path.join("qmp"), b"").unwrap();
        drop(made);
        assert!(!path.exists());
    }

    #[test]
    fn too_long_or_missing_a_place_is_passed_over() {
        let base = tempfile::tempdir().unwrap();
        let long = base.path().join("x".repeat(100));
        std::fs::create_dir(&long).unwrap();
        let made = RuntimeDir::below([long.clone(), base.path().join("none"), base.path().to_owned()]).unwrap();
        assert!(made.path().starts_with(base.path()) && !made.path().starts_with(&long));
        assert_eq!(std::fs::read_dir(&long).unwrap().count(), 0, "nothing is left in the place that was too long");
        let error = RuntimeDir::below([long]).unwrap_err().to_string();
        assert!(error.contains("too long a path"), "{error}");
    }
}
