//! Disks found by what lies on stacks.
//! Lives here: a guest made by hand with two disks, and stacks that wait for them.
//! May not live here: how memory is made (`fixture`).
#![allow(clippy::unwrap_used)]

use super::ages::{About, Age};
use super::disks::Disks;
use super::fixture::{self, Guest, SUPER_BLOCKS, SWAP_INFO};
use super::layout::Layout;
use super::stack::{Call, Stack};

const DISKS: u64 = 0xffff_8880_0040_0000;
const SUPER: u64 = 0xffff_8880_0041_0000;
const AREA: u64 = 0xffff_8880_0042_0000;
const PAGE: u64 = 0xffff_ea00_0001_0000;
const MAPPING: u64 = 0xffff_8880_0043_0000;
const INODE: u64 = 0xffff_8880_0044_0000;
const STACK: u64 = 0xffff_c900_0001_0000;
const TASK: u64 = 0xffff_8880_0045_0000;

fn device(number: u64) -> u64 {
    DISKS + number * 0x1000
}

fn disk(number: u64) -> u64 {
    device(number) + 0x400
}

fn queue(number: u64) -> u64 {
    device(number) + 0x800
}

fn private(number: u64) -> u64 {
    device(number) + 0xc00
}

/// Swap on `loop0`, a filesystem on `vda`.
fn guest() -> Guest {
    let mut guest = Guest::new();
    for (number, name) in [(0, &b"loop0\0"[..]), (1, &b"vda\0"[..])] {
        guest.put(device(number) + 0x10, disk(number));
        guest.write(disk(number), &[0; 0x100]);
        guest.write(disk(number) + 0x10, name);
        guest.put(disk(number) + 0x40, queue(number));
        guest.put(disk(number) + 0x48, private(number));
    }
    guest.write(SWAP_INFO, &[0; 0x100]);
    guest.put(SWAP_INFO, AREA);
    guest.put(AREA + 0x18, device(0));
    guest.ring(&[SUPER_BLOCKS, SUPER]);
    guest.put(SUPER + 0x48, device(1));
    guest
}

/// A stack of two frames of ten words, the second of the allocator; with these words, by their numbers.
fn stack(words: &[(usize, u64)]) -> Stack {
    let call = |at: u64| Call { address: 0, sp: STACK + at * 80, reliable: true };
    let mut stack = Stack { calls: vec![call(0), call(1)], words: vec![0; 20], from: STACK, ..Stack::default() };
    words.iter().for_each(|&(at, word)| stack.words[at] = word);
    stack
}

fn waited_for(guest: &Guest, functions: &[&str], words: &[(usize, u64)]) -> Option<String> {
    waited_for_in(&fixture::layout(), guest, functions, words)
}

fn waited_for_in(layout: &Layout, guest: &Guest, functions: &[&str], words: &[(usize, u64)]) -> Option<String> {
    let symbols = fixture::symbols();
    let kernel = guest.kernel(&symbols, layout);
    let mut disks = Disks::new(&kernel, &kernel.filesystems());
    let found = disks.waited_for(&kernel, TASK, &stack(words), functions)?;
    Some(disks.all[found].name.clone())
}

const TAG: &[&str] = &["blk_mq_get_tag", "__alloc_pages"];
const PAGES: &[&str] = &["folio_wait_bit_common", "__alloc_pages"];

#[test]
fn a_wait_for_a_tag_is_a_wait_for_the_queue_on_the_stack() {
    let guest = guest();
    assert_eq!(waited_for(&guest, TAG, &[(3, queue(0))]).as_deref(), Some("loop0"));
    assert_eq!(waited_for(&guest, TAG, &[(3, device(1))]).as_deref(), Some("vda"));
    assert_eq!(waited_for(&guest, TAG, &[(3, disk(1)), (5, queue(0))]).as_deref(), Some("vda"), "the innermost");
    assert_eq!(waited_for(&guest, TAG, &[(12, queue(0))]), None, "outside of the allocator it is another matter");
    assert_eq!(waited_for(&guest, TAG, &[]), None);
}

