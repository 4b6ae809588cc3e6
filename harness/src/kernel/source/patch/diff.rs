//! Unified diffs (pure): which files they touch, where their hunks stand.
//! Lives here: reading headers and hunks, refusing what cannot be applied safely.
//! May not live here: applying.

use std::path::{Component, Path};

/// What a diff does to one file, or says of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FileDiff {
    /// Its names before and after, without their first folder; one where it is made, deleted or keeps its name.
    pub names: Vec<String>,
    /// The same with their first folder, as far as they are no `a/…` and `b/…`.
    pub full: Vec<String>,
    /// Line of the diff on which each hunk begins, from 1.
    pub hunks: Vec<usize>,
}

impl FileDiff {
    /// The name after the change, else before.
    pub fn name(&self) -> &str {
        self.names.last().map_or("", String::as_str)
    }

    fn add(&mut self, name: &str, number: usize) -> Result<(), String> {
        let Some((full, name)) = plain(name, number)? else { return Ok(()) };
        if !self.names.contains(&name) {
            self.names.push(name);
        }
        if !full.starts_with("a/") && !full.starts_with("b/") && !self.full.contains(&full) {
            self.full.push(full);
        }
        Ok(())
    }
}

/// The files of a diff; what stands around them (a message, a signature) is skipped.
///
/// # Errors
/// What keeps it from being applied: a binary change, a link, a path that leads out of the tree, a hunk that is cut off.
pub fn read(text: &str) -> Result<Vec<FileDiff>, String> {
    let mut files: Vec<FileDiff> = Vec::new();
    let mut lines = text.lines().zip(1..).peekable();
    // Between `diff --git` and the first hunk, or the next `diff --git`.
    let mut in_git_header = false;
    while let Some((line, number)) = lines.next() {
        let file = files.last_mut().filter(|_| in_git_header);
        if let Some(names) = line.strip_prefix("diff --git ") {
            let mut file = FileDiff::default();
            if let Some(name) = git_names(names) {
                file.add(name, number)?;
            }
            files.push(file);
            in_git_header = true;
        } else if let Some(file) = file
            && is_git_header(line)
        {
            if let Some(name) =
                ["rename from ", "rename to ", "copy from ", "copy to "].iter().find_map(|key| line.strip_prefix(key))
            {
                file.add(&format!("a/{name}"), number)?;
            } else if line.ends_with(" 120000") && line.contains("mode ") {
                return Err(format!("line {number}: symbolic links cannot be patched here"));
            } else if line.starts_with("GIT binary patch") || line.starts_with("Binary files ") {
                return Err(format!("line {number}: binary files cannot be patched here"));
            }
        } else if let (Some(old), Some(new)) =
            (line.strip_prefix("--- "), lines.peek().and_then(|(next, _)| next.strip_prefix("+++ ")).map(str::to_owned))
        {
            lines.next();
            let is_hunk = lines.peek().is_some_and(|(next, _)| hunk(next).is_some());
            if !is_hunk && !in_git_header {
                continue;
            }
            if !in_git_header {
                files.push(FileDiff::default());
            }
            in_git_header = false;
            if let Some(file) = files.last_mut() {
                // Of `diff -u linux.orig/x linux/x` both are one name; of a file kept as x.orig they are two.
                file.add(old, number)?;
                file.add(&new, number + 1)?;
                if file.names.is_empty() {
                    return Err(format!("line {number}: it does not say which file is changed"));
                }
            }
        } else if let Some((mut old, mut new)) = hunk(line) {
            in_git_header = false;
            let Some(file) = files.last_mut() else {
                return Err(format!(
                    "line {number}: a hunk stands before any file's name (`--- a/FILE`, `+++ b/FILE`)"
                ));
            };
            file.hunks.push(number);
            while old > 0 || new > 0 {
                let Some((line, _)) = lines.next() else {
                    return Err(format!(
                        "line {number}: the hunk is cut off: {old} old and {new} new lines are missing"
                    ));
                };
                match line.as_bytes().first() {
                    // A blank line whose one space an editor or a mailer has taken.
                    Some(b' ') | None => (old, new) = (old.saturating_sub(1), new.saturating_sub(1)),
                    Some(b'-') => old = old.saturating_sub(1),
                    Some(b'+') => new = new.saturating_sub(1),
                    Some(b'\\') => {}
                    Some(_) => return Err(format!("line {number}: the hunk does not have the lines that it says")),
                }
            }
        }
    }
    files.retain(|file| !file.names.is_empty());
    Ok(files)
}

/// Old and new lines of a hunk, from `@@ -1,2 +3,4 @@`.
fn hunk(line: &str) -> Option<(u64, u64)> {
    let rest = line.strip_prefix("@@ -")?;
    let (old, rest) = rest.split_once(" +")?;
    let (new, _) = rest.split_once(" @@")?;
    let count = |range: &str| match range.split_once(',') {
        Some((start, count)) => start.parse::<u64>().ok().and(count.parse().ok()),
        None => range.parse::<u64>().ok().map(|_| 1),
    };
    Some((count(old)?, count(new)?))
}

fn is_git_header(line: &str) -> bool {
    const BEGINS: [&str; 13] = [
        "index ",
        "old mode ",
        "new mode ",
        "new file mode ",
        "deleted file mode ",
        "similarity index ",
        "dissimilarity index ",
        "rename from ",
        "rename to ",
        "copy from ",
        "copy to ",
        "GIT binary patch",
        "Binary files ",
    ];
    BEGINS.iter().any(|begin| line.starts_with(begin))
}

