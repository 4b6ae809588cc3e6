//! Whole pages of made-up runs.
#![allow(clippy::unwrap_used)]

use super::*;
use crate::campaign::HUNG;
use crate::campaign::compare::{Answer, By, Rules, Stored, Trial, Trials, Validated, groups};
use crate::event::Reason;
use crate::report::{Format, Report};
use crate::results::{Broken, EvidenceJson, ExcerptLine, RunJson, WaitJson, WaitingTaskJson, sample};
use crate::scenario::Outcome;
use crate::verdict::Weight;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Text that would act in a page, a terminal or a CI log.
const HOSTILE: &str = "</code></pre><script>alert(1)</script>\"' onclick=x <img src=x onerror=alert(2)> ]]> \x1b[31m\r\u{202e}\0 &lt; ::error::";

fn html(look: impl Fn(&RunJson, usize) -> Beside + Sync + 'static) -> Html {
    Html { made: "2026-11-29T20:00:00Z".parse().unwrap(), look: Box::new(look), style: ".tl{fill:none}".into() }
}

fn page(html: &Html, runs: Vec<RunJson>) -> String {
    let broken = vec![Broken { folder: "results/<b>/torn".into(), why: "run.json is no record".into() }];
    let mut text = Vec::new();
    html.write(&Report { title: "Ti<t>le".into(), runs, broken }, &mut text).unwrap();
    String::from_utf8(text).unwrap()
}

fn run(outcome: Option<Outcome>, expected: bool, folder: &str) -> RunJson {
    let mut run = sample();
    run.mechanism = run.mechanism.filter(|_| outcome == Some(Outcome::Hung));
    run.inconclusive = outcome.is_none().then_some(Reason::QemuDied);
    RunJson { outcome, expected, result: Some(format!("results/s/{folder}").into()), ..run }
}

/// Every text of a run that came out of a guest, or could have, as hostile as can be.
fn hostile() -> RunJson {
    let mut run = run(Some(Outcome::Hung), false, HOSTILE);
    let bad = || HOSTILE.to_owned();
    (run.scenario, run.kernel) = (bad(), bad());
    run.differences = vec![bad()];
    run.kills[0].victim = bad();
    run.evidence = vec![EvidenceJson { seq: 5, time_s: 1.0, weight: Weight::Other, text: bad() }];
    run.stalls[0].probes = vec![bad()];
    run.escapes[0].action = bad();
    let task = WaitingTaskJson { pid: 1, comm: bad(), state: '<', first_s: 1.0, last_s: 2.0, seen: 1, of: 1 };
    run.waits = vec![WaitJson {
        kind: crate::diagnose::Kind::Lock,
        function: bad(),
        caller: Some(bad()),
        in_allocator: true,
        exiting: true,
        count: 1,
        tasks: vec![task],
    }];
    (run.kernel_identity.release, run.kernel_identity.origin, run.kernel_identity.hash) = (bad(), bad(), bad());
    (run.host.qemu, run.host.cpu, run.host.accelerator) = (bad(), bad(), bad());
    run
}

/// The page's tags, but for those of its own style and script.
fn tags(page: &str) -> Vec<&str> {
    let body = page.split_once("</style>").unwrap().1;
    let body = body.split_once("<script>(").map_or(body, |(before, _)| before);
    body.split('<').skip(1).map(|rest| rest.split(['>', ' ']).next().unwrap()).collect()
}

#[test]
fn what_a_guest_says_is_text_and_nothing_else() {
    let console = vec![ExcerptLine { seq: 5, text: HOSTILE.repeat(50), after_gap: true }];
    let html = html(move |_, _| Beside { console: console.clone(), ..Beside::default() });
    let page = page(&html, vec![hostile(), RunJson { outcome: None, detail: Some(HOSTILE.into()), ..hostile() }]);
    let tags = tags(&page);
    assert!(tags.len() > 100 && !tags.contains(&"script") && !tags.contains(&"img") && !tags.contains(&"b"));
    assert!(!page.contains(['\x1b', '\r', '\0', '\u{202e}']));
    assert!(page.contains("&lt;script&gt;alert(1)&lt;/script&gt;") && page.contains("⟨U+001B⟩[31m"));
    assert_eq!(page.matches("<script>").count(), 1, "our own");
}

#[test]
fn the_policy_comes_before_anything_that_it_forbids_and_allows_only_what_is_ours() {
    let page = page(&html(|_, _| Beside::default()), vec![sample()]);
    let policy = page.find("Content-Security-Policy").unwrap();
    assert!(policy < page.find("<style>").unwrap() && policy < page.find("<link").unwrap());
    let policy = &page[policy..policy + 300];
    assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
    // What the policy would forbid is not there: attributes that are style or script.
    assert!(!page.contains(" style=") && !page.contains(" onclick=\""));
}

#[test]
fn what_is_wrong_stands_first_and_is_open_where_it_is_little() {
    let good = (0..50).map(|n| run(Some(Outcome::OomKilled), true, &format!("good-{n}")));
    let runs: Vec<RunJson> = good.chain([run(Some(Outcome::Hung), false, "bad"), run(None, false, "lost")]).collect();
    let page = page(&html(|_, _| Beside::default()), runs);
    let places = ["id=\"run-bad\" open", "id=\"run-lost\" open", "id=\"run-good-0\" data"].map(|id| page.find(id));
    assert!(places.iter().all(Option::is_some) && places.is_sorted(), "{places:?}");
    for part in [
        "1 run is not as expected, 1 without an outcome.",
        "href=\"#run-bad\"",
        "results/&lt;b&gt;/torn",
        "Ti&lt;t&gt;le",
    ] {
        assert!(page.contains(part), "{part}");
    }
}

