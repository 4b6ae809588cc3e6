//! Results: what is kept of a run, written so that it is there whole or not at all.
//! Lives here: re-exports; the record, the store, the writers of logs, the listing and its index, one file each.
//! May not live here: judging a run, or printing.

mod collected;
mod compact;
mod console_log;
mod event_log;
mod excerpt;
mod fill;
mod find;
mod folded;
mod index;
mod last_words;
mod list;
mod merge;
mod query;
mod run_json;
mod sink;
mod store;
mod timeline;
mod values;

pub use collected::Collected;
pub use compact::line;
pub use console_log::ConsoleLog;
pub use event_log::EventLog;
pub use excerpt::{Around, ExcerptLine, excerpt};
pub use find::{FindError, find, find_events};
pub use folded::folded;
#[cfg(test)]
pub(crate) use index::tests::sample_listed;
pub use index::{Listed, Rows, Stamp, rows};
pub use last_words::{ConsoleLine, LastWords, last_words};
pub use list::{Broken, FileInfo, Listing, Recorded, Shown, gather, list, load, same_image, show};
pub use merge::{Merged, merge};
pub use query::{Pattern, Query, Sort};
#[cfg(test)]
pub(crate) use run_json::tests::sample;
pub use run_json::{
    CameBackJson, ChainJson, CyclesJson, EscapeJson, EvidenceJson, HostJson, KernelJson, KillJson, LoginJson,
    PhaseJson, ProofJson, ReadError, RunJson, SCHEMA, StallJson, StoredJson, ThrottledJson, Unsound, WaitJson,
    WaitingTaskJson,
};
pub use sink::LogError;
pub use store::{Draft, Store, StoreError, file};
pub use timeline::timeline;
pub use values::{Values, values};
