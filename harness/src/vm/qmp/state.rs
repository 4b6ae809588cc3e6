//! The commands that look at a guest's state, write it and read it.
//! Lives here: one short method for each, with replies read leniently: newer QEMUs say more than older ones.
//! May not live here: the transport, files, or when to use them.

use super::{DEADLINE, Qmp, QmpError};
use serde::{Deserialize, Serialize};
use std::path::Path;
use std::time::Duration;
use tokio::time::sleep;

/// Defines a command: its name, its arguments, what of its reply is read.
macro_rules! command {
    ($name:literal, $type:ident { $($field:ident: $of:ty),* }, $ok:ty) => {
        #[derive(Debug, Serialize)]
        #[serde(rename_all = "kebab-case")]
        struct $type {
            $($field: $of),*
        }

        impl qapi::Command for $type {
            type Ok = $ok;
            const NAME: &'static str = $name;
            const ALLOW_OOB: bool = false;
        }
    };
}

command!("human-monitor-command", Human { command_line: String }, String);
command!("dump-guest-memory", Dump { paging: bool, protocol: String, detach: bool }, qapi::Empty);
command!("query-dump", QueryDump {}, Progress);
command!("migrate", Migrate { uri: String }, qapi::Empty);
command!("migrate-incoming", MigrateIncoming { uri: String }, qapi::Empty);
command!("query-migrate", QueryMigrate {}, Progress);
command!("query-machines", QueryMachines {}, Vec<MachineType>);

/// How far a dump or a migration is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct Progress {
    /// `active`, `completed`, `failed`, …; empty where there never was one.
    pub status: String,
    /// Of a dump: bytes of memory that it writes.
    pub total: u64,
    /// Why a migration failed, where QEMU says it.
    pub error_desc: Option<String>,
}

impl Progress {
    /// Whether it is over, and how: `None` while it goes on.
    pub fn ended(&self) -> Option<Result<(), String>> {
        match self.status.as_str() {
            "completed" => Some(Ok(())),
            "failed" | "cancelled" => Some(Err(self.error_desc.clone().unwrap_or_else(|| self.status.clone()))),
            _ => None,
        }
    }
}

/// How often QEMU is asked how far it is.
const POLL: Duration = Duration::from_millis(50);

/// Waits until a dump or migration is over, and says how. It waits as long as that goes on: the deadline is the caller's.
///
/// # Errors
/// As the asking.
pub async fn over<F>(progress: impl Fn() -> F) -> Result<Result<Progress, String>, QmpError>
where
    F: Future<Output = Result<Progress, QmpError>>,
{
    loop {
        let now = progress().await?;
        match now.ended() {
            Some(Ok(())) => return Ok(Ok(now)),
            Some(Err(why)) => return Ok(Err(why)),
            None => sleep(POLL).await,
        }
    }
}

/// A machine type.
#[derive(Debug, Deserialize)]
struct MachineType {
    name: String,
    alias: Option<String>,
}

impl Qmp {
    /// The registers of all processors, as QEMU's monitor prints them.
    ///
    /// # Errors
    /// As [`Qmp::execute`].
    pub async fn registers(&self) -> Result<String, QmpError> {
        self.execute(Human { command_line: "info registers -a".into() }, DEADLINE).await
    }

    /// Begins to write all memory as an ELF core, by physical addresses, into a file or pipe.
    ///
    /// # Errors
    /// As [`Qmp::execute`].
    pub async fn dump(&self, into: &Path) -> Result<(), QmpError> {
        let protocol = format!("file:{}", into.display());
        self.execute(Dump { paging: false, protocol, detach: true }, DEADLINE).await.map(drop)
    }

    /// How far the dump is.
    ///
    /// # Errors
    /// As [`Qmp::execute`].
    pub async fn dump_progress(&self) -> Result<Progress, QmpError> {
        self.execute(QueryDump {}, DEADLINE).await
    }

    /// Begins to send the whole guest to a socket that listens.
    ///
    /// # Errors
    /// As [`Qmp::execute`].
    pub async fn migrate(&self, socket: &Path) -> Result<(), QmpError> {
        self.execute(Migrate { uri: format!("unix:{}", socket.display()) }, DEADLINE).await.map(drop)
    }

    /// Has a QEMU that was started with `-incoming defer` listen for a guest at a socket.
    ///
    /// # Errors
    /// As [`Qmp::execute`].
    pub async fn migrate_incoming(&self, socket: &Path) -> Result<(), QmpError> {
        self.execute(MigrateIncoming { uri: format!("unix:{}", socket.display()) }, DEADLINE).await.map(drop)
    }

    /// How far the migration is, out or in.
    ///
    /// # Errors
    /// As [`Qmp::execute`].
    pub async fn migration_progress(&self) -> Result<Progress, QmpError> {
        self.execute(QueryMigrate {}, DEADLINE).await
    }

    /// The versioned name of a machine type: `pc-q35-7.2` for `q35`.
    ///
    /// # Errors
    /// As [`Qmp::execute`].
    pub async fn machine_type(&self, alias: &str) -> Result<String, QmpError> {
        let types = self.execute(QueryMachines {}, DEADLINE).await?;
        let found = types.into_iter().find(|one| one.alias.as_deref() == Some(alias));
        Ok(found.map_or_else(|| alias.to_owned(), |one| one.name))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn commands_are_written_as_qemu_reads_them() {
        let dump = qapi::Execute::with_id(Dump { paging: false, protocol: "file:/x".into(), detach: true }, 1_u64);
        let wanted = serde_json::json!({
            "execute": "dump-guest-memory",
            "arguments": {"paging": false, "protocol": "file:/x", "detach": true},
            "id": 1,
        });
        assert_eq!(serde_json::to_value(dump).unwrap(), wanted);
        let human = serde_json::to_value(Human { command_line: "x".into() }).unwrap();
        assert_eq!(human, serde_json::json!({"command-line": "x"}));
    }

    #[test]
    fn progress_of_any_qemu_is_read() {
        let read = |text: &str| serde_json::from_str::<Progress>(text).unwrap().ended();
        assert_eq!(read("{}"), None);
        assert_eq!(read(r#"{"status": "from-the-future", "ram": {"x": 1}}"#), None);
        assert_eq!(read(r#"{"status": "completed", "total": 5, "completed": 5}"#), Some(Ok(())));
        assert_eq!(read(r#"{"status": "failed", "error-desc": "no room"}"#), Some(Err("no room".into())));
    }
}
