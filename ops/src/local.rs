//! What lies on this machine, as rows and summaries: the cache, and what is remembered of repositories.

use crate::known::{Record, Row};
use crate::{Traffic, report};
use engine::repository::CacheStatus;
use format_spec::Time;
use format_spec::container::Suite;
use schemars::JsonSchema;
use serde::Serialize;

/// The summary of `cache status`, `cache sync` and `index rebuild`.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct CacheReport {
    /// The cache's folder.
    pub folder: String,
    /// The entry of the log that it reaches.
    pub position: u32,
    /// The log's newest entry.
    pub head: u32,
    /// Whether these are the same.
    pub current: bool,
    /// Segments that it holds.
    pub segments: u64,
    /// Ids that it holds.
    pub entries: u64,
    /// Bytes on disk.
    pub bytes: u64,
    /// What was asked of the store.
    #[serde(flatten)]
    pub traffic: Traffic,
}

impl CacheReport {
    /// Of a cache as it is.
    pub fn of(status: &CacheStatus, traffic: Traffic) -> CacheReport {
        CacheReport {
            folder: status.folder.display().to_string(),
            position: status.position,
            head: status.head,
            current: status.position == status.head,
            segments: status.segments,
            entries: status.entries,
            bytes: status.bytes,
            traffic,
        }
    }
}

/// The summary of `cache drop`.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct DroppedReport {
    /// The cache's folder.
    pub folder: String,
    /// Whether there was one.
    pub dropped: bool,
}

/// What is remembered of a repository; `known list` prints one row per place and repository.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct KnownRow {
    /// Where it was seen.
    pub place: String,
    /// Its id.
    pub repository: String,
    /// `none` or `aes-256-gcm`.
    pub encryption: &'static str,
    /// The newest entry of its log that was seen.
    pub entry: u32,
    /// When it was seen; null where the clock was not believed.
    #[serde(serialize_with = "report::time_if_any")]
    #[schemars(with = "Option<String>")]
    pub seen: Option<Time>,
    /// Whether it was accepted that it is not encrypted.
    pub clear_text_accepted: bool,
}

impl KnownRow {
    /// Of a row of a record.
    pub fn of(record: &Record, row: &Row) -> KnownRow {
        KnownRow {
            place: record.location.clone(),
            repository: row.id.to_string(),
            encryption: encryption(row),
            entry: row.position,
            seen: row.seconds.map(|seconds| Time { seconds, nanos: 0 }),
            clear_text_accepted: row.clear_text,
        }
    }
}

/// How a repository is encrypted, in a word.
pub fn encryption(row: &Row) -> &'static str {
    match row.suite {
        Suite::Clear => "none",
        Suite::Aes256Gcm => "aes-256-gcm",
    }
}

/// The summary of `known list`.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct KnownReport {
    /// Places and repositories that are remembered.
    pub repositories: usize,
}

/// The summary of `known forget`.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct ForgotReport {
    /// The place.
    pub place: String,
    /// `true`.
    pub forgot: bool,
}
