//! Restore points: the manifest, and the values of the maps that belong to it (spec/point.md).

mod references;
mod rows;

pub use references::{PackReferences, reference_key, reference_pack};
pub use rows::{Alone, Maps, Naming, Seen, Shrunken};

use crate::bytes::{Cursor, put_time};
use crate::container::{Header, Object, ObjectWriter, kind};
use crate::fields::{CRITICAL, Fields, FieldsWriter, text};
use crate::keys::Secrets;
use crate::left_out::Rule;
use crate::log::PointId;
use crate::tree::{Entry, Kind};
use crate::{ChunkId, FormatError, RepositoryId, Result, Time};

pub use crate::point_kind::{PointKind, Workload};

/// How many items ended how.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LedgerCounts {
    /// Stored; not in the base.
    pub new: u64,
    /// Stored; different in the base.
    pub changed: u64,
    /// Taken over from the base.
    pub unchanged: u64,
    /// Folders.
    pub folders: u64,
    /// Left out by a rule.
    pub skipped: u64,
    /// Could not be read.
    pub failed: u64,
    /// Went away before they could be read.
    pub vanished: u64,
    /// Stored, but changed meanwhile.
    pub changed_while_read: u64,
    /// Of those that failed, how many are held as they were at their last good reading. Not among the eight numbers of field 14: it
    /// has a critical field of its own ([POINT-10]).
    pub kept: u64,
}

impl LedgerCounts {
    /// [POINT-2].
    pub fn complete(&self) -> bool {
        [self.failed, self.vanished, self.changed_while_read] == [0; 3]
    }

    /// All that was met and not left out: what the point's tree has, its root included, is among it ([POINT-15]).
    pub fn items(&self) -> u64 {
        let counts = [self.new, self.changed, self.unchanged, self.folders, self.failed];
        counts.into_iter().fold(0, u64::saturating_add)
    }

    fn to_array(self) -> [u64; 8] {
        [
            self.new,
            self.changed,
            self.unchanged,
            self.folders,
            self.skipped,
            self.failed,
            self.vanished,
            self.changed_while_read,
        ]
    }
}

/// The manifest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    /// The point's id.
    pub id: PointId,
    /// When its session started.
    pub started: Time,
    /// When everything was stored.
    pub finished: Time,
    /// The job.
    pub job: String,
    /// The host, or empty.
    pub host: String,
    /// The organisation, or empty.
    pub organisation: String,
    /// What was asked for.
    pub paths: Vec<Vec<u8>>,
    /// Words that people gave it.
    pub tags: Vec<String>,
    /// Full or incremental.
    pub kind: PointKind,
    /// Why.
    pub kind_reason: String,
    /// What was backed up.
    pub workload: Workload,
    /// The root folder, with the empty name.
    pub root: Entry,
    /// The maps beside the root folder.
    pub maps: Maps,
    /// How items ended.
    pub counts: LedgerCounts,
    /// The point that it was built on.
    pub base: Option<PointId>,
    /// Root of the reference set.
    pub references: ChunkId,
    /// Bytes of the source, bytes of new chunks, bytes stored for them.
    pub bytes: [u64; 3],
    /// Of a point that was rewritten, the number of its `Commit`: its place among the others.
    pub first: Option<u32>,
    /// The rules by which items were left out ([POINT-8]).
    pub rules: Vec<Rule>,
    /// Items modified before this time were left out, or taken by the retention.
    pub cut: Option<Time>,
    /// How many left out items no exception names, neither themselves nor by a folder above them; `None` in points of releases that named none.
    pub unnamed: Option<u64>,
    /// Of a point that is suspiciously small, what it was held against.
    pub shrunken: Option<Shrunken>,
    /// What its name needs; points of older programs do not say it.
    pub naming: Option<Naming>,
    /// Of a copy, the repository that the point was made in ([POINT-13]).
    pub source: Option<RepositoryId>,
    /// Of a copy, entries of the logs of the repositories that it came through, as the copies had read them ([POINT-14]).
    pub seen: Vec<Seen>,
}

/// The tag of interim points ([POINT-17]).
pub const INTERIM: &str = "interim";

/// A number of unnamed items that nobody knows.
pub const UNNAMED_UNKNOWN: u64 = u64::MAX;

const KNOWN: &[(u16, bool)] = &[
    (1 | CRITICAL, false),
    (2 | CRITICAL, false),
    (3, false),
    (4 | CRITICAL, false),
    (5, false),
    (6, false),
    (7, true),
    (8, true),
    (9 | CRITICAL, false),
    (10, false),
    (11 | CRITICAL, false),
    (12 | CRITICAL, false),
    (13, false),
    (14 | CRITICAL, false),
    (15, false),
    (16, false),
    (17 | CRITICAL, false),
    (18, false),
    (19, true),
    (20, false),
    (21, true),
    (22 | CRITICAL, false),
    (23, false),
    (24, false),
    (25 | CRITICAL, false),
    (26, false),
    (27, false),
    (28, false),
    (30, true),
];

