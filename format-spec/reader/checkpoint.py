"""Checkpoints, each alone: the sum of the log up to a slot (spec/log.md, LOG-21). What it says of the log is `resume`'s and `verify_sums`'."""

import struct
from types import SimpleNamespace

from . import config, container, log_rows
from .container import KINDS
from .errors import Broken, about, need
from .fields import Cursor, Tag, number, read_fields, time
from .log_rows import Ref

RULE = "LOG-21"
PLAIN_MAX = 67_108_864
# Sixteen records, each at most as long as it may be when it does not shrink, and their heads.
LARGE = (17 * (container.STORED_MAX + 64), RULE)


def _rows(value, layout, what):
    size = struct.calcsize("<" + layout)
    need(len(value) % size == 0, RULE, f"{what} of {size} bytes each in {len(value)} bytes")
    return struct.iter_unpack("<" + layout, value)


def _hashes(value, _rule):
    return [row[0] for row in _rows(value, "32s", "hashes")]


def _points(value, _rule):
    points = []
    for slot, count, session, ordinal, length, body, id, references, zero in _rows(value, "IIIIQ32s16s32sQ", "points"):
        need(zero == 0, RULE, f"zero bytes of point {count} are not zero")
        points.append(SimpleNamespace(slot=slot, number=count, session=session, point=Ref(ordinal, length, body), point_id=id,
                                      reference_set=references))
    return points


def _segments(value, _rule):
    segments = []
    for slot, session, ordinal, zero, length, body in _rows(value, "IIIIQ32s", "segments"):
        need(zero == 0, RULE, f"zero bytes of segment {ordinal} are not zero")
        segments.append(SimpleNamespace(slot=slot, session=session, ref=Ref(ordinal, length, body)))
    return segments


def _time(cursor):
    return time(cursor.take(12), RULE)


def _session(value, _rule):
    cursor = Cursor(value, RULE, "session")
    own, ordinal = cursor.unpack("II")
    opened, last = _time(cursor), _time(cursor)
    purpose, flag, zero, base, length = cursor.unpack("BBH16sI")
    need(zero == 0, RULE, f"zero bytes of session {own} are not zero")
    need(flag == 1 or (flag == 0 and base == bytes(16)), RULE, f"base flag {flag} of session {own}")
    job, host = cursor.take(length), cursor.take(cursor.left())
    try:
        job, host = job.decode("utf-8"), host.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Broken(RULE, f"job and host of session {own}: {error.reason}") from None
    return SimpleNamespace(number=own, next_ordinal=ordinal, opened=opened, last=last, purpose=purpose, base=base if flag else None, job=job,
                           host=host)


def _condemned(value, _rule):
    """(slot of the Condemn, its rows as far as they are told)"""
    cursor = Cursor(value, RULE, "condemned packs")
    (slot,) = cursor.unpack("I")
    return slot, log_rows.condemned(cursor.take(cursor.left()), "LOG-13")


def _given_up(value, _rule):
    """{(kind, session, ordinal): (slot, time)}"""
    rows, last = {}, None
    for kind, zeros, session, ordinal, slot, seconds, nanoseconds in _rows(value, "B3sIIIqI", "objects given up"):
        need(kind in KINDS, "CONT-4", f"unsupported: object kind {kind}")
        need(zeros == bytes(3), RULE, "zero bytes of an object given up are not zero")
        need(last is None or last < (kind, session, ordinal), RULE, "objects given up do not rise")
        last = kind, session, ordinal
        rows[last] = slot, time(struct.pack("<qI", seconds, nanoseconds), RULE)
    return rows


def _lock(value, _rule):
    """(until, rows)"""
    cursor = Cursor(value, RULE, "lock")
    return _time(cursor), log_rows.ranges(cursor.take(cursor.left()), "LOG-17")


def _retrieval(value, _rule):
    cursor = Cursor(value, RULE, "retrieval")
    (slot,) = cursor.unpack("I")
    begun, changed = _time(cursor), _time(cursor)
    mode, zeros, days, count = cursor.unpack("B3sII")
    need(zeros == bytes(3), RULE, f"zero bytes of retrieval {slot} are not zero")
    need(count > 0, RULE, f"retrieval {slot} has no objects")
    objects = log_rows.ranges(cursor.take(16 * count), "LOG-17")
    about = cursor.take(cursor.left())
    try:
        about = about.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Broken(RULE, f"what retrieval {slot} is of: {error.reason}") from None
    return SimpleNamespace(slot=slot, begun=begun, changed=changed, mode=mode, days=days, objects=objects, about=about)


