//! What was brought back stays longer.

use crate::open_store::Traffic;
use engine::Result;
use engine::monitor::Monitor;
use engine::repository::Repository;
use engine::retrieval;
use engine::store::Counts;
use schemars::JsonSchema;
use serde::Serialize;

/// One retrieval that was extended.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct ExtendedReport {
    /// The retrieval: the entry of the log that began it.
    pub retrieval: u32,
    /// Packs that the store was asked to keep readable.
    pub packs_asked: u64,
}

/// All of them.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct ExtendReport {
    /// The retrievals that stay longer.
    pub retrievals: Vec<u32>,
    /// For how many days from now.
    pub days: u32,
    /// Packs that the store was asked to keep readable.
    pub packs_asked: u64,
    /// What was asked of the store.
    #[serde(flatten)]
    pub traffic: Traffic,
}

/// Lets one retrieval stay readable for so many days from now.
///
/// # Errors
/// The engine's.
pub fn extend(repo: &Repository, retrieval: u32, days: u32, monitor: &Monitor) -> Result<ExtendedReport> {
    let packs_asked = retrieval::extend(repo, retrieval, days, monitor)?.packs_asked;
    Ok(ExtendedReport { retrieval, packs_asked })
}

impl ExtendReport {
    /// Of what was extended.
    pub fn of(extended: &[ExtendedReport], days: u32, counts: &Counts) -> ExtendReport {
        ExtendReport {
            retrievals: extended.iter().map(|one| one.retrieval).collect(),
            days,
            packs_asked: extended.iter().map(|one| one.packs_asked).sum(),
            traffic: Traffic::of(counts),
        }
    }
}
