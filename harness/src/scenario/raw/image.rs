//! What a guest boots into, as it is written: in a scenario, and in images/NAME.yaml.
//! Lives here: the keys of both.
//! May not live here: which keys go together (`check::image`).

use super::kernel::text_or_map;
use crate::scenario::image::ImageKernel;
use crate::scenario::model::Filesystem;
use crate::scenario::scalars::{
    FilePath, ImageName, Initramfs, Line, PackageName, Password, ReleaseName, Size, UserName, Whole,
};
use crate::scenario::value::{At, Scalar, Val};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::value::MapAccessDeserializer;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::borrow::Cow;
use std::fmt;

/// An image by name, or what it is.
#[derive(Debug)]
pub enum RawImage {
    /// A name.
    Name(String),
    /// What it is.
    Source(Box<RawImageSource>),
}

/// What a guest boots into: `initramfs`; `debian`, a system made here; or `disk`, a file with a system of your own.
#[derive(Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(
    rename = "ImageSource",
    extend("oneOf" = [{"required": ["initramfs"]}, {"required": ["debian"]}, {"required": ["disk", "ssh"]}])
)]
pub struct RawImageSource {
    /// `minimal`: the agent and the workload, and nothing else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub initramfs: Option<Val<Initramfs>>,
    /// A Debian release: a system with systemd and sshd is made of its packages.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("examples" = ["bookworm"]))]
    pub debian: Option<Val<ReleaseName>>,
    /// A disk image on this machine, raw or qcow2. It is never written to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disk: Option<Val<FilePath>>,
    /// Of `debian`: what its root is on, xfs or ext4. Default: xfs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filesystem: Option<Val<Filesystem>>,
    /// Of `debian`: packages to install besides.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub packages: Option<At<Vec<Val<PackageName>>>>,
    /// Of `debian`: the disk's size, in whole MiB. Default: 2 GiB.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<Val<Size>>,
    /// Of `disk`: how to log in to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ssh: Option<At<RawSsh>>,
    /// Of `disk`, with `kernel: ours`: where its root is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub root: Option<At<RawRoot>>,
    /// Of `debian` and `disk`: whether the scenario's kernel boots it (`ours`) or its own (`own`). Default: ours for `debian`,
    /// own for `disk`, by its bootloader.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kernel: Option<Val<ImageKernel>>,
    /// In images/NAME.yaml: for people.
    #[schemars(skip)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<Val<Line>>,
}

/// How to log in to a system: `user`, and `key` or `password`.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Ssh", extend("oneOf" = [{"required": ["key"]}, {"required": ["password"]}]))]
pub struct RawSsh {
    /// The user: root, or one that may use sudo without a password.
    #[schemars(extend("examples" = ["root"]))]
    pub user: Val<UserName>,
    /// The file of a private key without a passphrase.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<Val<FilePath>>,
    /// A password; it is kept with each result.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<Val<Password>>,
}

/// Where the root of a disk is.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Root")]
pub struct RawRoot {
    /// Its partition, from 1. Default: the filesystem has the whole disk.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub partition: Option<Val<Whole<1, 128>>>,
    /// Its filesystem.
    #[schemars(extend("examples" = ["ext4"]))]
    pub filesystem: Val<Filesystem>,
}

text_or_map!(
    RawImage,
    Name | Source(Box<RawImageSource>),
    "an image's name, or a map with `initramfs`, `debian` or `disk`"
);

impl JsonSchema for RawImage {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Image".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "anyOf": [ImageName::schema(), generator.subschema_for::<RawImageSource>()],
            "examples": [
                "debian",
                {"debian": "trixie", "filesystem": "ext4"},
                {"disk": "./cloud.qcow2", "ssh": {"user": "root", "key": "./id_ed25519"}},
            ],
        })
    }
}
