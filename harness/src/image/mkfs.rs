//! How to make a filesystem that a kernel of a certain version can mount (pure).
//! Lives here: the features that newer tools switch on by default, and since when kernels and tools know them.
//! May not live here: calling the tools (`disks`).
//!
//! Sources: xfsprogs' own profiles mkfs/lts_4.19.conf … lts_6.18.conf ("V5 features that were the mkfs defaults when the
//! upstream Linux X LTS kernel was released"), of which a feature's first kernel is taken; for older kernels the first
//! that has the feature's bit in fs/xfs/libxfs/xfs_format.h (crc, finobt: 3.16). ext4: ext4(5) of e2fsprogs 1.47, section
//! "Kernel support"; orphan_file: 5.15 (fs/ext4/orphan.c). Btrfs: `mkfs.btrfs -O list-all` and `-R list-all` of btrfs-progs 6.2,
//! the kernels that they call safe; block-group-tree: 6.1 (BTRFS_FEATURE_COMPAT_RO_BLOCK_GROUP_TREE). Tools: the release that
//! brought the option.

use crate::scenario::Filesystem;

/// A feature that a kernel before `kernel` cannot mount or should not be given.
#[derive(Clone, Copy, Debug)]
struct Feature {
    /// First kernel that may have it.
    kernel: (u32, u32),
    /// First release of the tools that knows the option.
    tools: (u32, u32),
    /// Option letter and word that switch it off.
    off: (&'static str, &'static str),
}

const fn feature(kernel: (u32, u32), tools: (u32, u32), option: &'static str, word: &'static str) -> Feature {
    Feature { kernel, tools, off: (option, word) }
}

/// xfsprogs. Without crc there is no finobt, sparse, rmapbt, reflink, bigtime, inobtcount either; the tools accept them
/// switched off. ftype in the old format is of 3.13 and later.
const XFS: [Feature; 12] = [
    feature((3, 16), (3, 2), "-m", "crc=0"),
    feature((3, 16), (3, 3), "-m", "finobt=0"),
    feature((3, 16), (3, 3), "-n", "ftype=0"),
    feature((4, 19), (4, 2), "-i", "sparse=0"),
    feature((6, 6), (4, 8), "-m", "rmapbt=0"),
    feature((5, 4), (4, 9), "-m", "reflink=0"),
    feature((5, 15), (5, 10), "-m", "bigtime=0"),
    feature((5, 15), (5, 10), "-m", "inobtcount=0"),
    feature((6, 6), (5, 19), "-i", "nrext64=0"),
    feature((6, 18), (6, 10), "-i", "exchange=0"),
    feature((6, 18), (6, 10), "-n", "parent=0"),
    feature((6, 18), (6, 13), "-m", "metadir=0"),
];

/// e2fsprogs.
const EXT4: [Feature; 3] = [
    feature((3, 18), (1, 43), "-O", "^metadata_csum"),
    feature((4, 4), (1, 43), "-O", "^metadata_csum_seed"),
    feature((5, 15), (1, 47), "-O", "^orphan_file"),
];

/// btrfs-progs. What `-R` takes is taken by `-O` too since 6.3.
const BTRFS: [Feature; 5] = [
    feature((3, 12), (3, 12), "-O", "^extref"),
    feature((3, 18), (3, 18), "-O", "^skinny-metadata"),
    feature((4, 0), (4, 0), "-O", "^no-holes"),
    feature((4, 9), (5, 15), "-R", "^free-space-tree"),
    feature((6, 1), (6, 3), "-O", "^block-group-tree"),
];

/// How a filesystem is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mkfs {
    /// The program.
    pub program: &'static str,
    /// Debian's package that has it.
    pub package: &'static str,
    filesystem: Filesystem,
}

impl Mkfs {
    /// For a filesystem; `None` for swap, which needs no tool.
    pub fn new(filesystem: Filesystem) -> Option<Self> {
        let (program, package) = match filesystem {
            Filesystem::Xfs => ("mkfs.xfs", "xfsprogs"),
            Filesystem::Ext4 => ("mkfs.ext4", "e2fsprogs"),
            Filesystem::Btrfs => ("mkfs.btrfs", "btrfs-progs"),
            Filesystem::Swap => return None,
        };
        Some(Self { program, package, filesystem })
    }

