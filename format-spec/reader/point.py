"""Manifests, and the values of the maps that hang on them (spec/point.md)."""

import struct
from dataclasses import dataclass

from . import entry
from .errors import need
from .fields import Cursor, Tag, fixed, number, raw, read_fields, time, utf8

COUNTS = "new changed unchanged folders skipped failed vanished changed_while_read".split()
FULL, INCREMENTAL = 1, 2
FAILED, VANISHED, CHANGED, SKIPPED, KEPT = 1, 2, 3, 4, 5


def _job(value, rule):
    text = utf8(value, rule)
    need(":" not in text and "/" not in text, rule, f"job {text!r} holds `:` or `/`")
    return text


def _counts(value, _rule):
    return dict(zip(COUNTS, struct.unpack("<8Q", fixed(64)(value, _rule))))


def _rule_in_force(value, _rule):
    """POINT-8: (kind, what it says)."""
    cursor = Cursor(value, "POINT-8", "rule in force")
    kind, = cursor.unpack("B")
    said = None
    if kind == 1:
        said = cursor.take(cursor.left())
        need(said, "POINT-8", "an empty pattern")
    elif kind == 4:
        said, = cursor.unpack("Q")
    elif kind > 6 or kind == 0:
        said = cursor.take(cursor.left())
    cursor.end()
    return kind, said


def _shrunken(value, rule):
    return struct.unpack("<16sQQ", fixed(32)(value, rule))


def _naming(value, _rule):
    """How far the second of its start tells the point from others, and the latest second that is a name (POINT-12)."""
    need(len(value) == 9, "POINT-12", f"a naming of {len(value)} bytes")
    alone, latest = struct.unpack("<Bq", value)
    need(1 <= alone <= 3, "POINT-12", f"a second that suffices in the unknown way {alone}")
    return alone, latest


def _seen(value, _rule):
    """An entry of another repository's log: id, slot, hash (POINT-14)."""
    need(len(value) == 52, "POINT-14", f"an entry of {len(value)} bytes that was seen")
    repository, slot, digest = struct.unpack("<16sI32s", value)
    need(slot > 0, "POINT-14", "an entry in slot 0 that was seen")
    return repository, slot, digest


def _root(value, _rule):
    cursor = Cursor(value, "TREE-5", "root folder entry")
    root = entry.parse(cursor, root=True)
    cursor.end()
    need(root.kind == entry.FOLDER, "POINT-1", f"the root is of kind {root.kind}, not a folder")
    return root


TAGS = [
    Tag(1, "id", fixed(16), critical=True, required=True),
    Tag(2, "started", time, critical=True, required=True),
    Tag(3, "finished", time),
    Tag(4, "job", _job, critical=True, required=True),
    Tag(5, "host", utf8),
    Tag(6, "organisation", utf8),
    Tag(7, "sources", raw, repeat=True),
    Tag(8, "tags", utf8, repeat=True),
    Tag(9, "kind", number("B"), critical=True, required=True),
    Tag(10, "why", utf8),
    Tag(11, "workload", number("B"), critical=True, required=True),
    Tag(12, "root", _root, critical=True, required=True),
    Tag(13, "link_map", fixed(32)),
    Tag(14, "counts", _counts, critical=True, required=True),
    Tag(15, "exceptions", fixed(32)),
    Tag(16, "base", fixed(16)),
    # AMBIGUITY (POINT-1, TREE-2): not required, for a point that needs no blob has no reference set tree.
    Tag(17, "reference_set", fixed(32), critical=True),
    Tag(18, "statistics", fixed(24)),
    Tag(19, "cursors", raw, repeat=True),
    Tag(20, "first", number("I")),
    Tag(21, "rules", _rule_in_force, repeat=True),
    Tag(22, "state", fixed(32), critical=True),
    Tag(23, "cut", time),
    Tag(24, "unnamed", number("Q")),
    Tag(25, "kept", number("Q"), critical=True),
    Tag(26, "shrunken", _shrunken),
    Tag(27, "naming", _naming),
    Tag(28, "source", fixed(16)),
    Tag(30, "seen", _seen, repeat=True),
]


def parse(plaintext):
    manifest = read_fields(plaintext, TAGS, "POINT-1")
    need(manifest.kind in (FULL, INCREMENTAL), "POINT-1", f"kind {manifest.kind}")
    need(manifest.workload in (1, 2, 3), "POINT-1", f"workload {manifest.workload}")
    failed = manifest.counts["failed"]
    need(manifest.kept is None or 1 <= manifest.kept <= failed, "POINT-10", f"{manifest.kept} kept items of {failed} that failed")
    return manifest


def is_complete(manifest):
    """POINT-2"""
    return not any(manifest.counts[name] for name in ("failed", "vanished", "changed_while_read"))


@dataclass(frozen=True)
class LedgerLine:
    """A line of the ledger (POINT-4). `as_of` and `items` are of kept items (POINT-11)."""

    outcome: int
    reason: str
    as_of: tuple | None = None
    items: int = 1


def parse_exception(value):
    need(len(value) >= 1 and FAILED <= value[0] <= KEPT, "POINT-4", f"outcome {value[:1].hex() or 'absent'}")
    if value[0] != KEPT:
        return LedgerLine(value[0], utf8(value[1:], "POINT-4"))
    cursor = Cursor(value[1:], "POINT-4", "a kept item")
    as_of = time(cursor.take(12), "CONT-19")
    items, = cursor.unpack("Q")
    need(items > 0, "POINT-11", "a kept item that counts none")
    return LedgerLine(KEPT, utf8(value[21:], "POINT-4"), as_of, items)


@dataclass(frozen=True)
class PackUse:
    """What a point needs of one pack: how many of its nodes name each needed blob."""

    session: int
    ordinal: int
    blobs: int
    counts: dict


def parse_use(key, value):
    """One entry of a reference set (POINT-6)."""
    need(len(key) == 8, "POINT-6", f"a key of {len(key)} bytes")
    session, ordinal = struct.unpack(">II", key)
    cursor = Cursor(value, "POINT-6", f"uses of pack {session:08x}/{ordinal:08x}")
    blobs, = cursor.unpack("I")
    bitmap = cursor.take((blobs + 7) // 8)
    # AMBIGUITY (POINT-6): bits of the bitmap beyond the last blob are taken to be zero.
    need(blobs % 8 == 0 or bitmap[-1] >> blobs % 8 == 0, "POINT-6", "bits beyond the last blob are set")
    counts = {blob: 1 for blob in range(blobs) if bitmap[blob // 8] >> blob % 8 & 1}
    more, = cursor.unpack("I")
    last = -1
    for _ in range(more):
        blob, count = cursor.unpack("II")
        need(blob > last, "POINT-6", f"the counts do not rise at blob {blob}")
        need(count >= 2, "POINT-6", f"blob {blob} has a count of {count}")
        need(blob in counts, "POINT-6", f"blob {blob} has a count and is not named")
        counts[blob], last = count, blob
    cursor.end()
    return PackUse(session, ordinal, blobs, counts)
