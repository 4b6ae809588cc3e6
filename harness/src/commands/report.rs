//! `oomph report`: results in the forms that people and CI systems read.
//! Lives here: which formats were asked for, where each goes.
//! May not live here: a format (`report`), or the walk over results (`results`).

use super::cli::{Global, Report as Options};
use super::exit::Status;
use super::page;
use crate::report::{Csv, Format, GithubAnnotations, GithubSummary, Gitlab, JsonLines, Junit, Kcidb, Ktap, Report};
use crate::results;
use anyhow::{Context, bail};
use std::io::{BufWriter, Write};
use std::path::Path;

/// Writes every format that was asked for.
///
/// # Errors
/// Where results cannot be read, nothing was asked for, or a file not be written; a file that was there stays as it was then.
pub fn report(global: &Global, options: &Options) -> anyhow::Result<Status> {
    let formats: [(&Option<_>, Box<dyn Format>); 7] = [
        (&options.html, Box::new(page::html())),
        (&options.jsonl, Box::new(JsonLines)),
        (&options.junit, Box::new(Junit)),
        (&options.ktap, Box::new(Ktap)),
        (&options.kcidb, Box::new(Kcidb)),
        (&options.gitlab, Box::new(Gitlab)),
        (&options.csv, Box::new(Csv)),
    ];
    if formats.iter().all(|(file, _)| file.is_none()) && !options.github {
        bail!(
            "no format was asked for: expected one or more of --html FILE, --junit FILE, --ktap FILE, --kcidb FILE, --gitlab FILE, --csv FILE, \
             --jsonl FILE, --github"
        );
    }
    let from = if options.from.is_empty() { vec![global.results.clone()] } else { options.from.clone() };
    let listing = results::gather(&from)?;
    for broken in &listing.broken {
        eprintln!("oomph: {}: {}", broken.folder.display(), broken.why);
    }
    let mut report = Report { title: options.title.clone(), runs: listing.runs, broken: listing.broken };
    report.runs.sort_by(|a, b| {
        (&a.scenario, &a.kernel, a.started, &a.result).cmp(&(&b.scenario, &b.kernel, b.started, &b.result))
    });
    for (file, format) in formats.iter().filter_map(|(file, format)| Some((file.as_ref()?, format))) {
        write(file, |out| format.write(&report, out)).with_context(|| file.display().to_string())?;
    }
    if options.github {
        github(&report, std::env::var_os("GITHUB_STEP_SUMMARY").as_deref().map(Path::new))?;
    }
    Ok(Status::AsExpected)
}

/// The summary after what earlier commands of the step wrote there, then the annotations.
fn github(report: &Report, summary: Option<&Path>) -> anyhow::Result<()> {
    let stdout = Path::new("-");
    match summary {
        Some(file) => {
            let mut text = Vec::new();
            GithubSummary.write(report, &mut text)?;
            let append = || std::fs::OpenOptions::new().append(true).create(true).open(file)?.write_all(&text);
            append().with_context(|| format!("{} (named by GITHUB_STEP_SUMMARY)", file.display()))?;
        }
        None => write(stdout, |out| GithubSummary.write(report, out))?,
    }
    write(stdout, |out| GithubAnnotations.write(report, out))
}

/// Whole or not at all: beside its place first, then renamed. `-` is stdout.
pub(super) fn write(file: &Path, content: impl Fn(&mut dyn Write) -> std::io::Result<()>) -> anyhow::Result<()> {
    if file == Path::new("-") {
        let mut out = BufWriter::new(std::io::stdout().lock());
        return match content(&mut out).and_then(|()| out.flush()) {
            Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(error.into()),
            _ => Ok(()),
        };
    }
    let folder = file.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut out = BufWriter::new(tempfile::Builder::new().permissions(permissions()).tempfile_in(folder)?);
    content(&mut out)?;
    out.into_inner().map_err(|error| error.into_error())?.persist(file)?;
    Ok(())
}

/// Of a file that is made anew, less the umask.
fn permissions() -> std::fs::Permissions {
    std::os::unix::fs::PermissionsExt::from_mode(0o666)
}
