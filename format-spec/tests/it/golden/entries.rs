//! Single log entries: good ones of every kind, and broken ones for each rule of LOG-11 to LOG-19, LOG-26 and LOG-27 that a decoder holds alone.

use super::broken_fields::{Place, log_place};
use super::{SESSION, Vector, fixed};
use format_spec::container::{ObjectKind, Suite};
use format_spec::fields::{CRITICAL as C, FieldsWriter};
use format_spec::log::{
    Change, CondemnedPack, KeyChange, ObjectRange, ObjectRef, ObjectRow, PointId, PublishedPack, Purpose,
    RetrievalMode, RetrievalStep, Run, Survivors,
};
use format_spec::{ChunkId, ObjectId, Time};

/// All of them.
pub(crate) fn vectors(suite: Suite) -> Vec<Vector> {
    let mut out = opened(suite);
    out.extend(points(suite));
    out.extend(condemned(suite));
    out.extend(objects(suite));
    out.extend(retrievals(suite));
    out.extend(settings(suite));
    out.extend(suspects(suite));
    out
}

fn vouched(ordinal: u32) -> ObjectRef {
    ObjectRef { ordinal, bytes: 1234 + u64::from(ordinal), body_hash: fixed(&format!("body {ordinal}")) }
}

fn point_id(first: u8) -> PointId {
    PointId([first, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15])
}

fn id(session: u32, ordinal: u32) -> ObjectId {
    ObjectId { session, ordinal }
}

/// In slot 9, like all single entries: the only one that the fuzz target reads.
fn place(suite: Suite, change: Change) -> Place {
    log_place(suite, 9, change)
}

fn opened(suite: Suite) -> Vec<Vector> {
    let open = |purpose| Change::Open { job: "gc".into(), host: "box".into(), base: Some(point_id(1)), purpose };
    let care = place(suite, open(Purpose::Care));
    let copy = place(suite, open(Purpose::Copy));
    let alive = place(suite, Change::Publish { session: SESSION, packs: Vec::new(), segment: None });
    let pack = PublishedPack { kind: ObjectKind::DataPack, object: vouched(5), blobs: 3 };
    let publish = place(suite, Change::Publish { session: SESSION, packs: vec![pack], segment: Some(vouched(6)) });
    let references = ChunkId(fixed("a reference set"));
    let commit = place(suite, Change::Commit { session: SESSION, point: vouched(7), id: point_id(1), references });
    let fence = place(suite, Change::Fence { session: 4, reason: "silent for a day".into() });
    vec![
        care.vector("ok an Open for care with a base", &care.row),
        copy.vector("ok an Open for a copy", &copy.row),
        care.with("ok an Open for an unknown purpose", 67, &[9]),
        care.with("LOG-5 a purpose of two bytes", 67, &[2, 0]),
        alive.vector("ok a Publish without packs", &alive.row),
        alive.vector("LOG-6 a segment without packs", &alive.row.and(66 | C, &[0; 48])),
        publish.vector("ok a Publish", &publish.row),
        commit.vector("ok a Commit", &commit.row),
        publish.vector("LOG-6 packs without a segment", &publish.row.without(66 | C)),
        fence.vector("ok a Fence", &fence.row),
        fence.with("LOG-16 a session of 5 bytes", 64 | C, &[4, 0, 0, 0, 0]),
        fence.with("LOG-16 a reason that is no text", 65, &[0xFF]),
        fence.vector("CONT-19 a Fence without a session", &fence.row.without(64 | C)),
    ]
}

