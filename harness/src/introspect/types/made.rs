//! BTF made by hand, as Documentation/bpf/btf.rst has it.
//! Lives here: writing the section, type by type.
//! May not live here: anything outside of tests and `make fuzz` (feature `fixture`).
#![allow(missing_docs)]

use super::{NotRead, Types};

/// A section that is being written.
#[derive(Default)]
pub(in crate::introspect) struct Btf {
    types: Vec<u32>,
    strings: Vec<u8>,
    count: u32,
    /// What the header says of the kinds of types, where it does.
    pub layout: Vec<u8>,
}

impl Btf {
    /// Without any type.
    pub fn new() -> Self {
        Self { strings: vec![0], ..Self::default() }
    }

    /// Adds a string; its place.
    pub fn string(&mut self, text: &str) -> u32 {
        if text.is_empty() {
            return 0;
        }
        let at = self.strings.len() as u32;
        self.strings.extend(text.bytes().chain([0]));
        at
    }

    /// Adds a type with what follows it; its id.
    pub fn add(&mut self, name: &str, info: u32, size_or_type: u32, behind: &[u32]) -> u32 {
        let name = self.string(name);
        self.types.extend([name, info, size_or_type]);
        self.types.extend(behind);
        self.count += 1;
        self.count
    }

    /// Adds a number of so many bytes; its id.
    pub fn int(&mut self, name: &str, size: u32, signed: bool) -> u32 {
        self.add(name, 1 << 24, size, &[(8 * size) | (u32::from(signed) << 24)])
    }

    /// A structure of (name, type, bits from its start, width).
    pub fn structure(&mut self, name: &str, size: u32, flag: u32, fields: &[(&str, u32, u32, u32)]) -> u32 {
        let parts = fields.iter().flat_map(|&(name, kind, at, width)| [self.string(name), kind, at | width << 24]);
        let parts: Vec<u32> = parts.collect();
        self.add(name, flag | 4 << 24 | fields.len() as u32, size, &parts)
    }

    /// The section.
    pub fn bytes(&self) -> Vec<u8> {
        let types: Vec<u8> = self.types.iter().flat_map(|word| word.to_le_bytes()).collect();
        let (length, strings) = (types.len() as u32, self.strings.len() as u32);
        let mut header = vec![0x0001_eb9f, 24, 0, length, length, strings];
        if !self.layout.is_empty() {
            header[1] = 32;
            header.extend([length + strings, self.layout.len() as u32]);
        }
        let header: Vec<u8> = header.iter().flat_map(|word: &u32| word.to_le_bytes()).collect();
        [header, types, self.strings.clone(), self.layout.clone()].concat()
    }

    /// The types in it.
    pub fn read(&self) -> Result<Types, NotRead> {
        Types::from_btf(&self.bytes())
    }
}