impl Manifest {
    /// Whom it belongs to: its organisation, or its host where there is none.
    pub fn owner(&self) -> &str {
        if self.organisation.is_empty() { &self.host } else { &self.organisation }
    }

    /// Whether the point fills a slot of a keep rule: all its items were stored, it has not shrunk ([POINT-10]), and its session did not go on
    /// after it ([POINT-17]).
    pub fn fills_a_slot(&self) -> bool {
        self.counts.complete() && self.shrunken.is_none() && !self.is_interim()
    }

    /// Whether it was committed while its session went on, and is to give way to a later point of its job ([POINT-17]).
    pub fn is_interim(&self) -> bool {
        self.workload == Workload::Microsoft365 && self.tags.iter().any(|tag| tag == INTERIM)
    }

    /// The object `points/<session>/<ordinal>` and its body hash.
    pub fn encode(&self, header: Header, secrets: &Secrets) -> (Vec<u8>, [u8; 32]) {
        let mut fields = FieldsWriter::new();
        let time = |t| {
            let mut out = Vec::new();
            put_time(&mut out, t);
            out
        };
        let mut root = Vec::new();
        self.root.encode(&mut root);
        let numbers = |row: &[u64]| row.iter().flat_map(|n| n.to_le_bytes()).collect::<Vec<u8>>();
        fields.put(1 | CRITICAL, &self.id.0).put(2 | CRITICAL, &time(self.started)).put(3, &time(self.finished));
        fields.put(4 | CRITICAL, self.job.as_bytes()).put(5, self.host.as_bytes()).put(6, self.organisation.as_bytes());
        self.paths.iter().for_each(|p| _ = fields.put(7, p));
        self.tags.iter().for_each(|t| _ = fields.put(8, t.as_bytes()));
        fields.put(9 | CRITICAL, &[self.kind as u8]).put(10, self.kind_reason.as_bytes());
        fields.put(11 | CRITICAL, &[self.workload as u8]).put(12 | CRITICAL, &root);
        self.maps.links.iter().for_each(|id| _ = fields.put(13, &id.0));
        fields.put(14 | CRITICAL, &numbers(&self.counts.to_array()));
        self.maps.exceptions.iter().for_each(|id| _ = fields.put(15, &id.0));
        self.base.iter().for_each(|id| _ = fields.put(16, &id.0));
        fields.put(17 | CRITICAL, &self.references.0).put(18, &numbers(&self.bytes));
        self.first.iter().for_each(|number| _ = fields.put(20, &number.to_le_bytes()));
        self.rules.iter().for_each(|rule| _ = fields.put(21, &rule.encode()));
        self.maps.state.iter().for_each(|id| _ = fields.put(22 | CRITICAL, &id.0));
        self.cut.iter().for_each(|cut| _ = fields.put(23, &time(*cut)));
        self.unnamed.iter().for_each(|number| _ = fields.put(24, &number.to_le_bytes()));
        if self.counts.kept > 0 {
            fields.put(25 | CRITICAL, &self.counts.kept.to_le_bytes());
        }
        self.shrunken.iter().for_each(|row| _ = fields.put(26, &row.encode()));
        self.naming.iter().for_each(|naming| _ = fields.put(27, &naming.encode()));
        self.source.iter().for_each(|id| _ = fields.put(28, &id.0));
        self.seen.iter().for_each(|row| _ = fields.put(30, &row.encode()));
        let cipher = secrets.cipher(&header);
        let mut object = ObjectWriter::new(header, cipher);
        object.push_plain(kind::MANIFEST, fields.as_bytes(), 3);
        object.finish()
    }

