"""The log up to some slot (spec/log.md, LOG-3 to LOG-20, LOG-26, LOG-27): which sessions are open, which packs, segments and points count."""

from dataclasses import dataclass

from . import config, log
from .container import CHECKPOINT, DATA, LOG, META, POINT, SEGMENT
from .errors import need
from .log_rows import Condemned, Ref


@dataclass
class Pack:
    """A published pack; `condemned` once it is. What a checkpoint does not say of it is None in `ref`, and `slot` the first that can be."""

    ref: Ref
    slot: int
    condemned: Condemned = None
    condemned_slot: int = None

    def usable_before(self, slot):
        """Whether it was published and not condemned before this slot."""
        return self.slot < slot and (self.condemned is None or slot <= self.condemned_slot)

    def differs(self, kind, length, blobs, body_hash):
        """Whether an object of these values is another one than the log says."""
        told = self.ref.kind, self.ref.length, self.ref.blobs, self.ref.hash
        return any(own is not None and own != found for own, found in zip(told, (kind, length, blobs, body_hash)))


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


@dataclass
class Session:
    """An open session. `base` is the id that its Open names, `holds` the manifest that this point had then (LOG-5)."""

    number: int
    base: bytes = None
    holds: Point = None
    next_ordinal: int = 0
    opened: tuple = None
    last: tuple = None
    purpose: int = 1
    job: str = ""
    host: str = ""


@dataclass
class Retrieval:
    """Objects that are made readable for a while (LOG-26)."""

    begun: tuple
    changed: tuple
    mode: int
    days: int
    objects: list
    about: str


@dataclass(frozen=True)
class Claim:
    """What a Condemn says of a pack that only a segment of the checkpoint can confirm. `least` are the blobs that it must have."""

    slot: int
    pack: tuple
    kind: int
    least: int


