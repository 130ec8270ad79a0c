"""A history that begins with a checkpoint instead of slot 1 (spec/log.md, LOG-21): what the sums say, in `history`'s terms."""

from . import config, log
from .checkpoint import RULE
from .container import POINT, SEGMENT
from .history import History, Pack, Point, Retrieval, Segment, Session
from .log_rows import Ref


def resume(own, raises=None):
    """`own`: the fields of a checkpoint. `raises`: as `History` has it."""
    # Zeros stand for void slots (LOG-25), which are passed over.
    history = History(next((hash for hash in reversed(own.hashes) if hash != bytes(32)), bytes(32)), raises)
    history.slot = history.begun = own.slot
    history.numbers = own.next_number - 1
    held = [Point(row.number, row, RULE, row, expired=True) for row in own.held]
    for point in held:
        # The last one of an id is what a session finds whose base expired; a live one takes its place.
        history.points[point.entry.point_id] = point
    for row in own.points:
        history.points[row.point_id] = Point(row.number, row, RULE, row)
    for row in own.points + own.held:
        _name(history, POINT, row.session, row.point.ordinal)
    for row in own.segments:
        history.segments[row.session, row.ref.ordinal] = Segment(row.slot, row.session, row.ref, RULE)
        _name(history, SEGMENT, row.session, row.ref.ordinal)
    _condemned(history, own)
    for (kind, session, ordinal), told in own.given_up.items():
        history.given_up[kind, session, ordinal] = told
        _name(history, kind, session, ordinal)
    versions = held + history.live()
    for row in own.sessions:
        history.open[row.number] = Session(row.number, row.base, _version(versions, row), row.next_ordinal, row.opened, row.last, row.purpose,
                                           row.job, row.host)
    history.locks = list(own.locks)
    config.change(history.settings, own.settings, raises)
    history.retrievals = {row.slot: Retrieval(row.begun, row.changed, row.mode, row.days, row.objects, row.about) for row in own.retrievals}
    history.suspects = dict(own.suspects)
    # A kind that this reader knows forbids it nothing (LOG-21, 13c).
    history.strange = [] if own.read_only is None or own.read_only in log.OWN else [own.read_only]
    return history


def _name(history, kind, session, ordinal):
    history.ordinals.add((session, ordinal))
    history.named.add((kind, session, ordinal))


def _condemned(history, own):
    for slot, rows in own.condemned:
        for row in rows:
            # Its own entry is summed up: the earliest that it can be is the one after its session's Open.
            history.packs[row.pack] = Pack(Ref(row.pack[1], None, None, row.kind, row.blobs or None), row.pack[0] + 1, row, slot)
            _name(history, row.kind, *row.pack)
            if (row.kind, *row.pack) not in own.given_up:
                history.given_up[row.kind, *row.pack] = slot, None
                history.swept.add((row.kind, *row.pack))


def _version(versions, session):
    """The point that was live under the id of a session's base when the session was opened, if anything still says so."""
    known = [point for point in versions if point.entry.point_id == session.base and point.entry.slot < session.number]
    return max(known, key=lambda point: point.number, default=None)
