//! One login: from connection to exit status, within one deadline.
//! Lives here: the stages in their order, each wait, and what failed where.
//! May not live here: trying again, or threads.

use super::{Access, Proof};
use crate::event::{Answer, LoginStage};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use ssh2::{BlockDirections, Channel, ErrorCode, ExtendedData, KeyboardInteractivePrompt, MethodType, Prompt, Session};
use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// LIBSSH2_ERROR_EAGAIN (libssh2.h): it would wait.
const WOULD_WAIT: ErrorCode = ErrorCode::Session(-37);
/// LIBSSH2_ERROR_SOCKET_NONE, _BANNER_RECV, _BANNER_SEND, _SOCKET_SEND, _SOCKET_DISCONNECT, _SOCKET_RECV: the connection is gone.
const GONE: [i32; 6] = [-1, -2, -3, -7, -13, -43];
/// LIBSSH2_ERROR_AUTHENTICATION_FAILED, _PUBLICKEY_UNVERIFIED, _METHOD_NOT_SUPPORTED: the server does not take the key.
const REFUSED: [i32; 3] = [-18, -19, -33];
/// How soon a login that is called off notices.
const SLICE: Duration = Duration::from_millis(250);
/// Most bytes of output that are kept.
const OUTPUT: usize = 64 << 10;
/// Kinds of host keys, the best first. Our own server makes one when it is first asked for it, and only the first kind is quick to make.
const HOST_KEYS: &str = "ssh-ed25519,ecdsa-sha2-nistp256,rsa-sha2-512,rsa-sha2-256";

/// Who logs in where, and for what.
#[derive(Clone, Debug)]
pub struct Login {
    /// The server.
    pub address: SocketAddr,
    /// The user, and what proves who that is.
    pub access: Access,
    /// What is run there.
    pub command: String,
    /// What it can read on its standard input.
    pub input: Vec<u8>,
}

/// Why a login did not come through.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failed {
    /// The stage that failed.
    pub stage: LoginStage,
    /// In words.
    pub why: String,
    /// The same as a probe's answer.
    pub answer: Answer,
}

/// How long a login may take.
#[derive(Clone, Copy, Debug)]
pub struct Limits<'a> {
    /// So long at most, in the time that `fair_ms` counts, else in wall time.
    pub within: Duration,
    /// The guest's own time in milliseconds, as somebody else keeps it. A host that gives the guest no time shall not look like a guest that
    /// lets nobody in; but it gets [`STARVED`] times as long in wall time and no more.
    pub fair_ms: Option<&'a AtomicU64>,
    /// Set by whoever wants it to end at once; it ends within a quarter of a second.
    pub called_off: &'a AtomicBool,
}

/// How many times as long a login may take in wall time as in the guest's.
pub const STARVED: u32 = 10;

/// Logs in and runs the command; gives what it wrote, at most 64 KiB. `passed` is told of each stage that is passed, when it is.
///
/// # Errors
/// The stage that failed, and why.
pub fn attempt(login: &Login, limits: Limits<'_>, passed: &mut dyn FnMut(LoginStage)) -> Result<Vec<u8>, Failed> {
    attempt_into(login, limits, passed, &mut |_| ())
}

/// The same, where `taken` is given all that the command writes as it comes.
pub(super) fn attempt_into(
    login: &Login,
    limits: Limits<'_>,
    passed: &mut dyn FnMut(LoginStage),
    taken: &mut dyn FnMut(&[u8]),
) -> Result<Vec<u8>, Failed> {
    let patience = Patience::new(limits);
    let mut at = Stages { reached: LoginStage::Tcp, passed };
    let socket =
        TcpStream::connect_timeout(&login.address, patience.left()).map_err(|error| at.failed(error.into()))?;
    let mut wire = Wire::new(socket, patience).map_err(|error| at.failed(error.into()))?;
    at.passed(LoginStage::Banner);
    let done = wire.log_in(login, &mut at, taken);
    wire.close();
    done.map_err(|why| at.failed(why))
}

/// What is left of a login's time.
struct Patience<'a> {
    limits: Limits<'a>,
    began: Instant,
    began_fair_ms: u64,
}

impl<'a> Patience<'a> {
    fn new(limits: Limits<'a>) -> Self {
        let began_fair_ms = limits.fair_ms.map_or(0, |now| now.load(Ordering::Relaxed));
        Self { limits, began: Instant::now(), began_fair_ms }
    }

    /// Not at all where it is over.
    fn left(&self) -> Duration {
        let Limits { within, fair_ms, .. } = self.limits;
        let wall = self.began.elapsed();
        let Some(now) = fair_ms else { return within.saturating_sub(wall) };
        let fair = Duration::from_millis(now.load(Ordering::Relaxed).saturating_sub(self.began_fair_ms));
        within.saturating_sub(fair).min((within * STARVED).saturating_sub(wall))
    }
}

