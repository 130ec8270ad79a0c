//! How a restore point and a live tree differ, as rows and a summary.

use crate::{Traffic, items, report};
use engine::maintenance::Difference;
use format_spec::Time;
use schemars::JsonSchema;
use serde::Serialize;

/// An item that differs; `verify` prints one row per difference.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct LiveDifferenceRow {
    /// The path in the point, from its root.
    pub path: String,
    /// The exact path in hexadecimal digits, where it is not UTF-8.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path_hex: Option<String>,
    /// How it differs.
    pub what: String,
    /// When the item was read last, where the point holds it as it was then.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "report::time_if_any")]
    #[schemars(with = "Option<String>")]
    pub kept_as_of: Option<Time>,
}

impl From<&Difference> for LiveDifferenceRow {
    fn from(difference: &Difference) -> LiveDifferenceRow {
        let (path, path_hex) = items::absolute(&difference.path);
        LiveDifferenceRow { path, path_hex, what: difference.what.clone(), kept_as_of: difference.kept_as_of }
    }
}

/// The summary of `verify`.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct VerifyReport {
    /// The point.
    pub point: String,
    /// Items that were compared.
    pub items: u64,
    /// Bytes that were compared.
    pub bytes: u64,
    /// Live items that are older than the repository keeps items.
    pub items_aged_out: u64,
    /// Items that the point holds as they were, since they could not be read.
    pub items_kept: u64,
    /// Live items that are not part of what the point covers.
    pub items_not_covered: u64,
    /// Items of which nothing can be said.
    pub items_unproven: usize,
    /// Whether the point holds everything that its backup found.
    pub complete: bool,
    /// Differences.
    pub differences: usize,
    /// What was asked of the store.
    #[serde(flatten)]
    pub traffic: Traffic,
}
