//! A verdict's evidence, and the console's lines that it rests on.
//! Lives here: pieces that are alike together, each linked to its line; an excerpt of the console around them.
//! May not live here: reading events; what is evidence (`verdict`).

use super::super::evidence::heaviest;
use super::inert::cut;
use crate::results::{EvidenceJson, ExcerptLine, RunJson};
use crate::verdict::Weight;
use maud::{Markup, html};
use std::collections::BTreeSet;

/// Pieces of evidence in a row that are alike are folded from this many on.
const ALIKE: usize = 3;
/// Longest piece and longest line of the console, in characters.
const LINE: usize = 400;

/// The pieces, at most so many lines of them, the heaviest; `id` is the run's.
pub(super) fn evidence(run: &RunJson, id: &str, console: &[ExcerptLine], most: usize) -> Markup {
    let shown: BTreeSet<u64> = console.iter().map(|line| line.seq).collect();
    let piece = |piece: &EvidenceJson| {
        html! {
            span.at { (format!("{:.1} s", piece.time_s)) } " " (cut(&piece.text, LINE)) " "
            @if shown.contains(&piece.seq) {
                a.line href={ "#" (id) "-e" (piece.seq) } { "line " (piece.seq) }
            } @else {
                span.note { "event " (piece.seq) }
            }
        }
    };
    let folded = fold(&run.evidence);
    let weights: Vec<Weight> =
        folded.iter().map(|group| group.iter().map(|piece| piece.weight).min().unwrap_or_default()).collect();
    let heavy = heaviest(&weights, most);
    let before = |at: usize| heavy[..at].last().map_or(0, |before| before + 1);
    html! {
        ol.evidence {
            @for (number, &at) in heavy.iter().enumerate() {
                (left_out(&folded[before(number)..at]))
                @match folded[at] {
                    [one] => li { (piece(one)) },
                    [first, rest @ ..] => li {
                        (piece(first))
                        details {
                            summary { "and " (rest.len()) " more like it" }
                            ol { @for one in rest.iter().take(100) { li { (piece(one)) } } }
                        }
                    },
                    [] => "",
                }
            }
            (left_out(&folded[before(heavy.len())..]))
        }
    }
}

/// What stands for groups for which there is no room.
fn left_out(groups: &[&[EvidenceJson]]) -> Markup {
    let pieces: usize = groups.iter().map(|group| group.len()).sum();
    html! { @if pieces > 0 { li.note { "… " (super::words::count(pieces, "more piece", "more pieces")) ", in run.json" } } }
}

/// Pieces in groups: those in a row that differ in numbers only are one, where they are three or more.
fn fold(pieces: &[EvidenceJson]) -> Vec<&[EvidenceJson]> {
    let mut groups = Vec::new();
    for alike in pieces.chunk_by(|one, other| shape(&one.text).eq(shape(&other.text))) {
        if alike.len() >= ALIKE { groups.push(alike) } else { groups.extend(alike.chunks(1)) }
    }
    groups
}

/// A text without its digits.
fn shape(text: &str) -> impl Iterator<Item = char> + '_ {
    text.chars().filter(|c| !c.is_ascii_digit())
}

/// The console around the evidence, as it was printed; lines that are evidence are marked and can be linked to.
pub(super) fn excerpt(run: &RunJson, id: &str, console: &[ExcerptLine]) -> Markup {
    let wanted: BTreeSet<u64> = run.evidence.iter().map(|piece| piece.seq).collect();
    html! {
        details.console {
            summary { "Console around the evidence, " (super::words::count(console.len(), "line", "lines")) }
            pre tabindex="0" role="region" aria-label="Console" {
                @for line in console {
                    @if line.after_gap { span.note { "⋮\n" } }
                    @if wanted.contains(&line.seq) {
                        mark id={ (id) "-e" (line.seq) } { (cut(&line.text, LINE)) } "\n"
                    } @else {
                        (cut(&line.text, LINE)) "\n"
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::sample;

    fn piece(seq: u64, text: &str) -> EvidenceJson {
        EvidenceJson { seq, time_s: 1.0, weight: Weight::Other, text: text.into() }
    }

    #[test]
    fn pieces_in_a_row_that_differ_in_numbers_are_folded() {
        let texts = ["kill of a (1)", "kill of a (22)", "kill of a (3)", "hung", "kill of a (4)", "kill of a (5)"];
        let pieces: Vec<EvidenceJson> = texts.iter().map(|text| piece(0, text)).collect();
        assert_eq!(fold(&pieces).iter().map(|group| group.len()).collect::<Vec<_>>(), [3, 1, 1, 1]);
    }

    #[test]
    fn evidence_leads_to_its_line_where_that_is_there() {
        let run = RunJson { evidence: vec![piece(7, "a <b> thing"), piece(9, "elsewhere")], ..sample() };
        let line = |seq, text: &str, after_gap| ExcerptLine { seq, text: text.into(), after_gap };
        let console = [line(6, "before", false), line(7, "</pre><b>", false), line(30, "after", true)];
        let list = evidence(&run, "run-x", &console, 10).into_string();
        assert!(list.contains("<a class=\"line\" href=\"#run-x-e7\">line 7</a>"), "{list}");
        assert!(list.contains("a &lt;b&gt; thing") && list.contains("event 9"), "{list}");
        let text = excerpt(&run, "run-x", &console).into_string();
        assert!(text.contains("before\n<mark id=\"run-x-e7\">&lt;/pre&gt;&lt;b&gt;</mark>\n"), "{text}");
        assert!(text.contains("<span class=\"note\">⋮\n</span>after\n"), "{text}");
    }

    #[test]
    fn of_many_pieces_the_heaviest_are_shown_and_the_others_counted_where_they_were() {
        let weight = |letter| match letter {
            'b' => Weight::Why,
            'e' => Weight::Decided,
            _ => Weight::Other,
        };
        let letters = "abcdefghij".chars().zip(0..);
        let pieces = letters
            .map(|(letter, seq)| EvidenceJson { weight: weight(letter), ..piece(seq, &format!("piece {letter}")) });
        let run = RunJson { evidence: pieces.collect(), ..sample() };
        let shown = |most| {
            let text = evidence(&run, "r", &[], most).into_string();
            let lines = text.split("<li").skip(1).filter_map(|line| match line.strip_prefix(" class=\"note\">… ") {
                Some(left_out) => left_out.split(' ').next(),
                None => line.split_once("piece ").and_then(|(_, letter)| letter.get(..1)),
            });
            lines.collect::<Vec<_>>().join(" ")
        };
        assert_eq!(shown(4), "1 b 2 e 3 i j", "where each was, and how many are not shown between");
        assert_eq!(shown(2), "1 b 2 e 5");
        assert_eq!(shown(10), "a b c d e f g h i j");
    }
}
