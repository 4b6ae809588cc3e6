//! Every error of a scenario file, as it is drawn.
//! Lives here: one golden text per rule, each from the same sound scenario with one change.
//! May not live here: scenarios that are sound.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use oomph::scenario::{ScenarioError, parse};
use std::path::Path;

const SOUND: &str = "\
name: sample
summary: A sample.
kernel: debian-6.1
guest:
  cpus: 2
  memory: 256 MiB
  disks:
    data: {filesystem: xfs, size: 512 MiB, mount: /data}
workload:
  program: xfs-inode-mutex
  args: {writers: 10}
phases: {settle: 5s, pressure: 60s}
probes: [beat, fault, spawn, file]
faults:
  - {at: 5s, throttle: {disk: data, iops: 1}, until: lift}
expect:
  - {version: \"<4.6\", outcome: hung, mechanism: oom-deadlock}
  - {version: \">=4.6\", outcome: oom-killed, max_stall: 20s}
";

fn error(text: &str, overrides: &[&str]) -> ScenarioError {
    let overrides: Vec<String> = overrides.iter().map(|one| (*one).to_owned()).collect();
    match parse(text, Path::new("sample.yaml"), &overrides) {
        Err(error) => error,
        Ok(scenario) => panic!("this should not do: {text}\n{scenario:?}"),
    }
}

/// The error of the sound scenario with one text in it replaced by another.
fn changed(from: &str, to: &str) -> String {
    assert_eq!(SOUND.matches(from).count(), 1, "{from}");
    error(&SOUND.replace(from, to), &[]).to_string()
}

/// The error of the sound scenario with another kernel.
fn kernel(kernel: &str) -> String {
    changed("debian-6.1", kernel)
}

/// A golden file per group: each error under its name.
macro_rules! golden {
    ($group:ident: $($name:ident: $error:expr;)+) => {
        #[test]
        fn $group() {
            let errors = [$((stringify!($name), $error.to_string())),+];
            let text: Vec<String> = errors.iter().map(|(name, error)| format!("## {name}\n{error}\n")).collect();
            insta::assert_snapshot!(text.join("\n"));
        }
    };
}

#[test]
fn the_sound_scenario_is_sound() {
    parse(SOUND, Path::new("sample.yaml"), &[]).unwrap_or_else(|error| panic!("{error}"));
}

// Found while decoding: the first only.
golden! { shape:
    unknown_key: changed("memory:", "memroy:");
    unknown_key_at_top: changed("workload:", "workloads:");
    key_of_a_later_version: changed("  cpus: 2\n", "  cpus: 2\n  ssh: true\n");
    text_for_a_source: changed("kernel: debian-6.1", "kernel: {source: linux-source-6.1}");
    missing_key: changed("  memory: 256 MiB\n", "");
    missing_key_at_top: changed("summary: A sample.\n", "");
    missing_key_in_an_empty_map: changed("{disk: data, iops: 1}", "{}");
    duplicate_key: changed("  cpus: 2\n", "  cpus: 2\n  cpus: 3\n");
    map_for_a_value: changed("memory: 256 MiB", "memory: {size: 256 MiB}");
    value_for_a_map: changed("{filesystem: xfs, size: 512 MiB, mount: /data}", "512 MiB");
    value_for_a_list: changed("[beat, fault, spawn, file]", "beat");
    no_value: changed("memory: 256 MiB", "memory:");
    number_for_a_base: kernel("{source: {debian: linux-source-6.1}, base: 6}");
    number_for_a_kernel: changed("debian-6.1", "6.1");
    number_for_arguments: changed("{writers: 10}", "10");
    broken_yaml: changed("{writers: 10}", "{writers: 10");
    colon_in_plain_text: changed("A sample.", "A sample: one.");
    second_document: error(&format!("{SOUND}---\n{SOUND}"), &[]);
    not_a_map: error("just text\n", &[]);
}

// Values, each by itself.
golden! { values:
    name_with_a_slash: changed("name: sample", "name: ../../etc");
    name_with_a_dot_first: changed("name: sample", "name: .hidden");
    name_too_long: changed("name: sample", &format!("name: {}", "x".repeat(65)));
    plain_number_for_memory: changed("256 MiB", "256");
    decimal_unit_for_memory: changed("256 MiB", "256 MB");
    plain_number_for_time: changed("settle: 5s", "settle: 5");
    unknown_unit_of_time: changed("settle: 5s", "settle: 5sec");
    phase_of_zero: changed("settle: 5s", "settle: 0s");
    phase_too_long: changed("pressure: 60s", "pressure: 25h");
    cpus_out_of_range: changed("cpus: 2", "cpus: 0");
    cpus_no_number: changed("cpus: 2", "cpus: two");
    unknown_filesystem: changed("filesystem: xfs", "filesystem: XFS");
    unknown_outcome: changed("outcome: oom-killed", "outcome: oom_killed");
    unknown_probe: changed("file]", "logn]");
    version_without_comparison: changed("\"<4.6\"", "\"4.6\"");
    version_that_holds_nothing: changed("\"<4.6\"", "\"<4.6 >=5.0\"");
    unknown_reproducer: changed("xfs-inode-mutex", "xfs-inode-mutx");
}

/// The error of the sound scenario with an image.
fn image(image: &str) -> String {
    changed("  cpus: 2\n", &format!("  cpus: 2\n  image: {image}\n"))
}

// What the guest boots into.
golden! { images:
    image_with_a_bad_name: image("../x");
    image_number: image("5");
    image_of_nothing: image("{filesystem: xfs}");
    image_of_two_kinds: image("{debian: bookworm, disk: Cargo.toml}");
    image_unknown_key: image("{debian: bookworm, package: [vim]}");
    image_other_initramfs: image("{initramfs: maximal}");
    image_key_of_another_kind: image("{debian: bookworm, ssh: {user: root, password: x}}");
    image_note: image("{debian: bookworm, note: mine}");
    image_release_in_capitals: image("{debian: Bookworm}");
    image_root_on_btrfs: image("{debian: bookworm, filesystem: btrfs}");
    image_package_in_capitals: image("{debian: bookworm, packages: [Vim]}");
    image_too_small: image("{debian: bookworm, size: 512 MiB}");
    image_unknown_kernel: image("{debian: bookworm, kernel: mine}");
    disk_without_ssh: image("{disk: Cargo.toml}");
    disk_that_is_not_there: image("{disk: /no/gone.qcow2, ssh: {user: root, key: /no/gone}}");
    disk_without_key: image("{disk: Cargo.toml, ssh: {user: root}}");
    disk_with_key_and_password: image("{disk: Cargo.toml, ssh: {user: root, key: Cargo.toml, password: x}}");
    disk_with_a_kernel_of_ours_and_no_root: image("{disk: Cargo.toml, ssh: {user: root, password: x}, kernel: ours}");
    disk_with_its_own_kernel_and_a_root: image("{disk: Cargo.toml, ssh: {user: root, password: x}, root: {filesystem: ext4}}");
    disk_with_swap_as_root: image("{disk: Cargo.toml, ssh: {user: root, password: x}, kernel: ours, root: {partition: 0, filesystem: swap}}");
}

// Values together.
golden! { rules:
    login_that_nobody_tries: changed("max_stall: 20s", "login: {max: 5s}");
    memory_too_small: changed("256 MiB", "64 MiB");
    memory_no_whole_mib: changed("256 MiB", "100000 KiB");
    disk_too_small_for_xfs: changed("size: 512 MiB", "size: 299 MiB");
    disk_too_small_for_ext4: changed("xfs, size: 512 MiB", "ext4, size: 8 MiB");
    disks_at_one_place: changed("mount: /data}", "mount: /data}\n    more: {filesystem: ext4, size: 64 MiB, mount: /data}");
    disk_inside_another: changed("mount: /data}", "mount: /data/a}\n    more: {filesystem: ext4, size: 64 MiB, mount: /data}");
    mount_over_the_system: changed("mount: /data", "mount: /proc/fs");
    mount_at_the_root: changed("mount: /data", "mount: /");
    mount_not_absolute: changed("mount: /data", "mount: data");
    mount_with_dots: changed("mount: /data", "mount: /data/../proc");
    setting_that_the_harness_needs: changed("  disks:", "  sysctl: {kernel.sysrq: 0, vm.oom_dump_tasks: 1, kernel.printk: 1}\n  disks:");
    boot_word_that_the_harness_needs: changed("  disks:", "  cmdline: [nokaslr, quiet, mem=128M]\n  disks:");
    two_sources_of_a_kernel: changed("debian-6.1", "{debian: bookworm, image: ./bzImage}");
    no_source_of_a_kernel: changed("debian-6.1", "{modules: /}");
    variable_of_the_harness: changed("args: {writers: 10}", "env: {OOMPH_GUEST: 1}");
    argument_that_the_reproducer_does_not_have: changed("writers: 10", "writer: 10");
    argument_of_a_reproducer_without_any: changed("program: xfs-inode-mutex", "program: fill-disk");
    argument_out_of_range: changed("writers: 10", "writers: 0");
    argument_that_is_no_number: changed("writers: 10", "hogs: 4, writers: many");
    argument_that_is_no_word_of_these: changed("writers: 10", "file: sane");
    arguments_in_a_list: changed("{writers: 10}", "[--hog=4, writers, --writers=1, --writers=2]");
    stall_max_under_frozen_for: changed("{settle: 5s,", "{stall_max: 30s, frozen_for: 60s,");
    phases_over_wall: changed("{settle: 5s,", "{wall: 1m,");
    movement_over_memory: changed("{settle: 5s,", "{movement: 1 GiB,");
    file_probe_without_disks: error(&SOUND.replace("  disks:\n    data: {filesystem: xfs, size: 512 MiB, mount: /data}\n", "").replace("faults:\n  - {at: 5s, throttle: {disk: data, iops: 1}, until: lift}\n", ""), &[]);
    probes_without_beat: changed("[beat, fault,", "[fault,");
    probes_that_prove_nothing: changed("[beat, fault, spawn, file]", "[beat, counters]");
    probe_twice: changed("[beat, fault,", "[beat, fault, fault,");
    fault_on_an_unknown_disk: changed("disk: data", "disk: date");
    fault_after_pressure: changed("at: 5s", "at: 60s");
    fault_ends_after_pressure: changed("until: lift", "until: 61s");
    fault_ends_before_it_begins: changed("until: lift", "until: 5s");
    fault_of_zero_iops: changed("iops: 1", "iops: 0");
    fault_of_zero_bps: changed("iops: 1", "bps: 0 B");
    fault_without_limit: changed("{disk: data, iops: 1}", "{disk: data}");
    fault_that_does_nothing: changed("throttle: {disk: data, iops: 1}, ", "");
    fault_with_two_actions: changed("until: lift}", "stop: {disk: data}}");
    fault_with_an_unknown_action: changed("throttle: {disk: data, iops: 1}", "slow: {disk: data}");
    stop_of_an_unknown_disk: changed("throttle: {disk: data, iops: 1}", "stop: {disk: dat}");
    error_of_another_kind: changed("throttle: {disk: data, iops: 1}", "error: {disk: data, errno: EROFS}");
    error_on_an_unknown_operation: changed("throttle: {disk: data, iops: 1}", "error: {disk: data, on: [read, fsync]}");
    error_on_nothing: changed("throttle: {disk: data, iops: 1}", "error: {disk: data, on: []}");
    error_on_one_twice: changed("throttle: {disk: data, iops: 1}", "error: {disk: data, on: [read, read]}");
    balloon_that_leaves_all: changed("throttle: {disk: data, iops: 1}", "balloon: {memory: 256 MiB}");
    balloon_that_leaves_too_little: changed("throttle: {disk: data, iops: 1}", "balloon: {memory: 32 MiB}");
    pause_until: changed("throttle: {disk: data, iops: 1}", "pause: {for: 5s}");
    pause_without_length: changed("throttle: {disk: data, iops: 1}, until: lift", "pause: {}");
    pause_too_long: changed("throttle: {disk: data, iops: 1}, until: lift", "pause: {for: 2h}");
    pauses_over_wall: changed("throttle: {disk: data, iops: 1}, until: lift", "pause: {for: 59m}");
    swap_that_is_mounted: changed("mount: /data}", "mount: /data}\n    more: {filesystem: swap, size: 64 MiB, mount: /swap}");
    disk_without_mount: changed(", mount: /data}", "}");
    disk_too_small_for_btrfs: changed("xfs, size: 512 MiB", "btrfs, size: 108 MiB");
    file_probe_with_swap_only: changed("xfs, size: 512 MiB, mount: /data", "swap, size: 64 MiB");
    mechanism_of_no_hang: changed("oom-killed, max_stall: 20s", "oom-killed, mechanism: io-stall");
    stall_of_a_hang: changed("mechanism: oom-deadlock", "max_stall: 20s");
    kills_of_a_recovery: changed("oom-killed, max_stall: 20s", "recovered, max_kills: 3, victims: [hog]");
    oom_killed_without_kills: changed("max_stall: 20s", "max_kills: 0");
    no_victims: changed("max_stall: 20s", "victims: []");
    expectation_after_one_that_matches_all: changed("  - {version: \"<4.6\", outcome: hung, mechanism: oom-deadlock}\n", "  - {outcome: recovered}\n");
    expectation_inside_an_earlier_range: changed("version: \">=4.6\"", "version: \">=3.0 <4.0\", tag: x");
}

// Kernels that are built from source.
golden! { source:
    no_source: kernel("{source: {}}");
    two_sources: kernel("{source: {path: /proc, debian: linux-source-6.1}}");
    source_beside_a_package: kernel("{debian: bookworm, source: {path: /proc}}");
    keys_of_a_build_without_source: kernel("{image: /proc/version, config: [base], fuzz: 1}");
    modules_beside_a_package: kernel("{debian: bookworm, modules: /proc}");
    modules_of_a_build_by_path: kernel("{source: {path: /proc}, modules: /proc}");
    keys_of_a_named_kernel: kernel("{source: {path: /proc}, tags: [x], note: y}");
    git_without_ref: kernel("{source: {git: /proc}}");
    git_by_an_unknown_scheme: kernel("{source: {git: 'ext::sh -c id', ref: x}}");
    git_from_an_unknown_scheme: kernel("{source: {git: 'ftp://host/linux.git', ref: x}}");
    ref_that_is_an_option: kernel("{source: {git: 'https://host/linux.git', ref: --upload-pack=x}}");
    ref_of_a_tarball: kernel("{source: {tarball: /proc/version, ref: v6.1}}");
    url_without_sha256: kernel("{source: {tarball: 'https://host/linux-6.1.tar.xz'}}");
    sha256_too_short: kernel("{source: {tarball: 'https://host/linux-6.1.tar.xz', sha256: 0123abc}}");
    sha256_of_a_path: kernel("{source: {path: /proc, sha256: 0123abc}}");
    package_of_something_else: kernel("{source: {debian: linux-image-6.1.0-31-amd64}}");
    unknown_base: kernel("{source: {path: /proc}, base: tinyconfg}");
    unknown_fragment: kernel("{source: {path: /proc}, config: [base, lockdp]}");
    fragment_without_slash: kernel("{source: {path: /proc}, config: [my.config]}");
    option_without_prefix: kernel("{source: {path: /proc}, required: [PSI=y]}");
    option_that_is_not_set: kernel("{source: {path: /proc}, required: ['# CONFIG_SWAP is not set']}");
    too_much_fuzz: kernel("{source: {path: /proc}, fuzz: 3}");
    variables_of_the_harness: kernel("{source: {path: /proc}, make: {O: /x, KBUILD_BUILD_USER: me, KCONFIG_CONFIG: x}}");
    variable_with_small_letters: kernel("{source: {path: /proc}, make: {cc: gcc-9}}");
    jobs_of_make: kernel("{source: {path: /proc}, make: {-j: 4}}");
    foreign_architecture: kernel("{source: {path: /proc}, make: {ARCH: arm64}}");
}

// Files that a scenario names.
golden! { files:
    program_that_does_not_exist: changed("program: xfs-inode-mutex", "program: /nonexistent/prog");
    program_that_is_a_folder: changed("program: xfs-inode-mutex", "program: /");
    program_that_is_not_executable: changed("program: xfs-inode-mutex", "program: /proc/version");
    source_that_does_not_exist: kernel("{source: {path: /nonexistent/linux}, base: /nonexistent/x, config: [/nonexistent/y], patches: [/nonexistent/z]}");
    repository_that_does_not_exist: kernel("{source: {git: /nonexistent.git, ref: v6.1}}");
    tarball_that_is_a_folder: kernel("{source: {tarball: /}}");
    image_that_does_not_exist: changed("debian-6.1", "{image: /nonexistent/bzImage, modules: /proc/version}");
}

// All that is wrong at once, and one wrong value in two places.
golden! { several:
    many_at_once: error(&SOUND.replace("cpus: 2", "cpus: 99").replace("256 MiB", "1 MiB").replace("5s", "5 s").replace("hung", "dead"), &[]);
    alias_of_a_wrong_value: error(&SOUND.replace("memory: 256 MiB", "memory: &size 7").replace("size: 512 MiB", "size: *size"), &[]);
}

// Overrides.
golden! { overrides:
    override_wrong_value: error(SOUND, &["guest.memory=12"]);
    override_unknown_key: error(SOUND, &["guest.memroy=512 MiB"]);
    override_unknown_map: error(SOUND, &["gest.memory=512 MiB"]);
    override_without_value: error(SOUND, &["guest.memory"]);
    override_with_empty_key: error(SOUND, &["guest..memory=1"]);
    override_below_a_value: error(SOUND, &["kernel.image=x"]);
    override_past_a_list: error(SOUND, &["expect.7.outcome=hung"]);
    override_against_the_file: error(SOUND, &["phases.frozen_for=30s", "phases.stall_max=20s"]);
    override_contradicts_a_line: error(SOUND, &["guest.disks.more={filesystem: ext4, size: 64 MiB, mount: /data}"]);
}
