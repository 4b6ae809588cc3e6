//! The commands that are used.
//! Lives here: one short method for each.
//! May not live here: the transport, or when to use them.

use super::{DEADLINE, Qmp, QmpError};
use qapi::Enum;
use qapi::qmp::{
    BlockIOThrottle, block_set_io_throttle, chardev_send_break, cont, query_status, query_version, quit, stop,
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

    /// Sends a serial break through a character device.
    ///
    /// # Errors
    /// As [`Qmp::execute`].
    pub async fn send_break(&self, chardev: &str) -> Result<(), QmpError> {
        self.execute(chardev_send_break { id: chardev.into() }, DEADLINE).await.map(drop)
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
