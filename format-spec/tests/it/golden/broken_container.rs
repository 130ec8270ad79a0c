//! Broken containers (CONT), of a metadata pack of two blocks in both suites.

use super::forge::{Forge, broken, mend_head, rle_frame};
use super::good::noise;
use super::{REPOSITORY, Vector, header, secrets};
use format_spec::ChunkId;
use format_spec::container::{Codec, Object, ObjectKind, Suite, kind};
use format_spec::keys::{Secret, Secrets};
use format_spec::pack::{BlobEntry, Contents};

const KIND: ObjectKind = ObjectKind::MetaPack;

/// All of them.
pub(crate) fn vectors(suite: Suite) -> Vec<Vector> {
    let mut out = headers(suite);
    out.extend(records(suite));
    out.extend(codecs(suite));
    out.extend(directories(suite));
    out.extend(trailers(suite));
    out.extend(seals(suite));
    out
}

/// The good pack in its parts: blocks of 40 and 30 bytes and their contents.
fn base(suite: Suite) -> Forge {
    let plain = noise(70);
    let ids = secrets(suite).ids();
    let blob = |chunk: &[u8]| vec![BlobEntry { id: ids.node(chunk), bytes: u32::try_from(chunk.len()).unwrap() }];
    let contents = Contents { blocks: vec![blob(&plain[..40]), blob(&plain[40..])] };
    let records =
        [(kind::BLOCK, plain[..40].to_vec()), (kind::BLOCK, plain[40..].to_vec()), (kind::CONTENTS, contents.encode())];
    Forge::new(KIND, suite, 7, "broken container", &records)
}

fn case(suite: Suite, case: &str, bend: impl FnOnce(&mut Forge)) -> Vector {
    let mut forge = base(suite);
    bend(&mut forge);
    broken(KIND, suite, 7, case, forge.finish())
}

/// Sets bytes of the header before its CRC is made.
fn head(suite: Suite, name: &str, at: usize, bytes: &[u8]) -> Vector {
    case(suite, name, |f| f.header[at..at + bytes.len()].copy_from_slice(bytes))
}

fn headers(suite: Suite) -> Vec<Vector> {
    let other_suite = [1 - suite as u8];
    let mut out = vec![
        head(suite, "CONT-2 another magic", 7, b"\r"),
        case(suite, "CONT-2 header CRC", |f| f.late.header = Some(Box::new(|h| h[92] ^= 1))),
        head(suite, "CONT-2 first zero field", 31, &[1]),
        head(suite, "CONT-2 second zero field", 88, &[1]),
        case(suite, "CONT-2 shorter than a header", |f| f.late.object = Some(Box::new(|o| o.truncate(95)))),
        head(suite, "CONT-3 newer major", 8, &[2]),
        head(suite, "CONT-3 older major", 8, &[0]),
        head(suite, "CONT-3 unknown incompat flag", 19, &[0x80]),
        head(suite, "CONT-4 unknown object kind", 12, &[9]),
        head(suite, "CONT-4 another object kind", 12, &[ObjectKind::DataPack as u8]),
        head(suite, "CONT-4 swapped session", 48, &[2]),
        head(suite, "CONT-4 swapped ordinal", 52, &[8]),
        head(suite, "CONT-5 header of 95 bytes", 14, &[95, 0]),
        head(suite, "CONT-5 header of 4097 bytes", 14, &4097u16.to_le_bytes()),
        head(suite, "CONT-14 header length beyond the first record", 14, &[97]),
        head(suite, "CONT-6 another repository", 32, &[!REPOSITORY.0[0]]),
        head(suite, "CONT-7 unknown suite", 13, &[2]),
        head(suite, "CONT-7 another suite than the config names", 13, &other_suite),
        head(suite, "ok higher minor version", 10, &[7]),
        head(suite, "ok unknown ro_compat flag", 20, &[1]),
        head(suite, "ok unknown compat flag", 24, &[1]),
        case(suite, "ok header of 104 bytes", |f| {
            f.header[14] = 104;
            f.header.extend_from_slice(b"newer...");
        }),
    ];
    if suite == Suite::Aes256Gcm {
        out.push(head(suite, "CONT-17 wrong salt", 56, &[0; 32]));
    }
    out
}

/// Patches the first record's head and makes its CRC right again. The tag covers the head, so this breaks it as well; the rules
/// checked without keys come first.
fn record(suite: Suite, name: &str, at: usize, bytes: &'static [u8]) -> Vector {
    case(suite, name, |f| {
        f.late.head = Some(Box::new(move |head| {
            head[at..at + bytes.len()].copy_from_slice(bytes);
            mend_head(head);
        }));
    })
}

