//! Broken objects whose plaintext is a row of fields: config, key slot, restore point, log entry.

use super::forge::{Forge, Row, broken};
use super::good::{self, COST, config, log_entry, manifest, new_slot};
use super::{PASSWORD, REPOSITORY, SESSION, Vector, header, secrets, trees};
use format_spec::ChunkId;
use format_spec::container::{ObjectKind, Suite, kind};
use format_spec::fields::CRITICAL as C;
use format_spec::key_slot::{Cost, KeySlot, NewSlot};
use format_spec::log::{Change, ObjectRef, PublishedPack, Purpose};
use format_spec::tree::{Content, Entry, Kind};

/// All of them.
pub(crate) fn vectors(suite: Suite) -> Vec<Vector> {
    let mut out = configs(suite);
    if suite == Suite::Aes256Gcm {
        out.extend(key_slots());
    }
    out.extend(points(suite));
    out.extend(log_entries(suite));
    out.extend(rows(suite));
    out
}

/// What a row of fields stands in.
pub(super) struct Place {
    kind: ObjectKind,
    record: u8,
    suite: Suite,
    ordinal: u32,
    pub(super) row: Row,
}

impl Place {
    pub(super) fn new(kind: ObjectKind, record: u8, suite: Suite, ordinal: u32, good: &[u8]) -> Self {
        let cipher = secrets(suite).cipher(&header(kind, suite, ordinal, "fields"));
        Place { kind, record, suite, ordinal, row: Row::of(good, record, &cipher) }
    }

    pub(super) fn vector(&self, case: &str, row: &Row) -> Vector {
        self.raw(case, row.encode())
    }

    pub(super) fn raw(&self, case: &str, plain: Vec<u8>) -> Vector {
        let forge = Forge::new(self.kind, self.suite, self.ordinal, "fields", &[(self.record, plain)]);
        broken(self.kind, self.suite, self.ordinal, case, forge.finish())
    }

    pub(super) fn with(&self, case: &str, tag: u16, bytes: &[u8]) -> Vector {
        self.vector(case, &self.row.with(tag, bytes))
    }
}

fn config_place(suite: Suite) -> Place {
    let salt = header(ObjectKind::Config, suite, 0, "fields").salt;
    Place::new(ObjectKind::Config, kind::CONFIG, suite, 0, &config(suite).encode(&secrets(suite), salt))
}

