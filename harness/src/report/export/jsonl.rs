//! Results as JSON lines: run.json of each run, one a line.
//! Lives here: nothing else.
//! May not live here: another form than that of run.json.

use crate::report::{Format, Report};
use std::io::{self, Write};

/// One object a line, the content of run.json with its folder.
#[derive(Debug)]
pub struct JsonLines;

impl Format for JsonLines {
    fn write(&self, report: &Report, out: &mut dyn Write) -> io::Result<()> {
        for run in &report.runs {
            serde_json::to_writer(&mut *out, run)?;
            out.write_all(b"\n")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::results::{RunJson, sample};

    #[test]
    fn each_line_is_a_run() {
        let report = Report { title: "t".into(), runs: vec![sample(), sample()], broken: Vec::new() };
        let mut text = Vec::new();
        JsonLines.write(&report, &mut text).unwrap();
        let text = String::from_utf8(text).unwrap();
        assert_eq!(text.lines().map(|line| RunJson::parse(line).unwrap()).collect::<Vec<_>>(), report.runs);
    }
}
