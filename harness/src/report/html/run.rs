//! One run on the page.
//! Lives here: its head line, the answer, and what the answer rests on, in the order in which one asks.
//! May not live here: evidence and stacks (a file each), or which runs are there in which order.

use super::console::{evidence, excerpt};
use super::cycle::{chain, cycle};
use super::inert::cut;
use super::stacks::stacks;
use super::words::{count, end};
use crate::report::escapes;
use crate::report::inert::quoted;
use crate::report::logins;
use crate::report::text::{because, kills_line, stored_line};
use crate::results::{ExcerptLine, KillJson, RunJson, StallJson};
use crate::scenario::Mechanism;
use maud::{Markup, PreEscaped, html};

/// Longest text of a guest that stands in a line of its own, in characters.
const TEXT: usize = 600;
/// Longest name.
const NAME: usize = 80;
/// Stalls that are shown.
const STALLS: usize = 6;
const LOGINS: usize = 10;

/// A run with what lies beside its record, as it is to be shown.
#[derive(Debug)]
pub(super) struct One<'a> {
    /// The record.
    pub run: &'a RunJson,
    /// Its id on the page.
    pub id: &'a str,
    /// Which side of a comparison it is of.
    pub side: Option<&'a str>,
    /// Its timeline, an SVG that we drew.
    pub timeline: Option<&'a str>,
    /// Its stacks as seen from outside, drawn as well.
    pub flame: Option<&'a str>,
    /// The console around its evidence.
    pub console: &'a [ExcerptLine],
    /// There was no room for timeline and console.
    pub left_out: bool,
    /// To be read at once.
    pub open: bool,
    /// There is little room: lists are short.
    pub brief: bool,
}

impl One<'_> {
    /// The whole.
    pub fn markup(&self) -> Markup {
        let run = self.run;
        html! {
            details.run.unexpected[!run.expected] id=(self.id) open[self.open]
                data-outcome=(end(run).name) data-mechanism=[run.mechanism.map(Mechanism::name)]
                data-scenario=(cut(&run.scenario, TEXT)) data-kernel=(cut(&run.kernel, TEXT))
                data-expected=(if run.expected { "yes" } else { "no" })
                data-start=(run.started.as_second()) data-stall=(format!("{:.1}", run.max_stall_s))
                data-kills=(run.counted_kills()) data-side=[self.side] {
                summary { (self.head()) }
                div.body { (self.body()) }
            }
        }
    }

    fn head(&self) -> Markup {
        let run = self.run;
        let end = end(run);
        let kills = run.counted_kills();
        html! {
            span class={ "end " (end.class) } {
                span.sign aria-hidden="true" { (end.sign) } " " (end.name)
                @if let Some(why) = run.mechanism.map(Mechanism::name).or(run.inconclusive.map(|reason| reason.name())) {
                    " " span.why { (why) }
                }
            }
            h3 { (cut(&run.scenario, NAME)) " on " (cut(&run.kernel, NAME)) @if let Some(side) = self.side { " (" (side) ")" } }
            span.expect {
                @if run.outcome.is_none() { "no outcome" }
                @else if run.expected && run.expectation.is_none() { "nothing expected" }
                @else if run.expected { "as expected" }
                @else { strong { "✗ not expected" } }
            }
            span.num { "stall " (format!("{:.1}", run.max_stall_s)) " s" }
            span.num { (count(kills, "kill", "kills")) }
            time.num datetime=(run.started) { (run.started.strftime("%Y-%m-%d %H:%M")) }
        }
    }

    fn body(&self) -> Markup {
        let (run, id) = (self.run, self.id);
        html! {
            (answer(run))
            @if let Some(proof) = &run.proof {
                h4 { "Who waits for whom" }
                (cycle(proof))
            } @else if let Some(waiting) = &run.chain {
                h4 { "Who waits for whom" }
                (chain(waiting))
            }
            @if let Some(timeline) = self.timeline {
                h4 { "Timeline" }
                div.timeline tabindex="0" role="group" aria-label="Timeline" { (PreEscaped(timeline)) }
            }
            @if !run.waits.is_empty() {
                h4 { "Stuck tasks, by function" }
                (stacks(&run.waits, self.brief))
            }
            @if let Some(flame) = self.flame {
                details {
                    summary { "Stacks of all tasks, as seen from outside" }
                    p.note { "As wide as it was often there in the pictures of the guest's memory, the outermost function on top. Framed: the page allocator." }
                    div.scroll tabindex="0" role="group" aria-label="Stacks" { (PreEscaped(flame)) }
                }
            }
            @if !run.registers.is_empty() {
                p.note { "Held there: "
                    @for (number, register) in run.registers.iter().take(64).enumerate() {
                        @if number > 0 { ", " } code { (cut(&register.to_string(), NAME)) }
                    }
                }
            }
            @let tried = escapes::lines(run);
            @if !tried.is_empty() {
                h4 { "What was tried against it" }
                ul { @for line in tried.iter().take(10) { li { (cut(line, TEXT)) } } }
            }
            @if !run.stalls.is_empty() && !self.brief {
                h4 { "Stalls" }
                ul {
                    @for stall in run.stalls.iter().take(STALLS) { li { (stalled(stall)) } }
                    @if run.stalls.len() > STALLS { li.note { "and " (run.stalls.len() - STALLS) " more" } }
                }
            }
            @if !run.kills.is_empty() {
                h4 { "OOM kills" }
                p { (kills_line(run)) }
                (kills(&run.kills, if self.brief { 6 } else { 20 }))
            }
            @if !run.evidence.is_empty() {
                h4 { "Evidence" }
                (evidence(run, id, self.console, if self.brief { 6 } else { 40 }))
                @if !self.console.is_empty() { (excerpt(run, id, self.console)) }
            }
            @if self.left_out {
                p.note { "For its timeline and console there was no room on this page: they are in its folder. A report of fewer runs has them." }
            }
            h4 { "What ran" }
            (facts(run))
        }
    }
}

