//! Trees of all kinds, and what is written to them.
#![allow(clippy::unwrap_used)]

use super::testing::{Place, change, commit, contents, git, seen};
use super::*;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;

fn path_source(path: &Path) -> SourceTree {
    SourceTree::Path(path.to_owned())
}

fn git_source(place: &str, reference: &str) -> SourceTree {
    SourceTree::Git { git: place.to_owned(), reference: reference.to_owned() }
}

#[test]
fn a_directory_is_copied_and_then_followed() {
    let place = Place::new();
    let path = place.kernel("linux");
    let source = path_source(&path);
    let original = seen(&path);
    let tree = place.prepare(&source, &[]).unwrap();
    assert_eq!((tree.version, tree.describe.as_str()), ((6, 1, 7), "linux (6.1.7)"));
    assert!(tree.name.starts_with("linux-") && tree.lock.is_some());
    assert_eq!(contents(&tree.directory), contents(&path));
    let mode =
        |path: &str| std::os::unix::fs::MetadataExt::mode(&tree.directory.join(path).metadata().unwrap()) & 0o777;
    assert_eq!((mode("scripts/run.sh"), mode("mm/a.c")), (0o755, 0o644));
    assert!(tree.directory.join("scripts/link").is_symlink());
    drop(tree);
    assert_eq!(place.touched(&source, &[]), [""; 0]);
    assert_eq!(seen(&path), original, "the source is never written to");
    place.write("linux/mm/a.c", "other\n");
    place.write("linux/mm/deep/new.c", "new\n");
    fs::remove_file(path.join("include/x.h")).unwrap();
    assert_eq!(place.touched(&source, &[]), ["*mm/a.c", "+mm/deep/new.c", "-include/x.h"]);
    fs::remove_dir_all(path.join("mm/deep")).unwrap();
    assert_eq!(place.touched(&source, &[]), ["-mm/deep/new.c"]);
    let directory = place.prepare(&source, &[]).unwrap().directory;
    assert!(!directory.join("mm/deep").exists() && !directory.join("include").exists());
    assert_eq!(identify(&source, &place.cache, &Job::silent()).unwrap(), Some(place.prepare(&source, &[]).unwrap().id));
}

#[test]
fn a_file_may_become_a_directory_and_a_link_and_back() {
    let place = Place::new();
    let path = place.kernel("linux");
    let source = path_source(&path);
    place.prepare(&source, &[]).unwrap();
    let outside = place.write("outside/a.c", "not ours\n");
    for step in 0..5 {
        let target = path.join("mm");
        if target.is_symlink() || target.is_file() {
            fs::remove_file(&target).unwrap();
        } else {
            fs::remove_dir_all(&target).unwrap();
        }
        match step {
            0 | 3 => fs::write(&target, "file").unwrap(),
            1 => std::os::unix::fs::symlink(outside.parent().unwrap(), &target).unwrap(),
            _ => {
                place.write("linux/mm/a.c", "in a directory\n");
            }
        }
        let tree = place.prepare(&source, &[]).unwrap();
        assert_eq!(contents(&tree.directory), contents(&path), "{step}");
        assert_eq!(fs::read_to_string(&outside).unwrap(), "not ours\n");
    }
}

#[test]
fn what_is_no_kernel_is_told_and_leaves_nothing() {
    let place = Place::new();
    place.write("other/Makefile", "all:\n");
    place.write("none/Makefile", "VERSION = 6\nPATCHLEVEL = 1\n");
    assert!(place.error(&path_source(&place.path("gone")), &[]).contains("there is no such directory"));
    let error = place.error(&path_source(&place.path("other")), &[]);
    assert!(error.contains("no kernel's source") && error.contains("VERSION"), "{error}");
    assert!(place.error(&path_source(&place.path("none")), &[]).contains("has no Kconfig"));
    let repository = place.path("other");
    git(&repository, &["init", "--quiet"]);
    commit(&repository, "x");
    let error = place.error(&git_source(repository.to_str().unwrap(), "HEAD"), &[]);
    assert!(error.contains("HEAD of ") && error.contains("no kernel's source"), "{error}");
    let error = place.error(&git_source(place.path("none").to_str().unwrap(), "HEAD"), &[]);
    assert!(error.contains("this is no git repository"), "{error}");
    for entry in fs::read_dir(place.cache.root().join("source-trees")).unwrap() {
        assert!(!entry.unwrap().path().join("tree").exists());
    }
}

