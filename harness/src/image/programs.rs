//! The guest's own programs, embedded: one `oomph` file is all that a host needs.
//! Lives here: their bytes, by name.
//! May not live here: building them (build.rs), or how they get into an image.

include!(concat!(env!("OUT_DIR"), "/programs.rs"));

/// PID 1 and agent of a guest: a static ELF executable (`images/init`).
pub const INIT: &[u8] = INIT_FILE;

/// The executable of a reproducer (`reproducers/src/bin`), static as [`INIT`]; `None` for a name that is none of
/// [`reproducers`].
pub fn reproducer(name: &str) -> Option<&'static [u8]> {
    REPRODUCER_FILES.iter().find(|(known, _)| *known == name).map(|(_, bytes)| *bytes)
}

/// What a reproducer provokes and why, as its own `--explain` prints it.
pub fn explanation(name: &str) -> Option<&'static str> {
    oomph_catalog::program(name).map(|program| program.explanation)
}

/// Names of the reproducers, sorted; those that only tests use are among them.
pub fn reproducers() -> impl Iterator<Item = &'static str> {
    REPRODUCER_FILES.iter().map(|(name, _)| *name)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use object::elf::{ET_EXEC, FileHeader64, PT_DYNAMIC, PT_INTERP};
    use object::read::elf::{FileHeader, ProgramHeader};
    use object::{Endianness, elf::EM_X86_64};

    /// Runs anywhere: no loader, no shared library.
    fn check_static(name: &str, bytes: &[u8]) {
        let header = FileHeader64::<Endianness>::parse(bytes).unwrap();
        let endian = header.endian().unwrap();
        assert_eq!((header.e_type(endian), header.e_machine(endian)), (ET_EXEC, EM_X86_64), "{name}");
        let mut segments = header.program_headers(endian, bytes).unwrap().iter();
        assert!(!segments.any(|s| matches!(s.p_type(endian), PT_INTERP | PT_DYNAMIC)), "{name} wants a loader");
    }

    #[test]
    fn every_program_is_static() {
        check_static("oomph-init", INIT);
        for name in reproducers() {
            check_static(name, reproducer(name).unwrap());
        }
    }

    #[test]
    fn reproducers_are_found_by_name() {
        assert!(reproducers().is_sorted());
        assert!(reproducers().any(|name| name == "xfs-inode-mutex"));
        assert_eq!(reproducer("xfs"), None);
        assert!(reproducers().all(|name| explanation(name).is_some()));
        let mut known = crate::scenario::REPRODUCERS;
        known.sort_unstable();
        assert!(reproducers().eq(known), "scenarios can name each, and no other");
    }
}
