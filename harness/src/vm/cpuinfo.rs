//! What this host's processors are.
//! Lives here: reading /proc/cpuinfo.
//! May not live here: what follows from it.

/// The model of the first processor; `None` where it is not told.
pub fn cpu_model() -> Option<String> {
    model_in(&cpuinfo()).map(str::to_owned)
}

/// Whether every processor has all of these flags; not so where none are told.
pub(super) fn all_have(flags: &[&str]) -> bool {
    all_have_in(&cpuinfo(), flags)
}

fn cpuinfo() -> String {
    std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default()
}

fn model_in(cpuinfo: &str) -> Option<&str> {
    cpuinfo.lines().find_map(|line| Some(line.strip_prefix("model name")?.split_once(": ")?.1))
}

fn all_have_in(cpuinfo: &str, flags: &[&str]) -> bool {
    let mut told = cpuinfo.lines().filter(|line| line.starts_with("flags")).peekable();
    let has = |line: &str| flags.iter().all(|name| line.split_whitespace().any(|flag| flag == *name));
    told.peek().is_some() && told.all(has)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TWO: &str = "processor\t: 0\nmodel name\t: Any CPU: 2 GHz\nflags\t\t: fpu tsc nonstop_tsc\n\n\
        processor\t: 1\nmodel name\t: Any CPU: 3 GHz\nflags\t\t: fpu tsc\n";

    #[test]
    fn the_first_processors_model_is_told() {
        assert_eq!(model_in(TWO), Some("Any CPU: 2 GHz"));
        assert_eq!(model_in("processor\t: 0\nmodel\t: 7\nmodel name\t:\n"), None);
    }

    #[test]
    fn a_flag_is_one_of_every_processor() {
        assert!(all_have_in(TWO, &["tsc", "fpu"]));
        assert!(!all_have_in(TWO, &["nonstop_tsc"]), "the second has it not");
        assert!(!all_have_in(TWO, &["ts"]), "it is a part of one");
        assert!(!all_have_in("", &["tsc"]), "nothing is told");
    }
}
