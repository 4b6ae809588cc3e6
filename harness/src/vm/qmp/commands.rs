//! The commands that are used.
//! Lives here: one short method for each.
//! May not live here: the transport, or when to use them.

use super::{DEADLINE, Qmp, QmpError};
use crate::vm::Fails;
use qapi::Enum;
use qapi::qmp::{
    BlkdebugEvent, BlkdebugIOType, BlkdebugInjectErrorOptions, BlockIOThrottle, BlockdevOptions, BlockdevOptionsBase,
    BlockdevOptionsBlkdebug, BlockdevRef, balloon, block_set_io_throttle, blockdev_add, blockdev_del,
    chardev_send_break, cont, human_monitor_command, qom_set, query_status, query_version, quit, stop,
};

impl Qmp {
    /// The virtual machine's run state, for example `running` or `internal-error`.
    ///
    /// # Errors
    /// As [`Qmp::execute`].
    pub async fn status(&self) -> Result<String, QmpError> {
        Ok(self.execute(query_status {}, DEADLINE).await?.status.name().to_owned())
    }

    /// QEMU's version, for example `7.2.22 (Debian …)`.
    ///
    /// # Errors
    /// As [`Qmp::execute`].
    pub async fn version(&self) -> Result<String, QmpError> {
        let version = self.execute(query_version {}, DEADLINE).await?;
        let (number, package) = (version.qemu, version.package);
        Ok(format!("{}.{}.{} {package}", number.major, number.minor, number.micro).trim_end().to_owned())
    }

    /// Stops the guest's processors.
    ///
    /// # Errors
    /// As [`Qmp::execute`].
    pub async fn stop(&self) -> Result<(), QmpError> {
        self.execute(stop {}, DEADLINE).await.map(drop)
    }

    /// Lets them go on.
    ///
    /// # Errors
    /// As [`Qmp::execute`].
    pub async fn cont(&self) -> Result<(), QmpError> {
        self.execute(cont {}, DEADLINE).await.map(drop)
    }

