//! Kallsyms as scripts/kallsyms.c wrote them over the years, made here.

use super::kallsyms::{Segment, find};
use super::{NotRead, Symbols};
use proptest::prelude::*;

const BASE: u64 = 0xffff_ffff_8100_0000;
/// Bytes of text and of other read-only data before the table.
const TEXT: usize = 0x8000;
const BEFORE: usize = 0x9000;

#[derive(Clone, Copy, Debug, PartialEq)]
enum Addresses {
    Whole,
    /// Offsets from a base, counted down; per-CPU symbols by themselves.
    Down,
    /// Offsets from a base, counted up.
    Up,
    FromPlace,
}

/// What one version of the kernel writes.
#[derive(Clone, Copy, Debug)]
struct Form {
    addresses: Addresses,
    /// Addresses come after the tokens.
    behind: bool,
    align: usize,
    /// Number and markers have 8 bytes.
    wide: bool,
    /// Bytes of an entry of `seqs_of_names` before the tokens, and behind all.
    seqs: (usize, usize),
    /// Has names longer than 127.
    long: bool,
}

const FORMS: [(&str, Form); 9] = {
    use Addresses::{Down, FromPlace, Up, Whole};
    let old = Form { addresses: Whole, behind: false, align: 8, wide: true, seqs: (0, 0), long: false };
    let new = Form { addresses: Down, behind: true, align: 8, wide: false, seqs: (0, 3), long: true };
    [
        ("3.10", old),
        ("4.6", Form { addresses: Down, ..old }),
        ("5.10", Form { addresses: Down, wide: false, ..old }),
        ("5.10, whole", Form { wide: false, ..old }),
        ("6.2", Form { addresses: Down, wide: false, seqs: (3, 0), long: true, ..old }),
        ("6.4", new),
        ("6.4, whole", Form { addresses: Whole, ..new }),
        ("6.15", Form { addresses: Up, ..new }),
        ("7.2", Form { addresses: FromPlace, align: 4, ..new }),
    ]
};

/// Address, letter, name; in order.
fn listed(form: Form) -> Vec<(u64, char, String)> {
    let mut symbols = Vec::new();
    if matches!(form.addresses, Addresses::Whole | Addresses::Down) {
        symbols.extend([(0, 'A', "__per_cpu_start".to_owned()), (0x1_5000, 'A', "runqueues".to_owned())]);
    }
    symbols.extend([(BASE, 'T', "_text".to_owned()), (BASE, 'T', "_stext".to_owned())]);
    symbols.extend((0..600).map(|number| (BASE + 0x20 * number, 't', format!("func_{number}"))));
    if form.long {
        symbols.push((BASE + 0x7000, 'T', format!("_R{}", "x".repeat(400))));
    }
    symbols.push((BASE + TEXT as u64, 'T', "_etext".into()));
    symbols.push((BASE + 0x0100_0000, 'D', "init_task".into()));
    symbols.extend((0..100).map(|number| (BASE + 0x0100_1000 + number, 'b', format!("data_{number}"))));
    symbols
}

/// What a code stands for: a character for itself, else a word.
fn token(code: u8) -> String {
    match code {
        0x01 => "func_".into(),
        0x80 => "tdata_".into(),
        graphic @ b'!'..=b'~' => char::from(graphic).to_string(),
        other => format!("q{other:02x}"),
    }
}

fn compressed(name: &str) -> Vec<u8> {
    let name = name.replace("func_", "\x01");
    let mut bytes = name.into_bytes();
    match u8::try_from(bytes.len()) {
        Ok(length @ ..0x80) => bytes.insert(0, length),
        _ => {
            let length = bytes.len();
            bytes.splice(..0, [(length & 0x7f) as u8 | 0x80, (length >> 7) as u8]);
        }
    }
    bytes
}

