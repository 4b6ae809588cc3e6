//! Fair time: the time that the guest really had.
//! Lives here: which host time counts, from ticks and SysRq dumps.
//! May not live here: deadlines, or what is measured against them.

use crate::event::{Event, Kind, Tick};

/// A tick covers a quarter of a second; of a longer gap only this much counts. The rest is time in which the harness
/// itself did not run or read: nothing may be concluded from it.
const MAX_STEP_NS: u64 = 1_000_000_000;
/// A SysRq dump is over when the console has been silent for so long in the guest's own time, …
const DUMP_QUIET_NS: u64 = 2_000_000_000;
/// … or after so long in any case. SysRq-t was seen to take 45 s with interrupts off.
const DUMP_MAX_NS: u64 = 120_000_000_000;
/// … and in wall time after so long, whatever the guest got of it.
const DUMP_WALL_NS: u64 = 1_200_000_000_000;

/// Wall time and fair time of a run so far. Only ticks make either pass.
#[derive(Debug, Default)]
pub struct FairClock {
    fair_ns: u64,
    wall_ns: u64,
    last_tick_ns: Option<u64>,
    dump: Option<Dump>,
    /// [`crate::event::Rules::fair_quiet`].
    fair_quiet: bool,
    /// The host holds the guest.
    held: bool,
}

#[derive(Debug)]
struct Dump {
    since_ns: u64,
    printed_ns: u64,
    /// The guest's own time since it began, and since it last printed.
    own_ns: u64,
    quiet_ns: u64,
}

impl Dump {
    fn is_over(&self, host_ns: u64, fair_quiet: bool) -> bool {
        let wall_ns = host_ns.saturating_sub(self.since_ns);
        if fair_quiet {
            self.quiet_ns >= DUMP_QUIET_NS || self.own_ns >= DUMP_MAX_NS || wall_ns >= DUMP_WALL_NS
        } else {
            host_ns.saturating_sub(self.printed_ns) >= DUMP_QUIET_NS || wall_ns >= DUMP_MAX_NS
        }
    }
}

impl FairClock {
    /// Takes one event in. Every event of a stream has to come by here, in order: which of them move the clock or hold it
    /// is known here alone.
    pub fn observe(&mut self, event: &Event) {
        match &event.kind {
            Kind::Plan(plan) => self.fair_quiet(plan.rules.fair_quiet),
            Kind::Tick(tick) => self.tick(event.host_ns, tick),
            // Lines that were dropped were printed, though nobody kept them.
            Kind::Console { .. } | Kind::Dropped { .. } => self.printed(event.host_ns),
            // f and i are no dumps.
            Kind::Sysrq { key } if !matches!(key, 'f' | 'i') => self.dump_begins(event.host_ns),
            Kind::Capture { active } => self.hold(*active),
            _ => {}
        }
    }

    /// Takes the plan's choice of how silence is measured.
    fn fair_quiet(&mut self, fair_quiet: bool) {
        self.fair_quiet = fair_quiet;
    }

    /// Fair time since the first tick, in milliseconds.
    pub fn fair_ms(&self) -> u64 {
        self.fair_ns / 1_000_000
    }

    /// Wall time since the first event, in milliseconds.
    pub fn wall_ms(&self) -> u64 {
        self.wall_ns / 1_000_000
    }

    /// Whether a SysRq dump is being printed; no fair time passes meanwhile.
    pub fn dumping(&self) -> bool {
        self.dump.is_some()
    }

    /// The host holds the guest from now on, or lets it go on. No time is fair meanwhile, and no silence the guest's.
    fn hold(&mut self, held: bool) {
        self.held = held;
    }

    /// The host pressed a key that prints.
    fn dump_begins(&mut self, host_ns: u64) {
        self.dump = Some(Dump { since_ns: host_ns, printed_ns: host_ns, own_ns: 0, quiet_ns: 0 });
    }

    /// The console printed a line.
    fn printed(&mut self, host_ns: u64) {
        if let Some(dump) = &mut self.dump {
            dump.printed_ns = host_ns;
            dump.quiet_ns = 0;
        }
    }

