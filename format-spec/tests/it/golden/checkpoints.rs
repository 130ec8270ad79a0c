//! Checkpoints, good and broken: the sum of the good repository's first entries, one with every field, and what breaks LOG-21.

use super::forge::{Forge, Row, broken, rle_frame, verdict};
use super::{REPOSITORY, Shape, Vector, fixed, header, name, secrets, suite_name};
use format_spec::checkpoint::{
    Checkpoint, CondemnedLongAgo, CondemnedRow, GivenUpRow, LockRow, PointRow, RetrievalRow, SegmentRow, SessionRow,
    SuspectRow,
};
use format_spec::container::{Codec, Object, ObjectKind, PLAIN_BYTES_MAX, Suite, kind};
use format_spec::fields::{CRITICAL as C, FieldsWriter};
use format_spec::log::{
    Change, CondemnedPack, LogEntry, ObjectRange, ObjectRef, ObjectRow, PointId, Purpose, RetrievalMode, Run, Survivors,
};
use format_spec::{ChunkId, ObjectId, Time};

const KIND: ObjectKind = ObjectKind::Checkpoint;
/// The slot of those that are not of the good repository.
const SLOT: u32 = 9;
/// The slot of those that do not list all hashes.
const LATE: u32 = 300;

/// The checkpoint of slot 3 of the good repository: its first three entries are all that it sums up.
pub(crate) fn of_repository(suite: Suite, repository: &[Vector], settle: &dyn Fn(&Vector) -> Vec<u8>) -> Vector {
    let keys = secrets(suite);
    let entry = |slot| repository.iter().find(|v| v.shape == Shape::Object(ObjectKind::LogEntry, slot)).unwrap();
    let entries: Vec<Vec<u8>> = (1..=3).map(|slot| settle(entry(slot))).collect();
    let mut checkpoint = Checkpoint {
        slot: 3,
        hashes: entries.iter().map(|bytes| *blake3::hash(bytes).as_bytes()).collect(),
        time: Time::new(1_700_000_200, 0),
        next_number: 2,
        ..Checkpoint::default()
    };
    for (slot, bytes) in (1..).zip(&entries) {
        match LogEntry::decode(bytes, slot, REPOSITORY, &keys).unwrap().change {
            Change::Publish { session, segment, .. } => {
                checkpoint.segments.push(SegmentRow { slot, session, object: segment.unwrap() });
            }
            Change::Commit { session, point: object, id, references } => {
                checkpoint.points.push(PointRow { slot, number: 1, session, object, id, references });
            }
            _ => {}
        }
    }
    let file = format!("repository-{}/{}", suite_name(suite), name(KIND, 0, 3));
    let bytes = checkpoint.encode(REPOSITORY, &keys, header(KIND, suite, 3, "").salt);
    let mut vector = Vector::new(file, Shape::Object(KIND, 3), suite, bytes);
    "the sum of Open, Publish and Commit".clone_into(&mut vector.why);
    vector
}

