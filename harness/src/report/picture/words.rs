//! A timeline in words: what a picture says, for who does not see it.
//! Lives here: its wording.
//! May not live here: what is not in the timeline.

use super::scene::{Of, Scene, number, seconds};
use crate::timeline::Timeline;

/// Rows of which each is told in words; the rest is counted.
const TOLD: usize = 6;

/// A few sentences, in one line. Names come from guests: whoever shows them has to make them inert.
pub fn in_words(timeline: &Timeline) -> String {
    let scene = Scene::of(timeline);
    let mut said = vec![format!("A run of {} of the guest's time.", seconds(timeline.length_s))];
    let samples = &timeline.samples;
    match (samples.first(), samples.last(), samples.iter().min_by_key(|sample| sample.free_kib)) {
        (Some(first), Some(last), Some(least)) => {
            let [first, low, last] = [first, least, last].map(|sample| number(sample.free_kib as f64 / 1024.0));
            let at = seconds(least.at_s);
            said.push(format!("Free memory: {first} MiB at first, {low} MiB at the least ({at}), {last} MiB at last."));
        }
        _ => said.push("The guest's heart never beat.".to_owned()),
    }
    let worked = samples.iter().zip(samples.iter().skip(1)).rfind(|(one, next)| next.work > one.work);
    if let Some((_, last)) = worked {
        said.push(format!("The workload last got on at {}.", seconds(last.at_s)));
    }
    for row in scene.rows.iter().take(TOLD) {
        let details: Vec<&str> = row.details.iter().take(2).map(String::as_str).collect();
        let more = row.spans.len().saturating_sub(details.len());
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        let details = details.join(", ");
        said.push(match row.of {
            Of::Kills if row.spans.len() == 1 => format!("One OOM kill: {details}."),
            Of::Kills => format!("{} OOM kills: {details}{more}.", row.spans.len()),
            Of::Stall => format!("Probe {} silent {details}{more}.", row.name),
            Of::Fault => format!("Host fault {}: {details}{more}.", row.name),
            Of::Keys | Of::Other => format!("{details}{more}."),
        });
    }
    said.join(" ")
}
