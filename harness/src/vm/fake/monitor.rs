//! The fake guest's QMP.
//! Lives here: replies to commands.
//! May not live here: what the commands do to the guest, beyond its run state.

use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

/// QEMU's side of QMP.
#[derive(Debug)]
pub(super) struct Monitor {
    pub(super) state: String,
    pub(super) deaf: bool,
    /// Nodes that were added.
    pub(super) nodes: BTreeSet<String>,
    /// Devices' drives that were set.
    pub(super) drives: BTreeMap<String, String>,
    /// Commands that fail.
    pub(super) refuses: Vec<String>,
    /// Dumps and migrations go on for ever.
    pub(super) never_done: bool,
}

/// What a command does to the guest.
#[derive(Debug, PartialEq)]
pub(super) enum Effect {
    None,
    Break,
    Throttle(String, i64, i64),
    /// A device works on this node from now on.
    Drive(String, String),
    Balloon(i64),
    /// Memory goes into this file.
    Dump(PathBuf),
    /// The guest goes to this socket.
    Migrate(PathBuf),
    Quit,
}

/// What `info registers -a` prints, in parts.
pub(super) const REGISTERS: &str = "\r\nCPU#0\r\nRAX=0 RBX=0\r\nRIP=ffffffff81000010 RFL=00000246\r\n\r\n\
                                    CPU#1\r\nRAX=0 RBX=0\r\nRIP=ffffffffc0000010 RFL=00000246\r\n";

/// Bytes of memory that a dump says it writes.
pub(super) const MEMORY: usize = 3 << 20;

pub(super) const GREETING: &str =
    r#"{"QMP": {"version": {"qemu": {"major": 7, "minor": 2, "micro": 0}, "package": ""}, "capabilities": ["oob"]}}"#;

pub(super) fn event(name: &str, data: &Value) -> String {
    json!({"event": name, "data": data, "timestamp": {"seconds": 0, "microseconds": 0}}).to_string()
}

impl Monitor {
    pub(super) fn new() -> Self {
        Self {
            state: "running".to_owned(),
            deaf: false,
            nodes: BTreeSet::new(),
            drives: BTreeMap::new(),
            refuses: Vec::new(),
            never_done: false,
        }
    }

    /// A command's name, its effect and the lines to answer.
    pub(super) fn command(&mut self, line: &str) -> (String, Effect, Vec<String>) {
        let command: Value = serde_json::from_str(line).expect("the client sends whole lines of JSON");
        let name = command["execute"].as_str().expect("a name").to_owned();
        let arguments = &command["arguments"];
        let done = |effect| (effect, Some(json!({})), None);
        let path = |key: &str| {
            let text = arguments[key].as_str().expect("a place");
            PathBuf::from(text.split_once(':').expect("a protocol").1)
        };
        let (effect, reply, told) = match name.as_str() {
            refused if self.refuses.iter().any(|name| name == refused) => (Effect::None, None, None),
            "human-monitor-command" => (Effect::None, Some(json!(REGISTERS)), None),
            "dump-guest-memory" => done(Effect::Dump(path("protocol"))),
            "migrate" => done(Effect::Migrate(path("uri"))),
            "query-dump" | "query-migrate" => {
                let status = if self.never_done { "active" } else { "completed" };
                (Effect::None, Some(json!({"status": status, "total": MEMORY, "completed": MEMORY})), None)
            }
            "query-machines" => {
                (Effect::None, Some(json!([{"name": "none"}, {"name": "pc-q35-7.2", "alias": "q35"}])), None)
            }
            "qmp_capabilities" => done(Effect::None),
            "query-status" => {
                (Effect::None, Some(json!({"running": self.state == "running", "status": self.state})), None)
            }
            "query-version" => {
                let triple = json!({"major": 7, "minor": 2, "micro": 0});
                (Effect::None, Some(json!({"qemu": triple, "package": "fake"})), None)
            }
            "chardev-send-break" => done(Effect::Break),
            "block_set_io_throttle" => {
                let number = |key: &str| arguments[key].as_i64().expect("a bound");
                let device = arguments["id"].as_str().expect("a device").to_owned();
                done(Effect::Throttle(device, number("bps"), number("iops")))
            }
            "blockdev-add" => {
                self.nodes.insert(arguments["node-name"].as_str().expect("a name").to_owned());
                done(Effect::None)
            }
            // What a device works on stays.
            "blockdev-del" => {
                let node = arguments["node-name"].as_str().expect("a name");
                let unused = !self.drives.values().any(|drive| drive == node);
                (Effect::None, (unused && self.nodes.remove(node)).then(|| json!({})), None)
            }
            "qom-set" => {
                let [device, node] = ["path", "value"].map(|key| arguments[key].as_str().expect("a text").to_owned());
                if node.starts_with("node-") || self.nodes.contains(&node) {
                    self.drives.insert(device.clone(), node.clone());
                    done(Effect::Drive(device, node))
                } else {
                    (Effect::None, None, None)
                }
            }
            "balloon" => done(Effect::Balloon(arguments["value"].as_i64().expect("a size"))),
            "stop" => {
                self.state = "paused".to_owned();
                (Effect::None, Some(json!({})), Some(event("STOP", &json!({}))))
            }
            "cont" => {
                self.state = "running".to_owned();
                (Effect::None, Some(json!({})), Some(event("RESUME", &json!({}))))
            }
            "quit" => {
                let data = json!({"guest": false, "reason": "host-qmp-quit"});
                (Effect::Quit, Some(json!({})), Some(event("SHUTDOWN", &data)))
            }
            _ => (Effect::None, None, None),
        };
        let id = &command["id"];
        let reply = reply.map_or_else(
            || json!({"error": {"class": "CommandNotFound", "desc": format!("no {name}")}, "id": id}),
            |value| json!({"return": value, "id": id}),
        );
        (name, effect, [Some(reply.to_string()), told].into_iter().flatten().collect())
    }
}