#[test]
fn another_ref_touches_only_what_differs() {
    let place = Place::new();
    let path = place.repository("linux");
    let at = |reference: &str| git_source(path.to_str().unwrap(), reference);
    let tree = place.prepare(&at("v6.1.7"), &[]).unwrap();
    assert_eq!(tree.id, git(&path, &["rev-parse", "v6.1.7^{tree}"]));
    assert_eq!((tree.describe.as_str(), tree.version), ("v6.1.7", (6, 1, 7)));
    assert_eq!(contents(&tree.directory), contents(&path));
    drop(tree);
    place.write("linux/mm/b.c", "other\n");
    fs::remove_file(path.join("mm/a.c")).unwrap();
    assert_eq!(place.touched(&at("main"), &[]), [""; 0], "what is not committed does not count");
    commit(&path, "two");
    assert_eq!(place.touched(&at("main"), &[]), ["*mm/b.c", "-mm/a.c"]);
    assert_eq!(place.touched(&at("main~1"), &[]), ["*mm/b.c", "+mm/a.c"]);
    assert_eq!(place.touched(&at("v6.1.7"), &[]), [""; 0]);
    assert_eq!(identify(&at("v6.1.7"), &place.cache, &Job::silent()).unwrap().unwrap().len(), 40);
    git(&path, &["branch", "v6.1.y"]);
    let error = place.error(&at("v6.1.8"), &[]);
    assert!(
        error.ends_with("it has no branch, tag or commit `v6.1.8`; the nearest that it has: v6.1.7, v6.1.y, main"),
        "{error}"
    );
}

#[test]
fn a_repository_elsewhere_is_mirrored() {
    let place = Place::new();
    let path = place.repository("linux");
    let url = format!("file://{}", path.display());
    let source = |reference: &str| git_source(&url, reference);
    assert_eq!(identify(&source("v6.1.7"), &place.cache, &Job::silent()).unwrap(), None);
    let tree = place.prepare(&source("v6.1.7"), &[]).unwrap();
    assert_eq!((tree.describe.as_str(), tree.id), ("v6.1.7", git(&path, &["rev-parse", "v6.1.7^{tree}"])));
    drop(tree.lock);
    assert!(identify(&source("v6.1.7"), &place.cache, &Job::silent()).unwrap().is_some());
    place.write("linux/mm/b.c", "other\n");
    commit(&path, "two");
    assert_eq!(place.touched(&source("main"), &[]), ["*mm/b.c"]);
    place.write("linux/mm/a.c", "third\n");
    commit(&path, "three");
    assert_eq!(place.touched(&source("main"), &[]), ["*mm/a.c"], "a branch moves on");
    let second = git(&path, &["rev-parse", "main~1"]);
    assert_eq!(place.touched(&source(&second), &[]), ["*mm/a.c"]);
    let error = place.error(&source("man"), &[]);
    assert!(error.contains("it has no branch, tag or commit `man`; the nearest that it has: main"), "{error}");
    let error = place.error(&source(&"0".repeat(40)), &[]);
    assert!(error.contains("it has no commit 0000"), "{error}");
    // Nobody answers: what does not move is enough, and of a branch the last.
    fs::rename(&path, place.path("away")).unwrap();
    for (reference, touched) in [("v6.1.7", "*mm/b.c"), ("main", "*mm/a.c")] {
        assert!(place.touched(&source(reference), &[]).contains(&touched.to_owned()));
    }
    let error = place.error(&source("other"), &[]);
    assert!(error.contains("git failed"), "{error}");
}

#[test]
fn what_somebody_did_to_the_copy_is_undone() {
    let place = Place::new();
    let source = path_source(&place.kernel("linux"));
    let directory = place.prepare(&source, &[]).unwrap().directory;
    fs::write(directory.join("mm/a.c"), "edited").unwrap();
    fs::remove_file(directory.join("mm/b.c")).unwrap();
    fs::remove_file(directory.join("include/x.h")).unwrap();
    fs::create_dir_all(directory.join("include/x.h/deep")).unwrap();
    assert_eq!(place.touched(&source, &[]), ["*mm/a.c", "+include/x.h", "+mm/b.c"]);
    // A copy of the cache has other times and the same content: nothing is to do.
    let file = File::options().write(true).open(directory.join("mm/a.c")).unwrap();
    file.set_modified(SystemTime::UNIX_EPOCH).unwrap();
    assert_eq!(place.touched(&source, &[]), [""; 0]);
    // Without its list it is made anew.
    let state = directory.with_file_name("state");
    fs::write(&state, "cut off").unwrap();
    let tree = place.prepare(&source, &[]).unwrap();
    assert_eq!(contents(&tree.directory), contents(&place.path("linux")));
}

