//! stub
#![allow(missing_docs)]
use serde::Serialize;
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scope {
    Global,
    Memcg,
}
pub enum Message {
    Kill { pid: u64, comm: String, scope: Scope, manual: bool },
    Panic { text: String },
    Other,
}
impl Message {
    pub fn evidence(&self) -> Option<String> {
        None
    }
    pub fn is_detector(&self) -> bool {
        false
    }
}
#[derive(Debug, Default)]
pub struct Parser {
    manual: bool,
}
impl Parser {
    pub fn feed(&mut self, line: &str) -> Vec<Message> {
        let t = line.split_once("] ").map_or("", |x| x.1);
        if t.contains("Manual OOM") {
            self.manual = true;
        }
        if let Some(i) = t.find("Killed process ") {
            let r = &t[i + 15..];
            let (pid, rest) = r.split_once(' ').unwrap_or((r, ""));
            let comm = rest.trim_start_matches('(').split(')').next().unwrap_or("").to_owned();
            let m = std::mem::take(&mut self.manual);
            return vec![Message::Kill {
                pid: pid.parse().unwrap_or(0),
                comm,
                scope: if t.starts_with("Memory cgroup") { Scope::Memcg } else { Scope::Global },
                manual: m,
            }];
        }
        if let Some(x) = t.strip_prefix("Kernel panic - not syncing: ") {
            return vec![Message::Panic { text: x.into() }];
        }
        vec![]
    }
}
