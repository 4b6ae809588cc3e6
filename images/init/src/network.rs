//! The network: one interface, one address.
//! Lives here: finding the interface and bringing it up, as netdevice(7) has it.
//! May not live here: routes or names: whoever speaks with the guest is in its own network.

use crate::clock;
use crate::failure::{Failure, Step, errno_of};
use rustix::fd::{AsRawFd, OwnedFd};
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketType, socket};
use std::fs;
use std::net::Ipv4Addr;
use std::path::Path;
use std::time::Duration;

/// How long the interface may take to appear: drivers may probe in the background.
const APPEAR: Duration = Duration::from_secs(10);

/// Gives the first interface an address, with `prefix` bits for the network, and brings it up.
pub fn bring_up(address: Ipv4Addr, prefix: u8) -> Result<(), Failure> {
    let end = clock::now() + APPEAR;
    let name = loop {
        match first(Path::new("/sys/class/net")) {
            Some(name) => break name,
            None if clock::now() > end => {
                let what = "network: there is no interface (CONFIG_VIRTIO_NET)".to_owned();
                return Err(Failure { what, errno: Errno::NODEV });
            }
            None => clock::sleep(Duration::from_millis(50)),
        }
    };
    let step = |what: &str| format!("network: {what} {name}");
    let socket = socket(AddressFamily::INET, SocketType::DGRAM, None).step(|| "network: socket".to_owned())?;
    let mask = Ipv4Addr::from(u32::MAX.checked_shl(32 - u32::from(prefix)).unwrap_or(0));
    let set = |request, value| set(&socket, request, &name, value);
    set(libc::SIOCSIFADDR, Value::Address(address)).step(|| step("set the address of"))?;
    set(libc::SIOCSIFNETMASK, Value::Address(mask)).step(|| step("set the mask of"))?;
    set(libc::SIOCSIFFLAGS, Value::Flags(libc::IFF_UP | libc::IFF_RUNNING)).step(|| step("bring up"))
}

/// The first interface by name that is not the loopback, below `class` (/sys/class/net).
fn first(class: &Path) -> Option<String> {
    let names = fs::read_dir(class).ok()?.filter_map(Result::ok);
    names.filter_map(|entry| entry.file_name().into_string().ok()).filter(|name| name != "lo").min()
}

/// What an interface is told.
enum Value {
    Address(Ipv4Addr),
    Flags(libc::c_int),
}

fn set(socket: &OwnedFd, request: libc::Ioctl, name: &str, value: Value) -> Result<(), Errno> {
    // SAFETY: all-zero is a valid ifreq.
    let mut what: libc::ifreq = unsafe { std::mem::zeroed() };
    // One byte stays zero, so that the name ends.
    for (to, from) in what.ifr_name[..libc::IFNAMSIZ - 1].iter_mut().zip(name.bytes()) {
        *to = from.cast_signed();
    }
    match value {
        Value::Address(address) => {
            let address = libc::sockaddr_in {
                sin_family: libc::AF_INET.unsigned_abs() as libc::sa_family_t,
                sin_port: 0,
                sin_addr: libc::in_addr { s_addr: u32::from(address).to_be() },
                sin_zero: [0; 8],
            };
            // SAFETY: sockaddr_in and sockaddr have the same size, and every pattern of bits is a sockaddr.
            what.ifr_ifru.ifru_addr = unsafe { std::mem::transmute::<libc::sockaddr_in, libc::sockaddr>(address) };
        }
        Value::Flags(flags) => what.ifr_ifru.ifru_flags = flags as libc::c_short,
    }
    // SAFETY: these requests read an ifreq and write none; it lives through the call.
    let result = unsafe { libc::ioctl(socket.as_raw_fd(), request, &raw const what) };
    if result == 0 { Ok(()) } else { Err(errno_of(&std::io::Error::last_os_error())) }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_loopback_is_no_interface_of_ours() {
        let class = std::env::temp_dir().join(format!("oomph-net-{}", std::process::id()));
        fs::create_dir_all(class.join("lo")).unwrap();
        let alone = first(&class);
        fs::create_dir_all(class.join("eth1")).unwrap();
        fs::create_dir_all(class.join("eth0")).unwrap();
        let found = first(&class);
        fs::remove_dir_all(&class).unwrap();
        assert_eq!((alone, found), (None, Some("eth0".to_owned())));
    }
}
