//! Rules for the guest: memory, disks, mounts, kernel settings.
//! Lives here: what each may be, and what cannot go together.
//! May not live here: how QEMU is told.

use super::{Checker, MAX_ITEMS};
use crate::scenario::image::ImageSpec;
use crate::scenario::model::{Disk, Filesystem, Guest};
use crate::scenario::problem::Problem;
use crate::scenario::raw::{RawDisk, RawGuest};
use crate::scenario::scalars::{BootWord, DiskName, FilePath, GuestPath, MountPoint, Setting, SettingName, Size};
use crate::scenario::transport::Transport;
use crate::scenario::units::format_size;
use crate::scenario::value::{Entries, Val};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

const MIB: u64 = 1 << 20;
/// Least memory of a guest. Measured with Debian's 6.1.0-56 and an initramfs of 6 MiB, without PVH: kernel, struct page
/// and initramfs reserve 62 MiB; with 80 MiB it panics while it unpacks, with 96 MiB it has 19 MiB left.
const MIN_MEMORY: u64 = 96 * MIB;
/// Most memory of a guest, and size of a disk: anything more is a slip of the pen.
const MAX_SIZE: u64 = 1 << 40;
/// Most disks: each takes a slot of the guest's PCI root bus, which has 32.
const MAX_DISKS: usize = 16;
/// Where the guest's system lives: mounting over one of these, or below, would take it away.
const SYSTEM: [&str; 16] = [
    "/bin",
    "/boot",
    "/dev",
    "/etc",
    "/init",
    "/lib",
    "/lib64",
    "/modules",
    "/oomph",
    "/oomph.conf",
    "/proc",
    "/run",
    "/sbin",
    "/sys",
    "/tmp",
    "/usr",
];
/// Kernel settings that the harness needs as they are: name, the only value that it can do with (none: leave it alone),
/// why.
const SETTINGS: [(&str, Option<&str>, &str); 3] = [
    ("kernel.sysrq", Some("1"), "stacks and escapes are asked for by SysRq"),
    (
        "vm.oom_dump_tasks",
        Some("0"),
        "a list of all tasks at each kill keeps the serial console busy for seconds, and that looks like a stall",
    ),
    ("kernel.printk", None, "kills and stalls are read from the console, at the level that the harness sets"),
];
/// Words of the kernel's command line that belong to the harness: name, and what to do instead.
const BOOT_WORDS: [(&str, &str); 12] = [
    ("console", "the harness reads the console on ttyS0"),
    ("init", "the guest's init is the harness's agent"),
    ("rdinit", "the guest's init is the harness's agent"),
    ("root", "the guest's root is its initramfs"),
    ("initrd", "the harness makes the initramfs"),
    ("quiet", "kills and stalls are read from the console"),
    ("loglevel", "kills and stalls are read from the console"),
    ("panic", "a panicked guest must stay as it is until it is seen"),
    ("mem", "use `guest.memory`"),
    ("maxcpus", "use `guest.cpus`"),
    ("nr_cpus", "use `guest.cpus`"),
    ("nosmp", "use `guest.cpus`"),
];

/// Where the guest mounts filesystems of the kernel's.
const COVERED: [&str; 5] = ["/dev", "/proc", "/run", "/sys", "/tmp"];

/// Least size of a filesystem, and why.
fn least(filesystem: Filesystem) -> (u64, &'static str) {
    match filesystem {
        Filesystem::Xfs => (300 * MIB, "mkfs.xfs makes no smaller one since xfsprogs 5.19"),
        Filesystem::Ext4 => (16 * MIB, "a smaller one has no room for a journal beside files"),
        Filesystem::Btrfs => (109 * MIB, "mkfs.btrfs makes no smaller one"),
        Filesystem::Swap => (MIB, "the kernel takes no area under ten pages"),
    }
}