/// One with every field, and everything that is wrong with one field or row of it.
pub(crate) fn vectors(suite: Suite) -> Vec<Vector> {
    let keys = secrets(suite);
    let whole = whole();
    let good = whole.encode(REPOSITORY, &keys, header(KIND, suite, SLOT, "fields").salt);
    let row = Row::of_repeated(&whole, suite);
    let mut out = vec![verdict(unnamed(suite, SLOT, good), "ok every field")];
    let parts = {
        let plain = row.encode();
        let (a, b) = plain.split_at(500);
        [a, b].map(|part| (kind::CHECKPOINT, part.to_vec()))
    };
    let forge = Forge::new(KIND, suite, SLOT, "fields", &parts);
    out.push(verdict(unnamed(suite, SLOT, forge.finish()), "ok fields in two records"));
    out.push(verdict(unnamed(suite, LATE, late(suite, 256)), "ok 256 hashes of 300"));
    out.push(broken(KIND, suite, LATE, "LOG-21 255 hashes of 300", late(suite, 255)));
    let mut long = Forge::new(KIND, suite, SLOT, "fields", &[]);
    for _ in 0..17 {
        long.push(kind::CHECKPOINT, Codec::Zstd as u8, PLAIN_BYTES_MAX, &rle_frame(0, PLAIN_BYTES_MAX));
    }
    out.push(broken(KIND, suite, SLOT, "LOG-21 fields of more than 64 MiB", long.finish()));
    let one = |case: &str, row: &Row| {
        let forge = Forge::new(KIND, suite, SLOT, "fields", &[(kind::CHECKPOINT, row.encode())]);
        broken(KIND, suite, SLOT, case, forge.finish())
    };
    let bent = |case: &str, tag: u16, bend: &dyn Fn(&mut Vec<u8>)| one(case, &row.bent(tag, bend));
    let set = |at: usize, value: u32| move |b: &mut Vec<u8>| b[at..at + 4].copy_from_slice(&value.to_le_bytes());
    out.push(broken(
        KIND,
        suite,
        SLOT,
        "LOG-21 no record of fields",
        Forge::new(KIND, suite, SLOT, "fields", &[(99, vec![1])]).finish(),
    ));
    for tag in [1, 2, 4, 5, 6, 7, 10, 12] {
        out.push(one(&format!("CONT-19 without field {tag}"), &row.without(tag | C)));
    }
    out.extend([
        one("LOG-21 another slot than the name says", &row.with(1 | C, &10u64.to_le_bytes())),
        one("LOG-21 a slot of 4 bytes", &row.with(1 | C, &9u32.to_le_bytes())),
        bent("LOG-21 8 hashes of 9", 2 | C, &|b| b.truncate(8 * 32)),
        bent("LOG-21 10 hashes of 9", 2 | C, &|b| b.resize(10 * 32, 7)),
        bent("LOG-21 half a hash", 2 | C, &|b| b.truncate(9 * 32 - 16)),
        bent("LOG-21 a next number of 3 bytes", 4 | C, &|b| b.truncate(3)),
        one("LOG-21 a point with the next number", &row.with(4 | C, &3u32.to_le_bytes())),
        bent("LOG-21 points whose numbers do not rise", 5 | C, &set(112 + 4, 1)),
        bent("LOG-21 points whose slots do not rise", 5 | C, &set(112, 3)),
        bent("LOG-21 a point of slot 0", 5 | C, &set(0, 0)),
        bent("LOG-21 a point of a later slot", 5 | C, &set(112, 10)),
        bent("LOG-21 zero bytes of a point", 5 | C, &|b| b[111] = 1),
        bent("LOG-21 a point of 111 bytes", 5 | C, &|b| _ = b.pop()),
        bent("LOG-21 two live points of one id", 5 | C, &|b| b.copy_within(56..72, 112 + 56)),
        bent("LOG-21 zero bytes of a point that is held", 6 | C, &|b| b[104] = 1),
        bent("LOG-21 segments whose slots fall", 7 | C, &set(56, 1)),
        bent("LOG-21 zero bytes of a segment", 7 | C, &|b| b[12] = 1),
        bent("LOG-21 a segment of 55 bytes", 7 | C, &|b| _ = b.pop()),
        bent("LOG-21 a session of a later slot", 8 | C, &set(0, 10)),
        one("LOG-21 sessions that do not rise", &row.twice(8 | C)),
        bent("CONT-19 nanoseconds of a session", 8 | C, &set(16, 1_000_000_000)),
        bent("LOG-21 zero bytes of a session", 8 | C, &|b| b[35] = 1),
        bent("LOG-21 a base flag of 2", 8 | C, &|b| b[33] = 2),
        bent("LOG-21 a base without its flag", 8 | C, &|b| b[33] = 0),
        bent("LOG-21 a job beyond the row", 8 | C, &set(52, 100)),
        bent("LOG-21 a job that is no text", 8 | C, &|b| b[56] = 0xFF),
        bent("LOG-21 a Condemn of a later slot", 9 | C, &set(0, 10)),
        bent("LOG-21 condemned packs whose slots fall", 9 | C, &set(0, 7)),
        one("LOG-21 a pack condemned twice", &row.twice(9 | C)),
        bent("LOG-13 a pack of another kind", 9 | C, &|b| b[12] = 3),
        bent("LOG-21 rows of what was given up that do not rise", 10 | C, &|b| b.copy_within(0..28, 28)),
        bent("LOG-21 zero bytes of what was given up", 10 | C, &|b| b[1] = 1),
        bent("CONT-4 an object of an unknown kind", 10 | C, &|b| b[28] = 99),
        bent("LOG-21 something given up by a later slot", 10 | C, &set(12, 10)),
        bent("LOG-21 a lock without a whole time", 11 | C, &|b| b.truncate(11)),
        bent("LOG-17 a lock of no objects", 11 | C, &set(24, 0)),
        one("CONT-19 settings that are no fields", &row.with(12 | C, &[1, 0, 0])),
        one("LOG-21 a kind of 1 byte that forbids writing", &row.with(13 | C, &[1])),
        bent("LOG-21 a retrieval of a later slot", 14 | C, &set(0, 10)),
        one("LOG-21 retrievals that do not rise", &row.twice(14 | C)),
        bent("CONT-19 nanoseconds of a retrieval", 14 | C, &set(24, 1_000_000_000)),
        bent("LOG-21 zero bytes of a retrieval", 14 | C, &|b| b[29] = 1),
        bent("LOG-21 a retrieval of no objects", 14 | C, &set(36, 0)),
        bent("LOG-21 objects of a retrieval beyond the row", 14 | C, &set(36, u32::MAX)),
        bent("LOG-17 a retrieval of a row without objects", 14 | C, &set(52, 0)),
        bent("LOG-21 what is retrieved is no text", 14 | C, &|b| b[56] = 0xFF),
        bent("LOG-21 suspect packs that do not rise", 15, &|b| b.copy_within(0..16, 16)),
        bent("LOG-21 a suspect object that is not a pack", 15, &|b| b[16] = 3),
        bent("CONT-4 a suspect object of an unknown kind", 15, &|b| b[16] = 99),
        bent("LOG-21 zero bytes of a suspect pack", 15, &|b| b[1] = 1),
        bent("LOG-21 a pack that is suspect by a later slot", 15, &set(12, 10)),
        bent("LOG-21 half of a suspect pack", 15, &|b| b.truncate(24)),
        one("ok no suspect pack", &row.without(15)),
        one("CONT-19 an unknown critical field", &row.and(99 | C, &[])),
    ]);
    out.extend(long_ago(suite));
    out
}

