//! One serial port of the guest, from our side.
//! Lives here: draining it, always, and writing to it with a deadline.
//! May not live here: what is said, or anything else to wait for while reading.

use super::mailbox::{Mailbox, Port};
use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, WriteHalf};
use tokio::sync::oneshot;
use tokio::task::AbortHandle;
use tokio::time::{Instant, timeout};

/// A stream to QEMU, of any kind.
pub trait Connection: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Connection for T {}

/// A stream to QEMU.
pub type Stream = Box<dyn Connection>;

/// What a serial port is connected by.
pub enum Wire {
    /// A socket, in blocking mode. A thread of its own reads it.
    Socket(UnixStream),
    /// Any stream. A task reads it.
    Stream(Stream),
}

/// How long a write may take. The kernel waits 5 s for the key after a break (drivers/tty/serial/serial_core.c,
/// SYSRQ_TIMEOUT), so this must be less.
const WRITE: Duration = Duration::from_secs(2);

/// Pause of the thread after a read. QEMU writes a serial port's bytes one by one, and a reader that is woken by each
/// takes a whole processor from the guest when the console floods.
const PAUSE: Duration = Duration::from_millis(1);

/// Bytes read at a time.
const BUFFER: usize = 16 << 10;

/// A port's sending side. Dropping it ends the reader.
pub(super) enum Writer {
    Socket(Arc<UnixStream>),
    Stream(WriteHalf<Stream>, AbortHandle),
}

/// Starts to drain a port into the mailbox; the receiver resolves, with an error, when the other end has closed.
pub(super) fn open(port: Port, wire: Wire, mailbox: Arc<Mailbox>) -> io::Result<(Writer, oneshot::Receiver<()>)> {
    let (open, closed) = oneshot::channel();
    let writer = match wire {
        Wire::Socket(socket) => {
            socket.set_write_timeout(Some(WRITE))?;
            let socket = Arc::new(socket);
            let reading = Arc::clone(&socket);
            let name = format!("port-{port:?}").to_lowercase();
            std::thread::Builder::new().name(name).stack_size(256 << 10).spawn(move || {
                let _open = open;
                drain_socket(port, &reading, &mailbox);
            })?;
            Writer::Socket(socket)
        }
        Wire::Stream(stream) => {
            let (reading, writing) = tokio::io::split(stream);
            let reader = tokio::spawn(async move {
                let _open = open;
                drain_stream(port, reading, &mailbox).await;
            });
            Writer::Stream(writing, reader.abort_handle())
        }
    };
    Ok((writer, closed))
}

fn drain_socket(port: Port, mut socket: &UnixStream, mailbox: &Mailbox) {
    let mut buffer = vec![0; BUFFER];
    loop {
        match socket.read(&mut buffer) {
            Ok(read @ 1..) => mailbox.put_bytes(Instant::now(), port, &buffer[..read]),
            Err(cause) if cause.kind() == io::ErrorKind::Interrupted => {}
            Ok(_) | Err(_) => return,
        }
        std::thread::sleep(PAUSE);
    }
}

async fn drain_stream(port: Port, mut stream: impl AsyncRead + Unpin, mailbox: &Mailbox) {
    let mut buffer = vec![0; BUFFER];
    while let Ok(read @ 1..) = stream.read(&mut buffer).await {
        mailbox.put_bytes(Instant::now(), port, &buffer[..read]);
    }
}

impl Writer {
    /// Hands all bytes to QEMU, within 2 s.
    pub(super) async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Socket(socket) => {
                let (socket, bytes) = (Arc::clone(socket), bytes.to_vec());
                // The socket's own timeout bounds it, and a full buffer shall not block the runtime.
                tokio::task::spawn_blocking(move || (&*socket).write_all(&bytes)).await?
            }
            Self::Stream(stream, _) => {
                let written = timeout(WRITE, async {
                    stream.write_all(bytes).await?;
                    stream.flush().await
                });
                written.await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
            }
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        match self {
            // Fails only where the other end has closed it already.
            Self::Socket(socket) => drop(socket.shutdown(Shutdown::Both)),
            Self::Stream(_, reader) => reader.abort(),
        }
    }
}
