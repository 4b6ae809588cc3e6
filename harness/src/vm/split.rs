//! From bytes to lines.
//! Lives here: cutting a stream at its newlines, with a bound on a line's length.
//! May not live here: I/O, or what the lines say.

/// What is kept of a line that is too long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Keep {
    /// Its first bytes.
    Head,
    /// Its last bytes, at least so many as the bound: what is looked for may stand at the end.
    Tail,
}

/// Cuts a stream into lines.
#[derive(Debug)]
pub(super) struct Splitter {
    line: Vec<u8>,
    cut: u64,
    max: usize,
    keep: Keep,
}

impl Splitter {
    pub(super) fn new(max: usize, keep: Keep) -> Self {
        Self { line: Vec::new(), cut: 0, max, keep }
    }

    /// Takes bytes and hands out each line that they end, without its newline, with the number of bytes missing from
    /// it.
    pub(super) fn feed(&mut self, mut bytes: &[u8], mut each: impl FnMut(&[u8], u64)) {
        while let Some(end) = bytes.iter().position(|&byte| byte == b'\n') {
            self.add(&bytes[..end]);
            each(&self.line, self.cut);
            self.clear();
            bytes = &bytes[end + 1..];
        }
        self.add(bytes);
    }

    /// The stream ends or has a gap here: hands out what there is of a line, and begins anew.
    pub(super) fn flush(&mut self, mut each: impl FnMut(&[u8], u64)) {
        if !self.line.is_empty() || self.cut > 0 {
            each(&self.line, self.cut);
        }
        self.clear();
    }

    fn clear(&mut self) {
        self.line.clear();
        self.cut = 0;
    }

    fn add(&mut self, bytes: &[u8]) {
        let cut = match self.keep {
            Keep::Head => {
                let room = self.max.saturating_sub(self.line.len()).min(bytes.len());
                self.line.extend_from_slice(&bytes[..room]);
                bytes.len() - room
            }
            Keep::Tail => {
                // Only the last `max` bytes can matter; moving them is put off until they are twice as many.
                let skipped = bytes.len().saturating_sub(2 * self.max);
                self.line.extend_from_slice(&bytes[skipped..]);
                let excess = if self.line.len() > 2 * self.max { self.line.len() - self.max } else { 0 };
                self.line.drain(..excess);
                skipped + excess
            }
        };
        self.cut += cut as u64;
    }
}

/// A console line as text: carriage returns left out, what is no UTF-8 replaced, a cut marked.
pub(super) fn text(line: &[u8], cut: u64) -> String {
    let bytes: Vec<u8> = line.iter().copied().filter(|&byte| byte != b'\r').collect();
    let mut text = String::from_utf8_lossy(&bytes).into_owned();
    if cut > 0 {
        text.push_str(&format!(" [oomph: {cut} bytes cut]"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn lines(splitter: &mut Splitter, chunks: &[&[u8]]) -> Vec<String> {
        let mut lines = Vec::new();
        for chunk in chunks {
            splitter.feed(chunk, |line, cut| lines.push(text(line, cut)));
        }
        splitter.flush(|line, cut| lines.push(text(line, cut)));
        lines
    }

    #[test]
    fn lines_are_whole_however_they_arrive() {
        let mut splitter = Splitter::new(100, Keep::Head);
        assert_eq!(
            lines(&mut splitter, &[b"on", b"e\r", b"\n\ntw\xffo\n", b"rest"]),
            ["one", "", "tw\u{fffd}o", "rest"]
        );
        assert_eq!(lines(&mut splitter, &[b"anew\n"]), ["anew"], "flush begins anew");
    }

    #[test]
    fn a_long_line_keeps_its_head_and_says_so() {
        let mut splitter = Splitter::new(4, Keep::Head);
        assert_eq!(lines(&mut splitter, &[b"abcd\nabc", b"def\nx\n"]), ["abcd", "abcd [oomph: 2 bytes cut]", "x"]);
    }

    #[test]
    fn or_its_tail() {
        let mut splitter = Splitter::new(4, Keep::Tail);
        let noise = [b'.'; 50];
        assert_eq!(lines(&mut splitter, &[&noise, b"line\n", b"xline\n"]), ["line [oomph: 50 bytes cut]", "xline"]);
    }

    proptest! {
        #[test]
        fn nothing_is_lost_uncounted(
            chunks in prop::collection::vec(prop::collection::vec(prop_oneof![3 => Just(b'a'), 1 => Just(b'\n'), 1 => any::<u8>()], 0..40), 0..12),
            max in 1_usize..20,
            tail in any::<bool>(),
        ) {
            let mut splitter = Splitter::new(max, if tail { Keep::Tail } else { Keep::Head });
            let (mut total, mut ends) = (0, 0);
            let mut count = |line: &[u8], cut: u64| {
                assert!(line.len() <= 2 * max && !line.contains(&b'\n'));
                assert!(cut == 0 || line.len() >= max);
                total += line.len() + cut as usize;
                ends += 1;
            };
            for chunk in &chunks {
                splitter.feed(chunk, &mut count);
                prop_assert!(splitter.line.len() <= 2 * max);
            }
            let before = ends_before(&chunks);
            splitter.flush(&mut count);
            prop_assert!(ends == before || ends == before + 1);
            prop_assert_eq!(total + before, chunks.iter().map(Vec::len).sum::<usize>());
        }
    }

    fn ends_before(chunks: &[Vec<u8>]) -> usize {
        chunks.iter().flatten().filter(|&&byte| byte == b'\n').count()
    }
}
