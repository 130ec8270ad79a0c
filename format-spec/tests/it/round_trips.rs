//! `decode(encode(x)) == x` for arbitrary values; `decode` of arbitrary bytes answers.

use crate::golden::{header, secrets};
use crate::targets::TARGETS;
use format_spec::container::{DirectoryEntry, ObjectKind, RecordHead, Suite, kind};
use format_spec::index::{BlockRow, PackRow, PlaceRow, Segment};
use format_spec::left_out::Rule;
use format_spec::log::PointId;
use format_spec::pack::{BlobEntry, Contents};
use format_spec::point::{
    Alone, LedgerCounts, Manifest, Maps, Naming, PackReferences, PointKind, Seen, Shrunken, Workload,
};
use format_spec::tree::{
    Child, Content, Entry, Extent, Kind, Node, Pair, Piece, Totals, TreeKind, encode_child, encode_node, encode_pair,
    encode_piece,
};
use format_spec::{ChunkId, ObjectId, Time};
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use std::collections::BTreeMap;

fn bytes(length: std::ops::Range<usize>) -> impl Strategy<Value = Vec<u8>> {
    vec(any::<u8>(), length)
}

pub(crate) fn chunk_id() -> impl Strategy<Value = ChunkId> {
    any::<[u8; 32]>().prop_map(ChunkId)
}

pub(crate) fn time() -> impl Strategy<Value = Time> {
    (any::<i64>(), 0..1_000_000_000u32).prop_map(|(seconds, nanos)| Time::new(seconds, nanos))
}

fn name() -> impl Strategy<Value = Vec<u8>> {
    let byte = any::<u8>().prop_filter("no NUL, no slash", |b| *b != 0 && *b != b'/');
    vec(byte, 1..300).prop_filter("no dots", |n| n != b"." && n != b"..")
}

/// Sums that a folder or a child of this many entries can have.
fn totals(entries: u64) -> impl Strategy<Value = Totals> {
    (0..1u64 << 40, any::<u64>(), any::<i64>(), any::<i64>()).prop_map(move |(more, bytes, a, b)| match entries {
        0 => Totals::default(),
        _ => Totals { entries, descendants: entries + more, bytes, oldest: a.min(b), newest: a.max(b) },
    })
}

/// Rising runs that do not touch, from pairs of gap and length.
fn runs(pairs: Vec<(u64, u64)>) -> Vec<Extent> {
    let mut at = 0;
    let mut run = |(gap, bytes): (u64, u64)| {
        let extent = Extent { offset: at + gap, bytes };
        at = extent.offset + bytes;
        extent
    };
    pairs.into_iter().map(&mut run).collect()
}

