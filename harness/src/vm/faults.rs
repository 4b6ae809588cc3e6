//! What the host does to a running machine from outside.
//! Lives here: bounds and errors of disks, the balloon, the pause: how QEMU is brought to each, and back.
//! May not live here: when any of it happens, or what several faults come to (`run`).
//!
//! Errors come from a `blkdebug` node between device and disk, which is there only while they are wanted: the device's
//! `drive` is set to it and back. (Reopening a node's options, the other way, flushes through the node that fails flushes.)
//! QEMU drains the disk at such a change, so requests that a throttle holds at that moment go through.

use super::machine::Vm;
use super::qmp::QmpError;
use super::spec::{block_device, node_name};

/// Bounds on a disk's I/O; `None` is no bound. QEMU takes 0 for no bound as well, so less than 1 is taken as 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Throttle {
    /// Reads and writes per second.
    pub iops: Option<u64>,
    /// Bytes read and written per second.
    pub bps: Option<u64>,
}

impl Throttle {
    /// As good as no I/O: after one request the next waits as many seconds as that one had bytes. Once the bounds are
    /// gone, all that waited goes on at once.
    pub const STOP: Self = Self { iops: Some(1), bps: Some(1) };
}

/// With which errno a disk's operations fail; `None` is not at all. The guest of a virtio disk reads each as EIO: its
/// status byte knows no other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fails {
    /// Reading.
    pub read: Option<i32>,
    /// Writing, writing zeroes, discarding.
    pub write: Option<i32>,
    /// Flushing.
    pub flush: Option<i32>,
}

/// All that can be wrong with a disk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DiskFaults {
    /// Its bounds.
    pub throttle: Throttle,
    /// Its errors.
    pub fails: Fails,
}

impl Vm {
    /// Bounds a disk's I/O, or frees it of all bounds. Flushes have no bound.
    ///
    /// # Errors
    /// Where there is no such disk, or QMP fails.
    pub async fn throttle(&self, disk: &str, throttle: Throttle) -> Result<(), QmpError> {
        let bound = |limit: Option<u64>| limit.map_or(0, |limit| i64::try_from(limit.max(1)).unwrap_or(i64::MAX));
        self.qmp().set_io_throttle(&block_device(disk), bound(throttle.bps), bound(throttle.iops)).await
    }

    /// Makes a disk's operations fail, or lets all of them succeed.
    ///
    /// # Errors
    /// Where there is no such disk, or QMP fails.
    pub async fn fail(&mut self, disk: &str, fails: Fails) -> Result<(), QmpError> {
        let node = node_name(disk);
        let filter = (fails != Fails::default()).then(|| self.filters.next(disk));
        if let Some(filter) = &filter {
            self.qmp().add_filter(filter, &node, fails).await?;
        }
        self.qmp().set_drive(&block_device(disk), filter.as_ref().unwrap_or(&node)).await?;
        if let Some(old) = self.filters.replace(disk, filter) {
            self.qmp().delete_node(&old).await?;
        }
        Ok(())
    }

    /// Asks the guest to leave all but so many bytes of its memory to the host; `None` gives it all back. That it does
    /// takes its driver's help and time.
    ///
    /// # Errors
    /// Where the machine has no balloon, or QMP fails.
    pub async fn balloon(&self, memory: Option<u64>) -> Result<(), QmpError> {
        // QEMU takes more than there is for all that there is.
        let target = memory.and_then(|memory| i64::try_from(memory).ok()).unwrap_or(i64::MAX);
        self.qmp().balloon(target).await
    }

    /// Stops the machine. Until [`Vm::resume`] the ticks say that it had no time.
    ///
    /// # Errors
    /// Where QMP fails.
    pub async fn pause(&mut self) -> Result<(), QmpError> {
        self.pauses.begin();
        self.qmp().stop().await
    }

    /// Lets it go on.
    ///
    /// # Errors
    /// Where QMP fails.
    pub async fn resume(&mut self) -> Result<(), QmpError> {
        let done = self.qmp().cont().await;
        self.pauses.end();
        done
    }

    /// Whether the STOP that QEMU has just told of is one that was asked for by [`Vm::pause`]; each is good for one.
    pub fn asked_to_stop(&mut self) -> bool {
        self.pauses.take_stop()
    }
}

/// Puts the disk's name beside that of the node that an event tells of.
pub(super) fn name_disk(data: &mut serde_json::Value) {
    let disk = data.get("node-name").and_then(|node| disk_of(node.as_str()?)).map(str::to_owned);
    if let (Some(disk), Some(told)) = (disk, data.as_object_mut()) {
        told.insert("disk".into(), disk.into());
    }
}

/// The disk of a node: of its image, or of the filter before that.
fn disk_of(node: &str) -> Option<&str> {
    node.strip_prefix("node-").or_else(|| node.strip_prefix("fail-")?.rsplit_once('-').map(|(disk, _)| disk))
}

/// The filter nodes that stand between devices and disks.
#[derive(Debug, Default)]
pub(super) struct Filters {
    of: Vec<(String, String)>,
    made: u32,
}

impl Filters {
    /// A name for a new one. QEMU takes 31 bytes, and a disk's name has up to 20.
    fn next(&mut self, disk: &str) -> String {
        self.made += 1;
        format!("fail-{disk}-{}", self.made)
    }

    /// Puts one in place; the one that it replaces.
    fn replace(&mut self, disk: &str, filter: Option<String>) -> Option<String> {
        let old = self.of.iter().position(|(of, _)| of == disk).map(|at| self.of.swap_remove(at).1);
        self.of.extend(filter.map(|filter| (disk.to_owned(), filter)));
        old
    }
}

/// Stops of our own.
#[derive(Debug, Default)]
pub(super) struct Pauses {
    now: bool,
    since_tick: bool,
    untold: u32,
}

impl Pauses {
    fn begin(&mut self) {
        self.now = true;
        self.since_tick = true;
        self.untold += 1;
    }

    fn end(&mut self) {
        self.now = false;
    }

    fn take_stop(&mut self) -> bool {
        let asked = self.untold > 0;
        self.untold = self.untold.saturating_sub(1);
        asked
    }

    /// Whether the machine was stopped at any time since the last tick.
    pub(super) fn tick(&mut self) -> bool {
        let stopped = self.since_tick;
        self.since_tick = self.now;
        stopped
    }
}
