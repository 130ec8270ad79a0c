"""Checkpoints: the sum of the log up to a slot (spec/log.md, LOG-21 and LOG-23)."""

import struct
from types import SimpleNamespace

from . import container, log_rows, names
from .container import CHECKPOINT, KINDS
from .errors import Broken, about, need
from .fields import Cursor, Tag, fixed, number, raw, read_fields, time
from .history import Pack, Point, Segment
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
        segments.append(Segment(slot, session, Ref(ordinal, length, body), RULE))
    return segments


def _time(cursor):
    return time(cursor.take(12), RULE)


def _session(value, _rule):
    cursor = Cursor(value, RULE, "session")
    own, ordinal = cursor.unpack("II")
    opened, last = _time(cursor), _time(cursor)
    _purpose, flag, zero, base, length = cursor.unpack("BBH16sI")
    need(zero == 0, RULE, f"zero bytes of session {own} are not zero")
    need(flag == 1 or (flag == 0 and base == bytes(16)), RULE, f"base flag {flag} of session {own}")
    job, host = cursor.take(length), cursor.take(cursor.left())
    for text in (job, host):
        try:
            text.decode("utf-8")
        except UnicodeDecodeError as error:
            raise Broken(RULE, f"job and host of session {own}: {error.reason}") from None
    return SimpleNamespace(number=own, next_ordinal=ordinal, opened=opened, last=last, base=base if flag else None, job=job, host=host)


def _condemned(value, _rule):
    """(slot, [Condemned])"""
    need(len(value) >= 4, RULE, "condemned packs without a slot")
    return int.from_bytes(value[:4], "little"), log_rows.condemned(value[4:], "LOG-13")


def _given_up(value, _rule):
    rows = []
    for kind, zeros, session, ordinal, slot, seconds, nanoseconds in _rows(value, "B3sIIIqI", "objects given up"):
        need(kind in KINDS, "CONT-4", f"unsupported: object kind {kind}")
        need(zeros == bytes(3), RULE, "zero bytes of an object given up are not zero")
        time(struct.pack("<qI", seconds, nanoseconds), RULE)
        need(not rows or rows[-1][:3] < (kind, session, ordinal), RULE, "objects given up do not rise")
        rows.append((kind, session, ordinal, slot))
    return rows


def _lock(value, _rule):
    need(len(value) >= 12, RULE, "a lock without a whole time")
    return time(value[:12], RULE), log_rows.ranges(value[12:], "LOG-17")


def _settings(value, _rule):
    read_fields(value, [Tag(tag, str(tag), raw, critical=True) for tag in range(256)], "LOG-19")
    return value


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
    Tag(12, "settings", _settings, critical=True, required=True),
    Tag(13, "read_only", fixed(2), critical=True),
]


def parse(plaintexts, slot):
    """The fields of a checkpoint, judged alone. `plaintexts` are those of its records, in order."""
    plain = b"".join(plaintexts)
    need(0 < len(plain) <= PLAIN_MAX, RULE, f"{len(plain)} bytes of fields")
    own = read_fields(plain, TAGS, RULE)
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
    packs = [row.pack for _at, rows in own.condemned for row in rows]
    need(len(packs) == len(set(packs)), RULE, "a pack is condemned twice")
    segments = [s.slot for s in own.segments]
    need(segments == sorted(segments), RULE, "slots of segments fall")
    slots = segments + [p.slot for p in own.points + own.held] + [s.number for s in own.sessions] + [at for at, _ in own.condemned]
    slots += [row[3] for row in own.given_up]
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


def begin(repository, history):
    """The history to go on from and the next slot: the first, or where it was deleted, that after the newest checkpoint (LOG-23)."""
    if repository.store.exists(names.log(1)):
        return history, 1
    for name in _newest_first(repository):
        try:
            own = load(repository, name)
        except Broken as broken:
            repository.warn(str(broken))
            continue
        _fill(history, own)
        return history, own.slot + 1
    return history, 1


def _fill(history, own):
    """What the entries up to the checkpoint's slot would have told."""
    history.head_hash, history.numbers = own.hashes[-1], own.next_number - 1
    history.open = {session.number: session.base for session in own.sessions}
    for expired, points in ((True, own.held), (False, own.points)):
        for row in points:
            history.points[row.point_id] = Point(row.number, row, RULE, row, expired)
    for segment in own.segments:
        history.segments[segment.session, segment.ref.ordinal] = segment
    for slot, rows in own.condemned:
        for row in rows:
            history.packs[row.pack] = Pack(Ref(row.pack[1], 0, b"", row.kind, row.blobs), 0, row, slot)
    history.given_up = {row[:3] for row in own.given_up}


def know_packs(repository, found):
    """For verification: the packs behind the segments of a checkpoint, which names none. `found` is what they really hold."""
    history = repository.history
    for segment in [segment for segment in history.segments.values() if segment.rule == RULE]:
        for row in repository.read_segment(segment)[1]:
            at = row.session, row.ordinal
            if at in found and at not in history.packs:
                history.packs[at] = Pack(Ref(row.ordinal, row.length, found[at][3], row.kind, row.blobs), segment.slot)


def check(repository, name, hashes):
    """What a checkpoint says of slots whose entries are there: `hashes` by slot."""
    own = load(repository, name)
    for slot, told in enumerate(own.hashes, own.slot + 1 - len(own.hashes)):
        need(hashes.get(slot, told) == told, RULE, f"the hash of slot {slot} is not that of its entry")


def _newest_first(repository):
    found = [name for name in repository.store.names() if names.parse(name).kind == CHECKPOINT]
    return sorted(found, key=lambda name: -names.parse(name).number)
