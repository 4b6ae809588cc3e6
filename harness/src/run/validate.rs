//! Runs on two kernels in turn, until it is known what the change between them does.
//! Lives here: the loop.
//! May not live here: which run is next and when it is known (`campaign::compare`), or how a run is done ([`Work`]).

use crate::campaign::compare::Trials;
use crate::event::Reason;
use crate::results::RunJson;

/// How runs on two kernels are done.
pub trait Work {
    /// Makes a kernel ready, 0 the one without and 1 the one with the change, and tells of each trial the runs that need not be done again.
    /// `None` where the user ended it.
    fn prepare(&mut self, side: usize) -> impl Future<Output = anyhow::Result<Option<Vec<Vec<RunJson>>>>>;

    /// Runs a trial once on a kernel.
    fn run(&mut self, trial: usize, side: usize) -> impl Future<Output = anyhow::Result<RunJson>>;

    /// A run is done; `trials` has it.
    fn finished(&mut self, trial: usize, side: usize, run: &RunJson, trials: &Trials);
}

/// Makes both kernels ready, then runs one guest at a time until `trials` wants no more. Whether the user ended it; what was run until then
/// is in `trials`.
///
/// # Errors
/// Where a kernel cannot be had or a run not be done. Results until then are stored, and count with `--resume`.
pub async fn validate(work: &mut impl Work, trials: &mut Trials) -> anyhow::Result<bool> {
    // Both before the first run: a patch that does not build is told before anything has run.
    for side in [0, 1] {
        let Some(past) = work.prepare(side).await? else { return Ok(true) };
        for (trial, runs) in past.into_iter().enumerate() {
            trials.past(trial, side, runs);
        }
    }
    while let Some((trial, side)) = trials.next() {
        let run = work.run(trial, side).await?;
        if run.inconclusive != Some(Reason::Cancelled) {
            trials.trials[trial].runs[side].push(run.clone());
            work.finished(trial, side, &run, trials);
        }
        if run.is_cancelled() {
            return Ok(true);
        }
    }
    Ok(false)
}

#[cfg(test)]
#[path = "validate_tests.rs"]
mod tests;