fn configs(suite: Suite) -> Vec<Vector> {
    let place = config_place(suite);
    let cutting = |case: &str, numbers: [u32; 3]| {
        let bytes: Vec<u8> = [1u32].iter().chain(&numbers).flat_map(|n| n.to_le_bytes()).collect();
        place.with(case, 3 | C, &bytes)
    };
    let number = |case: &str, tag: u16, n: u32| place.with(case, tag | C, &n.to_le_bytes());
    let key = match suite {
        Suite::Clear => place.vector("CONF-1 no dedup key in a clear repository", &place.row.without(9 | C)),
        Suite::Aes256Gcm => {
            let mut row = place.row.clone();
            row.0.insert(row.0.len() - 1, (9 | C, vec![0; 32]));
            place.vector("CONF-1 a dedup key in an encrypted repository", &row)
        }
    };
    let mut out = vec![
        key,
        place.with("CONF-1 an unknown class", 1 | C, &[3]),
        place.with("CONF-1 a class of two bytes", 1 | C, &[1, 0]),
        place.with("CONT-7 an unknown suite in the config", 2 | C, &[2]),
        place.vector("CONF-1 an unknown cutting algorithm", &place.row.bent(3 | C, |b| b[0] = 2)),
        place.vector("CONF-1 zero bytes of the cutting", &place.row.bent(3 | C, |b| b[3] = 1)),
        place.vector("CONF-1 a cutting of 17 bytes", &place.row.bent(3 | C, |b| b.push(0))),
        number("CONF-1 a pack limit beyond the class", 5, 5_000_001),
        number("CONF-1 a pack limit below 65536", 5, 65_535),
        place.with("CONF-1 a creator that is no text", 7, &[0xFF]),
        place.with("CONF-1 a level of 3 bytes", 10, &[3, 0, 0]),
        place.vector("ok parity of 50 percent", &place.row.and(14, &[50])),
        place.vector("CONF-1 parity of 51 percent", &place.row.and(14, &[51])),
        place.vector("CONF-1 parity of two bytes", &place.row.and(14, &[5, 0])),
        cutting("CONF-3 least below 64", [63, 16_384, 65_536]),
        cutting("CONF-3 least above average", [32_768, 16_384, 65_536]),
        cutting("CONF-3 average above most", [64, 16_384, 8192]),
        cutting("CONF-3 most above 4 MiB", [64, 16_384, 4_194_305]),
        cutting("CONF-3 average no power of two", [64, 16_385, 65_536]),
        number("CONF-3 a block target below 4096", 4, 4095),
        number("CONF-3 a block target above 4 MiB", 4, 4_194_305),
    ];
    let retention =
        |case: &str, kind: &[u8], period: &[u8]| place.vector(case, &place.row.and(11, kind).and(12, period));
    out.extend([
        retention("ok snapshot-based for three years", &[1], &[3, 3, 0, 0, 0]),
        retention("ok item-level for 90 days", &[2], &[1, 90, 0, 0, 0]),
        retention("ok item-level for ever", &[2], &[4, 0, 0, 0, 0]),
        retention("CONF-5 a period of no days", &[1], &[1, 0, 0, 0, 0]),
        retention("CONF-5 a period of 1001 years", &[1], &[3, 0xE9, 3, 0, 0]),
        retention("CONF-5 an unknown unit", &[1], &[5, 1, 0, 0, 0]),
        retention("CONF-5 for ever and a day", &[1], &[4, 1, 0, 0, 0]),
        retention("CONF-5 a period of six bytes", &[1], &[3, 3, 0, 0, 0, 0]),
        retention("CONF-6 an unknown retention type", &[3], &[3, 3, 0, 0, 0]),
        retention("CONF-6 a retention type of two bytes", &[1, 0], &[3, 3, 0, 0, 0]),
        place.vector("CONF-6 a retention type without a period", &place.row.and(11, &[1])),
        place.vector("CONF-6 a period without a retention type", &place.row.and(12, &[3, 3, 0, 0, 0])),
    ]);
    let immutable = |case: &str, field: &[u8]| place.vector(case, &place.row.and(13 | C, field));
    out.extend([
        immutable("ok locked for the whole period", &[2, 0, 0, 0, 0, 0, 0, 0, 10, 0, 0, 0]),
        immutable("ok locked for 30 days that somebody may lift", &[1, 0, 0, 0, 30, 0, 0, 0, 30, 0, 0, 0]),
        immutable("CONF-7 an unknown mode", &[3, 0, 0, 0, 0, 0, 0, 0, 10, 0, 0, 0]),
        immutable("CONF-7 zero bytes of immutability", &[2, 0, 1, 0, 0, 0, 0, 0, 10, 0, 0, 0]),
        immutable("CONF-7 days beyond a thousand years", &[2, 0, 0, 0, 0xFF, 0xFF, 0xFF, 0, 10, 0, 0, 0]),
        immutable("CONF-7 immutability of 11 bytes", &[2, 0, 0, 0, 0, 0, 0, 0, 10, 0, 0]),
    ]);
    let mut copy = place.row.with(1 | C, &[2]);
    copy = copy.with(5 | C, &256_000_000u32.to_le_bytes()).and(15, b"DEEP_ARCHIVE");
    out.extend([
        place.vector("ok data packs in a storage class", &place.row.and(15, b"STANDARD_IA")),
        place.vector("CONF-8 a storage class that is no text", &place.row.and(15, &[0xFF])),
        place.vector("CONF-8 a storage class with a line feed", &place.row.and(15, b"GLACIER\n")),
        place.vector("CONF-8 a storage class of 65 bytes", &place.row.and(15, &[b'A'; 65])),
        place.vector("ok a copy that has an origin", &copy.and(16, &[7; 16])),
        place.vector("CONF-9 an origin of 15 bytes", &copy.and(16, &[7; 15])),
        place.vector("CONF-9 an origin in class backup", &place.row.and(16, &[7; 16])),
    ]);
    if suite == Suite::Aes256Gcm {
        let mut forge = Forge::new(ObjectKind::Config, suite, 0, "fields", &[(kind::CONFIG, place.row.encode())]);
        forge.cipher = format_spec::keys::Cipher::Clear;
        let case = "CONT-17 the config of an encrypted repository without a keyed seal";
        out.push(broken(ObjectKind::Config, suite, 0, case, forge.finish()));
    }
    out
}

