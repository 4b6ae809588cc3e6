//! A kernel as a person reads it.
//! Lives here: its wording.
//! May not live here: looking at the kernel.

use crate::kernel::Kernel;
use std::fmt::Write;

/// The block of `oomph kernel show` and `build`.
pub fn kernel_block(kernel: &Kernel) -> String {
    let mut out = String::new();
    // Writing to a String cannot fail.
    let _ = write(&mut out, kernel);
    out
}

fn write(out: &mut String, kernel: &Kernel) -> std::fmt::Result {
    writeln!(out, "{}  {}", kernel.name, kernel.release)?;
    writeln!(out, "  image     {}", kernel.image.display())?;
    if let Some(modules) = &kernel.modules {
        writeln!(out, "  modules   {}", modules.display())?;
    }
    writeln!(out, "  blake3    {}", kernel.hash)?;
    if !kernel.tags.is_empty() {
        writeln!(out, "  tags      {}", kernel.tags.join(", "))?;
    }
    writeln!(out, "  origin    {}", kernel.origin)?;
    let Some(build) = &kernel.build else { return Ok(()) };
    writeln!(out, "  tree      {} ({})", build.tree, build.tree_id)?;
    for patch in &build.patches {
        writeln!(out, "  patch     {} ({})", patch.name, patch.hash)?;
    }
    for patch in &build.compat {
        writeln!(out, "  compat    {patch}")?;
    }
    writeln!(out, "  config    {}", build.config_hash)?;
    writeln!(out, "  compiler  {}", build.compiler)?;
    writeln!(out, "  linker    {}", build.linker)?;
    for (name, value) in &build.make {
        writeln!(out, "  make      {name}={value}")?;
    }
    for note in &build.notes {
        writeln!(out, "  note      {note}")?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::kernel::{Build, Patch};

    #[test]
    fn all_that_is_known_is_shown() {
        let build = Build {
            tree: "v6.1".into(),
            tree_id: "aa".into(),
            patches: vec![Patch { name: "p".into(), hash: "bb".into() }],
            config_hash: "cc".into(),
            compiler: "gcc 12".into(),
            linker: "ld 2".into(),
            make: [("CC".to_owned(), "gcc-9".to_owned())].into(),
            notes: vec!["CONFIG_X did not come out".into()],
            ..Build::default()
        };
        let kernel = Kernel {
            name: "k".into(),
            image: "/e/bzImage".into(),
            modules: None,
            release: "6.1.0".into(),
            version: (6, 1, 0),
            tags: vec!["p".into()],
            hash: "dd".into(),
            origin: "built".into(),
            build: Some(Box::new(build)),
        };
        let text = kernel_block(&kernel);
        assert_eq!(text.lines().next(), Some("k  6.1.0"));
        for line in
            ["image     /e/bzImage", "patch     p (bb)", "make      CC=gcc-9", "note      CONFIG_X did not come out"]
        {
            assert!(text.contains(&format!("\n  {line}\n")), "{text}");
        }
    }
}