#[test]
fn a_wait_for_a_page_is_a_wait_for_the_disk_of_its_file() {
    let mut guest = guest();
    // struct wait_page_queue: the page, then the entry, whose task is 8 bytes into it.
    let entry = [(2, PAGE), (2 + 0x18 / 8, TASK)];
    guest.put(PAGE + 0x18, MAPPING);
    guest.put(MAPPING, INODE);
    guest.put(INODE + 0x28, SUPER);
    assert_eq!(waited_for(&guest, PAGES, &entry), None, "the entry lies in the task's stack, which is memory, too");
    entry.iter().for_each(|&(at, word)| guest.put(STACK + at as u64 * 8, word));
    assert_eq!(waited_for(&guest, PAGES, &entry).as_deref(), Some("vda"));
    guest.put(PAGE + 0x18, MAPPING | 1);
    assert_eq!(waited_for(&guest, PAGES, &entry).as_deref(), Some("loop0"), "anonymous memory is swapped there");
    guest.put(PAGE + 0x18, 0);
    assert_eq!(waited_for(&guest, PAGES, &entry), None, "truncated meanwhile");
    assert_eq!(waited_for(&guest, PAGES, &[(3, queue(0))]), None, "a queue on the stack is not what it waits for");
}

#[test]
fn up_to_4_9_the_wait_is_for_a_bit_of_the_pages_flags() {
    let mut guest = guest();
    guest.put(PAGE + 0x18, MAPPING);
    guest.put(MAPPING, INODE);
    guest.put(INODE + 0x28, SUPER);
    // struct wait_bit_queue: the word, with which a page begins, then the entry, whose task is 8 bytes into it.
    let entry = [(2, PAGE), (2 + 0x20 / 8, TASK)];
    entry.iter().for_each(|&(at, word)| guest.put(STACK + at as u64 * 8, word));
    let locks = ["sleep_on_page", "__wait_on_bit_lock", "__lock_page", "__alloc_pages_nodemask"];
    let written = ["sleep_on_page", "__wait_on_bit", "wait_on_page_bit", "__alloc_pages_nodemask"];
    for functions in [locks, written] {
        let found = |version| {
            let layout = Age::new(version, About::Inode).layout;
            waited_for_in(&layout, &guest, &functions, &entry)
        };
        assert_eq!([(3, 10), (4, 9)].map(found), [Some("vda".to_owned()), Some("vda".to_owned())], "{functions:?}");
        assert_eq!(found((4, 14)), None, "the entry is another");
    }
}

#[test]
fn the_pages_of_a_disk_that_nothing_is_mounted_from_lead_to_it() {
    let mut guest = guest();
    // struct bdev_inode: the device, 0x100 bytes in the layout of these tests, then its inode.
    let (device, disk) = (INODE - 0x100, device(2));
    guest.write(device, &[0; 0x200]);
    guest.write(disk, &[0; 0x100]);
    guest.write(disk + 0x10, b"loop1\0");
    guest.put(device + 0x10, disk);
    guest.put(PAGE + 0x18, MAPPING);
    guest.put(MAPPING, INODE);
    let entry = [(2, PAGE), (2 + 0x18 / 8, TASK)];
    entry.iter().for_each(|&(at, word)| guest.put(STACK + at as u64 * 8, word));
    assert_eq!(waited_for(&guest, PAGES, &entry), None, "nothing says that it is one");
    guest.put(device + 0x18, INODE);
    assert_eq!(waited_for(&guest, PAGES, &entry).as_deref(), Some("loop1"));
}

#[test]
fn a_worker_is_known_by_its_device() {
    let guest = guest();
    let (symbols, layout) = (fixture::symbols(), fixture::layout());
    let kernel = guest.kernel(&symbols, &layout);
    let disks = Disks::new(&kernel, &kernel.filesystems());
    let served = |functions: &[&str], words: &[(usize, u64)]| disks.served_by(&stack(words), functions.iter().copied());
    assert_eq!(served(&["__alloc_pages", "loop_workfn"], &[(15, private(0))]), Some(0));
    assert_eq!(served(&["__alloc_pages", "loop_workfn"], &[]), None);
    assert_eq!(served(&["__alloc_pages", "vfs_write"], &[(15, private(0))]), None);
    assert!(disks.all[0].swap && !disks.all[1].swap);
}