/// LOG-11 and LOG-12.
fn points(suite: Suite) -> Vec<Vector> {
    let expire = Change::Expire {
        points: vec![point_id(1), point_id(2)],
        reason: "keep-last 7".into(),
        plan: fixed("a plan of expiry"),
    };
    let expire = place(suite, expire);
    let rows = |ids: &[u8]| ids.iter().flat_map(|n| point_id(*n).0).collect::<Vec<u8>>();
    let rewrite = Change::Rewrite {
        session: SESSION,
        point: vouched(7),
        id: point_id(1),
        references: ChunkId(fixed("a reference set")),
        reason: "items older than 3 years".into(),
    };
    let rewrite = place(suite, rewrite);
    vec![
        expire.vector("ok an Expire of two points", &expire.row),
        expire.vector("ok an Expire without a plan", &expire.row.without(66).without(65)),
        expire.with("LOG-11 no points", 64 | C, &[]),
        expire.with("LOG-11 falling points", 64 | C, &rows(&[2, 1])),
        expire.with("LOG-11 equal points", 64 | C, &rows(&[2, 2])),
        expire.vector("LOG-11 half a point id", &expire.row.bent(64 | C, |b| b.truncate(24))),
        expire.with("LOG-11 a reason that is no text", 65, &[0xC0]),
        expire.with("LOG-11 a plan of 31 bytes", 66, &[0; 31]),
        rewrite.vector("ok a Rewrite", &rewrite.row),
        rewrite.with("LOG-12 a session of 2 bytes", 64 | C, &[1, 0]),
        rewrite.vector("LOG-12 zero bytes of the point", &rewrite.row.bent(65 | C, |b| b[4] = 1)),
        rewrite.vector("LOG-12 a point of 49 bytes", &rewrite.row.bent(65 | C, |b| b.push(0))),
        rewrite.with("LOG-12 a point id of 17 bytes", 66 | C, &[0; 17]),
        rewrite.with("LOG-12 a reference set of 31 bytes", 67 | C, &[0; 31]),
        rewrite.with("LOG-12 a reason that is no text", 68, &[0xFF]),
    ]
}

/// LOG-13. Pack 1/0 of 11 blobs, of which 1, 2, 4, 8 and 10 live on in two packs; pack 1/1, of which nothing does.
fn condemned(suite: Suite) -> Vec<Vector> {
    let runs = vec![Run { count: 3, pack: id(9, 0), first: 4 }, Run { count: 2, pack: id(9, 1), first: 0 }];
    let survivors = Survivors { blobs: 11, bitmap: vec![0b0001_0110, 0b0000_0101], runs };
    let sparse = CondemnedPack { kind: ObjectKind::DataPack, id: id(1, 0), survivors: Some(survivors) };
    let dead = CondemnedPack { kind: ObjectKind::MetaPack, id: id(1, 1), survivors: None };
    let pack = |ordinal| PublishedPack { kind: ObjectKind::DataPack, object: vouched(ordinal), blobs: 7 };
    let condemn = |condemned: &[&CondemnedPack], packs: Vec<PublishedPack>| {
        let segment = (!packs.is_empty()).then(|| vouched(2));
        let condemned = condemned.iter().map(|c| (*c).clone()).collect();
        place(suite, Change::Condemn { session: 9, condemned, packs, segment, plan: fixed("a plan of collection") })
    };
    let both = condemn(&[&sparse, &dead], vec![pack(0), pack(1)]);
    let one = condemn(&[&sparse], vec![pack(0), pack(1)]);
    let none = condemn(&[&dead], Vec::new());
    let bent = |case: &str, bend: &dyn Fn(&mut Vec<u8>)| one.vector(case, &one.row.bent(65 | C, |b| bend(b)));
    // A row: id 8, kind 1, zero 3, blobs 4, bitmap 2, number of runs 4, then runs of 16 bytes from 22 on.
    let number = |b: &mut Vec<u8>, at: usize, n: u32| b[at..at + 4].copy_from_slice(&n.to_le_bytes());
    vec![
        both.vector("ok a Condemn with survivors and without", &both.row),
        none.vector("ok a Condemn of a dead pack", &none.row),
        one.vector("ok a Condemn without a plan", &one.row.without(68)),
        condemn(&[&dead, &sparse], vec![pack(0), pack(1)]).again("LOG-13 falling condemned packs"),
        condemn(&[&dead, &dead], Vec::new()).again("LOG-13 equal condemned packs"),
        bent("LOG-13 a condemned object that is no pack", &|b| b[8] = 3),
        bent("CONT-4 a condemned object of an unknown kind", &|b| b[8] = 99),
        bent("LOG-13 zero bytes of a condemned pack", &|b| b[9] = 1),
        bent("LOG-13 more than 100000 blobs", &|b| {
            number(b, 12, 100_001);
            b.splice(16..18, vec![1; 12_501]);
        }),
        bent("LOG-13 a bit beyond the last blob", &|b| b[17] = 0b0000_1001),
        bent("LOG-13 a bitmap without survivors", &|b| b[16..18].fill(0)),
        bent("LOG-13 a bitmap cut short", &|b| b.truncate(17)),
        bent("LOG-13 runs of fewer blobs than survive", &|b| number(b, 22, 2)),
        bent("LOG-13 runs of more blobs than survive", &|b| number(b, 22, 4)),
        bent("LOG-13 a run of no blobs", &|b| {
            number(b, 22, 5);
            number(b, 38, 0);
        }),
        bent("LOG-13 a run beyond 100000 blobs", &|b| number(b, 34, 99_998)),
        bent("LOG-13 a run beyond 32 bits", &|b| number(b, 34, u32::MAX)),
        bent("LOG-13 a run in the condemned pack", &|b| b[26..34].copy_from_slice(&[1, 0, 0, 0, 0, 0, 0, 0])),
        bent("LOG-13 more runs promised", &|b| number(b, 18, u32::MAX)),
        bent("LOG-13 fewer runs promised", &|b| number(b, 18, 1)),
        bent("LOG-13 half a run", &|b| _ = b.pop()),
        one.vector("LOG-13 a published object that is no pack", &one.row.bent(66 | C, |b| b[4] = 3)),
        one.vector("LOG-13 packs without a segment", &one.row.without(67 | C)),
        one.vector("LOG-13 a segment of 47 bytes", &one.row.bent(67 | C, |b| _ = b.pop())),
        none.vector("LOG-13 a segment without packs", &none.row.without(68).and(67 | C, &[0; 48])),
        one.with("LOG-13 a session of 2 bytes", 64 | C, &[9, 0]),
        one.with("LOG-13 a plan of 33 bytes", 68, &[0; 33]),
        one.vector("CONT-19 a Condemn without condemned packs", &one.row.without(65 | C)),
    ]
}

