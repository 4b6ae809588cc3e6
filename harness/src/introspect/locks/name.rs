//! Whose lock a lock is.
//! Lives here: the inode, the directory or the address space around a lock.
//! May not live here: finding locks.

use super::{Known, LockKind};
use crate::introspect::kernel::Kernel;
use crate::introspect::layout::Field;
use std::collections::HashMap;

/// Most directories above a file that are looked at.
const MOST_PARENTS: usize = 16;
/// Bytes of a device's name and of a file's.
const DEVICE_BYTES: usize = 32;
const FILE_BYTES: usize = 128;

/// What a lock belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Named {
    /// A field of an inode.
    Inode {
        /// The lock's name in the kernel.
        field: &'static str,
        /// The filesystem's device, as the kernel calls it, for example `vda`.
        device: String,
        /// The inode's number.
        number: u64,
        /// Its path from the filesystem's root, where it has a name in the cache.
        path: Option<String>,
    },
    /// The lock of an address space; one of the processes that have it.
    AddressSpace {
        /// Process id.
        tgid: u32,
        /// Name.
        comm: String,
    },
    /// A variable of the kernel.
    Variable(String),
}

impl std::fmt::Display for Named {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Inode { field, device, number, path } => match path {
                Some(path) => write!(f, "{field} of {device}:{path} (inode {number})"),
                None => write!(f, "{field} of inode {number} on {device}"),
            },
            Self::AddressSpace { tgid, comm } => write!(f, "mmap_lock of {comm}[{tgid}]"),
            Self::Variable(name) => f.write_str(name),
        }
    }
}

/// The filesystems that are mounted: address of the super block to the name of its device.
#[derive(Clone, Debug, Default)]
pub struct Filesystems(HashMap<u64, String>);

impl Filesystems {
    /// Reads their names.
    pub fn new(kernel: &Kernel<'_>, blocks: &[u64]) -> Self {
        let named = |&block: &u64| Some((block, kernel.text(block, Field::SuperId, DEVICE_BYTES)?));
        Self(blocks.iter().filter_map(named).collect())
    }
}

/// The places where a lock of one kind may lie in an inode: the kernel's name, the lock's field, and the field of the structure
/// around it that is the inode.
const IN_INODES: &[(LockKind, &str, Field, Option<Field>)] = &[
    (LockKind::Rwsem, "i_rwsem", Field::InodeLock, None),
    (LockKind::Mutex, "i_mutex", Field::InodeLock, None),
    (LockKind::Rwsem, "XFS's i_lock", Field::XfsLock, Some(Field::XfsInode)),
    (LockKind::Rwsem, "XFS's i_iolock", Field::XfsIoLock, Some(Field::XfsInode)),
];

pub(super) fn name(
    kernel: &Kernel<'_>,
    filesystems: &Filesystems,
    known: &Known<'_>,
    lock: u64,
    kind: LockKind,
) -> Option<Named> {
    let inodes = IN_INODES.iter().filter(|(of, ..)| *of == kind);
    let in_inode = inodes.filter_map(|&(_, field, place, inner)| {
        let around = lock.wrapping_sub(kernel.layout.offset(place)?);
        let inode = match inner {
            Some(inner) => kernel.address(around, inner)?,
            None => around,
        };
        // It is one where its filesystem is one.
        let device = filesystems.0.get(&kernel.pointer(inode, Field::InodeSuper)?)?.clone();
        Some(Named::Inode {
            field,
            device,
            number: kernel.field(inode, Field::InodeNumber)?,
            path: path(kernel, inode),
        })
    });
    let in_space = || {
        let mm = lock.wrapping_sub(kernel.layout.offset(Field::MmLock)?);
        let (task, _) = known.values().filter(|(task, _)| task.mm == mm && mm != 0).min_by_key(|(task, _)| task.pid)?;
        Some(Named::AddressSpace { tgid: task.tgid, comm: task.comm.clone() })
    };
    let variable = || kernel.symbols.starting_at(lock).map(|name| Named::Variable(name.to_owned()));
    in_inode.into_iter().next().or_else(in_space).or_else(variable)
}

/// The path of an inode by the first of its names.
fn path(kernel: &Kernel<'_>, inode: u64) -> Option<String> {
    let alias = kernel.pointer(inode, Field::InodeDentry)?;
    let mut dentry = alias.wrapping_sub(kernel.layout.offset(Field::DentryAlias)?);
    let mut names = Vec::new();
    for _ in 0..MOST_PARENTS {
        let parent = kernel.pointer(dentry, Field::DentryParent)?;
        if parent == dentry {
            names.reverse();
            return Some(format!("/{}", names.join("/")));
        }
        names.push(kernel.space.text(kernel.pointer(dentry, Field::DentryName)?, FILE_BYTES)?);
        dentry = parent;
    }
    None
}
