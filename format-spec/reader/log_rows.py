"""Tables inside the fields of log entries (spec/log.md, LOG-6 to LOG-17). An object of a session is `(session, ordinal)` here."""

import struct
from dataclasses import dataclass

from .container import DATA, KINDS, META
from .errors import need
from .fields import Cursor, fixed
from .pack import BLOBS_MAX

PACK_REF = struct.Struct("<IB3sQII32s")


@dataclass(frozen=True)
class Ref:
    """An object that an entry names. `kind` and `blobs` are those of packs only."""

    ordinal: int
    length: int
    hash: bytes
    kind: int = 0
    blobs: int = 0


@dataclass(frozen=True)
class Run:
    """Survivors that lie in a row in a pack (LOG-13)."""

    count: int
    pack: tuple
    first: int


@dataclass(frozen=True)
class Condemned:
    """A pack that is given up. `blobs` is 0 and there are no runs where nothing of it survives; bit i of `bits` is blob i."""

    kind: int
    pack: tuple
    blobs: int = 0
    bits: int = 0
    runs: tuple = ()

    def place_of(self, blob):
        """(pack, blob) where a blob went, or None when it did not survive."""
        if not self.bits >> blob & 1:
            return None
        rank = (self.bits & ((1 << blob) - 1)).bit_count()
        for run in self.runs:
            if rank < run.count:
                return run.pack, run.first + rank
            rank -= run.count
        return None


def packs(value, rule):
    need(len(value) % PACK_REF.size == 0, "CONT-19", f"packs of 56 bytes each in {len(value)} bytes")
    rows = []
    for ordinal, kind, zeros, length, blobs, zero, body_hash in PACK_REF.iter_unpack(value):
        need(kind in (DATA, META), rule, f"pack {ordinal} has object kind {kind}")
        need(zeros == bytes(3) and zero == 0, rule, f"zero bytes of pack {ordinal} are not zero")
        rows.append(Ref(ordinal, length, body_hash, kind, blobs))
    return rows


def vouched(value, rule):
    """One object that is no pack."""
    ordinal, zero, length, body_hash = struct.unpack("<IIQ32s", fixed(48)(value, rule))
    need(zero == 0, rule, f"zero bytes of object {ordinal} are not zero")
    return Ref(ordinal, length, body_hash)


def all_vouched(value, rule):
    need(len(value) % 48 == 0, "CONT-19", f"objects of 48 bytes each in {len(value)} bytes")
    return [vouched(value[at:at + 48], rule) for at in range(0, len(value), 48)]


def point_ids(value, rule):
    need(len(value) % 16 == 0, "CONT-19", f"point ids of 16 bytes each in {len(value)} bytes")
    ids = [value[at:at + 16] for at in range(0, len(value), 16)]
    need(ids, rule, "no points")
    return _rising(ids, rule, "point ids")


def condemned(value, rule):
    cursor, rows = Cursor(value, rule, "condemned packs"), []
    while cursor.left():
        session, ordinal, kind, zeros, blobs = cursor.unpack("IIB3sI")
        name = f"pack {session:08x}/{ordinal:08x}"
        need(kind in (DATA, META), rule, f"{name} has object kind {kind}")
        need(zeros == bytes(3), rule, f"zero bytes of {name} are not zero")
        need(blobs <= BLOBS_MAX, rule, f"{name} has {blobs} blobs")
        if blobs == 0:
            rows.append(Condemned(kind, (session, ordinal)))
            continue
        bits = int.from_bytes(cursor.take((blobs + 7) // 8), "little")
        need(bits >> blobs == 0, rule, f"{name}: bits beyond its {blobs} blobs are set")
        need(bits != 0, rule, f"{name}: a bitmap without survivors")
        runs = []
        for _ in range(cursor.unpack("I")[0]):
            count, *pack, first = cursor.unpack("IIII")
            need(count >= 1 and first + count <= BLOBS_MAX, rule, f"{name}: a run of {count} blobs from {first} on")
            need(tuple(pack) != (session, ordinal), rule, f"{name}: a run in the condemned pack itself")
            runs.append(Run(count, tuple(pack), first))
        told = sum(run.count for run in runs)
        need(told == bits.bit_count(), rule, f"{name}: {bits.bit_count()} survivors, and runs of {told}")
        rows.append(Condemned(kind, (session, ordinal), blobs, bits, tuple(runs)))
    _rising([row.pack for row in rows], rule, "condemned packs")
    return rows


def objects(value, rule):
    """[(kind, session, ordinal)] (LOG-14)"""
    rows = []
    for kind, zeros, session, ordinal in _rows("<B3sII", value):
        need(kind in KINDS, "CONT-4", f"object kind {kind}")
        need(zeros == bytes(3), rule, "zero bytes of an object are not zero")
        rows.append((kind, session, ordinal))
    return _rising(rows, rule, "objects")


def suspects(value, rule):
    """[(kind, session, ordinal)] of packs, at least one (LOG-27)"""
    rows = objects(value, rule)
    need(rows, rule, "no packs")
    need(all(kind in (DATA, META) for kind, _session, _ordinal in rows), rule, "an object that is not a pack")
    return rows


def ranges(value, rule):
    """[(kind, session, first ordinal, count)] (LOG-17)"""
    rows = []
    for kind, zeros, session, ordinal, count in _rows("<B3sIII", value):
        need(kind in KINDS, "CONT-4", f"object kind {kind}")
        need(zeros == bytes(3), rule, "zero bytes of a row are not zero")
        need(count >= 1 and ordinal + count < 2**32, rule, f"{count} objects from {ordinal} on")
        rows.append((kind, session, ordinal, count))
    return _rising(rows, rule, "rows")


def pairs(value, rule):
    """[(session, ordinal)] (LOG-15)"""
    return _rising(list(_rows("<II", value)), rule, "segments")


def _rows(layout, value):
    size = struct.calcsize(layout)
    need(len(value) % size == 0, "CONT-19", f"rows of {size} bytes each in {len(value)} bytes")
    return struct.iter_unpack(layout, value)


def _rising(rows, rule, what):
    need(all(a < b for a, b in zip(rows, rows[1:])), rule, f"the {what} do not rise")
    return rows
