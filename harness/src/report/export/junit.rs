//! Results as JUnit XML, as Jenkins' and GitLab's readers take it (schema junit-10).
//! Lives here: suites, cases, what each says.
//! May not live here: how a run counts (`status`).
//!
//! The crate `quick-junit` is not used because it writes `skipped` at `testsuites`, which that schema does not admit. Nor does it admit
//! properties at a case: so a suite is a scenario on a kernel, and has that kernel's.

use super::case::{Case, Suite, broken, suites};
use super::inert;
use super::status::Standing;
use crate::report::{Format, Report};
use crate::results::RunJson;
use quick_xml::Writer;
use quick_xml::events::{BytesDecl, BytesText, Event};
use std::collections::BTreeSet;
use std::io::{self, Write};

/// Longest value of a property, in characters.
const VALUE: usize = 500;

/// One suite for each scenario on a kernel, one case a run.
#[derive(Debug)]
pub struct Junit;

/// How many cases of a suite count as what.
#[derive(Clone, Copy, Default)]
struct Counts {
    tests: usize,
    failures: usize,
    errors: usize,
    skipped: usize,
    seconds: f64,
}

impl Counts {
    fn of(suite: &Suite<'_>) -> Self {
        let count = |standing| suite.cases.iter().filter(|case| case.standing == standing).count();
        Self {
            tests: suite.cases.len(),
            failures: count(Standing::Failed),
            errors: count(Standing::Inconclusive),
            skipped: count(Standing::Skipped),
            seconds: suite.cases.iter().map(|case| case.run.duration_s).sum(),
        }
    }

    fn and(self, other: Self) -> Self {
        Self {
            tests: self.tests + other.tests,
            failures: self.failures + other.failures,
            errors: self.errors + other.errors,
            skipped: self.skipped + other.skipped,
            seconds: self.seconds + other.seconds,
        }
    }
}

impl Format for Junit {
    fn write(&self, report: &Report, out: &mut dyn Write) -> io::Result<()> {
        let suites = suites(report);
        let unread = Counts { tests: report.broken.len(), errors: report.broken.len(), ..Counts::default() };
        let all = suites.iter().map(Counts::of).fold(unread, Counts::and);
        let mut xml = Writer::new_with_indent(out, b' ', 2);
        xml.write_event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)))?;
        xml.create_element("testsuites")
            .with_attribute(("name", inert::line(&report.title, VALUE).as_str()))
            .with_attribute(("tests", all.tests.to_string().as_str()))
            .with_attribute(("failures", all.failures.to_string().as_str()))
            .with_attribute(("errors", all.errors.to_string().as_str()))
            .with_attribute(("time", seconds(all.seconds).as_str()))
            .write_inner_content(|xml| {
                suites.iter().try_for_each(|suite| write_suite(xml, suite))?;
                if report.broken.is_empty() { Ok(()) } else { write_broken(xml, report, unread) }
            })?;
        xml.into_inner().write_all(b"\n")
    }
}

fn write_suite<W: Write>(xml: &mut Writer<W>, suite: &Suite<'_>) -> io::Result<()> {
    let counts = Counts::of(suite);
    let started = suite.cases.first().map(|case| case.run.started.strftime("%Y-%m-%dT%H:%M:%S").to_string());
    xml.create_element("testsuite")
        .with_attribute(("name", format!("{} on {}", suite.scenario, suite.kernel).as_str()))
        .with_attribute(("tests", counts.tests.to_string().as_str()))
        .with_attribute(("failures", counts.failures.to_string().as_str()))
        .with_attribute(("errors", counts.errors.to_string().as_str()))
        .with_attribute(("skipped", counts.skipped.to_string().as_str()))
        .with_attribute(("time", seconds(counts.seconds).as_str()))
        .with_attribute(("timestamp", started.unwrap_or_default().as_str()))
        .write_inner_content(|xml| {
            xml.create_element("properties").write_inner_content(|xml| {
                for (name, value) in properties(suite) {
                    xml.create_element("property")
                        .with_attribute(("name", name))
                        .with_attribute(("value", value.as_str()))
                        .write_empty()?;
                }
                Ok(())
            })?;
            suite.cases.iter().try_for_each(|case| write_case(xml, suite, case))
        })?;
    Ok(())
}

