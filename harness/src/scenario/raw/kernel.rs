//! Where a kernel comes from, as it is written: in a scenario, and under a name in kernels.yaml.
//! Lives here: the keys of both, and of a build from source.
//! May not live here: which keys go together (`check::kernel`, `check::source`).

use crate::scenario::scalars::{
    FilePath, GitRef, KernelName, Line, MakeName, MakeValue, Modules, OptionLine, Sha256, Whole,
};
use crate::scenario::value::{At, Entries, Scalar, Val};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::value::MapAccessDeserializer;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::borrow::Cow;
use std::fmt;

/// kernels.yaml: kernels by name.
pub type RawKernels = Entries<KernelName, At<RawSource>>;

/// A kernel by name, or where it comes from.
#[derive(Debug)]
pub enum RawKernel {
    /// A name.
    Name(String),
    /// Where it comes from.
    Source(Box<RawSource>),
}

/// Where a kernel comes from: `debian`; `image`, with or without `modules`; or `source`, with all the rest.
#[derive(Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(
    rename = "KernelSource",
    extend("oneOf" = [{"required": ["debian"]}, {"required": ["image"]}, {"required": ["source"]}])
)]
pub struct RawSource {
    /// A Debian release (`bookworm`) or binary package (`linux-image-6.1.0-13-amd64`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub debian: Option<Val<KernelName>>,
    /// A bzImage on this machine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<Val<FilePath>>,
    /// The source that the kernel is built from, here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<At<RawTree>>,
    /// What the fragments are merged onto: `tinyconfig`, `allnoconfig`, `defconfig`, a path (with a slash in it) to a
    /// .config, or `{debian: RELEASE}` for the config of Debian's kernel. Default: tinyconfig.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base: Option<At<RawBase>>,
    /// Config fragments, merged in this order: oomph's own by name, or paths (with a slash in them). Default: base.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config: Option<At<Vec<Val<FilePath>>>>,
    /// Options without which the kernel is of no use, as in a .config; `CONFIG_SWAP=n` for one that must be off.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub required: Vec<Val<OptionLine>>,
    /// Unified diffs and mailboxes of them, applied in this order. Each adds its name as a tag.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub patches: Vec<Val<FilePath>>,
    /// Lines of context that may differ at each end of a patch's hunk. Default: 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fuzz: Option<Val<Whole<0, 2>>>,
    /// Variables of make.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub make: Option<Entries<MakeName, Val<MakeValue>>>,
    /// The image's modules: its `lib/modules/RELEASE`; or, of a build, whether modules are built. Default: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub modules: Option<Val<Modules>>,
    /// Of a named kernel: words that an expectation can match.
    #[schemars(skip)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tags: Option<At<Vec<Val<KernelName>>>>,
    /// Of a named kernel: for people.
    #[schemars(skip)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<Val<Line>>,
}

/// A kernel's source: `path`; `git` with `ref`; `tarball`, with `sha256` if it is a URL; or `debian`.
#[derive(Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(
    rename = "SourceTree",
    extend("oneOf" = [
        {"required": ["path"]},
        {"required": ["git", "ref"]},
        {"required": ["tarball"]},
        {"required": ["debian"]},
    ])
)]
pub struct RawTree {
    /// A directory, with a kernel's Makefile in it. It is read and never written to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<Val<FilePath>>,
    /// A git repository: a path or a URL.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub git: Option<Val<FilePath>>,
    /// A branch, tag or commit of it.
    #[serde(default, rename = "ref", skip_serializing_if = "Option::is_none")]
    pub reference: Option<Val<GitRef>>,
    /// A compressed tar: a path or a URL.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tarball: Option<Val<FilePath>>,
    /// Its SHA-256 in hex.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<Val<Sha256>>,
    /// A Debian package: `linux-source-6.1` of the first release that has it, or `sid/linux-source`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub debian: Option<Val<FilePath>>,
}

/// What config fragments are merged onto.
#[derive(Debug)]
pub enum RawBase {
    /// A target of the kernel's Makefile, or a path.
    Text(String),
    /// The config of Debian's kernel.
    Debian(RawDebianConfig),
}

/// The config that Debian's kernel was built with.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "DebianConfig")]
pub struct RawDebianConfig {
    /// A Debian release (`bookworm`) or binary package (`linux-image-6.1.0-13-amd64`).
    pub debian: Val<KernelName>,
}

/// Makes an enum of a text and a map readable and writable.
macro_rules! text_or_map {
    ($kind:ident, $text:ident | $map:ident($inner:ty), $expecting:literal) => {
        impl<'de> Deserialize<'de> for $kind {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Reader;
                impl<'de> Visitor<'de> for Reader {
                    type Value = $kind;

                    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                        f.write_str($expecting)
                    }

                    fn visit_str<E>(self, text: &str) -> Result<$kind, E> {
                        Ok($kind::$text(text.to_owned()))
                    }

                    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<$kind, A::Error> {
                        <$inner>::deserialize(MapAccessDeserializer::new(map)).map($kind::$map)
                    }
                }
                deserializer.deserialize_any(Reader)
            }
        }

        impl Serialize for $kind {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                match self {
                    Self::$text(text) => text.serialize(serializer),
                    Self::$map(map) => map.serialize(serializer),
                }
            }
        }
    };
}

pub(super) use text_or_map;

text_or_map!(RawKernel, Name | Source(Box<RawSource>), "a kernel's name, or a map with `debian`, `image` or `source`");
text_or_map!(RawBase, Text | Debian(RawDebianConfig), "a target of make, a path, or `{debian: RELEASE or PACKAGE}`");

impl JsonSchema for RawKernel {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Kernel".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "anyOf": [KernelName::schema(), generator.subschema_for::<RawSource>()],
            "examples": ["debian-6.1", {"debian": "bookworm"}, {"image": "./bzImage"}, {"source": {"path": "./linux"}}],
        })
    }
}

impl JsonSchema for RawBase {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Base".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "anyOf": [FilePath::schema(), generator.subschema_for::<RawDebianConfig>()],
            "examples": ["defconfig", "./my.config", {"debian": "bookworm"}],
        })
    }
}
