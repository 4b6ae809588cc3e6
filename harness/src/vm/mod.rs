//! stub
#![allow(missing_docs)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command {
    Start { release_ms: u32 },
    Release,
    Poweroff,
}
impl Command {
    pub fn name(self) -> &'static str {
        match self {
            Self::Start { .. } => "start",
            Self::Release => "release",
            Self::Poweroff => "poweroff",
        }
    }
}