/// Where a login stands.
struct Stages<'a> {
    /// The stage that it is at.
    reached: LoginStage,
    passed: &'a mut dyn FnMut(LoginStage),
}

impl Stages<'_> {
    /// The stage is passed, and this is the next.
    fn passed(&mut self, next: LoginStage) {
        (self.passed)(self.reached);
        self.reached = next;
    }

    fn failed(&self, why: Why) -> Failed {
        let (why, answer) = match why {
            Why::CalledOff => ("it was called off".to_owned(), Answer::Errno(errno(Errno::CANCELED))),
            Why::Late(within) => {
                (format!("nothing within {} s", within.as_secs()), Answer::Errno(errno(Errno::TIMEDOUT)))
            }
            Why::Io(error) => {
                let number = error.raw_os_error().map_or_else(|| errno(of_kind(error.kind())), i64::from);
                (error.to_string(), Answer::Errno(number))
            }
            Why::Ssh(error) => (error.message().to_owned(), Answer::Errno(errno(of_ssh(&error)))),
            Why::Exit(code, output) => {
                let said = String::from_utf8_lossy(&output).lines().next().map(|line| format!(": {line}"));
                let said = said.unwrap_or_default();
                (format!("the command ended with exit status {code}{said}"), Answer::Code(code.into()))
            }
            Why::Signal(name) => (format!("the command was ended by SIG{name}"), Answer::Code(-1)),
        };
        Failed { stage: self.reached, why, answer }
    }
}

enum Why {
    CalledOff,
    Late(Duration),
    Io(io::Error),
    Ssh(ssh2::Error),
    Exit(i32, Vec<u8>),
    Signal(String),
}

impl From<io::Error> for Why {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

fn errno(errno: Errno) -> i64 {
    errno.raw_os_error().into()
}

fn of_kind(kind: io::ErrorKind) -> Errno {
    match kind {
        io::ErrorKind::TimedOut => Errno::TIMEDOUT,
        io::ErrorKind::UnexpectedEof => Errno::CONNRESET,
        _ => Errno::IO,
    }
}

fn of_ssh(error: &ssh2::Error) -> Errno {
    match error.code() {
        ErrorCode::Session(code) if GONE.contains(&code) => Errno::CONNRESET,
        ErrorCode::Session(code) if REFUSED.contains(&code) => Errno::ACCESS,
        _ => Errno::PROTO,
    }
}

/// What a command writes.
struct Output<'a> {
    /// As much as is kept.
    kept: Vec<u8>,
    /// Is given all of it.
    taken: &'a mut dyn FnMut(&[u8]),
}

impl Output<'_> {
    fn take(&mut self, bytes: &[u8]) {
        (self.taken)(bytes);
        let room = OUTPUT.saturating_sub(self.kept.len()).min(bytes.len());
        self.kept.extend_from_slice(&bytes[..room]);
    }
}

/// Answers what a server asks with a password.
struct Answers<'a>(&'a str);

impl KeyboardInteractivePrompt for Answers<'_> {
    fn prompt<'b>(&mut self, _: &str, _: &str, prompts: &[Prompt<'b>]) -> Vec<String> {
        prompts.iter().map(|prompt| if prompt.echo { String::new() } else { self.0.to_owned() }).collect()
    }
}

/// A session that never waits by itself.
struct Wire<'a> {
    session: Session,
    /// The same socket as the session's.
    socket: TcpStream,
    patience: Patience<'a>,
}

impl<'a> Wire<'a> {
    fn new(socket: TcpStream, patience: Patience<'a>) -> io::Result<Self> {
        // Both ends of it are this machine's; a stage's time shall be the guest's, not that of waiting for more to send.
        socket.set_nodelay(true)?;
        socket.set_nonblocking(true)?;
        let mut session = Session::new()?;
        session.set_tcp_stream(socket.try_clone()?);
        session.set_blocking(false);
        Ok(Self { session, socket, patience })
    }

    fn log_in(&mut self, login: &Login, at: &mut Stages<'_>, taken: &mut dyn FnMut(&[u8])) -> Result<Vec<u8>, Why> {
        self.session.method_pref(MethodType::HostKey, HOST_KEYS).map_err(Why::Ssh)?;
        loop {
            let done = self.session.handshake();
            // libssh2 goes through both stages in one call. It takes any line for a banner at first.
            let greeted = self.session.banner_bytes().is_some_and(|banner| banner.starts_with(b"SSH-"));
            if at.reached == LoginStage::Banner && greeted {
                at.passed(LoginStage::KeyExchange);
            }
            match done {
                Ok(()) => break,
                Err(error) => self.again(error)?,
            }
        }
        at.passed(LoginStage::Auth);
        let session = self.session.clone();
        self.authenticate(&login.access)?;
        at.passed(LoginStage::Exec);
        let mut channel = self.until(|| session.channel_session())?;
        // What is not read keeps the channel's end from being seen.
        self.until(|| channel.handle_extended_data(ExtendedData::Merge))?;
        self.until(|| channel.exec(&login.command))?;
        let mut output = Output { kept: Vec::new(), taken };
        if !login.input.is_empty() {
            self.input(&mut channel, &login.input, &mut output)?;
        }
        while !self.read(&mut channel, &mut output)? {}
        let output = output.kept;
        self.until(|| channel.close())?;
        self.until(|| channel.wait_close())?;
        // Nobody tells of the last stage but the end itself.
        match (channel.exit_signal().map_err(Why::Ssh)?.exit_signal, channel.exit_status().map_err(Why::Ssh)?) {
            (Some(signal), _) => Err(Why::Signal(signal)),
            (None, 0) => Ok(output),
            (None, code) => Err(Why::Exit(code, output)),
        }
    }