    /// Ends QEMU. One that is gone before it has answered has obeyed.
    ///
    /// # Errors
    /// As [`Qmp::execute`].
    pub async fn quit(&self, deadline: std::time::Duration) -> Result<(), QmpError> {
        match self.execute(quit {}, deadline).await {
            Ok(_) | Err(QmpError::Closed { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// The port of this machine's loopback that leads to a port of the guest; `None` where none does.
    ///
    /// # Errors
    /// As [`Qmp::execute`].
    pub async fn forwarded(&self, port: u16) -> Result<Option<u16>, QmpError> {
        let ask = human_monitor_command { command_line: "info usernet".into(), cpu_index: None };
        Ok(forwarded(&self.execute(ask, DEADLINE).await?, port))
    }

    /// Sends a serial break through a character device.
    ///
    /// # Errors
    /// As [`Qmp::execute`].
    pub async fn send_break(&self, chardev: &str) -> Result<(), QmpError> {
        self.execute(chardev_send_break { id: chardev.into() }, DEADLINE).await.map(drop)
    }

    /// Makes a node that passes on to `image` what does not fail.
    ///
    /// # Errors
    /// As [`Qmp::execute`].
    pub async fn add_filter(&self, name: &str, image: &str, fails: Fails) -> Result<(), QmpError> {
        let rules = [
            (BlkdebugIOType::read, fails.read),
            (BlkdebugIOType::write, fails.write),
            (BlkdebugIOType::write_zeroes, fails.write),
            (BlkdebugIOType::discard, fails.write),
            (BlkdebugIOType::flush, fails.flush),
        ];
        let rule = |(iotype, errno): (BlkdebugIOType, Option<i32>)| {
            Some(BlkdebugInjectErrorOptions {
                // From the node's beginning on.
                event: BlkdebugEvent::none,
                iotype: Some(iotype),
                errno: Some(errno?.into()),
                immediately: None,
                once: None,
                sector: None,
                state: None,
            })
        };
        let base = BlockdevOptionsBase {
            node_name: Some(name.into()),
            auto_read_only: None,
            cache: None,
            detect_zeroes: None,
            discard: None,
            force_share: None,
            read_only: None,
        };
        let blkdebug = BlockdevOptionsBlkdebug {
            image: BlockdevRef::reference(image.into()),
            inject_error: Some(rules.into_iter().filter_map(rule).collect()),
            align: None,
            config: None,
            max_discard: None,
            max_transfer: None,
            max_write_zero: None,
            opt_discard: None,
            opt_write_zero: None,
            set_state: None,
            take_child_perms: None,
            unshare_child_perms: None,
        };
        self.execute(blockdev_add(BlockdevOptions::blkdebug { base, blkdebug }), DEADLINE).await.map(drop)
    }

    /// Gives a device another node to work on. It has no request under way meanwhile.
    ///
    /// # Errors
    /// As [`Qmp::execute`].
    pub async fn set_drive(&self, device: &str, node: &str) -> Result<(), QmpError> {
        let (path, property, value) = (device.into(), "drive".into(), node.into());
        self.execute(qom_set { path, property, value }, DEADLINE).await.map(drop)
    }

    /// Takes a node away that nothing uses.
    ///
    /// # Errors
    /// As [`Qmp::execute`].
    pub async fn delete_node(&self, name: &str) -> Result<(), QmpError> {
        self.execute(blockdev_del { node_name: name.into() }, DEADLINE).await.map(drop)
    }

    /// Tells the balloon how many bytes to leave to the guest.
    ///
    /// # Errors
    /// As [`Qmp::execute`].
    pub async fn balloon(&self, bytes: i64) -> Result<(), QmpError> {
        self.execute(balloon { value: bytes }, DEADLINE).await.map(drop)
    }

    /// Bounds a device's I/O, reads and writes together, per second. 0 is no bound.
    ///
    /// # Errors
    /// As [`Qmp::execute`].
    pub async fn set_io_throttle(&self, device: &str, bps: i64, iops: i64) -> Result<(), QmpError> {
        #[allow(deprecated)]
        let limits = BlockIOThrottle {
            id: Some(device.into()),
            bps,
            iops,
            bps_rd: 0,
            bps_wr: 0,
            iops_rd: 0,
            iops_wr: 0,
            bps_max: None,
            bps_max_length: None,
            bps_rd_max: None,
            bps_rd_max_length: None,
            bps_wr_max: None,
            bps_wr_max_length: None,
            iops_max: None,
            iops_max_length: None,
            iops_rd_max: None,
            iops_rd_max_length: None,
            iops_wr_max: None,
            iops_wr_max_length: None,
            iops_size: None,
            group: None,
            device: None,
        };
        self.execute(block_set_io_throttle(limits), DEADLINE).await.map(drop)
    }
}

/// The local port of a forwarded connection to `port`, in the answer to `info usernet` (libslirp, src/misc.c): lines of protocol and state,
/// descriptor, source address and port, destination address and port, and queues.
fn forwarded(answer: &str, port: u16) -> Option<u16> {
    answer.lines().find_map(|line| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let [state, _, _, from, _, to, ..] = words[..] else { return None };
        (state == "TCP[HOST_FORWARD]" && to.parse() == Ok(port)).then(|| from.parse().ok())?
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_forwarded_port_is_found() {
        let answer = "Hub -1 (net):\r\n  Protocol[State]    FD  Source Address  Port   Dest. Address  Port RecvQ SendQ\r\n  \
            TCP[HOST_FORWARD]  13       127.0.0.1 40123       10.0.2.15    22     0     0\r\n";
        assert_eq!(forwarded(answer, 22), Some(40_123));
        assert_eq!(forwarded(answer, 23), None);
        assert_eq!(forwarded("TCP[ESTABLISHED] 14 127.0.0.1 5000 10.0.2.15 22 0 0\n", 22), None);
    }
}