class History:
    """`packs` and `segments` by (session, ordinal) in the order of publication, `points` by id; `slot` is the last one that was taken in.

    Where it began with a checkpoint (`begun` is its slot, else 0; see `resume`), packs of earlier entries are not known unless they were
    condemned: segments name them (`learn`), and what entries say of them is kept in `claims`.
    """

    def __init__(self, config_hash, raises=None):
        # What Config entries may raise, as `config.raises` says.
        self.raises = raises
        self.head_hash, self.slot, self.begun = config_hash, 0, 0
        self.open, self.ordinals, self.numbers = {}, set(), 0
        self.packs, self.segments, self.points = {}, {}, {}
        # What the log names, as (kind, session, ordinal); what it gave up, with the slot and the time of that; and what of this was swept.
        self.named, self.given_up, self.swept = set(), {}, set()
        self.locks, self.settings, self.strange, self.claims = [], {}, [], []
        # Retrievals that go on, by the slot that began them.
        self.retrievals = {}
        # Suspect packs, as (kind, session, ordinal), with the slot that says so.
        self.suspects = {}
        # Slots that were passed over.
        self.voids = set()

    def append(self, slot, entry, object_hash):
        """Judges an entry after all before it and takes it in."""
        need(entry.slot == slot, "LOG-3", f"the entry says that it is slot {entry.slot}")
        need(entry.before == self.head_hash, "LOG-3", "the hash does not fit the object before: the repository is damaged at this slot")
        kind, treatment = entry.kind
        take = {log.OPEN: self._open, log.PUBLISH: self._publish, log.COMMIT: self._commit, log.EXPIRE: self._expire,
                log.REWRITE: self._rewrite, log.CONDEMN: self._condemn, log.SWEPT: self._swept, log.FOLD: self._fold,
                log.FENCE: self._fence, log.LOCK: self._lock, log.CONFIG: self._config,
                log.RETRIEVAL: self._retrieval, log.SUSPECT: self._suspect, log.SET_ASIDE: self._set_aside}.get(kind)
        if take is not None:
            take(entry)
        elif kind != log.KEY and treatment == 1:
            self.strange.append(kind)
        self.slot, self.head_hash = slot, object_hash

    def pass_over(self, slot):
        """LOG-25, LOG-28: a void slot is taken, and without effect."""
        self.slot = slot
        self.voids.add(slot)

    def learn(self, at, ref):
        """Takes from a segment what it says of a pack whose entry a checkpoint sums up; what is known already stays."""
        pack = self.packs.setdefault(at, Pack(ref, at[0] + 1))
        if pack.ref.length is None and not pack.differs(ref.kind, ref.length, ref.blobs, ref.hash):
            pack.ref = ref

    def live(self):
        """Points that are committed and not expired, by number."""
        return sorted((point for point in self.points.values() if not point.expired), key=lambda point: point.number)

    def held(self):
        """Points as open sessions build on them (LOG-5), where they expired or were rewritten since; by number."""
        bases = {session.holds.number: session.holds for session in self.open.values() if session.holds is not None}
        return [point for _number, point in sorted(bases.items()) if point.expired or self.points[point.entry.point_id] is not point]

    def needed(self):
        return self.live() + self.held()

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

    def _is_open(self, entry):
        need(entry.session in self.open, "LOG-7", f"session {entry.session} is not open")
        session = self.open[entry.session]
        session.last = entry.time or session.last

    def _name(self, kind, session, ordinal):
        # AMBIGUITY (LOG-7, LOG-21): ordinals below a session's next free one that no entry named are taken to be free, too.
        need((session, ordinal) not in self.ordinals, "LOG-7", f"ordinal {ordinal} of session {session} came before")
        self.ordinals.add((session, ordinal))
        self.named.add((kind, session, ordinal))
        self.open[session].next_ordinal = max(self.open[session].next_ordinal, ordinal + 1)

    def _open(self, entry):
        # AMBIGUITY (LOG-5): whether a base must be live is not said; one that is not live protects nothing.
        base = self.points.get(entry.base)
        holds = None if base is None or base.expired else base
        purpose = 1 if entry.purpose is None else entry.purpose
        self.open[entry.slot] = Session(entry.slot, entry.base, holds, 0, entry.time, entry.time, purpose, entry.job or "", entry.host or "")

    def _fence(self, entry):
        self._is_open(entry)
        del self.open[entry.session]

    def _publish(self, entry, rule="LOG-6"):
        self._is_open(entry)
        for ref in entry.packs:
            self._name(ref.kind, entry.session, ref.ordinal)
            self.packs[entry.session, ref.ordinal] = Pack(ref, entry.slot)
        if entry.segment is not None:
            self._segment(Segment(entry.slot, entry.session, entry.segment, rule, tuple(entry.packs)))

    def _segment(self, segment):
        self._name(SEGMENT, segment.session, segment.ref.ordinal)
        self.segments[segment.session, segment.ref.ordinal] = segment

    def _commit(self, entry):
        self._is_open(entry)
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
            self._give_up(entry, POINT, point.entry.session, point.entry.point.ordinal)

    def _rewrite(self, entry):
        self._is_open(entry)
        self._name(POINT, entry.session, entry.point.ordinal)
        before = self._live(entry.point_id, "LOG-12")
        self._give_up(entry, POINT, before.entry.session, before.entry.point.ordinal)
        self.numbers += 1
        self.points[entry.point_id] = Point(self.numbers, entry, "LOG-12", before.first)

    def _give_up(self, entry, kind, session, ordinal):
        self.given_up[kind, session, ordinal] = entry.slot, entry.time

    def _summed_up(self, at):
        """Whether a pack that is not known may be one of an entry that a checkpoint sums up."""
        return at not in self.packs and 0 < at[0] <= self.begun

    def _condemn(self, entry):
        self._publish(entry, "LOG-13")
        going = {row.pack for row in entry.condemned}
        for row in entry.condemned:
            name = f"pack {row.pack[0]:08x}/{row.pack[1]:08x}"
            if self._summed_up(row.pack):
                self.claims.append(Claim(entry.slot, row.pack, row.kind, row.blobs))
                self.packs[row.pack] = Pack(Ref(row.pack[1], None, None, row.kind, row.blobs or None), row.pack[0] + 1)
            pack = self.packs.get(row.pack)
            need(pack is not None and pack.slot < entry.slot, "LOG-13", f"{name} was not published before")
            need(pack.condemned is None, "LOG-13", f"{name} was condemned before")
            need(row.pack[0] not in self.open, "LOG-13", f"{name} belongs to an open session")
            need(row.kind == pack.ref.kind, "LOG-13", f"{name} is of object kind {pack.ref.kind}, not {row.kind}")
            need(row.blobs in (0, pack.ref.blobs), "LOG-13", f"{name} has {pack.ref.blobs} blobs, not {row.blobs}")
            for run in row.runs:
                if self._summed_up(run.pack) and run.pack not in going:
                    self.claims.append(Claim(entry.slot, run.pack, row.kind, run.first + run.count))
                    continue
                target = self.packs.get(run.pack)
                other = f"a run of {name} names pack {run.pack[0]:08x}/{run.pack[1]:08x}, which"
                need(target is not None, "LOG-13", f"{other} is not published")
                need(target.condemned is None and run.pack not in going, "LOG-13", f"{other} is condemned")
                need(target.ref.kind == row.kind, "LOG-13", f"{other} is of another kind")
                need(run.first + run.count <= target.ref.blobs, "LOG-13", f"{other} has {target.ref.blobs} blobs")
        for row in entry.condemned:
            self.packs[row.pack].condemned, self.packs[row.pack].condemned_slot = row, entry.slot
            self.suspects.pop((row.kind, *row.pack), None)
            self._give_up(entry, row.kind, *row.pack)

    def _swept(self, entry):
        for kind, session, ordinal in entry.objects:
            name = f"object {session:08x}/{ordinal:08x} of kind {kind}"
            if kind in (LOG, CHECKPOINT):
                need(session == 0 and 0 < ordinal < entry.slot, "LOG-14", f"{name} is no earlier slot")
                continue
            need(kind in (DATA, META, SEGMENT, POINT), "LOG-14", f"{name} is never given up")
            # What a checkpoint no longer names is taken for an orphan.
            orphan = session not in self.open and (kind, session, ordinal) not in self.named
            need(orphan or (kind, session, ordinal) in self.given_up, "LOG-14", f"{name} was not given up")
        self.swept.update(entry.objects)

    def _fold(self, entry):
        self._is_open(entry)
        replaced = []
        for at in entry.replaced:
            segment = self.segments.get(at)
            need(segment is not None and not segment.replaced, "LOG-15", f"segment {at[0]:08x}/{at[1]:08x} does not count")
            segment.replaced = True
            self._give_up(entry, SEGMENT, *at)
            replaced.append(segment)
        for ref in entry.segments:
            self._segment(Segment(entry.slot, entry.session, ref, "LOG-15", instead_of=tuple(replaced)))

    def _lock(self, entry):
        self.locks.append((entry.until, entry.locked))

    def _config(self, entry):
        config.change(self.settings, entry.settings, self.raises)

    def _suspect(self, entry):
        """LOG-27: what names a pack that is not published, or is condemned, is without effect."""
        for kind, session, ordinal in entry.packs:
            pack = self.packs.get((session, ordinal))
            if entry.state == 2:
                self.suspects.pop((kind, session, ordinal), None)
            elif pack is None or pack.condemned is None:
                self.suspects.setdefault((kind, session, ordinal), entry.slot)

    def _set_aside(self, entry):
        for slot in range(entry.first, entry.slot):
            need(slot in self.voids, "LOG-28", f"slot {slot} is set aside, and was read")
        self.numbers += entry.slot - entry.first
        self.open.clear()

    def _retrieval(self, entry):
        if entry.state == log.ASKED:
            # AMBIGUITY (LOG-26): a mode that is absent or unknown is taken to be standard, 2.
            mode = entry.mode if entry.mode in (1, 2, 3, 4) else 2
            self.retrievals[entry.slot] = Retrieval(entry.time, entry.time, mode, entry.days, entry.retrieved, entry.about or "")
        elif entry.retrieval in self.retrievals and entry.state == log.CHANGED:
            known = self.retrievals[entry.retrieval]
            known.days, known.changed = entry.days, entry.time
        elif entry.state == log.ENDED:
            self.retrievals.pop(entry.retrieval, None)
