//! For how long the chains of a stall were seen.
//! Lives here: counting them, and which of them stands for the stall.
//! May not live here: what a chain is (`introspect::chain`). None of it decides anything.

use crate::event::{Picture, Step};
use serde::Serialize;
use std::collections::BTreeMap;

/// Chains of one stall that are told apart; a guest in which more come and go has none that stands.
const CHAINS: usize = 256;

/// A chain and the pictures of a stall that show it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Standing {
    /// When it was first seen, in milliseconds of fair time.
    pub since_ms: u64,
    /// When it was last seen.
    pub last_ms: u64,
    /// In how many pictures.
    pub pictures: u64,
    /// Of so many that were taken in the stall.
    pub of: u64,
    /// Whether it goes round, and none of all who are waited for can get on.
    pub closed: bool,
    /// The chain, as in the last picture of it.
    pub steps: Vec<Step>,
}

/// The chains of the stall that goes on.
#[derive(Debug, Default)]
pub(super) struct Chains {
    seen: BTreeMap<String, Standing>,
    pictures: u64,
}

impl Chains {
    /// A stall begins.
    pub fn restart(&mut self) {
        *self = Self::default();
    }

    /// A picture was taken, at `now` of fair time.
    pub fn observe(&mut self, now: u64, picture: &Picture) {
        self.pictures += 1;
        let Some(chain) = &picture.chain else { return };
        if self.seen.len() >= CHAINS && !self.seen.contains_key(&chain.identity) {
            return;
        }
        let standing = self.seen.entry(chain.identity.clone()).or_insert_with(|| Standing {
            since_ms: now,
            last_ms: now,
            pictures: 0,
            of: 0,
            closed: chain.closed,
            steps: Vec::new(),
        });
        standing.last_ms = now;
        standing.pictures += 1;
        standing.steps.clone_from(&chain.steps);
    }

    /// The one that most pictures show; of equals the one seen last.
    pub fn most(&self) -> Option<Standing> {
        let most = self.seen.values().max_by_key(|standing| (standing.pictures, standing.last_ms))?;
        Some(Standing { of: self.pictures, ..most.clone() })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::event::Chain;

    fn seen(identity: Option<&str>) -> Picture {
        let chain = identity.map(|identity| Chain { identity: identity.into(), ..Chain::default() });
        Picture { chain, ..Picture::default() }
    }

    #[test]
    fn the_one_that_most_pictures_show_stands_for_the_stall() {
        let mut chains = Chains::default();
        assert_eq!(chains.most(), None);
        for (now, identity) in [Some("a"), Some("b"), None, Some("b"), Some("a"), Some("b")].into_iter().enumerate() {
            chains.observe(now as u64 * 250, &seen(identity));
        }
        let most = chains.most().unwrap();
        assert_eq!((most.since_ms, most.last_ms, most.pictures, most.of), (250, 1250, 3, 6));
        chains.restart();
        assert_eq!(chains.most(), None);
    }

    #[test]
    fn a_guest_that_makes_up_chains_costs_no_memory() {
        let mut chains = Chains::default();
        for now in 0..2 * CHAINS as u64 {
            chains.observe(now, &seen(Some(&now.to_string())));
        }
        assert_eq!(chains.seen.len(), CHAINS);
    }
}
