//! Messages that the kernel prints in pieces.
//! Lives here: which texts are unfinished, and which texts finish them.
//! May not live here: what the whole text means.
//!
//! A message made with pr_cont is one console line unless another CPU prints in between; then each further piece
//! becomes a line of its own, with a timestamp of its own.

use super::line::Record;
use super::sysrq;

/// Lines of others that may stand between two pieces.
const PATIENCE: u8 = 16;

/// Bound on a joined text in bytes.
const MAX_TEXT: usize = 2048;

/// How a message in pieces begins, when it is whole, and how its further pieces begin.
struct Shape {
    begins: fn(&str) -> bool,
    whole: fn(&str) -> bool,
    goes_on: fn(&str) -> bool,
}

const SHAPES: [Shape; 5] = [
    // 4.9 to 4.14: "nodemask=", then the mask or "(null)", then ",  order=…".
    Shape {
        begins: |text| text.contains(" invoked oom-killer: ") && text.contains("gfp_mask="),
        whole: |text| text.contains("oom_score_adj="),
        goes_on: |text| text.starts_with([',', '(']) || text.starts_with(|c: char| c.is_ascii_digit()),
    },
    // 5.0 and later: cpuset, cgroup and task are pieces.
    Shape {
        begins: |text| text.starts_with("oom-kill:constraint="),
        whole: |text| text.contains(",uid="),
        goes_on: |text| text.starts_with(','),
    },
    // 3.10 to 4.20: paths of memory cgroups are pieces.
    Shape {
        begins: |text| text.starts_with("Task in "),
        whole: |text| text.contains(" as a result of limit of /"),
        goes_on: |text| [" killed", " as a result of", "/"].iter().any(|start| text.starts_with(start)),
    },
    Shape {
        begins: |text| text.starts_with("BUG: workqueue lockup - pool"),
        whole: |text| text.contains(" stuck for "),
        goes_on: |text| [" cpus=", " node=", " flags=", " stuck for "].iter().any(|start| text.starts_with(start)),
    },
    // Up to 4.20: prefix and action are two calls.
    Shape { begins: sysrq::is_prefix, whole: |text| !sysrq::is_prefix(text), goes_on: sysrq::is_action },
];

/// An unfinished message.
#[derive(Clone, Debug)]
pub(super) struct Open {
    shape: usize,
    /// When its first piece was printed.
    pub(super) at_us: Option<u64>,
    caller: Option<String>,
    /// The pieces so far.
    pub(super) text: String,
    patience: u8,
}

impl Open {
    /// Begins a message, where `record` is the first piece of one.
    pub(super) fn begin(record: &Record<'_>) -> Option<Self> {
        let shape = SHAPES.iter().position(|shape| (shape.begins)(record.text) && !(shape.whole)(record.text))?;
        Some(Self {
            shape,
            at_us: record.at_us,
            caller: record.caller.map(str::to_owned),
            text: record.text[..record.text.floor_char_boundary(MAX_TEXT)].to_owned(),
            patience: PATIENCE,
        })
    }

    /// Takes a further piece, where `record` is one: of the same caller, if the kernel names callers.
    pub(super) fn take(&mut self, record: &Record<'_>) -> bool {
        let fits = record.caller == self.caller.as_deref() && (SHAPES[self.shape].goes_on)(record.text);
        if fits {
            let room = MAX_TEXT.saturating_sub(self.text.len());
            self.text.push_str(&record.text[..record.text.floor_char_boundary(room)]);
        }
        fits
    }

    /// Whether nothing is missing.
    pub(super) fn is_whole(&self) -> bool {
        (SHAPES[self.shape].whole)(&self.text)
    }

    /// Lets a line of somebody else pass; `false` where that was one too many.
    pub(super) fn wait(&mut self) -> bool {
        self.patience = self.patience.saturating_sub(1);
        self.patience > 0
    }
}

/// Whether a text can be a further piece of any message.
pub(super) fn may_go_on(text: &str) -> bool {
    SHAPES.iter().any(|shape| (shape.goes_on)(text))
}
