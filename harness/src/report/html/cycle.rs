//! The cycle of waiting that proves a hang, as a drawing.
//! Lives here: a box a step, from top to bottom, and the way back.
//! May not live here: the sentence (`event::sentence`), or finding a cycle.

use super::inert::cut;
use crate::event::{Step, StepNode, sentence};
use crate::results::ProofJson;
use maud::{Markup, html};

/// Steps that are drawn; a cycle of more has its sentence.
const STEPS: usize = 12;
/// Longest text in a box, in characters.
const TEXT: usize = 96;
/// Sizes in the drawing's own units.
const WIDTH: usize = 720;
const BOX: usize = 44;
const GAP: usize = 34;

/// The drawing, with how long the cycle stood and its sentence.
pub(super) fn cycle(proof: &ProofJson) -> Markup {
    let steps = &proof.steps[..proof.steps.len().min(STEPS)];
    let stood = format!("{:.1}", proof.until_s - proof.since_s);
    let text = sentence(&proof.steps);
    html! {
        p { (cut(&text, 4 * TEXT)) }
        p.note { "The same for " (stood) " s, in " (proof.pictures) " pictures of the guest's memory." }
        div.scroll tabindex="0" role="group" aria-label="Cycle" {
            (drawing(steps, &text))
        }
    }
}

fn drawing(steps: &[Step], text: &str) -> Markup {
    let top = |at: usize| 8 + at * (BOX + GAP);
    let height = top(steps.len()).saturating_sub(GAP) + 8;
    let (left, right) = (60, WIDTH - 8);
    html! {
        svg.cycle viewBox={ "0 0 " (WIDTH) " " (height) } role="img" aria-label=(cut(text, 4 * TEXT)) {
            @for (at, step) in steps.iter().enumerate() {
                g class=(name(step.node)) {
                    rect x=(left) y=(top(at)) width=(right - left) height=(BOX) rx="6" {}
                    text x=(left + 12) y=(top(at) + 19) { (cut(&step.name, TEXT)) }
                    text.more x=(left + 12) y=(top(at) + 36) { (cut(&step.detail, TEXT)) }
                }
                @if at + 1 < steps.len() {
                    path.arrow d={ "M" (left + 24) " " (top(at) + BOX) "V" (top(at + 1) - 2) "l-4-7m4 7l4-7" } {}
                    text.more x=(left + 36) y=(top(at) + BOX + 21) { (edge(step.node)) }
                }
            }
            @if let Some(last) = steps.len().checked_sub(1) {
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
    }
}

/// How a step is tied to the next.
fn edge(from: StepNode) -> &'static str {
    match from {
        StepNode::Lock => "held by",
        StepNode::Task | StepNode::Memory => "waits for",
    }
}
