//! What a stored run's scenario was set to.
//! Lives here: a result's scenario.yaml as keys and values, as `--set` names them.
//! May not live here: which of them are of interest.

use super::store::file;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// Longest scenario.yaml that is read, in bytes.
const MAX_SCENARIO: u64 = 1 << 20;

/// Values by key: `workload.args.writers` → `20`. Lists are one value; long options of `workload.args`, which a resolved scenario has as a
/// list, are keys of their own.
pub type Values = BTreeMap<String, String>;

/// The values of a result folder's scenario; none where it has no scenario.yaml that can be read, as the record stands without.
pub fn values(folder: &Path) -> Values {
    let mut text = String::new();
    let read =
        File::open(folder.join(file::SCENARIO)).and_then(|file| file.take(MAX_SCENARIO).read_to_string(&mut text));
    let mut values = Values::new();
    if read.is_ok()
        && let Ok(scenario) = serde_yaml::from_str::<serde_json::Value>(&text)
    {
        flatten("", &scenario, &mut values);
    }
    values
}

fn flatten(key: &str, value: &serde_json::Value, values: &mut Values) {
    use serde_json::Value;
    let plain = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    match value {
        Value::Object(map) => {
            for (name, value) in map {
                let key = if key.is_empty() { name.clone() } else { format!("{key}.{name}") };
                flatten(&key, value, values);
            }
        }
        Value::Array(list) if key == "workload.args" => {
            let words: Vec<String> = list.iter().map(plain).collect();
            let option = |word: &String| {
                word.strip_prefix("--")?.split_once('=').map(|(name, value)| (name.to_owned(), value.to_owned()))
            };
            match words.iter().map(option).collect::<Option<Vec<_>>>() {
                Some(options) => {
                    values.extend(options.into_iter().map(|(name, value)| (format!("{key}.{name}"), value)))
                }
                None => _ = values.insert(key.to_owned(), words.join(" ")),
            }
        }
        Value::Array(list) => _ = values.insert(key.to_owned(), list.iter().map(plain).collect::<Vec<_>>().join(" ")),
        other => _ = values.insert(key.to_owned(), plain(other)),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::scenario;

    #[test]
    fn a_scenario_is_keys_and_values() {
        let place = tempfile::tempdir().unwrap();
        assert!(values(place.path()).is_empty());
        let text = "name: a\nkernel: k\nguest: {memory: 256 MiB, sysctl: {vm.swappiness: 0}}\n\
            workload: {program: hog, args: [--writers=20, --mode=a=b]}\nmemcg: false\nprobes: [beat, fault]\n";
        std::fs::write(place.path().join(file::SCENARIO), text).unwrap();
        let values = values(place.path());
        let of = |key: &str| values.get(key).map(String::as_str);
        assert_eq!((of("guest.memory"), of("guest.sysctl.vm.swappiness")), (Some("256 MiB"), Some("0")));
        assert_eq!((of("workload.args.writers"), of("workload.args.mode")), (Some("20"), Some("a=b")));
        assert_eq!((of("memcg"), of("probes"), of("workload.args")), (Some("false"), Some("beat fault"), None));
    }

    #[test]
    fn what_a_run_writes_can_be_read() {
        let place = tempfile::tempdir().unwrap();
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scenarios/xfs-inode-mutex.yaml");
        let scenario = scenario::load(&file, &[]).unwrap();
        std::fs::write(place.path().join(self::file::SCENARIO), scenario::to_yaml(&scenario).unwrap()).unwrap();
        let values = values(place.path());
        assert_eq!(values.get("name").map(String::as_str), Some("xfs-inode-mutex"));
        assert!(values.contains_key("guest.memory") && values.contains_key("phases.frozen_for"), "{values:?}");
        assert!(values.keys().any(|key| key.starts_with("workload.args.")), "{values:?}");
    }
}
