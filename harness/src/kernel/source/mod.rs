//! Kernels built from source.
//! Lives here: the way from a `SourceBuild` to a kernel in the cache: tree, patches, config, make, key.
//! May not live here: what is booted, or how (`vm`).
//!
//! `tree` has the source here with the patches in it → `config` makes the .config → `key` names what would come out →
//! `build` runs make, or finds the entry → a [`Kernel`].

mod build;
mod collect;
mod compat;
mod config;
mod describe;
mod disk;
mod history;
mod known;
mod make;
mod patch;
mod record;
mod tools;
mod tree;
mod types;
mod work;

pub(super) use build::{find, kernel};
pub use collect::export;
pub use describe::describe;
pub(super) use history::history;
pub use history::{Commit, Follow, History};
pub use make::MakeError;
pub use patch::Patch;
pub use record::Build;
pub(super) use tools::check;
pub use tools::{Tool, missing};
pub(super) use tree::range;
pub use types::DIRECTORY as TYPES;
