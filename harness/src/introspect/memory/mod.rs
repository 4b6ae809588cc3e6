//! A guest's memory by physical and by virtual address.
//! Lives here: what physical memory is, ELF cores of it, page tables.
//! May not live here: how a live guest's memory comes into our address space (`vm`).
