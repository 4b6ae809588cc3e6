//! What the OOM killer and its reaper print.
//! Lives here: mm/oom_kill.c and mm/memcontrol.c's texts from 3.10 on, one line at a time.
//! May not live here: what one line means for the next (`parser`).

use super::message::{Constraint, Kill, Message, Scope, Task};
use super::scan::{comm, int_after, kb, number, pid_paren_comm, text as bounded};

/// What a single line says, before the lines around it are taken into account.
#[derive(Debug)]
pub(super) enum Fact {
    /// It stands for itself.
    Says(Vec<Message>),
    /// A kill begins to be reported; [`Message::OomInvoked`].
    Invoked(Message),
    /// `Kill process N (x) score S or sacrifice child`: the kill itself is the next line.
    Chosen { pid: u32, scope: Scope },
    /// `Killed process N (x)`, with the scope where this line says it; the kill's own scope and flags are not set.
    Killed { kill: Kill, scope: Option<Scope> },
    /// `Kill process N (x) sharing same memory`
    Sharing(Task),
    /// The work item behind SysRq-f is on the stack of the task that invoked the OOM killer.
    ManualWork,
}

impl From<Message> for Fact {
    fn from(message: Message) -> Self {
        Self::Says(vec![message])
    }
}

/// Reads one text.
pub(super) fn parse(text: &str) -> Option<Fact> {
    invoked(text)
        .or_else(|| kill(text))
        .or_else(|| reaper(text).map(Fact::from))
        .or_else(|| constraint(text).map(Fact::from))
        .or_else(|| other(text))
}

/// `%s invoked oom-killer: gfp_mask=%#x(%pGg), order=%d, oom_score_adj=%hd`. Between 4.9 and 4.19 with `nodemask=` in
/// the middle; 4.6-rc had the mask last; 3.10 to 4.5 have no flag names.
fn invoked(text: &str) -> Option<Fact> {
    let (name, rest) = text.split_once(" invoked oom-killer: ")?;
    let mask = &rest[rest.find("gfp_mask=")? + "gfp_mask=".len()..];
    Some(Fact::Invoked(Message::OomInvoked {
        comm: comm(name),
        gfp_mask: bounded(mask.split([',', ' ']).next().unwrap_or(mask)),
        order: int_after(rest, "order="),
        oom_score_adj: int_after(rest, "oom_score_adj="),
    }))
}

/// The messages of `out_of_memory`, `mem_cgroup_out_of_memory` and `moom_callback` (through 3.10's and 7.2's).
const SCOPES: [(&str, Scope); 3] = [
    ("Memory cgroup out of memory: ", Scope::Memcg),
    ("Out of memory (oom_kill_allocating_task): ", Scope::AllocatingTask),
    ("Out of memory: ", Scope::Global),
];

/// `oom_kill_process` and `__oom_kill_process`.
fn kill(text: &str) -> Option<Fact> {
    let prefixed = SCOPES.iter().find_map(|&(prefix, scope)| Some((Some(scope), text.strip_prefix(prefix)?)));
    let (scope, rest) = prefixed.unwrap_or((None, text));
    if let Some(rest) = rest.strip_prefix("Killed process ") {
        return killed(rest, scope);
    }
    if let Some(rest) = rest.strip_prefix("OOM victim ") {
        let (task, _) = pid_paren_comm(rest, " is already exiting")?;
        return Some(Message::AlreadyExiting(task).into());
    }
    let rest = rest.strip_prefix("Kill process ")?;
    if let Some((task, _)) = pid_paren_comm(rest, " score ") {
        return scope.map(|scope| Fact::Chosen { pid: task.pid, scope });
    }
    pid_paren_comm(rest, " sharing same memory").map(|(task, _)| Fact::Sharing(task))
}

/// A line that is torn behind the victim still tells of the kill if its beginning can only be the OOM killer's.
fn killed(rest: &str, scope: Option<Scope>) -> Option<Fact> {
    let ends: &[&str] = if scope.is_some() { &[" total-vm:", ", UID ", ""] } else { &[" total-vm:", ", UID "] };
    let (task, rest) = ends.iter().find_map(|end| pid_paren_comm(rest, end))?;
    let uid = rest.split_once("UID").and_then(|(_, uid)| number(uid.trim_start_matches([':', ' '])));
    let kill = Kill {
        pid: task.pid,
        comm: task.comm,
        scope: Scope::Global,
        manual: false,
        sharing: false,
        total_vm_kb: kb(rest, "total-vm:"),
        anon_rss_kb: kb(rest, "anon-rss:"),
        file_rss_kb: kb(rest, "file-rss:"),
        shmem_rss_kb: kb(rest, "shmem-rss:"),
        pgtables_kb: kb(rest, "pgtables:"),
        uid: uid.and_then(|(uid, _)| u32::try_from(uid).ok()),
        oom_score_adj: int_after(rest, "oom_score_adj:"),
    };
    Some(Fact::Killed { kill, scope })
}