#[test]
fn a_patch_touches_its_files_when_it_comes_and_when_it_goes() {
    let place = Place::new();
    let path = place.kernel("linux");
    place.repository("repository");
    let tarball = tar(&place, "linux-6.1.7.tar.gz", &path);
    let one = place.write("one.patch", &change("mm/a.c", "a", 10, "changed"));
    let text =
        "--- /dev/null\n+++ b/mm/c/new.c\n@@ -0,0 +1 @@\n+new\n--- a/include/x.h\n+++ /dev/null\n@@ -1 +0,0 @@\n-x\n";
    let two = place.write("two.diff", text);
    for source in [
        path_source(&path),
        git_source(place.path("repository").to_str().unwrap(), "main"),
        SourceTree::Tarball { tarball: tarball.display().to_string(), sha256: None },
    ] {
        place.prepare(&source, &[]).unwrap();
        assert_eq!(place.touched(&source, &[&one]), ["*mm/a.c"]);
        assert_eq!(place.touched(&source, &[&one]), [""; 0]);
        assert_eq!(place.touched(&source, &[&one, &two]), ["+mm/c/new.c", "-include/x.h"]);
        let tree = place.prepare(&source, &[&one, &two]).unwrap();
        let names: Vec<&str> = tree.patches.iter().map(|patch| patch.name.as_str()).collect();
        assert_eq!(names, ["one", "two"]);
        assert!(fs::read_to_string(tree.directory.join("mm/a.c")).unwrap().contains("a 9\nchanged\na 11"));
        let id = tree.id.clone();
        drop(tree);
        assert_eq!(place.touched(&source, &[&two]), ["*mm/a.c"]);
        // One that does not apply changes nothing.
        let bad = place.write("bad.patch", &change("mm/b.c", "a", 10, "changed"));
        let before = seen(&super::place(&name(&source), &place.cache).join("tree"));
        assert!(place.error(&source, &[&one, &bad]).contains("bad.patch: mm/b.c: hunk 1 (line 3 of the patch)"));
        assert_eq!(seen(&super::place(&name(&source), &place.cache).join("tree")), before);
        assert_eq!(place.touched(&source, &[]), ["+include/x.h", "-mm/c/new.c"]);
        assert_eq!(place.prepare(&source, &[]).unwrap().id, id, "the id says the content before patches");
    }
}

#[test]
fn our_own_patches_come_last_and_are_left_out_where_they_do_not_fit() {
    const FITS: BuiltIn = ("fits", "--- a/mm/b.c\n+++ b/mm/b.c\n@@ -19,2 +19,2 @@\n b 19\n-b 20\n+twenty\n");
    const DOES_NOT: BuiltIn = ("does-not", "--- a/mm/b.c\n+++ b/mm/b.c\n@@ -19,2 +19,2 @@\n x 19\n-x 20\n+twenty\n");
    let place = Place::new();
    let source = path_source(&place.kernel("linux"));
    let prepare = |asked: &dyn Fn((u32, u32, u32)) -> Vec<BuiltIn>| {
        prepare_with(&source, &[], 0, asked, &place.cache, &Job::silent()).unwrap()
    };
    let tree = prepare(&|version| {
        assert_eq!(version, (6, 1, 7));
        vec![DOES_NOT, FITS, FITS]
    });
    assert_eq!(tree.built_in, ["fits"], "the second time it is there already");
    assert!(fs::read_to_string(tree.directory.join("mm/b.c")).unwrap().ends_with("b 19\ntwenty\n"));
    drop(tree);
    let text = "--- a/Makefile\n+++ b/Makefile\n@@ -1,5 +1,5 @@\n # x\n VERSION = 6\n PATCHLEVEL = 1\n-SUBLEVEL = 7\n+SUBLEVEL = 8\n EXTRAVERSION =\n";
    let newer = place.write("newer.patch", text);
    assert_eq!(place.prepare(&source, &[&newer]).unwrap().version, (6, 1, 8));
}

/// A tarball of a directory, compressed by what its name says.
fn tar(place: &Place, name: &str, directory: &Path) -> PathBuf {
    let mut tar = tar::Builder::new(Vec::new());
    tar.follow_symlinks(false);
    tar.append_dir_all(directory.file_name().unwrap(), directory).unwrap();
    pack(place, name, &tar.into_inner().unwrap())
}

fn pack(place: &Place, name: &str, data: &[u8]) -> PathBuf {
    let path = place.path(name);
    let packed = match name.rsplit('.').next().unwrap() {
        "xz" => {
            let mut xz = lzma_rust2::XzWriter::new(Vec::new(), lzma_rust2::XzOptions::with_preset(1)).unwrap();
            xz.write_all(data).unwrap();
            xz.finish().unwrap()
        }
        "gz" => {
            let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            gz.write_all(data).unwrap();
            gz.finish().unwrap()
        }
        "zst" => zstd::encode_all(data, 1).unwrap(),
        "bz2" => {
            let mut bz = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
            bz.write_all(data).unwrap();
            bz.finish().unwrap()
        }
        _ => data.to_vec(),
    };
    fs::write(&path, packed).unwrap();
    path
}

