"""Entries of the commit log (spec/log.md)."""

import struct
from dataclasses import dataclass

from .errors import need
from .fields import Tag, fixed, number, read_fields, time, utf8

OPEN, PUBLISH, COMMIT = 1, 2, 3
PACK_REF = struct.Struct("<IB3sQII32s")


@dataclass(frozen=True)
class Ref:
    """An object that an entry names. `kind` and `blobs` are those of packs only."""

    ordinal: int
    length: int
    hash: bytes
    kind: int = 0
    blobs: int = 0


def _packs(value, rule):
    need(len(value) % PACK_REF.size == 0, "CONT-19", f"packs of 56 bytes each in {len(value)} bytes")
    # AMBIGUITY (LOG-6): an entry without packs is taken as broken, for its segment (IDX-2) could map nothing.
    need(len(value) >= PACK_REF.size, rule, "no packs")
    packs = []
    for ordinal, kind, zeros, length, blobs, zero, body_hash in PACK_REF.iter_unpack(value):
        need(kind in (1, 2), rule, f"pack {ordinal} has object kind {kind}")
        need(zeros == bytes(3) and zero == 0, rule, f"zero bytes of pack {ordinal} are not zero")
        packs.append(Ref(ordinal, length, body_hash, kind, blobs))
    return packs


def _object(value, rule):
    ordinal, zero, length, body_hash = struct.unpack("<IIQ32s", fixed(48)(value, rule))
    need(zero == 0, rule, f"zero bytes of object {ordinal} are not zero")
    return Ref(ordinal, length, body_hash)


def _kind(value, _rule):
    kind, treatment = struct.unpack("<HH", fixed(4)(value, _rule))
    need(treatment <= 2, "LOG-2", f"unsupported: treatment {treatment}")
    return kind, treatment


COMMON = [
    Tag(1, "slot", number("Q"), critical=True, required=True),
    Tag(2, "before", fixed(32), critical=True, required=True),
    Tag(3, "attempt", fixed(16), critical=True, required=True),
    Tag(4, "time", time),
    Tag(5, "kind", _kind, critical=True, required=True),
]
OWN = {
    OPEN: ("LOG-5", [Tag(64, "job", utf8), Tag(65, "host", utf8), Tag(66, "base", fixed(16))]),
    PUBLISH: ("LOG-6", [
        Tag(64, "session", number("I"), critical=True, required=True),
        Tag(65, "packs", _packs, critical=True, required=True),
        Tag(66, "segment", _object, critical=True, required=True),
    ]),
    # AMBIGUITY (LOG-10, TREE-2): a point that needs no blob has no reference set tree; then 67c is taken to be absent or 32 zero bytes.
    COMMIT: ("LOG-10", [
        Tag(64, "session", number("I"), critical=True, required=True),
        Tag(65, "point", _object, critical=True, required=True),
        Tag(66, "point_id", fixed(16), critical=True, required=True),
        Tag(67, "reference_set", fixed(32), critical=True),
    ]),
}


def parse(plaintext):
    """One entry's fields, judged alone."""
    # AMBIGUITY (LOG-2, CONT-19): critical fields from 64 on of an unknown entry kind are left to the entry's treatment.
    kind, treatment = read_fields(plaintext, COMMON, "LOG-2", ignore_unknown_from=64).kind
    need(kind in OWN or treatment != 0, "LOG-2", f"unsupported: entry kind {kind} that stops who does not know it")
    if kind not in OWN:
        return read_fields(plaintext, COMMON, "LOG-2", ignore_unknown_from=64)
    rule, tags = OWN[kind]
    return read_fields(plaintext, COMMON + tags, rule)


class History:
    """The log up to some slot: what was opened, published and committed."""

    def __init__(self, config_hash):
        self.head_hash, self.entries = config_hash, []
        self.sessions, self.ordinals = set(), set()
        self.publishes, self.commits = [], []

    def append(self, slot, entry, object_hash):
        """Judges an entry after all before it (LOG-3, LOG-7) and takes it in."""
        need(entry.slot == slot, "LOG-3", f"the entry says that it is slot {entry.slot}")
        need(entry.before == self.head_hash, "LOG-3", "the hash does not fit the object before: the repository is damaged at this slot")
        kind, _treatment = entry.kind
        if kind == OPEN:
            self.sessions.add(slot)
        elif kind in (PUBLISH, COMMIT):
            need(entry.session in self.sessions, "LOG-7", f"session {entry.session} was not opened")
            named = [ref.ordinal for ref in entry.packs] + [entry.segment.ordinal] if kind == PUBLISH else [entry.point.ordinal]
            for ordinal in named:
                need((entry.session, ordinal) not in self.ordinals, "LOG-7", f"ordinal {ordinal} of session {entry.session} came before")
                self.ordinals.add((entry.session, ordinal))
            (self.publishes if kind == PUBLISH else self.commits).append(entry)
        self.entries.append(entry)
        self.head_hash = object_hash
