//! The kernel's own table of its symbols (`CONFIG_KALLSYMS`), found in the data of a kernel that has no other.
//! Lives here: finding its parts by what they must look like, and reading them.
//! May not live here: what is made of the symbols.
//!
//! scripts/kallsyms.c writes arrays, one after the other, with names that a stripped kernel does not have. What changed since
//! 3.10, each tried here:
//!
//! - the order: (addresses, number, names, markers, tokens), and since 6.4 (number, names, markers, tokens, addresses);
//!   `seqs_of_names`, which is not read, stands before the tokens in 6.2 and 6.3 and at the end since;
//! - an address: 8 bytes; since 4.6 an offset of 4 from a base, of which with per-CPU symbols (`KALLSYMS_ABSOLUTE_PERCPU`, until
//!   6.14) one that is not negative is an address itself; in 7.2 an offset of 4 from its own place;
//! - the number and the markers: 8 bytes each until 4.19, 4 since; what each array is aligned to: 8 bytes, and 4 in 7.2;
//! - such a per-CPU symbol has the letter A (`make_percpus_absolute`): no other absolute ones are in the table;
//! - a name's length: 1 byte; since 6.1 two where it is above 127.

use super::table::Collected;
use super::{KERNEL_HALF, NotRead, Symbols};

/// A part of memory, by its address.
#[derive(Clone, Copy, Debug)]
pub(super) struct Segment<'a> {
    pub address: u64,
    pub bytes: &'a [u8],
}

impl Segment<'_> {
    fn contains(&self, address: u64) -> bool {
        address.checked_sub(self.address).is_some_and(|offset| offset <= self.bytes.len() as u64)
    }
}

/// How many symbols there may be.
const LEAST: usize = 64;
const MOST: usize = 4 << 20;
/// Most bytes from the number of symbols to the tokens: names and markers; a kernel with 200,000 symbols has 3 MB of them.
const MAX_NAMES: usize = 64 << 20;
/// There is a marker, the offset of a name, for each so many of them.
const MARKED: usize = 256;
/// Longest token and name.
const MAX_TOKEN: usize = 512;
const MAX_NAME: usize = 1024;
/// Places looked at and names stepped over in a whole search; a kernel takes some 10^6.
const STEPS: usize = 128 << 20;

/// The symbols in a kernel's memory.
pub(super) fn find(segments: &[Segment<'_>]) -> Result<Symbols, NotRead> {
    let mut steps = STEPS;
    for segment in segments {
        // What is aligned in memory is aligned here.
        let skip = (segment.address.wrapping_neg() % 8) as usize;
        let Some(bytes) = segment.bytes.get(skip..) else { continue };
        let aligned = Segment { address: segment.address.wrapping_add(skip as u64), bytes };
        let mut from = 0;
        while let Some(index) = token_index(bytes, from) {
            from = index + 4;
            let Some(tokens) = Tokens::before(bytes, index) else { continue };
            if let Some(symbols) = names_before(&aligned, segments, &tokens, &mut steps) {
                return Ok(symbols);
            }
        }
    }
    Err(NotRead::NoKallsyms)
}

/// The first place from `from` on that looks like `kallsyms_token_index`: 256 offsets that grow from 0.
fn token_index(bytes: &[u8], from: usize) -> Option<usize> {
    let grows = |window: &[u8]| {
        let offsets = || window.as_chunks().0.iter().map(|pair| u16::from_le_bytes(*pair));
        window.starts_with(&[0, 0]) && offsets().zip(offsets().skip(1)).all(|(one, next)| one < next)
    };
    (from..bytes.len()).step_by(4).find(|&at| bytes.get(at..at + 512).is_some_and(grows))
}

/// `kallsyms_token_table`: what each byte of a compressed name stands for.
struct Tokens<'a> {
    /// Where it begins, and where its index ends.
    start: usize,
    end: usize,
    tokens: Vec<&'a str>,
}

