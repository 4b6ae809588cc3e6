//! What building a kernel needs on the host: `oomph kernel build --check`.
//! Lives here: the list, what is missing of it, how to get it; versions of compiler and linker.
//! May not live here: getting it.
