//! Debian's kernels through the mirrors that apt is set up for. Run by hand: `cargo test --test debian_kernels -- --ignored`.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

use oomph::kernel::{Cache, Names, resolve};
use oomph::scenario::KernelSpec;
use std::path::PathBuf;
use std::time::Instant;

/// Fetches the kernels of `OOMPH_TEST_KERNELS` (default: debian-6.1) into `OOMPH_TEST_CACHE` (default: a new directory),
/// twice, and says how long each took.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "network"]
async fn kernels_are_fetched_once() {
    let place = tempfile::tempdir().unwrap();
    let root = std::env::var_os("OOMPH_TEST_CACHE").map_or(place.path().to_owned(), PathBuf::from);
    let cache = Cache::open(Some(&root)).unwrap();
    let names = Names::built_in().unwrap();
    let wanted = std::env::var("OOMPH_TEST_KERNELS").unwrap_or_else(|_| "debian-6.1".into());
    for name in wanted.split(',') {
        for _ in 0..2 {
            let start = Instant::now();
            let say = |line: &str| println!("{:6.2} s  {line}", start.elapsed().as_secs_f64());
            let spec = KernelSpec::Named(name.to_owned());
            let kernel = resolve(&spec, &names, &cache, &say).await.unwrap();
            say(&format!("{kernel:#?}"));
            assert!(kernel.image.starts_with(&root) && kernel.modules.is_some());
            assert!(kernel.origin.contains(&format!("{}.{}.", kernel.version.0, kernel.version.1)));
        }
    }
}
