//! An empty swap area.
//! Lives here: its header, as mkswap(8) writes it and the kernel reads it (`union swap_header`, include/linux/swap.h).
//! May not live here: files and disks (the host makes some, a workload others), or swapon(2).

/// The kernel's page.
const PAGE: usize = 4096;
/// Where the version 1 header begins: the first kilobyte is left for a boot sector.
const INFO: usize = 1024;
/// Signature of version 1, at the end of the first page.
const MAGIC: &[u8; 10] = b"SWAPSPACE2";

/// The first page of a swap area of `size` bytes: version, last page, no bad pages, neither UUID nor label.
pub fn header(size: u64) -> [u8; PAGE] {
    let last = u32::try_from((size / PAGE as u64).saturating_sub(1)).unwrap_or(u32::MAX);
    let mut page = [0; PAGE];
    page[INFO..INFO + 4].copy_from_slice(&1u32.to_le_bytes());
    page[INFO + 4..INFO + 8].copy_from_slice(&last.to_le_bytes());
    page[PAGE - MAGIC.len()..].copy_from_slice(MAGIC);
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_says_where_the_space_ends() {
        let page = header(64 << 20);
        assert_eq!(page[1028..1032], 16_383u32.to_ne_bytes());
        assert_eq!(&page[4086..], b"SWAPSPACE2");
    }
}
