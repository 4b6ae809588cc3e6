//! `oomph-init`: PID 1 and agent of an oomph guest, and the small processes that it starts from its own file.
//! Lives here: which part of the program this process is to be.
//! May not live here: what any part does.
//!
//! | called as | is |
//! |---|---|
//! | PID 1 | sets the guest up, then obeys the host ([`boot`], [`agent`]) |
//! | `agent` | the agent alone, in a system that has a PID 1 of its own |
//! | `probe NAME [MOUNT]` | one probe ([`probes`]) |
//! | `serve ROOT PROGRAM [ARGUMENT…]` | keeps the server for logins ([`login`]) |
//! | `launch` | waits for the word to become the workload ([`workload`]) |
//! | `collect` | waits for the word to send files ([`collect`]) |
//! | `send PATH…` | sends files to who has logged in ([`collect`]) |
//! | `true` | exits with 0: what the spawn probe starts |

mod agent;
mod boot;
mod clock;
mod collect;
mod config;
mod disks;
mod failure;
mod kswapd;
mod link;
mod login;
mod memory;
mod modules;
mod mounts;
mod network;
mod oom;
mod own;
mod probes;
mod procfs;
mod progress;
mod root;
mod signals;
mod sysctl;
mod workload;

use oomph_wire::page::GUEST_VARIABLE;
use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: memory::Counting = memory::Counting;

fn main() -> ExitCode {
    if std::process::id() == 1 {
        boot::run();
    }
    if std::env::var_os(GUEST_VARIABLE).is_none() {
        eprintln!("oomph-init: this is the PID 1 of an oomph guest; it does nothing anywhere else");
        return ExitCode::from(2);
    }
    signals::let_through();
    let args: Vec<String> = std::env::args().skip(1).collect();
    match args.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["true"] => ExitCode::SUCCESS,
        ["launch"] => workload::launch(),
        ["collect"] => collect::run(),
        ["send", ..] => collect::send(args.get(1..).unwrap_or_default()),
        ["agent"] => boot::run_in_system(),
        ["probe", name] => probes::run(name, None),
        ["serve", root, program, ..] => login::keep(root, program, args.get(3..).unwrap_or_default()),
        ["probe", name, mount] => probes::run(name, Some(mount)),
        _ => {
            eprintln!(
                "oomph-init: unknown role {args:?}; the roles are: true, launch, collect, send, agent, serve, probe NAME [MOUNT]"
            );
            ExitCode::from(2)
        }
    }
}
