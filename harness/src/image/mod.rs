//! (being built)

pub mod programs;
