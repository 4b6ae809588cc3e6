//! Looking at one guest over and over.
//! Lives here: what is learnt once and kept: symbols, fields, where the kernel lies, its code; what calls of the allocator want.
//! May not live here: when to look.

use super::build_id::BuildId;
use super::code::Code;
use super::kernel::{Anchor, NotFound, Wanted};
use super::layout::{Layout, Missing};
use super::memory::{Physical, Registers};
use super::picture::{self, Picture};
use super::request::Remembered;
use super::symbols::Symbols;
use super::types::Types;

/// Looks at a guest of one kernel.
#[derive(Debug)]
pub struct Introspector {
    symbols: Symbols,
    layout: Layout,
    wanted: Wanted,
    found: Option<(Anchor, Code)>,
    requests: Remembered,
}

impl Introspector {
    /// Will look at guests of the kernel of these symbols and types. `release` is what `uname -r` says of it, where that is known.
    ///
    /// # Errors
    /// Where the types lack what every kernel has.
    pub fn new(symbols: Symbols, types: &Types, release: Option<String>) -> Result<Self, Missing> {
        let (layout, wanted) = (Layout::new(types)?, Wanted { release, build: None });
        Ok(Self { symbols, layout, wanted, found: None, requests: Remembered::default() })
    }

    /// The build that the symbols are of, where they say so: no other is looked at.
    #[must_use]
    pub fn of_build(mut self, build: Option<BuildId>) -> Self {
        self.wanted.build = build;
        self
    }

    /// The function that an address is in, modules' as well, as `name+0x12`; `None` before the kernel is found.
    pub fn name(&self, address: u64) -> Option<String> {
        let (_, code) = self.found.as_ref()?;
        let function = code.function(&self.symbols, address)?;
        let module = function.module.map(|module| format!(" [{module}]")).unwrap_or_default();
        Some(format!("{}+{:#x}{module}", function.name, function.offset))
    }

    /// Looks at a guest. The first look needs its processors' registers, to find the kernel; later ones without them do not see the
    /// stacks of tasks that run.
    ///
    /// # Errors
    /// Where the kernel is not found in this memory.
    pub fn look(&mut self, memory: &dyn Physical, registers: &[Registers]) -> Result<Picture, NotFound> {
        if self.found.is_none() {
            let anchor = Anchor::find(memory, registers, &self.symbols, &self.wanted)?;
            if anchor.slide != 0 {
                self.symbols = std::mem::take(&mut self.symbols).shifted(anchor.slide);
            }
            let code = Code::new(&anchor.kernel(memory, &self.symbols, &self.layout));
            self.found = Some((anchor, code));
        }
        let Some((anchor, code)) = &mut self.found else { return Err(NotFound::NoBanner) };
        let kernel = anchor.kernel(memory, &self.symbols, &self.layout);
        code.refresh(&kernel);
        let mut picture = picture::take(&kernel, code, registers);
        self.requests.complete(&mut picture.tasks);
        Ok(picture)
    }
}
