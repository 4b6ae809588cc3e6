//! What became of the logins, in a sentence and one by one.
//! Lives here: the wording, the same in every form of a report.
//! May not live here: judging them (`scenario::expect`).

use crate::event::LoginStage;
use crate::results::{LoginJson, RunJson};

/// All in a sentence; `None` where none was tried.
pub(super) fn sentence(run: &RunJson) -> Option<String> {
    let through: Vec<&LoginJson> = run.logins.iter().filter(|login| login.ok == Some(true)).collect();
    let tried = run.logins.len();
    if tried == 0 {
        return None;
    }
    let mut text = format!("{} of {tried} came through", through.len());
    if let Some(slowest) = through.iter().max_by(|a, b| a.took_s.total_cmp(&b.took_s)) {
        text += &format!(", the slowest in {:.1} s (from {:.1} s on)", slowest.took_s, slowest.began_s);
    }
    // Those after the last that came through: of a guest that hangs, all of them.
    let last = run.logins.iter().rposition(|login| login.ok == Some(true));
    let since = &run.logins[last.map_or(0, |last| last + 1)..];
    if let [LoginJson { ok: None, began_s, took_s, passed, .. }] = since {
        let passed = passed.map_or("nothing", LoginStage::name);
        text += &format!("; one from {began_s:.1} s on had passed {passed} when the run ended, {took_s:.1} s later");
    } else if let Some(first) = since.first() {
        let furthest = since.iter().filter_map(|login| login.passed).max();
        let furthest = furthest.map_or("was connected".to_owned(), |stage| format!("got past {}", stage.name()));
        text += &format!("; none from {:.1} s on {furthest}", first.began_s);
    }
    Some(text)
}

/// One of them.
pub(super) fn line(login: &LoginJson) -> String {
    let passed = login.passed.map_or("nothing passed".to_owned(), |stage| format!("passed {}", stage.name()));
    let phase = login.phase.map_or(String::new(), |phase| format!(" in {}", phase.name()));
    let end = match (login.ok, &login.failed) {
        (Some(true), _) => format!("came through in {:.1} s", login.took_s),
        (_, Some(why)) => format!("failed after {:.1} s, {passed}; {why}", login.took_s),
        _ => format!("{passed} after {:.1} s, when the run ended", login.took_s),
    };
    format!("number {} at {:.1} s{phase}: {end}", login.n, login.began_s)
}

/// Those worth a line: the ones that did not come through, and the slowest that did; in their order.
pub(super) fn worth_a_line(logins: &[LoginJson], most: usize) -> Vec<&LoginJson> {
    let mut worth: Vec<&LoginJson> = logins.iter().collect();
    worth.sort_by(|a, b| (a.ok == Some(true)).cmp(&(b.ok == Some(true))).then(b.took_s.total_cmp(&a.took_s)));
    worth.truncate(most);
    worth.sort_by_key(|login| login.n);
    worth
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Phase;
    use crate::results::sample;

    fn login(n: u64, took_s: f64, ok: Option<bool>) -> LoginJson {
        let (passed, failed) = match ok {
            Some(true) => (Some(LoginStage::Exec), None),
            Some(false) => (Some(LoginStage::Tcp), Some("banner: nothing within 60 s".into())),
            None => (Some(LoginStage::Tcp), None),
        };
        LoginJson { n, phase: Some(Phase::Pressure), began_s: 10.0 * n as f64, took_s, passed, ok, failed }
    }

    #[test]
    fn a_guest_that_let_everybody_in() {
        let run =
            crate::results::RunJson { logins: vec![login(1, 1.5, Some(true)), login(2, 7.25, Some(true))], ..sample() };
        assert_eq!(sentence(&run).as_deref(), Some("2 of 2 came through, the slowest in 7.2 s (from 20.0 s on)"));
        assert_eq!(line(&run.logins[0]), "number 1 at 10.0 s in pressure: came through in 1.5 s");
        assert_eq!(sentence(&crate::results::RunJson { logins: vec![], ..run }), None);
    }

    #[test]
    fn a_login_that_the_runs_end_cut_off_is_no_shut_door() {
        let run = crate::results::RunJson { logins: vec![login(1, 1.5, Some(true)), login(2, 0.25, None)], ..sample() };
        let text = "1 of 2 came through, the slowest in 1.5 s (from 10.0 s on); one from 20.0 s on had passed tcp when the run ended, 0.2 s later";
        assert_eq!(sentence(&run).as_deref(), Some(text));
    }

    #[test]
    fn a_guest_that_lets_nobody_in_any_more() {
        let logins = vec![login(1, 1.5, Some(true)), login(2, 60.0, Some(false)), login(3, 12.0, None)];
        let run = crate::results::RunJson { logins, ..sample() };
        let text = "1 of 3 came through, the slowest in 1.5 s (from 10.0 s on); none from 20.0 s on got past tcp";
        assert_eq!(sentence(&run).as_deref(), Some(text));
        assert_eq!(
            line(&run.logins[1]),
            "number 2 at 20.0 s in pressure: failed after 60.0 s, passed tcp; banner: nothing within 60 s"
        );
        assert_eq!(line(&run.logins[2]), "number 3 at 30.0 s in pressure: passed tcp after 12.0 s, when the run ended");
        let worth: Vec<u64> = worth_a_line(&run.logins, 2).iter().map(|login| login.n).collect();
        assert_eq!(worth, [2, 3]);
    }
}
