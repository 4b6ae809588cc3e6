//! The cycle or chain of waiting of a hang, as a drawing.
//! Lives here: a box a step, from top to bottom, and the way back.
//! May not live here: the sentence (`event::sentence`), or finding a cycle.

use super::inert::cut;
use crate::event::{Step, StepNode, sentence};
use crate::results::{ChainJson, ProofJson};
use maud::{Markup, html};

/// Steps that are drawn; a cycle of more has its sentence.
const STEPS: usize = 12;
/// Longest text in a box, in characters.
const TEXT: usize = 96;
/// Sizes in the drawing's own units.
const WIDTH: usize = 720;
const BOX: usize = 44;
const GAP: usize = 34;

/// The cycle that proves a hang, with how long it stood.
pub(super) fn cycle(proof: &ProofJson) -> Markup {
    let stood = format!("{:.1}", proof.until_s - proof.since_s);
    let note = format!("The same for {stood} s, in {} pictures of the guest's memory.", proof.pictures);
    waiting(&proof.steps, true, &note)
}

/// The chain of a guest that hung otherwise, with how long it was seen.
pub(super) fn chain(chain: &ChainJson) -> Markup {
    let stood = format!("{:.1}", chain.until_s - chain.since_s);
    let round = if chain.closed { " None of all who are waited for can get on." } else { "" };
    let note =
        format!("Seen for {stood} s, in {} of {} pictures of the guest's memory.{round}", chain.pictures, chain.of);
    waiting(&chain.steps, chain.steps.last().is_some_and(|last| last.node == StepNode::Memory), &note)
}

/// The sentence, the note, and the drawing.
fn waiting(steps: &[Step], round: bool, note: &str) -> Markup {
    let text = sentence(steps);
    html! {
        p { (cut(&text, 4 * TEXT)) }
        p.note { (note) }
        div.scroll tabindex="0" role="group" aria-label="Cycle" {
            (drawing(&steps[..steps.len().min(STEPS)], round, &text))
        }
    }
}

/// Boxes, and where it goes `round`, the way back.
fn drawing(steps: &[Step], round: bool, text: &str) -> Markup {
    let top = |at: usize| 8 + at * (BOX + GAP);
    let height = top(steps.len()).saturating_sub(GAP) + 8;
    let (left, right) = (60, WIDTH - 8);
    html! {
        svg.cycle viewBox={ "0 0 " (WIDTH) " " (height) } role="img" aria-label=(cut(text, 4 * TEXT)) {
            @for (at, step) in steps.iter().enumerate() {
                g class=(name(step.node)) {
                    rect x=(left) y=(top(at)) width=(right - left) height=(BOX) rx="6" {}
                    text x=(left + 12) y=(top(at) + 19) { (cut(&step.who(), TEXT)) }
                    text.more x=(left + 12) y=(top(at) + 36) { (cut(&step.detail, TEXT)) }
                }
                @if at + 1 < steps.len() {
                    path.arrow d={ "M" (left + 24) " " (top(at) + BOX) "V" (top(at + 1) - 2) "l-4-7m4 7l4-7" } {}
                    text.more x=(left + 36) y=(top(at) + BOX + 21) { (step.tie()) }
                }
            }
            @if let Some(last) = steps.len().checked_sub(1).filter(|_| round) {
                path.arrow d={ "M" (left) " " (top(last) + BOX / 2) "H20V" (top(0) + BOX / 2) "H" (left - 2) "l-7-4m7 4l-7 4" } {}
            }
        }
    }
}

fn name(node: StepNode) -> &'static str {
    match node {
        StepNode::Task => "task",
        StepNode::Lock => "lock",
        StepNode::Memory => "memory",
        StepNode::Disk => "disk",
        StepNode::Isolated => "isolated",
        StepNode::Dirty => "dirty",
    }
}
