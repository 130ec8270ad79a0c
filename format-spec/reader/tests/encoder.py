"""A tiny writer for the tests, laid by hand from ../../spec; it uses nothing of the reader."""

import os
import struct
import zlib
from collections import Counter

import zstandard
from argon2.low_level import Type, hash_secret_raw
from blake3 import blake3
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

MASTER, DEDUP, REPOSITORY = bytes(range(32)), bytes(range(100, 132)), b"R" * 16
NEVER = struct.pack("<qq", 2**63 - 1, -2**63)
CRITICAL = 0x8000


def derive(context, secret):
    return blake3(secret, derive_key_context=context).digest()


def chunk_id(data):
    return blake3(data, key=derive("cairn 1 chunk id", DEDUP)).digest()


def node_id(data):
    return blake3(data, key=derive("cairn 1 node id", DEDUP)).digest()


def object_keys(kind, session, ordinal, salt):
    told = bytes([kind]) + REPOSITORY + struct.pack("<II", session, ordinal) + salt
    both = blake3(told, key=derive("cairn 1 object key", MASTER)).digest(length=64)
    return both[:32], both[32:]


def header(kind, suite=0, session=0, ordinal=0, salt=b"s" * 32, length=96, **other):
    get = other.get
    raw = b"\x89CRN\r\n\x1a\n" + struct.pack("<HHBBHIIII", get("major", 1), get("minor", 0), kind, suite, length, get("incompat", 0),
                                           get("ro_compat", 0), 0, 0)
    raw += REPOSITORY + struct.pack("<II", session, ordinal) + salt + bytes(4)
    return raw + struct.pack("<I", zlib.crc32(raw)) + bytes(length - 96)


def build(kind, records, suite=0, session=0, ordinal=0, salt=b"s" * 32, sealed=None, length=96, **other):
    """An object of (record kind, plaintext[, codec]) rows. `sealed`: whether the seal is keyed, else as the suite says."""
    aes, seal_key = object_keys(kind, session, ordinal, salt)
    out, directory = header(kind, suite, session, ordinal, salt, length, **other), b""
    head96 = out[:96]
    for position, (record_kind, plain, *codec) in enumerate(records):
        codec = codec[0] if codec else 0
        encoded = zstandard.ZstdCompressor().compress(plain) if codec else plain
        head = b"\xd5REC" + struct.pack("<BBHIII", record_kind, codec, 0, len(encoded) + 16 * suite, len(plain), position)
        payload = AESGCM(aes).encrypt(struct.pack("<I8x", position), encoded, head) if suite else encoded
        head += struct.pack("<II", zlib.crc32(payload), 0)
        head += struct.pack("<I", zlib.crc32(head))
        directory += struct.pack("<QIIIBBH", len(out), len(payload), len(plain), zlib.crc32(payload), record_kind, codec, 0)
        out += head + payload
    keyed = suite == 1 if sealed is None else sealed
    body = blake3(out).digest()
    told = head96 + body + directory
    seal = (blake3(told, key=seal_key) if keyed else blake3(told)).digest()
    trailer = struct.pack("<QII", len(out), len(records), 24) + seal + body
    trailer += struct.pack("<QII", len(out) + len(directory) + 104, zlib.crc32(directory), 104)
    return out + directory + trailer + struct.pack("<I", zlib.crc32(trailer)) + b"NRC\x89"


def field(number, value, critical=True):
    return struct.pack("<HHI", number | (CRITICAL if critical else 0), 0, len(value)) + value


def config_fields(suite, least=64, average=128, most=4096):
    return (field(1, b"\1") + field(2, bytes([suite])) + field(3, struct.pack("<B3xIII", 1, least, average, most))
            + field(4, struct.pack("<I", 4096)) + field(5, struct.pack("<I", 5_000_000)) + field(8, b"put_if_absent=yes", False)
            + (b"" if suite else field(9, DEDUP)) + field(10, struct.pack("<i", 3), False))


def slot(id, password, memory=64):
    head = header(8)
    before = (field(1, id) + field(2, b"\1") + field(3, struct.pack("<III", memory, 1, 1)) + field(4, b"0123456789abcdef")
              + field(5, "Schlüssel".encode(), False))
    key = hash_secret_raw(password, b"0123456789abcdef", 1, memory, 1, 32, Type.ID)
    return build(8, [(35, before + field(7, AESGCM(key).encrypt(bytes(12), MASTER + DEDUP, head + before)))])


