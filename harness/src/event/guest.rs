//! From a guest's line to an event.
//! Lives here: which field of which line becomes which field of which event.
//! May not live here: the line format (`oomph_wire::line`) or what an event means (`verdict`).

use super::{Answer, Beat, Counters, Exit, Kind, Kswapd};
use oomph_wire::line::Line;
use oomph_wire::words::{kind, source};

/// The event that a line tells; `None` for a line that this version does not know.
pub fn from_guest(line: &Line<'_>) -> Option<Kind> {
    let text = |key| String::from_utf8_lossy(&line.text(key).collect::<Vec<u8>>()).into_owned();
    let num = |key| line.num(key).unwrap_or(0);
    let int = |key| line.int(key).unwrap_or(0);
    Some(match (line.source, line.kind) {
        (source::AGENT, kind::HELLO) => {
            let (kernel, version) = (text("kernel"), text("version"));
            Kind::Hello { proto: num("proto"), kernel, version, cpus: num("cpus"), mem_kb: num("mem") }
        }
        (source::AGENT, kind::REMARK) => Kind::Remark { text: text("text") },
        (source::AGENT, kind::FAILED) => Kind::GuestFailed { what: text("what"), errno: int("errno") },
        (source::AGENT, kind::PROBE) => Kind::Probe { probe: text("probe"), pid: num("pid"), adj: int("adj") },
        (source::AGENT, kind::READY) => Kind::Ready { min_kb: num("min"), sysrq: num("sysrq") },
        (source::AGENT, kind::ACK) => Kind::Ack { command: text("cmd") },
        (source::AGENT, kind::STARTED) => Kind::WorkloadStarted { pid: num("pid"), adj: int("adj") },
        (source::AGENT, kind::EXIT) => {
            Kind::WorkloadExit { pid: num("pid"), main: num("main") == 1, exit: exit(line), errno: int("errno") }
        }
        (source::AGENT, kind::RELEASED) => Kind::Released { by: text("by") },
        (source::AGENT, kind::DIED) => Kind::ProbeDied { probe: text("probe"), exit: exit(line) },
        (source::AGENT, kind::BYE) => Kind::Bye { allocs: num("allocs") },
        (source::AGENT, kind::COLLECTED) => Kind::AllCollected,
        (source::COLLECT, kind::FILE) => {
            let errno =
                line.int("errno").map(|errno| std::io::Error::from_raw_os_error(i32::try_from(errno).unwrap_or(0)));
            Kind::Collected { path: text("path"), bytes: num("size"), failed: errno.map(|error| error.to_string()) }
        }
        (source::BEAT, kind::TICK) => Kind::Beat(Beat {
            n: line.seq,
            work: num("work"),
            exits: num("exits"),
            free_kb: num("free"),
            file_kb: num("file"),
            cache_kb: line.num("cache"),
            anon_kb: num("anon"),
            swapfree_kb: num("swapfree"),
            dirty_kb: num("dirty"),
            writeback_kb: num("writeback"),
            allocs: num("allocs"),
        }),
        (source::COUNTERS, kind::VM) => Kind::Counters(Counters {
            allocstall: line.num("allocstall"),
            pgscan_kswapd: line.num("pgscan_kswapd"),
            pgscan_direct: line.num("pgscan_direct"),
            pgsteal_kswapd: line.num("pgsteal_kswapd"),
            pgsteal_direct: line.num("pgsteal_direct"),
            oom_kill: line.num("oom_kill"),
            mem_some_us: line.num("mem_some"),
            mem_full_us: line.num("mem_full"),
            io_some_us: line.num("io_some"),
            io_full_us: line.num("io_full"),
            nr_isolated_anon: line.num("nr_isolated_anon"),
            nr_isolated_file: line.num("nr_isolated_file"),
        }),
        (source::COUNTERS, kind::KSWAPD) => Kind::Kswapd(Kswapd {
            state: text("state"),
            wchan: line.get("wchan").map(|_| text("wchan")),
            stack: text("stack").split(',').filter(|name| !name.is_empty()).map(str::to_owned).collect(),
        }),
        (probe, kind::BEGIN) => Kind::ProbeBegin { probe: probe.to_owned(), n: num("n") },
        (probe, kind::END) => Kind::ProbeEnd { probe: probe.to_owned(), n: num("n"), result: answer(line) },
        _ => return None,
    })
}

fn exit(line: &Line<'_>) -> Exit {
    line.int("signal").map_or_else(|| Exit::Code(line.int("code").unwrap_or(0)), Exit::Signal)
}

/// An end that says nothing is no success: only `ok=1` is.
fn answer(line: &Line<'_>) -> Answer {
    if line.num("ok") == Some(1) {
        Answer::Ok
    } else if let Some(errno) = line.int("errno") {
        Answer::Errno(errno)
    } else if let Some(signal) = line.int("signal") {
        Answer::Signal(signal)
    } else {
        Answer::Code(line.int("code").unwrap_or(-1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use oomph_wire::line::Encoder;

    fn event(mut line: Encoder) -> Option<Kind> {
        Line::find(line.finish()).and_then(|line| from_guest(&line))
    }

    #[test]
    fn a_probe_end_is_ok_only_if_it_says_so() {
        let end = |line| match event(line) {
            Some(Kind::ProbeEnd { result, .. }) => result,
            other => panic!("{other:?}"),
        };
        let line = || Encoder::new("file:data", 1, 1, "end").num("n", 4);
        assert_eq!(end(line().num("ok", 1)), Answer::Ok);
        assert_eq!(end(line().int("errno", 5)), Answer::Errno(5));
        assert_eq!(end(line().int("signal", 9)), Answer::Signal(9));
        assert_eq!(end(line()), Answer::Code(-1));
    }

    #[test]
    fn kswapds_place_is_taken_apart() {
        let line = || Encoder::new("counters", 1, 1, "kswapd").text("state", b"D");
        let told = |wchan: Option<&str>, stack: &[&str]| {
            let stack = stack.iter().map(|&name| name.to_owned()).collect();
            Some(Kind::Kswapd(Kswapd { state: "D".into(), wchan: wchan.map(str::to_owned), stack }))
        };
        let whole = line().text("wchan", b"io_schedule").text("stack", b"io_schedule,shrink_node,kswapd");
        assert_eq!(event(whole), told(Some("io_schedule"), &["io_schedule", "shrink_node", "kswapd"]));
        assert_eq!(event(line()), told(None, &[]));
    }

    #[test]
    fn what_is_unknown_is_no_event() {
        assert_eq!(event(Encoder::new("agent", 1, 1, "sings")), None);
    }
}