fn entry() -> impl Strategy<Value = Entry> {
    let kinds =
        [Kind::File, Kind::Folder, Kind::Symlink, Kind::Fifo, Kind::Socket, Kind::CharDevice, Kind::BlockDevice];
    let who = (0..0o10_000u32, any::<u32>(), any::<u32>(), 1..=u32::MAX, bytes(0..20), bytes(0..20));
    let when = (time(), time(), any::<Option<()>>(), time());
    let file =
        (0..1u64 << 40, any::<bool>(), chunk_id(), any::<Option<()>>(), vec((1..1u64 << 30, 1..1u64 << 30), 0..5));
    let other = (bytes(0..100), any::<(u32, u32)>(), any::<Option<[u8; 16]>>(), any::<(u64, u64)>());
    let xattrs = btree_map(bytes(0..40), bytes(0..200), 0..4);
    let folder = (0..9u64).prop_flat_map(totals);
    (prop::sample::select(kinds.to_vec()), name(), who, when, file, other, xattrs, folder).prop_map(
        |(kind, name, who, when, file, other, xattrs, totals)| {
            let (mode, uid, gid, nlink, user, group) = who;
            let (mtime, ctime, birth, btime) = when;
            let (mut size, tree, id, sparse, pairs) = file;
            let (target, rdev, link_group, (inode, device)) = other;
            let extents = (kind == Kind::File && sparse.is_some()).then(|| runs(pairs));
            let stored = extents.as_ref().map_or(size, |e| e.iter().map(|x| x.bytes).sum());
            size += extents.as_ref().and_then(|e| e.last()).map_or(0, |e| e.offset + e.bytes);
            let content = match kind {
                Kind::File if stored > 0 && tree => Content::Tree(id),
                Kind::File if stored > 0 => Content::Chunk(id),
                Kind::Folder if totals.entries > 0 => Content::Tree(id),
                _ => Content::None,
            };
            let target = if kind == Kind::Symlink { target } else { Vec::new() };
            Entry {
                size: if kind == Kind::Symlink { target.len() as u64 } else { size },
                name,
                kind,
                mode,
                uid,
                gid,
                user,
                group,
                mtime,
                ctime,
                btime: birth.map(|()| btime),
                inode,
                device,
                nlink,
                rdev: if matches!(kind, Kind::CharDevice | Kind::BlockDevice) { rdev } else { (0, 0) },
                target,
                xattrs: xattrs.into_iter().collect(),
                extents,
                link_group,
                content,
                totals: if kind == Kind::Folder { totals } else { Totals::default() },
            }
        },
    )
}

fn node_of<T>(tree: TreeKind, level: u8, rows: &[T], encode: impl Fn(&T, &mut Vec<u8>)) -> Vec<u8> {
    let mut out = Vec::new();
    rows.iter().for_each(|row| encode(row, &mut out));
    encode_node(tree, level, u32::try_from(rows.len()).unwrap(), &out)
}

pub(crate) fn point_id() -> impl Strategy<Value = PointId> {
    any::<[u8; 16]>().prop_map(PointId)
}

pub(crate) fn suite() -> impl Strategy<Value = Suite> {
    prop::sample::select(vec![Suite::Clear, Suite::Aes256Gcm])
}

pub(crate) fn pack_kind() -> impl Strategy<Value = ObjectKind> {
    prop::sample::select(vec![ObjectKind::DataPack, ObjectKind::MetaPack])
}

fn manifest() -> impl Strategy<Value = Manifest> {
    let texts = (any::<String>(), any::<String>(), any::<String>(), "[^:/]{0,40}");
    let ids = (point_id(), prop::option::of(chunk_id()), prop::option::of(chunk_id()), prop::option::of(point_id()));
    let rows = (vec(bytes(0..50), 0..4), vec(any::<String>(), 0..4), prop::option::of(chunk_id()));
    let numbers = (any::<[u64; 8]>(), any::<[u64; 3]>(), chunk_id(), any::<(bool, bool)>());
    (texts, ids, rows, numbers, (time(), time()), (0..9u64).prop_flat_map(totals), entry()).prop_map(
        |(
            (host, organisation, kind_reason, job),
            (id, links, exceptions, base),
            rows,
            numbers,
            times,
            totals,
            root,
        )| {
            let (n, bytes, references, (full, stream)) = numbers;
            let content = if totals.entries > 0 { Content::Tree(references) } else { Content::None };
            let folder = crate::golden::plain_folder();
            let root = Entry { content, totals, mtime: root.mtime, xattrs: root.xattrs, ..folder };
            Manifest {
                id,
                started: times.0,
                finished: times.1,
                job,
                host,
                organisation,
                paths: rows.0,
                tags: rows.1,
                kind: if full { PointKind::Full } else { PointKind::Incremental },
                kind_reason,
                workload: [Workload::Folders, Workload::Stream, Workload::Microsoft365]
                    [if stream { 1 } else { (n[6] % 2) as usize * 2 }],
                root,
                maps: Maps { links, exceptions, state: rows.2 },
                counts: LedgerCounts {
                    new: n[0],
                    changed: n[1],
                    unchanged: n[2],
                    folders: n[3],
                    skipped: n[4],
                    failed: n[5],
                    vanished: n[6],
                    changed_while_read: n[7],
                    kept: n[5].min(n[0]),
                },
                base,
                references,
                bytes,
                first: (n[0] % 2 == 0).then(|| u32::try_from(n[1] % 1000).unwrap()),
                rules: [Rule::IgnoreFiles, Rule::LargerThan(n[3]), Rule::Other(vec![99, 1])][..(n[4] % 4) as usize]
                    .to_vec(),
                cut: (n[2] % 2 == 0).then_some(times.1),
                unnamed: (n[5] % 2 == 0).then_some(n[6]),
                shrunken: (n[1] % 2 == 0).then_some(Shrunken { than: id, bytes: n[2], items: n[3] }),
                naming: match n[2] % 4 {
                    0 => None,
                    1 => Some(Naming { alone: Alone::InRepository, latest: i64::MIN }),
                    2 => Some(Naming { alone: Alone::InJob, latest: 1_700_000_000 }),
                    _ => Some(Naming { alone: Alone::Nowhere, latest: i64::MAX }),
                },
                source: (n[1] % 2 == 0).then_some(format_spec::RepositoryId([n[2].to_le_bytes()[0]; 16])),
                seen: (1..=u32::try_from(n[3] % 3).unwrap())
                    .map(|slot| Seen { repository: format_spec::RepositoryId([7; 16]), slot, hash: [8; 32] })
                    .collect(),
            }
        },
    )
}