/// `oom_reap_task` (4.6 and later) and `__oom_kill_process`'s remark on a shared mm.
fn reaper(text: &str) -> Option<Message> {
    if let Some(rest) = text.strip_prefix("oom_reaper: reaped process ") {
        let (task, rest) = pid_paren_comm(rest.trim_start_matches(':'), ", now anon-rss:")?;
        return Some(Message::Reaped {
            task,
            anon_rss_kb: kb(rest, "anon-rss:"),
            file_rss_kb: kb(rest, "file-rss:"),
            shmem_rss_kb: kb(rest, "shmem-rss:"),
        });
    }
    if let Some(rest) = text.strip_prefix("oom_reaper: unable to reap pid:") {
        return pid_paren_comm(rest, "").map(|(task, _)| Message::ReapFailed(task));
    }
    let (victim, rest) = pid_paren_comm(text.strip_prefix("oom killer ")?, " has mm pinned by ")?;
    let (by, _) = pid_paren_comm(rest.strip_prefix(" has mm pinned by ")?, "")?;
    Some(Message::MmPinned { victim, by })
}

/// `dump_oom_summary` (5.0 and later), and the memory cgroup's words before that.
fn constraint(text: &str) -> Option<Message> {
    if let Some(rest) = text.strip_prefix("oom-kill:constraint=") {
        return summary(rest);
    }
    let in_limit =
        |text: &str| text.strip_prefix("Task in ")?.split_once(" killed as a result of limit of ").map(|p| p.1.len());
    let path = match in_limit(text) {
        Some(length) => &text[text.len() - length..],
        None => text.strip_prefix("Memory limit reached of cgroup ")?,
    };
    Some(Message::OomConstraint { constraint: Constraint::Memcg, memcg: Some(bounded(path)), task: None, uid: None })
}

/// `CONSTRAINT_MEMCG,nodemask=(null),cpuset=/,mems_allowed=0,oom_memcg=/a,task_memcg=/a/b,task=x,pid=N,uid=N`. Paths
/// and the comm may hold commas, so it is read from the end, and the comm is short.
fn summary(rest: &str) -> Option<Message> {
    let constraint = match rest.split(',').next()? {
        "CONSTRAINT_NONE" => Constraint::None,
        "CONSTRAINT_CPUSET" => Constraint::Cpuset,
        "CONSTRAINT_MEMORY_POLICY" => Constraint::MemoryPolicy,
        "CONSTRAINT_MEMCG" => Constraint::Memcg,
        _ => return None,
    };
    let memcg = rest.split_once(",oom_memcg=").map(|(_, path)| path.split(",task_memcg=").next().unwrap_or(path));
    let (head, uid) = rest.rsplit_once(",uid=").map_or((rest, None), |(head, uid)| (head, number(uid.trim_start())));
    let task = head.rsplit_once(",pid=").and_then(|(head, pid)| {
        let (pid, _) = number(pid.trim_start())?;
        let (_, name) = head.rsplit_once(",task=")?;
        Some(Task { comm: comm(name), pid: u32::try_from(pid).ok()? })
    });
    Some(Message::OomConstraint {
        constraint,
        memcg: memcg.map(bounded),
        task,
        uid: uid.and_then(|(uid, _)| u32::try_from(uid).ok()),
    })
}

fn other(text: &str) -> Option<Fact> {
    let bare = text.strip_prefix("sysrq: ").unwrap_or(text);
    if text.starts_with("Out of memory and no killable processes") {
        Some(Message::NoKillable.into())
    } else if bare.starts_with("OOM request ignored") {
        Some(Message::ManualOomIgnored.into())
    } else if text.starts_with("Huh VM_FAULT_OOM leaked out") {
        Some(Message::FaultRetried.into())
    } else if text.starts_with("Workqueue: ") && text.contains(" moom_callback") {
        Some(Fact::ManualWork)
    } else {
        None
    }
}