/// A kernel's memory with the table in it.
fn memory(form: Form) -> Vec<u8> {
    // Bytes that look like code: no long runs, few zeros.
    let mut out: Vec<u8> = (0..BEFORE as u32).map(|n| (n.wrapping_mul(0x9e37_79b1) >> 24) as u8).collect();
    let symbols = listed(form);
    let align = |out: &mut Vec<u8>| out.resize(out.len().next_multiple_of(form.align), 0);
    let number = |out: &mut Vec<u8>, value: usize| match form.wide {
        true => out.extend((value as u64).to_le_bytes()),
        false => out.extend((value as u32).to_le_bytes()),
    };
    let addresses = |out: &mut Vec<u8>| {
        align(out);
        for &(address, ..) in &symbols {
            let offset = match form.addresses {
                Addresses::Whole => {
                    out.extend(address.to_le_bytes());
                    continue;
                }
                Addresses::Down if address >= BASE => BASE.wrapping_sub(address).wrapping_sub(1),
                Addresses::Down => address,
                Addresses::Up => address - BASE,
                Addresses::FromPlace => address.wrapping_sub(BASE + out.len() as u64),
            };
            out.extend((offset as u32).to_le_bytes());
        }
        if matches!(form.addresses, Addresses::Up | Addresses::Down) {
            align(out);
            out.extend(BASE.to_le_bytes());
        }
    };
    let seqs = |out: &mut Vec<u8>, bytes: usize| {
        align(out);
        (0..symbols.len()).for_each(|seq| out.extend(&(seq as u32).to_be_bytes()[4 - bytes..]));
    };
    if !form.behind {
        addresses(&mut out);
    }
    align(&mut out);
    number(&mut out, symbols.len());
    align(&mut out);
    let (start, mut markers) = (out.len(), Vec::new());
    for (index, (_, letter, name)) in symbols.iter().enumerate() {
        if index % 256 == 0 {
            markers.push(out.len() - start);
        }
        out.extend(compressed(&format!("{letter}{name}")));
    }
    align(&mut out);
    markers.into_iter().for_each(|marker| number(&mut out, marker));
    seqs(&mut out, form.seqs.0);
    align(&mut out);
    let (start, mut index) = (out.len(), Vec::new());
    for code in 0..=255 {
        index.extend(((out.len() - start) as u16).to_le_bytes());
        out.extend(token(code).bytes().chain([0]));
    }
    align(&mut out);
    out.extend(index);
    if form.behind {
        addresses(&mut out);
    }
    seqs(&mut out, form.seqs.1);
    out.extend((0..0x1000_u32).map(|n| (n.wrapping_mul(0x85eb_ca6b) >> 24) as u8));
    out
}

fn read(bytes: &[u8]) -> Result<Symbols, NotRead> {
    find(&[Segment { address: 0x10_0000, bytes: &[7; 99] }, Segment { address: BASE, bytes }])
}

#[test]
fn each_form_is_read() {
    for (version, form) in FORMS {
        let symbols = read(&memory(form)).unwrap_or_else(|why| panic!("{version}: {why}"));
        assert_eq!(symbols.text(), Some((BASE, BASE + TEXT as u64)), "{version}");
        for (address, _, name) in listed(form) {
            assert_eq!(symbols.address(&name), Some(address), "{version}: {name}");
        }
        assert_eq!(symbols.len(), listed(form).len(), "{version}");
        assert_eq!(symbols.function(BASE + 0x25), Some(("func_1", 5)), "{version}");
    }
}

#[test]
fn it_is_found_in_an_elf_file_without_sections() {
    let memory = memory(FORMS[2].1);
    let mut elf = vec![0; 120];
    let mut put = |at: usize, value: &[u8]| elf[at..at + value.len()].copy_from_slice(value);
    put(0, b"\x7fELF\x02\x01\x01");
    put(16, &[2, 0, 62, 0, 1]);
    put(32, &64_u64.to_le_bytes());
    put(52, &[64, 0, 56, 0, 1, 0, 64, 0]);
    put(64, &1_u32.to_le_bytes());
    put(72, &120_u64.to_le_bytes());
    put(80, &BASE.to_le_bytes());
    put(96, &(memory.len() as u64).to_le_bytes());
    put(104, &(memory.len() as u64).to_le_bytes());
    elf.extend(&memory);
    assert_eq!(Symbols::from_elf(&elf), read(&memory));
    assert!(read(&memory).is_ok());
}

#[test]
fn a_kernel_without_it_says_so() {
    assert_eq!(read(&memory(FORMS[0].1)[..BEFORE]), Err(NotRead::NoKallsyms));
    assert_eq!(read(&[]), Err(NotRead::NoKallsyms));
    assert_eq!(read(&[0; 100_000]), Err(NotRead::NoKallsyms));
}

proptest! {
    /// Damage costs the table or leaves one that is in order; it never costs more.
    #[test]
    fn damage_is_survived(
        form in 0..FORMS.len(),
        damage in prop::collection::vec((BEFORE..BEFORE + 0x6000, any::<u8>()), 0..8),
        cut in 0_usize..0x8000,
    ) {
        let mut bytes = memory(FORMS[form].1);
        for (at, value) in damage {
            if let Some(byte) = bytes.get_mut(at) {
                *byte = value;
            }
        }
        bytes.truncate(bytes.len() - cut.saturating_sub(0x6000));
        if let Ok(symbols) = read(&bytes) {
            let (start, end) = symbols.text().unwrap();
            prop_assert!(start < end && symbols.len() >= 2);
            prop_assert!(symbols.function(start).is_none_or(|(name, _)| !name.is_empty()));
        }
    }

    #[test]
    fn any_bytes_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..4096)) {
        prop_assert_eq!(read(&bytes), Err(NotRead::NoKallsyms));
        prop_assert!(Symbols::from_elf(&bytes).is_err());
    }
}
