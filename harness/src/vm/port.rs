//! The reader of one serial port.
//! Lives here: draining a socket, always.
//! May not live here: anything else to wait for.

use super::mailbox::{Mailbox, Port};
use std::sync::Arc;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::task::JoinHandle;
use tokio::time::Instant;

/// Reads until the other end closes, and puts it all into the mailbox with the time at which it was read.
pub(super) fn drain(
    port: Port,
    mut stream: impl AsyncRead + Send + Unpin + 'static,
    mailbox: Arc<Mailbox>,
) -> JoinHandle<()> {
    tokio::spawn(async move {
        let mut buffer = vec![0; 16 << 10];
        while let Ok(read @ 1..) = stream.read(&mut buffer).await {
            mailbox.put_bytes(Instant::now(), port, &buffer[..read]);
        }
    })
}