fn records(suite: Suite) -> Vec<Vector> {
    let mut out = vec![
        record(suite, "CONT-8 sync bytes", 0, &[0]),
        case(suite, "CONT-8 head CRC", |f| f.late.head = Some(Box::new(|h| h[28] ^= 1))),
        record(suite, "CONT-8 flags", 6, &[1]),
        record(suite, "CONT-8 zero field", 24, &[1]),
        case(suite, "CONT-8 payload CRC", |f| f.late.payload = Some(Box::new(|p| p[0] ^= 1))),
        case(suite, "CONT-9 plain length 0", |f| f.records[0].head.plain = 0),
        case(suite, "CONT-9 plain length too large", |f| f.records[0].head.plain = 4_194_305),
        case(suite, "CONT-9 stored length too large", |f| f.records[0].head.stored = 4_194_321),
        case(suite, "CONT-13 positions swapped", |f| {
            f.records[0].head.position = 1;
            f.records[1].head.position = 0;
        }),
        case(suite, "CONT-10 no contents", |f| _ = f.records.pop()),
        case(suite, "CONT-10 two contents", |f| f.push(kind::CONTENTS, 0, 4, &[0; 4])),
        case(suite, "ok a record of an unknown kind and codec", |f| f.push(200, 77, 4, &[1; 4])),
    ];
    if suite == Suite::Aes256Gcm {
        out.push(case(suite, "CONT-12 payload flipped", |f| f.records[0].payload[0] ^= 1));
        out.push(case(suite, "CONT-12 tag flipped", |f| *f.records[0].payload.last_mut().unwrap() ^= 1));
        out.push(case(suite, "CONT-12 plain length of the head", |f| f.records[2].head.plain += 1));
        out.push(case(suite, "CONT-12 payload shorter than a tag", |f| {
            f.records[0].payload.truncate(15);
            f.records[0].head.stored = 15;
        }));
        out.push(case(suite, "CONT-12 payloads swapped", |f| {
            let (first, rest) = f.records.split_at_mut(1);
            std::mem::swap(&mut first[0].payload, &mut rest[0].payload);
            std::mem::swap(&mut first[0].head.stored, &mut rest[0].head.stored);
        }));
    } else {
        out.push(case(suite, "PACK-7 payload flipped", |f| f.records[0].payload[0] ^= 1));
    }
    out
}

/// A pack whose only block is encoded like this and claims this plain length.
fn encoded(suite: Suite, name: &str, codec: u8, plain_bytes: usize, encoded: &[u8]) -> Vector {
    let blob = BlobEntry { id: secrets(suite).ids().node(&[b'A'; 100]), bytes: u32::try_from(plain_bytes).unwrap() };
    let mut forge = Forge::new(KIND, suite, 7, "broken codec", &[]);
    forge.push(kind::BLOCK, codec, plain_bytes, encoded);
    let contents = Contents { blocks: vec![vec![blob]] }.encode();
    forge.push(kind::CONTENTS, 0, contents.len(), &contents);
    broken(KIND, suite, 7, name, forge.finish())
}

fn codecs(suite: Suite) -> Vec<Vector> {
    let zstd = Codec::Zstd as u8;
    let frame = rle_frame(b'A', 100);
    let skippable = [0x50, 0x2A, 0x4D, 0x18, 0, 0, 0, 0];
    vec![
        encoded(suite, "ok a zstd frame without size", zstd, 100, &frame),
        encoded(suite, "CONT-11 unknown codec", 2, 100, &frame),
        encoded(suite, "CONT-11 raw bytes longer than promised", 0, 100, &[b'A'; 101]),
        encoded(suite, "CONT-11 raw bytes shorter than promised", 0, 100, &[b'A'; 99]),
        encoded(suite, "CONT-11 zstd frame shorter than promised", zstd, 101, &frame),
        encoded(suite, "CONT-11 zstd bomb", zstd, 100, &rle_frame(b'A', 64 << 20)),
        encoded(suite, "CONT-11 no zstd frame", zstd, 100, &[0; 100]),
        encoded(suite, "CONT-11 half a zstd frame", zstd, 100, &frame[..frame.len() - 1]),
        encoded(suite, "CONT-11 two zstd frames", zstd, 100, &[rle_frame(b'A', 60), rle_frame(b'A', 40)].concat()),
        encoded(suite, "CONT-11 bytes behind the zstd frame", zstd, 100, &[&frame[..], &[0]].concat()),
        encoded(suite, "CONT-11 a skippable frame before", zstd, 100, &[&skippable[..], &frame].concat()),
        encoded(suite, "CONT-11 a skippable frame behind", zstd, 100, &[&frame[..], &skippable].concat()),
    ]
}