    /// Proves who logs in. A server that wants passwords asked for (PAM's way) is given the password for each question that is not echoed.
    fn authenticate(&self, Access { user, by }: &Access) -> Result<(), Why> {
        let session = &self.session;
        let password = match by {
            Proof::Key(key) => return self.until(|| session.userauth_pubkey_memory(user, None, key.private(), None)),
            Proof::Password(password) => password,
        };
        let methods = self.until(|| session.auth_methods(user).map(str::to_owned))?;
        let offers = |method: &str| methods.split(',').any(|one| one == method);
        if offers("password") || !offers("keyboard-interactive") {
            return self.until(|| session.userauth_password(user, password));
        }
        let mut answers = Answers(password);
        self.until(|| session.userauth_keyboard_interactive(user, &mut answers))
    }

    /// Writes all of it, and that there is no more; or as much as the command takes before it ends. Where the other side takes no more, it
    /// may have ended, and libssh2 does not say so to who writes. Where the socket takes no more, a packet is half out, and nothing else may
    /// be asked of the session.
    fn input(&self, channel: &mut Channel, mut rest: &[u8], output: &mut Output<'_>) -> Result<(), Why> {
        while !rest.is_empty() {
            match channel.write(rest) {
                Ok(written) => rest = &rest[written..],
                Err(error) if error.kind() != io::ErrorKind::WouldBlock => return Err(error.into()),
                Err(_) => match self.session.block_directions() {
                    BlockDirections::Outbound | BlockDirections::Both => self.wait()?,
                    BlockDirections::Inbound | BlockDirections::None => {
                        if self.read(channel, output)? {
                            return Ok(());
                        }
                    }
                },
            }
        }
        self.until(|| channel.send_eof())
    }

    /// Reads what there is, or waits for it at most for a slice; whether the command has closed its output.
    fn read(&self, channel: &mut Channel, output: &mut Output<'_>) -> Result<bool, Why> {
        let mut buffer = [0; 16 << 10];
        match channel.read(&mut buffer) {
            Ok(0) if channel.eof() => return Ok(true),
            Ok(0) => self.wait()?,
            Ok(read) => output.take(&buffer[..read]),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.wait()?,
            Err(error) => return Err(error.into()),
        }
        Ok(false)
    }

    /// Asks again and again, until there is an answer or it is too late.
    fn until<T>(&self, mut ask: impl FnMut() -> Result<T, ssh2::Error>) -> Result<T, Why> {
        loop {
            match ask() {
                Ok(answer) => return Ok(answer),
                Err(error) => self.again(error)?,
            }
        }
    }

    fn again(&self, error: ssh2::Error) -> Result<(), Why> {
        if error.code() == WOULD_WAIT { self.wait() } else { Err(Why::Ssh(error)) }
    }

    /// Waits until the socket can be used as libssh2 wants it, at most for a slice.
    fn wait(&self) -> Result<(), Why> {
        if self.patience.limits.called_off.load(Ordering::Relaxed) {
            return Err(Why::CalledOff);
        }
        let left = self.patience.left();
        if left.is_zero() {
            return Err(Why::Late(self.patience.limits.within));
        }
        let flags = match self.session.block_directions() {
            BlockDirections::Outbound => PollFlags::OUT,
            BlockDirections::Both => PollFlags::IN | PollFlags::OUT,
            BlockDirections::Inbound | BlockDirections::None => PollFlags::IN,
        };
        let time = Timespec::try_from(left.min(SLICE)).map_err(|_| io::Error::from(io::ErrorKind::InvalidInput))?;
        match poll(&mut [PollFd::new(&self.socket, flags)], Some(&time)) {
            Ok(_) | Err(Errno::INTR) => Ok(()),
            Err(errno) => Err(Why::Io(errno.into())),
        }
    }

    /// Takes the connection away first, so that nothing is left that libssh2 could wait for when it frees its parts: it
    /// frees none of those that it could not end.
    fn close(self) {
        // It fails only where the other side has closed it already.
        self.socket.shutdown(Shutdown::Both).ok();
        self.session.set_blocking(true);
    }
}
