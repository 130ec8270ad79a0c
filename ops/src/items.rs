//! Items of restore points as rows: what is at a path, where it was found, since when it is so, and how two points differ.

use crate::report;
use format_spec::Time;
use format_spec::tree::{Entry, Kind};
use schemars::JsonSchema;
use serde::Serialize;

/// What a restore point holds at a path; `ls` prints one row per entry.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct EntryRow {
    /// The path in the point, from its root.
    pub path: String,
    /// The exact path in hexadecimal digits, where it is not UTF-8.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path_hex: Option<String>,
    /// What is there.
    #[serde(flatten)]
    pub item: Item,
    /// When the item was read last, where it could not be read any more and is held as it was then.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "report::time_if_any")]
    #[schemars(with = "Option<String>")]
    pub kept_as_of: Option<Time>,
}

/// The attributes of an item.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Item {
    /// `file`, `folder`, `symlink`, `fifo`, `socket`, `char_device` or `block_device`.
    pub kind: &'static str,
    /// The mode, four octal digits.
    pub mode: String,
    /// The owner's number.
    pub uid: u32,
    /// The group's number.
    pub gid: u32,
    /// The owner's name; empty where none was known.
    pub user: String,
    /// The group's name; empty where none was known.
    pub group: String,
    /// When it was modified.
    #[serde(serialize_with = "report::time")]
    #[schemars(with = "String")]
    pub mtime: Time,
    /// Hard links that it had.
    pub links: u32,
    /// Of folders: what lies directly in it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub entries: Option<u64>,
    /// Its size; of folders everything below; not of devices.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
    /// Of symlinks: where it leads.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// The exact target in hexadecimal digits, where it is not UTF-8.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target_hex: Option<String>,
    /// Of devices: the major number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub device_major: Option<u32>,
    /// Of devices: the minor number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub device_minor: Option<u32>,
}

impl EntryRow {
    /// Of an entry; `path` without its leading slash.
    pub fn of(path: &[u8], entry: &Entry, kept_as_of: Option<Time>) -> EntryRow {
        let (path, path_hex) = absolute(path);
        EntryRow { path, path_hex, item: Item::of(entry), kept_as_of }
    }
}

impl Item {
    fn of(entry: &Entry) -> Item {
        let is_device = matches!(entry.kind, Kind::CharDevice | Kind::BlockDevice);
        let (target, target_hex) = match entry.kind {
            Kind::Symlink => {
                let (text, hex) = report::raw(&entry.target);
                (Some(text), hex)
            }
            _ => (None, None),
        };
        Item {
            kind: kind_word(entry.kind),
            mode: format!("{:04o}", entry.mode),
            uid: entry.uid,
            gid: entry.gid,
            user: String::from_utf8_lossy(&entry.user).into_owned(),
            group: String::from_utf8_lossy(&entry.group).into_owned(),
            mtime: entry.mtime,
            links: entry.nlink,
            entries: (entry.kind == Kind::Folder).then_some(entry.totals.entries),
            bytes: match entry.kind {
                Kind::Folder => Some(entry.totals.bytes),
                _ => (!is_device).then_some(entry.size),
            },
            target,
            target_hex,
            device_major: is_device.then_some(entry.rdev.0),
            device_minor: is_device.then_some(entry.rdev.1),
        }
    }
}

/// As rows name kinds.
pub fn kind_word(kind: Kind) -> &'static str {
    match kind {
        Kind::File => "file",
        Kind::Folder => "folder",
        Kind::Symlink => "symlink",
        Kind::Fifo => "fifo",
        Kind::Socket => "socket",
        Kind::CharDevice => "char_device",
        Kind::BlockDevice => "block_device",
    }
}

/// A path from the root of a point, and in hexadecimal digits where it is not UTF-8.
pub fn absolute(path: &[u8]) -> (String, Option<String>) {
    report::raw(&[b"/", path].concat())
}

/// The summary of `ls`.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct LsReport {
    /// Entries that were listed.
    pub entries: u64,
}

/// A path that a pattern matches; `find` prints one row per match.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct MatchRow {
    /// What is there.
    #[serde(flatten)]
    pub entry: EntryRow,
    /// The point that has it.
    pub point: String,
    /// When that point was made.
    #[serde(serialize_with = "report::time")]
    #[schemars(with = "String")]
    pub point_time: Time,
    /// Its job.
    pub job: String,
    /// Its host.
    pub host: String,
}

/// The summary of `find`.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct FindReport {
    /// Matches.
    pub matches: u64,
    /// Points that were searched.
    pub points_searched: usize,
}

/// What a run of restore points says of a path; `history` prints one row per version.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct VersionRow {
    /// The path in the points, from their roots.
    pub path: String,
    /// The exact path in hexadecimal digits, where it is not UTF-8.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path_hex: Option<String>,
    /// What is there; none of these keys where the points do not have the path.
    #[serde(flatten)]
    pub item: Option<Item>,
    /// Whether the points have the path.
    pub present: bool,
    /// The newest of these points.
    pub point: String,
    /// The oldest of these points.
    pub first_point: String,
    /// When the oldest was made.
    #[serde(serialize_with = "report::time")]
    #[schemars(with = "String")]
    pub time_first: Time,
    /// When the newest was made.
    #[serde(serialize_with = "report::time")]
    #[schemars(with = "String")]
    pub time_last: Time,
    /// How many points these are.
    pub points: u64,
    /// The newest point's job.
    pub job: String,
    /// The newest point's host.
    pub host: String,
}

impl VersionRow {
    /// What the points have at the path, if anything.
    pub fn item_of(entry: Option<&Entry>) -> Option<Item> {
        entry.map(Item::of)
    }
}

/// The summary of `history`.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct HistoryReport {
    /// Versions of the path.
    pub versions: usize,
}

/// How two points differ at a path; `diff` prints one row per difference.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct DifferenceRow {
    /// The path in the points, from their roots.
    pub path: String,
    /// The exact path in hexadecimal digits, where it is not UTF-8.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path_hex: Option<String>,
    /// `added`, `removed`, `modified`, `metadata` or `kind`.
    pub change: &'static str,
    /// What was there; null where nothing was.
    pub kind_old: Option<&'static str>,
    /// What is there; null where nothing is.
    pub kind_new: Option<&'static str>,
    /// Its size before; null where nothing was.
    pub bytes_old: Option<u64>,
    /// Its size now; null where nothing is.
    pub bytes_new: Option<u64>,
}

/// The summary of `diff`.
#[derive(Debug, Clone, Copy, Default, Serialize, JsonSchema)]
pub struct DiffReport {
    /// Items that only the newer point has.
    pub added: u64,
    /// Items that only the older point has.
    pub removed: u64,
    /// Items with other content.
    pub modified: u64,
    /// Items with other attributes alone.
    pub metadata: u64,
    /// Items of another kind.
    pub kind: u64,
    /// Bytes of the files that were added.
    pub bytes_added: u64,
    /// Bytes of the files that were removed.
    pub bytes_removed: u64,
    /// Items of the newer point that could not be read and are held as they were.
    pub items_kept: u64,
}