/// The answer in a sentence or two.
fn answer(run: &RunJson) -> Markup {
    html! {
        p.answer {
            @match (run.outcome, run.mechanism) {
                (Some(outcome), Some(mechanism)) => {
                    strong { (outcome.name()) ", " (mechanism.name()) @if because(run).is_some() { ":" } @else { "." } } " "
                    @if let Some(because) = because(run) { (cut(because, TEXT)) "." }
                }
                (Some(outcome), None) => {
                    strong { (outcome.name()) ":" } " "
                    (match run.counted_kills() { 0 => "no kill that counts".to_owned(), kills => count(kills, "kill", "kills") })
                    ", longest stall " (format!("{:.1}", run.max_stall_s)) " s."
                }
                (None, _) => {
                    strong { "inconclusive" @if let Some(reason) = run.inconclusive { ", " (reason.name()) } @if run.detail.is_some() { ":" } @else { "." } } " "
                    @if let Some(detail) = &run.detail { (cut(detail, TEXT)) "." }
                }
            }
        }
        @if !run.differences.is_empty() && run.outcome.is_some() {
            ul.differences {
                @for difference in run.differences.iter().take(10) { li { "✗ " (cut(difference, TEXT)) } }
            }
        }
    }
}

fn stalled(stall: &StallJson) -> Markup {
    let probes: Vec<_> = stall.probes.iter().take(12).map(|probe| cut(probe, NAME)).collect();
    html! {
        "at " (format!("{:.1}", stall.since_s)) " s: " (probes.join(", ")) " silent "
        @match stall.length_s {
            Some(length) => { "for " (format!("{length:.1}")) " s" }
            None => "until the run was decided, and on",
        }
        ", nothing moved for " (format!("{:.1}", stall.longest_frozen_s)) " s of it"
    }
}

