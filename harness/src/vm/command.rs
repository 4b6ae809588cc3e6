//! What the harness tells the agent.
//! Lives here: the commands and their lines.
//! May not live here: when to send or repeat one (`run`), or the port (`machine`).

use oomph_wire::line::Encoder;
use oomph_wire::words::{command, source};

/// A command to the agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command {
    /// Start the workload; the agent releases it by itself that many milliseconds later.
    Start {
        /// Milliseconds of the guest's clock.
        release_ms: u64,
    },
    /// Kill the workload's process group.
    Release,
    /// Send the files that are to be collected.
    Collect,
    /// Say `bye` and power off.
    Poweroff,
}

impl Command {
    /// The command's word on the link.
    pub fn name(self) -> &'static str {
        match self {
            Self::Start { .. } => command::START,
            Self::Release => command::RELEASE,
            Self::Collect => command::COLLECT,
            Self::Poweroff => command::POWEROFF,
        }
    }

    /// The command's line. The harness knows no guest clock, so its lines carry 0 there.
    pub fn line(self, seq: u64) -> Vec<u8> {
        let line = Encoder::new(source::HOST, seq, 0, self.name());
        let mut line = match self {
            Self::Start { release_ms } => line.num("release_ms", release_ms),
            Self::Release | Self::Collect | Self::Poweroff => line,
        };
        line.finish().to_vec()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use oomph_wire::line::Line;

    #[test]
    fn the_agent_can_read_it() {
        let bytes = Command::Start { release_ms: 90_000 }.line(3);
        let line = Line::find(&bytes).unwrap();
        assert_eq!((line.source, line.seq, line.kind, line.num("release_ms")), ("host", 3, "start", Some(90_000)));
        assert_eq!(Line::find(&Command::Poweroff.line(4)).unwrap().kind, "poweroff");
    }
}
