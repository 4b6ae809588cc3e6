//! Where the fields of the kernel's structures are: offsets and sizes by name, out of BTF or DWARF.
//! Lives here: the one form of both, and paths of fields through structures within structures.
//! May not live here: which fields are wanted, and how they were called when (`layout`).
