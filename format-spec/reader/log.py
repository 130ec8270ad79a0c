"""Entries of the commit log, each alone (spec/log.md, LOG-2 to LOG-19, and LOG-26 to LOG-28). What they mean after one another is `history`'s."""

import struct

from . import config, log_rows
from .errors import need
from .fields import Tag, fixed, number, read_fields, time, utf8

OPEN, PUBLISH, COMMIT, EXPIRE, REWRITE, CONDEMN, SWEPT, FOLD, FENCE, LOCK = range(1, 11)
RETRIEVAL, KEY, CONFIG, SUSPECT = 11, 12, 13, 14
SET_ASIDE = 15
ASKED, CHANGED, ENDED = 1, 2, 3


def _kind(value, rule):
    kind, treatment = struct.unpack("<HH", fixed(4)(value, rule))
    need(treatment <= 2, "LOG-2", f"unsupported: treatment {treatment}")
    return kind, treatment


def _key_change(value, rule):
    change = number("B")(value, rule)
    need(change in (1, 2), rule, f"change {change} of a key slot")
    return change


def _suspect(value, rule):
    state = number("B")(value, rule)
    need(state in (1, 2), rule, f"state {state} of packs")
    return state


def _must(tag, name, decode):
    return Tag(tag, name, decode, critical=True, required=True)


COMMON = [
    _must(1, "slot", number("Q")),
    _must(2, "before", fixed(32)),
    _must(3, "attempt", fixed(16)),
    Tag(4, "time", time),
    _must(5, "kind", _kind),
]
SESSION = _must(64, "session", number("I"))
# AMBIGUITY (LOG-10, LOG-12, TREE-2): a point that needs no blob once had no reference set; 67c is taken to be absent or 32 zero bytes then.
POINT = [SESSION, _must(65, "point", log_rows.vouched), _must(66, "point_id", fixed(16)), Tag(67, "reference_set", fixed(32), critical=True)]
OWN = {
    OPEN: ("LOG-5", [Tag(64, "job", utf8), Tag(65, "host", utf8), Tag(66, "base", fixed(16)), Tag(67, "purpose", number("B"))]),
    PUBLISH: ("LOG-6", [SESSION, _must(65, "packs", log_rows.packs), Tag(66, "segment", log_rows.vouched, critical=True)]),
    COMMIT: ("LOG-10", POINT),
    EXPIRE: ("LOG-11", [_must(64, "points", log_rows.point_ids), Tag(65, "reason", utf8), Tag(66, "plan", fixed(32))]),
    REWRITE: ("LOG-12", POINT + [Tag(68, "reason", utf8)]),
    CONDEMN: ("LOG-13", [
        SESSION, _must(65, "condemned", log_rows.condemned), _must(66, "packs", log_rows.packs),
        Tag(67, "segment", log_rows.vouched, critical=True), Tag(68, "plan", fixed(32)),
    ]),
    SWEPT: ("LOG-14", [_must(64, "objects", log_rows.objects)]),
    FOLD: ("LOG-15", [SESSION, _must(65, "replaced", log_rows.pairs), _must(66, "segments", log_rows.all_vouched)]),
    FENCE: ("LOG-16", [SESSION, Tag(65, "reason", utf8)]),
    LOCK: ("LOG-17", [_must(64, "until", time), _must(65, "locked", log_rows.ranges)]),
    RETRIEVAL: ("LOG-26", [
        _must(64, "retrieval", number("I")), _must(65, "state", number("B")), Tag(66, "mode", number("B")), Tag(67, "days", number("I")),
        Tag(68, "retrieved", lambda value, _rule: log_rows.ranges(value, "LOG-17"), critical=True), Tag(69, "about", utf8),
    ]),
    KEY: ("LOG-18", [_must(64, "change", _key_change), _must(65, "key_slot", number("Q"))]),
    SUSPECT: ("LOG-27", [
        _must(64, "state", _suspect), _must(65, "packs", log_rows.suspects), Tag(66, "reason", utf8),
    ]),
    CONFIG: ("LOG-19", [_must(64, "settings", config.parse_change)]),
    SET_ASIDE: ("LOG-28", [_must(64, "first", number("I"))]),
}


def parse(plaintext):
    """One entry's fields, judged alone."""
    # Critical fields from 64 on of an unknown entry kind are left to the entry's treatment (LOG-2).
    kind, treatment = read_fields(plaintext, COMMON, "LOG-2", ignore_unknown_from=64).kind
    need(kind in OWN or treatment != 0, "LOG-2", f"unsupported: entry kind {kind} that stops who does not know it")
    if kind not in OWN:
        return read_fields(plaintext, COMMON, "LOG-2", ignore_unknown_from=64)
    rule, tags = OWN[kind]
    entry = read_fields(plaintext, COMMON + tags, rule)
    if kind in (PUBLISH, CONDEMN):
        need((entry.segment is not None) == bool(entry.packs), rule, f"{len(entry.packs)} packs, and a segment is "
             + ("absent" if entry.segment is None else "present"))
    if kind == RETRIEVAL:
        _check_retrieval(entry, rule)
    if kind == SET_ASIDE:
        need(0 < entry.first < entry.slot, rule, f"slot {entry.first} is set aside by slot {entry.slot}")
    return entry


def _check_retrieval(entry, rule):
    need(entry.state in (ASKED, CHANGED, ENDED), rule, f"state {entry.state} of a retrieval")
    need((entry.state == ASKED) == (entry.retrieval == 0), rule, f"state {entry.state} of retrieval {entry.retrieval}")
    need((entry.state == ASKED) == (entry.retrieved is not None), rule, f"objects in state {entry.state}")
    need(entry.state != ASKED or entry.retrieved, rule, "no objects")
    need(entry.state == ENDED or entry.days is not None, "CONT-19", "days are absent")