def planted(id, memory, passes):
    """A slot of any cost that no password opens: no key is needed to make one."""
    return build(8, [(35, field(1, id) + field(2, b"\1") + field(3, struct.pack("<III", memory, passes, 1)) + field(4, bytes(16))
                      + field(7, bytes(80)))])


def is_marked(tree, level, item):
    m = int.from_bytes((item["id"] if tree == 2 else blake3(item["key"]).digest())[:8], "little")
    return m % 128 == 0 if level == 0 else (m >> (7 + 5 * (level - 1))) % 32 == 0


def node(tree, level, items):
    return struct.pack("<BBHI", tree, level, 0, len(items)) + b"".join(item["raw"] for item in items)


def plant(tree, items, keep, cut=is_marked):
    """Root id and sums of a tree; `keep(node bytes)` takes every node. An item: raw, key, id (content), sums."""
    level = 0
    while items:
        rows, row, length = [], [], 8
        for item in items:
            row.append(item)
            length += len(item["raw"])
            if cut(tree, level, item) or length >= 65_536:
                rows.append(row)
                row, length = [], 8
        rows += [row] if row else []
        parents = []
        for row in rows:
            raw = node(tree, level, row)
            keep(raw)
            sums = add_up([item["sums"] for item in row])
            key = row[0]["key"]
            id = node_id(raw)
            parents.append({"raw": id + struct.pack("<QQQqqH", *sums, len(key)) + key, "key": key, "id": id, "sums": sums})
        if len(parents) == 1:
            return parents[0]["id"], parents[0]["sums"]
        items, level = parents, level + 1
    return None, add_up([])


def add_up(rows):
    rows = list(rows)
    return (sum(row[0] for row in rows), sum(row[1] for row in rows), sum(row[2] for row in rows),
            min([row[3] for row in rows], default=2**63 - 1), max([row[4] for row in rows], default=-2**63))


def leaf_sums(count=1, length=0):
    return count, 0, length, 2**63 - 1, -2**63


def pair(key, value):
    return {"raw": struct.pack("<HI", len(key), len(value)) + key + value, "key": key, "sums": leaf_sums()}


def piece(data):
    id = chunk_id(data)
    return {"raw": id + struct.pack("<I", len(data)), "key": b"", "id": id, "sums": leaf_sums(1, len(data))}


def item(name, kind=1, content=0, id=b"", size=0, mtime=(1_700_000_000, 123_456_789), mode=0o640, names=1, inode=0, below=None, fields=b""):
    """A folder entry with its sums."""
    below_raw = struct.pack("<QQQqq", *below) if kind == 2 else b""
    raw = struct.pack("<BBHIIIIQqqIIQQ", kind, content, len(name), mode, os.getuid(), os.getgid(), names, size, mtime[0], 5, mtime[1], 6,
                      inode, 7) + name + id + below_raw + fields
    raw = struct.pack("<I", len(raw) + 4) + raw
    if kind == 2:
        sums = 1, 1 + below[1], below[2], min(mtime[0], below[3]), max(mtime[0], below[4])
    else:
        sums = 1, 1, size if kind == 1 else 0, mtime[0], mtime[0]
    return {"raw": raw, "key": name, "sums": sums}


def pack_records(blobs, identify, per_block=3):
    """Blocks and contents for a pack, and where each blob lies: (block number, offset, length)."""
    records, contents, places = [], b"", []
    for at in range(0, len(blobs), per_block):
        group, offset = blobs[at:at + per_block], 0
        contents += struct.pack("<I", len(group))
        for blob in group:
            contents += identify(blob) + struct.pack("<I", len(blob))
            places.append((at // per_block, offset, len(blob)))
            offset += len(blob)
        records.append((1, b"".join(group), at // per_block % 2))
    return records + [(2, contents)], places


def count_names(nodes, manifest_ids):
    """POINT-7, from the raw bytes of the nodes given as (names, ...) rows: id -> count."""
    counts = Counter(manifest_ids)
    for named in nodes:
        counts.update(set(named))
    return counts
