//! Broken nodes and reference values: TREE and POINT-6.

use super::trees::{children, entry, ledger_vector, node, node_vector, value_vector};
use super::{Vector, fixed};
use format_spec::ChunkId;
use format_spec::fields::CRITICAL;
use format_spec::tree::{
    Child, Content, Entry, Extent, Kind, Pair, Piece, Totals, TreeKind, encode_child, encode_pair, encode_piece,
};

/// All of them.
pub(crate) fn vectors() -> Vec<Vector> {
    let mut out = layouts();
    out.extend(children_of_inner_nodes());
    out.extend(entries());
    out.extend(fields_of_entries());
    out.extend(reference_values());
    out.extend(ledger_values());
    out
}

fn id() -> ChunkId {
    ChunkId(fixed("some chunk"))
}

fn layouts() -> Vec<Vector> {
    let good = node(TreeKind::Content, 0, &[Piece { id: id(), bytes: 9 }], encode_piece);
    let bent = |at: usize, byte: u8| {
        let mut bytes = good.clone();
        bytes[at] = byte;
        bytes
    };
    let pair = |key: &[u8]| Pair { key: key.to_vec(), value: vec![1] };
    let map = |keys: [&[u8]; 2]| node(TreeKind::Map, 0, &keys.map(pair), encode_pair);
    let mut short_entry = folder(&[entry(b"a", Kind::Fifo)]);
    short_entry[8..12].copy_from_slice(&3u32.to_le_bytes());
    vec![
        node_vector("TREE-1 an unknown tree", bent(0, 4)),
        node_vector("TREE-1 level 9", bent(1, 9)),
        node_vector("TREE-1 zero bytes", bent(3, 1)),
        node_vector("TREE-1 no entries", [&good[..4], &[0; 4]].concat()),
        node_vector("TREE-1 more entries promised", bent(4, 2)),
        node_vector("TREE-1 a byte behind", [&good[..], &[0]].concat()),
        node_vector("TREE-1 empty", Vec::new()),
        node_vector("TREE-4 equal keys", map([b"a", b"a"])),
        node_vector("TREE-4 falling keys", map([b"b", b"a"])),
        node_vector("TREE-4 falling names", folder(&[entry(b"b", Kind::Fifo), entry(b"a", Kind::Fifo)])),
        node_vector("TREE-4 equal names", folder(&[entry(b"a", Kind::Fifo), entry(b"a", Kind::Fifo)])),
        node_vector(
            "TREE-5 a chunk of no bytes",
            node(TreeKind::Content, 0, &[Piece { id: id(), bytes: 0 }], encode_piece),
        ),
        node_vector("TREE-5 an entry shorter than its length", short_entry),
    ]
}

fn children_of_inner_nodes() -> Vec<Vector> {
    let bent = |case: &str, tree, bend: &dyn Fn(&mut [Child; 2])| {
        let mut rows = children(tree);
        bend(&mut rows);
        node_vector(case, node(tree, 1, &rows, encode_child))
    };
    vec![
        bent("TREE-3 a child without entries", TreeKind::Map, &|c| c[0].totals.entries = 0),
        bent("TREE-3 a map with bytes", TreeKind::Map, &|c| c[0].totals.bytes = 1),
        bent("TREE-3 a map with times", TreeKind::Map, &|c| c[1].totals.newest = 0),
        bent("TREE-3 a content with descendants", TreeKind::Content, &|c| c[0].totals.descendants = 1),
        bent("TREE-3 a content with keys", TreeKind::Content, &|c| c[1].key = b"k".to_vec()),
        bent("TREE-3 a content of fewer bytes than chunks", TreeKind::Content, &|c| c[1].totals.bytes = 8),
        bent("TREE-3 a folder of fewer descendants than entries", TreeKind::Folder, &|c| c[1].totals.descendants = 8),
        bent("TREE-3 a folder without a key", TreeKind::Folder, &|c| c[0].key.clear()),
        bent("TREE-4 falling keys of children", TreeKind::Map, &|c| c.swap(0, 1)),
        bent("TREE-4 equal keys of children", TreeKind::Folder, &|c| c[1].key = c[0].key.clone()),
    ]
}

fn folder(entries: &[Entry]) -> Vec<u8> {
    node(TreeKind::Folder, 0, entries, Entry::encode)
}

fn bent(case: &str, kind: Kind, bend: impl FnOnce(&mut Entry)) -> Vector {
    let mut row = entry(b"name", kind);
    bend(&mut row);
    node_vector(case, folder(&[row]))
}

