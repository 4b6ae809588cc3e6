//! Debian's kernels through the mirrors that apt is set up for, and images for them. Needs a network:
//! `cargo test --test debian_kernels -- --ignored --nocapture`.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use oomph::image::{self, Executable, programs};
use oomph::kernel::{Cache, Kernel, Names, resolve};
use oomph::scenario::{self, KernelSpec, Scenario};
use std::path::{Path, PathBuf};
use std::time::Instant;

fn say(start: Instant, line: &str) {
    println!("{:6.2} s  {line}", start.elapsed().as_secs_f64());
}

async fn image(scenario: &Scenario, kernel: &Kernel, directory: &Path, cache: &Cache) -> image::Image {
    let start = Instant::now();
    let name = "xfs-inode-mutex";
    let program = Executable::Embedded(name, programs::reproducer(name).unwrap());
    let progress = |line: &str| say(start, line);
    let image = image::prepare(scenario, kernel, programs::INIT, program, directory, cache, &progress).await.unwrap();
    say(start, &format!("{} with {}", image.initramfs.display(), image.modules.join(" ")));
    image
}

/// Fetches the kernels of `OOMPH_TEST_KERNELS` (default: debian-6.1) into `OOMPH_TEST_CACHE` (default: a new directory)
/// and makes an image for each, all twice: the second time nothing is fetched or made. Says how long each took.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "network"]
async fn kernels_and_images_are_made_once() {
    let place = tempfile::tempdir().unwrap();
    let root = std::env::var_os("OOMPH_TEST_CACHE").map_or(place.path().join("cache"), PathBuf::from);
    let cache = Cache::open(Some(&root)).unwrap();
    let names = Names::built_in().unwrap();
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let scenario = scenario::load(&workspace.join("scenarios/xfs-inode-mutex.yaml"), &[]).unwrap();
    let wanted = std::env::var("OOMPH_TEST_KERNELS").unwrap_or_else(|_| "debian-6.1".into());
    for name in wanted.split(',') {
        let mut made = Vec::new();
        for run in 0..2 {
            let start = Instant::now();
            let progress = |line: &str| say(start, line);
            let kernel = resolve(&KernelSpec::Named(name.to_owned()), &names, &cache, &progress).await.unwrap();
            say(start, &format!("{} {:?} {}", kernel.release, kernel.version, kernel.origin));
            assert!(kernel.image.starts_with(cache.root()) && kernel.modules.is_some());
            assert!(kernel.origin.contains(&format!(" {}.{}.", kernel.version.0, kernel.version.1)));
            let overlays = place.path().join(format!("{name}-{run}"));
            std::fs::create_dir_all(&overlays).unwrap();
            let image = image(&scenario, &kernel, &overlays, &cache).await;
            let at = |module: &str| image.modules.iter().position(|name| name == module);
            assert!(at("virtio_ring") < at("virtio_blk") && at("virtio_blk").is_some(), "{:?}", image.modules);
            assert_eq!(image.disks.len(), scenario.guest.disks.len());
            made.push((kernel, image.initramfs, image.hash, image.disks[0].base.clone()));
        }
        assert_eq!(made[0], made[1]);
    }
}
