//! Broken contents of packs (PACK) and broken index segments (IDX).

use super::forge::{Forge, broken, rle_frame};
use super::good::{noise, segment};
use super::{Vector, fixed, secrets};
use format_spec::ChunkId;
use format_spec::container::{Codec, Object, ObjectKind, Suite, kind};
use format_spec::index::{PackRow, Segment};
use format_spec::pack::{BlobEntry, Contents};
use format_spec::parity::Geometry;

/// A record's kind and plaintext.
type Table = (u8, Vec<u8>);

/// All of them.
pub(crate) fn vectors(suite: Suite) -> Vec<Vector> {
    let mut out = packs(suite);
    out.extend(parities(suite));
    out.extend(segments(suite));
    out.extend(tables(suite));
    out
}

/// The plaintext of a block of two chunks of 10 and 20 bytes, and its contents.
fn base(suite: Suite) -> (Vec<u8>, Contents) {
    let plain = noise(30);
    let ids = secrets(suite).ids();
    let blob = |chunk: &[u8]| BlobEntry { id: ids.chunk(chunk), bytes: u32::try_from(chunk.len()).unwrap() };
    let contents = Contents { blocks: vec![vec![blob(&plain[..10]), blob(&plain[10..])]] };
    (plain, contents)
}

fn pack(suite: Suite, ordinal: u32, records: &[Table]) -> Vec<u8> {
    Forge::new(ObjectKind::DataPack, suite, ordinal, "broken pack", records).finish()
}

fn packs(suite: Suite) -> Vec<Vector> {
    let (plain, contents) = base(suite);
    let block = (kind::BLOCK, plain.clone());
    let with = |case: &str, contents: Vec<u8>| {
        broken(ObjectKind::DataPack, suite, 5, case, pack(suite, 5, &[block.clone(), (kind::CONTENTS, contents)]))
    };
    let bent = |case: &str, bend: &dyn Fn(&mut Vec<BlobEntry>)| {
        let mut contents = contents.clone();
        bend(&mut contents.blocks[0]);
        with(case, contents.encode())
    };
    let records = |case: &str, records: &[Table]| broken(ObjectKind::DataPack, suite, 5, case, pack(suite, 5, records));
    let good = contents.encode();
    let counted = |count: u32| [&count.to_le_bytes()[..], &good[4..]].concat();
    let of_meta = Contents { blocks: vec![vec![BlobEntry { id: secrets(suite).ids().node(&plain), bytes: 30 }]] };
    vec![
        with("ok one block of two chunks", good.clone()),
        records(
            "ok an unknown kind behind the contents",
            &[block.clone(), (kind::CONTENTS, good.clone()), (99, vec![1; 8])],
        ),
        records("PACK-3 contents before their block", &[(kind::CONTENTS, good.clone()), block.clone()]),
        records("PACK-5 contents of no block", &[(99, vec![1; 8]), (kind::CONTENTS, good.clone())]),
        records("PACK-3 parity before the contents", &[block.clone(), (3, vec![1; 8]), (kind::CONTENTS, good.clone())]),
        bent("PACK-5 lengths that add up to less", &|b| b[0].bytes = 9),
        bent("PACK-5 lengths that add up to more", &|b| b[0].bytes = u32::MAX),
        bent("PACK-5 a chunk of no bytes", &|b| (b[0].bytes, b[1].bytes) = (0, 30)),
        bent("PACK-5 a chunk too many", &|b| b.push(b[0])),
        with("PACK-5 a block of no chunks", vec![0; 4]),
        with("PACK-5 a row cut short", good[..good.len() - 1].to_vec()),
        with("PACK-5 a byte behind", [&good[..], &[0]].concat()),
        with("PACK-5 contents of a block too many", [&good[..], &good].concat()),
        with("PACK-5 more chunks promised", counted(3)),
        with("PACK-6 too many chunks", counted(100_001)),
        with("PACK-6 a count of all ones", counted(u32::MAX)),
        bent("PACK-7 another id", &|b| b[1].id = ChunkId(fixed("another"))),
        bent("PACK-7 ids swapped", &|b| (b[0].id, b[1].id) = (b[1].id, b[0].id)),
        with("PACK-7 the id of a node in a data pack", of_meta.encode()),
    ]
}

/// A pack with its own parity, its payloads bent before they are sealed in.
fn parity(suite: Suite, case: &str, bend: &dyn Fn(&mut Vec<u8>)) -> Vector {
    broken(ObjectKind::DataPack, suite, 5, case, with_parity(suite, bend).finish())
}

fn with_parity(suite: Suite, bend: &dyn Fn(&mut Vec<u8>)) -> Forge {
    let (plain, contents) = base(suite);
    over(suite, plain, &contents, 5, bend)
}

/// Nineteen data shards and four of parity: several polynomials, the last one short.
fn with_many_shards(suite: Suite) -> Forge {
    let plain = noise(9500);
    let blob = BlobEntry { id: secrets(suite).ids().chunk(&plain), bytes: 9500 };
    over(suite, plain, &Contents { blocks: vec![vec![blob]] }, 20, &|_| {})
}