/// `a/x b/x`: where both are one name, which may have spaces in it. Else other lines of the header name them.
fn git_names(names: &str) -> Option<&str> {
    let (old, new) = names.split_at_checked(names.len() / 2)?;
    let new = new.strip_prefix(' ')?;
    let same = old.split_once('/')?.1 == new.split_once('/')?.1;
    same.then_some(old)
}

/// A name without what follows a tab, with its first folder and without; `None` for `/dev/null`.
fn plain(name: &str, number: usize) -> Result<Option<(String, String)>, String> {
    let name = name.split('\t').next().unwrap_or_default().trim_end();
    if name == "/dev/null" {
        return Ok(None);
    }
    if name.starts_with('"') {
        return Err(format!("line {number}: {name}: a name in quotes is no file of a kernel"));
    }
    let (_, path) = name.split_once('/').unwrap_or(("", name));
    let sound = Path::new(name).components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
    if !sound || path.is_empty() || path.split('/').any(|part| matches!(part, "" | "." | ".." | ".git")) {
        return Err(format!("line {number}: {name} would lead out of the kernel's source"));
    }
    Ok(Some((name.to_owned(), path.to_owned())))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    fn names(text: &str) -> Vec<(Vec<String>, usize)> {
        read(text).unwrap().into_iter().map(|file| (file.names, file.hunks.len())).collect()
    }

    fn one(names: &[&str], hunks: usize) -> (Vec<String>, usize) {
        (names.iter().map(|name| (*name).to_owned()).collect(), hunks)
    }

    #[test]
    fn files_are_found_among_other_text() {
        let text = "From: a\nSubject: --- a trap\n\n--- \n+++ no file\n---\n mm/a.c | 2 +-\n\ndiff --git a/mm/a.c b/mm/a.c\n\
            index 1..2 100644\n--- a/mm/a.c\n+++ b/mm/a.c\n@@ -1,3 +1,3 @@\n x\n--- gone\n+++ come\n y\n@@ -9 +9 @@ f()\n-a\n+b\n\
            -- \n2.39\n\n--- linux.orig/mm/b.c\t2020-01-01\n+++ linux/mm/b.c\t2020-01-02\n@@ -0,0 +1 @@\n+x\n";
        assert_eq!(names(text), [one(&["mm/a.c"], 2), one(&["mm/b.c"], 1)]);
        assert_eq!(read(text).unwrap()[0].hunks, [13, 18]);
    }

    #[test]
    fn new_gone_and_renamed_files_are_told() {
        let text = "diff --git a/new.c b/new.c\nnew file mode 100644\n--- /dev/null\n+++ b/new.c\n@@ -0,0 +1 @@\n+x\n\
            diff --git a/empty b/empty\nnew file mode 100755\nindex 0000000..e69de29\n\
            diff --git a/old.c b/old.c\ndeleted file mode 100644\n--- a/old.c\n+++ /dev/null\n@@ -1 +0,0 @@\n-x\n\
            diff --git a/from name b/to\nsimilarity index 100%\nrename from from name\nrename to to\n\
            diff --git a/two words b/two words\nold mode 100644\nnew mode 100755\n";
        let expected = [
            one(&["new.c"], 1),
            one(&["empty"], 0),
            one(&["old.c"], 1),
            one(&["from name", "to"], 0),
            one(&["two words"], 0),
        ];
        assert_eq!(names(text), expected);
        assert_eq!(names("nothing here\n@@ no hunk\n"), []);
    }

    #[test]
    fn what_leads_out_or_cannot_be_done_is_refused() {
        let body = "@@ -1 +1 @@\n-a\n+b\n";
        for name in ["a/../../etc/passwd", "/etc/passwd", "a/x/../../y", "a/.git/config", "a/", "..", "a//x"] {
            let error = read(&format!("--- {name}\n+++ {name}\n{body}")).unwrap_err();
            assert!(error.contains("out of the kernel's source") || error.contains("which file"), "{name}: {error}");
        }
        let error = |text: &str| read(text).unwrap_err();
        assert!(error("diff --git a/x b/x\nnew file mode 120000\n").contains("links"));
        assert!(error("diff --git a/x b/x\nindex 1..2\nGIT binary patch\n").contains("binary"));
        assert!(error("--- \"a/\\303\"\n+++ b/x\n@@ -1 +1 @@\n-a\n+b\n").contains("quotes"));
        assert!(error("--- a/x\n+++ b/x\n@@ -1,2 +1,2 @@\n-a\n+b\n").contains("cut off: 1 old and 1 new"));
        assert!(error("--- a/x\n+++ b/x\n@@ -1,2 +1,2 @@\n-a\nb\n").contains("does not have the lines"));
        assert!(error(body).contains("before any file's name"));
        assert!(error("--- /dev/null\n+++ /dev/null\n@@ -1 +1 @@\n-a\n+b\n").contains("which file"));
    }

    proptest! {
        #[test]
        fn no_text_panics_and_no_name_leads_out(
            text in "((--- |\\+\\+\\+ |@@ -|@@|diff --git |rename to |a/|b/|\\.\\./|/|x|,| |[0-9]|\\+|-|\\t|\\\\|\\n){0,60})|\\PC{0,80}",
        ) {
            for file in read(&text).unwrap_or_default() {
                for name in &file.names {
                    prop_assert!(Path::new(name).components().all(|part| matches!(part, Component::Normal(_))), "{name}");
                }
            }
        }
    }
}