#[test]
fn a_page_without_runs_is_a_page() {
    let page = page(&html(|_, _| Beside::default()), Vec::new());
    assert!(page.contains("No runs.") && page.ends_with("</html>"));
}

#[test]
fn the_page_keeps_its_bounds_and_the_runs_that_matter_keep_their_pictures() {
    let looked = std::sync::Arc::new(AtomicUsize::new(0));
    let counter = looked.clone();
    let html = html(move |_, _| {
        counter.fetch_add(1, Ordering::Relaxed);
        Beside { timeline: Some(format!("<svg>{}</svg>", "x".repeat(100_000))), ..Beside::default() }
    });
    let mut runs: Vec<RunJson> = (0..200).map(|n| run(Some(Outcome::Recovered), true, &format!("good-{n}"))).collect();
    runs.push(run(Some(Outcome::Hung), false, "bad"));
    let page = page(&html, runs);
    assert!(page.len() < 5_000_000, "{}", page.len());
    let pictures = page.matches("<svg>").count();
    assert!((20..28).contains(&pictures), "{pictures}");
    assert_eq!(page.matches("there was no room on this page").count(), 201 - pictures);
    assert!(looked.load(Ordering::Relaxed) < 30, "what does not come into the page is not read");
    let bad = page.split_once("id=\"run-bad\"").unwrap().1.split_once("id=\"run-").unwrap().0;
    assert!(bad.contains("<svg>"));
}

#[test]
fn five_hundred_hangs_with_much_to_say_are_a_page_that_opens() {
    let task = |pid| WaitingTaskJson {
        pid,
        comm: format!("task-{pid}"),
        state: 'D',
        first_s: f64::from(pid),
        last_s: 99.0,
        seen: 2,
        of: 2,
    };
    let wait = |number: u32| WaitJson {
        kind: crate::diagnose::Kind::Lock,
        function: format!("rwsem_down_write_slowpath_{number}"),
        caller: Some("xfs_ilock".into()),
        in_allocator: true,
        exiting: false,
        count: 64,
        tasks: (0..64).map(task).collect(),
    };
    let piece = |seq: u64| EvidenceJson {
        seq,
        time_s: 1.0,
        weight: Weight::Other,
        text: format!("{} of evidence", "piece ".repeat(seq as usize % 40)),
    };
    let mut hung = run(Some(Outcome::Hung), false, "hung");
    hung.waits = (0..24).map(wait).collect();
    hung.evidence = (0..60).map(piece).collect();
    let runs =
        (0..500).map(|n| RunJson { result: Some(format!("results/s/hung-{n}").into()), ..hung.clone() }).collect();
    let console = (0..60).map(|seq| ExcerptLine { seq, text: "<&>".repeat(40), after_gap: false }).collect::<Vec<_>>();
    let html = html(move |_, _| Beside { timeline: Some("x".repeat(6_000)), console: console.clone(), flame: None });
    let page = page(&html, runs);
    assert!(page.len() < 5_000_000, "{}", page.len());
    assert_eq!(page.matches("<details class=\"run").count(), 500);
    let first = page.split_once("id=\"run-hung-0\"").unwrap().1.split_once("id=\"run-").unwrap().0;
    assert!(first.contains("xxx") && first.contains("task-11"), "the first ones have room");
}

#[test]
fn a_comparison_says_what_differs() {
    let stored =
        |outcome, expected, folder: &str| Stored { run: run(Some(outcome), expected, folder), values: [].into() };
    let a: Vec<Stored> = (0..5).map(|n| stored(Outcome::Hung, false, &format!("a{n}"))).collect();
    let b: Vec<Stored> = (0..5).map(|n| stored(Outcome::OomKilled, true, &format!("b{n}"))).collect();
    let found = groups([&a, &b], &[By::Scenario], &HUNG.parse().unwrap());
    let records = [&a, &b].map(|side| side.iter().map(|one| one.run.clone()).collect::<Vec<_>>());
    let page = compared(
        &html(|_, _| Beside::default()),
        &found,
        ["old/<x>", "new"],
        HUNG,
        records.each_ref().map(Vec::as_slice),
    );
    for part in [
        "1 group differs.",
        "Runs are bad less often on B: 5 of 5 are bad on A and 0 of 5 on B, p = 0.0079.",
        "old/&lt;x&gt;",
        "data-side=\"B\"",
        "id=\"run-a0\"",
    ] {
        assert!(page.contains(part), "{part}");
    }
    let one_sided = groups([&a, &[]], &[By::Scenario], &HUNG.parse().unwrap());
    let page = compared(&html(|_, _| Beside::default()), &one_sided, ["old", "new"], HUNG, [&records[0], &[]]);
    assert!(page.contains("Nothing can be compared"));
}

#[test]
fn a_validation_says_what_the_change_does() {
    let runs = [
        (0..5).map(|n| run(Some(Outcome::Hung), false, &format!("a{n}"))).collect::<Vec<_>>(),
        (0..5).map(|n| run(Some(Outcome::OomKilled), true, &format!("b{n}"))).collect(),
    ];
    let trials = Trials {
        trials: vec![Trial { scenario: "x<y".into(), guard: false, runs: runs.clone() }],
        rules: Rules::default(),
        max_runs: 20,
        bad_when: HUNG.parse().unwrap(),
    };
    let done =
        Validated::of(&trials, ["k".into(), "k+fix".into()], Answer::Fixes, false, "oomph validate 'a b'".into());
    let page = validation(&html(|_, _| Beside::default()), &done, runs.each_ref().map(Vec::as_slice));
    for part in [
        "The change fixes it",
        "x&lt;y: fixes",
        "<em>fixes</em>",
        "oomph validate 'a b'",
        "5 pairs of runs",
        "data-side=\"with\"",
    ] {
        assert!(page.contains(part), "{part}");
    }
}