fn key_slots() -> Vec<Vector> {
    let suite = Suite::Aes256Gcm;
    // The header is authenticated by the wrapping, so the slot is made under the header that the forge lays.
    let header_salt = header(ObjectKind::KeySlot, suite, 0, "fields").salt;
    let new = NewSlot { header_salt, cost: COST, ..new_slot() };
    let good = KeySlot::encode(&new, PASSWORD.as_bytes(), &secrets(suite)).unwrap();
    let place = Place::new(ObjectKind::KeySlot, kind::KEY_SLOT, suite, 0, &good);
    let cost = |case: &str, c: Cost| {
        let bytes: Vec<u8> = [c.memory_kib, c.passes, c.lanes].iter().flat_map(|n| n.to_le_bytes()).collect();
        place.with(case, 3 | C, &bytes)
    };
    let mut wrong = place.vector("KEY-3 another password", &place.row);
    wrong.password = "tr0ub4dor&3";
    let mut line_feed = place.vector("KEY-3 a password with a line feed", &place.row);
    line_feed.password = "correct horse battery staple\n";
    let mut moved = Forge::new(ObjectKind::KeySlot, suite, 0, "fields", &[(kind::KEY_SLOT, place.row.encode())]);
    moved.header[56] ^= 1;
    vec![
        wrong,
        line_feed,
        broken(ObjectKind::KeySlot, suite, 0, "KEY-3 another header than was wrapped", moved.finish()),
        place.with("KEY-3 another label than was wrapped", 5, b"stolen"),
        place.with("KEY-3 another slot id than was wrapped", 1 | C, &[1; 8]),
        place.with("KEY-3 another salt", 4 | C, &[8; 16]),
        place.vector("KEY-3 wrapped secrets flipped", &place.row.bent(7 | C, |b| b[79] ^= 1)),
        place.with("KEY-2 a slot id of 7 bytes", 1 | C, &[1; 7]),
        place.with("KEY-2 an unknown derivation", 2 | C, &[2]),
        place.with("KEY-2 wrapped secrets of 79 bytes", 7 | C, &[0; 79]),
        place.with("KEY-2 a label that is no text", 5, &[0xC0]),
        place.vector("KEY-2 a cost of 13 bytes", &place.row.bent(3 | C, |b| b.push(0))),
        cost("KEY-2 too much memory", Cost { memory_kib: 4_194_305, ..COST }),
        cost("KEY-2 too many passes", Cost { passes: 65, ..COST }),
        cost("KEY-2 too many lanes", Cost { memory_kib: 4096, lanes: 65, ..COST }),
        cost("KEY-2 no pass", Cost { passes: 0, ..COST }),
        place.vector("ok an unknown field behind the wrapped secrets", &place.row.and(99, b"later")),
    ]
}

fn point_place(suite: Suite, root: Entry) -> Place {
    let id = ChunkId([7; 32]);
    let head = header(ObjectKind::RestorePoint, suite, 6, "fields");
    let (good, _) = manifest(root, id, id, id).encode(head, &secrets(suite));
    Place::new(ObjectKind::RestorePoint, kind::MANIFEST, suite, 6, &good)
}

