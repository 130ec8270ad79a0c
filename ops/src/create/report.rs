//! A repository that was just made, as a report.

use super::CreateRequest;
use crate::open_store::{OpenStore, Traffic};
use engine::Result;
use engine::immutability::LockPolicy;
use engine::store::{Probed, StorageClass};
use format_spec::RepositoryId;
use format_spec::config::{Retention, RetentionKind};
use schemars::JsonSchema;
use serde::Serialize;
use std::num::NonZeroU32;
use std::path::PathBuf;

/// A repository that was just made.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct CreateReport {
    /// Its id.
    #[serde(serialize_with = "crate::report::text")]
    #[schemars(with = "String")]
    pub repository: RepositoryId,
    /// Where it is.
    pub location: String,
    /// What it is for.
    pub class: &'static str,
    /// Where its data packs rest.
    pub storage_class: Option<&'static str>,
    /// The repository whose dedup key it shares.
    pub keys_from: Option<String>,
    /// Whether it is encrypted.
    pub encrypted: bool,
    /// Parity of packs.
    pub parity_percent: u8,
    /// What its period is held against: `snapshot` or `item`.
    pub retention_type: &'static str,
    /// Its period.
    pub keep: String,
    /// Who may lift its locks.
    pub immutable: Option<&'static str>,
    /// The days that were asked for.
    pub immutable_days: Option<u32>,
    /// The days that a lock lasts at least.
    pub locked_days_least: Option<u32>,
    /// And at most.
    pub locked_days_most: Option<u32>,
    /// The file with the only key.
    pub key_file: Option<String>,
    /// What the store has shown.
    pub probed: Proven,
    /// What that took.
    #[serde(flatten)]
    pub traffic: Traffic,
    /// How its objects are locked.
    #[serde(skip)]
    pub policy: Option<LockPolicy>,
}

/// What a store has shown.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Proven {
    /// Of two that create the same object, one alone succeeds.
    pub create_is_atomic: bool,
    /// A range of an object can be read.
    pub ranges: bool,
    /// A listing shows what was just created.
    pub listing_complete: bool,
    /// What is deleted is gone.
    pub delete: bool,
    /// The store refuses a put with a wrong checksum.
    pub checksum_enforced: bool,
    /// Whether the place keeps versions; null where that could not be asked.
    pub versioned: Option<bool>,
    /// What was noticed, in words.
    pub observed: Vec<String>,
}

impl CreateReport {
    pub(super) fn of(
        repository: RepositoryId,
        place: &OpenStore,
        request: &CreateRequest<'_>,
        (retention, policy): (Retention, Option<LockPolicy>),
        (probed, key_file): (&Probed, Option<PathBuf>),
    ) -> Result<CreateReport> {
        let locked = policy.map(|policy| policy.days_locked()).transpose()?;
        Ok(CreateReport {
            repository,
            location: place.store.location(),
            class: request.class.as_str(),
            storage_class: request.storage_class.map(StorageClass::as_str),
            keys_from: request.like.map(|like| like.id().to_string()),
            encrypted: request.encrypted,
            parity_percent: request.parity_percent,
            retention_type: retention_word(retention.kind),
            keep: retention.period.to_string(),
            immutable: policy.map(|policy| policy.wish().mode.as_str()),
            immutable_days: policy.and_then(|policy| policy.field().days).map(NonZeroU32::get),
            locked_days_least: locked.map(|(least, _)| least),
            locked_days_most: locked.map(|(_, most)| most),
            key_file: key_file.map(|path| path.display().to_string()),
            probed: Proven::of(probed),
            traffic: Traffic::of(&place.counts),
            policy,
        })
    }
}

impl Proven {
    fn of(probed: &Probed) -> Proven {
        Proven {
            create_is_atomic: probed.create_is_atomic,
            ranges: probed.ranges,
            listing_complete: probed.listing_complete,
            delete: probed.delete,
            checksum_enforced: probed.checksum_enforced,
            versioned: probed.versioned,
            observed: probed.observed.clone(),
        }
    }
}

/// What a period is held against, in a word.
fn retention_word(kind: RetentionKind) -> &'static str {
    match kind {
        RetentionKind::Snapshot => "snapshot",
        RetentionKind::Item => "item",
    }
}
