//! The command line of `oomph results list`.
//! Lives here: what clap needs to know of it; the words for outcomes, mechanisms and times.
//! May not live here: what it does, or which runs an option lets through (`results`).

use super::age;
use crate::report::{MECHANISMS, OUTCOMES};
use crate::scenario::{Mechanism, Outcome, nearest, one_of};
use clap::{Args, ValueEnum};
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

/// `oomph results list`.
#[derive(Debug, Args)]
pub struct List {
    /// Only runs with one of these outcomes: recovered, oom-killed, hung, panicked, inconclusive (with commas, or repeated)
    #[arg(long = "outcome", value_name = "OUTCOME,…", value_delimiter = ',', value_parser = outcome)]
    pub outcomes: Vec<Option<Outcome>>,
    /// Only hangs with one of these mechanisms: oom-deadlock, isolation-throttle, no-fs-livelock, io-stall, unknown
    #[arg(long = "mechanism", value_name = "MECHANISM,…", value_delimiter = ',', value_parser = mechanism)]
    pub mechanisms: Vec<Mechanism>,
    /// Only on kernels whose name or release has these words, or fits with * and ?: `6.1` finds debian-6.1-source, not debian-6.12
    #[arg(long = "kernel", value_name = "PATTERN")]
    pub on_kernels: Vec<String>,
    /// Only of scenarios whose name has these words, or fits with * and ?
    #[arg(long = "scenario", value_name = "PATTERN")]
    pub of_scenarios: Vec<String>,
    /// Only runs that began at this time or later: `2d` or `12h` for so long ago, 2026-11-24, 2026-11-24T18:30 (UTC)
    #[arg(long, value_name = "TIME", value_parser = since)]
    pub since: Option<Timestamp>,
    /// Only runs that began before this time; a day counts to its end
    #[arg(long, value_name = "TIME", value_parser = until)]
    pub until: Option<Timestamp>,
    /// Only runs that were not as expected; inconclusive ones never are
    #[arg(long)]
    pub unexpected: bool,
    /// Order: the newest, the longest stall, the most kills, the longest run first; names by the alphabet
    #[arg(long, value_name = "BY", default_value = "start")]
    pub sort: Order,
    /// The order turned round
    #[arg(long)]
    pub reverse: bool,
    /// Only the first so many
    #[arg(long, value_name = "N")]
    pub limit: Option<usize>,
}

/// What a list is sorted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Order {
    /// When the runs began.
    Start,
    /// Their longest stall.
    Stall,
    /// Their kills that count.
    Kills,
    /// How long they took.
    Duration,
    /// The kernel's name.
    Kernel,
    /// The scenario's name.
    Scenario,
}

fn outcome(text: &str) -> Result<Option<Outcome>, String> {
    let mut known: Vec<(&str, Option<Outcome>)> = OUTCOMES.iter().map(|one| (one.name(), Some(*one))).collect();
    known.push(("inconclusive", None));
    choose(text, &known)
}

fn mechanism(text: &str) -> Result<Mechanism, String> {
    choose(text, &MECHANISMS.map(|one| (one.name(), one)))
}

fn choose<T: Copy>(text: &str, known: &[(&str, T)]) -> Result<T, String> {
    if let Some((_, value)) = known.iter().find(|(name, _)| *name == text) {
        return Ok(*value);
    }
    let names: Vec<&str> = known.iter().map(|(name, _)| *name).collect();
    Err(match nearest(text, &names) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("expected {}", one_of(&names)),
    })
}

fn since(text: &str) -> Result<Timestamp, String> {
    moment(text, Timestamp::now(), false)
}

fn until(text: &str) -> Result<Timestamp, String> {
    moment(text, Timestamp::now(), true)
}

/// A time: so long before `now`, or a day or time of day in UTC unless it says otherwise. Of a day its beginning, or its end.
fn moment(text: &str, now: Timestamp, end: bool) -> Result<Timestamp, String> {
    let wrong = || {
        "it is no time; expected how long ago (`2d`, `90m`), or a day or time such as `2026-11-24` or `2026-11-24T18:30Z`"
            .to_owned()
    };
    let utc = |time: DateTime| time.to_zoned(TimeZone::UTC).map(|time| time.timestamp()).map_err(|_| wrong());
    let is_day = text.len() == "2026-11-24".len();
    if let Some(day) = text.parse::<Date>().ok().filter(|_| is_day) {
        let day = if end { day.checked_add(1.day()).map_err(|_| wrong())? } else { day };
        return utc(day.at(0, 0, 0, 0));
    }
    if let Ok(time) = text.parse::<Timestamp>() {
        return Ok(time);
    }
    // Without seconds and zone, as people write it.
    if let Ok(time) = text.trim_end_matches('Z').parse::<DateTime>() {
        return utc(time);
    }
    let ago = age(text.trim_end_matches(" ago")).map_err(|_| wrong())?;
    now.checked_sub(ago).map_err(|_| wrong())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn times_are_ago_or_of_a_day() {
        let now: Timestamp = "2026-11-29T12:00:00Z".parse().unwrap();
        for (text, end, wanted) in [
            ("2d", false, "2026-11-27T12:00:00Z"),
            ("90m ago", false, "2026-11-29T10:30:00Z"),
            ("2026-11-24", false, "2026-11-24T00:00:00Z"),
            ("2026-11-24", true, "2026-11-25T00:00:00Z"),
            ("2026-11-24T18:30", true, "2026-11-24T18:30:00Z"),
            ("2026-11-24 18:30", false, "2026-11-24T18:30:00Z"),
            ("2026-11-24T18:30Z", false, "2026-11-24T18:30:00Z"),
            ("2026-11-24T18:30:05+02:00", false, "2026-11-24T16:30:05Z"),
        ] {
            assert_eq!(moment(text, now, end), Ok(wanted.parse().unwrap()), "{text}");
        }
        for wrong in ["", "yesterday", "2", "2026-13-01", "99999999999d", "4294967295d"] {
            assert!(moment(wrong, now, false).unwrap_err().contains("`2d`"), "{wrong}");
        }
    }

    #[test]
    fn words_are_known_or_guessed() {
        assert_eq!((outcome("hung"), outcome("inconclusive")), (Ok(Some(Outcome::Hung)), Ok(None)));
        assert_eq!(outcome("oomkilled"), Err("did you mean `oom-killed`?".into()));
        assert!(outcome("fine").unwrap_err().contains("`recovered`"));
        assert_eq!(mechanism("io-stall"), Ok(Mechanism::IoStall));
    }
}
