//! From a kernel's files to what looks at its guests.
//! Lives here: putting symbols and types together; one look as an event.
//! May not live here: reading either (`kernel::InsideFiles`), or memory (`introspect`).

use super::looks::Lens;
use super::pictures::Pictures;
use crate::event;
use crate::introspect::picture::Picture;
use crate::introspect::{Introspector, layout};
use crate::kernel::{Inside, InsideFiles, Kernel};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// Will look at guests of a kernel that boot `booted`: its image, or the vmlinux out of that.
pub fn lens(kernel: &Kernel, booted: &Path) -> Lens {
    let (files, release) = (InsideFiles::of(kernel, booted), kernel.release.clone());
    Arc::new(move || introspector(&files, Some(release.clone())))
}

/// What looks at guests of the kernel of these files.
///
/// # Errors
/// Where symbols or types are missing, or types lack what every kernel has.
pub fn introspector(files: &InsideFiles, release: Option<String>) -> Result<Introspector, String> {
    let wanted: Vec<&str> = layout::structures().into_iter().chain(layout::enumerations()).collect();
    let Inside { symbols, types, build } = files.read(&wanted);
    let symbols = symbols.map_err(|why| format!("no symbols: {why}"))?;
    let types = types.map_err(|why| format!("no types: {why}"))?;
    let introspector = Introspector::new(symbols, &types, release).map_err(|missing| missing.to_string())?;
    Ok(introspector.of_build(build))
}

/// What one look has seen, as it would be told in a run whose first it is.
pub fn as_event(seen: &Picture) -> event::Picture {
    Pictures::default().event(seen, Duration::ZERO)
}
