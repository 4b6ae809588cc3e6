//! `oomph report`: results in the forms that people and CI systems read.
//! Lives here: which formats were asked for, where each goes.
//! May not live here: a format (`report`), or the walk over results (`results`).

use super::cli::{Global, Report as Options};
use super::exit::Status;
use super::page;
use crate::report::{Format, JsonLines, Report};
use crate::results;
use anyhow::{Context, bail};
use std::io::{BufWriter, Write};
use std::path::Path;

/// Writes every format that was asked for.
///
/// # Errors
/// Where results cannot be read, nothing was asked for, or a file not be written; a file that was there stays as it was then.
pub fn report(global: &Global, options: &Options) -> anyhow::Result<Status> {
    let formats: [(&Option<_>, Box<dyn Format>); 2] =
        [(&options.html, Box::new(page::html())), (&options.jsonl, Box::new(JsonLines))];
    if formats.iter().all(|(file, _)| file.is_none()) {
        bail!("no format was asked for: expected one or more of --html FILE, --jsonl FILE");
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
    Ok(Status::AsExpected)
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
