"""The log up to some slot (spec/log.md, LOG-3 to LOG-20): which sessions are open, which packs, segments and points count."""

from dataclasses import dataclass

from . import log
from .container import CHECKPOINT, DATA, LOG, META, POINT, SEGMENT
from .errors import need
from .log_rows import Condemned, Ref


@dataclass
class Pack:
    """A published pack; `condemned` once it is."""

    ref: Ref
    slot: int
    condemned: Condemned = None
    condemned_slot: int = None

    def usable_before(self, slot):
        """Whether it was published and not condemned before this slot."""
        return self.slot < slot and (self.condemned is None or slot <= self.condemned_slot)


@dataclass
class Segment:
    """A published segment. `packs` came with it; `instead_of` are the segments that a Fold replaced by it and its siblings."""

    slot: int
    session: int
    ref: Ref
    rule: str
    packs: tuple = ()
    instead_of: tuple = ()
    replaced: bool = False


@dataclass
class Point:
    """A restore point as its newest Commit or Rewrite names it."""

    number: int
    entry: object
    rule: str
    first: object
    expired: bool = False


class History:
    """`packs` and `segments` by (session, ordinal) in the order of publication, `points` by id."""

    def __init__(self, config_hash):
        self.head_hash, self.entries = config_hash, []
        # LOG-25: slots that nobody with the keys has filled.
        self.voids = 0
        self.open, self.ordinals, self.numbers = {}, set(), 0
        self.packs, self.segments, self.points = {}, {}, {}
        # What the log names and what it gave up, as (kind, session, ordinal).
        self.named, self.given_up = set(), set()

    def append(self, slot, entry, object_hash):
        """Judges an entry after all before it and takes it in."""
        need(entry.slot == slot, "LOG-3", f"the entry says that it is slot {entry.slot}")
        need(entry.before == self.head_hash, "LOG-3", "the hash does not fit the object before: the repository is damaged at this slot")
        kind, _treatment = entry.kind
        take = {log.OPEN: self._open, log.PUBLISH: self._publish, log.COMMIT: self._commit, log.EXPIRE: self._expire,
                log.REWRITE: self._rewrite, log.CONDEMN: self._condemn, log.SWEPT: self._swept, log.FOLD: self._fold,
                log.FENCE: self._fence}.get(kind)
        if take is not None:
            take(entry)
        self.entries.append(entry)
        self.head_hash = object_hash

    def live(self):
        """Points that are committed and not expired, by number."""
        return sorted((point for point in self.points.values() if not point.expired), key=lambda point: point.number)

    def needed(self):
        """Live points, and expired ones that an open session builds on (LOG-5)."""
        bases = [self.points[base] for base in self.open.values() if base in self.points]
        return self.live() + list({point.number: point for point in bases if point.expired}.values())

    def counting(self):
        """Segments that no Fold replaced."""
        return [segment for segment in self.segments.values() if not segment.replaced]

    def is_condemned(self, at):
        return at in self.packs and self.packs[at].condemned is not None

    def place_of(self, at, blob):
        """LOG-20: (pack, blob) where a blob lies now, None when it did not survive. Each step leads to a pack that was condemned later."""
        while self.is_condemned(at):
            moved = self.packs[at].condemned.place_of(blob)
            if moved is None:
                return None
            at, blob = moved
        return at, blob

    def _is_open(self, session):
        need(session in self.open, "LOG-7", f"session {session} is not open")

    def _name(self, kind, session, ordinal):
        need((session, ordinal) not in self.ordinals, "LOG-7", f"ordinal {ordinal} of session {session} came before")
        self.ordinals.add((session, ordinal))
        self.named.add((kind, session, ordinal))

    def _open(self, entry):
        # AMBIGUITY (LOG-5): whether a base must be live is not said; one that is not known protects nothing.
        self.open[entry.slot] = entry.base

    def _fence(self, entry):
        self._is_open(entry.session)
        del self.open[entry.session]

    def _publish(self, entry, rule="LOG-6"):
        self._is_open(entry.session)
        for ref in entry.packs:
            self._name(ref.kind, entry.session, ref.ordinal)
            self.packs[entry.session, ref.ordinal] = Pack(ref, entry.slot)
        if entry.segment is not None:
            self._segment(Segment(entry.slot, entry.session, entry.segment, rule, tuple(entry.packs)))

    def _segment(self, segment):
        self._name(SEGMENT, segment.session, segment.ref.ordinal)
        self.segments[segment.session, segment.ref.ordinal] = segment

    def _commit(self, entry):
        self._is_open(entry.session)
        self._name(POINT, entry.session, entry.point.ordinal)
        live = self.points.get(entry.point_id)
        need(live is None or live.expired, "LOG-10", f"point {entry.point_id.hex()} is live already")
        self.numbers += 1
        self.points[entry.point_id] = Point(self.numbers, entry, "LOG-10", entry)
        del self.open[entry.session]

    def _live(self, id, rule):
        need(id in self.points and not self.points[id].expired, rule, f"point {id.hex()} is not live")
        return self.points[id]

    def _expire(self, entry):
        for id in entry.points:
            point = self._live(id, "LOG-11")
            point.expired = True
            self._give_up(point)

    def _rewrite(self, entry):
        self._is_open(entry.session)
        self._name(POINT, entry.session, entry.point.ordinal)
        before = self._live(entry.point_id, "LOG-12")
        self._give_up(before)
        self.numbers += 1
        self.points[entry.point_id] = Point(self.numbers, entry, "LOG-12", before.first)

    def _give_up(self, point):
        self.given_up.add((POINT, point.entry.session, point.entry.point.ordinal))

    def _condemn(self, entry):
        self._publish(entry, "LOG-13")
        going = {row.pack for row in entry.condemned}
        for row in entry.condemned:
            name = f"pack {row.pack[0]:08x}/{row.pack[1]:08x}"
            pack = self.packs.get(row.pack)
            need(pack is not None and pack.slot < entry.slot, "LOG-13", f"{name} was not published before")
            need(pack.condemned is None, "LOG-13", f"{name} was condemned before")
            need(row.pack[0] not in self.open, "LOG-13", f"{name} belongs to an open session")
            need(row.kind == pack.ref.kind, "LOG-13", f"{name} is of object kind {pack.ref.kind}, not {row.kind}")
            need(row.blobs in (0, pack.ref.blobs), "LOG-13", f"{name} has {pack.ref.blobs} blobs, not {row.blobs}")
            for run in row.runs:
                target = self.packs.get(run.pack)
                other = f"a run of {name} names pack {run.pack[0]:08x}/{run.pack[1]:08x}, which"
                need(target is not None, "LOG-13", f"{other} is not published")
                need(target.condemned is None and run.pack not in going, "LOG-13", f"{other} is condemned")
                need(target.ref.kind == row.kind, "LOG-13", f"{other} is of another kind")
                need(run.first + run.count <= target.ref.blobs, "LOG-13", f"{other} has {target.ref.blobs} blobs")
        for row in entry.condemned:
            self.packs[row.pack].condemned, self.packs[row.pack].condemned_slot = row, entry.slot
            self.given_up.add((row.kind, *row.pack))

    def _swept(self, entry):
        for kind, session, ordinal in entry.objects:
            name = f"object {session:08x}/{ordinal:08x} of kind {kind}"
            if kind in (LOG, CHECKPOINT):
                need(session == 0 and 0 < ordinal < entry.slot, "LOG-14", f"{name} is no earlier slot")
                continue
            need(kind in (DATA, META, SEGMENT, POINT), "LOG-14", f"{name} is never given up")
            orphan = session not in self.open and (kind, session, ordinal) not in self.named
            need(orphan or (kind, session, ordinal) in self.given_up, "LOG-14", f"{name} was not given up")

    def _fold(self, entry):
        self._is_open(entry.session)
        replaced = []
        for at in entry.replaced:
            segment = self.segments.get(at)
            need(segment is not None and not segment.replaced, "LOG-15", f"segment {at[0]:08x}/{at[1]:08x} does not count")
            segment.replaced = True
            self.given_up.add((SEGMENT, *at))
            replaced.append(segment)
        for ref in entry.segments:
            self._segment(Segment(entry.slot, entry.session, ref, "LOG-15", instead_of=tuple(replaced)))
