//! Logins against servers that do what a server in trouble does, and worse.
#![allow(clippy::unwrap_used)]

use super::bring::bring;
use super::prober::round;
use super::{Access, Failed, Key, Limits, Login, STARVED, attempt};
use crate::event::{Answer, Kind, LoginStage};
use oomph_wire::words::source::LOGIN;
use std::fs;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// Long enough for a busy machine to get to what the server does, short enough for a test.
const SOON: Duration = Duration::from_millis(1_500);
/// For what does not wait for its deadline.
const LATER: Duration = Duration::from_secs(60);

fn login(address: SocketAddr) -> Login {
    Login { address, access: Access::root(Key::new().unwrap()), command: "true".into(), input: Vec::new() }
}

/// In wall time.
fn limits(within: Duration, called_off: &AtomicBool) -> Limits<'_> {
    Limits { within, fair_ms: None, called_off }
}

/// A server for any number of connections, until the test's process ends.
fn server(mut serve: impl FnMut(TcpStream) + Send + 'static) -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || listener.incoming().flatten().for_each(&mut serve));
    address
}

/// The stages that were passed, and how it ended.
fn tried(address: SocketAddr, within: Duration) -> (Vec<LoginStage>, Failed) {
    let mut passed = Vec::new();
    let done = attempt(&login(address), limits(within, &AtomicBool::new(false)), &mut |stage| passed.push(stage));
    (passed, done.unwrap_err())
}

#[test]
fn nobody_at_the_port() {
    let address = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap();
    let (passed, failed) = tried(address, LATER);
    assert_eq!((passed, failed.stage, failed.answer), (vec![], LoginStage::Tcp, Answer::Errno(111)));
}

#[test]
fn a_server_that_accepts_and_says_nothing() {
    let mut kept = Vec::new();
    let start = Instant::now();
    let (passed, failed) = tried(server(move |stream| kept.push(stream)), SOON);
    assert!(start.elapsed() >= SOON);
    assert_eq!((passed, failed.stage), (vec![LoginStage::Tcp], LoginStage::Banner));
    assert_eq!((failed.why.as_str(), failed.answer), ("nothing within 1 s", Answer::Errno(110)));
}

#[test]
fn a_guest_that_gets_no_time_is_waited_for_but_not_for_ever() {
    let mut kept = Vec::new();
    let address = server(move |stream| kept.push(stream));
    let (called_off, fair_ms) = (AtomicBool::new(false), AtomicU64::new(5_000));
    let within = Duration::from_millis(100);
    let limits = Limits { within, fair_ms: Some(&fair_ms), called_off: &called_off };
    let try_it = || {
        let start = Instant::now();
        let failed = attempt(&login(address), limits, &mut |_| {}).unwrap_err();
        assert_eq!(failed.answer, Answer::Errno(110));
        start.elapsed()
    };
    assert!(try_it() >= within * STARVED, "its clock stands still");
    fair_ms.store(6_000, Ordering::Relaxed);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !called_off.load(Ordering::Relaxed) {
                fair_ms.fetch_add(50, Ordering::Relaxed);
                thread::sleep(Duration::from_millis(10));
            }
        });
        // Its clock goes on: what is over ends.
        try_it();
        called_off.store(true, Ordering::Relaxed);
    });
}

#[test]
fn a_server_that_hangs_up() {
    let (passed, failed) = tried(server(drop), LATER);
    assert_eq!((passed, failed.stage, failed.answer), (vec![LoginStage::Tcp], LoginStage::Banner, Answer::Errno(104)));
}

#[test]
fn a_server_that_speaks_something_else() {
    let talk = |mut stream: TcpStream| drop(stream.write_all(&b"220 mail.example ESMTP\r\n".repeat(2_000)));
    let (passed, failed) = tried(server(talk), LATER);
    assert_eq!((passed, failed.stage), (vec![LoginStage::Tcp], LoginStage::Banner), "{failed:?}");
}

#[test]
fn a_key_exchange_that_is_torn_off() {
    let tear = |mut stream: TcpStream| {
        stream.write_all(b"SSH-2.0-dropbear_2022.83\r\n").unwrap();
        // Its first word of the exchange is taken, and no answer given.
        stream.read_exact(&mut [0; 16]).unwrap();
    };
    let (passed, failed) = tried(server(tear), LATER);
    assert_eq!((passed, failed.stage), (vec![LoginStage::Tcp, LoginStage::Banner], LoginStage::KeyExchange));
    // libssh2 says no more than that the exchange failed.
    assert_eq!(failed.answer, Answer::Errno(71), "{failed:?}");
}

