//! The messages that QEMU sends.
//! Lives here: telling them apart (pure).
//! May not live here: streams, or waiting.

use serde_json::Value;

/// One message from QEMU.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Message {
    /// The first one.
    Greeting,
    /// The answer to the command with this id.
    Reply { id: u64, result: Result<Value, Refusal> },
    /// Something happened. Names and data of any QEMU, older or newer, come through as they are.
    Event { event: String, data: Value },
}

/// QEMU's error reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) class: String,
    pub(super) desc: String,
}

impl Message {
    /// Reads one line; `None` for what is no message, such as the reply to a command without an id of ours.
    pub(super) fn parse(line: &[u8]) -> Option<Self> {
        let Value::Object(mut object) = serde_json::from_slice(line).ok()? else { return None };
        if let Some(Value::String(event)) = object.get("event") {
            let event = event.clone();
            return Some(Self::Event { event, data: object.remove("data").unwrap_or_default() });
        }
        if object.contains_key("QMP") {
            return Some(Self::Greeting);
        }
        let id = object.get("id")?.as_u64()?;
        let result = match (object.remove("return"), object.get("error")) {
            (Some(value), _) => Ok(value),
            (None, Some(error)) => {
                let text = |key| error.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
                Err(Refusal { class: text("class"), desc: text("desc") })
            }
            (None, None) => return None,
        };
        Some(Self::Reply { id, result })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    #[test]
    fn tells_messages_apart() {
        let parse = |value: Value| Message::parse(value.to_string().as_bytes());
        assert_eq!(parse(json!({"QMP": {"version": {}, "capabilities": []}})), Some(Message::Greeting));
        let reply = |id, result| Some(Message::Reply { id, result });
        assert_eq!(parse(json!({"return": {"a": 1}, "id": 7})), reply(7, Ok(json!({"a": 1}))));
        let refusal = Refusal { class: "GenericError".into(), desc: "no".into() };
        assert_eq!(parse(json!({"error": {"class": "GenericError", "desc": "no"}, "id": 8})), reply(8, Err(refusal)));
        let event = |event: &str, data| Some(Message::Event { event: event.into(), data });
        assert_eq!(parse(json!({"event": "X_NEW", "timestamp": {}})), event("X_NEW", Value::Null));
        assert_eq!(parse(json!({"event": "STOP", "data": {"k": []}})), event("STOP", json!({"k": []})));
    }

    #[test]
    fn what_is_no_message_is_none() {
        for line in ["", "{", "[]", "{}", r#"{"return": {}}"#, r#"{"id": 1}"#, r#"{"return": 1, "id": "x"}"#, "\u{0}"] {
            assert_eq!(Message::parse(line.as_bytes()), None, "{line}");
        }
    }

    proptest! {
        #[test]
        fn noise_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            Message::parse(&bytes);
        }
    }
}
