//! One line of a stack.
//! Lives here: the formats of `printk_stack_address` and its forebears (arch/x86/kernel/dumpstack.c), 3.10 to 7.2.
//! May not live here: what a function is for.

use serde::Serialize;

/// Longest function name kept, in bytes. KSYM_NAME_LEN is 512 in newer kernels, for names nobody waits in.
const MAX_NAME: usize = 96;

/// A name without an offset is taken for one only from so many bytes on.
const SHORTEST_BARE: usize = 4;

/// One return address.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub struct Frame {
    /// The function, without what compilers append (`.isra.0`, `.part.3`, `.constprop.0`, `.cold`, `.llvm.1`).
    pub function: String,
    /// The module that it is in.
    pub module: Option<String>,
    /// Whether the unwinder vouches for it. Where it is false (`?`), the address may be left from an earlier call.
    pub reliable: bool,
}

/// Reads one line of a stack: ` [<ffffffff8160a5ed>] ? schedule+0x29/0x70 [xfs]` (up to 4.9, with `<IRQ>`, `<NMI>` or
/// `<<EOE>>` before it), ` ? schedule+0x29/0x70 [xfs]` (later), ` ? schedule`, ` schedule (kernel/sched/core.c:1)`.
pub(super) fn read(text: &str) -> Option<Frame> {
    let mut rest = text.strip_prefix(' ')?.trim_start_matches(' ');
    // Marks of stacks, which stood before the first address of each, and the address itself.
    while let Some(inner) = rest.strip_prefix("[<").or_else(|| rest.strip_prefix('<')) {
        let close = inner.find('>')?;
        rest = inner[close..].trim_start_matches(['>', ']']).trim_start_matches(' ');
    }
    let (reliable, rest) = match rest.strip_prefix("? ") {
        Some(rest) => (false, rest),
        None => (true, rest),
    };
    let end = rest.bytes().position(|byte| !is_name(byte)).unwrap_or(rest.len());
    let (name, rest) = rest.split_at(end);
    if !name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') {
        return None;
    }
    let rest = match rest.strip_prefix("+0x") {
        Some(offset) => offset.trim_start_matches(|c: char| c.is_ascii_hexdigit() || matches!(c, '/' | 'x')),
        None if name.len() >= SHORTEST_BARE && !is_word_of_stack(name) => rest,
        None => return None,
    };
    let module = match rest.trim_end() {
        "" => None,
        // A build id may follow the module's name (%pBb, 5.14 and later).
        rest => match rest.strip_prefix(" [").and_then(|inner| inner.strip_suffix(']')) {
            Some(inner) => Some(inner.split(' ').next().unwrap_or(inner).to_owned()),
            None if rest.starts_with(" (") && rest.contains(':') => None,
            None => return None,
        },
    };
    Some(Frame { function: plain(name), module, reliable })
}

fn is_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'$')
}

/// A row of raw stack words, which kernels up to 4.9 print before a trace, may hold a single one.
fn is_word_of_stack(name: &str) -> bool {
    matches!(name.len(), 8 | 16) && name.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Whether a line ends the stack of an interrupt: what was read so far is not the task's. `</IRQ>` and its like stand
/// alone (4.9 and later); before that ` <EOI> ` and ` <<EOE>> ` stand before the task's first address.
pub(super) fn ends_interrupt(text: &str) -> bool {
    let bare = text.trim_start_matches(' ');
    ["</IRQ>", "</SOFTIRQ>", "</NMI>", "<EOI>", "<<EOE>>"].iter().any(|mark| bare.starts_with(mark))
}

impl Frame {
    /// Whether it is where an interrupt enters the kernel.
    pub(super) fn is_interrupt_entry(&self) -> bool {
        // asm_ from 5.8 on.
        self.function.starts_with("asm_")
            || ["common_interrupt", "ret_from_intr", "retint_user", "apic_timer_interrupt", "reschedule_interrupt"]
                .contains(&self.function.as_str())
    }
}

/// Where a processor was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Instruction {
    /// In a program.
    User,
    /// In the kernel, in this function.
    Kernel(Frame),
}

