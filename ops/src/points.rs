//! Restore points as rows: what a list of them says of each, of its locks, and of all of them.

use crate::Traffic;
use crate::backup::kind_word;
use crate::report;
use engine::immutability::Gap;
use engine::repository::Repository;
use engine::restore_point::Point;
use engine::retrieval::may_rest;
use format_spec::Time;
use format_spec::point::Workload;
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::BTreeMap;

/// A restore point; `points` prints one row per point, and `stats POINT` prints its keys in the summary.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct PointRow {
    /// The id, 32 hexadecimal digits.
    pub id: String,
    /// Its number in this repository.
    pub number: u32,
    /// When the backup began, by the clock of its host.
    #[serde(serialize_with = "report::time")]
    #[schemars(with = "String")]
    pub time: Time,
    /// When the backup ended.
    #[serde(serialize_with = "report::time")]
    #[schemars(with = "String")]
    pub finished: Time,
    /// The job.
    pub job: String,
    /// `full` or `incremental`.
    pub kind: &'static str,
    /// Why it is of that kind.
    pub kind_reason: String,
    /// `folders`, `stream` or `microsoft365`.
    pub workload: &'static str,
    /// The host, of a point that no organisation is the source of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// The organisation, in the place of `host`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub organisation: Option<String>,
    /// Of a copy: the repository in which it was made; else null.
    pub source_repository: Option<String>,
    /// The paths that were backed up.
    pub paths: Vec<String>,
    /// Files that it holds.
    pub files_total: u64,
    /// Bytes of its files.
    pub bytes_source: u64,
    /// Bytes that it added to the repository.
    pub bytes_stored: u64,
    /// Whether everything could be read.
    pub complete: bool,
    /// Items that could not be read and are held as they were.
    pub items_kept: u64,
    /// Whether it is much smaller than the point before it.
    pub shrunken: bool,
    /// Its tags.
    pub tags: Vec<String>,
    /// Until when it is locked; null where it is not.
    #[serde(serialize_with = "report::time_if_any")]
    #[schemars(with = "Option<String>")]
    pub locked_until: Option<Time>,
    /// `archived` where its data is put into an archive class, else `online`; `retrieve status` asks the store what can be read.
    pub state: &'static str,
}

impl PointRow {
    /// Of a point of this repository.
    pub fn of(repo: &Repository, point: &Point) -> PointRow {
        let m = &point.manifest;
        let of_host = m.organisation.is_empty();
        PointRow {
            id: m.id.to_string(),
            number: point.number,
            time: m.started,
            finished: m.finished,
            job: m.job.clone(),
            kind: kind_word(m.kind),
            kind_reason: m.kind_reason.clone(),
            workload: match m.workload {
                Workload::Folders => "folders",
                Workload::Stream => "stream",
                Workload::Microsoft365 => "microsoft365",
            },
            host: of_host.then(|| m.host.clone()),
            organisation: (!of_host).then(|| m.organisation.clone()),
            source_repository: repo.job_of(point).source.map(|id| id.to_string()),
            paths: m.paths.iter().map(|path| String::from_utf8_lossy(path).into_owned()).collect(),
            files_total: m.counts.new + m.counts.changed + m.counts.unchanged,
            bytes_source: m.root.totals.bytes,
            bytes_stored: m.bytes[2],
            complete: m.counts.complete(),
            items_kept: m.counts.kept,
            shrunken: m.shrunken.is_some(),
            tags: m.tags.clone(),
            locked_until: locked_until(repo, point),
            state: if may_rest(repo) { "archived" } else { "online" },
        }
    }
}

/// Until when a point is locked, if it is.
pub fn locked_until(repo: &Repository, point: &Point) -> Option<Time> {
    repo.log().view().live(&point.manifest.id).and_then(|commit| repo.locked_until(commit))
}

