//! Where a task is stuck, by its stack.
//! Lives here: what follows from the order of functions on a stack; which function and which caller name the place.
//! May not live here: names of functions (`names`), or what a place means for a hang (`mechanism`).

use super::frame::Frame;
use super::names::{Role, role};
use serde::{Deserialize, Serialize};

/// What a task is doing, or waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// It asks for memory and finds none: it reclaims, sleeps a little, tries again.
    Allocator,
    /// It asks for memory (or compacts) and waits until fewer pages are isolated.
    Isolation,
    /// It waits for a lock.
    Lock,
    /// It waits for I/O, or for a log or journal that waits for it.
    Io,
    /// It waits until a filesystem is thawed.
    Frozen,
    /// It gives memory back in the background, as kswapd does.
    Reclaim,
    /// It exits and waits for nothing that is known.
    Exiting,
    /// It waits, deaf to signals, for something that is not known.
    Blocked,
    /// It runs, or could run.
    Running,
    /// It sleeps as an idle task does.
    Idle,
}

impl Kind {
    /// The kind's name, as in files and on the terminal.
    pub fn name(self) -> &'static str {
        match self {
            Self::Allocator => "allocator",
            Self::Isolation => "isolation",
            Self::Lock => "lock",
            Self::Io => "io",
            Self::Frozen => "frozen",
            Self::Reclaim => "reclaim",
            Self::Exiting => "exiting",
            Self::Blocked => "blocked",
            Self::Running => "running",
            Self::Idle => "idle",
        }
    }

    /// Whether a task of this kind asks for memory.
    pub fn allocates(self) -> bool {
        matches!(self, Self::Allocator | Self::Isolation)
    }
}

/// A place on the way to which a task came by a caller.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Place {
    /// What the task does there.
    pub kind: Kind,
    /// The function; empty where nothing is known.
    pub function: String,
    /// The first function outside locking and allocation that led there.
    pub caller: Option<String>,
    /// It waits inside an allocation of its own: for a lock or for I/O that reclaim came upon.
    pub in_allocator: bool,
    /// It is on its way out.
    pub exiting: bool,
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(if self.function.is_empty() { "?" } else { &self.function })?;
        if let Some(caller) = &self.caller {
            write!(f, " ← {caller}")?;
        }
        let inside = match (self.in_allocator, self.exiting) {
            (true, true) => " (in reclaim for an allocation, exiting)",
            (true, false) => " (in reclaim for an allocation)",
            (false, true) if self.kind != Kind::Exiting => " (exiting)",
            _ => "",
        };
        f.write_str(inside)
    }
}

impl Place {
    /// Whether it is a wait for a disk: for I/O, or for a page that is locked until it has been read or written.
    pub(crate) fn waits_for_disk(&self) -> bool {
        self.kind == Kind::Io || (self.kind == Kind::Lock && role(&self.function) == Some(Role::PageLock))
    }
}

/// The place of a task in `state`, innermost frame first. `user`: it was caught in its program.
pub(crate) fn classify(state: char, user: bool, stack: &[Frame]) -> Place {
    // The unwinder's word goes first. Where it has none (a task on another processor, kernels without an unwinder), what
    // it only guesses is all there is.
    let vouched: Vec<&Frame> = stack.iter().filter(|frame| frame.reliable).collect();
    let frames = if vouched.len() >= 2 { vouched } else { stack.iter().collect() };
    let frames = frames.iter().skip_while(|frame| frame.is_interrupt_entry());
    let stack = Stack(frames.map(|frame| (frame.function.as_str(), role(&frame.function))).collect());
    let mut place = stack.place(state, user);
    place.exiting = stack.has(&[Role::Exit]) || matches!(state, 'Z' | 'X');
    if place.exiting && matches!(place.kind, Kind::Blocked | Kind::Running | Kind::Idle) {
        place.kind = Kind::Exiting;
    }
    place
}

/// A stack, innermost function first, each with its role.
struct Stack<'a>(Vec<(&'a str, Option<Role>)>);

/// Functions that stand between a wait and what it is for.
const WAITING: &[Role] =
    &[Role::Sched, Role::IoSched, Role::Preempt, Role::Timed, Role::Lock, Role::Percpu, Role::PageLock, Role::Plumbing];
/// Functions of an allocation: who has one outside of where it is, is in it.
const IN_ALLOCATOR: &[Role] = &[Role::Alloc, Role::Slow, Role::Charge];
/// Functions that stand between the allocator and whoever wants memory.
const ALLOCATING: &[Role] = &[Role::Alloc, Role::Slow, Role::Charge, Role::Retry, Role::Isolating, Role::Reclaim];

