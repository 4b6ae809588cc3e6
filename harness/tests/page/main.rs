//! The HTML report in a real browser: Debian's chromium, headless. `make check-page` installs it and keeps pictures; without one
//! installed these tests say so and pass.
//! Lives here: what only a browser can show.
//! May not live here: what the page's text shows (`report::html`).
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod browser;
mod site;

use browser::Browser;
use serde_json::json;
use site::Site;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// One browser at a time: it takes some hundred MiB.
static ONE: Mutex<()> = Mutex::new(());

/// A page with results of every outcome, and a browser.
fn given() -> Option<(MutexGuard<'static, ()>, Site, Browser)> {
    let one = ONE.lock().unwrap_or_else(PoisonError::into_inner);
    let mut browser = Browser::start()?;
    browser.look(1280, "light", "screen");
    Some((one, Site::new(), browser))
}

/// Runs that are to be seen.
const SEEN: &str = "[...document.querySelectorAll('.run')].filter(run => run.checkVisibility())";

#[test]
fn loads_without_a_complaint_and_asks_for_nothing_else() {
    let Some((_one, site, mut browser)) = given() else { return };
    browser.open(&site.url(""));
    browser.wait("!document.getElementById('filters').hidden");
    browser.value("document.querySelectorAll('details').forEach(one => one.open = true)");
    assert_eq!(browser.complaints(), Vec::<String>::new());
    assert_eq!(browser.requests(), [site.url("")]);
    assert_eq!(site.asked(), ["/page.html"], "the whole of what came over the network");
}

#[test]
fn what_a_guest_said_is_inert() {
    let Some((_one, site, mut browser)) = given() else { return };
    browser.open(&site.url(""));
    assert_eq!(browser.value("document.scripts.length"), 1);
    assert_eq!(browser.value("document.querySelectorAll('main img, main iframe, main object, main b').length"), 0);
    assert!(browser.value("document.querySelector('pre').textContent.length > 0").as_bool().unwrap());
    for text in ["<script>alert(1)</script>", "]]>", "⟨U+001B⟩[31m", "⟨U+202E⟩"] {
        assert_eq!(browser.value(&format!("document.body.textContent.includes({})", json!(text))), true, "{text}");
    }
    // Were there a hole, the policy would hold: this is one.
    assert_eq!(browser.complaints(), Vec::<String>::new());
    let hole = "document.body.insertAdjacentHTML('beforeend', '<img src=x onerror=\"window.holed=1\"><p style=\"color:red\" id=hole>x</p>'); \
        const script = document.createElement('script'); script.textContent = 'window.holed = 2'; document.body.append(script); \
        fetch('http://127.0.0.1:9/').then(() => false, () => window.holed === undefined)";
    assert_eq!(browser.value(hole), true);
    assert_ne!(browser.value("getComputedStyle(document.getElementById('hole')).color"), "rgb(255, 0, 0)");
    assert_ne!(browser.complaints(), Vec::<String>::new(), "it was the policy that held");
    assert_eq!(site.asked(), ["/page.html"]);
}

#[test]
fn filters_and_order_work_and_stand_in_the_address() {
    let Some((_one, site, mut browser)) = given() else { return };
    browser.open(&site.url(""));
    let all = browser.value(&format!("{SEEN}.length")).as_u64().unwrap();
    assert!(all > 8, "{all}");
    let choose = |name: &str, value: &str| {
        format!(
            "filters.elements['{name}'].value = {}; filters.dispatchEvent(new Event('change', {{bubbles: true}}))",
            json!(value)
        )
    };
    browser.value(&choose("outcome", "hung"));
    assert_eq!(
        browser.value(&format!("{SEEN}.every(run => run.dataset.outcome === 'hung') && {SEEN}.length > 3")),
        true
    );
    assert_eq!(browser.value("location.hash"), "#outcome=hung");
    let said = browser.value("shown.textContent");
    assert!(said.as_str().unwrap().ends_with(&format!(" of {all} runs")), "{said}");
    assert_eq!(browser.value("shown.getAttribute('aria-live')"), "polite");
    // Text, as it is typed: all words, anywhere in the run.
    browser.value("filters.elements.find.focus()");
    browser.call("Input.insertText", json!({"text": "XFS_ILOCK rwsem"}));
    browser.wait("location.hash.includes('find=')");
    let found = browser.value(&format!("{SEEN}.length")).as_u64().unwrap();
    let wanted = "[...document.querySelectorAll('.run')].filter(run => run.dataset.outcome === 'hung' \
                  && ['xfs_ilock', 'rwsem'].every(word => run.textContent.toLowerCase().includes(word))).length";
    assert!(found > 0 && found < all && browser.value(wanted) == found, "{found} of {all}");
    assert_eq!(browser.value(&format!("{SEEN}.every(run => run.textContent.includes('xfs_ilock'))")), true);
    // The view can be handed on.
    let address = browser.value("location.href").as_str().unwrap().to_owned();
    browser.open(&address);
    assert_eq!(browser.value(&format!("{SEEN}.length")), found);
    assert_eq!(browser.value("filters.elements.find.value"), "XFS_ILOCK rwsem");
    browser.value("filters.reset()");
    browser.wait(&format!("{SEEN}.length === {all} && location.hash === ''"));
    // Order.
    for (sort, key) in [("stall", "stall"), ("kills", "kills"), ("start", "start")] {
        browser.value(&choose("sort", sort));
        let sorted =
            format!("{SEEN}.map(run => +run.dataset.{key}).every((one, at, all) => at === 0 || all[at - 1] >= one)");
        assert_eq!(browser.value(&sorted), true, "{sort}");
    }
    browser.value(&choose("sort", ""));
    assert_eq!(browser.value(&format!("{SEEN}[0].dataset.expected")), "no", "what matters first");
    // What no run is makes no empty page.
    browser.open(&site.url("#outcome=wombat"));
    assert_eq!(browser.value(&format!("{SEEN}.length")), all);
    browser.value("filters.elements.open.click()");
    assert_eq!(browser.value(&format!("{SEEN}.every(run => run.open)")), true);
    browser.value("filters.elements.close.click()");
    assert_eq!(browser.value(&format!("{SEEN}.some(run => run.open)")), false);
    assert_eq!(browser.complaints(), Vec::<String>::new());
}