fn directories(suite: Suite) -> Vec<Vector> {
    let entry = |name: &str, at: usize, change: u8| {
        case(suite, name, |f| f.late.directory = Some(Box::new(move |d| d[at] ^= change)))
    };
    vec![
        entry("CONT-13 plain length of the directory", 12, 1),
        entry("CONT-13 CRC of the directory", 16, 1),
        entry("CONT-13 kind of the directory", 20, 4),
        entry("CONT-13 codec of the directory", 21, 1),
        entry("CONT-13 flags of the directory", 22, 1),
        entry("CONT-14 stored length of the directory", 8, 1),
        entry("CONT-14 offset of the first record", 0, 1),
        entry("CONT-14 offset of the second record", 24, 1),
        case(suite, "CONT-14 a gap between records", |f| f.records[0].gap = vec![0; 4]),
        case(suite, "CONT-14 a gap before the directory", |f| f.records[2].gap = vec![0; 4]),
        case(suite, "CONT-14 records out of order", |f| {
            f.late.directory = Some(Box::new(|d| d.rotate_left(24)));
        }),
    ]
}

fn trailers(suite: Suite) -> Vec<Vector> {
    let patch = |name: &str, at: usize, bytes: Vec<u8>| {
        case(suite, name, |f| f.late.trailer = Some(Box::new(move |t| t[at..at + bytes.len()].copy_from_slice(&bytes))))
    };
    let whole = |name: &str, bend: fn(&mut Vec<u8>)| case(suite, name, |f| f.late.object = Some(Box::new(bend)));
    let tail = |from_end: usize| {
        move |o: &mut Vec<u8>| {
            let at = o.len() - from_end;
            o[at] ^= 1;
        }
    };
    vec![
        patch("CONT-1 no records", 8, vec![0; 4]),
        patch("CONT-1 too many records", 8, 1_000_001u32.to_le_bytes().to_vec()),
        patch("CONT-14 more records than the directory has", 8, 4u32.to_le_bytes().to_vec()),
        patch("CONT-14 offset of the directory", 0, 1u64.to_le_bytes().to_vec()),
        patch("CONT-14 offset of the directory beyond 64 bits", 0, vec![0xFF; 8]),
        patch("CONT-15 length of a directory entry", 12, vec![25]),
        patch("CONT-15 length of the trailer", 92, vec![105]),
        patch("CONT-15 length of the object", 80, vec![0]),
        patch("CONT-15 directory CRC", 88, vec![0; 4]),
        patch("CONT-16 body hash", 48, vec![0; 32]),
        patch("CONT-17 seal", 16, vec![0; 32]),
        case(suite, "CONT-15 end magic", |f| f.late.object = Some(Box::new(tail(1)))),
        case(suite, "CONT-15 trailer CRC", |f| f.late.object = Some(Box::new(tail(5)))),
        whole("CONT-15 last byte missing", |o| _ = o.pop()),
        whole("CONT-15 a byte behind", |o| o.push(0)),
        whole("CONT-15 a header alone", |o| o.truncate(96)),
        whole("CONT-15 twice", |o| o.extend_from_within(..)),
        whole("CONT-2 empty", Vec::clear),
    ]
}

fn seals(suite: Suite) -> Vec<Vector> {
    let good = base(suite).finish();
    let object = Object::parse(&good).expect("a good pack");
    let mut out = vec![case(suite, "CONT-17 a header that the seal does not cover", |f| {
        f.late.trailer = Some(Box::new(|t| t[16..48].copy_from_slice(blake3::hash(b"nothing").as_bytes())));
    })];
    if suite == Suite::Aes256Gcm {
        let unkeyed = *blake3::Hasher::new()
            .update(&good[..96])
            .update(&object.trailer().body_hash)
            .update(&good[usize::try_from(object.trailer().directory_offset).unwrap()..good.len() - 104])
            .finalize()
            .as_bytes();
        out.push(case(suite, "CONT-17 seal without a key", |f| {
            f.late.trailer = Some(Box::new(move |t| t[16..48].copy_from_slice(&unkeyed)));
        }));
        let other = Secrets { master: Some(Secret::new([0; 32])), dedup: secrets(suite).dedup };
        let sealed_by_other = |identity: &dyn Fn() -> format_spec::keys::Cipher| {
            let mut forge = Forge::new(KIND, suite, 7, "broken container", &[]);
            forge.cipher = identity();
            forge.push(kind::BLOCK, 0, 4, b"AAAA");
            let contents = Contents { blocks: vec![vec![BlobEntry { id: ChunkId([0; 32]), bytes: 4 }]] }.encode();
            forge.push(kind::CONTENTS, 0, contents.len(), &contents);
            forge.finish()
        };
        let mine = header(KIND, suite, 7, "broken container");
        let by_master = sealed_by_other(&|| other.cipher(&mine));
        out.push(broken(KIND, suite, 7, "CONT-17 sealed by another master key", by_master));
        let moved = header(KIND, suite, 8, "broken container");
        let by_place = sealed_by_other(&|| secrets(suite).cipher_for(KIND, REPOSITORY, moved.session, 8, &mine.salt));
        out.push(broken(KIND, suite, 7, "CONT-17 sealed as another ordinal", by_place));
    }
    out
}
