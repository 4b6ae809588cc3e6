//! Kernels that are files on this machine.
//! Lives here: checking an image and a modules directory, finding modules beside an image.
//! May not live here: reading a header (`header`), or the cache.

use super::Kernel;
use super::error::{At, Error};
use super::header::{self, HEADER_BYTES, Identity};
use super::manifest;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

/// Most bytes of a vmlinux that are read; one with full debug information has some 800 MB.
const MAX_VMLINUX: u64 = 4 << 30;

/// A kernel from an image and, where there are any, its modules.
///
/// Without `modules`, a directory for the image's release that lies where distributions put it is taken: beside the
/// image's directory (`boot/` and `lib/modules/RELEASE/`), below it, or the image's own (`lib/modules/RELEASE/vmlinuz`).
pub(super) fn kernel(name: String, image: &Path, modules: Option<&Path>, origin: String) -> Result<Kernel, Error> {
    let identity = identify(image)?;
    let modules = match modules {
        Some(modules) => Some(check_modules(modules)?),
        None => modules_near(image, &identity.release),
    };
    Ok(Kernel {
        name,
        image: image.canonicalize().at("find", image)?,
        modules,
        hash: manifest::hash(image)?,
        release: identity.release,
        version: identity.version,
        tags: Vec::new(),
        origin,
        build: None,
    })
}

/// Reads an image's header.
pub(super) fn identify(image: &Path) -> Result<Identity, Error> {
    let wrong = |why: String| Error::NotAKernel { path: image.to_owned(), why };
    // Before it is opened: opening a pipe waits for its other end.
    let found = image.metadata().at("open", image)?;
    if !found.is_file() {
        return Err(wrong(if found.is_dir() { "a directory" } else { "no regular file" }.into()));
    }
    let mut file = File::open(image).at("open", image)?;
    let mut bytes = Vec::new();
    file.by_ref().take(HEADER_BYTES as u64).read_to_end(&mut bytes).at("read", image)?;
    if bytes.starts_with(b"\x7fELF") {
        file.by_ref().take(MAX_VMLINUX).read_to_end(&mut bytes).at("read", image)?;
    }
    header::identify(&bytes).map_err(wrong)
}

fn check_modules(modules: &Path) -> Result<PathBuf, Error> {
    let wrong = |why: &str| Error::NotModules { path: modules.to_owned(), why: why.to_owned() };
    if !modules.exists() {
        return Err(wrong("does not exist"));
    }
    if !modules.is_dir() {
        return Err(wrong("not a directory"));
    }
    Ok(modules.canonicalize().at("find", modules)?)
}

fn modules_near(image: &Path, release: &str) -> Option<PathBuf> {
    let directory = image.canonicalize().ok()?.parent()?.to_owned();
    if directory.file_name()?.to_str()? == release {
        return Some(directory);
    }
    let roots = [directory.parent().map(Path::to_owned), Some(directory)];
    let places = roots.into_iter().flatten().flat_map(|root| [root.join("lib"), root.join("usr/lib")]);
    places.map(|lib| lib.join("modules").join(release)).find(|modules| modules.is_dir())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::kernel::header::tests::bzimage;
    use std::fs;

    fn image_at(place: &Path, path: &str) -> PathBuf {
        let image = place.join(path);
        fs::create_dir_all(image.parent().unwrap()).unwrap();
        fs::write(&image, bzimage("4.4.1-x (a@b) #1")).unwrap();
        image
    }

    #[test]
    fn an_image_alone_is_enough() {
        let place = tempfile::tempdir().unwrap();
        let image = image_at(place.path(), "tree/arch/x86/boot/bzImage");
        let kernel = kernel("mine".into(), &image, None, "x".into()).unwrap();
        assert_eq!((kernel.release.as_str(), kernel.version, kernel.modules), ("4.4.1-x", (4, 4, 1), None));
        assert_eq!(kernel.hash, blake3::hash(&bzimage("4.4.1-x (a@b) #1")).to_hex().to_string());
    }

    #[test]
    fn modules_are_found_where_distributions_put_them() {
        for (image, modules) in [
            ("boot/vmlinuz-4.4.1-x", "lib/modules/4.4.1-x"),
            ("boot/vmlinuz-4.4.1-x", "usr/lib/modules/4.4.1-x"),
            ("bzImage", "lib/modules/4.4.1-x"),
            ("lib/modules/4.4.1-x/vmlinuz", "lib/modules/4.4.1-x"),
        ] {
            let place = tempfile::tempdir().unwrap();
            let image = image_at(place.path(), image);
            fs::create_dir_all(place.path().join(modules)).unwrap();
            fs::create_dir_all(place.path().join("lib/modules/4.4.2")).unwrap();
            let kernel = kernel("k".into(), &image, None, "x".into()).unwrap();
            assert_eq!(kernel.modules, Some(place.path().canonicalize().unwrap().join(modules)));
        }
    }

    #[test]
    fn what_is_no_kernel_says_so() {
        let place = tempfile::tempdir().unwrap();
        let text = kernel("k".into(), place.path(), None, "x".into()).unwrap_err().to_string();
        assert!(text.contains(": a directory; what is wanted is an x86-64 bzImage"), "{text}");
        let missing = place.path().join("no");
        let text = kernel("k".into(), &missing, None, "x".into()).unwrap_err().to_string();
        assert!(text.starts_with("cannot open ") && text.contains("No such file"), "{text}");
        let image = image_at(place.path(), "bzImage");
        let text = kernel("k".into(), &image, Some(&missing), "x".into()).unwrap_err().to_string();
        assert!(text.contains(": does not exist; what is wanted is a directory such as lib/modules/RELEASE"), "{text}");
    }
}