/// What the runs were of. Where they differ, all values.
fn properties(suite: &Suite<'_>) -> Vec<(&'static str, String)> {
    type Of = fn(&RunJson) -> String;
    let all: [(&str, Of); 11] = [
        ("kernel.release", |run| run.kernel_identity.release.clone()),
        ("kernel.origin", |run| run.kernel_identity.origin.clone()),
        ("kernel.hash", |run| run.kernel_identity.hash.clone()),
        ("kernel.tags", |run| run.kernel_identity.tags.join(" ")),
        ("kernel.build", |run| run.kernel_identity.build.as_ref().map(|build| build.summary()).unwrap_or_default()),
        ("image", |run| run.image.as_ref().map(ToString::to_string).unwrap_or_default()),
        ("qemu", |run| run.host.qemu.clone()),
        ("accelerator", |run| run.host.accelerator.clone()),
        ("host.kernel", |run| run.host.kernel.clone()),
        ("host.cpu", |run| run.host.cpu.clone()),
        ("oomph", |run| run.host.oomph.clone()),
    ];
    let values = |of: Of| -> BTreeSet<String> {
        suite.cases.iter().map(|case| of(case.run)).filter(|value| !value.is_empty()).collect()
    };
    let joined = |values: BTreeSet<String>| inert::line(&values.into_iter().collect::<Vec<_>>().join("; "), VALUE);
    all.into_iter().map(|(name, of)| (name, joined(values(of)))).filter(|(_, value)| !value.is_empty()).collect()
}

fn write_case<W: Write>(xml: &mut Writer<W>, suite: &Suite<'_>, case: &Case<'_>) -> io::Result<()> {
    let account = case.account().join("\n");
    // Readers show it only of some cases, the message of no case that passes: what is an expected failure says so in its account.
    let out = match case.standing {
        Standing::ExpectedFailure => format!("expected failure: {}\n{account}", case.message()),
        _ => account,
    };
    xml.create_element("testcase")
        .with_attribute(("classname", suite.scenario.as_str()))
        .with_attribute(("name", format!("{}, run {}", suite.kernel, case.number).as_str()))
        .with_attribute(("time", seconds(case.run.duration_s).as_str()))
        .write_inner_content(|xml| {
            let element = match case.standing {
                Standing::Failed => Some("failure"),
                Standing::Inconclusive => Some("error"),
                Standing::Skipped => Some("skipped"),
                Standing::ExpectedFailure | Standing::Passed => None,
            };
            if let Some(element) = element {
                // GitLab shows the text of a failure and not its message.
                let element = xml
                    .create_element(element)
                    .with_attribute(("type", case.headline().as_str()))
                    .with_attribute(("message", case.message().as_str()));
                element.write_text_content(BytesText::new(&format!("{}\n{out}", case.message())))?;
            }
            xml.create_element("system-out").write_text_content(BytesText::new(&out))?;
            Ok(())
        })?;
    Ok(())
}

/// What should be results and is not: an error each, so that a report over half the results is not taken for one over all.
fn write_broken<W: Write>(xml: &mut Writer<W>, report: &Report, counts: Counts) -> io::Result<()> {
    xml.create_element("testsuite")
        .with_attribute(("name", "results that cannot be read"))
        .with_attribute(("tests", counts.tests.to_string().as_str()))
        .with_attribute(("failures", "0"))
        .with_attribute(("errors", counts.errors.to_string().as_str()))
        .write_inner_content(|xml| {
            for (index, one) in report.broken.iter().enumerate() {
                xml.create_element("testcase")
                    .with_attribute(("classname", "results"))
                    .with_attribute(("name", format!("unreadable {}", index + 1).as_str()))
                    .write_inner_content(|xml| {
                        xml.create_element("error")
                            .with_attribute(("type", "unreadable"))
                            .with_attribute(("message", broken(one).as_str()))
                            .write_empty()?;
                        Ok(())
                    })?;
            }
            Ok(())
        })?;
    Ok(())
}

/// Seconds as the schema takes them: no sign, no exponent.
fn seconds(time: f64) -> String {
    format!("{:.3}", if time.is_finite() { time.max(0.0) } else { 0.0 })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::case::tests::one_of_each;
    use super::*;

    fn written(report: &Report) -> String {
        let mut text = Vec::new();
        Junit.write(report, &mut text).unwrap();
        String::from_utf8(text).unwrap()
    }

    #[test]
    fn the_document_is_as_documented() {
        insta::assert_snapshot!(written(&one_of_each()));
    }

    #[test]
    fn each_count_is_that_of_its_elements() {
        let text = written(&one_of_each());
        let document = roxmltree::Document::parse(&text).unwrap();
        for suite in
            document.descendants().filter(|node| node.has_tag_name("testsuite") || node.has_tag_name("testsuites"))
        {
            let count = |name| suite.descendants().filter(|node| node.has_tag_name(name)).count();
            let says = |name| suite.attribute(name).map(|value| value.parse::<usize>().unwrap());
            assert_eq!(says("tests"), Some(count("testcase")));
            assert_eq!(says("failures"), Some(count("failure")));
            assert_eq!(says("errors"), Some(count("error")));
            assert_eq!(says("skipped").unwrap_or(count("skipped")), count("skipped"));
        }
        assert_eq!(document.descendants().filter(|node| node.has_tag_name("failure")).count(), 3);
    }

    #[test]
    fn a_time_is_one_that_the_schema_takes() {
        assert_eq!(
            [0.0, 1.5, -1.0, f64::NAN, 1e20].map(seconds),
            ["0.000", "1.500", "0.000", "0.000", "100000000000000000000.000"]
        );
    }
}
