//! The fake guest's QMP.
//! Lives here: replies to commands.
//! May not live here: what the commands do to the guest, beyond its run state.

use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// QEMU's side of QMP.
#[derive(Debug)]
pub(super) struct Monitor {
    pub(super) state: String,
    pub(super) deaf: bool,
    /// Nodes that were added.
    nodes: BTreeSet<String>,
    /// Devices' drives that were set.
    drives: BTreeMap<String, String>,
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
    Quit,
}

pub(super) const GREETING: &str =
    r#"{"QMP": {"version": {"qemu": {"major": 7, "minor": 2, "micro": 0}, "package": ""}, "capabilities": ["oob"]}}"#;

pub(super) fn event(name: &str, data: &Value) -> String {
    json!({"event": name, "data": data, "timestamp": {"seconds": 0, "microseconds": 0}}).to_string()
}

impl Monitor {
    pub(super) fn new() -> Self {
        Self { state: "running".to_owned(), deaf: false, nodes: BTreeSet::new(), drives: BTreeMap::new() }
    }

    /// A command's name, its effect and the lines to answer.
    pub(super) fn command(&mut self, line: &str) -> (String, Effect, Vec<String>) {
        let command: Value = serde_json::from_str(line).expect("the client sends whole lines of JSON");
        let name = command["execute"].as_str().expect("a name").to_owned();
        let arguments = &command["arguments"];
        let done = |effect| (effect, Some(json!({})), None);
        let (effect, reply, told) = match name.as_str() {
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