/// LOG-14, LOG-15 and LOG-17.
fn objects(suite: Suite) -> Vec<Vector> {
    let row = |kind, id| ObjectRow { kind, id };
    let gone = vec![row(ObjectKind::DataPack, id(1, 0)), row(ObjectKind::IndexSegment, id(1, 2))];
    let swept = place(suite, Change::Swept { objects: gone });
    let fold = Change::Fold { session: 9, replaced: vec![id(1, 2), id(4, 2)], segments: vec![vouched(3), vouched(4)] };
    let fold = place(suite, fold);
    let emptied = place(suite, Change::Fold { session: 9, replaced: vec![id(1, 2)], segments: Vec::new() });
    let range = |kind, first, count| ObjectRange { kind, first, count };
    let kept = vec![range(ObjectKind::DataPack, id(1, 0), 3), range(ObjectKind::LogEntry, id(0, 1), 8)];
    let lock = place(suite, Change::Lock { until: Time::new(1_800_000_000, 0), objects: kept });
    let swap = |b: &mut Vec<u8>, rows: usize| b.rotate_left(rows);
    vec![
        swept.vector("ok a Swept", &swept.row),
        swept.vector("LOG-14 falling objects", &swept.row.bent(64 | C, |b| swap(b, 12))),
        swept.vector("LOG-14 equal objects", &swept.row.bent(64 | C, |b| b.copy_within(..12, 12))),
        swept.vector("LOG-14 zero bytes of an object", &swept.row.bent(64 | C, |b| b[1] = 1)),
        swept.vector("LOG-14 half a row", &swept.row.bent(64 | C, |b| b.truncate(18))),
        swept.vector("CONT-4 a swept object of an unknown kind", &swept.row.bent(64 | C, |b| b[12] = 99)),
        fold.vector("ok a Fold", &fold.row),
        emptied.vector("ok a Fold that leaves no segment", &emptied.row),
        fold.vector("LOG-15 falling segments", &fold.row.bent(65 | C, |b| swap(b, 8))),
        fold.vector("LOG-15 equal segments", &fold.row.bent(65 | C, |b| b.copy_within(..8, 8))),
        fold.vector("LOG-15 half a replaced segment", &fold.row.bent(65 | C, |b| b.truncate(12))),
        fold.vector("LOG-15 zero bytes of a new segment", &fold.row.bent(66 | C, |b| b[52] = 1)),
        fold.vector("LOG-15 half a new segment", &fold.row.bent(66 | C, |b| b.truncate(72))),
        fold.with("LOG-15 a session of 2 bytes", 64 | C, &[9, 0]),
        lock.vector("ok a Lock", &lock.row),
        lock.vector("LOG-17 falling rows", &lock.row.bent(65 | C, |b| swap(b, 16))),
        lock.vector("LOG-17 equal rows", &lock.row.bent(65 | C, |b| b.copy_within(..16, 16))),
        lock.vector("LOG-17 zero bytes of a row", &lock.row.bent(65 | C, |b| b[3] = 1)),
        lock.vector("LOG-17 half of a row", &lock.row.bent(65 | C, |b| b.truncate(24))),
        lock.vector("LOG-17 a row of no objects", &lock.row.bent(65 | C, |b| b[12] = 0)),
        lock.vector("LOG-17 a row beyond 32 bits", &lock.row.bent(65 | C, |b| b[8..12].fill(0xFF))),
        lock.vector("LOG-17 an end of 13 bytes", &lock.row.bent(64 | C, |b| b.push(0))),
    ]
}

