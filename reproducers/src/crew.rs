//! The children of a workload that stay for its whole life.
//! Lives here: starting each when its time comes, starting it anew after its death, ending all when one fails.
//! May not live here: what a child does.

use crate::{Child, Death, Failure, Random, Values, fork};
use oomph_catalog::RESTART;
use oomph_wire::page::Progress;
use std::thread::sleep;
use std::time::{Duration, Instant};

/// How often deaths and starts are looked for.
const TURN: Duration = Duration::from_millis(50);

/// How much later than the others this hog starts.
pub fn hog_jitter(seed: u64, index: u64) -> Duration {
    Duration::from_millis(Random::new(seed, index).number() % 500)
}

/// Children that are kept alive.
pub struct Crew<'a> {
    page: &'static Progress,
    restart: Option<Duration>,
    begin: Instant,
    members: Vec<Member<'a>>,
}

/// A child that runs, or will when its time comes.
struct Member<'a> {
    life: Box<dyn Fn() -> u8 + 'a>,
    /// `None` for one that is not to start any more.
    start: Option<Instant>,
    running: Option<Child>,
}

impl<'a> Crew<'a> {
    /// A crew without members. One that a signal has killed is started anew as the parameter [`RESTART`] says.
    ///
    /// # Panics
    /// Where the program has not declared it.
    pub fn new(page: &'static Progress, values: &Values) -> Self {
        let restart = Some(Duration::from_secs(values.number(RESTART.name))).filter(|time| !time.is_zero());
        Self { page, restart, begin: Instant::now(), members: Vec::new() }
    }

    /// Adds a member, to be started `delay` after the crew was made. `life` is run in a child of its own, which exits with
    /// what it returns: anything but 0 is a failure.
    pub fn add(&mut self, delay: Duration, life: impl Fn() -> u8 + 'a) {
        self.members.push(Member { life: Box::new(life), start: Some(self.begin + delay), running: None });
    }

    /// Starts what is due and reaps what has ended, for ever; ends only when a member fails, and then with the others.
    pub fn run(mut self) -> Result<(), Failure> {
        loop {
            if let Err(failure) = self.turn() {
                self.members.iter().filter_map(|member| member.running).for_each(Child::kill);
                return Err(failure);
            }
            sleep(TURN);
        }
    }

    fn turn(&mut self) -> Result<(), Failure> {
        while let Some(death) = Death::reap(self.page) {
            death.check(self.page, "task")?;
            if let Some(member) = self.members.iter_mut().find(|member| member.running == Some(death.child)) {
                member.running = None;
                member.start = self.restart.map(|after| Instant::now() + after);
            }
        }
        let now = Instant::now();
        for member in self.members.iter_mut().filter(|member| member.running.is_none()) {
            if member.start.is_some_and(|start| start <= now) {
                // A fork that fails for want of memory is tried again at the next turn.
                member.running = fork(&member.life).ok();
            }
        }
        Ok(())
    }
}
