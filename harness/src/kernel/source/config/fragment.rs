//! Config fragments and .config files as text.
//! Lives here: reading their lines (pure), with line numbers in what is wrong.
//! May not live here: which of them are merged in which order (`merge`), or what an option means (`kconfig`).

use std::collections::BTreeMap;

/// Longest text that is read; a distribution's .config has some 300 kB.
pub const MAX_BYTES: u64 = 4 << 20;
/// Lines that are named in an error at most.
const MAX_MISTAKES: usize = 5;

/// One option with its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// Without `CONFIG_`.
    pub name: String,
    /// `y`, `m`, `n`, a number or a quoted string, as written.
    pub value: String,
    /// Line number, from 1.
    pub line: usize,
}

impl Setting {
    /// As a line of a .config.
    pub fn text(&self) -> String {
        line(&self.name, &self.value)
    }
}

/// An option as a line of a .config.
pub fn line(name: &str, value: &str) -> String {
    match value {
        "n" => format!("# CONFIG_{name} is not set"),
        value => format!("CONFIG_{name}={value}"),
    }
}

/// The settings in a fragment; `name` is the file's, for what is wrong with it.
///
/// # Errors
/// Lines that are neither empty, nor comments, nor settings, each with what would be right.
pub fn parse(text: &str, name: &str) -> Result<Vec<Setting>, String> {
    let mut settings = Vec::new();
    let mut mistakes = Vec::new();
    for (index, text) in text.lines().enumerate() {
        match setting(text.trim_end()) {
            Ok(None) => {}
            Ok(Some((name, value))) => {
                settings.push(Setting { name: name.to_owned(), value: value.to_owned(), line: index + 1 });
            }
            Err(why) => mistakes.push(format!("{name}:{}: {why}", index + 1)),
        }
    }
    if mistakes.is_empty() {
        return Ok(settings);
    }
    let more = mistakes.len().saturating_sub(MAX_MISTAKES);
    mistakes.truncate(MAX_MISTAKES);
    if more > 0 {
        mistakes.push(format!("and {more} more"));
    }
    Err(mistakes.join("; "))
}

/// One asked option: `CONFIG_PSI=y`, `CONFIG_SWAP=n`, `# CONFIG_SWAP is not set`.
///
/// # Errors
/// Where it is none.
pub fn parse_one(text: &str) -> Result<Setting, String> {
    let right =
        || format!("`{text}` is no option with a value; write CONFIG_PSI=y, or CONFIG_SWAP=n for one that must be off");
    match setting(text.trim()) {
        Ok(Some((name, value))) => Ok(Setting { name: name.to_owned(), value: value.to_owned(), line: 0 }),
        Ok(None) => Err(right()),
        Err(why) => Err(why),
    }
}

/// Values by name in a .config that make wrote: what is not there is `n`. Lines that are none are passed over.
pub fn values(config: &str) -> BTreeMap<String, String> {
    let settings = config.lines().filter_map(|line| setting(line.trim_end()).ok().flatten());
    settings.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

fn setting(text: &str) -> Result<Option<(&str, &str)>, String> {
    if text.is_empty() {
        return Ok(None);
    }
    if let Some(comment) = text.strip_prefix('#') {
        let name = comment.strip_prefix(" CONFIG_").and_then(|rest| rest.strip_suffix(" is not set"));
        return Ok(name.filter(|name| is_name(name)).map(|name| (name, "n")));
    }
    let plain = text.trim_start().trim_start_matches("CONFIG_");
    let Some((name, value)) = text.strip_prefix("CONFIG_").and_then(|rest| rest.split_once('=')) else {
        let (name, value) = plain.split_once('=').unwrap_or((plain, "y"));
        let (name, off) = name.trim().strip_suffix(" is not set").map_or((name.trim(), false), |name| (name, true));
        return Err(match (is_name(name), off) {
            (true, true) => format!("`{text}` is no setting; an option that is off is `# CONFIG_{name} is not set`"),
            (true, false) => format!("`{text}` is no setting; write CONFIG_{name}={}", value.trim()),
            (false, _) => format!("`{text}` is no setting such as CONFIG_PSI=y or `# CONFIG_SWAP is not set`"),
        });
    };
    if !is_name(name) {
        return Err(format!("`CONFIG_{name}` is no option's name: letters, digits and _ only"));
    }
    if is_value(value) {
        Ok(Some((name, value)))
    } else {
        let right = "what is wanted is y, m, n, a number, or text in double quotes, with nothing after it";
        Err(format!("`{value}` is no value for CONFIG_{name}: {right}"))
    }
}

fn is_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

fn is_value(value: &str) -> bool {
    let digits = value.strip_prefix('-').unwrap_or(value);
    let number = match digits.strip_prefix("0x").or_else(|| digits.strip_prefix("0X")) {
        Some(hex) => !hex.is_empty() && hex.bytes().all(|byte| byte.is_ascii_hexdigit()),
        None => !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()),
    };
    let quoted = value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    matches!(value, "y" | "m" | "n") || number || quoted.is_some_and(is_quotable)
}

