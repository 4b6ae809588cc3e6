//! Paths as people and CI systems read them.
//! Lives here: without detours, and relative to the working directory where they lie below it.
//! May not live here: anything but paths.

use std::path::{Component, Path, PathBuf};

/// A path without `.` and `..`, and relative to `here` where it lies below it. One that leads elsewhere without them, through a link, stays as it is.
pub(super) fn shown(path: &Path, here: &Path) -> PathBuf {
    let plain = lexically(path);
    let leads_there = match (path.canonicalize(), plain.canonicalize()) {
        (Ok(path), Ok(plain)) => path == plain,
        (there, _) => there.is_err(),
    };
    let plain = if leads_there { plain } else { path.to_owned() };
    match plain.strip_prefix(here) {
        Ok(below) if below.as_os_str().is_empty() => PathBuf::from("."),
        Ok(below) => below.to_owned(),
        Err(_) => plain,
    }
}

/// A path with `.` and `..` taken out by their names alone.
fn lexically(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match (part, plain.components().next_back()) {
            (Component::CurDir, _) | (Component::ParentDir, Some(Component::RootDir)) => {}
            (Component::ParentDir, Some(Component::Normal(_))) => {
                plain.pop();
            }
            _ => plain.push(part),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn detours_are_taken_out() {
        let here = Path::new("/work/oomph");
        for (path, plain) in [
            ("/work/oomph/scenarios/matrix/../a.yaml", "scenarios/a.yaml"),
            ("/work/oomph/./a.yaml", "a.yaml"),
            ("/work/other/../oomph/a.yaml", "a.yaml"),
            ("/work/oomph2/a.yaml", "/work/oomph2/a.yaml"),
            ("/work/oomph/matrix/../../b/a.yaml", "/work/b/a.yaml"),
            ("/../a.yaml", "/a.yaml"),
            ("../a.yaml", "../a.yaml"),
        ] {
            assert_eq!(shown(Path::new(path), here), Path::new(plain), "{path}");
        }
    }

    #[test]
    fn a_link_is_followed_before_it_is_left() {
        let place = tempfile::tempdir().unwrap();
        let root = place.path().canonicalize().unwrap();
        for folder in ["real/matrix", "other"] {
            std::fs::create_dir_all(root.join(folder)).unwrap();
        }
        std::fs::write(root.join("real/a.yaml"), "").unwrap();
        std::os::unix::fs::symlink(root.join("real/matrix"), root.join("other/matrix")).unwrap();
        let through = root.join("other/matrix/../a.yaml");
        assert_eq!(shown(&through, &root), Path::new("other/matrix/../a.yaml"));
    }
}