fn points(suite: Suite) -> Vec<Vector> {
    let root = trees::root(&[trees::entry(b"a", Kind::Fifo)], ChunkId([7; 32]));
    let place = point_place(suite, root.clone());
    let rooted = |case: &str, root: &Entry| {
        let mut bytes = Vec::new();
        root.encode(&mut bytes);
        place.with(case, 12 | C, &bytes)
    };
    let file = Entry { size: 1, content: Content::Chunk(ChunkId([7; 32])), ..trees::entry(b"file", Kind::File) };
    vec![
        rooted("POINT-1 a root with a name", &Entry { name: b"root".to_vec(), ..root.clone() }),
        rooted("POINT-1 a root that is a file", &file),
        rooted("TREE-9 a root with a tree and no entries", &Entry { totals: Default::default(), ..root.clone() }),
        place.vector("TREE-5 bytes behind the root", &place.row.bent(12 | C, |b| b.push(0))),
        place.with("POINT-1 a job with a colon", 4 | C, b"a:b"),
        place.with("POINT-1 a job with a slash", 4 | C, b"a/b"),
        place.with("POINT-1 a host that is no text", 5, &[0xFF]),
        place.with("POINT-1 a tag that is no text", 8, &[0xFF]),
        place.with("POINT-1 an unknown kind", 9 | C, &[3]),
        place.with("POINT-1 an unknown workload", 11 | C, &[9]),
        place.with("POINT-1 a point id of 15 bytes", 1 | C, &[0; 15]),
        place.with("POINT-1 a link map of 31 bytes", 13, &[0; 31]),
        place.vector("POINT-1 ledger counts of 63 bytes", &place.row.bent(14 | C, |b| _ = b.pop())),
        place.vector("POINT-1 ledger counts of 65 bytes", &place.row.bent(14 | C, |b| b.push(0))),
        place.with("POINT-1 statistics of 32 bytes", 18, &[0; 32]),
        place.vector("POINT-1 a first number of 5 bytes", &place.row.and(20, &[1, 0, 0, 0, 0])),
        place.vector("ok a point that was rewritten", &place.row.and(20, &[7, 0, 0, 0])),
        place.vector("ok the rules of a point", &rules_of(&place.row)),
        place.vector("ok a rule that a later release knows", &place.row.and(21, &[200, 1])),
        place.vector("POINT-8 a rule without a kind", &place.row.and(21, &[])),
        place.vector("POINT-8 an empty pattern", &place.row.and(21, &[1])),
        place.vector("POINT-8 a size of 7 bytes", &place.row.and(21, &[4, 0, 0, 0, 0, 0, 0, 0])),
        place.vector("POINT-8 a byte behind a rule", &place.row.and(21, &[5, 0])),
        place.vector("CONT-19 a cut of 11 bytes", &place.row.and(23, &[0; 11])),
        place.vector("ok a cut and nothing unnamed", &place.row.and(23, &[0; 12]).and(24, &[0; 8])),
        place.vector("POINT-1 a number of unnamed items of 7 bytes", &place.row.and(24, &[0; 7])),
        place.with("POINT-1 a reference set of 33 bytes", 17 | C, &[0; 33]),
        place.vector("CONT-19 no reference set", &place.row.without(17 | C)),
        place.vector("ok a point that keeps an item", &place.row.and(25 | C, &1u64.to_le_bytes())),
        place.vector("POINT-10 kept items that are none", &place.row.and(25 | C, &0u64.to_le_bytes())),
        place.vector("POINT-10 more kept items than failed", &place.row.and(25 | C, &2u64.to_le_bytes())),
        place.vector("POINT-10 a kept count of 9 bytes", &place.row.and(25 | C, &[1, 0, 0, 0, 0, 0, 0, 0, 0])),
        place.vector("ok a shrunken point", &place.row.and(26, &[9; 32])),
        place.vector("ok a point that is alone in its second", &place.row.and(27, &[1, 0, 0, 0, 0, 0, 0, 0, 0])),
        place.vector("POINT-12 a naming of 8 bytes", &place.row.and(27, &[1, 0, 0, 0, 0, 0, 0, 0])),
        place.vector("POINT-12 a naming of 10 bytes", &place.row.and(27, &[1, 0, 0, 0, 0, 0, 0, 0, 0, 0])),
        place.vector(
            "POINT-12 a second that suffices in an unknown way",
            &place.row.and(27, &[4, 0, 0, 0, 0, 0, 0, 0, 0]),
        ),
        place.vector("POINT-1 a shrunken point that says half of it", &place.row.and(26, &[9; 31])),
        place.vector("ok a copied point", &place.row.and(28, &[9; 16])),
        place.vector("POINT-1 a source of 15 bytes", &place.row.and(28, &[9; 15])),
        place.vector("ok a copy of a copy", &place.row.and(30, &seen(1)).and(30, &seen(4096))),
        place.vector("POINT-14 an entry in slot 0 that was seen", &place.row.and(30, &seen(0))),
        place.vector("POINT-14 an entry of 51 bytes that was seen", &place.row.and(30, &seen(1)[..51])),
        place.vector("POINT-14 an entry of 53 bytes that was seen", &place.row.and(30, &[&seen(1)[..], &[0]].concat())),
        place.vector("ok two cursors, which are read no more", &place.row.and(19, b"one").and(19, b"two")),
        place.with("ok a point of a Microsoft 365 organisation", 11 | C, &[3]),
        place.vector("ok the state of a source", &place.row.and(22 | C, &[9; 32])),
        place.vector("POINT-1 a state of 31 bytes", &place.row.and(22 | C, &[9; 31])),
        place.vector("CONT-19 a state twice", &place.row.and(22 | C, &[9; 32]).and(22 | C, &[9; 32])),
    ]
}

