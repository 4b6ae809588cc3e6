//! Results for GitHub Actions: a step summary in Markdown, and annotations as workflow commands.
//! Lives here: both forms, their bounds, and what GitHub would take for more than text.
//! May not live here: where they go (`commands::report`).

use super::case::{Case, Finding, broken, findings, suites};
use super::inert;
use super::status::Standing;
use crate::report::{Format, Report};
use std::fmt::Write as _;
use std::io::{self, Write};

/// GitHub takes 1 MiB of summary a step and drops what is larger whole: details end here, in bytes.
const SUMMARY: usize = 900 << 10;
/// Annotations of a kind that a step may have; GitHub drops the rest without a word.
const ANNOTATIONS: usize = 10;

/// The step summary: counts, what was found, the account of each run that failed.
#[derive(Debug)]
pub struct GithubSummary;

/// `::error::` for what failed, `::warning::` for what is inconclusive; one for each kind of end on a kernel.
#[derive(Debug)]
pub struct GithubAnnotations;

impl Format for GithubSummary {
    fn write(&self, report: &Report, out: &mut dyn Write) -> io::Result<()> {
        out.write_all(summary(report).as_bytes())
    }
}

impl Format for GithubAnnotations {
    fn write(&self, report: &Report, out: &mut dyn Write) -> io::Result<()> {
        let findings = findings(report);
        let of = |standing| findings.iter().filter(move |one| one.standing == standing);
        let failed: Vec<_> = of(Standing::Failed).map(told).collect();
        let mut unclear: Vec<_> = of(Standing::Inconclusive).map(told).collect();
        unclear.extend(report.broken.iter().map(|one| ("no result".to_owned(), broken(one))));
        annotate(out, "error", &failed)?;
        annotate(out, "warning", &unclear)
    }
}

/// A finding as title and text.
fn told(one: &Finding<'_>) -> (String, String) {
    let title = format!("{} on {}: {}", one.scenario, one.kernel, one.headline);
    let runs = if one.of == 1 { "1 run".to_owned() } else { format!("{} of {} runs", one.runs, one.of) };
    (title, format!("{runs}: {}", one.first.message()))
}

fn annotate(out: &mut dyn Write, kind: &str, all: &[(String, String)]) -> io::Result<()> {
    let shown = if all.len() > ANNOTATIONS { ANNOTATIONS - 1 } else { all.len() };
    for (title, text) in all.iter().take(shown) {
        writeln!(out, "::{kind} title={}::{}", property(title), data(text))?;
    }
    if all.len() > shown {
        writeln!(out, "::{kind} title=oomph::and {} more: see the step summary", all.len() - shown)?;
    }
    Ok(())
}

/// The text of a workflow command: what would end the line is escaped.
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// A property of one: what would end the property, too.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

fn summary(report: &Report) -> String {
    let mut out = String::new();
    // Writing to a String cannot fail.
    let _ = write_summary(&mut out, report);
    out
}

fn write_summary(out: &mut String, report: &Report) -> std::fmt::Result {
    let findings = findings(report);
    let count = |standing| findings.iter().filter(|one| one.standing == standing).map(|one| one.runs).sum::<usize>();
    writeln!(out, "## {}\n", inline(&report.title))?;
    let counts: Vec<String> = [
        (Standing::Failed, "failed"),
        (Standing::Inconclusive, "inconclusive"),
        (Standing::Skipped, "ended by the user"),
        (Standing::ExpectedFailure, "failed as expected"),
        (Standing::Passed, "passed"),
    ]
    .into_iter()
    .map(|(standing, words)| (count(standing), words))
    .filter(|(runs, _)| *runs > 0)
    .map(|(runs, words)| format!("**{runs}** {words}"))
    .collect();
    writeln!(out, "{}\n", if counts.is_empty() { "No run.".to_owned() } else { counts.join(" · ") })?;
    if !findings.is_empty() {
        writeln!(out, "| | Scenario | Kernel | Outcome | Runs | |\n|---|---|---|---|---|---|")?;
    }
    for one in &findings {
        let message = one.first.message();
        let why = message.strip_prefix(&one.headline).unwrap_or(&message).trim_start_matches("; ");
        let (scenario, kernel, headline) = (inline(&one.scenario), inline(&one.kernel), inline(&one.headline));
        writeln!(
            out,
            "| {} | {scenario} | {kernel} | {headline} | {} of {} | {} |",
            sign(one.standing),
            one.runs,
            one.of,
            inline(why)
        )?;
    }
    for one in &report.broken {
        writeln!(out, "\n⚠ no result: {}", inline(&broken(one)))?;
    }
    details(out, report)
}