impl Stack<'_> {
    fn place(&self, state: char, user: bool) -> Place {
        // Whether it gave the processor away because it must wait; in that case the first function that is not about
        // waiting says for what. A function that runs or was preempted says nothing, its callers may.
        let (mut waits, mut io, mut timed) = (false, false, None);
        for (at, &(_, role)) in self.0.iter().enumerate() {
            match role {
                Some(Role::Sched) => waits = true,
                Some(Role::IoSched) => (waits, io) = (true, true),
                Some(Role::Preempt) => waits = false,
                Some(Role::Timed) => (waits, timed) = (true, Some(at)),
                Some(Role::Lock | Role::PageLock) => return self.wait(Kind::Lock, at),
                Some(Role::Percpu) => return self.percpu(at),
                Some(Role::Io) if waits => return self.wait(Kind::Io, at),
                Some(Role::Freeze) if waits => return self.wait(Kind::Frozen, at),
                Some(Role::Isolating) if timed.is_some_and(|timed| timed + 1 == at) => return self.isolation(at),
                Some(Role::Slow | Role::Charge | Role::Alloc | Role::Reclaim | Role::Isolating | Role::Retry) => {
                    if let Some(place) = self.allocation(at, waits) {
                        return place;
                    }
                    break;
                }
                Some(Role::Daemon) => return self.daemon(at, state, waits),
                Some(Role::Exit) => break,
                // A timed wait may be anybody's: whether it serves an allocation is seen further out.
                Some(Role::Io | Role::Freeze | Role::Writer | Role::Plumbing) | None => {
                    if waits && timed.is_none() {
                        return self.unknown(state, io, at);
                    }
                }
            }
        }
        self.rest(state, user)
    }

    /// A wait for a lock, I/O or a thaw that begins at `at`.
    fn wait(&self, kind: Kind, at: usize) -> Place {
        // The outermost of several that say the same is the one to name, but for locks, whose innermost says more.
        let mut name = at;
        if kind != Kind::Lock {
            while self.0.get(name + 1).is_some_and(|(_, role)| *role == self.0[at].1) {
                name += 1;
            }
        }
        let rest = &self.0[name + 1..];
        // A page that is locked or a lock whose next caller opens a write: what it is for stands further out.
        let mut place = self.at(kind, name);
        if kind == Kind::Lock
            && let Some(freeze) = rest.iter().position(|(_, role)| !matches!(role, Some(Role::Lock | Role::Percpu)))
            && rest[freeze].1 == Some(Role::Freeze)
        {
            place.kind = Kind::Frozen;
            place.caller = Some(rest[freeze].0.to_owned());
        }
        place.in_allocator = rest.iter().any(|(_, role)| role.is_some_and(|role| IN_ALLOCATOR.contains(&role)));
        place
    }

    /// A per-processor lock: a frozen filesystem's if whoever takes it is about to write.
    fn percpu(&self, at: usize) -> Place {
        let outside = self.0[at..].iter().find(|(_, role)| !matches!(role, Some(Role::Percpu | Role::Lock)));
        let frozen = outside.is_some_and(|(_, role)| matches!(role, Some(Role::Freeze | Role::Writer)));
        if !frozen {
            return self.wait(Kind::Lock, at);
        }
        Place { kind: Kind::Frozen, caller: outside.map(|(name, _)| (*name).to_owned()), ..self.wait(Kind::Lock, at) }
    }

    fn isolation(&self, at: usize) -> Place {
        if self.0[at..].iter().any(|(_, role)| *role == Some(Role::Daemon)) {
            return self.at(Kind::Reclaim, at);
        }
        self.at(Kind::Isolation, at)
    }

    /// Something of an allocation at `at`; `None` where it is only on its quick way, which no hang is made of.
    fn allocation(&self, at: usize, waits: bool) -> Option<Place> {
        let outer = &self.0[at..];
        let find = |wanted: &[Role]| {
            outer.iter().position(|(_, role)| role.is_some_and(|role| wanted.contains(&role))).map(|found| at + found)
        };
        if let Some(daemon) = find(&[Role::Daemon]) {
            return Some(self.at(Kind::Reclaim, daemon));
        }
        let slow = find(&[Role::Slow, Role::Charge]);
        // Inlined into the entry, or seen from it outwards: who reclaims or waits there is on the slow way.
        let entry = find(&[Role::Alloc]).filter(|&entry| slow.is_some() || entry > at || waits);
        let retry = find(&[Role::Retry]).filter(|&retry| retry == at && waits);
        let slowpath = self.0.iter().position(|(name, _)| *name == "__alloc_pages_slowpath");
        if let Some(name) = slowpath.or(entry).or(slow).or(retry) {
            return Some(self.at(Kind::Allocator, name));
        }
        find(&[Role::Reclaim, Role::Isolating]).map(|name| self.at(Kind::Reclaim, name))
    }

    fn daemon(&self, at: usize, state: char, waits: bool) -> Place {
        let idle = waits && state != 'D';
        self.at(if idle { Kind::Idle } else { Kind::Reclaim }, at)
    }

    /// It waits for something that no table knows; that it is I/O may still be known.
    fn unknown(&self, state: char, io: bool, at: usize) -> Place {
        let kind = match state {
            _ if io => Kind::Io,
            'D' => Kind::Blocked,
            'R' => Kind::Running,
            _ => Kind::Idle,
        };
        Place { in_allocator: self.has_outside(at, IN_ALLOCATOR), ..self.at(kind, at) }
    }

    fn rest(&self, state: char, user: bool) -> Place {
        let kind = match state {
            'R' => Kind::Running,
            'D' => Kind::Blocked,
            _ => Kind::Idle,
        };
        match self.0.iter().position(|(_, role)| !matches!(role, Some(Role::Sched | Role::IoSched | Role::Preempt))) {
            Some(at) if !user => self.at(kind, at),
            _ => Place {
                kind,
                function: if user { "user space".into() } else { String::new() },
                caller: None,
                in_allocator: false,
                exiting: false,
            },
        }
    }

    /// The place named by the function at `at`.
    fn at(&self, kind: Kind, at: usize) -> Place {
        let between =
            |role| WAITING.contains(&role) || (kind != Kind::Lock && kind != Kind::Io && ALLOCATING.contains(&role));
        let caller = self.0[at + 1..].iter().find(|(_, role)| !role.is_some_and(between));
        Place {
            kind,
            function: self.0[at].0.to_owned(),
            caller: caller.map(|(name, _)| (*name).to_owned()),
            in_allocator: false,
            exiting: false,
        }
    }

    fn has(&self, roles: &[Role]) -> bool {
        self.has_outside(0, roles)
    }

    fn has_outside(&self, at: usize, roles: &[Role]) -> bool {
        self.0[at..].iter().any(|(_, role)| role.is_some_and(|role| roles.contains(&role)))
    }
}

#[cfg(test)]
mod tests;
