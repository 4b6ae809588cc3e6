//! From the sources that apt is set up for to sources for another Debian release (pure).
//! Lives here: reading both styles of sources.list(5), choosing Debian's own mirrors, writing deb822 stanzas.
//! May not live here: finding or reading files, calling apt.

/// A source of binary packages, as the host has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    uris: Vec<String>,
    suites: Vec<String>,
    components: Vec<String>,
    /// The other fields that say how the archive is trusted and reached, such as `Signed-By`; values may have more lines.
    options: Vec<(String, String)>,
}

/// Names by which releases go in sources; the host's own codename comes on top.
const RELEASES: [&str; 13] = [
    "stable",
    "oldstable",
    "oldoldstable",
    "testing",
    "unstable",
    "sid",
    "experimental",
    "buster",
    "bullseye",
    "bookworm",
    "trixie",
    "forky",
    "duke",
];
/// Fields and options that are decided here and not taken over.
const OWN: [&str; 9] =
    ["types", "uris", "suites", "components", "enabled", "architectures", "languages", "targets", "pdiffs"];
/// The release in which `NAME/updates` became `NAME-security` was bullseye; these are older.
const OLD_SECURITY_NAMES: [&str; 6] = ["wheezy", "jessie", "stretch", "buster", "squeeze", "lenny"];

impl Source {
    fn field(&self, name: &str) -> Option<&str> {
        self.options.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// How surely it is Debian's own archive: the higher the surer.
    fn trust(&self) -> u8 {
        match self.field("signed-by") {
            Some(key) if key.contains("debian-archive") => 2,
            None => 1,
            Some(_) => 0,
        }
    }
}

/// The sources in a deb822 file (`*.sources`).
pub fn read_deb822(text: &str) -> Vec<Source> {
    let mut sources = Vec::new();
    let mut fields: Vec<(String, String)> = Vec::new();
    for line in text.lines().chain([""]) {
        if line.starts_with('#') {
            continue;
        }
        if line.trim().is_empty() {
            sources.extend(stanza(std::mem::take(&mut fields)));
        } else if line.starts_with([' ', '\t']) {
            if let Some((_, value)) = fields.last_mut() {
                value.push('\n');
                value.push_str(line.trim_end());
            }
        } else if let Some((key, value)) = line.split_once(':') {
            fields.push((key.trim().to_owned(), value.trim().to_owned()));
        }
    }
    sources
}

fn stanza(fields: Vec<(String, String)>) -> Option<Source> {
    let words = |name: &str| -> Vec<String> {
        let value = fields.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str());
        value.unwrap_or_default().split_whitespace().map(str::to_owned).collect()
    };
    let off = words("enabled")
        .first()
        .is_some_and(|word| ["no", "false", "off", "0", "without", "disable"].contains(&&**word));
    if off || !words("types").iter().any(|word| word == "deb") {
        return None;
    }
    let (uris, suites, components) = (words("uris"), words("suites"), words("components"));
    let taken = |key: &str| !OWN.contains(&&*key.to_ascii_lowercase()) && !key.to_ascii_lowercase().starts_with("x-");
    let options = fields.into_iter().filter(|(key, _)| taken(key)).collect();
    Some(Source { uris, suites, components, options })
}

/// The sources in a one-line file (`*.list`).
pub fn read_one_line(text: &str) -> Vec<Source> {
    text.lines().filter_map(one_line).collect()
}

fn one_line(line: &str) -> Option<Source> {
    let line = line.split('#').next()?.trim();
    let rest = line.strip_prefix("deb")?.strip_prefix([' ', '\t'])?.trim_start();
    let (options, rest) = match rest.strip_prefix('[') {
        Some(rest) => rest.split_once(']')?,
        None => ("", rest),
    };
    let mut words = rest.split_whitespace().map(str::to_owned);
    let (uri, suite) = (words.next()?, words.next()?);
    let options = options.split_whitespace().filter_map(|option| option.split_once('='));
    let taken = |key: &str| !OWN.contains(&key) && !["arch", "lang", "target"].contains(&key);
    let options = options
        .map(|(key, value)| (key.trim_end_matches(['+', '-']).to_ascii_lowercase(), value.replace(',', " ")))
        .filter(|(key, _)| taken(key))
        .collect();
    Some(Source { uris: vec![uri], suites: vec![suite], components: words.collect(), options })
}

