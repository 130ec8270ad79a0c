//! What was brought back, and how far it is; those whose days are over are ended.

use crate::open_store::Traffic;
use crate::report;
use engine::Result;
use engine::monitor::Monitor;
use engine::repository::Repository;
use engine::retrieval::{Status, Tidied, retrievals, tidy};
use engine::store::Counts;
use format_spec::Time;
use schemars::JsonSchema;
use serde::Serialize;

/// A retrieval.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct RetrievalReport {
    /// The retrieval: the entry of the log that began it.
    pub retrieval: u32,
    /// `online`, `archived`, `retrieving`, `partial` or `retrieved`; of one that ends, `removing` or `expired`.
    pub state: &'static str,
    /// What was retrieved, in words.
    pub about: String,
    /// How fast: the mode that was asked for.
    pub mode: &'static str,
    /// For how many days.
    pub days: u32,
    /// When it was begun.
    #[serde(serialize_with = "report::time")]
    #[schemars(with = "String")]
    pub begun: Time,
    /// When it was begun or extended last.
    #[serde(serialize_with = "report::time")]
    #[schemars(with = "String")]
    pub changed: Time,
    /// Packs that belong to it.
    pub packs: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Packs among them that can be read.
    pub packs_readable: u64,
    /// The bytes of those.
    pub bytes_readable: u64,
    /// Packs among them that are on their way.
    pub packs_retrieving: u64,
    /// Until when they can be read.
    #[serde(serialize_with = "report::time")]
    #[schemars(with = "String")]
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
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct ListReport {
    /// Retrievals that are listed.
    pub retrievals: usize,
    /// Retrievals that were ended, as their days are over.
    pub ended: Vec<u32>,
    /// Packs that were put back into the archive class.
    pub packs_rested: u64,
    /// What was asked of the store.
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
