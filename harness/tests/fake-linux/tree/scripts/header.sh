# The start of a bzImage as far as oomph reads it (Documentation/arch/x86/boot.rst).
zeros() { head -c "$1" /dev/zero; }
zeros 510; printf '\125\252'                # 0x1fe: 0xaa55
zeros 2; printf 'HdrS\017\002'              # 0x202: the magic; 0x206: protocol 2.15
zeros 6; printf '\000\060'                  # 0x20e: the version's place, 0x3000 + 0x200
zeros 38; printf '\077'                     # 0x236: xloadflags, 64-bit
zeros 12233; printf '6.1.7 (oomph@oomph) #1'
zeros 4074
