//! An empty swap area (pure).
//! Lives here: its header, as mkswap(8) writes it and the kernel reads it (`union swap_header`, include/linux/swap.h).
//! May not live here: files, or the guest's swapon(2).

/// The kernel's page.
const PAGE: u64 = 4096;
/// Where the version 1 header begins: the first kilobyte is left for a boot sector.
const INFO: usize = 1024;
/// Signature of version 1, at the end of the first page.
const MAGIC: &[u8; 10] = b"SWAPSPACE2";

/// The first page of a swap area of `size` bytes: version, last page, no bad pages, neither UUID nor label.
pub(super) fn header(size: u64) -> Vec<u8> {
    let last = u32::try_from((size / PAGE).saturating_sub(1)).unwrap_or(u32::MAX);
    let mut page = vec![0; 4096];
    page[INFO..INFO + 4].copy_from_slice(&1u32.to_le_bytes());
    page[INFO + 4..INFO + 8].copy_from_slice(&last.to_le_bytes());
    let end = page.len();
    page[end - MAGIC.len()..].copy_from_slice(MAGIC);
    page
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::process::Command;

    #[test]
    fn it_is_what_mkswap_writes() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("swap");
        std::fs::File::create(&path).unwrap().set_len(64 << 20).unwrap();
        // util-linux, which every Debian has; where it is not, the test has nothing to compare with.
        let Ok(made) = Command::new("mkswap").env("PATH", "/usr/sbin:/sbin:/usr/bin:/bin").arg(&path).output() else {
            eprintln!("skipped: no mkswap");
            return;
        };
        assert!(made.status.success(), "{made:?}");
        let mut theirs = std::fs::read(&path).unwrap()[..4096].to_vec();
        // The UUID is theirs.
        theirs[INFO + 12..INFO + 28].fill(0);
        assert!(theirs == header(64 << 20));
    }
}
