//! A kernel's symbols and types, out of its bzImage alone.
//! Lives here: Debian's 6.1, whose first task lies in its data as it was compiled in.
//! May not live here: a guest's memory.

use object::{Object, ObjectSegment};
use oomph::introspect::layout::{ENUMERATIONS, Field, Layout, enumerations, structures};
use oomph::kernel::{Cache, InsideFiles, Names, bootable, resolve, unpack};
use oomph::scenario::KernelSpec;
use std::fs;

/// Fields that a distribution's kernel need not have: what went or came, and XFS, whose types are a module's.
const MAY_BE_MISSING: &[Field] = &[
    // 16 KiB then, as everywhere without KASAN.
    Field::ThreadStack,
    Field::TaskThreadGroup,
    Field::XfsLock,
    Field::XfsIoLock,
    Field::XfsInode,
    Field::ZoneManaged,
    Field::OrcEnd,
    Field::HotIrqStack,
    Field::DeviceInode,
    Field::DeviceMapping,
];

/// What a kernel without modules does not have.
const OF_MODULES: &[Field] = &[
    Field::ModuleList,
    Field::ModuleName,
    Field::ModuleText,
    Field::ModuleTextSize,
    Field::ModuleKallsyms,
    Field::KallsymsTable,
    Field::KallsymsCount,
    Field::KallsymsNames,
    Field::ModuleOrcIp,
    Field::ModuleOrc,
    Field::ModuleOrcs,
];

async fn has_what_is_read(name: &str, but: &[Field]) {
    let (cache, names) = (Cache::open(None).unwrap(), Names::built_in().unwrap());
    let kernel = resolve(&KernelSpec::Named(name.into()), &names, &cache, &|_| ()).await.unwrap();
    let boots = bootable(&kernel, &cache, &|_| ()).await.unwrap();
    let wanted = [structures(), enumerations()].concat();
    let inside = InsideFiles::of(&kernel, &boots.image).read(&wanted);
    let layout = Layout::new(&inside.types.unwrap()).unwrap();
    let missing: Vec<Field> =
        layout.missing().into_iter().filter(|field| !MAY_BE_MISSING.contains(field) && !but.contains(field)).collect();
    assert!(missing.is_empty(), "{name} ({}) has no {missing:?}", kernel.release);
    for (_, counter) in ENUMERATIONS {
        assert!(layout.enumerator(counter).is_some(), "{name} has no {counter}");
    }
    let symbols = inside.symbols.unwrap();
    assert!(
        [Field::DeviceInode, Field::DeviceMapping].into_iter().any(|field| layout.place(field).is_some()),
        "{name} has either"
    );
    let of_modules = but.is_empty().then_some("modules");
    for symbol in [
        "init_task",
        "linux_banner",
        "super_blocks",
        "swap_info",
        "__start_orc_unwind_ip",
        "__per_cpu_offset",
        "oom_reaper_list",
    ]
    .into_iter()
    .chain(of_modules)
    {
        assert!(symbols.address(symbol).is_some(), "{name} has no {symbol}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn all_that_is_read_of_a_guest_is_in_debians_kernel() {
    has_what_is_read("debian-6.1", &[]).await;
}

/// It is built by the tests of outcomes as well; whoever comes first makes the others wait.
#[tokio::test(flavor = "multi_thread")]
async fn all_that_is_read_of_a_guest_is_in_the_types_of_a_build() {
    has_what_is_read("debian-6.1-source", OF_MODULES).await;
}

/// Fetches three more kernels.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "for whoever changes the table of fields: cargo test --test real -- --ignored all_that_is_read"]
async fn all_that_is_read_of_a_guest_is_in_all_of_debians_kernels() {
    for name in ["debian-5.10", "debian-6.12", "debian-sid"] {
        has_what_is_read(name, &[]).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn debians_kernel_tells_where_its_first_task_is_and_how_it_is_built() {
    let (cache, names) = (Cache::open(None).unwrap(), Names::built_in().unwrap());
    let kernel = resolve(&KernelSpec::Named("debian-6.1".into()), &names, &cache, &|_| ()).await.unwrap();
    let boots = bootable(&kernel, &cache, &|_| ()).await.unwrap();
    let files = InsideFiles::of(&kernel, &boots.image);
    assert_eq!((&files.vmlinux, files.types.len()), (&None, 0), "nothing but the image");
    let inside = files.read(&[]);
    let (symbols, types) = (inside.symbols.unwrap(), inside.types.unwrap());

    assert!(symbols.len() > 50_000, "{}", symbols.len());
    let schedule = symbols.address("schedule").unwrap();
    assert_eq!(symbols.function(schedule + 9), Some(("schedule", 9)));
    let (start, end) = symbols.text().unwrap();
    assert!(start < schedule && schedule < end && symbols.function(end).is_none());
    // An offset into the per-CPU area.
    assert!(symbols.address("runqueues").is_some_and(|offset| offset < 1 << 20));
    assert_eq!((types.enumerator("NR_FREE_PAGES"), types.size_of("list_head")), (Some(0), Some(16)));
    assert!(types.enumerator("NR_ISOLATED_ANON") > Some(0) && types.enumerator("PGFREE") > Some(0));

    let vmlinux = unpack(&fs::read(&kernel.image).unwrap()).unwrap().vmlinux;
    let elf = object::read::elf::ElfFile64::<object::Endianness>::parse(&*vmlinux).unwrap();
    let init_task = symbols.address("init_task").unwrap();
    let field = |path: &str| {
        let member = types.member("task_struct", path).unwrap_or_else(|| panic!("{path}"));
        let bytes = elf.segments().find_map(|part| part.data_range(init_task + member.offset, member.size).ok()?);
        (init_task + member.offset, bytes.unwrap_or_else(|| panic!("{path} of init_task is not in the file")))
    };
    let number = |path: &str| field(path).1.iter().rev().fold(0, |number, &byte| number << 8 | u64::from(byte));
    assert_eq!(field("comm").1, b"swapper\0\0\0\0\0\0\0\0\0");
    assert_eq!((number("pid"), number("__state"), field("__state").1.len()), (0, 0, 4));
    assert_eq!((number("tasks.next"), number("tasks.prev")), (field("tasks").0, field("tasks").0));
    assert_eq!(number("parent"), init_task);
    assert_eq!(Some(number("stack")), symbols.address("init_stack"));
    assert_eq!(Some(number("signal")), symbols.address("init_signals"));
    // In a structure within the structure, and a field of one without a name.
    assert_eq!(number("se.group_node.next"), field("se.group_node").0);
    assert!(types.member("page", "lru.next").is_some_and(|next| next.pointer));
}