/// Reads `RIP: 0010:schedule+0x29/0x70` (4.10 and later) or `RIP: 0010:[<ffffffff8160a5ed>]  [<ffffffff8160a5ed>]
/// schedule+0x29/0x70` (before). The last two bits of the code segment are the privilege level: 3 is a program's.
pub(super) fn instruction(text: &str) -> Option<Instruction> {
    let (segment, rest) = text.strip_prefix("RIP: ")?.split_once(':')?;
    let segment = u16::from_str_radix(segment, 16).ok()?;
    if segment & 3 == 3 {
        return Some(Instruction::User);
    }
    read(&format!(" {rest}")).map(Instruction::Kernel)
}

/// The name without what compilers append.
pub(crate) fn plain(name: &str) -> String {
    let name = name.split('.').next().filter(|head| !head.is_empty()).unwrap_or(name);
    name[..name.floor_char_boundary(MAX_NAME)].to_owned()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn told(text: &str) -> Option<(String, Option<String>, bool)> {
        read(text).map(|frame| (frame.function, frame.module, frame.reliable))
    }

    #[test]
    fn reads_frames_of_every_age() {
        let frame = |name: &str, module: Option<&str>, reliable| Some((name.into(), module.map(Into::into), reliable));
        assert_eq!(told(" [<ffffffff8160a5ed>] schedule+0x29/0x70"), frame("schedule", None, true));
        assert_eq!(told(" [<ffffffffa01d8b05>] ? xfs_ilock+0x105/0x1e0 [xfs]"), frame("xfs_ilock", Some("xfs"), false));
        assert_eq!(told(" <NMI>  [<ffffffff8160a5ed>] dump_stack+0x19/0x1b"), frame("dump_stack", None, true));
        assert_eq!(told(" <<EOE>>  [<ffffffff8160a5ed>] ? rcu_gp+0x1/0x2"), frame("rcu_gp", None, false));
        assert_eq!(told("  xfs_ilock+0x105/0x1e0 [xfs 0f1e2d]"), frame("xfs_ilock", Some("xfs"), true));
        assert_eq!(
            told("  ? __alloc_pages_slowpath.constprop.0+0x333/0xc50"),
            frame("__alloc_pages_slowpath", None, false)
        );
        assert_eq!(told(" shrink_node"), frame("shrink_node", None, true));
        assert_eq!(told(" schedule (kernel/sched/core.c:6642 (discriminator 1))"), frame("schedule", None, true));
    }

    #[test]
    fn reads_where_a_processor_was() {
        let kernel = |text| match instruction(text) {
            Some(Instruction::Kernel(frame)) => frame.function,
            other => panic!("{other:?}"),
        };
        assert_eq!(kernel("RIP: 0010:shrink_node+0x12/0x340"), "shrink_node");
        assert_eq!(kernel("RIP: 0010:[<ffffffff8105b2a6>]  [<ffffffff8105b2a6>] shrink_zone+0x6/0x10"), "shrink_zone");
        assert_eq!(instruction("RIP: 0033:0x313178"), Some(Instruction::User));
        assert_eq!(
            instruction("RIP: 0033:[<00007f1e4c1d8a3d>]  [<00007f1e4c1d8a3d>] 0x7f1e4c1d8a3c"),
            Some(Instruction::User)
        );
        assert_eq!(instruction("RIP: 0010:0xffffffff8105b2a6"), None);
    }

    #[test]
    fn other_lines_are_no_frames() {
        for text in [
            "schedule+0x29/0x70",
            " 0xffffffff8160a5ed",
            " ffff88000f7d3a40 0000000000000046 ffff88000d5ec000 ffff88000d5edfd8",
            "  <TASK>",
            " ffff88000f7d3a40",
            " S",
            "   .rt_nr_running                 : 0",
            " S            init     1      2379.513953",
            " slab_reclaimable:168 slab_unreclaimable:1855",
            " free:47919 free_pcp:1654 free_cma:0",
            " [<",
            " <IRQ>",
            "",
        ] {
            assert_eq!(told(text), None, "{text}");
        }
    }
}
