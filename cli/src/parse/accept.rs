//! What a person accepts after a look: the answers to refusals that protect data.
//!
//! Promises: each answer is given on the command line for this one run. No configuration file, profile or environment
//! variable can give it, so a refusal is never switched off for good by accident.

use clap::ValueEnum;
use std::fmt;

/// One answer to one refusal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Accept {
    /// The log is older than this machine remembers, or has another history
    Rollback,
    /// Another repository lies at this place, or one with weaker encryption
    OtherRepository,
    /// The repository is not encrypted although a password was given for it
    ClearText,
    /// The clock contradicts the log, the store or what this machine remembers
    Clock,
    /// restore --delete may remove from a whole target
    WholeTarget,
    /// The restore point may be much smaller than the one before it
    Shrink,
}

impl fmt::Display for Accept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Accept::Rollback => "rollback",
            Accept::OtherRepository => "other-repository",
            Accept::ClearText => "clear-text",
            Accept::Clock => "clock",
            Accept::WholeTarget => "whole-target",
            Accept::Shrink => "shrink",
        })
    }
}
