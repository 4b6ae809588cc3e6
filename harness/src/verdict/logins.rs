//! The logins that were tried: how far each came, and how long it took.
//! Lives here: one list, folded from their events.
//! May not live here: what is expected of them (`scenario::expect`); no outcome rests on a login.
//!
//! A login needs the host's network code and the guest's, and one that does not come through may be either's doing. So it is evidence,
//! and the serial links decide.

use crate::event::{Answer, Kind, LoginStage, Phase};
use oomph_wire::words::source::LOGIN;

/// So many are kept; an hour has fewer.
const LISTED: usize = 2_000;

/// A login that was tried.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct LoginTried {
    /// Its number, from 1.
    pub n: u64,
    /// The phase in which it began; `None` before the first.
    pub phase: Option<Phase>,
    /// When it began, in milliseconds of fair time since the start of the run.
    pub began_ms: u64,
    /// How long it took, or took so far when the run ended, in milliseconds of fair time.
    pub took_ms: u64,
    /// The last stage that it passed; `None` where it passed none.
    pub passed: Option<LoginStage>,
    /// How it ended; `None` where the run ended first.
    pub answer: Option<Answer>,
    /// The stage that failed, and why.
    pub failed: Option<(LoginStage, String)>,
}

impl LoginTried {
    /// Whether it came through.
    pub fn is_ok(&self) -> bool {
        self.answer == Some(Answer::Ok)
    }
}

/// All of them.
#[derive(Debug, Default)]
pub(super) struct Logins(Vec<LoginTried>);

impl Logins {
    /// Takes in one of their events.
    pub fn observe(&mut self, kind: &Kind, phase: Option<Phase>, now_ms: u64) {
        match kind {
            Kind::ProbeBegin { probe, n } if probe == LOGIN && self.0.len() < LISTED => self.0.push(LoginTried {
                n: *n,
                phase,
                began_ms: now_ms,
                took_ms: 0,
                passed: None,
                answer: None,
                failed: None,
            }),
            Kind::Login { n, stage, failed, .. } => {
                let Some(login) = self.open(*n) else { return };
                match failed {
                    None => login.passed = Some(*stage),
                    Some(why) => login.failed = Some((*stage, why.clone())),
                }
            }
            Kind::ProbeEnd { probe, n, result } if probe == LOGIN => {
                let Some(login) = self.open(*n) else { return };
                login.answer = Some(*result);
                login.took_ms = now_ms - login.began_ms;
            }
            Kind::Tick(_) => {
                if let Some(login) = self.0.last_mut().filter(|login| login.answer.is_none()) {
                    login.took_ms = now_ms - login.began_ms;
                }
            }
            _ => {}
        }
    }

    /// The one that is under way, if it has this number.
    fn open(&mut self, n: u64) -> Option<&mut LoginTried> {
        self.0.last_mut().filter(|login| login.n == n && login.answer.is_none())
    }

    pub fn into_list(self) -> Vec<LoginTried> {
        self.0
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn begin(n: u64) -> Kind {
        Kind::ProbeBegin { probe: LOGIN.into(), n }
    }

    fn passed(n: u64, stage: LoginStage) -> Kind {
        Kind::Login { n, stage, ms: 1, failed: None }
    }

    fn end(n: u64, result: Answer) -> Kind {
        Kind::ProbeEnd { probe: LOGIN.into(), n, result }
    }

    #[test]
    fn each_is_told_with_how_far_it_came() {
        let mut logins = Logins::default();
        let failed =
            Kind::Login { n: 2, stage: LoginStage::Banner, ms: 60_000, failed: Some("nothing within 60 s".into()) };
        let story = [
            (begin(1), Phase::Settle, 1_000),
            (passed(1, LoginStage::Tcp), Phase::Settle, 1_000),
            (passed(1, LoginStage::Exec), Phase::Settle, 2_500),
            (end(1, Answer::Ok), Phase::Settle, 2_500),
            (begin(2), Phase::Pressure, 3_500),
            (passed(2, LoginStage::Tcp), Phase::Pressure, 3_500),
            (failed, Phase::Pressure, 63_500),
            (end(2, Answer::Errno(110)), Phase::Pressure, 63_500),
            (begin(3), Phase::Escapes, 64_000),
            // Not of the one that is under way.
            (end(2, Answer::Ok), Phase::Escapes, 64_100),
            (Kind::Tick(crate::event::Tick::default()), Phase::Escapes, 70_000),
        ];
        for (kind, phase, now) in story {
            logins.observe(&kind, Some(phase), now);
        }
        let list = logins.into_list();
        let told = |n: usize| (list[n].is_ok(), list[n].took_ms, list[n].passed);
        assert_eq!(told(0), (true, 1_500, Some(LoginStage::Exec)));
        assert_eq!(told(1), (false, 60_000, Some(LoginStage::Tcp)));
        assert_eq!(list[1].failed.as_ref().unwrap().1, "nothing within 60 s");
        assert_eq!(told(2), (false, 6_000, None));
        assert_eq!(list[2].answer, None);
    }
}