/// An entry of another log, as a copied point names it.
fn seen(slot: u32) -> Vec<u8> {
    [&[9; 16][..], &slot.to_le_bytes(), &[8; 32]].concat()
}

/// One rule of each kind, as a point lists them.
fn rules_of(row: &Row) -> Row {
    let larger = [&[4][..], &1_000_000u64.to_le_bytes()].concat();
    row.and(21, b"\x01*.o").and(21, &[2]).and(21, &[3]).and(21, &larger).and(21, &[5]).and(21, &[6])
}

pub(super) fn log_place(suite: Suite, slot: u32, change: Change) -> Place {
    let salt = header(ObjectKind::LogEntry, suite, slot, "fields").salt;
    let good = log_entry(slot, change, b"").encode(REPOSITORY, &secrets(suite), salt);
    Place::new(ObjectKind::LogEntry, kind::LOG_ENTRY, suite, slot, &good)
}

fn log_entries(suite: Suite) -> Vec<Vector> {
    let object = ObjectRef { ordinal: 5, bytes: 1234, body_hash: [6; 32] };
    let open = log_place(
        suite,
        9,
        Change::Open { job: "home".into(), host: "box".into(), base: None, purpose: Purpose::Backup },
    );
    let pack = PublishedPack { kind: ObjectKind::DataPack, object, blobs: 3 };
    let publish = Change::Publish { session: SESSION, packs: vec![pack], segment: Some(object) };
    let publish = log_place(suite, 9, publish);
    let id = good::manifest(trees::entry(b"", Kind::Folder), ChunkId([0; 32]), ChunkId([0; 32]), ChunkId([0; 32])).id;
    let commit = Change::Commit { session: SESSION, point: object, id, references: ChunkId([7; 32]) };
    let commit = log_place(suite, 9, commit);
    let unknown = |treatment: u8| [40, 0, treatment, 0];
    let mut chained = open.vector("LOG-3 the hash of another entry", &open.row);
    chained.previous = Some(format!("repository-{}/config", super::suite_name(suite)));
    vec![
        chained,
        open.with("LOG-3 another slot than the name says", 1 | C, &10u64.to_le_bytes()),
        open.with("LOG-3 a slot beyond 32 bits", 1 | C, &(9u64 | 1 << 32).to_le_bytes()),
        open.with("LOG-2 a hash of 31 bytes", 2 | C, &[0; 31]),
        open.with("LOG-2 an attempt of 17 bytes", 3 | C, &[0; 17]),
        open.with("LOG-2 an entry kind of 3 bytes", 5 | C, &[1, 0, 0]),
        open.with("LOG-2 an unknown treatment", 5 | C, &unknown(3)),
        open.with("ok an unknown kind that stops the reader", 5 | C, &unknown(0)),
        open.with("ok an unknown kind that stops the writer", 5 | C, &unknown(1)),
        open.vector("ok critical fields of an unknown kind", &open.row.with(5 | C, &unknown(2)).and(200 | C, b"x")),
        open.with("LOG-5 a job that is no text", 64, &[0xFF]),
        open.vector("LOG-5 a base of 15 bytes", &open.row.and(66, &[0; 15])),
        open.vector("CONT-19 an Open with a critical field of a Commit", &open.row.and(67 | C, &[0; 32])),
        publish.vector("LOG-6 an object that is no pack", &publish.row.bent(65 | C, |b| b[4] = 3)),
        publish.vector("CONT-4 an object of an unknown kind", &publish.row.bent(65 | C, |b| b[4] = 99)),
        publish.vector("LOG-6 first zero bytes of a pack", &publish.row.bent(65 | C, |b| b[7] = 1)),
        publish.vector("LOG-6 second zero bytes of a pack", &publish.row.bent(65 | C, |b| b[20] = 1)),
        publish.vector("LOG-6 a pack of 55 bytes", &publish.row.bent(65 | C, |b| _ = b.pop())),
        publish.vector("LOG-6 zero bytes of the segment", &publish.row.bent(66 | C, |b| b[4] = 1)),
        publish.vector("LOG-6 a segment of 49 bytes", &publish.row.bent(66 | C, |b| b.push(0))),
        publish.with("LOG-6 a session of 2 bytes", 64 | C, &[1, 0]),
        commit.vector("LOG-10 zero bytes of the point", &commit.row.bent(65 | C, |b| b[4] = 1)),
        commit.with("LOG-10 a point id of 17 bytes", 66 | C, &[0; 17]),
        commit.with("LOG-10 a reference set of 31 bytes", 67 | C, &[0; 31]),
        commit.vector("CONT-19 a commit without a point", &commit.row.without(65 | C)),
    ]
}

