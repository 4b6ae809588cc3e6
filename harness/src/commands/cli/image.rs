//! The command line of `oomph image`.
//! Lives here: what clap needs to know of it.
//! May not live here: what a verb does.

use super::Prune;
use clap::{Args, Subcommand};

/// `oomph image`.
#[derive(Debug, Subcommand)]
pub enum ImageVerb {
    /// Named images, and whether they are built
    List,
    /// Build an image from packages, or find it in the cache
    Build(BuildImage),
    /// What is known of an image that is here
    Show {
        /// Name of a file in images/, or a file
        #[arg(value_name = "NAME|FILE")]
        image: String,
    },
    /// Remove from the cache images that were not used lately
    Prune(Prune),
}

/// `oomph image build`.
#[derive(Debug, Args)]
pub struct BuildImage {
    /// Name of a file in images/, or a file
    #[arg(value_name = "NAME|FILE")]
    pub image: String,
    /// Make its filesystem with the features of this kernel: a name from kernels.yaml, or a bzImage [default: the release's own]
    #[arg(long, value_name = "NAME|FILE")]
    pub for_kernel: Option<String>,
}