/// A suite's release, and whether it is the one of security updates.
fn split_suite(suite: &str) -> (&str, bool) {
    if let Some(base) = suite.strip_suffix("-security").or_else(|| suite.strip_suffix("/updates")) {
        return (base, true);
    }
    let base = ["-proposed-updates", "-updates", "-backports", "-backports-sloppy"].iter();
    (base.filter_map(|suffix| suite.strip_suffix(suffix)).next().unwrap_or(suite), false)
}

/// The text of a deb822 file with which apt finds `release` on the mirrors of `sources`, only for amd64 and only the
/// package lists; `None` where none of the sources is Debian's. `host` is the host's codename.
pub fn for_release(sources: &[Source], host: Option<&str>, release: &str) -> Option<String> {
    let known = |base: &str| RELEASES.contains(&base) || host == Some(base) || base == release;
    let role = |source: &Source| {
        let main = source.components.iter().any(|component| component == "main");
        let mut suites = source.suites.iter().map(|suite| split_suite(suite)).filter(|(base, _)| main && known(base));
        suites.next().map(|(_, security)| security)
    };
    let of_role = |wanted: bool| {
        let mut found: Vec<&Source> = sources.iter().filter(|source| role(source) == Some(wanted)).collect();
        let best = found.iter().map(|source| source.trust()).max().unwrap_or(0);
        found.retain(|source| source.trust() == best);
        found
    };
    let mut stanzas: Vec<String> = Vec::new();
    let (main_suites, security_suite) = suites_of(release);
    for source in of_role(false) {
        stanzas.push(write(source, &main_suites));
    }
    if stanzas.is_empty() {
        return None;
    }
    if let Some(suite) = security_suite {
        stanzas.extend(of_role(true).into_iter().map(|source| write(source, std::slice::from_ref(&suite))));
    }
    // More suites of one mirror, listed one by one on the host, lead to the same stanza here.
    let mut unique: Vec<String> = Vec::new();
    for stanza in stanzas {
        if !unique.contains(&stanza) {
            unique.push(stanza);
        }
    }
    Some(unique.join("\n"))
}

/// The suites of a release on the main mirror, and that of its security updates.
fn suites_of(release: &str) -> (Vec<String>, Option<String>) {
    // sid has neither, and `bookworm-backports` and the like are complete by themselves.
    if ["sid", "unstable", "experimental"].contains(&release) || release.contains('-') {
        return (vec![release.to_owned()], None);
    }
    let security = if OLD_SECURITY_NAMES.contains(&release) {
        format!("{release}/updates")
    } else {
        format!("{release}-security")
    };
    (vec![release.to_owned(), format!("{release}-updates")], Some(security))
}

fn write(source: &Source, suites: &[String]) -> String {
    let (uris, suites) = (source.uris.join(" "), suites.join(" "));
    let mut text = format!("Types: deb\nURIs: {uris}\nSuites: {suites}\nComponents: main\n");
    text.push_str("Architectures: amd64\nTargets: Packages\n");
    for (key, value) in &source.options {
        text.push_str(&format!("{key}: {value}\n"));
    }
    text
}