#[test]
fn tarballs_are_unpacked_whatever_their_compression() {
    let place = Place::new();
    let path = place.kernel("linux-6.1.7");
    place.write("linux-6.1.7/.config", "x");
    let mut all = contents(&path);
    all.remove(".config");
    for end in ["tar", "tar.gz", "tar.xz", "tar.zst", "tar.bz2"] {
        let tarball = tar(&place, &format!("linux.{end}"), &path);
        let source = SourceTree::Tarball { tarball: tarball.display().to_string(), sha256: None };
        let tree = place.prepare(&source, &[]).unwrap();
        assert_eq!(contents(&tree.directory), all, "{end}");
        assert_eq!((tree.describe.as_str(), tree.id.len()), (tarball.file_name().unwrap().to_str().unwrap(), 64));
        drop(tree);
        assert_eq!(place.touched(&source, &[]), [""; 0]);
        assert!(place.cache.root().join("tmp").read_dir().unwrap().next().is_none());
    }
}

#[test]
fn another_archive_at_the_same_place_touches_only_what_differs() {
    let place = Place::new();
    let path = place.kernel("linux");
    let tarball = tar(&place, "linux.tar.zst", &path);
    let source = SourceTree::Tarball { tarball: tarball.display().to_string(), sha256: None };
    let patch = place.write("one.patch", &change("mm/a.c", "a", 10, "changed"));
    let directory = place.prepare(&source, &[&patch]).unwrap().directory;
    place.write("linux/mm/b.c", "newer\n");
    tar(&place, "linux.tar.zst", &path);
    let touched = place.touched(&source, &[&patch]);
    assert!(touched.contains(&"*mm/b.c".to_owned()) && touched.iter().all(|path| path.contains("mm/")), "{touched:?}");
    // What somebody broke in the copy comes from the archive again.
    fs::write(directory.join("Kconfig"), "broken").unwrap();
    fs::write(directory.join("mm/a.c"), "broken").unwrap();
    let touched = place.touched(&source, &[&patch]);
    assert_eq!(touched, ["*Kconfig", "*mm/a.c"]);
    assert!(fs::read_to_string(directory.join("mm/a.c")).unwrap().contains("a 9\nchanged\na 11"));
    // A file that is patched has its original beside the tree; the archive is not needed for it.
    fs::write(directory.join("mm/a.c"), "broken").unwrap();
    assert_eq!(place.touched(&source, &[]), ["*mm/a.c"]);
    assert_eq!(contents(&directory), contents(&path));
}

#[test]
fn bad_archives_are_told_and_leave_nothing() {
    let place = Place::new();
    let member = |path: &str, kind: tar::EntryType, content: &[u8], link: &str| {
        let mut tar = tar::Builder::new(Vec::new());
        for (path, kind, content, link) in [
            ("l/Makefile", tar::EntryType::Regular, b"VERSION = 6\nPATCHLEVEL = 1\n".as_slice(), ""),
            (path, kind, content, link),
            ("l/evil/file", tar::EntryType::Regular, b"x".as_slice(), ""),
        ] {
            let mut header = tar::Header::new_gnu();
            header.set_entry_type(kind);
            header.set_size(content.len() as u64);
            header.set_mode(0o644);
            header.as_old_mut().name[..path.len()].copy_from_slice(path.as_bytes());
            if !link.is_empty() {
                header.set_link_name(link).unwrap();
            }
            header.set_cksum();
            tar.append(&header, content).unwrap();
        }
        tar.into_inner().unwrap()
    };
    let regular = tar::EntryType::Regular;
    for (name, data, says) in [
        ("up.tar", member("l/../../up", regular, b"x", ""), "leads out of it"),
        ("root.tar", member("/root", regular, b"x", ""), "leads out of it"),
        ("link.tar.gz", member("l/evil", tar::EntryType::Symlink, b"", "/tmp"), "leads through a link"),
        ("device.tar", member("l/device", tar::EntryType::Char, b"", ""), "of a kind that no source has"),
        ("none.tar.xz", member("l/x", regular, b"x", ""), "this is no kernel's source: it has no Kconfig"),
        ("text.tar", b"no archive at all, but longer than that".repeat(40), "cannot be unpacked"),
        ("empty.tar.zst", Vec::new(), "there is nothing in it"),
    ] {
        let tarball = pack(&place, name, &data).display().to_string();
        let error = place.error(&SourceTree::Tarball { tarball: tarball.clone(), sha256: None }, &[]);
        assert!(error.contains(&tarball) && error.contains(says), "{error}");
        assert!(place.cache.root().join("tmp").read_dir().unwrap().next().is_none());
    }
    let cut = tar(&place, "cut.tar.xz", &place.kernel("linux"));
    let whole = fs::read(&cut).unwrap();
    fs::write(&cut, &whole[..whole.len() / 2]).unwrap();
    let tarball = cut.display().to_string();
    assert!(place.error(&SourceTree::Tarball { tarball, sha256: None }, &[]).contains("cannot be unpacked"));
    let source = SourceTree::Tarball { tarball: cut.display().to_string(), sha256: Some("0".repeat(64)) };
    assert!(place.error(&source, &[]).contains("and 000000"));
    let source = SourceTree::Tarball { tarball: "/nonexistent/x.tar".into(), sha256: None };
    assert!(place.error(&source, &[]).contains("there is no such file"));
}