fn over(suite: Suite, plain: Vec<u8>, contents: &Contents, percent: u8, bend: &dyn Fn(&mut Vec<u8>)) -> Forge {
    let records = [(kind::BLOCK, plain), (kind::CONTENTS, contents.encode())];
    let whole = pack(suite, 5, &records);
    let covered = usize::try_from(Object::parse(&whole).unwrap().trailer().directory_offset).unwrap();
    let mut forge = Forge::new(ObjectKind::DataPack, suite, 5, "broken pack", &records);
    for mut payload in Geometry::new(covered as u64, percent).unwrap().encode(&whole[..covered]).unwrap() {
        bend(&mut payload);
        forge.push_clear(kind::PARITY, &payload);
    }
    forge
}

/// The first table, its CRC made right again.
fn table(bend: impl Fn(&mut [u8])) -> impl Fn(&mut Vec<u8>) {
    move |payload| {
        // One data shard and two of parity.
        let end = 28 + 3 * 4;
        bend(&mut payload[..end]);
        let crc = crc32fast::hash(&payload[..end]);
        payload[end..end + 4].copy_from_slice(&crc.to_le_bytes());
    }
}

fn parities(suite: Suite) -> Vec<Vector> {
    let mut more = with_parity(suite, &|_| {});
    more.push(99, Codec::Raw as u8, 1, &[1]);
    let mut twice = with_parity(suite, &|_| {});
    let again = twice.records[2].payload.clone();
    twice.push_clear(kind::PARITY, &again);
    vec![
        parity(suite, "ok parity", &|_| {}),
        broken(ObjectKind::DataPack, suite, 5, "ok parity of many shards", with_many_shards(suite).finish()),
        broken(ObjectKind::DataPack, suite, 5, "PACK-9 a record behind the parity", more.finish()),
        broken(ObjectKind::DataPack, suite, 5, "PACK-9 a parity record too many", twice.finish()),
        parity(suite, "PACK-9 parity cut short", &|p| _ = p.pop()),
        parity(suite, "PACK-10 no table", &|p| p[0] = 0),
        parity(suite, "PACK-10 a table cut short", &|p| p.truncate(30)),
        parity(suite, "PACK-10 a table with another CRC", &|p| p[28] ^= 1),
        parity(suite, "PACK-10 other bytes covered", &table(|t| t[8] ^= 1)),
        parity(suite, "PACK-10 nothing covered", &table(|t| t[8..16].fill(0))),
        parity(suite, "PACK-11 shards of another length", &table(|t| t[17] <<= 1)),
        parity(suite, "PACK-11 too few recovery shards", &table(|t| t[24] = 1)),
        parity(suite, "PACK-11 too many recovery shards", &table(|t| t[24] = 3)),
        parity(suite, "PACK-12 another recovery shard", &|p| p[100] ^= 1),
        parity(suite, "PACK-12 the CRC of another shard in the table", &table(|t| t[28] ^= 1)),
        parity(suite, "PACK-12 another table behind", &|p| *p.last_mut().unwrap() ^= 1),
    ]
}

const ORDINAL: u32 = 4;

/// A segment of two packs and three blocks.
fn good_segment(suite: Suite) -> Segment {
    let (plain, contents) = base(suite);
    let (block, index) = ((kind::BLOCK, plain.clone()), (kind::CONTENTS, contents.encode()));
    let twice = Contents { blocks: vec![contents.blocks[0].clone(), contents.blocks[0].clone()] };
    let one = pack(suite, 5, &[block.clone(), index]);
    let two = pack(suite, 6, &[block.clone(), block, (kind::CONTENTS, twice.encode())]);
    segment(suite, &[&one, &two])
}

fn segments(suite: Suite) -> Vec<Vector> {
    let case = |case: &str, bend: &dyn Fn(&mut Segment)| {
        let mut segment = good_segment(suite);
        bend(&mut segment);
        from_tables(suite, case, &tables_of(&segment))
    };
    vec![
        case("ok three places of equal ids", &|_| {}),
        case("IDX-3 a pack that is none", &|s| s.packs[0].kind = ObjectKind::LogEntry),
        case("IDX-3 falling packs", &|s| s.packs.swap(0, 1)),
        case("IDX-3 equal packs", &|s| s.packs[1].id = s.packs[0].id),
        case("IDX-4 falling blocks", &|s| s.blocks.swap(1, 2)),
        case("IDX-4 equal blocks", &|s| s.blocks[2].offset = s.blocks[1].offset),
        case("IDX-5 falling ids", &|s| s.ids.reverse()),
        case("IDX-5 falling places of equal ids", &|s| s.places.swap(0, 1)),
        case("IDX-5 equal places of equal ids", &|s| s.places[1] = s.places[0]),
        case("IDX-7 a pack outside", &|s| s.blocks[2].pack = 2),
        case("IDX-7 a block outside", &|s| s.places[5].block = 3),
        case("IDX-7 a blob outside", &|s| s.places[5].blob = 4),
        case("IDX-7 no bytes", &|s| s.places[0].bytes = 0),
        case("IDX-7 beyond a block", &|s| s.places[0].offset = 4_194_304),
        case("IDX-7 beyond 32 bits", &|s| (s.places[0].offset, s.places[0].bytes) = (u32::MAX, u32::MAX)),
    ]
}

