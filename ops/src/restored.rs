//! What came of a restore.

use crate::{Traffic, report};
use engine::restore::{Arrived, RestoreSummary};
use schemars::JsonSchema;
use serde::Serialize;

/// What a restore would do at a path; `restore --dry-run` prints one row per path.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct ActionRow {
    /// The path in the target.
    pub path: String,
    /// The exact path in hexadecimal digits, where it is not UTF-8.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path_hex: Option<String>,
    /// `restore`, `remove` or `leave`.
    pub action: &'static str,
    /// Why it is left; null of the others.
    pub why: Option<String>,
}

impl ActionRow {
    /// At a path.
    pub fn of(path: &[u8], action: &'static str, why: Option<String>) -> ActionRow {
        let (path, path_hex) = report::raw(path);
        ActionRow { path, path_hex, action, why }
    }
}

/// The summary of `restore`.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct RestoreReport {
    /// The points that were restored from.
    pub points: Vec<String>,
    /// The folder that was restored to.
    pub target: String,
    /// Whether nothing was written.
    pub dry_run: bool,
    /// Files that were written.
    pub files: u64,
    /// Files that were there already, as the point has them.
    pub files_unchanged: u64,
    /// Folders that were made.
    pub folders: u64,
    /// Links, devices, pipes and sockets that were made.
    pub others: u64,
    /// Bytes that were written.
    pub bytes: u64,
    /// Items that were removed, as the point does not have them.
    pub deleted: u64,
    /// Items that stay although the point does not have them.
    pub left: u64,
    /// Whether the points hold everything that their backups found.
    pub complete: bool,
    /// Items whose data is damaged.
    pub damaged: u64,
    /// Items whose data rests in an archive.
    pub archived: u64,
    /// Items whose data the store refuses to give.
    pub denied: u64,
    /// Whether what was written was read again and held against the point.
    pub verified: bool,
    /// What was asked of the store.
    #[serde(flatten)]
    pub traffic: Traffic,
    /// Warnings.
    pub warnings: u64,
    /// What was retrieved on the way, with `--archived`.
    #[serde(flatten)]
    pub arrived: Option<RetrievedReport>,
}

/// What a restore retrieved from the archive.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct RetrievedReport {
    /// The retrieval; null where everything was readable.
    pub retrieval: Option<u32>,
    /// Packs that the store was asked for.
    pub packs_asked: u64,
    /// Packs that are needed.
    pub packs_needed: u64,
    /// Packs among them that can be read.
    pub packs_readable: u64,
    /// Their bytes.
    pub bytes_needed: u64,
    /// The bytes of those that can be read.
    pub bytes_readable: u64,
}

impl From<&Arrived> for RetrievedReport {
    fn from(arrived: &Arrived) -> RetrievedReport {
        RetrievedReport {
            retrieval: arrived.started.retrieval,
            packs_asked: arrived.started.packs_asked,
            packs_needed: arrived.progress.needed.packs,
            packs_readable: arrived.progress.here.packs,
            bytes_needed: arrived.progress.needed.bytes,
            bytes_readable: arrived.progress.here.bytes,
        }
    }
}

impl RestoreReport {
    /// By the counts of a restore, of which nothing else is known yet.
    pub fn of(sum: &RestoreSummary, traffic: Traffic) -> RestoreReport {
        RestoreReport {
            points: Vec::new(),
            target: String::new(),
            dry_run: false,
            files: sum.files,
            files_unchanged: sum.files_unchanged,
            folders: sum.folders,
            others: sum.others,
            bytes: sum.bytes,
            deleted: sum.deleted,
            left: sum.left,
            complete: true,
            damaged: sum.damaged,
            archived: sum.archived,
            denied: sum.denied,
            verified: false,
            traffic,
            warnings: 0,
            arrived: None,
        }
    }
}
