//! A few lines at the bottom of a terminal that are written over and over.
//! Lives here: what is drawn at which width, and how it is taken away whatever the terminal did to it meanwhile.
//! May not live here: what the lines say.
//!
//! After each drawing the cursor goes back to where the first line begins. A terminal that is made narrower or wider breaks the lines
//! anew or does not, but keeps the cursor where it is in the text; so "erase from the cursor to the end" takes all of them away and
//! nothing else, and nobody has to know how many rows they take by now. (Progress bars of a library count rows at the width of their last
//! drawing: each time a terminal was made narrower, a line stayed behind.)

use super::inert::{cut, plain};
use super::wrap::cut_middle;
use rustix::termios::tcgetwinsize;
use std::io::{IsTerminal, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::thread;
use std::time::Duration;

/// Between two drawings.
const PERIOD: Duration = Duration::from_millis(200);
/// Erases from the cursor to the end of the screen.
const ERASE: &str = "\r\x1b[J";
/// A terminal that does not say how large it is.
const ASSUMED: (u16, u16) = (80, 24);
/// Names of lines are cut to no less than this for the sake of what follows them.
const MIN_LABEL: usize = 12;
const SPINNER: [char; 4] = ['|', '/', '-', '\\'];

/// Whether there is a drawing that would have to be taken away.
static DRAWN: AtomicBool = AtomicBool::new(false);

/// Takes away what is drawn, for whoever is about to end the process on the spot.
pub fn leave() {
    if DRAWN.swap(false, Ordering::Relaxed) {
        // Nobody is told where the terminal is gone.
        std::io::stderr().write_all(ERASE.as_bytes()).ok();
    }
}

/// Part of a line: parts of the highest number go first where there is no room for all; those of number 0 stay.
pub type Part = (u8, String);

#[derive(Debug)]
struct Line {
    id: u64,
    label: String,
    parts: Vec<Part>,
}

#[derive(Debug, Default)]
struct State {
    lines: Vec<Line>,
    /// Below the lines.
    foot: Vec<String>,
    next: u64,
    turn: usize,
}

/// The lines. Clones are the same screen.
#[derive(Clone, Debug)]
pub struct Screen {
    state: Arc<Mutex<State>>,
    /// Whoever writes holds it, and takes `state` only after it and not while it writes: what is said of a run waits for no terminal.
    out: Arc<Mutex<()>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Screen {
    /// A screen on stderr; `None` where that is no terminal, or one that cannot move its cursor.
    pub fn new() -> Option<Self> {
        let dumb = std::env::var_os("TERM").is_none_or(|term| term.is_empty() || term == "dumb");
        if dumb || !std::io::stderr().is_terminal() {
            return None;
        }
        let screen = Self { state: Arc::default(), out: Arc::default() };
        let (state, out) = (Arc::downgrade(&screen.state), Arc::clone(&screen.out));
        thread::spawn(move || draw_on(&state, &out));
        Some(screen)
    }

    /// A new line, below those that are there.
    pub fn add(&self, label: &str) -> u64 {
        let mut state = lock(&self.state);
        state.next += 1;
        let id = state.next;
        state.lines.push(Line { id, label: plain(label).into_owned(), parts: Vec::new() });
        id
    }

    /// What a line says from the next drawing on.
    pub fn set(&self, id: u64, parts: Vec<Part>) {
        if let Some(line) = lock(&self.state).lines.iter_mut().find(|line| line.id == id) {
            line.parts = parts.into_iter().map(|(number, text)| (number, plain(&text).into_owned())).collect();
        }
    }

    /// Takes a line away, now.
    pub fn remove(&self, id: u64) {
        lock(&self.state).lines.retain(|line| line.id != id);
        let _out = lock(&self.out);
        draw(&self.state);
    }

    /// What stands below the lines.
    pub fn foot(&self, text: &str) {
        lock(&self.state).foot = text.lines().map(|line| plain(line).into_owned()).collect();
    }

    /// The terminal's width in columns.
    pub fn width(&self) -> usize {
        usize::from(size().0)
    }

    /// Does something that prints, with the drawing out of its way.
    pub fn aside<T>(&self, print: impl FnOnce() -> T) -> T {
        let _out = lock(&self.out);
        erase();
        let done = print();
        draw(&self.state);
        done
    }
}

/// Draws until the screen is gone.
fn draw_on(state: &Weak<Mutex<State>>, out: &Mutex<()>) {
    loop {
        thread::sleep(PERIOD);
        let Some(state) = state.upgrade() else { return };
        let _out = lock(out);
        lock(&state).turn += 1;
        draw(&state);
    }
}

fn size() -> (u16, u16) {
    match tcgetwinsize(std::io::stderr()) {
        Ok(size) if size.ws_col > 0 && size.ws_row > 0 => (size.ws_col, size.ws_row),
        _ => ASSUMED,
    }
}

fn erase() {
    if DRAWN.swap(false, Ordering::Relaxed) {
        std::io::stderr().write_all(ERASE.as_bytes()).ok();
    }
}

fn draw(state: &Mutex<State>) {
    let (columns, rows) = size();
    let lines = lock(state).lines(usize::from(columns), usize::from(rows));
    if lines.is_empty() {
        erase();
        return;
    }
    DRAWN.store(true, Ordering::Relaxed);
    // One write: a terminal does not show half of it.
    std::io::stderr().write_all(drawing(&lines).as_bytes()).ok();
}

/// The lines, and back to where they begin.
fn drawing(lines: &[String]) -> String {
    let up = match lines.len() {
        0 | 1 => String::new(),
        rows => format!("\x1b[{}A", rows - 1),
    };
    format!("{ERASE}{}\r{up}", lines.join("\n"))
}

impl State {
    /// What is drawn on a terminal of this size: no line so long that it breaks, no more lines than there are rows. The foot tells of all
    /// runs and goes last.
    fn lines(&self, columns: usize, rows: usize) -> Vec<String> {
        let width = columns.saturating_sub(1);
        let spinner = SPINNER[self.turn % SPINNER.len()];
        let mut lines: Vec<String> = self.lines.iter().map(|line| line.fit(spinner, width)).collect();
        lines.extend(self.foot.iter().map(|line| cut(line, width).into_owned()));
        let room = rows.saturating_sub(1).max(1);
        lines.drain(..lines.len().saturating_sub(room));
        lines
    }
}

impl Line {
    /// The label gives way first, then parts by their numbers; what is still too long is cut.
    fn fit(&self, spinner: char, width: usize) -> String {
        let mut parts: Vec<&Part> = self.parts.iter().collect();
        loop {
            let text = parts.iter().map(|(_, text)| text.as_str()).collect::<Vec<_>>().join(", ");
            let room = width.saturating_sub(4 + text.chars().count());
            let least = self.label.chars().count().min(MIN_LABEL);
            let last = parts.iter().map(|(number, _)| *number).max().filter(|number| *number > 0);
            match last {
                Some(last) if room < least => parts.retain(|(number, _)| *number < last),
                _ => {
                    let line = format!("{spinner} {}: {text}", cut_middle(&self.label, room.max(least)));
                    return cut(&line, width).into_owned();
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state() -> State {
        let parts = vec![
            (0, "pressure 61 s".into()),
            (3, "guest 71 s".into()),
            (2, "32 MiB free".into()),
            (0, "STALLED".into()),
        ];
        let line = |label: &str| Line { id: 1, label: label.into(), parts: parts.clone() };
        let foot = vec!["a long foot of many words".to_owned()];
        State { lines: vec![line("xfs-inode-mutex writers=20"), line("b")], foot, next: 2, turn: 0 }
    }

    #[test]
    fn what_matters_less_makes_room() {
        let at = |width| state().lines(width, 24);
        assert_eq!(at(80)[0], "| xfs-inode-mutex writers=20: pressure 61 s, guest 71 s, 32 MiB free, STALLED");
        assert_eq!(at(70)[0], "| xfs-inode…iters=20: pressure 61 s, guest 71 s, 32 MiB free, STALLED");
        assert_eq!(at(60)[0], "| xfs-inode-…riters=20: pressure 61 s, 32 MiB free, STALLED");
        assert_eq!(at(40)[0], "| xfs-in…ers=20: pressure 61 s, STALLED");
        assert_eq!(at(60)[1], "| b: pressure 61 s, guest 71 s, 32 MiB free, STALLED");
        assert_eq!(at(20), ["| xfs-in…rs=20: pr…", "| b: pressure 61 s…", "a long foot of man…"]);
    }

    #[test]
    fn no_line_breaks_and_none_scrolls_away() {
        for width in 1..100 {
            assert!(state().lines(width, 24).iter().all(|line| line.chars().count() < width), "{width}");
        }
        assert_eq!(state().lines(80, 3).len(), 2);
        assert_eq!(state().lines(80, 1), ["a long foot of many words"]);
    }

    #[test]
    fn a_drawing_ends_where_it_began() {
        assert_eq!(drawing(&["a".into()]), "\r\x1b[Ja\r");
        assert_eq!(drawing(&["a".into(), "b".into(), "c".into()]), "\r\x1b[Ja\nb\nc\r\x1b[2A");
    }
}