/// With packs that were condemned long ago, and what is wrong with those.
fn long_ago(suite: Suite) -> Vec<Vector> {
    let row = |old: &CondemnedLongAgo| {
        let whole = Checkpoint { condemned_long_ago: Some(old.clone()), ..whole() };
        Row::of_repeated(&whole, suite)
    };
    let id = |session, ordinal| ObjectId { session, ordinal };
    let range = |kind, first, count| ObjectRange { kind, first, count };
    let good = CondemnedLongAgo {
        slot: 4,
        packs: vec![range(ObjectKind::DataPack, id(3, 0), 7), range(ObjectKind::MetaPack, id(3, 7), 2)],
    };
    let one = |case: &str, row: &Row| {
        let forge = Forge::new(KIND, suite, SLOT, "fields", &[(kind::CHECKPOINT, row.encode())]);
        broken(KIND, suite, SLOT, case, forge.finish())
    };
    let with = |slot, packs: Vec<ObjectRange>| row(&CondemnedLongAgo { slot, packs });
    let data = |session, ordinal, count| range(ObjectKind::DataPack, id(session, ordinal), count);
    vec![
        one("ok packs condemned long ago", &row(&good)),
        one("LOG-21 packs condemned long ago by slot 0", &with(0, good.packs.clone())),
        one("LOG-21 packs condemned long ago by the slot of a Condemn that is told", &with(5, good.packs.clone())),
        one("LOG-21 no packs condemned long ago", &with(4, Vec::new())),
        one("LOG-21 segments condemned long ago", &with(4, vec![range(ObjectKind::IndexSegment, id(3, 0), 1)])),
        one("LOG-21 a pack condemned long ago and later", &with(4, vec![data(8, 0, 1)])),
        one("LOG-21 packs condemned twice long ago", &with(4, vec![data(3, 0, 3), data(3, 2, 1)])),
        one("LOG-17 a range of no packs condemned long ago", &with(4, vec![data(3, 0, 0)])),
        one("LOG-17 ranges of packs that do not rise", &with(4, vec![data(3, 4, 1), data(3, 0, 1)])),
    ]
}

/// A vector whose name is still to be given.
fn unnamed(suite: Suite, slot: u32, bytes: Vec<u8>) -> Vector {
    Vector::new(format!("{}/checkpoint", suite_name(suite)), Shape::Object(KIND, slot), suite, bytes)
}

/// A checkpoint that lists so many hashes.
fn late(suite: Suite, hashes: u32) -> Vec<u8> {
    let hashes = (0..hashes).map(|n| fixed(&format!("entry {n}"))).collect();
    let checkpoint = Checkpoint { slot: LATE, hashes, next_number: 1, ..Checkpoint::default() };
    checkpoint.encode(REPOSITORY, &secrets(suite), header(KIND, suite, LATE, "hashes").salt)
}

fn vouched(ordinal: u32) -> ObjectRef {
    ObjectRef { ordinal, bytes: 5000 + u64::from(ordinal), body_hash: fixed(&format!("body {ordinal}")) }
}

fn point(slot: u32, number: u32) -> PointRow {
    let mut id = [0; 16];
    id.copy_from_slice(&fixed(&format!("point {number}"))[..16]);
    let references = ChunkId(fixed(&format!("references {number}")));
    PointRow { slot, number, session: slot - 2, object: vouched(number), id: PointId(id), references }
}

