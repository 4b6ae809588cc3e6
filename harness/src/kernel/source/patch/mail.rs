//! Mailboxes of patches, as `git format-patch` and `b4 am` write them.
//! Lives here: telling one from a plain diff, taking it apart, its mails decoded.
//! May not live here: the diffs in them (`diff`).

use super::super::tree::git;
use crate::kernel::child::Given;
use crate::kernel::error::{At, Error};
use crate::kernel::job::Job;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// For git to take a mailbox or a mail apart.
const DEADLINE: Duration = Duration::from_secs(120);
/// Longest subject that is shown, in characters.
const MAX_SUBJECT: usize = 80;

/// A mail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mail {
    /// Its subject without `[PATCH 1/2]`.
    pub subject: String,
    /// The file that its text is in from the diff on, decoded.
    pub diff: PathBuf,
}

/// Whether a text is a mailbox or a mail: it begins with `From SENDER Thu Jan  1 00:00:00 1970` or with a header such as
/// `Subject: …`.
pub fn is_mail(text: &[u8]) -> bool {
    let mut lines = text.split(|byte| *byte == b'\n');
    let first = lines.find(|line| !line.trim_ascii().is_empty()).unwrap_or_default();
    let name = first.split(|byte| *byte == b':').next().unwrap_or_default();
    const HEADERS: [&str; 12] = [
        "from",
        "to",
        "cc",
        "date",
        "subject",
        "message-id",
        "mime-version",
        "content-type",
        "return-path",
        "received",
        "delivered-to",
        "list-id",
    ];
    let is_header =
        name.len() < first.len() && HEADERS.iter().any(|header| name.eq_ignore_ascii_case(header.as_bytes()));
    let is_year = |word: &[u8]| word.len() == 4 && word.iter().all(u8::is_ascii_digit);
    let words: Vec<&[u8]> = first.split(|byte| *byte == b' ').filter(|word| !word.is_empty()).collect();
    let is_start = first.starts_with(b"From ") && words.len() >= 6;
    is_header || is_start && words.last().is_some_and(|word| is_year(word.trim_ascii()))
}

/// Takes a mailbox apart, in a directory of its own.
pub fn split(mailbox: &Path, directory: &Path, job: &Job) -> Result<Vec<Mail>, Error> {
    let wrong = |why: String| Error::Patch { patch: mailbox.display().to_string(), why };
    let output = format!("-o{}", directory.display());
    let args = ["mailsplit", "-b", &output, "--", &mailbox.to_string_lossy()];
    git::call(None, args, DEADLINE, Given::default(), job)?;
    let mut files = Vec::new();
    for entry in fs::read_dir(directory).at("list", directory)? {
        files.push(entry.at("list", directory)?.path());
    }
    files.sort();
    let mut mails = Vec::new();
    for file in files {
        let stdin = Some(File::open(&file).at("open", &file)?);
        let (message, diff) = (file.with_extension("message"), file.with_extension("diff"));
        let args = ["mailinfo".into(), message.into_os_string(), diff.clone().into_os_string()];
        let about = git::call(Some(directory), args, DEADLINE, Given { stdin, ..Given::default() }, job)
            .map_err(|error| wrong(format!("mail {}: {error}", mails.len() + 1)))?;
        let subject = about.stdout.lines().find_map(|line| line.strip_prefix("Subject: ")).unwrap_or_default();
        mails.push(Mail { subject: subject.chars().take(MAX_SUBJECT).collect(), diff });
    }
    Ok(mails)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_mail_is_told_from_a_diff() {
        for mail in ["From 0123 Mon Sep 17 00:00:00 2001\n", "\nSubject: x\n\n", "From: a@b\n", "MIME-Version: 1.0\n"] {
            assert!(is_mail(mail.as_bytes()), "{mail}");
        }
        for diff in ["--- a/x\n", "diff --git a/x b/x\n", "From the start: x\n\n--- a/x", "Note: x\n", "", "from\n"] {
            assert!(!is_mail(diff.as_bytes()), "{diff}");
        }
    }

    #[test]
    fn mails_are_decoded_and_kept_in_order() {
        let place = tempfile::tempdir().unwrap();
        let mailbox = place.path().join("series.mbx");
        let quoted = "From git@z Thu Jan  1 00:00:00 1970\nFrom: A <a@b>\nSubject: [PATCH 1/2] mm: =?utf-8?q?caf=C3=A9?=\n\
            Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: quoted-printable\n\nBody.\n---\n x | 2 +-\n\n\
            diff --git a/x b/x\n--- a/x\n+++ b/x\n@@ -1 +1 @@\n-a =3D=\n b\n+c\n--=20\n2.39\n\n";
        let base64 = "From git@z Thu Jan  1 00:00:00 1970\nFrom: A <a@b>\nSubject: [PATCH 2/2] mm: two\n\
            Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: base64\n\n\
            LS0tIGEveQorKysgYi95CkBAIC0xICsxIEBACi1hCitiCg==\n\n";
        fs::write(&mailbox, format!("{quoted}{base64}")).unwrap();
        let parts = place.path().join("parts");
        fs::create_dir(&parts).unwrap();
        let mails = split(&mailbox, &parts, &Job::silent()).unwrap();
        let subjects: Vec<&str> = mails.iter().map(|mail| mail.subject.as_str()).collect();
        assert_eq!(subjects, ["mm: café", "mm: two"]);
        let diff = |n: usize| fs::read_to_string(&mails[n].diff).unwrap();
        assert!(diff(0).contains("\n-a = b\n+c\n"), "{}", diff(0));
        assert_eq!(diff(1), "--- a/y\n+++ b/y\n@@ -1 +1 @@\n-a\n+b\n");
    }
}
