//! Processors' registers as QEMU prints them.
//! Lives here: finding each processor's next instruction (pure).
//! May not live here: what function that is.

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
    fn each_processor_is_found() {
        let text = "\r\nCPU#0\r\nRAX=00000006e26de012 RBX=0000000000001dbe\r\nR8 =0000000000250405 R9 =0\r\n\
                    RIP=ffffffff81cb5e57 RFL=00000283 [--S---C] CPL=0 II=0\r\nES =0000\r\n\r\n\
                    CPU#1\r\nRIP=0000000000401000 RFL=00000246 [---Z-P-] CPL=3\r\n\r\nCPU#2\r\nRIP=nonsense\r\n";
        assert_eq!(next_instructions(text), [(0, 0xffff_ffff_81cb_5e57), (1, 0x40_1000)]);
        assert_eq!(next_instructions(""), []);
    }
}