/// CONT-19, shown on the config.
fn rows(suite: Suite) -> Vec<Vector> {
    let place = config_place(suite);
    let row = &place.row;
    let mut swapped = row.clone();
    swapped.0.swap(5, 6);
    let mut twice = row.clone();
    twice.0.insert(1, twice.0[0].clone());
    let mut unknown_twice = row.and(99, b"one");
    unknown_twice.0.push((99, b"two".to_vec()));
    let plain = row.encode();
    let patched = |case: &str, at: usize, byte: u8| {
        let mut plain = plain.clone();
        plain[at] = byte;
        place.raw(case, plain)
    };
    vec![
        place.vector("CONT-19 falling tags", &swapped),
        place.vector("CONT-19 a tag twice", &twice),
        place.vector("CONT-19 an unknown critical field", &row.and(99 | C, &[])),
        place.vector(
            "CONT-19 a critical field without its mark",
            &Row(row.0.iter().map(|(t, b)| (t & !C, b.clone())).collect()),
        ),
        place.vector("CONT-19 no class", &row.without(1 | C)),
        patched("CONT-19 zero bytes of a field", 2, 1),
        patched("CONT-19 a field longer than the row", 7, 1),
        place.raw("CONT-19 half a field", plain[..plain.len() - 1].to_vec()),
        place.raw("CONT-19 a tag alone", [&plain[..], &[100, 0]].concat()),
        place.vector(
            "CONT-19 too many nanoseconds",
            &row.bent(6, |b| b[8..].copy_from_slice(&1_000_000_000u32.to_le_bytes())),
        ),
        place.vector("CONT-19 a time of 13 bytes", &row.bent(6, |b| b.push(0))),
        place.vector("CONT-19 a time of 11 bytes", &row.bent(6, |b| _ = b.pop())),
        place.vector("ok unknown fields", &unknown_twice),
        place.vector("ok no creator and no probe", &row.without(7).without(8)),
    ]
}