/// The only entry of a leaf, with bytes of its fixed part replaced.
fn patched(case: &str, at: usize, bytes: &[u8]) -> Vector {
    let mut leaf = folder(&[entry(b"name", Kind::Fifo)]);
    leaf[8 + at..8 + at + bytes.len()].copy_from_slice(bytes);
    node_vector(case, leaf)
}

fn entries() -> Vec<Vector> {
    let named = |case: &str, name: &[u8]| node_vector(case, folder(&[entry(name, Kind::Fifo)]));
    let one = Totals { entries: 1, descendants: 1, bytes: 0, oldest: 1, newest: 1 };
    let with = |e: &mut Entry, totals| (e.content, e.totals) = (Content::Tree(id()), totals);
    vec![
        patched("TREE-6 an unknown kind", 4, &[8]),
        bent("TREE-6 mode beyond 7777", Kind::File, |e| e.mode = 0o10_000),
        bent("TREE-6 no name of the inode", Kind::File, |e| e.nlink = 0),
        bent("TREE-6 nanoseconds of the modification", Kind::File, |e| e.mtime.nanos = 1_000_000_000),
        bent("TREE-6 nanoseconds of the change", Kind::File, |e| e.ctime.nanos = u32::MAX),
        bent("TREE-6 a size beyond 63 bits", Kind::File, |e| (e.size, e.content) = (1 << 63, Content::Tree(id()))),
        named("TREE-7 a dot", b"."),
        named("TREE-7 two dots", b".."),
        named("TREE-7 a slash", b"a/b"),
        named("TREE-7 a NUL", b"a\0b"),
        named("TREE-7 4096 bytes", &[b'n'; 4096]),
        named("TREE-7 an empty name", b""),
        node_vector("TREE-7 an empty name of a folder", folder(&[entry(b"", Kind::Folder)])),
        bent("TREE-8 an empty folder with bytes", Kind::Folder, |e| e.totals.bytes = 1),
        bent("TREE-8 an empty folder with a time", Kind::Folder, |e| e.totals.oldest = 0),
        bent("TREE-8 fewer descendants than entries", Kind::Folder, |e| with(e, Totals { descendants: 0, ..one })),
        bent("TREE-8 oldest after newest", Kind::Folder, |e| with(e, Totals { oldest: 2, ..one })),
        patched("TREE-9 an unknown kind of content", 5, &[3]),
        bent("TREE-9 a file with a size and no content", Kind::File, |e| e.size = 1),
        bent("TREE-9 a file with a content and no size", Kind::File, |e| e.content = Content::Chunk(id())),
        bent("TREE-9 a sparse file without data but with content", Kind::File, |e| {
            (e.size, e.extents, e.content) = (9, Some(Vec::new()), Content::Chunk(id()));
        }),
        bent("TREE-9 a fifo with a content", Kind::Fifo, |e| e.content = Content::Chunk(id())),
        bent("TREE-9 a folder of one chunk", Kind::Folder, |e| (e.content, e.totals) = (Content::Chunk(id()), one)),
        bent("TREE-9 a folder with entries and no tree", Kind::Folder, |e| e.totals = one),
        bent("TREE-9 an empty folder with a tree", Kind::Folder, |e| e.content = Content::Tree(id())),
        bent("TREE-9 a symlink of another size", Kind::Symlink, |e| (e.target, e.size) = (b"to".to_vec(), 3)),
    ]
}

