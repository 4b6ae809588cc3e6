//! What mmdebstrap wants of a host where it does not run as root: user namespaces, and ids to fill them with.
//! Lives here: finding out what is missing, and saying how it is mended.
//! May not live here: the call of mmdebstrap (`bootstrap`).

use crate::image::error::Error;
use crate::kernel::child::find;
use std::fs;
use std::path::Path;

/// Ids that a user needs besides the own one: a system has users up to 65534 (mmdebstrap(1), "unshare").
const IDS: u64 = 65_536;
/// Settings that forbid user namespaces to ordinary users: file, the value that does, what allows them.
const FORBIDDING: [(&str, &str, &str); 3] = [
    ("/proc/sys/user/max_user_namespaces", "0", "sysctl user.max_user_namespaces=10000"),
    ("/proc/sys/kernel/unprivileged_userns_clone", "0", "sysctl kernel.unprivileged_userns_clone=1"),
    (
        "/proc/sys/kernel/apparmor_restrict_unprivileged_userns",
        "1",
        "sysctl kernel.apparmor_restrict_unprivileged_userns=0",
    ),
];

/// Looks before minutes are spent; as root nothing is wanted.
///
/// # Errors
/// What is missing, and what root has to do about it.
pub fn check() -> Result<(), Error> {
    if rustix::process::geteuid().is_root() {
        return Ok(());
    }
    find("newuidmap", "uidmap")?;
    let id = rustix::process::getuid().as_raw();
    let user = name(&fs::read_to_string("/etc/passwd").unwrap_or_default(), id);
    let read = |path: &str| fs::read_to_string(path).ok();
    match missing(user.as_deref(), id, &read) {
        Some(why) => Err(Error::NotMade { program: "mmdebstrap", why }),
        None => Ok(()),
    }
}

/// What is missing for a user; `read` gives files, `None` for those that are not there.
fn missing(user: Option<&str>, id: u32, read: &dyn Fn(&str) -> Option<String>) -> Option<String> {
    for (file, forbids, allows) in FORBIDDING {
        if read(file).is_some_and(|value| value.trim() == forbids) {
            let name = Path::new(file).file_name().unwrap_or_default().to_string_lossy();
            return Some(format!("this host allows no user namespaces ({name} is {forbids}); as root: `{allows}`"));
        }
    }
    for file in ["/etc/subuid", "/etc/subgid"] {
        let text = read(file).unwrap_or_default();
        if !text.lines().any(|line| gives(line, user, id)) {
            let user = user.map_or_else(|| id.to_string(), str::to_owned);
            return Some(format!(
                "{file} gives {user} no {IDS} ids of its own; as root: `usermod --add-subuids 100000-165535 --add-subgids 100000-165535 \
                 {user}` (a range that nobody else has)"
            ));
        }
    }
    None
}

/// Whether a line `NAME:FIRST:COUNT` (subuid(5)) gives a user enough.
fn gives(line: &str, user: Option<&str>, id: u32) -> bool {
    let mut words = line.trim().split(':');
    let whose = words.next().is_some_and(|word| Some(word) == user || word.parse() == Ok(id));
    whose && words.nth(1).and_then(|count| count.parse().ok()).is_some_and(|count: u64| count >= IDS)
}

/// A user's name, from /etc/passwd.
fn name(passwd: &str, id: u32) -> Option<String> {
    let line = passwd.lines().find(|line| line.split(':').nth(2).and_then(|word| word.parse().ok()) == Some(id))?;
    line.split(':').next().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(files: &[(&str, &str)]) -> Option<String> {
        let read = |path: &str| files.iter().find(|(name, _)| *name == path).map(|(_, text)| (*text).to_owned());
        missing(Some("me"), 1000, &read)
    }

    #[test]
    fn what_is_missing_is_said_with_what_mends_it() {
        let (uids, gids) = (("/etc/subuid", "you:1:99999\nme:100000:65536\n"), ("/etc/subgid", "1000:100000:65536\n"));
        assert_eq!(said(&[uids, gids]), None);
        let why = said(&[uids]).unwrap_or_default();
        assert!(why.starts_with("/etc/subgid gives me no 65536 ids") && why.contains("usermod --add-subuids"), "{why}");
        assert!(said(&[("/etc/subuid", "me:100000:1000\n"), gids]).is_some_and(|why| why.starts_with("/etc/subuid")));
        for (file, forbids, allows) in FORBIDDING {
            let why = said(&[uids, gids, (file, &format!("{forbids}\n"))]).unwrap_or_default();
            assert!(why.starts_with("this host allows no user namespaces (") && why.contains(allows), "{why}");
        }
        assert_eq!(said(&[uids, gids, (FORBIDDING[0].0, "96365\n")]), None);
    }

    #[test]
    fn a_name_is_found_by_its_number() {
        let passwd = "root:x:0:0::/:/bin/sh\nme:x:1000:1000::/home/me:/bin/sh\nbroken\n";
        assert_eq!((name(passwd, 1000).as_deref(), name(passwd, 7)), (Some("me"), None));
    }
}
