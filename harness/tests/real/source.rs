//! Real runs on kernels that are built here, from Debian's source.
//! Lives here: the ground truth: one tree, one small patch apart, and what becomes of the guest.
//! May not live here: how a kernel is built (that is tested with a tree of its own, in a second).

use super::ran::Ran;

/// Minutes where the cache is empty; the second kernel then differs by one file.
#[test]
fn without_the_oom_reaper_the_same_kernel_hangs() {
    let stock = Ran::scenario("scenarios/xfs-inode-mutex.yaml", &["--kernel", "debian-6.1-source"]);
    stock.has_outcome("oom-killed");
    let patched = Ran::scenario("scenarios/xfs-inode-mutex.yaml", &["--kernel", "debian-6.1-no-oom-reaper"]);
    patched.has_outcome("hung");
    assert_eq!((patched.text("mechanism"), patched.text("ended_by")), ("oom-deadlock", "release"), "{:#}", patched.run);
    let (one, other) = (&stock.run["kernel_identity"]["build"], &patched.run["kernel_identity"]["build"]);
    assert_eq!(
        (&one["tree_id"], &one["config_hash"]),
        (&other["tree_id"], &other["config_hash"]),
        "one tree, one config"
    );
    assert_eq!(other["patches"][0]["name"], "no-oom-reaper");
}