impl Checker<'_> {
    pub(super) fn guest(&mut self, raw: &RawGuest) -> Option<Guest> {
        let cpus = self.read(&raw.cpus);
        let memory = self.size(&raw.memory, "memory");
        if let Some(memory) = memory.filter(|memory| *memory < MIN_MEMORY) {
            let problem = Problem::new(
                &raw.memory.at,
                format!("{} of memory is too small for a kernel", format_size(memory)),
                format!("expected at least {}", format_size(MIN_MEMORY)),
            );
            self.report(
                problem.help(
                    "Debian's 6.1 reserves 62 MiB for itself, panics with 80 MiB, and has 19 MiB left with 96 MiB",
                ),
            );
        }
        let image = raw.image.as_ref().map_or(Some(ImageSpec::default()), |image| self.image(image));
        let disks = raw.disks.as_ref().map_or(Some(BTreeMap::new()), |disks| self.disks(disks));
        let sysctl = self.sysctl(raw.sysctl.as_ref());
        let modules = self.all(&raw.modules);
        let cmdline = self.cmdline(&raw.cmdline);
        let files = self.files(raw.files.as_ref());
        let transport = self.read_optional(raw.transport.as_ref());
        Some(Guest {
            cpus: u32::try_from(cpus?.0).ok()?,
            memory: memory?,
            image: image?,
            transport: transport?.unwrap_or(Transport::Serial),
            disks: disks?,
            sysctl: sysctl?,
            modules: modules?.into_iter().map(|module| module.0).collect(),
            cmdline: cmdline?,
            files: files?,
        })
    }

    /// Files for the guest; each has to be at a place that nothing is mounted over.
    fn files(&mut self, raw: Option<&Entries<GuestPath, Val<FilePath>>>) -> Option<BTreeMap<String, PathBuf>> {
        let entries = raw.map_or(&[][..], |entries| &entries.0);
        self.few(entries.get(MAX_ITEMS).map(|(name, _)| &name.at), MAX_ITEMS, "files");
        let mut files = BTreeMap::new();
        for (name_val, file_val) in entries.iter().take(MAX_ITEMS) {
            let name = self.read(name_val);
            let file = self.path(file_val, Path::is_file, "file");
            let (Some(GuestPath(name)), Some(file)) = (name, file) else { continue };
            if let Some(system) = COVERED.iter().find(|system| is_at_or_below(&name, system)) {
                let message = format!("`{name}` would not be seen: the guest mounts over {system}");
                self.report(Problem::new(&name_val.at, message, "expected another place, such as `/etc/my.conf`"));
            }
            files.insert(name, file);
        }
        (files.len() == entries.len()).then_some(files)
    }

    /// A size in whole MiB, more than none.
    pub(super) fn size(&mut self, val: &Val<Size>, what: &str) -> Option<u64> {
        let Size(size) = self.read(val)?;
        let problem =
            |message: String| Problem::new(&val.at, message, "expected whole MiB, at most 1 TiB: `256 MiB`, `1 GiB`");
        if size % MIB != 0 {
            self.report(problem(format!("{} of {what} is no whole number of MiB", format_size(size))));
        } else if size == 0 {
            self.report(problem(format!("the {what} is 0")));
        } else if size > MAX_SIZE {
            self.report(problem(format!("{} of {what} is too much", format_size(size))));
        } else {
            return Some(size);
        }
        None
    }

    fn disks(&mut self, raw: &Entries<DiskName, RawDisk>) -> Option<BTreeMap<String, Disk>> {
        self.few(raw.0.get(MAX_DISKS).map(|(name, _)| &name.at), MAX_DISKS, "disks");
        let mut disks = BTreeMap::new();
        let mut mounts: Vec<(&Val<DiskName>, &Val<MountPoint>, String)> = Vec::new();
        for (name_val, disk) in raw.0.iter().take(MAX_DISKS) {
            let name = self.read(name_val);
            let filesystem = self.read(&disk.filesystem);
            let size = self.size(&disk.size, "disk");
            if let (Some(filesystem), Some(size)) = (filesystem, size) {
                self.fits(filesystem, size, disk);
            }
            let mount = match (&disk.mount, filesystem) {
                (Some(val), Some(Filesystem::Swap)) => {
                    self.report(Problem::new(&val.at, "swap is mounted nowhere", "leave `mount` out"));
                    None
                }
                (Some(val), _) => {
                    let mount = self.mount(val);
                    if let Some(mount) = &mount {
                        self.mounted_apart(name_val, val, mount, &mounts);
                        mounts.push((name_val, val, mount.clone()));
                    }
                    mount.map(Some)
                }
                (None, Some(filesystem)) if filesystem.holds_files() => {
                    let right = "expected `mount: PATH`, such as `mount: /data`";
                    self.report(Problem::new(&name_val.at, format!("`{}` is mounted nowhere", name_val.text), right));
                    None
                }
                (None, _) => Some(None),
            };
            if let (Some(name), Some(filesystem), Some(size), Some(mount)) = (name, filesystem, size, mount) {
                disks.insert(name.0, Disk { filesystem, size, mount });
            }
        }
        (disks.len() == raw.0.len()).then_some(disks)
    }

    fn fits(&mut self, filesystem: Filesystem, size: u64, disk: &RawDisk) {
        let (least, why) = least(filesystem);
        if size < least {
            let message = format!("{} is too small for {}", format_size(size), filesystem.name());
            let problem = Problem::new(&disk.size.at, message, format!("expected at least {}", format_size(least)));
            self.report(problem.help(why));
        }
    }

    fn mount(&mut self, val: &Val<MountPoint>) -> Option<String> {
        let MountPoint(mount) = self.read(val)?;
        let system = SYSTEM.iter().find(|system| is_at_or_below(&mount, system));
        if let Some(system) = system {
            let message = format!("`{mount}` would cover the guest's {system}");
            self.report(Problem::new(&val.at, message, "expected a place of its own, such as `/data`"));
            return None;
        }
        Some(mount)
    }

    fn mounted_apart(
        &mut self,
        name: &Val<DiskName>,
        val: &Val<MountPoint>,
        mount: &str,
        earlier: &[(&Val<DiskName>, &Val<MountPoint>, String)],
    ) {
        for (other_name, other_val, other) in earlier {
            let message = if mount == other {
                format!("`{}` and `{}` are mounted at one place", other_name.text, name.text)
            } else if is_at_or_below(mount, other) {
                format!("`{}` is mounted inside `{}`", name.text, other_name.text)
            } else if is_at_or_below(other, mount) {
                format!("`{}` is mounted inside `{}`", other_name.text, name.text)
            } else {
                continue;
            };
            self.report(
                Problem::new(&val.at, message, "expected a place of its own").other(&other_val.at, "the other one"),
            );
        }
    }

    fn sysctl(&mut self, raw: Option<&Entries<SettingName, Val<Setting>>>) -> Option<BTreeMap<String, String>> {
        let mut settings = BTreeMap::from([("vm.oom_dump_tasks".to_owned(), "0".to_owned())]);
        let mut sound = true;
        for (name_val, value_val) in raw.iter().flat_map(|raw| &raw.0) {
            let (name, value) = (self.read(name_val), self.read(value_val));
            let (Some(SettingName(name)), Some(Setting(value))) = (name, value) else {
                sound = false;
                continue;
            };
            let kept = SETTINGS.iter().find(|(kept, ..)| *kept == name);
            if let Some((_, only, why)) = kept.filter(|(_, only, _)| *only != Some(value.as_str())) {
                let right = only.map_or("leave it out".to_owned(), |only| format!("can only be {only} here"));
                self.report(Problem::new(&value_val.at, format!("the harness needs `{name}`"), right).help(*why));
            }
            settings.insert(name, value);
        }
        sound.then_some(settings)
    }

    fn cmdline(&mut self, raw: &[Val<BootWord>]) -> Option<Vec<String>> {
        let words = self.all(raw)?;
        for (word, val) in words.iter().zip(raw) {
            let name = word.0.split('=').next().unwrap_or_default();
            if let Some((name, why)) = BOOT_WORDS.iter().find(|(kept, _)| *kept == name) {
                let message = format!("`{name}` on the kernel's command line belongs to the harness");
                self.report(Problem::new(&val.at, message, "leave it out").help(*why));
            }
        }
        Some(words.into_iter().map(|word| word.0).collect())
    }
}

fn is_at_or_below(path: &str, above: &str) -> bool {
    path.strip_prefix(above).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}