fn fields_of_entries() -> Vec<Vector> {
    let sparse = |case: &str, runs: &[(u64, u64)]| {
        let runs = runs.iter().map(|(offset, bytes)| Extent { offset: *offset, bytes: *bytes }).collect();
        bent(case, Kind::File, |e| (e.size, e.extents, e.content) = (100, Some(runs), Content::Chunk(id())))
    };
    let with_field = |case: &str, kind, tag: u16, bytes: &[u8]| {
        let mut row = Vec::new();
        entry(b"name", kind).encode(&mut row);
        let length = u32::try_from(bytes.len()).unwrap();
        row.extend_from_slice(&[&tag.to_le_bytes()[..], &[0, 0], &length.to_le_bytes(), bytes].concat());
        let length = u32::try_from(row.len()).unwrap();
        row[..4].copy_from_slice(&length.to_le_bytes());
        node_vector(case, node(TreeKind::Folder, 0, &[row], |row, out| out.extend_from_slice(row)))
    };
    let xattrs = |case: &str, names: [&[u8]; 2]| {
        bent(case, Kind::File, |e| e.xattrs = names.map(|n| (n.to_vec(), Vec::new())).to_vec())
    };
    let mut symlink = Vec::new();
    entry(b"name", Kind::Fifo).encode(&mut symlink);
    symlink[4] = Kind::Symlink as u8;
    let symlink = node(TreeKind::Folder, 0, &[symlink], |row, out| out.extend_from_slice(row));
    vec![
        sparse("TREE-6 touching runs", &[(0, 10), (10, 10)]),
        sparse("TREE-6 overlapping runs", &[(0, 10), (9, 10)]),
        sparse("TREE-6 falling runs", &[(50, 10), (0, 10)]),
        sparse("TREE-6 an empty run", &[(0, 10), (20, 0)]),
        sparse("TREE-6 a run beyond the file", &[(95, 10)]),
        sparse("TREE-6 a run beyond 64 bits", &[(u64::MAX, 10)]),
        xattrs("TREE-6 falling extended attributes", [b"user.b", b"user.a"]),
        xattrs("TREE-6 equal extended attributes", [b"user.a", b"user.a"]),
        with_field("TREE-6 an extended attribute shorter than its name", Kind::Fifo, 6 | CRITICAL, &[5, 0, b'u']),
        with_field("TREE-6 half a run", Kind::File, 7 | CRITICAL, &[0; 15]),
        with_field("TREE-6 a link group of 15 bytes", Kind::Fifo, 8 | CRITICAL, &[1; 15]),
        with_field("TREE-6 device numbers of a fifo", Kind::Fifo, 4 | CRITICAL, &[0; 8]),
        with_field("TREE-6 a target of a fifo", Kind::Fifo, 5 | CRITICAL, b"to"),
        with_field("TREE-6 runs of a fifo", Kind::Fifo, 7 | CRITICAL, &[]),
        with_field("CONT-19 a birth time of 13 bytes", Kind::Fifo, 3, &[0; 13]),
        with_field("CONT-19 an unknown critical field of an entry", Kind::Fifo, 9 | CRITICAL, &[]),
        with_field("ok an unknown field of an entry", Kind::Fifo, 9, b"later"),
        node_vector("CONT-19 a symlink without target", symlink),
    ]
}

fn ledger_values() -> Vec<Vector> {
    let value = |case: &str, parts: &[&[u8]]| ledger_vector(case, parts.concat());
    let time = [&1_700_000_000u64.to_le_bytes()[..], &5u32.to_le_bytes()].concat();
    let (none, one) = (0u64.to_le_bytes(), 1u64.to_le_bytes());
    let late = [&one[..], &1_000_000_000u32.to_le_bytes()].concat();
    vec![
        value("POINT-4 no outcome", &[]),
        value("POINT-4 an unknown outcome", &[&[6], b"later"]),
        value("POINT-4 a reason that is no text", &[&[1, 0xFF]]),
        value("POINT-4 a kept item without its number of items", &[&[5], &time, &one[..7]]),
        value("CONT-19 a kept item with too many nanoseconds", &[&[5], &late, &one]),
        value("POINT-11 a kept item that counts none", &[&[5], &time, &none]),
    ]
}

fn reference_values() -> Vec<Vector> {
    let value = |case: &str, parts: &[&[u8]]| value_vector(case, parts.concat());
    let number = |n: u32| n.to_le_bytes();
    let (three, one, two) = (number(3), number(1), number(2));
    vec![
        value("POINT-6 a bit beyond the last blob", &[&three, &[0b1001], &number(0)]),
        value("POINT-6 a bitmap cut short", &[&number(17), &[1, 0]]),
        value("POINT-6 a count of 1", &[&three, &[0b001], &one, &number(0), &one]),
        value("POINT-6 a count of a blob that is not named", &[&three, &[0b001], &one, &one, &two]),
        value("POINT-6 a count of a blob outside", &[&three, &[0b111], &one, &three, &two]),
        value("POINT-6 falling counts", &[&three, &[0b111], &two, &one, &two, &number(0), &two]),
        value("POINT-6 equal counts", &[&three, &[0b111], &two, &one, &two, &one, &two]),
        value("POINT-6 more counts promised", &[&three, &[0b001], &number(u32::MAX)]),
        value("POINT-6 a byte behind", &[&three, &[0b001], &number(0), &[0]]),
    ]
}