/// Whether every quote inside is escaped, and the last backslash escapes something.
fn is_quotable(text: &str) -> bool {
    let mut escaped = false;
    for c in text.chars() {
        match c {
            '"' if !escaped => return false,
            '\\' => escaped = !escaped,
            _ => escaped = false,
        }
    }
    !escaped
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn settings_and_comments() {
        let text = "# a comment about CONFIG_PSI\n\nCONFIG_PSI=y\n# CONFIG_SWAP is not set\nCONFIG_NR_CPUS=64\r\n\
            CONFIG_LOCALVERSION=\"-a \\\"b\\\"\"\nCONFIG_PHYSICAL_START=0x1000000\nCONFIG_XFS_FS=m\nCONFIG_A=n\n\
            # CONFIG_PSI=y\n# is not set\n";
        let settings = parse(text, "a.config").unwrap();
        let pairs: Vec<_> = settings.iter().map(|s| (s.line, s.name.as_str(), s.value.as_str())).collect();
        assert_eq!(
            pairs,
            [
                (3, "PSI", "y"),
                (4, "SWAP", "n"),
                (5, "NR_CPUS", "64"),
                (6, "LOCALVERSION", "\"-a \\\"b\\\"\""),
                (7, "PHYSICAL_START", "0x1000000"),
                (8, "XFS_FS", "m"),
                (9, "A", "n"),
            ]
        );
        assert_eq!(
            (settings[1].text(), settings[0].text()),
            ("# CONFIG_SWAP is not set".into(), "CONFIG_PSI=y".into())
        );
    }

    #[test]
    fn mistakes_have_a_line_and_say_what_is_right() {
        let wrong = |text: &str| parse(text, "a.config").unwrap_err();
        assert_eq!(wrong("\nPSI=y"), "a.config:2: `PSI=y` is no setting; write CONFIG_PSI=y");
        assert_eq!(wrong("CONFIG_PSI"), "a.config:1: `CONFIG_PSI` is no setting; write CONFIG_PSI=y");
        assert_eq!(wrong("CONFIG_PSI y").matches("such as CONFIG_PSI=y").count(), 1);
        assert!(wrong("CONFIG_SWAP is not set").contains("an option that is off is `# CONFIG_SWAP is not set`"));
        assert!(wrong("CONFIG_PSI=yes").contains("`yes` is no value for CONFIG_PSI"));
        assert!(wrong("CONFIG_PSI=y # why").contains("with nothing after it"));
        assert!(wrong("CONFIG_A=\"x\"y\"").contains("no value") && wrong("CONFIG_A=\"x\\\"").contains("no value"));
        assert!(wrong("CONFIG_A-B=y").contains("letters, digits and _ only"));
        assert!(wrong(&"x\n".repeat(9)).ends_with("; and 4 more"));
    }

    #[test]
    fn one_asked_option() {
        assert_eq!(parse_one("CONFIG_SWAP=n").unwrap(), parse_one("# CONFIG_SWAP is not set").unwrap());
        assert!(parse_one("PSI=y").unwrap_err().contains("write CONFIG_PSI=y"));
        assert!(parse_one("# a comment").unwrap_err().contains("is no option with a value"));
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "[ -~\n]{0,200}") {
            for setting in parse(&text, "x").unwrap_or_default() {
                prop_assert_eq!(parse_one(&setting.text()).map(|s| (s.name, s.value)), Ok((setting.name, setting.value)));
            }
            values(&text);
        }
    }
}
