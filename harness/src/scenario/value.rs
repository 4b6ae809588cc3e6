//! Values with their places: the pieces of which the raw types are made.
//! Lives here: scalars that are read later than they are decoded, lists and maps that know where they stand.
//! May not live here: any particular kind of scalar (`scalars`) or any check across values (`check`).

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{MapAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_yaml::{Location, Spanned};
use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;
use std::ops::Range;

/// What is wrong with a scalar, and what would be right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wrong {
    /// What is wrong.
    pub message: String,
    /// What would be right.
    pub right: String,
    /// What was probably meant.
    pub help: Option<String>,
}

impl Wrong {
    /// Without a guess at what was meant.
    pub fn new(message: impl Into<String>, right: impl Into<String>) -> Self {
        Self { message: message.into(), right: right.into(), help: None }
    }

    /// With a guess at what was meant.
    #[must_use]
    pub fn help(self, help: impl Into<String>) -> Self {
        Self { help: Some(help.into()), ..self }
    }
}

/// A kind of scalar. YAML's own types do not matter: a scalar is its text, quoted or not.
pub trait Scalar: Sized {
    /// Whether numbers and booleans among these are written without quotes.
    const BARE: bool = false;

    /// Reads one.
    ///
    /// # Errors
    /// Where the text is none of this kind.
    fn read(text: &str) -> Result<Self, Wrong>;

    /// Writes one; [`Scalar::read`] reads it back.
    fn text(&self) -> String;

    /// What an editor may check.
    fn schema() -> Schema;
}

/// The bytes of a place.
pub fn bytes_of(location: &Location) -> Range<usize> {
    let span = location.span();
    let at = |value: Option<u64>| value.and_then(|value| usize::try_from(value).ok()).unwrap_or(0);
    let start = at(span.byte_offset());
    start..start + at(span.byte_len())
}

/// A scalar as it was written; it is read when it is asked for, so that one that is wrong hides no other.
pub struct Val<T> {
    /// Its text, quotes and escapes undone.
    pub text: String,
    /// Its place in the text.
    pub at: Range<usize>,
    kind: PhantomData<fn() -> T>,
}

impl<T: Scalar> Val<T> {
    /// A value without a place, to be written.
    pub fn of(value: &T) -> Self {
        Self { text: value.text(), at: 0..0, kind: PhantomData }
    }

    /// A value as it stands at a place, to be read.
    pub fn at(text: &str, at: &Range<usize>) -> Self {
        Self { text: text.to_owned(), at: at.clone(), kind: PhantomData }
    }
}

impl<T> fmt::Debug for Val<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} at {:?}", self.text, self.at)
    }
}

impl<'de, T> Deserialize<'de> for Val<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let spanned = Spanned::<String>::deserialize(deserializer)?;
        Ok(Self { at: bytes_of(&spanned.referenced), text: spanned.value, kind: PhantomData })
    }
}

impl<T: Scalar> Serialize for Val<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match (T::BARE, self.text.parse::<u64>(), self.text.parse::<bool>()) {
            (true, Ok(number), _) => serializer.serialize_u64(number),
            (true, _, Ok(flag)) => serializer.serialize_bool(flag),
            _ => serializer.serialize_str(&self.text),
        }
    }
}

impl<T: Scalar> JsonSchema for Val<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Scalar".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        T::schema()
    }
}

/// A list or a map, and where it begins.
#[derive(Debug)]
pub struct At<T> {
    /// The list or map.
    pub value: T,
    /// Its place: the bracket, or no bytes at all before the first item.
    pub at: Range<usize>,
}

impl<T> At<T> {
    /// A value without a place, to be written.
    pub fn of(value: T) -> Self {
        Self { value, at: 0..0 }
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for At<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let spanned = Spanned::<T>::deserialize(deserializer)?;
        Ok(Self { at: bytes_of(&spanned.referenced), value: spanned.value })
    }
}

impl<T: Serialize> Serialize for At<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.value.serialize(serializer)
    }
}

impl<T: JsonSchema> JsonSchema for At<T> {
    fn inline_schema() -> bool {
        T::inline_schema()
    }

    fn schema_name() -> Cow<'static, str> {
        T::schema_name()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        T::json_schema(generator)
    }
}

/// A map with free keys, in the order in which it was written.
#[derive(Debug)]
pub struct Entries<K, V>(pub Vec<(Val<K>, V)>);

impl<'de, K, V: Deserialize<'de>> Deserialize<'de> for Entries<K, V> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader<K, V>(PhantomData<(K, V)>);
        impl<'de, K, V: Deserialize<'de>> Visitor<'de> for Reader<K, V> {
            type Value = Entries<K, V>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    entries.push(entry);
                }
                Ok(Entries(entries))
            }
        }
        deserializer.deserialize_map(Reader(PhantomData))
    }
}

impl<K, V: Serialize> Serialize for Entries<K, V> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (key, value) in &self.0 {
            map.serialize_entry(&key.text, value)?;
        }
        map.end()
    }
}

impl<K: Scalar, V: JsonSchema> JsonSchema for Entries<K, V> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Entries".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "object",
            "propertyNames": K::schema(),
            "additionalProperties": generator.subschema_for::<V>(),
        })
    }
}