#[test]
fn links_lead_to_what_they_name() {
    let Some((_one, site, mut browser)) = given() else { return };
    browser.open(&site.url(""));
    let all = browser.value(&format!("{SEEN}.length"));
    // Every link within the page has a place there, and every id is there once.
    let lost = "[...document.querySelectorAll('a[href^=\"#\"]')].map(a => a.getAttribute('href').slice(1)).filter(id => !document.getElementById(id))";
    assert_eq!(browser.value(lost), json!([]));
    let twice = "(ids => ids.filter((id, at) => ids.indexOf(id) !== at))([...document.querySelectorAll('[id]')].map((one) => one.id))";
    assert_eq!(browser.value(twice), json!([]));
    // A cell shows its runs; back shows all.
    browser.value("document.querySelector('a.cell').click()");
    let cell = "document.querySelector('a.cell').dataset";
    assert_eq!(browser.value(&format!("{SEEN}.length > 0 && {SEEN}.every(run => run.dataset.kernel === {cell}.kernel && run.dataset.scenario === {cell}.scenario)")), true);
    browser.value("history.back()");
    browser.wait(&format!("{SEEN}.length === {all}"));
    // Evidence leads to its line, though it is folded away.
    browser.value("document.querySelectorAll('details').forEach(one => one.open = false)");
    browser.value("document.querySelector('a.line').click()");
    browser.wait("document.querySelector('mark:target')?.checkVisibility() === true");
    // So does an address, though a filter hides the run.
    let id = browser.value("[...document.querySelectorAll('.run')].pop().id").as_str().unwrap().to_owned();
    browser
        .value("filters.elements.find.value = 'wombat'; filters.dispatchEvent(new Event('change', {bubbles: true}))");
    assert_eq!(browser.value(&format!("{SEEN}.length")), 0);
    browser.value(&format!("location.hash = {}", json!(id)));
    browser.wait(&format!("(run => run.checkVisibility() && run.open)(document.getElementById({}))", json!(id)));
    assert_eq!(browser.complaints(), Vec::<String>::new());
}

#[test]
fn can_be_read_without_javascript() {
    let Some((_one, site, mut browser)) = given() else { return };
    browser.call("Emulation.setScriptExecutionDisabled", json!({"value": true}));
    browser.open(&site.url(""));
    browser.picture("no-script");
    browser.call("Emulation.setScriptExecutionDisabled", json!({"value": false}));
    assert_eq!(browser.value("document.getElementById('filters').hidden"), true, "no controls that do nothing");
    assert_eq!(browser.value(&format!("{SEEN}.length === document.querySelectorAll('.run').length")), true);
    assert_eq!(browser.value("document.querySelectorAll('table.grid td a').length > 5"), true);
    assert_eq!(browser.complaints(), Vec::<String>::new());
}

