//! Looking at a running guest's memory.
//! Lives here: one look after the other, each on a thread of its own, and what is kept between them.
//! May not live here: when to look (`machine`), what a look sees (`introspect`).

use super::pictures::Pictures;
use crate::event::{Kind, Picture};
use crate::introspect::memory::{Physical, Registers};
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
}

impl Looked {
    fn failed(why: String) -> Self {
        Self { introspector: Err(why), seen: Err(NotFound::NoBanner) }
    }
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
        let (look, registers) = (self.look(vm)?, vm.registers());
        Some(Box::pin(async move { look(registers.await).await }))
    }

    /// A look for whoever holds the guest and has its registers, and where it will be told what that has come to.
    pub fn while_held(&mut self, vm: &Vm) -> Option<(WhileHeld, oneshot::Receiver<Looked>)> {
        let look = self.look(vm)?;
        let (tell, told) = oneshot::channel();
        let look = |registers| -> Pin<Box<dyn Future<Output = ()>>> {
            Box::pin(async move {
                // Who no longer asks needs no answer.
                let _ = tell.send(look(registers).await);
            })
        };
        Some((Box::new(look), told))
    }

    fn look(&mut self, vm: &Vm) -> Option<impl FnOnce(Vec<Registers>) -> Looking + 'static> {
        let (lens, memory) = (self.lens.clone()?, vm.ram()?);
        let kept = self.introspector.take();
        Some(move |registers: Vec<Registers>| -> Looking {
            Box::pin(async move {
                let look = move || match kept.map_or_else(|| lens().map(Box::new), Ok) {
                    Ok(introspector) => look_once(introspector, memory.as_ref(), &registers),
                    Err(why) => Looked::failed(why),
                };
                let looked = tokio::task::spawn_blocking(look).await;
                looked.unwrap_or_else(|error| Looked::failed(format!("looking failed: {error}")))
            })
        })
    }

    /// The function that an address is in, modules' as well, as `name+0x12`; `None` where nobody has looked yet.
    pub fn name(&self, address: u64) -> Option<String> {
        self.introspector.as_ref()?.name(address)
    }

    /// Takes in what a look has come to, and whether the guest was held for it; the event that tells of it.
    pub fn take_in(&mut self, looked: Looked, held: bool) -> Option<Kind> {
        match (looked.introspector, looked.seen) {
            (Ok(introspector), Ok((picture, took))) => {
                self.introspector = Some(introspector);
                let picture = Picture { held, ..self.pictures.event(&picture, took) };
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

/// One look, on the thread that calls.
fn look_once(mut introspector: Box<Introspector>, memory: &dyn Physical, registers: &[Registers]) -> Looked {
    let began = Instant::now();
    let seen = introspector.look(memory, registers).map(|picture| (Box::new(picture), began.elapsed()));
    Looked { introspector: Ok(introspector), seen }
}
