//! Addresses of the kernel's functions and variables, by name, and names by address.
//! Lives here: the table, and where it is had from: an ELF file's symbols, or the kallsyms of a kernel without them.
//! May not live here: types.
