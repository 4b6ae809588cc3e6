//! A guest whose clock is none.
//! Lives here: that it is not judged, and that no stall is ended by a timer of ours.
//! May not live here: fair time, which is the host's.

use super::{KILL, freeze, pressed, reason};
use crate::event::{Kind, Reason};
use crate::run::sim::Mood;
use crate::scenario::Outcome;
use crate::verdict::{End, judge};

/// As a run was that was judged oom-killed: its guest's clock went eleven times too fast, so that the agent's timer, an hour of that, ended
/// the workload while it hung.
#[test]
fn a_guest_without_a_clock_is_not_judged_and_the_agents_timer_ends_no_stall() {
    let mut sim = pressed();
    freeze(&mut sim);
    sim.seconds(200);
    let rate = |rate: u64| {
        let mut events = sim.events.clone();
        events.iter_mut().for_each(|event| event.guest_ns = event.guest_ns.map(|ns| ns * rate));
        judge(&events).end
    };
    assert_eq!(rate(1), End::Outcome(Outcome::Hung));
    assert_eq!(reason(&rate(11)), Reason::HostStarved);
    let mut sim = pressed();
    sim.seconds(8).kills(KILL);
    freeze(&mut sim);
    sim.seconds(30).emit(Kind::Released { by: oomph_wire::words::TIMER.into() });
    sim.mood = Mood::default();
    assert_eq!(reason(&sim.finish().end), Reason::HostStarved);
}
