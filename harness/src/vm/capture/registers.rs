//! Processors' registers as QEMU prints them.
//! Lives here: finding each processor's next instruction, and what leads to its stack and memory (pure).
//! May not live here: what function that is.

use crate::introspect::memory::Registers;

/// What `info registers -a` tells of each processor.
pub fn all(text: &str) -> Vec<Registers> {
    let mut found: Vec<Registers> = Vec::new();
    for line in text.lines() {
        if line.starts_with("CPU#") {
            found.push(Registers::default());
        }
        let Some(cpu) = found.last_mut() else { continue };
        // `CS =0010 0000000000000000 …`: the selector stands first.
        if let Some(selector) = line.strip_prefix("CS =").and_then(|rest| rest.get(..4)) {
            cpu.cs = u64::from_str_radix(selector, 16).unwrap_or(0);
        }
        for word in line.split_ascii_whitespace() {
            let Some((name, value)) = word.split_once('=') else { continue };
            let field = match name {
                "RIP" => &mut cpu.rip,
                "RSP" => &mut cpu.rsp,
                "RBP" => &mut cpu.rbp,
                "CR3" => &mut cpu.cr3,
                "CR4" => &mut cpu.cr4,
                _ => continue,
            };
            *field = u64::from_str_radix(value, 16).unwrap_or(0);
        }
    }
    found
}

/// Each processor and the address of its next instruction, from `info registers -a`.
pub fn next_instructions(text: &str) -> Vec<(u32, u64)> {
    let mut found = Vec::new();
    let mut cpu = None;
    for line in text.lines() {
        if let Some(number) = line.strip_prefix("CPU#") {
            cpu = number.trim().parse().ok();
        }
        let rip = line.split_whitespace().find_map(|word| word.strip_prefix("RIP="));
        if let Some(rip) = rip.and_then(|hex| u64::from_str_radix(hex, 16).ok())
            && let Some(cpu) = cpu.take()
        {
            found.push((cpu, rip));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_leads_to_stack_and_memory_is_found() {
        let text = "\r\nCPU#0\r\nRAX=0 RBX=0 RCX=0 RDX=0\r\nRSI=0 RDI=0 RBP=ffffc90000013e58 RSP=ffffc90000013e40\r\n\
                    RIP=ffffffff81cb5e57 RFL=00000283 [--S---C] CPL=0 II=0 A20=1 SMM=0 HLT=0\r\n\
                    CS =0010 0000000000000000 ffffffff 00af9b00 DPL=0 CS64 [-RA]\r\n\
                    CR0=80050033 CR2=00007f0000001000 CR3=0000000002a10000 CR4=000006f0\r\n";
        let told = Registers {
            rip: 0xffff_ffff_81cb_5e57,
            rsp: 0xffff_c900_0001_3e40,
            rbp: 0xffff_c900_0001_3e58,
            cr3: 0x2a1_0000,
            cr4: 0x6f0,
            cs: 0x10,
        };
        assert_eq!(all(text), [told]);
        assert!(!told.in_user() && all("").is_empty());
    }

    #[test]
    fn each_processor_is_found() {
        let text = "\r\nCPU#0\r\nRAX=00000006e26de012 RBX=0000000000001dbe\r\nR8 =0000000000250405 R9 =0\r\n\
                    RIP=ffffffff81cb5e57 RFL=00000283 [--S---C] CPL=0 II=0\r\nES =0000\r\n\r\n\
                    CPU#1\r\nRIP=0000000000401000 RFL=00000246 [---Z-P-] CPL=3\r\n\r\nCPU#2\r\nRIP=nonsense\r\n";
        assert_eq!(next_instructions(text), [(0, 0xffff_ffff_81cb_5e57), (1, 0x40_1000)]);
        assert_eq!(next_instructions(""), []);
    }
}
