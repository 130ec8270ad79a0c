"""A small whole repository on disk, made by the tests' encoder. Hooks let one rule be broken at a time."""

import os
import struct
from collections import Counter, defaultdict

from blake3 import blake3

from . import encoder as e

PASSWORD = b"correct horse"
GROUP = b"G" * 16
POINT_ID = bytes(range(0xA0, 0xB0))
BIG = [b"piece %04d of a long file" % number for number in range(900)]
SPARSE = (b"begin", b"end")


class EmptyPoint:
    """A repository whose one point is an empty folder: it needs no blob, so there is no reference set tree."""

    def __init__(self, path, absent):
        self.path, self.suite, self.objects = path, 0, {}
        own = [b"", b""] if absent else [e.field(17, bytes(32)), e.field(67, bytes(32))]
        root = e.item(b"", 2, below=e.add_up([]))["raw"]
        manifest = (e.field(1, POINT_ID) + e.field(2, bytes(12)) + e.field(4, b"j") + e.field(9, b"\1") + e.field(11, b"\1") + e.field(12, root)
                    + e.field(14, bytes(64)) + own[0])
        self._put("config", e.build(7, [(34, e.config_fields(0))]))
        point = self._put("points/00000001/00000000", e.build(4, [(33, manifest, 1)], 0, 1, 0))
        commit = e.field(64, struct.pack("<I", 1)) + e.field(65, struct.pack("<IIQ", 0, 0, len(point)) + body(point))
        self._entries([(1, b""), (3, commit + e.field(66, POINT_ID) + own[1])])

    def _entries(self, rows):
        """The log, each entry with the hash of the one before."""
        before = self.objects["config"]
        for slot, (kind, own) in enumerate(rows, 1):
            plain = (e.field(1, struct.pack("<Q", slot)) + e.field(2, blake3(before).digest()) + e.field(3, b"a" * 16)
                     + e.field(5, struct.pack("<HH", kind, 0)) + own)
            before = self._put(f"log/{slot:016x}", e.build(5, [(32, plain)], self.suite, 0, slot))

    def _put(self, name, raw):
        self.objects[name] = raw
        path = os.path.join(self.path, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(raw)
        return raw


class Sample(EmptyPoint):
    """`hooks`: name -> function of the value about to be written."""

    def __init__(self, path, suite=1, **hooks):
        self.path, self.suite, self.hooks = path, suite, hooks
        self.chunks, self.nodes, self.named = {}, {}, defaultdict(set)
        self.objects = {}
        hooks.pop("prepare", lambda sample: None)(self)
        self._write()

    def hook(self, name, value):
        return self.hooks[name](value) if name in self.hooks else value

    def _plant(self, tree, items):
        """Plants a tree and notes what each node names."""
        before = dict(self.nodes)
        fresh = {}

        def keep(raw):
            fresh[e.node_id(raw)] = raw

        root, sums = e.plant(tree, items, keep, self.hooks.get("cut", e.is_marked))
        self.nodes = before | fresh
        return root, sums

    def _chunk(self, data):
        self.chunks[e.chunk_id(data)] = data
        return e.chunk_id(data)

    def _folder(self, name, items, **attributes):
        root, sums = self._plant(1, sorted(items, key=lambda row: row["key"]))
        return e.item(name, 2, 2 if root else 0, root or b"", below=self.hook("sums", sums), mode=0o755, **attributes)

    def _tree(self):
        big, _sums = self._plant(2, [e.piece(data) for data in BIG])
        for data in BIG:
            self._chunk(data)
        hard = dict(content=1, id=self._chunk(b"shared"), size=6, names=2, inode=9, fields=e.field(8, GROUP))
        runs = e.field(7, struct.pack("<QQQQ", 0, 5, 100_000, 3))
        xattr = e.field(6, struct.pack("<H", 9) + b"user.note" + b"value \0 raw")
        inner = self._folder(b"dir", [e.item(b"h2", **hard), e.item(b"void", 2, below=e.add_up([]), mode=0o700)])
        many = self._folder(b"many", [e.item(b"file %04d" % number) for number in range(900)])
        return self._folder(b"", self.hook("items", [
            e.item(b"a", content=1, id=self._chunk(b"hello"), size=5, fields=xattr), inner, many,
            e.item(b"big", content=2, id=big, size=len(b"".join(BIG))), e.item(b"empty"), e.item(b"pipe", 4),
            e.item(b"link", 3, size=7, fields=e.field(5, b"no\xffwher")),
            e.item(b"sparse", content=1, id=self._chunk(b"".join(SPARSE)), size=200_000, fields=runs),
            e.item(b"z\xff\n", content=1, id=self._chunk(b"hello"), size=5), e.item(b"zz", **hard)]))

    def nested(self, depth, name):
        """A folder in a folder in a folder, with a name of the linked inode in the innermost."""
        row = e.item(b"h0", content=1, id=e.chunk_id(b"shared"), size=6, names=2, inode=9, fields=e.field(8, GROUP))
        for _ in range(depth):
            row = self._folder(name, [row])
        return row

    def _names(self, raw):
        """Ids in a node's bytes: found by search, which shares no parsing with the reader."""
        return {id for id in list(self.chunks) + list(self.nodes) if id in raw}

    def _write(self):
        root = self._tree()
        link_map, _ = self._plant(3, [e.pair(GROUP, self.hook("first", b"dir/h2"))])
        ledger, _ = self._plant(3, [e.pair(b"gone/file", b"\2" + b"it vanished")])
        data, meta = list(self.chunks.values()), list(self.nodes.values())
        root_id = root["raw"][72:104]
        counts = Counter([root_id, link_map, ledger])
        for raw in meta:
            counts.update(self._names(raw))
        places = {(1, 0): [e.chunk_id(blob) for blob in data], (1, 1): [e.node_id(blob) for blob in meta]}
        uses = [e.pair(struct.pack(">II", *at), self._use(ids, counts)) for at, ids in places.items()]
        self.nodes = {}
        reference_set, _ = self._plant(3, uses)
        packs = [self._pack(1, 0, data, e.chunk_id), self._pack(2, 1, meta, e.node_id), self._pack(2, 2, list(self.nodes.values()), e.node_id)]
        self._put("config", e.build(7, [(34, e.config_fields(self.suite))], sealed=self.suite == 1))
        if self.suite:
            self._put("keys/6b65792d736c6f74", e.slot(b"key-slot", PASSWORD))
        self._segment(packs)
        manifest = self.hook("manifest", (
            e.field(1, POINT_ID) + e.field(2, struct.pack("<qI", 1_750_000_000, 7)) + e.field(4, b"home") + e.field(7, b"/srv", False)
            + e.field(9, b"\1") + e.field(11, b"\1") + e.field(12, root["raw"]) + e.field(13, link_map, False)
            + e.field(14, struct.pack("<8Q", 1, 0, 0, 4, 0, 0, self.hook("vanished", 1), 0)) + e.field(15, ledger, False)
            + e.field(17, reference_set)))
        point = self._put("points/00000001/00000004", e.build(4, [(33, manifest)], self.suite, 1, 4))
        session = e.field(64, struct.pack("<I", 1))
        self.packs = packs
        self._entries([
            (1, e.field(64, b"home", False)),
            (2, session + e.field(65, refs(packs)) + e.field(66, thing(3, self.objects["index/00000001/00000003"]))),
            (3, session + e.field(65, thing(4, point)) + e.field(66, POINT_ID)
             + e.field(67, reference_set))])

    def _use(self, ids, counts):
        bits = bytearray((len(ids) + 7) // 8)
        for blob in range(len(ids)):
            bits[blob // 8] |= 1 << blob % 8
        more = self.hook("more", [(blob, counts[id]) for blob, id in enumerate(ids) if counts[id] > 1])
        return struct.pack("<I", len(ids)) + bits + struct.pack("<I", len(more)) + b"".join(struct.pack("<II", *row) for row in more)

    def _pack(self, kind, ordinal, blobs, identify, session=1):
        salt = bytes([ordinal + 1]) * 32
        records, places = e.pack_records(blobs, identify, 40)
        raw = e.build(kind, records, self.suite, session, ordinal, salt)
        self._put(("data" if kind == 1 else "meta") + f"/{session:08x}/{ordinal:08x}", raw)
        return (session, ordinal), kind, raw, len(blobs), [(identify(blob), place) for blob, place in zip(blobs, places)]

    def _segment(self, packs, session=1, number=3, hook="entries"):
        pack_rows, blocks, entries = b"", [], []
        for row, (at, kind, raw, blobs, chunks) in enumerate(packs):
            pack_rows += struct.pack("<IIQIB3x", *at, len(raw), blobs, kind) + bytes([at[1] + 1]) * 32 + body(raw)
            start, = struct.unpack_from("<Q", raw, len(raw) - 104)
            first = len(blocks)
            for block in range((blobs + 39) // 40):
                offset, stored = struct.unpack_from("<QI", raw, start + 24 * block)
                blocks.append(struct.pack("<III", row, offset, stored))
            entries += [(id, first + place[0], blob, *place[1:]) for blob, (id, place) in enumerate(chunks)]
        entries = self.hook(hook, sorted(entries))
        plain = [(16, struct.pack("<QII", len(entries), len(blocks), len(packs))), (17, pack_rows), (18, b"".join(blocks)),
                 (19, b"".join(row[0] for row in entries)), (20, b"".join(struct.pack("<IIII", *row[1:]) for row in entries), 1)]
        return self._put(f"index/{session:08x}/{number:08x}", e.build(3, plain, self.suite, session, number))


class Collected(Sample):
    """After the commit a collector moves the data pack into one of its own and folds both segments into one. What it gave up stays."""

    def _entries(self, rows):
        blobs = self.hook("moved", list(self.chunks.values()))
        new = self._pack(1, 0, blobs, e.chunk_id, session=4)
        segment = self._segment([new], 4, 1)
        old = len(self.chunks)
        bits = self.hook("survivors", (1 << old) - 1)
        gone = struct.pack("<IIB3xI", 1, 0, 1, old) + bits.to_bytes((old + 7) // 8, "little")
        gone += struct.pack("<IIIII", 1, bits.bit_count(), 4, 0, 0)
        folded = self._segment(self.packs[1:] + [new], 4, 2, "folded")
        session = e.field(64, struct.pack("<I", 4))
        super()._entries(rows + [
            (1, e.field(67, b"\2", False)),
            (6, session + e.field(65, gone) + e.field(66, refs([new])) + e.field(67, thing(1, segment))),
            (8, session + e.field(65, struct.pack("<IIII", 1, 3, 4, 1)) + e.field(66, thing(2, folded)))])


def refs(packs):
    """Packs as a Publish names them."""
    return b"".join(struct.pack("<IB3xQII", at[1], kind, len(raw), blobs, 0) + body(raw) for at, kind, raw, blobs, _rows in packs)


def thing(ordinal, raw):
    """An object as a log entry names it."""
    return struct.pack("<IIQ", ordinal, 0, len(raw)) + body(raw)


def body(raw):
    """The body hash as the trailer has it."""
    return raw[-104 + 48:-104 + 80]
