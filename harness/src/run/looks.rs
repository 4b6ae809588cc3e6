//! Looking at a running guest's memory.
//! Lives here: one look after the other, each on a thread of its own, and what is kept between them.
//! May not live here: when to look (`machine`), what a look sees (`introspect`).

use super::pictures::Pictures;
use crate::event::{Kind, Picture};
use crate::introspect::memory::Registers;
use crate::introspect::{Introspector, NotFound, picture};
use crate::vm::{Vm, capture::WhileHeld};
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::oneshot;

/// Makes an introspector of the guest's kernel; what it says where it cannot is for people. Reads files, and takes up to a second.
pub type Lens = Arc<dyn Fn() -> Result<Introspector, String> + Send + Sync>;

/// So many looks may fail to find the kernel before it is given up: a guest whose registers are in a program's page tables each
/// time is improbable.
const TRIES: u32 = 20;

/// What a look has come to.
pub struct Looked {
    introspector: Result<Box<Introspector>, String>,
    seen: Result<(Box<picture::Picture>, Duration), NotFound>,
    held: bool,
}

/// One that goes on.
type Looking = Pin<Box<dyn Future<Output = Looked>>>;

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
    pub fn begin(&mut self, vm: &Vm) -> Option<Looking> {
        let (look, registers) = (self.look(vm, false)?, vm.registers());
        Some(Box::pin(async move { look(registers.await).await }))
    }

    /// A look for whoever holds the guest and has its registers, and where it will be told what that has come to.
    pub fn while_held(&mut self, vm: &Vm) -> Option<(WhileHeld, oneshot::Receiver<Looked>)> {
        let look = self.look(vm, true)?;
        let (tell, told) = oneshot::channel();
        let look = |registers| -> Pin<Box<dyn Future<Output = ()>>> {
            Box::pin(async move {
                // Who no longer asks needs no answer.
                let _ = tell.send(look(registers).await);
            })
        };
        Some((Box::new(look), told))
    }

    fn look(&mut self, vm: &Vm, held: bool) -> Option<impl FnOnce(Vec<Registers>) -> Looking + 'static> {
        let (lens, memory) = (self.lens.clone()?, vm.ram()?);
        let kept = self.introspector.take();
        Some(move |registers: Vec<Registers>| -> Looking {
            Box::pin(async move {
                let failed = move |why| Looked { introspector: Err(why), seen: Err(NotFound::NoBanner), held };
                let look = tokio::task::spawn_blocking(move || {
                    let introspector = kept.map_or_else(|| lens().map(Box::new), Ok);
                    let mut introspector = match introspector {
                        Ok(introspector) => introspector,
                        Err(why) => return failed(why),
                    };
                    let began = Instant::now();
                    let seen = introspector.look(memory.as_ref(), &registers);
                    let seen = seen.map(|picture| (Box::new(picture), began.elapsed()));
                    Looked { introspector: Ok(introspector), seen, held }
                });
                look.await.unwrap_or_else(|error| failed(format!("looking failed: {error}")))
            })
        })
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
                let picture = Picture { held: looked.held, ..self.pictures.event(&picture, took) };
                Some(Kind::Picture(Box::new(picture)))
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
