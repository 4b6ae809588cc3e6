//! Where a kernel comes from, as a scenario or kernels.yaml says it: by name, or described.
//! Lives here: the types, their defaults, the names of patches.
//! May not live here: YAML, or getting a kernel (`kernel` of the harness).

use serde::Serialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// A kernel by name (kernels.yaml) or written inline.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum KernelSpec {
    /// A name in `kernel-configs/kernels.yaml`.
    Named(String),
    /// Where it comes from.
    Inline(KernelSource),
}

/// Where a kernel comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum KernelSource {
    /// A Debian release (`bookworm`) or binary package (`linux-image-6.1.0-13-amd64`).
    Debian(String),
    /// A bootable image on this machine.
    Image {
        /// The bzImage.
        image: PathBuf,
        /// Its modules: a directory that holds `modules.builtin` and .ko files below it (`lib/modules/RELEASE`).
        modules: Option<PathBuf>,
    },
    /// Built here from source.
    Source(Box<SourceBuild>),
}

/// A kernel to build. All paths are as they can be opened; the order of fragments and patches is that of their application.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SourceBuild {
    /// The source.
    pub tree: SourceTree,
    /// What the fragments are merged onto.
    pub base: ConfigBase,
    /// Config fragments.
    pub config: Vec<Fragment>,
    /// Options that must come out as asked, as in a .config: `CONFIG_PSI=y`, or `CONFIG_SWAP=n` for one that must be off.
    pub required: Vec<String>,
    /// Unified diffs and mailboxes of them.
    pub patches: Vec<PathBuf>,
    /// Lines of context that may differ at each end of a hunk (`patch --fuzz`), 0 to 2; 0 unless asked for.
    pub fuzz: u8,
    /// Variables of make: `CC`, `LLVM`, `KCFLAGS`, ….
    pub make: BTreeMap<String, String>,
    /// Whether to build modules and take them into the image.
    pub modules: bool,
}

impl SourceBuild {
    /// A build with everything but the source at its default: the least configuration that can run a scenario.
    pub fn of(tree: SourceTree) -> Self {
        Self {
            tree,
            base: ConfigBase::Target("tinyconfig".into()),
            config: vec![Fragment::Named("base".into())],
            required: Vec::new(),
            patches: Vec::new(),
            fuzz: 0,
            make: BTreeMap::new(),
            modules: false,
        }
    }
}

impl KernelSource {
    /// What expectations can match on: the names of its patches.
    pub fn tags(&self) -> Vec<String> {
        match self {
            Self::Source(build) => build.patches.iter().map(|patch| patch_name(patch)).collect(),
            Self::Debian(_) | Self::Image { .. } => Vec::new(),
        }
    }
}

/// A patch's name: its file's, without the ending that says what it is (`b4 am` writes `.mbx`).
pub fn patch_name(patch: &Path) -> String {
    let name = patch.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let stem = [".patch", ".diff", ".mbox", ".mbx"].iter().find_map(|end| name.strip_suffix(end));
    stem.filter(|stem| !stem.is_empty()).map_or(name.clone(), str::to_owned)
}

/// Where a kernel's source is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum SourceTree {
    /// A directory; never written to.
    Path(PathBuf),
    /// A git repository.
    Git {
        /// Path or URL.
        git: String,
        /// Branch, tag or commit.
        reference: String,
    },
    /// A .tar.xz, .tar.gz or .tar.zst.
    Tarball {
        /// Path or URL.
        tarball: String,
        /// SHA-256 in hex; a URL needs one.
        sha256: Option<String>,
    },
    /// A Debian package of the source: `linux-source-6.1`, of the first release that has it, this machine's own before
    /// others; or `RELEASE/PACKAGE`. `linux-source` is the newest of a release.
    Debian(String),
}

/// What fragments are merged onto.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ConfigBase {
    /// A target of the tree's Makefile: `tinyconfig`, `allnoconfig` or `defconfig`.
    Target(String),
    /// A .config on this machine.
    File(PathBuf),
    /// The config that Debian's kernel of this release or package was built with.
    Debian(String),
}

/// A config fragment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fragment {
    /// One of ours: `kernel-configs/NAME.config`, also built into the program.
    Named(String),
    /// A file on this machine.
    File(PathBuf),
}
