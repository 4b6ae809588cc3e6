//! Looking at a running guest's memory.
//! Lives here: one look after the other, each on a thread of its own, and what is kept between them.
//! May not live here: when to look (`machine`), what a look sees (`introspect`).

use super::pictures::Pictures;
use crate::event::Kind;
use crate::introspect::{Introspector, NotFound, picture::Picture};
use crate::vm::Vm;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Makes an introspector of the guest's kernel; what it says where it cannot is for people. Reads files, and takes up to a second.
pub type Lens = Arc<dyn Fn() -> Result<Introspector, String> + Send + Sync>;

/// So many looks may fail to find the kernel before it is given up: a guest whose registers are in a program's page tables each
/// time is improbable.
const TRIES: u32 = 20;

/// What a look has come to.
pub struct Looked {
    introspector: Result<Box<Introspector>, String>,
    seen: Result<(Box<Picture>, Duration), NotFound>,
}

/// A guest that is looked at over and over.
pub struct Looks {
    lens: Option<Lens>,
    introspector: Option<Box<Introspector>>,
    pictures: Pictures,
    failed: u32,
}

impl Looks {
    /// Will look through `lens`, if there is one.
    pub fn new(lens: Option<Lens>) -> Self {
        Self { lens, introspector: None, pictures: Pictures::default(), failed: 0 }
    }

    /// Begins a look; `None` where the guest cannot be looked at.
    pub fn begin(&mut self, vm: &Vm) -> Option<Pin<Box<dyn Future<Output = Looked>>>> {
        let (lens, memory) = (self.lens.clone()?, vm.ram()?);
        let kept = self.introspector.take();
        let registers = vm.registers();
        Some(Box::pin(async move {
            let registers = registers.await;
            let look = tokio::task::spawn_blocking(move || {
                let introspector = kept.map_or_else(|| lens().map(Box::new), Ok);
                let mut introspector = match introspector {
                    Ok(introspector) => introspector,
                    Err(why) => return Looked { introspector: Err(why), seen: Err(NotFound::NoBanner) },
                };
                let began = Instant::now();
                let seen = introspector.look(memory.as_ref(), &registers);
                let seen = seen.map(|picture| (Box::new(picture), began.elapsed()));
                Looked { introspector: Ok(introspector), seen }
            });
            look.await.unwrap_or_else(|error| Looked {
                introspector: Err(format!("looking failed: {error}")),
                seen: Err(NotFound::NoBanner),
            })
        }))
    }

    /// The function that an address is in, modules' as well, as `name+0x12`; `None` where nobody has looked yet.
    pub fn name(&self, address: u64) -> Option<String> {
        self.introspector.as_ref()?.name(address)
    }

    /// Takes in what a look has come to; the event that tells of it.
    pub fn take_in(&mut self, looked: Looked) -> Option<Kind> {
        match (looked.introspector, looked.seen) {
            (Ok(introspector), Ok((picture, took))) => {
                self.introspector = Some(introspector);
                Some(Kind::Picture(Box::new(self.pictures.event(&picture, took))))
            }
            (Ok(introspector), Err(why)) => {
                self.introspector = Some(introspector);
                self.failed += 1;
                (self.failed == TRIES).then(|| self.give_up(why.to_string()))
            }
            (Err(why), _) => Some(self.give_up(why)),
        }
    }

    fn give_up(&mut self, why: String) -> Kind {
        self.lens = None;
        Kind::NoPictures { why }
    }
}