/// A segment from packs of blocks of chunks: kind, blocks, chunk lengths and ids.
fn segment() -> impl Strategy<Value = Segment> {
    let block = vec((chunk_id(), 1..5000u32), 1..6);
    vec((pack_kind(), any::<[u8; 32]>(), vec(block, 1..4)), 1..4).prop_map(|packs| {
        let mut segment = Segment::default();
        let mut rows = Vec::new();
        for (number, (kind, salt, blocks)) in (0u32..).zip(packs) {
            let (mut blobs, mut offset) = (0, 96);
            for block in blocks {
                let row = u32::try_from(segment.blocks.len()).unwrap();
                let mut at = 0;
                for (id, bytes) in block {
                    rows.push((id, PlaceRow { block: row, blob: blobs, offset: at, bytes }));
                    (at, blobs) = (at + bytes, blobs + 1);
                }
                segment.blocks.push(BlockRow { pack: number, offset, stored: at });
                offset += at + 32;
            }
            let id = ObjectId { session: 1, ordinal: number };
            segment.packs.push(PackRow { id, bytes: u64::from(offset) + 300, blobs, kind, salt, body_hash: [7; 32] });
        }
        rows.sort();
        (segment.ids, segment.places) = rows.into_iter().unzip();
        segment
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn entries_survive(entry in entry()) {
        let mut encoded = Vec::new();
        entry.encode(&mut encoded);
        prop_assert_eq!(Entry::decode(&encoded), Ok(entry));
    }

    #[test]
    fn folder_leaves_survive(entries in vec(entry(), 1..6)) {
        let by_name: BTreeMap<Vec<u8>, Entry> = entries.into_iter().map(|e| (e.name.clone(), e)).collect();
        let entries: Vec<Entry> = by_name.into_values().collect();
        let leaf = node_of(TreeKind::Folder, 0, &entries, Entry::encode);
        prop_assert_eq!(Node::decode(&leaf), Ok(Node::Folder(entries)));
    }

    #[test]
    fn content_leaves_survive(pieces in vec((chunk_id(), 1..=u32::MAX), 1..50)) {
        let pieces: Vec<Piece> = pieces.into_iter().map(|(id, bytes)| Piece { id, bytes }).collect();
        let leaf = node_of(TreeKind::Content, 0, &pieces, encode_piece);
        prop_assert_eq!(Node::decode(&leaf), Ok(Node::Content(pieces)));
    }

    #[test]
    fn map_leaves_survive(pairs in btree_map(bytes(0..300), bytes(0..300), 1..20)) {
        let pairs: Vec<Pair> = pairs.into_iter().map(|(key, value)| Pair { key, value }).collect();
        let leaf = node_of(TreeKind::Map, 0, &pairs, encode_pair);
        prop_assert_eq!(Node::decode(&leaf), Ok(Node::Map(pairs)));
    }

    #[test]
    fn inner_nodes_survive(
        rows in btree_map(name(), (chunk_id(), (1..1u64 << 40).prop_flat_map(totals)), 1..20),
        level in 1..=8u8,
        tree in prop::sample::select(vec![TreeKind::Folder, TreeKind::Content, TreeKind::Map]),
    ) {
        let child = |(key, (id, sums)): (Vec<u8>, (ChunkId, Totals))| match tree {
            TreeKind::Folder => Child { id, totals: sums, key },
            TreeKind::Content => {
                let bytes = sums.bytes.max(sums.entries);
                Child { id, totals: Totals { entries: sums.entries, bytes, ..Totals::default() }, key: Vec::new() }
            }
            TreeKind::Map => Child { id, totals: Totals { entries: sums.entries, ..Totals::default() }, key },
        };
        let children: Vec<Child> = rows.into_iter().map(child).collect();
        let node = node_of(tree, level, &children, encode_child);
        prop_assert_eq!(Node::decode(&node), Ok(Node::Inner { tree, level, children }));
    }

    #[test]
    fn contents_survive(blocks in vec(vec((chunk_id(), 1..40_000u32), 1..20), 1..8)) {
        let blob = |(id, bytes)| BlobEntry { id, bytes };
        let contents = Contents { blocks: blocks.into_iter().map(|b| b.into_iter().map(blob).collect()).collect() };
        let head = |block: &Vec<BlobEntry>| {
            let plain = block.iter().map(|b| b.bytes).sum();
            let head = RecordHead { kind: kind::BLOCK, codec: 0, stored: plain, plain, position: 0, crc: 0 };
            DirectoryEntry { offset: 96, head }
        };
        let directory: Vec<DirectoryEntry> = contents.blocks.iter().map(head).collect();
        prop_assert_eq!(Contents::decode(&contents.encode(), &directory), Ok(contents));
    }

    #[test]
    fn references_survive(counts in btree_map(0..500u32, 1..9u32, 0..60), more in 0..20u32) {
        let blobs = counts.keys().last().map_or(0, |b| b + 1) + more;
        let mut references = PackReferences { blobs, ..PackReferences::default() };
        counts.iter().for_each(|(blob, count)| references.set_count(*blob, *count));
        let decoded = PackReferences::decode(&references.encode()).unwrap();
        prop_assert!((0..blobs).all(|b| decoded.count(b) == counts.get(&b).copied().unwrap_or(0)));
        prop_assert_eq!(PackReferences::decode(&decoded.encode()), Ok(decoded));
    }

    #[test]
    fn segments_survive(segment in segment(), suite in suite()) {
        let header = header(ObjectKind::IndexSegment, suite, 1, "");
        let (object, _) = segment.encode(header.clone(), &secrets(suite));
        prop_assert_eq!(Segment::decode(&object, &header, &secrets(suite)), Ok(segment));
    }

    #[test]
    fn manifests_survive(manifest in manifest(), suite in suite()) {
        let header = header(ObjectKind::RestorePoint, suite, 1, "");
        let (object, _) = manifest.encode(header.clone(), &secrets(suite));
        prop_assert_eq!(Manifest::decode(&object, &header, &secrets(suite)), Ok(manifest));
    }

    #[test]
    fn arbitrary_bytes_are_answered(input in bytes(0..2000), choice in 0..4u8) {
        let chosen = [&[choice], &input[..]].concat();
        TARGETS.iter().for_each(|(_, target)| target(&chosen));
        TARGETS.iter().for_each(|(_, target)| target(&input));
    }
}
