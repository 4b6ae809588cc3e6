//! The choice of an accelerator.
//! Lives here: tests with scripted guests and without KVM.
//! May not live here: tests that need a host where KVM works.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use super::super::fake::{Act, Script, secs};
use super::super::spec::tests::{given, spec};
use super::*;
use crate::event::Exit;
use tokio::time::Instant;

async fn proof(script: Script) -> (Result<(), String>, Duration) {
    let (mut vm, _) = script.vm().await;
    let started = Instant::now();
    let proof = prove(&mut vm, secs(10)).await;
    (proof, started.elapsed())
}

#[tokio::test(start_paused = true)]
async fn only_a_guest_that_speaks_is_a_proof() {
    let (good, took) = proof(Script::new().boots_in(secs(4))).await;
    assert_eq!(good, Ok(()));
    assert!(took < secs(3), "hello suffices: {took:?}");
    let (mute, took) = proof(Script::new().since_boot(secs(0), Act::Mute)).await;
    assert_eq!(mute.unwrap_err(), "the guest stayed mute for 10 s (QEMU's state: running)");
    assert_eq!(took, secs(10));
}

#[tokio::test(start_paused = true)]
async fn a_stop_or_an_end_rules_it_out_at_once() {
    let script = Script::new().boots_in(secs(8));
    let (stopped, took) = proof(script.clone().since_boot(secs(1), Act::Stop("internal-error".into()))).await;
    assert_eq!(stopped.unwrap_err(), "QEMU stopped the guest (QEMU's state: internal-error)");
    assert!(took < secs(2));
    let (ended, _) = proof(script.since_boot(secs(1), Act::Die(Exit::Signal(6)))).await;
    assert!(ended.unwrap_err().starts_with("QEMU ended (signal 6)"));
}

#[test]
fn a_device_that_is_missing_is_said() {
    let error = usable(Path::new("/dev/no-such-kvm")).unwrap_err();
    assert!(error.starts_with("/dev/no-such-kvm cannot be opened: "), "{error}");
}

/// A QEMU that ends at once: where it is asked, KVM cannot be proven.
fn no_qemu() -> Qemu {
    let modified = Some(UNIX_EPOCH);
    Qemu { program: "/bin/false".into(), version: "x".into(), sandbox: false, modified }
}

#[tokio::test]
async fn a_proof_is_remembered_for_auto_and_made_again_for_kvm() {
    let folder = tempfile::tempdir().unwrap();
    let kernel = folder.path().join("kernel");
    std::fs::write(&kernel, b"k").unwrap();
    let spec = Spec { kernel: Some(given(&kernel, "/k/initrd")), ..spec() };
    let cache = folder.path().join("cache");
    let choose = async |wanted| choose(wanted, &no_qemu(), &spec, &cache, secs(5)).await;

    let (accel, why) = choose(Wanted::Tcg).await.unwrap();
    assert_eq!((accel, why.as_str()), (Accel::Tcg, "TCG, as asked"));
    assert!(!cache.exists(), "what was not asked is not proven");

    let (accel, why) = choose(Wanted::Auto).await.unwrap();
    assert!(accel == Accel::Tcg && why.starts_with("TCG: KVM does not work here: "), "{why}");
    let (accel, why) = choose(Wanted::Auto).await.unwrap();
    assert!(accel == Accel::Tcg && why.starts_with("TCG: KVM does not work here, as found before: "), "{why}");
    let error = choose(Wanted::Kvm).await.unwrap_err().to_string();
    assert!(error.starts_with("KVM does not work here: "), "{error}");

    let memory = Memory::of(&no_qemu(), &spec, &cache).unwrap();
    memory.keep(&Proof { failure: None }).unwrap();
    assert_eq!(choose(Wanted::Kvm).await.unwrap().0, Accel::Kvm);
    std::fs::write(&kernel, b"another").unwrap();
    assert_eq!(Memory::of(&no_qemu(), &spec, &cache).unwrap().recall(), None, "another kernel is another proof");
}

#[tokio::test]
async fn nothing_is_proven_of_a_guest_that_boots_its_own_kernel() {
    let (own, cache) = (Spec { kernel: None, ..spec() }, Path::new("/nonexistent"));
    let (accel, why) = choose(Wanted::Auto, &no_qemu(), &own, cache, secs(5)).await.unwrap();
    assert!(accel == Accel::Tcg && why.contains("this guest boots its own"), "{why}");
}
