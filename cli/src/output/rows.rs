//! Rows that only a terminal's command line has: progress, words on the way, and what serves until it is stopped.

use schemars::JsonSchema;
use serde::Serialize;

/// The keys that every summary begins with.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct SummaryRow {
    /// `done`, `warnings`, `failed` or `interrupted`.
    pub(crate) status: &'static str,
    /// The exit code of the process.
    pub(crate) exit_code: u8,
    /// How long it took.
    pub(crate) seconds_elapsed: f64,
    /// Whether this machine had not used a repository of this run before.
    pub(crate) first_use: bool,
}

/// The summary of a failure.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct FailedSummaryRow {
    /// `failed`, or as every summary says it.
    pub(crate) status: &'static str,
    /// The name of the failure.
    pub(crate) error: &'static str,
    /// The exit code of the process.
    pub(crate) exit_code: u8,
    /// How long it took.
    pub(crate) seconds_elapsed: f64,
    /// How a command of others ended, where that is the failure.
    #[serde(flatten)]
    pub(crate) ended: ForeignEnd,
}

/// A failure; printed before its summary.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct ErrorRow {
    /// Its name.
    pub(crate) error: &'static str,
    /// What failed, on which object.
    pub(crate) message: String,
    /// What to do next; null where there is nothing to say.
    pub(crate) advice: Option<String>,
    /// The exit code of the process.
    pub(crate) exit_code: u8,
    /// How a command of others ended, where that is the failure.
    #[serde(flatten)]
    pub(crate) ended: ForeignEnd,
}

/// How a hook or a dump ended that failed.
#[derive(Debug, Clone, Copy, Default, Serialize, JsonSchema)]
pub(crate) struct ForeignEnd {
    /// Its exit code, where `error` is `command_failed`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) command_exit_code: Option<i32>,
    /// The signal that ended it, likewise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) command_signal: Option<i32>,
}

/// Something that went wrong with one subject; the work goes on.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct WarningRow {
    /// What it is about.
    pub(crate) subject: String,
    /// The exact subject in hexadecimal digits, where it is not UTF-8.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) subject_hex: Option<String>,
    /// What went wrong.
    pub(crate) reason: String,
}

/// Something that is tried out; `init` prints one row per attempt, unless --no-progress is given.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct ProbingRow {
    /// What.
    pub(crate) what: String,
}

/// How far the work is; long work prints it each second.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct ProgressRow {
    /// Items that are done.
    pub(crate) items_done: u64,
    /// All items; null while unknown.
    pub(crate) items_total: Option<u64>,
    /// Bytes that are done.
    pub(crate) bytes_done: u64,
    /// All bytes; null while unknown.
    pub(crate) bytes_total: Option<u64>,
    /// The rate since the start.
    pub(crate) bytes_per_second: f64,
    /// How long it has taken.
    pub(crate) seconds_elapsed: f64,
}

/// Another run of the job is waited for; `backup --if-running wait` prints it now and then.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct WaitingRow {
    /// The job.
    pub(crate) job: String,
    /// Who else runs it.
    pub(crate) reason: String,
    /// How long this run has taken.
    pub(crate) seconds_elapsed: f64,
}

/// A folder in a source that the backup itself writes to; `backup` leaves it out.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct LeftOutRow {
    /// The folder.
    pub(crate) path: String,
    /// The exact path in hexadecimal digits, where it is not UTF-8.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) path_hex: Option<String>,
    /// What it is.
    pub(crate) what: &'static str,
}

/// A part of a schedule; `schedule print` prints one row per part.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct ScheduleRow {
    /// Which part.
    pub(crate) part: &'static str,
    /// The file that it belongs into.
    pub(crate) file: String,
    /// Its text.
    pub(crate) text: String,
}

/// The summary of `schedule print`.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct ScheduleReport {
    /// Parts that were printed.
    pub(crate) parts: usize,
}

/// The summary of `mount`; `mount --foreground` prints it as `mounted` when the mount answers.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct MountedReport {
    /// Where it is mounted.
    pub(crate) mountpoint: String,
    /// The process that serves.
    pub(crate) pid: u32,
}

/// The summary of `mount --dry-run`.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct CouldMountReport {
    /// `true`.
    pub(crate) dry_run: bool,
}

/// The summary of `umount`.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct UmountReport {
    /// What was taken away.
    pub(crate) mountpoint: String,
}

/// A server that answers from now on; `serve` prints it.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct ServingRow {
    /// Its address.
    pub(crate) url: String,
}

/// The summary of `serve webdav`.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct ServedReport {
    /// The address.
    pub(crate) url: String,
    /// Requests that were answered.
    pub(crate) requests_served: u64,
    /// Bytes of the answers.
    pub(crate) bytes_served: u64,
}

/// The summary of `man`.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct ManReport {
    /// The folder.
    pub(crate) folder: String,
    /// Pages that lie in it.
    pub(crate) pages: usize,
}