/// A checkpoint with every field.
fn whole() -> Checkpoint {
    let id = |session, ordinal| ObjectId { session, ordinal };
    let mut config = FieldsWriter::new();
    config.put(8, b"listing_complete=yes").put(10, &9i32.to_le_bytes());
    let session = |number, base| SessionRow {
        number,
        next_ordinal: 4,
        opened: Time::new(1_700_000_000, 1),
        last: Time::new(1_700_000_300, 2),
        purpose: if base { Purpose::Backup } else { Purpose::Care },
        base: base.then_some(point(4, 2).id),
        job: "home".into(),
        host: "box".into(),
    };
    let survivors = Survivors {
        blobs: 12,
        bitmap: vec![0b0000_1010, 0b0000_1011],
        runs: vec![Run { count: 2, pack: id(20, 1), first: 7 }, Run { count: 3, pack: id(20, 2), first: 0 }],
    };
    Checkpoint {
        slot: SLOT,
        hashes: (0..9).map(|n| fixed(&format!("entry {n}"))).collect(),
        time: Time::new(1_700_000_400, 0),
        next_number: 4,
        points: vec![point(3, 1), point(7, 3)],
        held: vec![point(4, 2)],
        segments: vec![
            SegmentRow { slot: 2, session: 1, object: vouched(2) },
            SegmentRow { slot: 5, session: 3, object: vouched(3) },
        ],
        sessions: vec![session(8, true), session(9, false)],
        condemned: vec![
            CondemnedRow {
                slot: 5,
                packs: vec![
                    CondemnedPack { kind: ObjectKind::DataPack, id: id(8, 0), survivors: Some(survivors) },
                    CondemnedPack { kind: ObjectKind::MetaPack, id: id(8, 1), survivors: None },
                ],
            },
            CondemnedRow {
                slot: 6,
                packs: vec![CondemnedPack { kind: ObjectKind::DataPack, id: id(9, 0), survivors: None }],
            },
        ],
        given_up: vec![
            GivenUpRow {
                object: ObjectRow { kind: ObjectKind::DataPack, id: id(8, 0) },
                slot: 5,
                time: Time::new(1_700_000_350, 0),
            },
            GivenUpRow {
                object: ObjectRow { kind: ObjectKind::RestorePoint, id: id(12, 3) },
                slot: 6,
                time: Time::new(1_700_000_360, 0),
            },
        ],
        locks: vec![LockRow {
            until: Time::new(1_800_000_000, 0),
            objects: vec![ObjectRange { kind: ObjectKind::LogEntry, first: id(0, 1), count: 3 }],
        }],
        settings: config.finish(),
        read_only: Some(40),
        retrievals: vec![RetrievalRow {
            slot: 9,
            begun: Time::new(1_700_000_370, 3),
            changed: Time::new(1_700_000_380, 4),
            mode: RetrievalMode::Expedited,
            days: 2,
            objects: vec![ObjectRange { kind: ObjectKind::DataPack, first: id(9, 0), count: 2 }],
            about: "01:/home".into(),
        }],
        suspects: vec![
            SuspectRow { pack: ObjectRow { kind: ObjectKind::DataPack, id: id(3, 1) }, slot: 7 },
            SuspectRow { pack: ObjectRow { kind: ObjectKind::MetaPack, id: id(3, 0) }, slot: 7 },
        ],
        condemned_long_ago: None,
    }
}

impl Row {
    /// The row of the whole checkpoint, with fields that stand more than once.
    fn of_repeated(checkpoint: &Checkpoint, suite: Suite) -> Self {
        let keys = secrets(suite);
        let bytes = checkpoint.encode(REPOSITORY, &keys, [1; 32]);
        let object = Object::parse(&bytes).unwrap();
        let plain = object.open_only(kind::CHECKPOINT, &keys.cipher(object.header())).unwrap();
        let (mut rest, mut rows) = (&plain[..], Vec::new());
        while let Some((head, behind)) = rest.split_first_chunk::<8>() {
            let length = u32::from_le_bytes([head[4], head[5], head[6], head[7]]) as usize;
            let (bytes, behind) = behind.split_at(length);
            rows.push((u16::from_le_bytes([head[0], head[1]]), bytes.to_vec()));
            rest = behind;
        }
        Row(rows)
    }

    /// This row with the first field of a tag once more behind the first.
    fn twice(&self, tag: u16) -> Self {
        let mut row = self.clone();
        let at = row.0.iter().position(|(t, _)| *t == tag).expect("the field is there");
        row.0.insert(at, row.0[at].clone());
        row
    }
}
