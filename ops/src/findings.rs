//! What a check finds, as rows, and its summaries.

use crate::Traffic;
use engine::maintenance::{CheckReport, Finding, StoredReport};
use schemars::JsonSchema;
use serde::Serialize;

/// Something that was found about an object.
///
/// `check` prints it as `damage` (what is needed and is wrong), `unsupported` (whole, and needs a newer
/// release), `superseded` (damaged, and nothing needs it any more), `collected` (with `--as-of`: needed
/// then, and collected since) and `uncommitted` (whole, and no entry of the log commits it).
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct FindingRow {
    /// The object.
    pub object: String,
    /// What is found about it.
    pub what: String,
}

impl From<&Finding> for FindingRow {
    fn from(finding: &Finding) -> FindingRow {
        FindingRow { object: finding.object.clone(), what: finding.what.clone() }
    }
}

/// The summary of `check`.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct CheckSummary {
    /// How deep it looked: `list`, `tails`, `stored` or `full`.
    pub level: &'static str,
    /// Whether keys were there: without them stored bytes alone are verified.
    pub keys: bool,
    /// The share of packs in percent that `--read-data` names; null without it.
    pub share: Option<f64>,
    /// Packs that were looked at.
    pub packs: u64,
    /// Packs that were read whole.
    pub packs_read: u64,
    /// Packs that rest in an archive class and were not looked into.
    pub packs_archived: u64,
    /// Chunks whose bytes were held against their ids.
    pub chunks: u64,
    /// Points whose trees were walked.
    pub points: u64,
    /// Stored bytes that were read.
    pub bytes_read: u64,
    /// Reads that were right only the second time: something on the way changes bytes.
    pub spoiled: u64,
    /// Findings of damage.
    pub errors: usize,
    /// Objects that need a newer release.
    pub unsupported: usize,
    /// With `--as-of`: what was needed then and was collected since; that is not damage.
    pub collected: usize,
    /// Damaged objects that nothing needs any more.
    pub superseded: usize,
    /// Objects that no entry of the log commits.
    pub uncommitted: usize,
    /// What was asked of the store.
    #[serde(flatten)]
    pub traffic: Traffic,
}

impl CheckSummary {
    /// Of a check at this level, with all errors that were found.
    pub fn of(
        (level, share): (&'static str, Option<f64>),
        report: &CheckReport,
        errors: usize,
        traffic: Traffic,
    ) -> CheckSummary {
        CheckSummary {
            level,
            keys: true,
            share,
            packs: report.packs,
            packs_read: report.packs_read,
            packs_archived: report.packs_archived,
            chunks: report.chunks,
            points: report.points,
            bytes_read: report.bytes_read,
            spoiled: report.spoiled,
            errors,
            unsupported: report.unsupported.len(),
            collected: report.collected.len(),
            superseded: report.superseded.len(),
            uncommitted: report.uncommitted.len(),
            traffic,
        }
    }
}

/// The summary of `check` where there are no keys: stored bytes alone.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct StoredSummary {
    /// `stored`.
    pub level: &'static str,
    /// `false`.
    pub keys: bool,
    /// Objects that were read.
    pub objects: u64,
    /// Packs among them.
    pub packs: u64,
    /// Packs that were read whole: all of them.
    pub packs_read: u64,
    /// Packs that have parity.
    pub packs_with_parity: u64,
    /// Packs that rest in an archive class and were not looked into.
    pub packs_archived: u64,
    /// Stored bytes that were read.
    pub bytes_read: u64,
    /// Findings of damage.
    pub errors: usize,
    /// What was asked of the store.
    #[serde(flatten)]
    pub traffic: Traffic,
}

impl StoredSummary {
    /// Of a check without keys.
    pub fn of(report: &StoredReport, traffic: Traffic) -> StoredSummary {
        StoredSummary {
            level: "stored",
            keys: false,
            objects: report.objects,
            packs: report.packs,
            packs_read: report.packs,
            packs_with_parity: report.packs_with_parity,
            packs_archived: report.packs_archived,
            bytes_read: report.bytes_read,
            errors: report.errors.len(),
            traffic,
        }
    }
}
