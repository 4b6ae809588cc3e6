//! A compressed file that is there whole or not at all.
//! Lives here: zstd, the room on the disk, taking away what was not finished.
//! May not live here: where bytes come from.

use super::words;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use zstd::stream::{Decoder, Encoder};

/// The fastest of zstd's usual levels: the guest waits meanwhile.
const LEVEL: i32 = 1;
/// What is left free on the disk for the rest of the result, in bytes.
const SPARE: u64 = 64 << 20;
/// So many bytes may come between two looks at the disk.
const LOOK: u64 = 16 << 20;

/// A file that is being written. Dropped before it is finished, it is removed.
pub(super) struct Packed {
    encoder: Option<Encoder<'static, File>>,
    path: PathBuf,
    bytes: u64,
    /// Bytes since the last look at the disk.
    unlooked: u64,
    /// Bytes that are free on the disk.
    free: fn(&Path) -> io::Result<u64>,
}

impl Packed {
    /// Begins a new file.
    pub fn create(path: &Path) -> io::Result<Self> {
        let mut encoder = Encoder::new(File::create_new(path)?, LEVEL)?;
        encoder.include_checksum(true)?;
        Ok(Self { encoder: Some(encoder), path: path.to_owned(), bytes: 0, unlooked: 0, free })
    }

    /// Takes bytes. A disk that is nearly full is full: the rest of the result is worth more.
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.unlooked += bytes.len() as u64;
        if self.unlooked >= LOOK {
            self.unlooked = 0;
            if (self.free)(&self.path)? < SPARE {
                return Err(io::Error::new(io::ErrorKind::StorageFull, "the disk is full"));
            }
        }
        self.bytes += bytes.len() as u64;
        self.encoder.as_mut().map_or(Ok(()), |encoder| encoder.write_all(bytes))
    }

    /// How many bytes it took.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Ends the file; how many bytes it took and how many they became.
    pub fn finish(mut self) -> io::Result<(u64, u64)> {
        let Some(encoder) = self.encoder.take() else { return Ok((0, 0)) };
        match encoder.finish().and_then(|file| file.metadata()) {
            Ok(file) => Ok((self.bytes, file.len())),
            Err(error) => {
                self.remove();
                Err(error)
            }
        }
    }

    fn remove(&self) {
        // Where it cannot be removed it goes with the draft, or stays as a file that says of itself that it is cut off.
        fs::remove_file(&self.path).ok();
    }
}

impl Drop for Packed {
    fn drop(&mut self) {
        if self.encoder.is_some() {
            self.remove();
        }
    }
}

/// Bytes that are free for an ordinary user on a path's filesystem.
fn free(path: &Path) -> io::Result<u64> {
    let found = rustix::fs::statvfs(path)?;
    Ok(found.f_bavail.saturating_mul(found.f_frsize))
}

/// Fails where there is no room for so many bytes and the rest of a result. Memory compresses well, but may not.
pub(super) fn check_room(file: &Path, bytes: u64) -> Result<(), String> {
    let place = file.parent().unwrap_or(file);
    let (free, needed) = (free(place).map_err(words)?, bytes.saturating_add(SPARE));
    if free < needed {
        return Err(format!("the disk has {} MiB free, {} MiB may be needed", free >> 20, needed >> 20));
    }
    Ok(())
}

/// Compresses a file; what fails leaves none. Blocks.
///
/// # Errors
/// Where a file cannot be read or written, or the disk is nearly full.
pub fn pack(from: &Path, to: &Path) -> io::Result<(u64, u64)> {
    let (mut file, mut packed, mut buffer) = (File::open(from)?, Packed::create(to)?, vec![0; 1 << 20]);
    loop {
        match file.read(&mut buffer)? {
            0 => return packed.finish(),
            read => packed.write(&buffer[..read])?,
        }
    }
}

/// Unpacks such a file into a new one. Blocks.
///
/// # Errors
/// Where a file cannot be read or written, or is damaged.
pub fn unpack(from: &Path, to: &Path) -> io::Result<()> {
    unpack_into(from, &mut File::create_new(to)?)
}

/// Unpacks such a file into anything. Blocks.
pub(in crate::vm) fn unpack_into(from: &Path, to: &mut impl Write) -> io::Result<()> {
    io::copy(&mut Decoder::new(File::open(from)?)?, to).map(drop)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn what_is_packed_comes_back() {
        let place = tempfile::tempdir().unwrap();
        let at = |name: &str| place.path().join(name);
        let content: Vec<u8> = (0..3_000_000_u32).flat_map(|n| (n / 1000).to_le_bytes()).collect();
        fs::write(at("plain"), &content).unwrap();
        let (bytes, stored) = pack(&at("plain"), &at("packed")).unwrap();
        assert_eq!((bytes, stored), (content.len() as u64, fs::metadata(at("packed")).unwrap().len()));
        assert!(stored < bytes / 10, "{stored}");
        unpack(&at("packed"), &at("again")).unwrap();
        assert!(fs::read(at("again")).unwrap() == content);
        fs::write(at("cut"), &fs::read(at("packed")).unwrap()[..5000]).unwrap();
        assert!(unpack(&at("cut"), &at("half")).is_err(), "half a file is no file");
    }

    #[test]
    fn what_is_not_finished_is_taken_away() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("x");
        let mut packed = Packed::create(&path).unwrap();
        packed.write(b"x").unwrap();
        assert!(Packed::create(&path).is_err(), "never over another");
        drop(packed);
        assert!(!path.exists());
    }

    #[test]
    fn a_disk_that_fills_up_is_left_some_room() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("x");
        let mut packed = Packed::create(&path).unwrap();
        packed.free = |_| Ok(SPARE - 1);
        let error = (0..100).find_map(|_| packed.write(&[7; 1 << 20]).err()).unwrap();
        assert_eq!((error.kind(), packed.bytes), (io::ErrorKind::StorageFull, 15 << 20));
        drop(packed);
        assert!(!path.exists());
        let error = check_room(&path, u64::MAX / 2).unwrap_err();
        assert!(error.starts_with("the disk has ") && error.contains(" MiB may be needed"), "{error}");
    }
}