#[test]
fn a_key_exchange_that_stands_still() {
    let mut kept = Vec::new();
    let stand = move |mut stream: TcpStream| {
        stream.write_all(b"SSH-2.0-dropbear_2022.83\r\n").unwrap();
        kept.push(stream);
    };
    let (passed, failed) = tried(server(stand), SOON);
    assert_eq!((passed, failed.stage), (vec![LoginStage::Tcp, LoginStage::Banner], LoginStage::KeyExchange));
    assert_eq!(failed.answer, Answer::Errno(110));
}

#[test]
fn a_login_that_is_called_off_ends_at_once_and_has_no_end() {
    let mut kept = Vec::new();
    let address = server(move |stream| kept.push(stream));
    let called_off = AtomicBool::new(false);
    let mut told = Vec::new();
    thread::scope(|scope| {
        scope.spawn(|| {
            thread::sleep(Duration::from_millis(300));
            called_off.store(true, Ordering::Relaxed);
        });
        round(&login(address), 7, limits(LATER, &called_off), &mut |kind| told.push(kind));
    });
    let begin = Kind::ProbeBegin { probe: LOGIN.into(), n: 7 };
    assert!(
        matches!(&told[..], [first, Kind::Login { n: 7, stage: LoginStage::Tcp, failed: None, .. }] if *first == begin)
    );
}

#[test]
fn a_login_that_fails_says_where_and_why() {
    let mut told = Vec::new();
    let address = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap();
    round(&login(address), 1, limits(LATER, &AtomicBool::new(false)), &mut |kind| told.push(kind));
    let [_, Kind::Login { stage: LoginStage::Tcp, failed: Some(why), .. }, Kind::ProbeEnd { result, .. }] = &told[..]
    else {
        panic!("{told:?}")
    };
    assert!(why.contains("refused"), "{why}");
    assert_eq!(*result, Answer::Errno(111));
}

/// Sockets of this process that lead to an address.
fn sockets_to(address: SocketAddr) -> usize {
    // proc(5), /proc/net/tcp: addresses and ports in hex; 01 is ESTABLISHED, 08 CLOSE_WAIT.
    let table = fs::read_to_string("/proc/self/net/tcp").unwrap();
    let there = format!("0100007F:{:04X}", address.port());
    let open = |line: &&str| {
        let words: Vec<&str> = line.split_whitespace().collect();
        words.get(2) == Some(&there.as_str()) && matches!(words.get(3), Some(&"01" | &"08"))
    };
    table.lines().filter(open).count()
}

#[test]
fn a_hundred_that_fail_in_every_way_leave_no_socket() {
    let mut kept = Vec::new();
    let mut n = 0;
    let address = server(move |mut stream| {
        n += 1;
        match n % 3 {
            0 => drop(stream),
            1 => drop(stream.write_all(b"SSH-2.0-x\r\nrubbish")),
            // Said nothing; closed when the other side has gone.
            _ => {
                kept.push(stream);
                kept.truncate(4);
            }
        }
    });
    for _ in 0..100 {
        attempt(&login(address), limits(Duration::from_millis(30), &AtomicBool::new(false)), &mut |_| {}).unwrap_err();
    }
    assert_eq!(sockets_to(address), 0);
}

const MOMENT: Duration = Duration::from_millis(10);

#[test]
fn what_is_brought_is_tried_until_the_time_is_over() {
    let (taken, tries) = (Arc::new(AtomicUsize::new(0)), Duration::from_millis(400));
    let count = Arc::clone(&taken);
    let address = server(move |stream| {
        count.fetch_add(1, Ordering::Relaxed);
        drop(stream);
    });
    let why = bring(&login(address), (LATER, tries, MOMENT), &AtomicBool::new(false), &mut |_| ()).unwrap();
    assert!(why.starts_with("the agent cannot be brought into the guest over ssh: "), "{why}");
    assert!(taken.load(Ordering::Relaxed) > 2, "a guest that is still coming up is tried again");
}

#[test]
fn what_is_brought_is_called_off_without_a_word() {
    let mut kept = Vec::new();
    let address = server(move |stream| kept.push(stream));
    let called_off = AtomicBool::new(false);
    let started = Instant::now();
    thread::scope(|scope| {
        scope.spawn(|| {
            thread::sleep(Duration::from_millis(300));
            called_off.store(true, Ordering::Relaxed);
        });
        assert_eq!(bring(&login(address), (LATER, LATER, MOMENT), &called_off, &mut |_| ()), None);
    });
    assert!(started.elapsed() < LATER);
}