impl<'a> Tokens<'a> {
    /// The table whose index is at `index`, right before it.
    fn before(bytes: &'a [u8], index: usize) -> Option<Self> {
        let offsets: Vec<usize> = (0..256).map_while(|number| u16_at(bytes, index + 2 * number)).collect();
        // The last token has a NUL before it, and one behind it with the padding.
        let rest = &bytes[index.saturating_sub(MAX_TOKEN + 16)..index];
        let padding = rest.iter().rev().take_while(|&&byte| byte == 0).count();
        let length = rest.iter().rev().skip(padding).position(|&byte| byte == 0)?;
        let start = index.checked_sub(padding + length + offsets.last()?)?;
        let tokens = tokens(bytes.get(start..index)?, &offsets)?;
        Some(Self { start, end: index + 512, tokens })
    }
}

/// The tokens of a table that fills `table` but for up to 7 bytes of padding.
fn tokens<'a>(table: &'a [u8], offsets: &[usize]) -> Option<Vec<&'a str>> {
    let token = |number: usize| {
        let rest = table.get(*offsets.get(number)?..)?;
        let length = rest.iter().take(MAX_TOKEN).position(|&byte| byte == 0)?;
        let fits = match offsets.get(number + 1) {
            Some(next) => offsets.get(number)? + length + 1 == *next,
            None => rest.len() <= length + 8,
        };
        let token = rest.get(..length).filter(|token| fits && token.iter().all(u8::is_ascii_graphic))?;
        std::str::from_utf8(token).ok()
    };
    (0..offsets.len()).map(token).collect()
}

/// The number of symbols and their names, before the tokens.
struct Names {
    /// Where the number is.
    number_at: usize,
    count: usize,
    names_at: usize,
    /// What arrays are aligned to.
    align: usize,
}

/// Looks for the number of symbols, backwards from the tokens, and reads the symbols when names and addresses are right.
fn names_before(
    segment: &Segment<'_>,
    segments: &[Segment<'_>],
    tokens: &Tokens<'_>,
    steps: &mut usize,
) -> Option<Symbols> {
    let bytes = segment.bytes;
    let earliest = tokens.start.saturating_sub(MAX_NAMES).next_multiple_of(4);
    for number_at in (earliest..tokens.start).step_by(4).rev() {
        *steps = steps.checked_sub(1)?;
        let count = u32_at(bytes, number_at)? as usize;
        let room = tokens.start - number_at;
        if !(LEAST..=MOST).contains(&count) || count > room / 2 {
            continue;
        }
        // A name's length is not 0, so this is padding, or half of the number.
        let padded = number_at.is_multiple_of(8) && u32_at(bytes, number_at + 4)? == 0;
        let (names_at, align) = if padded { (number_at + 8, 8) } else { (number_at + 4, 4) };
        let names = Names { number_at, count, names_at, align };
        if names.lead_to(bytes.get(..tokens.start)?, steps)
            && let Some(symbols) = names.symbols(segment, segments, tokens)
        {
            return Some(symbols);
        }
    }
    None
}

/// Length of a name, and of that length itself.
fn length_at(bytes: &[u8], at: usize) -> Option<(usize, usize)> {
    match usize::from(*bytes.get(at)?) {
        0 => None,
        short @ ..0x80 => Some((short, 1)),
        low => Some(((low & 0x7f) | usize::from(*bytes.get(at + 1)?) << 7, 2)),
    }
}

impl Names {
    /// Whether so many names stand here, and their markers behind them, up to the end of `bytes`, where the tokens are.
    fn lead_to(&self, bytes: &[u8], steps: &mut usize) -> bool {
        let mut marks = Vec::new();
        let mut at = self.names_at;
        for number in 0..self.count {
            if number % MARKED == 0 {
                marks.push(at - self.names_at);
            }
            let Some((length, header)) = length_at(bytes, at).filter(|_| *steps > 0) else { return false };
            *steps -= 1;
            at += header + length;
        }
        let start = at.next_multiple_of(self.align);
        let widths: &[usize] = if self.align == 8 { &[4, 8] } else { &[4] };
        widths.iter().any(|&width| {
            let marker = |number: usize| match width {
                4 => u32_at(bytes, start + 4 * number).map(u64::from),
                _ => u64_at(bytes, start + 8 * number),
            };
            let end = (start + width * marks.len()).next_multiple_of(self.align);
            let gap = bytes.len().checked_sub(end);
            let seqs = [0, 3 * self.count, 4 * self.count].map(|size| size.next_multiple_of(self.align));
            gap.is_some_and(|gap| seqs.contains(&gap))
                && marks.iter().enumerate().all(|(number, &mark)| marker(number) == Some(mark as u64))
        })
    }

    /// The symbols, with their addresses from wherever these are right.
    fn symbols(&self, segment: &Segment<'_>, segments: &[Segment<'_>], tokens: &Tokens<'_>) -> Option<Symbols> {
        let (bytes, count, align) = (segment.bytes, self.count, self.align);
        let offsets_size = (4 * count).next_multiple_of(align);
        let behind = tokens.end.next_multiple_of(align);
        let loaded = |address: u64| segments.iter().any(|segment| segment.contains(address));
        let relative = |offsets_at: usize, base_at: usize| {
            let base = u64_at(bytes, base_at).filter(|&base| base >= KERNEL_HALF && loaded(base))?;
            let offsets = || (0..count).map(|number| u32_at(bytes, offsets_at + 4 * number));
            // No kernel is so large that an offset from its base looks negative.
            let downwards = offsets().flatten().any(|offset| offset.cast_signed() < 0);
            in_order(offsets().map(|offset| from_base(offset?, base, downwards)))
        };
        let absolute = |at: usize| in_order((0..count).map(|number| u64_at(bytes, at + 8 * number)));
        let from_place = |at: usize| {
            let place = |number: usize| segment.address.wrapping_add((at + 4 * number) as u64);
            let address = |number: usize| {
                Some(place(number).wrapping_add_signed(i64::from(u32_at(bytes, at + 4 * number)?.cast_signed())))
            };
            in_order((0..count).map(address))
        };
        let read = |addresses: Option<Vec<u64>>| {
            let symbols = self.named(bytes, &addresses?, tokens)?;
            let (start, end) = symbols.text()?;
            (loaded(start) && loaded(end)).then_some(symbols)
        };
        let before = |size: usize| self.number_at.checked_sub(size);
        read(before(8).and_then(|base| relative(base.checked_sub(offsets_size)?, base)))
            .or_else(|| read(before(8 * count).and_then(absolute)))
            .or_else(|| read(relative(behind, (behind + offsets_size).next_multiple_of(8))))
            .or_else(|| read(absolute(behind)))
            .or_else(|| read(from_place(behind)))
    }

    /// The names, which are there, with these addresses.
    fn named(&self, bytes: &[u8], addresses: &[u64], tokens: &Tokens<'_>) -> Option<Symbols> {
        let mut collected = Collected::default();
        let (mut at, mut name) = (self.names_at, String::new());
        for &address in addresses {
            let (length, header) = length_at(bytes, at)?;
            name.clear();
            for &code in bytes.get(at + header..at + header + length)? {
                name.push_str(tokens.tokens.get(usize::from(code))?);
                if name.len() > MAX_NAME {
                    return None;
                }
            }
            let (letter, name) = (*name.as_bytes().first()?, name.get(1..)?);
            collected.push_listed(address, letter, name).ok()?;
            at += header + length;
        }
        collected.finish().ok()
    }
}

