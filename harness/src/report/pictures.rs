//! What the pictures of a run say: the proof of its hang, who spent how much time where.
//! Lives here: the words and their order.
//! May not live here: adding up (`introspect::account`).

use super::inert::plain;
use crate::event::{Cycle, Event, Kind, sentence};
use crate::introspect::account::Account;
use crate::verdict::Verdict;
use std::fmt::Write as _;

/// Lines of the account that are shown.
const ROWS: usize = 30;

/// The page.
pub fn pictures(events: &[Event], verdict: &Verdict, account: &Account) -> String {
    let mut text = String::new();
    let pictures: Vec<_> = events
        .iter()
        .filter_map(|event| match &event.kind {
            Kind::Picture(picture) => Some(picture),
            _ => None,
        })
        .collect();
    if pictures.is_empty() {
        let why = events.iter().find_map(|event| match &event.kind {
            Kind::NoPictures { why } => Some(why.as_str()),
            _ => None,
        });
        let _ = writeln!(
            text,
            "No pictures of the guest's memory: {}",
            why.unwrap_or("it never stalled, or the run is from before there were any")
        );
        return text;
    }
    if let Some(proof) = &verdict.proof {
        let _ = writeln!(
            text,
            "Proof of a hang: the same cycle from {:.1} s to {:.1} s, in {} pictures:\n  {}",
            proof.since_ms as f64 / 1000.0,
            proof.last_ms as f64 / 1000.0,
            proof.pictures,
            plain(&sentence(&proof.steps))
        );
    }
    let closed = pictures.iter().filter(|picture| matches!(picture.cycle, Cycle::Closed { .. })).count();
    let unsure = pictures.iter().filter(|picture| picture.cycle == Cycle::Unsure).count();
    let mut cost: Vec<u64> = pictures.iter().map(|picture| picture.us).collect();
    cost.sort_unstable();
    let [median, most] = [cost[cost.len() / 2], cost[cost.len() - 1]].map(|us| us as f64 / 1000.0);
    let _ = writeln!(
        text,
        "{} pictures, of which {closed} show a closed cycle and {unsure} cannot tell; each took {median:.1} ms, {most:.1} ms at most",
        pictures.len()
    );
    if let Some(last) = pictures.iter().rev().find_map(|picture| match &picture.cycle {
        Cycle::Closed { steps, .. } if verdict.proof.is_none() => Some(sentence(steps)),
        _ => None,
    }) {
        let _ = writeln!(text, "The last that was seen, which is no proof by itself:\n  {}", plain(&last));
    }
    let _ = writeln!(text, "\nTime in the pictures, by task:");
    for row in account.rows().iter().take(ROWS) {
        let lock = row.spent.lock.as_ref().map(|lock| format!(" {}", plain(lock))).unwrap_or_default();
        let (s, seen) = (row.time.ms as f64 / 1000.0, row.time.pictures);
        let _ = writeln!(
            text,
            "  {s:>7.1} s  {}[{}]  {}{lock}  (in {seen} pictures)",
            plain(row.comm),
            row.pid,
            row.spent.kind
        );
    }
    text
}