fn kills(kills: &[KillJson], most: usize) -> Markup {
    html! {
        ol.flow {
            @for kill in kills.iter().take(most) {
                li {
                    @match kill.time_s { Some(time) => { (format!("{time:.1}")) " s into pressure: " } None => "before pressure: " }
                    code { (cut(&kill.victim, NAME)) } " (" (kill.pid) ")"
                    @if !kill.counts { " in " (kill.phase.name()) ", not counted" }
                }
            }
            @if kills.len() > most { li.note { "and " (kills.len() - most) " more" } }
        }
    }
}

/// Phases, kernel, machine, folder, and how to run it again.
fn facts(run: &RunJson) -> Markup {
    let identity = &run.kernel_identity;
    let host = &run.host;
    let folder = run.result.as_ref().map(|folder| folder.display().to_string());
    html! {
        dl.facts {
            dt { "Phases" }
            dd {
                @for (number, phase) in run.phases.iter().take(16).enumerate() {
                    @if number > 0 { " · " } (phase.phase.name()) " " (format!("{:.1}", phase.fair_s))
                }
                " " span.note { "seconds of fair time; " (format!("{:.1} of {:.1}", run.fair_s, run.duration_s)) " s of wall time" }
            }
            @if let Some(logins) = logins::sentence(run) {
                dt { "Logins" }
                dd {
                    (logins) "."
                    ul { @for login in logins::worth_a_line(&run.logins, LOGINS) { li { (cut(&logins::line(login), TEXT)) } } }
                }
            }
            @for stored in run.stored.iter().take(4) { dt { "Saved" } dd { (stored_line(stored)) } }
            dt { "Kernel" }
            dd {
                (cut(&identity.release, NAME)) " " span.note { (cut(&identity.origin, TEXT)) }
                @if !identity.hash.is_empty() { " " span.note { "image " code { (cut(identity.hash.get(..12).unwrap_or(&identity.hash), 12)) } } }
            }
            @if let Some(build) = &identity.build {
                dt { "Build" }
                dd {
                    (cut(&build.summary(), TEXT))
                    @for patch in build.patches.iter().take(20) {
                        " " span.note { "patch " (cut(&patch.name, NAME)) " " code { (patch.hash.chars().take(12).collect::<String>()) } }
                    }
                }
            }
            @if let Some(image) = &run.image { dt { "Image" } dd { (cut(&image.to_string(), TEXT)) } }
            @if !host.qemu.is_empty() {
                dt { "Machine" }
                dd { (cut(&host.accelerator, NAME)) ", " (cut(&host.qemu, TEXT)) ", on " (cut(&host.cpu, NAME)) "; oomph " (cut(&host.oomph, NAME)) }
            }
            @if let Some(folder) = &folder {
                dt { "Result" }
                dd { code { (folder) } }
                dt { "Run again" }
                dd { (command(&again(folder))) }
                dt { "By hand" }
                dd { (command(&format!("cat {}", quoted(&format!("{folder}/command.txt"))))) " " span.note { "QEMU’s own command line" } }
            }
        }
    }
}

/// The resolved scenario names its kernel or says how it is made. A run's kernel's name alone would not do: of a kernel that was given as a
/// file it is no name that oomph knows.
fn again(folder: &str) -> String {
    format!("oomph run {}", quoted(&format!("{folder}/scenario.yaml")))
}

/// A command that the script puts a button to copy it beside.
pub(super) fn command(text: &str) -> Markup {
    html! { code.command { (text) } }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::sample;

    #[test]
    fn a_run_reads_well() {
        let run = RunJson { result: Some("results/it's/1".into()), expected: false, ..sample() };
        let run = RunJson { differences: vec!["outcome: expected oom-killed, saw hung".into()], ..run };
        let one = One {
            run: &run,
            id: "run-1",
            side: None,
            timeline: None,
            flame: None,
            console: &[],
            left_out: false,
            open: true,
            brief: false,
        };
        insta::assert_snapshot!(one.markup().into_string().replace("><", ">\n<"));
    }

    #[test]
    fn it_can_be_run_again_whatever_its_folder_is_called() {
        assert_eq!(again("results/a b"), "oomph run 'results/a b/scenario.yaml'");
    }
}
