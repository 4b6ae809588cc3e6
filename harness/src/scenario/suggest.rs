//! Suggestions: the word that was probably meant.
//! Lives here: comparing a word with those that are known, and listing them.
//! May not live here: which words are known where.

/// The known word nearest to `word`, where one is near enough to be what was meant.
pub fn nearest<'a>(word: &str, known: &[&'a str]) -> Option<&'a str> {
    let word = word.to_lowercase().replace('_', "-");
    let distance = |known: &str| strsim::damerau_levenshtein(&word, &known.to_lowercase().replace('_', "-"));
    let (known, distance) =
        known.iter().map(|known| (*known, distance(known))).min_by_key(|(_, distance)| *distance)?;
    (distance <= (known.len() / 3).max(1)).then_some(known)
}

/// ``one of `a`, `b`, `c` ``, or the only one there is.
pub fn one_of(known: &[&str]) -> String {
    let words: Vec<String> = known.iter().map(|known| format!("`{known}`")).collect();
    if words.len() == 1 { words.concat() } else { format!("one of {}", words.join(", ")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_near_is_suggested() {
        assert_eq!(nearest("memroy", &["cpus", "memory", "disks"]), Some("memory"));
        assert_eq!(nearest("stall-after", &["stall_after", "stall_max"]), Some("stall_after"));
        assert_eq!(nearest("XFS", &["xfs", "ext4"]), Some("xfs"));
        assert_eq!(nearest("btrfs", &["xfs", "ext4"]), None);
        assert_eq!(nearest("zzz", &[]), None);
    }
}
