//! Whether kswapd was blocked, and for how long.
//! Lives here: the account of its looks, and what is worth telling of them.
//! May not live here: rules; that kswapd is blocked decides nothing by itself.

use crate::event;

/// A wait that is over sooner is an ordinary one.
const WORTH_TELLING_MS: u64 = 10_000;
/// Functions of its stack that are told.
const FRAMES: usize = 5;

/// kswapd of node 0, as the counters probe sees it each second.
#[derive(Debug, Default)]
pub(super) struct Kswapd {
    /// Since when it has been in D at every look, in milliseconds of fair time.
    blocked_ms: Option<u64>,
    told: bool,
}

impl Kswapd {
    /// Takes a look in, and gives back what is to be told after it.
    pub fn look(&mut self, now_ms: u64, look: &event::Kswapd) -> Option<String> {
        let since = self.blocked_ms.unwrap_or(now_ms);
        let waited = now_ms.saturating_sub(since);
        let seconds = waited as f64 / 1000.0;
        if look.state != "D" {
            let told = std::mem::take(self).told;
            return told.then(|| format!("kswapd goes on, after {seconds:.1} s"));
        }
        self.blocked_ms = Some(since);
        if self.told || waited < WORTH_TELLING_MS {
            return None;
        }
        self.told = true;
        Some(format!("kswapd has been blocked for {seconds:.1} s{}", place(look)))
    }
}

fn place(look: &event::Kswapd) -> String {
    let frames: Vec<&str> = look.stack.iter().map(String::as_str).take(FRAMES).collect();
    match (frames.is_empty(), &look.wchan) {
        (false, _) => format!(", in {}", frames.join(" ← ")),
        (true, Some(wchan)) => format!(", in {wchan}"),
        (true, None) => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look(state: &str, stack: &[&str]) -> event::Kswapd {
        let stack = stack.iter().map(|name| (*name).to_owned()).collect();
        event::Kswapd { state: state.into(), wchan: Some("io_schedule".into()), stack }
    }

    #[test]
    fn a_long_wait_is_told_once_and_its_end_once() {
        let mut kswapd = Kswapd::default();
        let blocked = look("D", &["io_schedule", "blk_mq_get_tag"]);
        let told: Vec<Option<String>> = (0..20).map(|second| kswapd.look(second * 1000, &blocked)).collect();
        let expected = "kswapd has been blocked for 10.0 s, in io_schedule ← blk_mq_get_tag";
        assert_eq!(told.iter().position(Option::is_some), Some(10));
        assert_eq!(told.iter().flatten().collect::<Vec<_>>(), [expected]);
        assert_eq!(kswapd.look(20_000, &look("S", &[])).as_deref(), Some("kswapd goes on, after 20.0 s"));
        assert_eq!(kswapd.look(21_000, &look("R", &[])), None);
    }

    #[test]
    fn waits_with_work_in_between_are_ordinary() {
        let mut kswapd = Kswapd::default();
        for second in 0..60 {
            let state = if second % 9 == 8 { "R" } else { "D" };
            assert_eq!(kswapd.look(second * 1000, &look(state, &[])), None);
        }
    }

    #[test]
    fn without_a_stack_the_wait_channel_is_told() {
        let mut kswapd = Kswapd::default();
        assert_eq!(kswapd.look(0, &look("D", &[])), None);
        assert_eq!(
            kswapd.look(11_000, &look("D", &[])).as_deref(),
            Some("kswapd has been blocked for 11.0 s, in io_schedule")
        );
    }
}
