//! What was brought back, and how far it is; those whose days are over are ended.

use crate::open_store::Traffic;
use crate::report;
use engine::Result;
use engine::monitor::Monitor;
use engine::repository::Repository;
use engine::retrieval::{Status, Tidied, retrievals, tidy};
use engine::store::Counts;
use format_spec::Time;
use serde::Serialize;

/// A retrieval.
#[derive(Debug, Clone, Serialize)]
#[expect(missing_docs, reason = "docs/json.md says what each key means")]
pub struct RetrievalReport {
    pub retrieval: u32,
    pub state: &'static str,
    pub about: String,
    pub mode: &'static str,
    pub days: u32,
    #[serde(serialize_with = "report::time")]
    pub begun: Time,
    #[serde(serialize_with = "report::time")]
    pub changed: Time,
    pub packs: u64,
    pub bytes: u64,
    pub packs_readable: u64,
    pub bytes_readable: u64,
    pub packs_retrieving: u64,
    #[serde(serialize_with = "report::time")]
    pub readable_until: Time,
}

impl RetrievalReport {
    /// Of one.
    pub fn of(status: &Status) -> RetrievalReport {
        RetrievalReport {
            retrieval: status.retrieval,
            state: status.state.as_str(),
            about: status.told.about.clone(),
            mode: status.mode().as_str(),
            days: status.told.days,
            begun: status.told.begun,
            changed: status.told.changed,
            packs: status.packs.packs,
            bytes: status.packs.bytes,
            packs_readable: status.readable.packs,
            bytes_readable: status.readable.bytes,
            packs_retrieving: status.retrieving.packs,
            readable_until: status.until,
        }
    }
}

/// How many go on, and which were ended.
#[derive(Debug, Clone, Serialize)]
#[expect(missing_docs, reason = "docs/json.md says what each key means")]
pub struct ListReport {
    pub retrievals: usize,
    pub ended: Vec<u32>,
    pub packs_rested: u64,
    #[serde(flatten)]
    pub traffic: Traffic,
}

/// Lists the retrievals, then ends those whose days are over: one is shown once more, as removing or expired.
///
/// # Errors
/// The engine's.
pub fn list(repo: &Repository, counts: &Counts, monitor: &Monitor) -> Result<(Vec<RetrievalReport>, ListReport)> {
    let found = retrievals(repo, monitor)?;
    let Tidied { ended, packs_rested } = tidy(repo, monitor)?;
    let summary = ListReport { retrievals: found.len(), ended, packs_rested, traffic: Traffic::of(counts) };
    Ok((found.iter().map(RetrievalReport::of).collect(), summary))
}