/// The codename of the Debian that an os-release(5) file is of; `None` for other systems.
pub fn host_release(os_release: &str) -> Option<String> {
    let field = |name: &str| {
        let mut values = os_release.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix('='));
        values.next().map(|value| value.trim_matches(['"', '\'']))
    };
    (field("ID") == Some("debian")).then(|| field("VERSION_CODENAME")).flatten().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const DEB822: &str = "# a comment\nTypes: deb deb-src\nURIs: http://mirror.example/debian\nSuites: bookworm bookworm-updates\n\
        Components: main contrib\nSigned-By: /usr/share/keyrings/debian-archive-keyring.gpg\n\n\
        Types: deb\nURIs: http://mirror.example/debian-security\nSuites: bookworm-security\nComponents: main\n\
        Architectures: amd64 i386\nCheck-Valid-Until: no\nSigned-By:\n -----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n abc\n\n\
        Types: deb\nEnabled: no\nURIs: http://off.example\nSuites: bookworm\nComponents: main\n\n\
        Types: deb\nURIs: http://third.example/x\nSuites: bookworm\nComponents: main\nSigned-By: /k/third.gpg\n\n\
        Types: deb\nURIs: http://docker.example/debian\nSuites: bookworm\nComponents: stable\n";

    #[test]
    fn another_release_from_deb822_sources() {
        let text = for_release(&read_deb822(DEB822), Some("bookworm"), "trixie").unwrap();
        assert_eq!(
            text,
            "Types: deb\nURIs: http://mirror.example/debian\nSuites: trixie trixie-updates\nComponents: main\n\
             Architectures: amd64\nTargets: Packages\nSigned-By: /usr/share/keyrings/debian-archive-keyring.gpg\n\n\
             Types: deb\nURIs: http://mirror.example/debian-security\nSuites: trixie-security\nComponents: main\n\
             Architectures: amd64\nTargets: Packages\nCheck-Valid-Until: no\n\
             Signed-By: \n -----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n abc\n"
        );
    }

    #[test]
    fn another_release_from_one_line_sources() {
        let list = "deb http://mirror.example/debian stable main non-free-firmware # x\n\
            deb http://mirror.example/debian stable-updates main\n\
            deb-src http://mirror.example/debian stable main\n\
            #deb http://off.example/debian stable main\n\
            deb [arch=amd64,i386 signed-by=/k/debian-archive.gpg trusted=yes] http://mirror.example/sec stable-security main\n\
            deb [arch=amd64] http://third.example cloud-sdk-bookworm main\n\
            deb http://flat.example ./\n";
        let text = for_release(&read_one_line(list), Some("bookworm"), "bullseye").unwrap();
        assert_eq!(
            text,
            "Types: deb\nURIs: http://mirror.example/debian\nSuites: bullseye bullseye-updates\nComponents: main\n\
             Architectures: amd64\nTargets: Packages\n\n\
             Types: deb\nURIs: http://mirror.example/sec\nSuites: bullseye-security\nComponents: main\n\
             Architectures: amd64\nTargets: Packages\nsigned-by: /k/debian-archive.gpg\ntrusted: yes\n"
        );
    }

    #[test]
    fn suites_have_the_names_that_each_release_has() {
        let sources = read_deb822(DEB822);
        let suites = |release: &str| -> Vec<String> {
            let text = for_release(&sources, Some("bookworm"), release).unwrap();
            text.lines().filter_map(|line| line.strip_prefix("Suites: ")).map(str::to_owned).collect()
        };
        assert_eq!(suites("sid"), ["sid"]);
        assert_eq!(suites("bookworm-backports"), ["bookworm-backports"]);
        assert_eq!(suites("buster"), ["buster buster-updates", "buster/updates"]);
        assert_eq!(suites("bullseye"), ["bullseye bullseye-updates", "bullseye-security"]);
    }

    #[test]
    fn without_debians_mirrors_there_is_none() {
        assert_eq!(for_release(&read_one_line("deb http://x.example/ubuntu noble main"), None, "bookworm"), None);
        assert_eq!(for_release(&[], Some("bookworm"), "bookworm"), None);
    }

    #[test]
    fn the_hosts_release() {
        assert_eq!(host_release("ID=debian\nVERSION_CODENAME=\"bookworm\"\n"), Some("bookworm".into()));
        assert_eq!(host_release("ID=ubuntu\nVERSION_CODENAME=noble\n"), None);
    }
}
