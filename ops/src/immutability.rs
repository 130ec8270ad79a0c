//! What came of raising the days of immutability.

use crate::Traffic;
use schemars::JsonSchema;
use serde::Serialize;

/// The summary of `immutability raise`.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct RaisedReport {
    /// Days for which objects stay locked after their last use.
    pub immutable_days: u32,
    /// The least that the locks of new objects come to; null where the repository has none.
    pub locked_days_least: Option<u32>,
    /// The most that the locks of new objects come to; null where the repository has none.
    pub locked_days_most: Option<u32>,
    /// Objects whose locks were looked at.
    pub objects: u64,
    /// Locks that were asked for.
    pub locks_asked: u64,
    /// Locks that last longer now.
    pub locks_extended: u64,
    /// What was asked of the store.
    #[serde(flatten)]
    pub traffic: Traffic,
}