/// A web server on loopback that has one file, and sends what asks for others on to it or nowhere.
fn serve(content: Vec<u8>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
            let request = lines.next().unwrap().unwrap();
            lines.by_ref().map_while(Result::ok).take_while(|line| !line.is_empty()).for_each(drop);
            let close = "Connection: close\r\n\r\n";
            let head = if request.starts_with("GET /linux.tar.gz ") {
                format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n{close}", content.len())
            } else if request.starts_with("GET /moved ") {
                format!("HTTP/1.1 302 Found\r\nLocation: /linux.tar.gz\r\nContent-Length: 0\r\n{close}")
            } else {
                format!("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n{close}")
            };
            stream.write_all(head.as_bytes()).unwrap();
            if head.contains(" 200 ") {
                stream.write_all(&content).unwrap();
            }
        }
    });
    format!("http://{address}")
}

#[test]
fn an_archive_elsewhere_is_fetched_once() {
    let place = Place::new();
    let path = place.kernel("linux");
    let tarball = tar(&place, "linux.tar.gz", &path);
    let sha256 = fetch::sha256(&tarball, &Job::silent()).unwrap();
    let server = serve(fs::read(&tarball).unwrap());
    for url in [format!("{server}/linux.tar.gz"), format!("{server}/moved"), format!("file://{}", tarball.display())] {
        let source = SourceTree::Tarball { tarball: url.clone(), sha256: Some(sha256.clone()) };
        let tree = place.prepare(&source, &[]).unwrap();
        assert_eq!((&tree.id, contents(&tree.directory)), (&sha256, contents(&path)), "{url}");
        assert_eq!(identify(&source, &place.cache, &Job::silent()).unwrap().as_deref(), Some(&*sha256));
        let other = SourceTree::Tarball { tarball: url.clone(), sha256: Some("0".repeat(64)) };
        drop(tree);
        assert!(place.error(&other, &[]).contains(&format!("its SHA-256 is {sha256}, and 0000")), "{url}");
        assert_eq!(place.touched(&source, &[]), [""; 0]);
    }
    let gone = SourceTree::Tarball { tarball: format!("{server}/gone.tar.gz"), sha256: Some(sha256.clone()) };
    let error = place.error(&gone, &[]);
    assert!(error.contains("/gone.tar.gz: cannot be fetched") && error.contains("404"), "{error}");
    fs::remove_file(&tarball).unwrap();
    let source = SourceTree::Tarball { tarball: format!("file://{}", tarball.display()), sha256: Some(sha256) };
    place.prepare(&source, &[]).unwrap();
}

#[test]
fn a_name_says_the_place_and_stays_in_its_directory() {
    let of = |place: &str| name(&SourceTree::Tarball { tarball: place.into(), sha256: None });
    assert!(of("https://host/linux-6.1.tar.xz").starts_with("linux-6.1-"));
    assert_ne!(of("/a/linux.tar.xz"), of("/b/linux.tar.xz"));
    assert!(name(&git_source("git@host:linux/stable.git", "x")).starts_with("stable-"));
    assert_eq!(name(&git_source("/a/linux", "x")), name(&git_source("/a/linux", "y")));
    assert_ne!(name(&git_source("/a/linux", "x")), name(&path_source(Path::new("/a/linux"))));
    for place in ["/", "..", "/..", "", "a/..", "/a b/\u{e9}"] {
        let name = of(place);
        assert!(!name.contains('/') && !name.starts_with('.') && name.is_ascii(), "{name}");
    }
}