/// The account of every run that failed or is inconclusive, until the room is used up.
fn details(out: &mut String, report: &Report) -> std::fmt::Result {
    let suites = suites(report);
    let wanted = |case: &&Case<'_>| matches!(case.standing, Standing::Failed | Standing::Inconclusive);
    let mut left = 0;
    for suite in &suites {
        for case in suite.cases.iter().filter(wanted) {
            let title = format!("{} on {}, run {}: {}", suite.scenario, suite.kernel, case.number, case.headline());
            let account: Vec<String> = case.account().iter().map(|line| html(line)).collect();
            let text = format!(
                "\n<details><summary>{}</summary>\n\n<pre>{}\n</pre>\n\n</details>\n",
                html(&title),
                account.join("\n")
            );
            if out.len() + text.len() > SUMMARY {
                left += 1
            } else {
                out.push_str(&text)
            };
        }
    }
    if left > 0 {
        writeln!(out, "\nThe account of {left} more runs would be more than GitHub shows; the report has them all.")?;
    }
    Ok(())
}

/// A sign for the eye, with a word for who does not see it.
fn sign(standing: Standing) -> &'static str {
    match standing {
        Standing::Failed => "❌ failed",
        Standing::Inconclusive => "⚠ inconclusive",
        Standing::Skipped => "⏹ ended",
        Standing::ExpectedFailure => "☑ fails as expected",
        Standing::Passed => "✅ passed",
    }
}

/// Text within Markdown: every sign that Markdown or HTML gives a meaning to is a character reference, which neither looks into.
fn inline(text: &str) -> String {
    let mut out = String::new();
    for c in inert::line(text, 600).chars() {
        match c {
            '.' | ',' | ';' | '(' | ')' | '/' | '%' => out.push(c),
            // A hyphen is one of Markdown's only at the start of a line, where none of these texts stands.
            '-' => out.push(c),
            c if c.is_ascii_punctuation() => _ = write!(out, "&#{};", u32::from(c)),
            c => out.push(c),
        }
    }
    out
}

/// Text within an element of HTML. The runner takes `##[…]` for a command wherever it stands in a line that is printed, and `::` at its start.
fn html(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace("##[", "#&#35;[")
        .replace("::", ":&#58;")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::case::tests::one_of_each;
    use super::*;

    fn annotations(report: &Report) -> String {
        let mut text = Vec::new();
        GithubAnnotations.write(report, &mut text).unwrap();
        String::from_utf8(text).unwrap()
    }

    #[test]
    fn the_summary_and_the_annotations_are_as_documented() {
        let report = one_of_each();
        insta::assert_snapshot!(format!("{}\n=== annotations\n{}", summary(&report), annotations(&report)));
    }

    #[test]
    fn markdown_of_a_guest_is_text() {
        assert_eq!(inline("[x](http://y) `z` |"), "&#91;x&#93;(http&#58;//y) &#96;z&#96; &#124;");
        assert_eq!(inline("<b>&amp;\n# x"), "&#60;b&#62;&#38;amp;&#92;n&#35; x");
        assert_eq!(
            html("##[error]</pre><script>::error::"),
            "#&#35;[error]&lt;/pre&gt;&lt;script&gt;:&#58;error:&#58;"
        );
    }

    #[test]
    fn a_workflow_command_cannot_be_left() {
        assert_eq!(data("50%\n::error::x"), "50%25%0A::error::x");
        assert_eq!(property("a,b=c::d"), "a%2Cb=c%3A%3Ad");
    }

    #[test]
    fn more_than_a_step_may_have_is_counted() {
        let mut report = one_of_each();
        let failed = report.runs[0].clone();
        report.runs = (0..15)
            .map(|kernel| crate::results::RunJson { kernel: format!("k{kernel:02}"), ..failed.clone() })
            .collect();
        let text = annotations(&report);
        assert_eq!(text.lines().filter(|line| line.starts_with("::error")).count(), ANNOTATIONS);
        assert!(text.contains("::error title=oomph::and 6 more"), "{text}");
    }

    #[test]
    fn a_summary_is_no_larger_than_github_takes() {
        let mut report = one_of_each();
        let failed = report.runs[0].clone();
        report.runs = vec![failed; 2000];
        let text = summary(&report);
        assert!(text.len() < 1 << 20 && text.contains("more runs would be more than GitHub shows"), "{}", text.len());
    }
}
