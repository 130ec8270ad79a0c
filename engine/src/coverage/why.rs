//! Why a point does not cover a path.

use std::fmt;

/// The reason, for people and for what a caller does about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Why {
    /// It lies in a folder above the sources, or beside them.
    Beside,
    /// A rule left it out, or would: the rule.
    Rule(String),
    /// The ledger names it, or a folder above it: what it says.
    Exception(String),
    /// It is older than the items that the point keeps.
    AgedOut,
    /// Another file system is mounted there.
    Mounted,
    /// The point does not name all that it lacks: why.
    Unproven(String),
}

impl Why {
    /// Whether a person should hear of it: the point might have covered it, had it recorded more, or were the tree as it was then.
    pub fn is_doubtful(&self) -> bool {
        matches!(self, Why::Unproven(_) | Why::Mounted)
    }
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Why::Beside => f.write_str("it is not part of what was backed up"),
            Why::Rule(rule) => f.write_str(rule),
            Why::Exception(reason) => write!(f, "the restore point does not have it: {reason}"),
            Why::AgedOut => f.write_str("it is older than the items that the restore point keeps"),
            Why::Mounted => f.write_str("another file system is mounted there, which the restore point does not have"),
            Why::Unproven(why) => write!(f, "the restore point cannot prove that it was not there: {why}"),
        }
    }
}
