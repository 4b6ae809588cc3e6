//! Taking a scripted guest's state, on a paused clock and a real disk.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use super::*;
use crate::vm::fake::{Fake, Script};
use crate::vm::spec::tests::{given, spec};
use crate::vm::{Qemu, Vm};
use std::fs;
use std::path::Path;

fn wanted(place: &Path) -> Capture {
    for name in ["k", "i"] {
        fs::write(place.join(name), name).unwrap();
    }
    let kernel = Some(given(place.join("k"), place.join("i")));
    let spec = crate::vm::Spec { kernel, disks: vec![], memory: 3 << 20, ..spec() };
    Capture {
        registers: place.join("registers.txt"),
        core: Some(place.join("core.zst")),
        keep: Some(Keep { folder: place.join("kept"), spec, qemu: Qemu::assumed() }),
        memory: 3 << 20,
    }
}

async fn take(script: Script, what: Capture) -> (Vec<Taken>, Vm, Fake) {
    let (vm, fake) = script.vm().await;
    (vm.capture(what, None).await, vm, fake)
}

/// QMP commands from the first `stop` on.
fn asked(fake: &Fake) -> Vec<String> {
    let all = fake.record().qmp.clone();
    all.into_iter().skip_while(|command| command != "stop").collect()
}

#[tokio::test(start_paused = true)]
async fn all_is_of_one_moment_and_the_guest_goes_on() {
    let place = tempfile::tempdir().unwrap();
    let (taken, vm, fake) = take(Script::new(), wanted(place.path())).await;
    let [Taken::Registers(text), Taken::Stored(core), Taken::Stored(guest)] = taken.as_slice() else {
        panic!("{taken:?}")
    };
    assert_eq!(registers::next_instructions(text), [(0, 0xffff_ffff_8100_0010), (1, 0xffff_ffff_c000_0010)]);
    assert_eq!(fs::read_to_string(place.path().join("registers.txt")).unwrap(), *text);
    assert_eq!((core.state, core.bytes, guest.state, guest.bytes), (State::Core, 3 << 20, State::Guest, 3 << 20));
    unpack(&place.path().join("core.zst"), &place.path().join("core")).unwrap();
    let plain = fs::read(place.path().join("core")).unwrap();
    assert!(plain.len() == 3 << 20 && plain[2_500_000] == (2500 % 256) as u8);
    assert!(core.stored < core.bytes / 10 && core.stored > 0, "{core:?}");

    let folder = place.path().join("kept");
    let kept = load(&folder).unwrap();
    assert_eq!((kept.machine.as_str(), kept.cpus, kept.disks.len()), ("pc-q35-7.2", 2, 0));
    let to = tempfile::tempdir().unwrap();
    let state = kept.unpack(&folder, to.path()).unwrap();
    let again = kept.spec(&folder, to.path()).kernel.unwrap();
    assert_eq!((fs::read(again.image).unwrap(), fs::read(again.initrd).unwrap()), (b"k".into(), b"i".into()));
    let mut plain = Vec::new();
    unpack_into(&state, &mut plain).unwrap();
    assert_eq!(plain.len(), 3 << 20);
    let commands = asked(&fake);
    assert_eq!((commands.first().unwrap().as_str(), commands.last().unwrap().as_str()), ("stop", "cont"));
    assert_eq!(vm.status().await.unwrap(), "running");
}