/// One data pack, as LOG-17 names it.
const ROW: [u8; 16] = [1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0];

/// LOG-26.
fn retrievals(suite: Suite) -> Vec<Vector> {
    let range =
        |session, ordinal, count| ObjectRange { kind: ObjectKind::DataPack, first: id(session, ordinal), count };
    let asked = RetrievalStep::Asked {
        mode: RetrievalMode::Bulk,
        days: 7,
        objects: vec![range(1, 0, 3), range(2, 5, 1)],
        about: "point 01 /home/ann".into(),
    };
    let of = |step| place(suite, Change::Retrieval(step));
    let asked = of(asked);
    let changed = of(RetrievalStep::Changed { retrieval: 4, days: 30 });
    let ended = of(RetrievalStep::Ended { retrieval: 4 });
    vec![
        asked.vector("ok a Retrieval that begins", &asked.row),
        asked.vector("ok a Retrieval without a mode and a word", &asked.row.without(66).without(69)),
        asked.with("ok a Retrieval in an unknown mode", 66, &[9]),
        changed.vector("ok a Retrieval that is extended", &changed.row),
        ended.vector("ok a Retrieval that ends", &ended.row),
        asked.with("LOG-26 a retrieval that begins and names another", 64 | C, &[4, 0, 0, 0]),
        asked.vector("LOG-26 a retrieval that begins without objects", &asked.row.without(69).without(68 | C)),
        asked.with("LOG-26 a retrieval of no objects", 68 | C, &[]),
        asked.vector("LOG-17 falling rows of a retrieval", &asked.row.bent(68 | C, |b| b.rotate_left(16))),
        asked.vector("LOG-26 half of a row", &asked.row.bent(68 | C, |b| b.truncate(24))),
        asked.with("LOG-26 a mode of two bytes", 66, &[1, 0]),
        asked.with("LOG-26 days of 8 bytes", 67, &[0; 8]),
        asked.vector("CONT-19 a retrieval without days", &asked.row.without(67)),
        asked.with("LOG-26 a word that is no text", 69, &[0xFF]),
        changed.with("LOG-26 a change of no retrieval", 64 | C, &[0; 4]),
        changed.vector("LOG-26 a change with objects", &changed.row.and(68 | C, &ROW)),
        changed.vector("CONT-19 a change without days", &changed.row.without(67)),
        ended.with("LOG-26 an unknown state", 65 | C, &[4]),
        ended.with("LOG-26 a state of two bytes", 65 | C, &[3, 0]),
        ended.with("LOG-26 a retrieval of 8 bytes", 64 | C, &[4, 0, 0, 0, 0, 0, 0, 0]),
        ended.vector("CONT-19 a Retrieval without a state", &ended.row.without(65 | C)),
    ]
}