    /// The host looked at its clock.
    fn tick(&mut self, host_ns: u64, tick: &Tick) {
        self.wall_ns = self.wall_ns.max(host_ns);
        let elapsed = host_ns.saturating_sub(self.last_tick_ns.replace(host_ns).unwrap_or(host_ns));
        let counted = elapsed.min(MAX_STEP_NS);
        let lost = tick.stopped_ns.saturating_add(tick.wait_ns).saturating_add(tick.steal_ns);
        let own = if self.held { 0 } else { counted.saturating_sub(lost) };
        match &mut self.dump {
            Some(dump) => {
                dump.own_ns += own;
                dump.quiet_ns += own;
            }
            None => self.fair_ns += own,
        }
        self.dump = self.dump.take().filter(|dump| !dump.is_over(host_ns, self.fair_quiet));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    fn run(clock: &mut FairClock, from_ms: u64, to_ms: u64, tick: &Tick) {
        for ms in (from_ms..=to_ms).step_by(250) {
            clock.tick(ms * MS, tick);
        }
    }

    #[test]
    fn what_the_guest_did_not_get_does_not_count() {
        let mut clock = FairClock::default();
        run(&mut clock, 0, 10_000, &Tick::default());
        assert_eq!(clock.fair_ms(), 10_000);
        run(&mut clock, 10_250, 20_000, &Tick { stopped_ns: 250 * MS, ..Tick::default() });
        assert_eq!(clock.fair_ms(), 10_000, "stopped");
        run(&mut clock, 20_250, 30_000, &Tick { wait_ns: 125 * MS, ..Tick::default() });
        assert_eq!(clock.fair_ms(), 15_000, "half of it waiting for a processor");
        run(&mut clock, 30_250, 40_000, &Tick { wait_ns: 300 * MS, steal_ns: 300 * MS, ..Tick::default() });
        assert_eq!((clock.fair_ms(), clock.wall_ms()), (15_000, 40_000), "never backwards");
    }

    #[test]
    fn a_gap_in_the_ticks_counts_as_one_second() {
        let mut clock = FairClock::default();
        clock.tick(0, &Tick::default());
        clock.tick(90_000 * MS, &Tick::default());
        assert_eq!(clock.fair_ms(), 1_000);
    }

    #[test]
    fn a_dump_does_not_count_until_it_is_silent() {
        let mut clock = FairClock::default();
        run(&mut clock, 0, 1_000, &Tick::default());
        clock.dump_begins(1_000 * MS);
        for ms in (1_250..=40_000).step_by(250) {
            clock.printed(ms * MS);
            clock.tick(ms * MS, &Tick::default());
        }
        assert!(clock.dumping());
        run(&mut clock, 40_250, 42_000, &Tick::default());
        assert!(!clock.dumping());
        assert_eq!(clock.fair_ms(), 1_000);
        run(&mut clock, 42_250, 43_000, &Tick::default());
        assert_eq!(clock.fair_ms(), 2_000);
    }

    #[test]
    fn the_events_that_print_hold_or_press_are_known_here() {
        let mut clock = FairClock::default();
        let mut at = |ms: u64, kind| {
            clock.observe(&Event { seq: 0, host_ns: ms * MS, guest_ns: None, kind });
            clock.fair_ms()
        };
        let tick = || Kind::Tick(Tick::default());
        assert_eq!((at(0, tick()), at(500, tick())), (0, 500));
        at(500, Kind::Sysrq { key: 'f' });
        assert_eq!(at(1_000, tick()), 1_000, "f prints no dump");
        at(1_000, Kind::Capture { active: true });
        assert_eq!(at(1_500, tick()), 1_000, "held");
        at(1_500, Kind::Capture { active: false });
        at(1_500, Kind::Sysrq { key: 't' });
        for ms in (2_000..=8_000).step_by(500) {
            at(ms, Kind::Console { line: String::new() });
            assert_eq!(at(ms, tick()), 1_000, "the dump goes on");
        }
        at(8_500, Kind::Dropped { lines: 1 });
        assert_eq!(at(9_000, tick()), 1_000, "what was dropped was printed too");
        at(11_000, tick());
        assert_eq!(at(11_500, tick()), 1_500, "silent for two seconds");
    }

    #[test]
    fn a_guest_that_the_host_holds_has_no_time() {
        let mut clock = FairClock::default();
        run(&mut clock, 0, 1_000, &Tick::default());
        clock.hold(true);
        run(&mut clock, 1_250, 600_000, &Tick::default());
        clock.hold(false);
        run(&mut clock, 600_250, 601_000, &Tick::default());
        assert_eq!((clock.fair_ms(), clock.wall_ms()), (2_000, 601_000));
    }

    #[test]
    fn a_guest_without_a_processor_is_not_silent() {
        let starved = Tick { wait_ns: 250 * MS, ..Tick::default() };
        let ends = |fair_quiet| {
            let mut clock = FairClock::default();
            clock.fair_quiet(fair_quiet);
            run(&mut clock, 0, 1_000, &Tick::default());
            clock.dump_begins(1_000 * MS);
            run(&mut clock, 1_250, 60_000, &starved);
            let starving = clock.dumping();
            run(&mut clock, 60_250, 62_000, &Tick::default());
            (starving, clock.dumping(), clock.fair_ms())
        };
        assert_eq!(ends(true), (true, false, 1_000));
        assert_eq!(ends(false), (false, false, 3_000), "streams of old are judged as they were");
        let mut clock = FairClock::default();
        clock.fair_quiet(true);
        clock.dump_begins(0);
        run(&mut clock, 0, 1_300_000, &starved);
        assert!(!clock.dumping(), "but not for ever");
    }

    #[test]
    fn a_dump_that_never_ends_is_bounded() {
        let mut clock = FairClock::default();
        clock.tick(0, &Tick::default());
        clock.dump_begins(0);
        for ms in (250..=130_000).step_by(250) {
            clock.printed(ms * MS);
            clock.tick(ms * MS, &Tick::default());
        }
        assert_eq!(clock.fair_ms(), 10_000);
    }
}