    fn features(self) -> &'static [Feature] {
        match self.filesystem {
            Filesystem::Xfs => &XFS,
            Filesystem::Ext4 => &EXT4,
            Filesystem::Btrfs => &BTRFS,
            Filesystem::Swap => &[],
        }
    }

    /// Version of the tools from what `mkfs.xfs -V`, `mkfs.ext4 -V` or `mkfs.btrfs -V` prints.
    pub fn tool_version(output: &str) -> Option<(u32, u32)> {
        let number = |text: &str| text.parse().ok();
        output.split_whitespace().find_map(|word| {
            let mut parts = word.strip_prefix('v').unwrap_or(word).split(['.', '-']);
            Some((number(parts.next()?)?, number(parts.next()?)?))
        })
    }

    /// Options for a kernel, one word each: features that the kernel does not have are off, as far as tools of this
    /// version know them. Everything else is left to the tools.
    pub fn options(self, kernel: (u32, u32, u32), tools: (u32, u32)) -> Vec<&'static str> {
        let mut options = match self.filesystem {
            // Over whatever is there; nothing to discard in a new file.
            Filesystem::Xfs => vec!["-q", "-f", "-K"],
            // Nothing is left to be initialised by the kernel later: that would be I/O in the middle of a run.
            Filesystem::Ext4 => vec!["-q", "-F", "-E", "lazy_itable_init=0,lazy_journal_init=0,nodiscard"],
            Filesystem::Btrfs => vec!["-q", "-f", "-K"],
            Filesystem::Swap => Vec::new(),
        };
        for feature in self.features() {
            if (kernel.0, kernel.1) < feature.kernel && tools >= feature.tools {
                options.extend([feature.off.0, feature.off.1]);
            }
        }
        options
    }

    /// What of a kernel's version matters for a filesystem: kernels with the same number get the same options.
    pub fn generation(self, kernel: (u32, u32, u32)) -> usize {
        self.features().iter().filter(|feature| (kernel.0, kernel.1) >= feature.kernel).count()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn off(filesystem: Filesystem, kernel: (u32, u32), tools: (u32, u32)) -> Vec<&'static str> {
        let options = Mkfs::new(filesystem).unwrap().options((kernel.0, kernel.1, 0), tools);
        options
            .into_iter()
            .filter(|word| word.contains("=0") && !word.contains("lazy") || word.starts_with('^'))
            .collect()
    }

    #[test]
    fn xfs_matches_the_tools_own_profiles() {
        let tools = (6, 18);
        let newest = ["exchange=0", "parent=0", "metadir=0"];
        let with = |more: &[&'static str]| [more, &newest].concat();
        assert_eq!(off(Filesystem::Xfs, (7, 2), tools), [""; 0]);
        assert_eq!(off(Filesystem::Xfs, (6, 12), tools), newest);
        assert_eq!(off(Filesystem::Xfs, (6, 1), tools), with(&["rmapbt=0", "nrext64=0"]));
        assert_eq!(off(Filesystem::Xfs, (5, 15), tools), with(&["rmapbt=0", "nrext64=0"]));
        let ten = ["rmapbt=0", "bigtime=0", "inobtcount=0", "nrext64=0"];
        assert_eq!(off(Filesystem::Xfs, (5, 10), tools), with(&ten));
        assert_eq!(off(Filesystem::Xfs, (5, 4), tools), with(&ten));
        let nineteen = ["rmapbt=0", "reflink=0", "bigtime=0", "inobtcount=0", "nrext64=0"];
        assert_eq!(off(Filesystem::Xfs, (4, 19), tools), with(&nineteen));
        assert_eq!(off(Filesystem::Xfs, (4, 4), tools)[0], "sparse=0");
        assert_eq!(off(Filesystem::Xfs, (3, 10), tools)[..3], ["crc=0", "finobt=0", "ftype=0"]);
    }

    #[test]
    fn tools_are_not_asked_for_what_they_do_not_know() {
        assert_eq!(off(Filesystem::Xfs, (4, 0), (5, 0)), ["sparse=0", "rmapbt=0", "reflink=0"]);
        assert_eq!(off(Filesystem::Ext4, (4, 0), (1, 46)), ["^metadata_csum_seed"]);
    }

    #[test]
    fn ext4_loses_what_the_kernel_lacks() {
        assert_eq!(off(Filesystem::Ext4, (3, 10), (1, 47)), ["^metadata_csum", "^metadata_csum_seed", "^orphan_file"]);
        assert_eq!(off(Filesystem::Ext4, (4, 19), (1, 47)), ["^orphan_file"]);
        assert_eq!(off(Filesystem::Ext4, (6, 1), (1, 47)), [""; 0]);
    }

    #[test]
    fn btrfs_loses_what_the_kernel_lacks() {
        assert_eq!(off(Filesystem::Btrfs, (3, 10), (6, 2))[..2], ["^extref", "^skinny-metadata"]);
        assert_eq!(off(Filesystem::Btrfs, (4, 4), (6, 2)), ["^free-space-tree"]);
        assert_eq!(off(Filesystem::Btrfs, (5, 10), (6, 14)), ["^block-group-tree"]);
        assert_eq!(off(Filesystem::Btrfs, (6, 1), (6, 14)), [""; 0]);
    }

    #[test]
    fn generations_change_where_options_do() {
        for filesystem in [Filesystem::Xfs, Filesystem::Ext4, Filesystem::Btrfs] {
            let mkfs = Mkfs::new(filesystem).unwrap();
            let versions: Vec<(u32, u32, u32)> =
                (3..8).flat_map(|major| (0..20).map(move |minor| (major, minor, 0))).collect();
            for pair in versions.windows(2) {
                let same = mkfs.options(pair[0], (9, 9)) == mkfs.options(pair[1], (9, 9));
                assert_eq!(mkfs.generation(pair[0]) == mkfs.generation(pair[1]), same, "{pair:?}");
            }
        }
    }

    #[test]
    fn the_tools_say_their_version() {
        assert_eq!(Mkfs::tool_version("mkfs.xfs version 6.1.0\n"), Some((6, 1)));
        assert_eq!(
            Mkfs::tool_version("mke2fs 1.47.0 (5-Feb-2023)\n\tUsing EXT2FS Library version 1.47.0"),
            Some((1, 47))
        );
        assert_eq!(Mkfs::tool_version("mke2fs 1.48-rc1"), Some((1, 48)));
        assert_eq!(Mkfs::tool_version("mkfs.btrfs, part of btrfs-progs v6.2\n"), Some((6, 2)));
        assert_eq!(Mkfs::tool_version("none"), None);
    }
}
