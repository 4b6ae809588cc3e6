//! The loop, with kernels and guests that are made up, on a paused clock.
#![allow(clippy::unwrap_used)]

use super::*;
use crate::campaign::HUNG;
use crate::campaign::bisect::{Graph, Options};
use crate::results::sample;
use crate::scenario::Outcome;

/// 32 commits, of which the 20th makes every run hang.
#[derive(Default)]
struct Fake {
    unbuildable: Vec<usize>,
    unbootable: Vec<usize>,
    /// Runs without an outcome before each that has one.
    lost_runs: u32,
    lost: u32,
    interrupt_after: Option<usize>,
    /// The user ends this run when its outcome is known.
    ended_late: Option<usize>,
    prepared: Vec<At>,
    ran: Vec<At>,
    skipped: Vec<(At, String)>,
}

const CULPRIT: usize = 20;

// What things take is what is guessed beforehand: the choice of a run weighs it, and shall not depend on what was measured so far.

impl Work for Fake {
    async fn prepare(&mut self, at: At) -> anyhow::Result<Prepared> {
        self.prepared.push(at);
        tokio::time::sleep(Duration::from_secs_f64(guess().build)).await;
        Ok(match at {
            At::Commit(commit) if self.unbuildable.contains(&commit) => Prepared::Broken("mm/a.c: error".into()),
            _ => Prepared::Ready,
        })
    }

    async fn run(&mut self, at: At) -> anyhow::Result<RunJson> {
        self.ran.push(at);
        tokio::time::sleep(Duration::from_secs_f64(guess().run)).await;
        let lost = |reason| RunJson { outcome: None, mechanism: None, inconclusive: Some(reason), ..sample() };
        if self.interrupt_after == Some(self.ran.len()) {
            return Ok(lost(Reason::Cancelled));
        }
        if self.lost < self.lost_runs {
            self.lost += 1;
            return Ok(lost(Reason::HostStarved));
        }
        self.lost = 0;
        let cancelled = self.ended_late == Some(self.ran.len());
        Ok(match at {
            At::Commit(commit) if self.unbootable.contains(&commit) => lost(Reason::NoBoot),
            At::Commit(commit) if commit >= CULPRIT => {
                RunJson { outcome: Some(Outcome::Hung), duration_s: guess().run, cancelled, ..sample() }
            }
            _ => RunJson {
                outcome: Some(Outcome::OomKilled),
                mechanism: None,
                duration_s: guess().run,
                cancelled,
                ..sample()
            },
        })
    }

    fn tell(&mut self, news: News<'_>) {
        if let News::Skipped(at, why) = news {
            self.skipped.push((at, why.to_owned()));
        }
    }
}

fn search() -> Search {
    Search::new(Graph::line(32).unwrap(), &[true; 32], guess(), Options::default())
}

async fn run(fake: &mut Fake, past: Vec<(At, RunJson)>, time: Option<Duration>) -> Bisected {
    bisect(&mut search(), fake, &HUNG.parse().unwrap(), past, time).await.unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_culprit_is_found_and_no_kernel_is_built_twice() {
    let mut fake = Fake::default();
    let done = run(&mut fake, vec![], None).await;
    assert_eq!(done.end, Some(End::Found(CULPRIT)));
    let mut once = fake.prepared.clone();
    once.sort_unstable();
    once.dedup();
    assert_eq!((once.len(), done.builds.0 as usize), (fake.prepared.len(), fake.prepared.len()));
    assert_eq!(done.builds.1, guess().build * fake.prepared.len() as f64);
}

#[tokio::test(start_paused = true)]
async fn what_does_not_build_or_boot_is_gone_around() {
    let mut fake = Fake { unbuildable: vec![15, 16, 17], unbootable: vec![22, 23], ..Fake::default() };
    let done = run(&mut fake, vec![], None).await;
    assert_eq!(done.end, Some(End::Found(CULPRIT)));
    assert!(!fake.skipped.is_empty());
    for (at, why) in &fake.skipped {
        let At::Commit(commit) = at else { panic!("{at:?}") };
        assert_eq!(why.contains("does not boot"), fake.unbootable.contains(commit), "{why}");
    }
}

#[tokio::test(start_paused = true)]
async fn runs_without_an_outcome_count_neither_way() {
    let (mut plain, mut shaken) = (Fake::default(), Fake { lost_runs: 2, ..Fake::default() });
    let (one, other) = (run(&mut plain, vec![], None).await, run(&mut shaken, vec![], None).await);
    assert_eq!(one.end, other.end);
    assert_eq!(shaken.ran.len(), 3 * plain.ran.len());
    assert_eq!(other.inconclusive.values().sum::<u32>() as usize, 2 * plain.ran.len());
    let mut hopeless = Fake { lost_runs: u32::MAX, ..Fake::default() };
    assert_eq!(run(&mut hopeless, vec![], None).await.end, Some(End::Broken(At::Commit(31))));
    assert_eq!(hopeless.ran.len(), FRUITLESS as usize);
}

#[tokio::test(start_paused = true)]
async fn a_bisection_that_was_ended_goes_on_where_it_was() {
    let mut whole = Fake::default();
    run(&mut whole, vec![], None).await;
    let mut first = Fake { interrupt_after: Some(4), ..Fake::default() };
    let done = run(&mut first, vec![], None).await;
    assert!(done.interrupted && done.end.is_none());
    // The three that were made are stored; their order is lost.
    let mut past = Vec::new();
    for at in first.ran[..3].iter().rev() {
        past.push((*at, Fake::default().run(*at).await.unwrap()));
    }
    let mut second = Fake::default();
    assert_eq!(run(&mut second, past, None).await.end, Some(End::Found(CULPRIT)));
    assert_eq!(second.ran, whole.ran[3..]);
}

#[tokio::test(start_paused = true)]
async fn a_run_that_is_ended_when_its_outcome_is_known_counts_and_is_the_last() {
    let mut fake = Fake { ended_late: Some(4), ..Fake::default() };
    let mut search = search();
    let done = bisect(&mut search, &mut fake, &HUNG.parse().unwrap(), vec![], None).await.unwrap();
    assert!(done.interrupted && done.end.is_none() && done.inconclusive.is_empty());
    assert_eq!((fake.ran.len(), search.runs()), (4, 4));
}

#[tokio::test(start_paused = true)]
async fn time_that_is_over_ends_it_after_the_run_that_goes_on() {
    let mut fake = Fake::default();
    let done = run(&mut fake, vec![], Some(Duration::from_secs_f64(2.5 * (guess().build + guess().run)))).await;
    assert!(done.end.is_none() && !done.interrupted);
    assert_eq!(fake.ran.len(), 3, "the first three commits, each built and run once");
}
