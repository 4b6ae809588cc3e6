//! The folded stacks of a stored run.
//! Lives here: reading so much of the file as a drawing wants.
//! May not live here: what its lines mean.

use super::store::file;
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// So much is read, in bytes: some ten thousand stacks.
const MOST: u64 = 4 << 20;

/// The folded stacks of a result folder; `None` where it has none that can be read.
pub fn folded(folder: &Path) -> Option<String> {
    let mut bytes = Vec::new();
    File::open(folder.join(file::FOLDED)).ok()?.take(MOST).read_to_end(&mut bytes).ok()?;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn it_is_read_whatever_is_in_it() {
        assert_eq!(folded(Path::new("/nowhere")), None);
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(file::FOLDED), b"a;b 1\n\xff 2\n").unwrap();
        assert_eq!(folded(folder.path()).as_deref(), Some("a;b 1\n\u{fffd} 2\n"));
    }
}
