//! A stored record as one line of JSON, without reading what is in it.
//! Lives here: taking the white space of a pretty-printed run.json away.
//! May not live here: another form than that of run.json.

use super::index::Listed;
use super::list::load;
use super::run_json::ReadError;
use super::store::file;
use std::fs::File;
use std::io::Read;

/// The content of run.json with its folder, as [`super::RunJson`] would be written in one line. A file that is the one that was listed was
/// read as a record once; it is not read again but cut together, which is many times as quick.
///
/// # Errors
/// Where the record is gone or broken by now.
pub fn line(run: &Listed) -> Result<String, ReadError> {
    match cut(run) {
        Some(line) => Ok(line),
        None => Ok(serde_json::to_string(&load(&run.folder)?)?),
    }
}

/// `None` where it has to be read after all.
fn cut(run: &Listed) -> Option<String> {
    let mut file = File::open(run.folder.join(file::RUN)).ok()?;
    let metadata = file.metadata().ok().filter(|metadata| run.is_of(metadata))?;
    let mut text = String::with_capacity(usize::try_from(metadata.len()).ok()?);
    file.read_to_string(&mut text).ok()?;
    // Where it says by itself what its folder is, or seems to.
    if memchr::memmem::find(text.as_bytes(), b"\"result\"").is_some() {
        return None;
    }
    let mut line = one_line(&text);
    line.pop().filter(|last| *last == '}')?;
    line += ",\"result\":";
    line += &serde_json::to_string(&run.folder).ok()?;
    line.push('}');
    Some(line)
}

/// JSON text with a value or key a line, in one. No string of JSON holds a line's end, so what a line begins and ends with is no string's.
fn one_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for part in text.split('\n') {
        let part = part.trim_matches([' ', '\t', '\r']);
        match key(part) {
            Some(end) => {
                line += &part[..=end];
                line += part[end + 1..].trim_start_matches([' ', '\t']);
            }
            None => line += part,
        }
    }
    line
}

/// Where the colon behind a line's key is.
fn key(part: &str) -> Option<usize> {
    let bytes = part.as_bytes();
    if bytes.first() != Some(&b'"') {
        return None;
    }
    let mut at = 1;
    loop {
        at += memchr::memchr2(b'"', b'\\', bytes.get(at..)?)?;
        if bytes[at] == b'"' {
            return (bytes.get(at + 1) == Some(&b':')).then_some(at + 1);
        }
        at += 2;
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::{RunJson, Store, rows, sample};
    use super::*;

    fn stored(detail: &str) -> (tempfile::TempDir, Listed) {
        let root = tempfile::tempdir().unwrap();
        let run = RunJson { detail: Some(detail.into()), ..sample() };
        Store::new(root.path()).unwrap().begin("a", "k").unwrap().finish(&run).unwrap();
        let listed = rows(root.path()).unwrap().runs.remove(0);
        (root, listed)
    }

    #[test]
    fn a_line_is_what_the_record_would_be_written_as() {
        for detail in ["plain", "a \"b\": {  c }", "\\", "\\\": ", " x  ", "\n\t\u{1b}[0m", "ä\": ö"] {
            let (_root, listed) = stored(detail);
            let whole = serde_json::to_string(&load(&listed.folder).unwrap()).unwrap();
            assert_eq!(line(&listed).unwrap(), whole, "{detail}");
            assert!(cut(&listed).is_some(), "{detail}");
        }
    }

    #[test]
    fn a_file_that_is_another_by_now_is_read() {
        let (_root, listed) = stored("x");
        std::fs::write(listed.folder.join(file::RUN), "no record").unwrap();
        assert!(matches!(line(&listed), Err(ReadError::Syntax(_))));
    }

    #[test]
    fn a_record_that_names_a_folder_itself_is_named_by_where_it_is() {
        let (root, listed) = stored("x");
        let path = listed.folder.join(file::RUN);
        let text = std::fs::read_to_string(&path).unwrap().replacen('{', "{ \"result\": \"/elsewhere\",", 1);
        std::fs::write(path, text).unwrap();
        let listed = rows(root.path()).unwrap().runs.remove(0);
        let line = line(&listed).unwrap();
        assert!(!line.contains("elsewhere") && line.matches("\"result\"").count() == 1, "{line}");
    }

    #[test]
    fn keys_may_hold_anything() {
        let text = "{\n  \"a\\\": \": \"b: c\",\n  \"d\" :[\n 1 ]\r\n}\n";
        let line = one_line(text);
        assert!(!line.contains(['\n', '\r']));
        let value = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
        assert_eq!(value(&line), value(text));
    }
}
