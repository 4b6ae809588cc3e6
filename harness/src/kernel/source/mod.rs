//! Kernels built from source.
//! Lives here: the way from a `SourceBuild` to a kernel in the cache: tree, patches, config, make, key.
//! May not live here: what is booted, or how (`vm`).
//!
//! `tree` has the source here with the patches in it → `config` makes the .config → `key` names what would come out →
//! `build` runs make, or finds the entry → a [`Kernel`].

mod build;
mod compat;
mod config;
mod make;
mod patch;
mod tools;
mod tree;

pub(super) use build::kernel;
