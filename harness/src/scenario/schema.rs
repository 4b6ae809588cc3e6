//! The JSON Schemas of scenario and matrix files.
//! Lives here: making it from the raw types, and asking it what a key is for.
//! May not live here: anything that the raw types do not say.

use super::raw::{RawMatrix, RawScenario};
use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde_json::Value;

/// The JSON Schema (draft 2020-12) of scenario files. It says no more than the parser does, and less: rules about more
/// than one value are not in it.
pub fn json_schema() -> Value {
    of::<RawScenario>()
}

/// The JSON Schema of matrix files, which says as much of them.
pub fn matrix_schema() -> Value {
    of::<RawMatrix>()
}

fn of<T: JsonSchema>() -> Value {
    SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<T>().to_value()
}

/// What a required key is for, with an example; `within` is the key of the map that it is missing in, which tells maps
/// with keys of one name apart.
pub(super) fn describe(key: &str, within: &str) -> Option<String> {
    let schema = json_schema();
    let definitions = schema.get("$defs").and_then(Value::as_object).into_iter().flatten();
    let maps: Vec<(&str, &Value)> =
        std::iter::once(("", &schema)).chain(definitions.map(|(name, map)| (name.as_str(), map))).collect();
    let requires = |map: &Value| {
        let required = map.get("required").and_then(Value::as_array);
        required.is_some_and(|required| required.iter().any(|name| name == key))
    };
    let parent = |name: &str| {
        let reference = format!("\"#/$defs/{name}\"");
        let values = maps.iter().filter_map(|(_, map)| map.get("properties")?.get(within));
        values.into_iter().any(|value| value.to_string().contains(&reference))
    };
    let mut requiring = maps.iter().filter(|(_, map)| requires(map));
    let first = requiring.clone().next();
    let (_, map) = requiring.find(|(name, _)| parent(name)).or(first)?;
    let property = map.get("properties")?.get(key)?;
    let about = property.get("description")?.as_str()?.trim_end_matches('.');
    Some(match property.get("examples").and_then(|examples| examples.get(0)) {
        Some(Value::String(example)) => format!("`{key}: {example}`: {about}"),
        Some(example) => format!("`{key}: {}`: {about}", example.to_string().replace('"', "").replace(':', ": ")),
        None => format!("`{key}`: {about}"),
    })
}