/// An address from an offset: above the base; or, `downwards`, counted from below the base where it is negative, and an
/// address itself where it is not.
fn from_base(offset: u32, base: u64, downwards: bool) -> Option<u64> {
    match i64::from(offset.cast_signed()) {
        negative @ ..0 if downwards => base.checked_add_signed(-1 - negative),
        _ if downwards => Some(u64::from(offset)),
        _ => base.checked_add(u64::from(offset)),
    }
}

/// What is neither an offset into a per-CPU area nor an address of the kernel's.
const BETWEEN: std::ops::Range<u64> = 1 << 32..KERNEL_HALF;

/// Addresses, if they are all there, in order, and each in the kernel or an offset into a per-CPU area.
fn in_order(addresses: impl Iterator<Item = Option<u64>>) -> Option<Vec<u64>> {
    let mut last = 0;
    let right = |address: Option<u64>| {
        let address = address.filter(|address| *address >= last && !BETWEEN.contains(address))?;
        last = address;
        Some(address)
    };
    addresses.map(right).collect()
}

fn array_at<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..)?.first_chunk().copied()
}

fn u16_at(bytes: &[u8], at: usize) -> Option<usize> {
    array_at(bytes, at).map(|bytes| usize::from(u16::from_le_bytes(bytes)))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    array_at(bytes, at).map(u32::from_le_bytes)
}

fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    array_at(bytes, at).map(u64::from_le_bytes)
}
