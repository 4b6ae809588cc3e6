//! From a stream into a file, and back.
//! Lives here: reading and compressing, each where it may block what it blocks, in bounded memory.
//! May not live here: what the stream is.

use super::packed::Packed;
use super::words;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::task::spawn_blocking;

/// Bytes that are taken at once.
const CHUNK: usize = 1 << 20;

/// Writes a stream to its end. The file is the caller's to finish, and is removed otherwise.
pub(super) async fn store(mut from: impl AsyncRead + Unpin, mut packed: Packed) -> Result<Packed, String> {
    loop {
        let mut chunk = Vec::with_capacity(CHUNK);
        (&mut from).take(CHUNK as u64).read_to_end(&mut chunk).await.map_err(words)?;
        if chunk.is_empty() {
            return Ok(packed);
        }
        let written = spawn_blocking(move || packed.write(&chunk).map(|()| packed));
        packed = written.await.map_err(words)?.map_err(words)?;
    }
}

/// Finishes it: how many bytes came and how many they became.
pub(super) async fn finish(packed: Packed) -> Result<(u64, u64), String> {
    spawn_blocking(|| packed.finish()).await.map_err(words)?.map_err(words)
}