/// The summary of `points`.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct PointsReport {
    /// Points that were listed.
    pub points: usize,
    /// Points whose manifests are damaged; they are not listed.
    pub points_damaged: usize,
    /// Points that need a newer release.
    pub points_unsupported: usize,
    /// With `--as-of`: points of which something was collected since.
    pub points_collected: usize,
    /// Points dated in the future, or against the order of commits.
    pub points_misdated: usize,
    /// Whether a recovery sheet of the present key was made.
    pub recovery_sheet_exported: bool,
    /// With `--verify-immutability`: objects whose locks were read back; else null.
    pub objects_verified: Option<u64>,
    /// The same: points that are older than their locks.
    pub points_over: Option<u64>,
    /// The same: objects that are not locked as agreed.
    pub gaps: Option<usize>,
}

/// An object whose lock falls short; `points --verify-immutability` prints one row per object.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct GapRow {
    /// The object.
    pub object: String,
    /// A point that needs it.
    pub point: String,
    /// Whether the object is gone.
    pub absent: bool,
    /// The mode that was agreed on.
    pub mode_wanted: &'static str,
    /// Until when it was to be locked.
    #[serde(serialize_with = "report::time")]
    #[schemars(with = "String")]
    pub until_wanted: Time,
    /// The mode that was found; null where there is no lock.
    pub mode_found: Option<&'static str>,
    /// Until when it is locked; null where there is no lock.
    #[serde(serialize_with = "report::time_if_any")]
    #[schemars(with = "Option<String>")]
    pub until_found: Option<Time>,
}

impl From<&Gap> for GapRow {
    fn from(gap: &Gap) -> GapRow {
        GapRow {
            object: gap.object.as_str().to_owned(),
            point: gap.point.to_string(),
            absent: gap.is_absent,
            mode_wanted: gap.wanted.mode.as_str(),
            until_wanted: gap.wanted.until,
            mode_found: gap.found.map(|found| found.mode.as_str()),
            until_found: gap.found.map(|found| found.until),
        }
    }
}

/// The summary of `stats` of one point, or of a path in it.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct PointStats {
    /// The point.
    #[serde(flatten)]
    pub point: PointRow,
    /// Items at and below the path.
    pub items: u64,
    /// Items by kind.
    pub kinds: BTreeMap<&'static str, u64>,
    /// Bytes of files, each name by itself.
    pub bytes: u64,
    /// Bytes of files, each hard-linked file once.
    pub bytes_without_hard_links: u64,
    /// Bytes of the largest file.
    pub largest_bytes: u64,
    /// Its path.
    pub largest_path: String,
    /// Its exact path in hexadecimal digits, where it is not UTF-8.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub largest_path_hex: Option<String>,
}

/// The summary of `stats` of a repository.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct RepositoryStats {
    /// Which repository.
    pub repository: String,
    /// Where it is, without secrets.
    pub location: String,
    /// Points that can be read.
    pub points: usize,
    /// Points whose manifests are damaged.
    pub points_damaged: usize,
    /// Points that need a newer release.
    pub points_unsupported: usize,
    /// Jobs.
    pub jobs: usize,
    /// Bytes of the files of all points together.
    pub bytes_source: u64,
    /// Bytes of all objects.
    pub bytes_stored: u64,
    /// Objects.
    pub objects: u64,
    /// The same by the first folder of their names.
    pub objects_by_kind: BTreeMap<String, ObjectSums>,
    /// Chunks and nodes in the index.
    pub chunks: u64,
    /// What was asked of the store.
    #[serde(flatten)]
    pub traffic: Traffic,
}

/// Objects, and their bytes.
#[derive(Debug, Clone, Copy, Default, Serialize, JsonSchema)]
pub struct ObjectSums {
    /// How many.
    pub objects: u64,
    /// Their bytes.
    pub bytes: u64,
}

impl PointStats {
    /// Sets the largest file.
    #[must_use]
    pub fn largest(self, bytes: u64, path: &[u8]) -> PointStats {
        let (largest_path, largest_path_hex) = report::raw(path);
        PointStats { largest_bytes: bytes, largest_path, largest_path_hex, ..self }
    }
}
