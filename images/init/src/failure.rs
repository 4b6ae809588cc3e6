//! A step of the set-up that failed.
//! Lives here: the step's name and its errno.
//! May not live here: what is done about it.

use rustix::io::Errno;

/// Why a guest cannot be set up.
#[derive(Debug, PartialEq, Eq)]
pub struct Failure {
    /// The step and its object, for example `mount /data`.
    pub what: String,
    /// Why.
    pub errno: Errno,
}

/// Names the step of a result.
pub trait Step<T> {
    /// The failure of the step `what`.
    fn step(self, what: impl FnOnce() -> String) -> Result<T, Failure>;
}

impl<T> Step<T> for Result<T, Errno> {
    fn step(self, what: impl FnOnce() -> String) -> Result<T, Failure> {
        self.map_err(|errno| Failure { what: what(), errno })
    }
}

impl<T> Step<T> for std::io::Result<T> {
    fn step(self, what: impl FnOnce() -> String) -> Result<T, Failure> {
        self.map_err(|error| Failure { what: what(), errno: errno_of(&error) })
    }
}

/// The errno of an error of std; EIO for one that has none.
pub fn errno_of(error: &std::io::Error) -> Errno {
    Errno::from_io_error(error).unwrap_or(Errno::IO)
}