    /// Reads the object `points/<session>/<ordinal>`.
    pub fn decode(bytes: &[u8], expected: &Header, secrets: &Secrets) -> Result<Self> {
        let (object, cipher) = Object::parse_as(bytes, expected, |h| secrets.cipher(h))?;
        let plain = object.open_only(kind::MANIFEST, &cipher)?;
        let fields = Fields::parse(&plain, KNOWN)?;
        let optional = |tag| fields.get(tag).map(|_| fields.array::<32>(tag, "POINT-1").map(ChunkId)).transpose();
        let root = Entry::decode(fields.need(12 | CRITICAL)?)?;
        if root.kind != Kind::Folder || !root.name.is_empty() {
            return Err(FormatError::broken("POINT-1", "root folder", "a folder without a name", "other"));
        }
        let [new, changed, unchanged, folders, skipped, failed, vanished, changed_while_read] =
            numbers(fields.cursor(14 | CRITICAL, "POINT-1")?)?;
        let kept = decode_kept(&fields, failed)?;
        let counts =
            LedgerCounts { new, changed, unchanged, folders, skipped, failed, vanished, changed_while_read, kept };
        let bytes = fields.get(18).map_or(Ok([0; 3]), |f| numbers(Cursor::new(f.bytes, "POINT-1")))?;
        Ok(Manifest {
            id: PointId(fields.array(1 | CRITICAL, "POINT-1")?),
            started: fields.need(2 | CRITICAL).and_then(|_| fields.time(2 | CRITICAL))?.unwrap_or_default(),
            finished: fields.time(3)?.unwrap_or_default(),
            job: decode_job(&fields)?,
            host: fields.text(5, "POINT-1")?,
            organisation: fields.text(6, "POINT-1")?,
            paths: fields.all(7).map(<[u8]>::to_vec).collect(),
            tags: fields.all(8).map(|t| text(t, "POINT-1")).collect::<Result<_>>()?,
            kind: match fields.array::<1>(9 | CRITICAL, "POINT-1")?[0] {
                1 => PointKind::Full,
                2 => PointKind::Incremental,
                other => return Err(FormatError::unsupported("POINT-1", "a kind of point", other)),
            },
            kind_reason: fields.text(10, "POINT-1")?,
            workload: match fields.array::<1>(11 | CRITICAL, "POINT-1")?[0] {
                1 => Workload::Folders,
                2 => Workload::Stream,
                3 => Workload::Microsoft365,
                other => return Err(FormatError::unsupported("POINT-1", "a workload", other)),
            },
            root,
            maps: Maps { links: optional(13)?, exceptions: optional(15)?, state: optional(22 | CRITICAL)? },
            counts,
            base: fields.get(16).map(|_| fields.array(16, "POINT-1").map(PointId)).transpose()?,
            references: ChunkId(fields.array(17 | CRITICAL, "POINT-1")?),
            bytes,
            first: fields.get(20).map(|_| fields.array(20, "POINT-1").map(u32::from_le_bytes)).transpose()?,
            rules: fields.all(21).map(Rule::decode).collect::<Result<_>>()?,
            cut: fields.time(23)?,
            unnamed: fields.get(24).map(|_| fields.array(24, "POINT-1").map(u64::from_le_bytes)).transpose()?,
            shrunken: fields.get(26).map(|f| Shrunken::decode(f.bytes)).transpose()?,
            naming: fields.get(27).map(|f| Naming::decode(Cursor::new(f.bytes, "POINT-12"))).transpose()?,
            source: fields.get(28).map(|_| fields.array(28, "POINT-1").map(RepositoryId)).transpose()?,
            seen: fields.all(30).map(Seen::decode).collect::<Result<_>>()?,
        })
    }

    /// How many left out items no exception names ([POINT-9]). A release that did not write the number named none, and did not say whether a point
    /// that it rewrote had lost items.
    pub fn left_out_unnamed(&self) -> u64 {
        match (self.unnamed, self.first) {
            (Some(number), _) => number,
            (None, Some(_)) => UNNAMED_UNKNOWN,
            (None, None) => self.counts.skipped,
        }
    }
}

/// The job's name; required, and without the characters that divide a point's address.
fn decode_job(fields: &Fields<'_>) -> Result<String> {
    let job = text(fields.need(4 | CRITICAL)?, "POINT-1")?;
    if job.contains([':', '/']) {
        return Err(FormatError::broken("POINT-1", "job", "a name without : and /", job));
    }
    Ok(job)
}

/// The number of kept items; there are none where the field is missing ([POINT-10]).
fn decode_kept(fields: &Fields<'_>, failed: u64) -> Result<u64> {
    let Some(field) = fields.get(25 | CRITICAL) else { return Ok(0) };
    let [kept] = numbers(Cursor::new(field.bytes, "POINT-10"))?;
    if kept == 0 || kept > failed {
        return Err(FormatError::broken("POINT-10", "kept items", format!("1 to {failed}, which failed"), kept));
    }
    Ok(kept)
}

/// A field of exactly `N` numbers.
fn numbers<const N: usize>(mut cursor: Cursor<'_>) -> Result<[u64; N]> {
    let mut row = [0; N];
    for number in &mut row {
        *number = cursor.u64()?;
    }
    cursor.end()?;
    Ok(row)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ledger_of_any_numbers_answers() {
        let counts = LedgerCounts { failed: u64::MAX, vanished: 1, ..LedgerCounts::default() };
        assert!(!counts.complete());
    }
}
