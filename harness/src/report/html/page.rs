//! The page around its parts.
//! Lives here: head, policy, style and script, the section of runs with its controls, the foot.
//! May not live here: what a part says.

use super::glossary::glossary;
use super::inert::{cut, inert};
use super::report::Html;
use super::words::count;
use crate::results::{Broken, RunJson};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use maud::{DOCTYPE, Markup, PreEscaped, html};
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;

/// The style sheet.
const STYLE: &str = include_str!("style.css");
/// The script: filters, order, copying. The page can be read without it.
const SCRIPT: &str = include_str!("page.js");
/// Broken folders that are named.
const BROKEN: usize = 50;

/// The policy of the page: its own style and script, known by what they say, and nothing else. What a guest said cannot run
/// even where an escape were forgotten, and nothing is ever fetched.
fn policy(style: &str) -> String {
    let hash = |text: &str| format!("'sha256-{}'", STANDARD.encode(Sha256::digest(text)));
    format!(
        "default-src 'none'; style-src {}; script-src {}; img-src data:; base-uri 'none'; form-action 'none'",
        hash(style),
        hash(SCRIPT)
    )
}

/// The whole page. `main` begins with the answer.
pub(super) fn page(title: &str, of: &Html, main: &Markup) -> String {
    // What is made visible is no longer what was hashed.
    let style = inert(&format!("{STYLE}{}", of.style)).into_owned();
    let made = of.made;
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(policy(&style));
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta name="referrer" content="no-referrer";
                title { (cut(title, 300)) }
                link rel="icon" href="data:,";
                style { (PreEscaped(&style)) }
            }
            body {
                a.skip href="#runs" { "Skip to the runs" }
                header {
                    h1 { (cut(title, 300)) }
                    p.note {
                        "Made " time datetime=(made) { (made.strftime("%Y-%m-%d %H:%M UTC")) } " by oomph " (env!("CARGO_PKG_VERSION"))
                    }
                }
                main { (main) }
                footer { (glossary()) }
                script { (PreEscaped(SCRIPT)) }
            }
        }
    };
    inert(&page.into_string()).into_owned()
}

/// The runs, with the controls that the script brings to life. `items` are their markup in order.
pub(super) fn runs(runs: &[RunJson], items: &[Markup], sides: &[&str]) -> Markup {
    let names = |of: fn(&RunJson) -> String| runs.iter().map(of).collect::<BTreeSet<String>>();
    let outcomes = names(|run| run.outcome_name().to_owned());
    let scenarios = names(|run| run.scenario.clone());
    let kernels = names(|run| run.kernel.clone());
    let sides: BTreeSet<String> = sides.iter().map(|&side| side.to_owned()).collect();
    html! {
        section aria-labelledby="runs" {
            h2 id="runs" tabindex="-1" { "Runs" }
            form id="filters" hidden autocomplete="off" aria-label="Which runs are shown" {
                label { "find" input type="search" name="find" placeholder="function, task, text"; }
                (choice("outcome", &outcomes))
                (choice("scenario", &scenarios))
                (choice("kernel", &kernels))
                @if !sides.is_empty() { (choice("side", &sides)) }
                label { "expected" select name="expected" {
                    option value="" { "all" } option value="no" { "not as expected" } option value="yes" { "as expected" }
                } }
                label { "order" select name="sort" {
                    option value="" { "what matters first" } option value="start" { "newest first" }
                    option value="stall" { "longest stall first" } option value="kills" { "most kills first" }
                } }
                div.below {
                    p id="shown" role="status" aria-live="polite" { (count(runs.len(), "run", "runs")) }
                    span.buttons {
                        button type="button" name="open" { "Open all" }
                        button type="button" name="close" { "Close all" }
                        button type="reset" { "Clear filters" }
                    }
                }
            }
            div id="list" { @for item in items { (item) } }
        }
    }
}

fn choice(name: &str, values: &BTreeSet<String>) -> Markup {
    html! {
        label { (name) select name=(name) {
            option value="" { "all" }
            @for value in values { option value=(cut(value, 600)) { (cut(value, 80)) } }
        } }
    }
}

/// Folders that should be results and are not.
pub(super) fn broken(broken: &[Broken]) -> Markup {
    html! {
        @if !broken.is_empty() {
            section aria-labelledby="broken" {
                h2 id="broken" { "Folders that are no results" }
                p { "They are in no count above." }
                ul {
                    @for one in broken.iter().take(BROKEN) {
                        li { code { (cut(&one.folder.display().to_string(), 300)) } ": " (cut(&one.why, 300)) }
                    }
                    @if broken.len() > BROKEN { li.note { "and " (broken.len() - BROKEN) " more" } }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn style_and_script_are_as_they_are_hashed() {
        for text in [STYLE, SCRIPT] {
            assert_eq!(inert(text), text, "what is made visible would no longer have the hash of the policy");
            assert!(!text.contains("</style") && !text.contains("</script") && !text.contains("<!--"));
        }
        // Of the empty text, as everyone knows it.
        assert_eq!(STANDARD.encode(Sha256::digest("")), "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=");
    }

    #[test]
    fn neither_style_nor_script_ask_the_network() {
        for text in [STYLE, SCRIPT] {
            for word in
                ["url(", "@import", "http:", "https:", "fetch(", "XMLHttpRequest", "innerHTML", "eval(", "import("]
            {
                assert!(!text.contains(word), "{word}");
            }
        }
    }
}