/// Summary, packs, blocks, ids, places: the plaintexts of a segment's records.
fn tables_of(segment: &Segment) -> Vec<Table> {
    let numbers = |row: &[u32]| row.iter().flat_map(|n| n.to_le_bytes()).collect::<Vec<u8>>();
    let narrow = |n: usize| u32::try_from(n).unwrap();
    let summary = numbers(&[narrow(segment.ids.len()), 0, narrow(segment.blocks.len()), narrow(segment.packs.len())]);
    let pack = |p: &PackRow| {
        let row = [numbers(&[p.id.session, p.id.ordinal]), p.bytes.to_le_bytes().to_vec(), numbers(&[p.blobs])];
        [&row.concat()[..], &[p.kind as u8, 0, 0, 0], &p.salt, &p.body_hash].concat()
    };
    vec![
        (kind::INDEX_SUMMARY, summary),
        (kind::INDEX_PACKS, segment.packs.iter().flat_map(pack).collect()),
        (kind::INDEX_BLOCKS, segment.blocks.iter().flat_map(|b| numbers(&[b.pack, b.offset, b.stored])).collect()),
        (kind::INDEX_IDS, segment.ids.iter().flat_map(|id| id.0).collect()),
        (
            kind::INDEX_PLACES,
            segment.places.iter().flat_map(|p| numbers(&[p.block, p.blob, p.offset, p.bytes])).collect(),
        ),
    ]
}

fn from_tables(suite: Suite, case: &str, tables: &[Table]) -> Vector {
    let forge = Forge::new(ObjectKind::IndexSegment, suite, ORDINAL, "broken segment", tables);
    broken(ObjectKind::IndexSegment, suite, ORDINAL, case, forge.finish())
}

fn tables(suite: Suite) -> Vec<Vector> {
    let good = tables_of(&good_segment(suite));
    let case = |case: &str, bend: &dyn Fn(&mut Vec<Table>)| {
        let mut tables = good.clone();
        bend(&mut tables);
        from_tables(suite, case, &tables)
    };
    let summary = |name: &str, at: usize, byte: u8| case(name, &|t| t[0].1[at] = byte);
    let mut wide = Forge::new(ObjectKind::IndexSegment, suite, ORDINAL, "broken segment", &[]);
    let bytes = 65_537 * 12;
    let many: Vec<u8> = [100_000u32, 0, 100_000, 1].iter().flat_map(|n| n.to_le_bytes()).collect();
    wide.push(kind::INDEX_SUMMARY, 0, many.len(), &many);
    wide.push(kind::INDEX_BLOCKS, Codec::Zstd as u8, bytes, &rle_frame(0, bytes));
    vec![
        case("ok a record of an unknown kind between", &|t| t.insert(2, (99, vec![1]))),
        case("IDX-1 blocks before packs", &|t| t.swap(1, 2)),
        case("IDX-1 the summary last", &|t| t.rotate_left(1)),
        case("IDX-1 a short page before the last", &|t| {
            let rest = t[3].1.split_off(64);
            t.insert(4, (kind::INDEX_IDS, rest));
        }),
        case("IDX-1 half a row", &|t| _ = t[4].1.pop()),
        broken(ObjectKind::IndexSegment, suite, ORDINAL, "IDX-1 a page of 65537 rows", wide.finish()),
        case("CONT-10 no summary", &|t| _ = t.remove(0)),
        case("CONT-10 two summaries", &|t| t.insert(0, t[0].clone())),
        case("IDX-2 a summary of 17 bytes", &|t| t[0].1.push(0)),
        summary("IDX-2 no entries", 0, 0),
        summary("IDX-2 more entries promised", 0, 7),
        summary("IDX-2 fewer entries promised", 0, 5),
        summary("IDX-2 too many entries", 3, 1),
        summary("IDX-2 more blocks promised", 8, 4),
        summary("IDX-2 more blocks than entries", 8, 7),
        summary("IDX-2 fewer packs promised", 12, 1),
        summary("IDX-2 more packs than blocks", 12, 4),
        case("IDX-2 no places", &|t| _ = t.pop()),
        case("IDX-2 an id too many", &|t| t[3].1.extend_from_slice(&[0xFF; 32])),
        case("IDX-3 zero bytes of a pack", &|t| t[1].1[23] = 1),
        case("CONT-4 a pack of an unknown kind", &|t| t[1].1[20] = 99),
    ]
}