def _suspects(value, rule):
    """{(kind, session, ordinal): slot of the entry that says so}"""
    rows, last = {}, None
    for kind, zeros, session, ordinal, slot in _rows(value, "B3sIII", "suspect packs"):
        need(kind in KINDS, "CONT-4", f"unsupported: object kind {kind}")
        need(kind in (container.DATA, container.META), rule, f"a suspect object of kind {kind}")
        need(zeros == bytes(3), rule, "zero bytes of a suspect pack are not zero")
        need(last is None or last < (kind, session, ordinal), rule, "suspect packs do not rise")
        last = kind, session, ordinal
        rows[last] = slot
    return rows


def _long_ago(value, rule):
    """(slot, rows)"""
    cursor = Cursor(value, rule, "packs condemned long ago")
    (slot,) = cursor.unpack("I")
    rows = log_rows.ranges(cursor.take(cursor.left()), "LOG-17")
    need(rows, rule, "no packs were condemned long ago")
    return slot, rows


TAGS = [
    Tag(1, "slot", number("Q"), critical=True, required=True),
    Tag(2, "hashes", _hashes, critical=True, required=True),
    Tag(3, "time", time),
    Tag(4, "next_number", number("I"), critical=True, required=True),
    Tag(5, "points", _points, critical=True, required=True),
    Tag(6, "held", _points, critical=True, required=True),
    Tag(7, "segments", _segments, critical=True, required=True),
    Tag(8, "sessions", _session, critical=True, repeat=True),
    Tag(9, "condemned", _condemned, critical=True, repeat=True),
    Tag(10, "given_up", _given_up, critical=True, required=True),
    Tag(11, "locks", _lock, critical=True, repeat=True),
    Tag(12, "settings", config.parse_change, critical=True, required=True),
    Tag(13, "read_only", number("H"), critical=True),
    Tag(14, "retrievals", _retrieval, critical=True, repeat=True),
    Tag(15, "suspects", _suspects),
    Tag(16, "long_ago", _long_ago, critical=True),
]


def parse(plaintexts, slot):
    """The fields of a checkpoint, judged alone. `plaintexts` are those of its records, in order."""
    plain = b"".join(plaintexts)
    need(0 < len(plain) <= PLAIN_MAX, RULE, f"{len(plain)} bytes of fields")
    own = read_fields(plain, TAGS, RULE)
    own.suspects = own.suspects or {}
    need(own.slot == slot, RULE, f"the checkpoint says that it is of slot {own.slot}")
    count = len(own.hashes)
    need(count == slot or 256 <= count < slot, RULE, f"{count} hashes of {slot} entries")
    for points in (own.points, own.held):
        for before, after in zip(points, points[1:]):
            need(before.number < after.number and before.slot < after.slot, RULE, f"point {after.number} does not rise")
        need(all(0 < p.number < own.next_number for p in points), RULE, "numbers of points")
    need(len({p.point_id for p in own.points}) == len(own.points), RULE, "two live points have one id")
    _rising([s.number for s in own.sessions], "sessions")
    _rising([at for at, _packs in own.condemned], "condemned packs")
    if own.long_ago:
        at, ranges = own.long_ago
        rows = [log_rows.Condemned(kind, (session, ordinal)) for kind, session, first, count in ranges for ordinal in range(first, first + count)]
        need(all(row.kind in (container.DATA, container.META) for row in rows), RULE, "an object condemned long ago is no pack")
        need(all(at < later for later, _rows in own.condemned), RULE, "condemned packs do not rise")
        # Its slot is that of the newest of their Condemns at least, not of each.
        own.condemned.insert(0, (at, rows))
    packs = [row.pack for _at, rows in own.condemned for row in rows]
    need(len(packs) == len(set(packs)), RULE, "a pack is condemned twice")
    _rising([r.slot for r in own.retrievals], "retrievals")
    segments = [s.slot for s in own.segments]
    need(segments == sorted(segments), RULE, "slots of segments fall")
    slots = segments + [p.slot for p in own.points + own.held] + [s.number for s in own.sessions] + [at for at, _ in own.condemned]
    slots += [at for at, _time in own.given_up.values()] + [r.slot for r in own.retrievals]
    slots += list(own.suspects.values())
    need(all(1 <= at <= slot for at in slots), RULE, f"a row of a slot beyond {slot}")
    return own


def _rising(rows, what):
    need(all(a < b for a, b in zip(rows, rows[1:])), RULE, f"{what} do not rise")


def plaintexts(parsed, open_record):
    """The plaintexts of a checkpoint's records; their sum is bounded before the first is opened."""
    records = [record for record in parsed.records if record.kind == 36]
    total = sum(record.plain for record in records)
    need(0 < total <= PLAIN_MAX, RULE, f"{total} bytes of fields")
    return [open_record(record) for record in records]


def load(repository, name):
    """One checkpoint of a repository."""
    with about(name):
        parsed = repository.parse(name, repository.store.read(name, LARGE))
        return parse(plaintexts(parsed, lambda record: repository.open(parsed.header, record)), parsed.header.ordinal)
