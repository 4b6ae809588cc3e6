//! The text that is decoded: the file's, with what `--set` says put in its places.
//! Lives here: that text, and which of its bytes came from where.
//! May not live here: what the text means.

use std::ops::Range;

/// Where some bytes came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The scenario file.
    File,
    /// The override of this number.
    Set(usize),
}

/// A stretch of the text and the stretch that it came from; where their lengths differ, it stands for all of it.
#[derive(Clone, Debug)]
struct Piece {
    len: usize,
    origin: Origin,
    from: Range<usize>,
}

/// Text to be put into the file's.
#[derive(Clone, Debug)]
pub struct Insert {
    /// The text.
    pub text: String,
    /// The bytes of the override that it stands for.
    pub from: Range<usize>,
}

/// A text and its origins.
#[derive(Clone, Debug)]
pub struct Text {
    file: String,
    sets: Vec<String>,
    text: String,
    pieces: Vec<Piece>,
}

impl Text {
    /// A file's text, and overrides as they were given, not yet put into it.
    pub fn new(file: &str, sets: &[String]) -> Self {
        let whole = Piece { len: file.len(), origin: Origin::File, from: 0..file.len() };
        Self { file: file.to_owned(), sets: sets.to_vec(), text: file.to_owned(), pieces: vec![whole] }
    }

    /// The text to decode.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The text of an origin as it was given.
    pub fn source(&self, origin: Origin) -> &str {
        match origin {
            Origin::File => &self.file,
            Origin::Set(number) => self.sets.get(number).map_or("", String::as_str),
        }
    }

    /// Puts the texts of override `set` in place of `place`.
    pub fn splice(&mut self, place: Range<usize>, set: usize, inserts: &[Insert]) {
        let new: String = inserts.iter().map(|insert| insert.text.as_str()).collect();
        let mut pieces = self.cut(0..place.start);
        pieces.extend(inserts.iter().map(|insert| Piece {
            len: insert.text.len(),
            origin: Origin::Set(set),
            from: insert.from.clone(),
        }));
        pieces.extend(self.cut(place.end..self.text.len()));
        self.pieces = pieces;
        self.text.replace_range(place, &new);
    }

    /// The pieces of a stretch.
    fn cut(&self, stretch: Range<usize>) -> Vec<Piece> {
        let mut start = 0;
        let mut cut = Vec::new();
        for piece in &self.pieces {
            let (from, to) = (stretch.start.max(start), stretch.end.min(start + piece.len));
            if from < to {
                cut.push(Piece { len: to - from, origin: piece.origin, from: piece.part(from - start..to - start) });
            }
            start += piece.len;
        }
        cut
    }

    /// Where a stretch of the text came from. One that begins in the file and ends in an override, or the other way
    /// round, is cut off at the end of what it begins in.
    pub fn origin(&self, stretch: &Range<usize>) -> (Origin, Range<usize>) {
        let end = stretch.end.max(stretch.start + 1);
        let cut = self.cut(stretch.start..end);
        let Some(first) = cut.first() else {
            return (Origin::File, self.file.len()..self.file.len());
        };
        let same = cut.iter().take_while(|piece| piece.origin == first.origin);
        let last = same.last().unwrap_or(first);
        let from = first.from.start..last.from.end.max(first.from.start);
        (first.origin, if stretch.is_empty() { from.start..from.start } else { from })
    }
}

impl Piece {
    fn part(&self, part: Range<usize>) -> Range<usize> {
        if self.from.len() == self.len {
            self.from.start + part.start..self.from.start + part.end
        } else {
            self.from.clone()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_knows_where_it_came_from() {
        let mut text = Text::new("a: 1\nb: 2\n", &["a=seven".into(), "c=\"3\"".into()]);
        text.splice(3..4, 0, &[Insert { text: "seven".into(), from: 2..7 }]);
        text.splice(9..9, 1, &[Insert { text: "c".into(), from: 0..1 }, Insert { text: ": '3'\n".into(), from: 2..5 }]);
        assert_eq!(text.as_str(), "a: seven\nc: '3'\nb: 2\n");
        assert_eq!(text.origin(&(4..6)), (Origin::Set(0), 3..5));
        assert_eq!(text.origin(&(9..10)), (Origin::Set(1), 0..1));
        assert_eq!(text.origin(&(12..15)), (Origin::Set(1), 2..5));
        assert_eq!(text.origin(&(19..20)), (Origin::File, 8..9));
        assert_eq!(text.origin(&(0..0)), (Origin::File, 0..0));
        assert_eq!(text.origin(&(900..901)), (Origin::File, 10..10));
        assert_eq!((text.source(Origin::File), text.source(Origin::Set(0))), ("a: 1\nb: 2\n", "a=seven"));
    }
}
