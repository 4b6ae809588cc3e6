//! Units: durations and sizes as people write them.
//! Lives here: reading and writing `1m30s` and `256 MiB`.
//! May not live here: which durations and sizes make sense where (`check`).

use super::value::Wrong;

/// Units of a duration, largest first, in milliseconds.
const DURATION_UNITS: [(&str, u64); 4] = [("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)];
/// Units of a size, largest first, in bytes.
const SIZE_UNITS: [(&str, u64); 5] = [("TiB", 1 << 40), ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("B", 1)];

/// What a duration looks like, for JSON Schema: as [`duration`] but for the order of its units.
pub const DURATION_PATTERN: &str = "^([0-9]+(h|m|s|ms))+$";
/// What a size looks like, for JSON Schema: as [`size`].
pub const SIZE_PATTERN: &str = "^[0-9]+ ?(B|KiB|MiB|GiB|TiB)$";

const DURATION_RIGHT: &str = "a duration is whole numbers with units: `250ms`, `5s`, `2m`, `1m30s`, `1h`";
const SIZE_RIGHT: &str = "a size is a whole number with a unit: `512 KiB`, `256 MiB`, `1 GiB`";

/// Reads a duration, in milliseconds: numbers with `h`, `m`, `s`, `ms`, larger units first, each at most once.
///
/// # Errors
/// Where the text is anything else, or more than 2⁶⁴ − 1 ms.
pub fn duration(text: &str) -> Result<u64, Wrong> {
    let wrong = |message: String| Wrong::new(message, DURATION_RIGHT);
    if text.is_empty() {
        return Err(wrong("the duration is empty".into()));
    }
    let mut rest = text;
    let mut units = DURATION_UNITS.iter();
    let mut total: u64 = 0;
    while !rest.is_empty() {
        let (number, after) = leading_number(rest).ok_or_else(|| wrong(format!("`{text}` is not a duration")))?;
        let unit = after.split(|c: char| !c.is_ascii_alphabetic()).next().unwrap_or_default();
        if unit.is_empty() {
            let plain = after.is_empty() && rest.len() == text.len();
            return Err(if plain {
                Wrong::new(format!("the duration `{text}` has no unit"), format!("seconds are written `{text}s`"))
            } else {
                wrong(format!("`{text}` is not a duration"))
            });
        }
        if !DURATION_UNITS.iter().any(|(name, _)| *name == unit) {
            return Err(wrong(format!("`{unit}` is not a unit of time")));
        }
        let Some((_, factor)) = units.by_ref().find(|(name, _)| *name == unit) else {
            return Err(wrong(format!("in `{text}`, the units do not go from large to small")));
        };
        total = number
            .and_then(|number| number.checked_mul(*factor))
            .and_then(|part| total.checked_add(part))
            .ok_or_else(|| wrong(format!("the duration `{text}` is too long to count")))?;
        rest = &after[unit.len()..];
    }
    Ok(total)
}

/// Writes a duration of `ms` milliseconds; [`duration`] reads it back.
pub fn format_duration(ms: u64) -> String {
    let mut rest = ms;
    let mut text = String::new();
    for (unit, factor) in DURATION_UNITS {
        if rest >= factor {
            text += &format!("{}{unit}", rest / factor);
            rest %= factor;
        }
    }
    if text.is_empty() { "0s".into() } else { text }
}

/// Reads a size, in bytes: a number, a space or none, and `B`, `KiB`, `MiB`, `GiB` or `TiB`.
///
/// # Errors
/// Where the text is anything else, or more than 2⁶⁴ − 1 bytes.
pub fn size(text: &str) -> Result<u64, Wrong> {
    let wrong = |message: String| Wrong::new(message, SIZE_RIGHT);
    let (number, after) = leading_number(text).ok_or_else(|| wrong(format!("`{text}` is not a size")))?;
    let unit = after.strip_prefix(' ').unwrap_or(after);
    if unit.is_empty() {
        return Err(wrong(format!("the size `{text}` has no unit")));
    }
    let Some((_, factor)) = SIZE_UNITS.iter().find(|(name, _)| *name == unit) else {
        let meant = SIZE_UNITS.iter().map(|(name, _)| *name).find(|name| {
            let short = [name.replace("iB", ""), name.replace('i', ""), (*name).to_owned()];
            short.iter().any(|short| short.eq_ignore_ascii_case(unit))
        });
        let wrong = wrong(format!("`{unit}` is not a unit of size"));
        return Err(match meant {
            Some(name) => wrong.help(format!("did you mean `{name}`? Sizes are in powers of 1024")),
            None => wrong,
        });
    };
    number
        .and_then(|number| number.checked_mul(*factor))
        .ok_or_else(|| wrong(format!("the size `{text}` is too large to count")))
}

/// Writes a size of `bytes` bytes in the largest unit that divides it; [`size`] reads it back.
pub fn format_size(bytes: u64) -> String {
    let unit = SIZE_UNITS.iter().find(|(_, factor)| bytes > 0 && bytes.is_multiple_of(*factor));
    let (unit, factor) = unit.unwrap_or(&("B", 1));
    format!("{} {unit}", bytes / factor)
}

/// The digits that a text begins with as a number (`None` inside where it is too large), and what follows them.
fn leading_number(text: &str) -> Option<(Option<u64>, &str)> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    (end > 0).then(|| (text[..end].parse().ok(), &text[end..]))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn durations_are_read_with_their_units_only() {
        for (text, ms) in [("5s", 5000), ("250ms", 250), ("2m", 120_000), ("1m30s", 90_000), ("1h1ms", 3_600_001)] {
            assert_eq!(duration(text).unwrap(), ms, "{text}");
        }
        for text in ["", "5", "s", "5 s", "1.5s", "-5s", "30s1m", "5s5s", "5d", "5s3", "99999999999999999999s", "5S"] {
            assert!(duration(text).is_err(), "{text}");
        }
        assert_eq!(duration("5").unwrap_err().right, "seconds are written `5s`");
    }

    #[test]
    fn sizes_are_read_with_their_units_only() {
        for (text, bytes) in [("256 MiB", 256 << 20), ("1GiB", 1 << 30), ("512 KiB", 512 << 10), ("1 B", 1)] {
            assert_eq!(size(text).unwrap(), bytes, "{text}");
        }
        for text in ["", "5", "MiB", "5  MiB", "1.5 GiB", "-5 MiB", "5 MiB ", "5MB", "99999999999 GiB"] {
            assert!(size(text).is_err(), "{text}");
        }
        for text in ["5 MB", "5M", "5 mib", "5m"] {
            assert!(size(text).unwrap_err().help.unwrap().starts_with("did you mean `MiB`?"), "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(n in any::<u64>()) {
            prop_assert_eq!(duration(&format_duration(n)).unwrap(), n);
            prop_assert_eq!(size(&format_size(n)).unwrap(), n);
        }

        #[test]
        fn no_text_panics(text in "\\PC*") {
            let _ = (duration(&text), size(&text));
        }
    }
}
