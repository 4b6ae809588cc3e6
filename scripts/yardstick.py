"""What drgn sees in a core of ours, and how long it takes: the yardstick for `oomph diagnose --core` (make bench).
Lives here: drgn's walk over the tasks, their stacks and locks; holding it against what oomph saw.
May not live here: making cores (yardstick.sh).

Usage: yardstick.py walk CORE VMLINUX      prints what drgn sees, as JSON
       yardstick.py compare DRGN OOMPH     two such files; one line a difference, and how it went as exit code
"""

import json
import sys
import time

# drgn's own walks of a stack end by themselves; a frame deeper than this holds no lock's waiter.
INNERMOST = 8
# Waiters of one lock that are followed.
MOST_WAITERS = 4096


def walk(core, vmlinux):
    from drgn import FaultError, Program
    from drgn.helpers.linux.pid import for_each_task
    from drgn.helpers.linux.sched import task_state_to_char

    started = time.monotonic()
    prog = Program()
    prog.set_core_dump(core)
    prog.load_debug_info([vmlinux])
    loaded = time.monotonic()
    tasks, addresses, locks, victims = {}, {}, {}, set()
    for task in for_each_task(prog):
        addresses[task.value_()] = task.pid.value_()
    for task in for_each_task(prog):
        pid = task.pid.value_()
        try:
            frames = list(prog.stack_trace(task))
        except (ValueError, FaultError):  # It runs, and the core does not say on which processor.
            frames = []
        tasks[pid] = {
            "comm": task.comm.string_().decode(errors="replace"),
            "state": task_state_to_char(task),
            "stack": [frame.name for frame in frames],
        }
        if task.signal.oom_mm:
            victims.add(task.tgid.value_())
        at = awaited(prog, frames, addresses)
        if at is not None:
            locks.setdefault(at, []).append(pid)
    seen = {
        "tasks": tasks,
        "victims": sorted(victims),
        "locks": {hex(at): held(prog, at, waiters, addresses) for at, waiters in locks.items()},
        "load_s": loaded - started,
        "walk_s": time.monotonic() - loaded,
    }
    json.dump(seen, sys.stdout)


def awaited(prog, frames, addresses):
    """The address of the reader-writer semaphore that a stack's innermost frames wait for."""
    from drgn import container_of
    from drgn.helpers.linux.list import list_for_each

    for frame in frames[:INNERMOST]:
        if not frame.name.startswith("rwsem_down_"):
            continue
        # The compiler may have put `sem` away; the waiter is linked, so it is in memory.
        waiter = frame["waiter"].address_of_()
        for number, link in enumerate(list_for_each(waiter.list.address_of_())):
            other = container_of(link, "struct rwsem_waiter", "list")
            # Whoever is no waiter is the list's head.
            if other.task.value_() not in addresses:
                return container_of(link, "struct rw_semaphore", "wait_list").value_()
            if number > MOST_WAITERS:
                break
    return None


def held(prog, at, waiters, addresses):
    from drgn import Object
    from drgn.helpers.linux.locking import rwsem_owner

    owner = rwsem_owner(Object(prog, "struct rw_semaphore *", at)).value_()
    return {"holder": addresses.get(owner), "waiters": sorted(waiters)}


def compare(drgn, oomph):
    """Differences: how many tasks there are, victims, each lock's holder and waiters, and the stacks of the tasks that oomph lists, which are
    those that do or wait for something."""
    yield from differ("number of tasks", len(drgn["tasks"]), oomph["found"])
    yield from differ("victims", set(drgn["victims"]), {victim["pid"] for victim in oomph["victims"]})
    for task in oomph["tasks"]:
        theirs = drgn["tasks"].get(str(task["pid"]))
        if theirs is None:
            yield f"task {task['pid']}: drgn has none"
        elif not is_within(map(plain, task["stack"]), map(plain, theirs["stack"])):
            yield f"stack of {task['pid']}: drgn {theirs['stack']}, oomph {task['stack']}"
    ours = {lock["at"]: lock for lock in oomph["locks"]}
    for at, lock in drgn["locks"].items():
        if at not in ours:
            yield f"lock {at}: drgn sees {len(lock['waiters'])} waiters, oomph no lock"
            continue
        holder = ours[at]["holder"]
        yield from differ(f"holder of {at}", lock["holder"], holder and holder["pid"])
        yield from differ(f"waiters of {at}", set(lock["waiters"]), {waiter["pid"] for waiter in ours[at]["waiters"]})


def plain(function):
    """A function's name in the source: compilers add what they have made of it (`.isra.0`), and entry_64.S has labels within."""
    return "entry_SYSCALL_64" if function.startswith("entry_SYSCALL_64") else function.split(".")[0]


def is_within(ours, theirs):
    """Whether all of ours are in theirs, in their order; drgn also names functions that were inlined. It has no stack of a task on a processor."""
    theirs = list(theirs)
    left = iter(theirs)
    return not theirs or all(function in left for function in ours)


def differ(what, drgn, oomph):
    if drgn == oomph:
        return
    if isinstance(drgn, set):
        drgn, oomph = f"{sorted(drgn - oomph)} more", f"{sorted(oomph - drgn)} more"
    yield f"{what}: drgn {drgn}, oomph {oomph}"


def main():
    match sys.argv[1:]:
        case ["walk", core, vmlinux]:
            walk(core, vmlinux)
        case ["compare", drgn, oomph]:
            with open(drgn, encoding="utf-8") as theirs, open(oomph, encoding="utf-8") as ours:
                theirs, ours = json.load(theirs), json.load(ours)
            differences = list(compare(theirs, ours))
            print("\n".join(differences), end="\n" if differences else "")
            waiters = sum(len(lock["waiters"]) for lock in theirs["locks"].values())
            print(
                f"{'the same' if not differences else 'not the same'}: {len(theirs['tasks'])} tasks, {len(ours['tasks'])} stacks, "
                f"{len(theirs['victims'])} victims, {len(theirs['locks'])} locks with {waiters} waiters; "
                f"drgn alone: {theirs['load_s']:.1f} s for types, {theirs['walk_s']:.1f} s for the walk"
            )
            sys.exit(bool(differences) or not waiters)
        case _:
            sys.exit(__doc__)


main()
