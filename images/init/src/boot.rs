//! From the kernel's first exec to the agent's loop.
//! Lives here: the order of the steps, and the way out when one fails.
//! May not live here: what a step does.

use crate::agent::Agent;
use crate::collect::Collector;
use crate::config::{Config, SetUp};
use crate::failure::{Failure, Step};
use crate::link::{AGENT_PORT, Port};
use crate::probes::Probe;
use crate::workload::Workload;
use crate::{clock, disks, login, memory, modules, mounts, network, oom, own, procfs, progress, root, signals, sysctl};
use oomph_wire::words::{kind, source};
use rustix::process::set_child_subreaper;
use rustix::system::{RebootCommand, reboot, uname};
use std::fs;
use std::time::Duration;

/// What PID 1 does; it ends with the guest.
pub fn run() -> ! {
    go(mounts::mount_all, set_up)
}

/// What the agent does in a system whose PID 1 is another: the same, but for what that has done already. It ends with the guest.
pub fn run_in_system() -> ! {
    go(take_part, |port| {
        hello(port)?;
        parts(port, &read_config()?)
    })
}

/// Makes of an ordinary process what PID 1 is by itself: whoever loses its parent among what it started becomes its child.
fn take_part() -> Result<(), Failure> {
    set_child_subreaper(Some(rustix::process::getpid())).step(|| "become a subreaper".to_owned())
}

fn go(begin: fn() -> Result<(), Failure>, set_up: fn(&mut Port) -> Result<Parts, Failure>) -> ! {
    let mut port = match first_steps(begin) {
        Ok(port) => port,
        Err(failure) => {
            eprintln!("oomph-init: {}: {}", failure.what, failure.errno);
            power_off(None);
        }
    };
    match set_up(&mut port) {
        Ok(parts) => Agent::new(port, parts).run(),
        Err(failure) => {
            eprintln!("oomph-init: {}: {}", failure.what, failure.errno);
            port.send(kind::FAILED, |line| {
                line.text("what", failure.what.as_bytes()).int("errno", failure.errno.raw_os_error().into())
            });
            power_off(Some(&port));
        }
    }
}

/// What the agent's loop works with.
pub struct Parts {
    /// The workload, not started.
    pub workload: Workload,
    /// Who sends files to the host, where there are any to send.
    pub collector: Option<Collector>,
    /// The probes, all running.
    pub probes: Vec<Probe>,
    /// The page that the workload counts in.
    pub progress: &'static oomph_wire::page::Progress,
}

/// Until there is somebody to tell.
fn first_steps(begin: fn() -> Result<(), Failure>) -> Result<Port, Failure> {
    begin()?;
    // Fails only for a process that leads its group already, and then nothing is missing.
    rustix::process::setsid().ok();
    let port = Port::open(AGENT_PORT, source::AGENT).step(|| format!("open {AGENT_PORT}"))?;
    port.make_raw().step(|| format!("set {AGENT_PORT} raw"))?;
    Ok(port)
}

fn set_up(port: &mut Port) -> Result<Parts, Failure> {
    let config = read_config();
    if let Ok(Config { root: Some(root), steps, .. }) = &config {
        // The link is not ours: in the other system somebody else will say hello.
        match root::go_on_in(root, steps)? {}
    }
    hello(port)?;
    parts(port, &config?)
}

fn read_config() -> Result<Config, Failure> {
    let path = oomph_wire::config::PATH;
    Config::read(&fs::read_to_string(path).step(|| format!("read {path}"))?)
}

/// Sets the guest up as the host wants it; at its end it is ready.
fn parts(port: &mut Port, config: &Config) -> Result<Parts, Failure> {
    for step in &config.steps {
        match step {
            SetUp::Module { path, optional } => modules::load(path, *optional)?,
            SetUp::Disk(disk) => disks::attach(disk)?,
            SetUp::Swap(name) => disks::swap_to(name)?,
            SetUp::Network { address, prefix } => network::bring_up(*address, *prefix)?,
            SetUp::Sysctl { name, value } => sysctl::set(name, value)?,
        }
    }
    if config.own_kernel {
        own::settle(port)?;
    }
    let sysrq = sysctl::allow_sysrq()?;
    let progress = progress::create().step(|| format!("map {}", progress::PATH))?;
    oom::set_adj(oom::EXEMPT).step(|| "set oom_score_adj".to_owned())?;
    memory::lock().step(|| "mlockall".to_owned())?;
    signals::hold_children().step(|| "hold SIGCHLD".to_owned())?;
    let workload = Workload::prepare(config)?;
    let collector = Collector::prepare(config)?;
    let mut probes = Vec::new();
    // The server first: it sets itself up while the probes do.
    let server = config.login.iter().map(login::start);
    let starts = config.probes.iter().map(|name| Probe::start(name, config));
    for probe in server.chain(starts) {
        let probe = probe?;
        port.send(kind::PROBE, |line| {
            line.text("probe", probe.name.as_bytes())
                .int("pid", probe.pid.as_raw_nonzero().get().into())
                .int("adj", probe.adj.into())
        });
        probes.push(probe);
    }
    let zoneinfo = fs::read("/proc/zoneinfo").step(|| "read /proc/zoneinfo".to_owned())?;
    let min = procfs::min_watermark(&zoneinfo).unwrap_or(0);
    port.send(kind::READY, |line| line.num("min", min).num("sysrq", sysrq));
    Ok(Parts { workload, collector, probes, progress })
}

fn hello(port: &mut Port) -> Result<(), Failure> {
    let meminfo = fs::read("/proc/meminfo").step(|| "read /proc/meminfo".to_owned())?;
    let cpus = rustix::thread::sched_getaffinity(None).step(|| "sched_getaffinity".to_owned())?.count();
    port.send(kind::HELLO, |line| {
        line.num("proto", oomph_wire::PROTOCOL)
            .text("kernel", uname().release().to_bytes())
            .text("version", uname().version().to_bytes())
            .num("cpus", cpus.into())
            .num("mem", procfs::meminfo(&meminfo, "MemTotal").unwrap_or(0))
    });
    Ok(())
}

/// Powers off once the port is empty. Nothing is synced: the disks are thrown away, and in a wedged guest sync(2) would
/// not return.
pub fn power_off(port: Option<&Port>) -> ! {
    if let Some(port) = port {
        port.drain(Duration::from_secs(2));
    }
    loop {
        // Only a kernel that refuses returns from this.
        if let Err(errno) = reboot(RebootCommand::PowerOff) {
            eprintln!("oomph-init: power off: {errno}");
        }
        clock::sleep(Duration::from_secs(10));
    }
}