#[tokio::test(start_paused = true)]
async fn others_have_the_registers_while_the_guest_is_held_and_not_for_ever() {
    let place = tempfile::tempdir().unwrap();
    let (vm, _fake) = Script::new().vm().await;
    let vm = std::rc::Rc::new(vm);
    for answers in [true, false] {
        let (seen, at) = (std::rc::Rc::new(std::cell::Cell::new(None)), std::rc::Rc::clone(&vm));
        let tell = std::rc::Rc::clone(&seen);
        let others: WhileHeld = Box::new(move |registers| {
            Box::pin(async move {
                tell.set(Some((registers.iter().map(|cpu| cpu.rip).collect::<Vec<_>>(), at.status().await.unwrap())));
                if !answers {
                    std::future::pending::<()>().await;
                }
            })
        });
        let what = Capture { core: None, keep: None, ..wanted(place.path()) };
        let taken = vm.capture(what, Some(others)).await;
        assert!(matches!(taken.as_slice(), [Taken::Registers(_)]), "{taken:?}");
        let (places, status) = seen.take().unwrap();
        assert_eq!(
            (places.as_slice(), status.as_str()),
            ([0xffff_ffff_8100_0010, 0xffff_ffff_c000_0010].as_slice(), "paused")
        );
        assert_eq!(vm.status().await.unwrap(), "running");
    }
}

#[tokio::test(start_paused = true)]
async fn what_fails_costs_only_itself_and_leaves_nothing() {
    for (script, failed) in [
        (Script::new().refuses("human-monitor-command"), State::Registers),
        (Script::new().refuses("dump-guest-memory"), State::Core),
        (Script::new().refuses("migrate"), State::Guest),
        (Script::new().refuses("query-machines"), State::Guest),
        (Script::new().writes(1000), State::Core),
    ] {
        let place = tempfile::tempdir().unwrap();
        let (taken, vm, _) = take(script, wanted(place.path())).await;
        let states: Vec<State> = taken
            .iter()
            .filter_map(|one| if let Taken::Failed(state, _) = one { Some(*state) } else { None })
            .collect();
        assert_eq!((states.as_slice(), taken.len()), ([failed].as_slice(), 3), "{taken:?}");
        let is_there = |name: &str| place.path().join(name).exists();
        let there = [is_there("registers.txt"), is_there("core.zst"), is_there("kept")];
        assert_eq!(there, [State::Registers, State::Core, State::Guest].map(|state| state != failed));
        assert_eq!(vm.status().await.unwrap(), "running");
    }
}

#[tokio::test(start_paused = true)]
async fn a_guest_that_cannot_be_held_is_left_alone() {
    let place = tempfile::tempdir().unwrap();
    let (taken, _, fake) = take(Script::new().refuses("stop"), wanted(place.path())).await;
    assert!(matches!(taken.as_slice(), [Taken::Failed(State::Registers, why)] if why.contains("held")), "{taken:?}");
    assert_eq!(asked(&fake), ["stop", "cont"]);
}

#[tokio::test(start_paused = true)]
async fn no_room_is_said_before_anything_is_written() {
    let place = tempfile::tempdir().unwrap();
    let what = Capture { memory: u64::MAX / 4, ..wanted(place.path()) };
    let (taken, ..) = take(Script::new(), what).await;
    let refused = |one: &Taken| matches!(one, Taken::Failed(_, why) if why.contains("MiB may be needed"));
    assert_eq!(taken.iter().filter(|one| refused(one)).count(), 2, "{taken:?}");
    assert!(!place.path().join("core.zst").exists() && !place.path().join("kept").exists());
}

/// Also where all has been written and only QEMU's word is wanting.
#[tokio::test(start_paused = true)]
async fn what_is_called_off_or_takes_too_long_leaves_no_file() {
    for drops in [true, false] {
        let place = tempfile::tempdir().unwrap();
        let (vm, _fake) = Script::new().never_done().vm().await;
        let mut taking = Box::pin(vm.capture(wanted(place.path()), None));
        if drops {
            assert!(timeout(Duration::from_secs(10), &mut taking).await.is_err());
            assert!(place.path().join("core.zst").exists());
            drop(taking);
        } else {
            let taken = taking.await;
            let late = |one: &Taken| matches!(one, Taken::Failed(_, why) if why.starts_with("not done within"));
            assert_eq!(taken.iter().filter(|one| late(one)).count(), 2, "{taken:?}");
        }
        assert!(!place.path().join("core.zst").exists() && !place.path().join("kept").exists());
    }
}
