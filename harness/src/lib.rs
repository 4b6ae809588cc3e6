//! The OOM and memory-pressure harness as a library.
//! Lives here: the modules, in the order in which data flows through them.
//! May not live here: code.
//!
//! scenario → plan → kernel + image → vm → **events** → verdict → result → report

pub mod scenario;

pub mod kernel;

pub mod image;
pub mod introspect;

pub mod vm;

pub mod event;

pub mod kmsg;

pub mod diagnose;

pub mod verdict;

pub mod timeline;

pub mod run;

pub mod results;

pub mod campaign;

pub mod report;

pub mod doctor;

pub mod commands;