/// LOG-27.
fn suspects(suite: Suite) -> Vec<Vector> {
    let row = |kind, id| ObjectRow { kind, id };
    let packs = vec![row(ObjectKind::DataPack, id(1, 0)), row(ObjectKind::MetaPack, id(1, 1))];
    let of = |suspect| {
        let reason = "two reads gave the same wrong bytes".into();
        place(suite, Change::Suspect { suspect, packs: packs.clone(), reason })
    };
    let (found, withdrawn) = (of(true), of(false));
    vec![
        found.vector("ok packs that are suspect", &found.row),
        withdrawn.vector("ok packs that are suspect no more", &withdrawn.row),
        found.vector("ok a Suspect without a reason", &found.row.without(66)),
        found.with("LOG-27 an unknown state of packs", 64 | C, &[3]),
        found.with("LOG-27 a state of two bytes", 64 | C, &[1, 0]),
        found.with("LOG-27 no suspect packs", 65 | C, &[]),
        found.vector("LOG-27 falling suspect packs", &found.row.bent(65 | C, |b| b.rotate_left(12))),
        found.vector("LOG-27 equal suspect packs", &found.row.bent(65 | C, |b| b.copy_within(..12, 12))),
        found.vector("LOG-27 zero bytes of a suspect pack", &found.row.bent(65 | C, |b| b[1] = 1)),
        found.vector("LOG-27 half a suspect pack", &found.row.bent(65 | C, |b| b.truncate(18))),
        found.vector("LOG-27 a suspect object that is not a pack", &found.row.bent(65 | C, |b| b[12] = 3)),
        found.vector("CONT-4 a suspect object of an unknown kind", &found.row.bent(65 | C, |b| b[12] = 99)),
        found.with("LOG-27 a reason that is no text", 66, &[0xFF]),
        found.vector("CONT-19 a Suspect without a state", &found.row.without(64 | C)),
        found.vector("CONT-19 a Suspect without packs", &found.row.without(65 | C)),
    ]
}

/// LOG-18, LOG-19 and LOG-28.
fn settings(suite: Suite) -> Vec<Vector> {
    let key = |change| place(suite, Change::Key { change, slot: 0x7766_5544_3322_1100 });
    let (added, removed) = (key(KeyChange::Added), key(KeyChange::Removed));
    let mut own = FieldsWriter::new();
    own.put(10, &7i32.to_le_bytes());
    let config = place(suite, Change::Config { fields: own.finish() });
    let set_aside = place(suite, Change::SetAside { first: 7 });
    let mut unknown = FieldsWriter::new();
    unknown.put(99 | C, &[]);
    vec![
        added.vector("ok a Key that was added", &added.row),
        removed.vector("ok a Key that was removed", &removed.row),
        added.with("LOG-18 an unknown change", 64 | C, &[3]),
        added.with("LOG-18 a change of two bytes", 64 | C, &[1, 0]),
        added.with("LOG-18 a slot id of 7 bytes", 65 | C, &[0; 7]),
        config.vector("ok a Config", &config.row),
        config.vector("CONT-19 half a field of a Config entry", &config.row.bent(64 | C, |b| _ = b.pop())),
        config.with("CONT-19 an unknown critical field of a Config entry", 64 | C, unknown.as_bytes()),
        config.vector("CONT-19 a Config entry without fields", &config.row.without(64 | C)),
        set_aside.vector("ok a SetAside of two slots", &set_aside.row),
        set_aside.with("LOG-28 a SetAside of slot 0", 64 | C, &[0; 4]),
        set_aside.with("LOG-28 a SetAside of itself", 64 | C, &[9, 0, 0, 0]),
        set_aside.with("LOG-28 a first slot of 8 bytes", 64 | C, &[7, 0, 0, 0, 0, 0, 0, 0]),
        set_aside.vector("CONT-19 a SetAside without a first slot", &set_aside.row.without(64 | C)),
    ]
}

impl Place {
    /// The row as it was laid, which breaks a rule by itself.
    fn again(&self, case: &str) -> Vector {
        self.vector(case, &self.row)
    }
}