#[test]
fn can_be_used_with_a_keyboard_and_heard() {
    let Some((_one, site, mut browser)) = given() else { return };
    browser.open(&site.url(""));
    browser.key("Tab", "");
    assert_eq!(browser.value("document.activeElement.className"), "skip");
    assert_eq!(
        browser.value(
            "document.activeElement.checkVisibility() && document.activeElement.getBoundingClientRect().left >= 0"
        ),
        true
    );
    browser.value("document.querySelector('.run:not([open]) > summary').focus()");
    browser.key("Enter", "\r");
    assert_eq!(browser.value("document.activeElement.parentElement.open"), true);
    assert_ne!(browser.value("getComputedStyle(document.activeElement).outlineStyle"), "none");
    let label = "[...document.querySelectorAll('input, select, button')].filter(one => !(one.labels?.length || one.textContent.trim() || one.ariaLabel)).length";
    assert_eq!(browser.value(label), 0);
    let skipped = "[...document.querySelectorAll('h1, h2, h3, h4')].map(one => +one.localName[1]).filter((level, at, all) => at > 0 && level > all[at - 1] + 1)";
    assert_eq!(browser.value(skipped), json!([]), "headings that skip a level");
    assert_eq!(browser.value("document.querySelectorAll('th:not([scope])').length"), 0);
    assert_eq!(
        browser.value(
            "['header', 'main', 'footer'].every(name => document.querySelectorAll(`body > ${name}`).length === 1)"
        ),
        true
    );
}

#[test]
fn fits_every_width_and_can_be_read_in_every_light() {
    let Some((_one, site, mut browser)) = given() else { return };
    for (width, theme) in [(1280, "light"), (1280, "dark"), (400, "light"), (400, "dark"), (320, "light")] {
        browser.look(width, theme, "screen");
        browser.open(&site.url(""));
        browser.picture(&format!("{width}-{theme}"));
        browser.value("document.querySelector('.run').scrollIntoView()");
        browser.picture(&format!("{width}-{theme}-run"));
        browser.value("document.querySelectorAll('details').forEach(one => one.open = true)");
        assert_eq!(browser.value("document.documentElement.scrollWidth"), width, "nothing stands out at {width}");
        let faint = browser.value(CONTRAST);
        assert_eq!(faint, json!([]), "{theme} at {width}");
    }
}

/// Texts whose contrast with what is behind them is under 4.5.
const CONTRAST: &str = r"(() => {
    const light = (colour) => {
        const [r, g, b] = colour.match(/[\d.]+/g).map((part) => part / 255).map((part) => part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4);
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const behind = (one) => { for (; one; one = one.parentElement) { const colour = getComputedStyle(one).backgroundColor; if (!/, 0\)$/.test(colour)) return colour; } return 'rgb(255, 255, 255)'; };
    const faint = new Set();
    for (const one of document.querySelectorAll('body *:not(svg *)')) {
        if (![...one.childNodes].some((child) => child.nodeType === 3 && child.data.trim()) || !one.checkVisibility()) continue;
        const [a, b] = [light(getComputedStyle(one).color), light(behind(one))].sort((a, b) => b - a);
        const ratio = (a + 0.05) / (b + 0.05);
        if (ratio < 4.5) faint.add(`${one.localName}.${one.className} ${ratio.toFixed(2)}`);
    }
    return [...faint];
})()";

#[test]
fn is_printed_whole() {
    let Some((_one, site, mut browser)) = given() else { return };
    browser.open(&site.url(""));
    browser.value("document.querySelectorAll('details').forEach(one => one.open = false)");
    assert_eq!(
        browser.value("document.querySelector('.run .body').checkVisibility({contentVisibilityAuto: true})"),
        false
    );
    browser.look(1000, "light", "print");
    // What is closed is printed all the same, and the controls are not.
    assert_eq!(
        browser.value(
            "[...document.querySelectorAll('.run .body')].every(one => one.getBoundingClientRect().height > 50)"
        ),
        true
    );
    assert_eq!(browser.value("document.getElementById('filters').checkVisibility()"), false);
    browser.picture("print");
}

#[test]
fn two_sides_have_a_page_too() {
    let Some((_one, site, mut browser)) = given() else { return };
    for (width, theme) in [(1280, "light"), (400, "dark")] {
        browser.look(width, theme, "screen");
        browser.open(&site.compared());
        browser.picture(&format!("compared-{width}-{theme}"));
        browser.value("document.querySelectorAll('details').forEach(one => one.open = true)");
        assert_eq!(browser.value("document.documentElement.scrollWidth"), width);
        assert_eq!(browser.value(CONTRAST), json!([]));
    }
    browser.value("filters.elements.side.value = 'B'; filters.dispatchEvent(new Event('change', {bubbles: true}))");
    assert_eq!(browser.value(&format!("{SEEN}.length > 0 && {SEEN}.every(run => run.dataset.side === 'B')")), true);
    assert_eq!(browser.complaints(), Vec::<String>::new());
}
