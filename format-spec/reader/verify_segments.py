"""Index segments against the packs that they map: LOG-6, LOG-8, LOG-13, LOG-15 and IDX, for the segments that count and those that do not."""

from . import container, names
from .errors import about, need


class SegmentCheck:
    """`packs`: what the packs really hold, (session, ordinal) -> (kind, salt, length, body hash, {(block, stored, blob, id, offset, length)})."""

    def __init__(self, repository, verdict, packs):
        self.repository, self.verdict, self.packs = repository, verdict, packs
        # What each segment maps: (session, ordinal) of the segment -> {(session, ordinal) of a pack: {place}}; absent where it was not read.
        self.mapped = {}
        # The ids of the blobs of packs that something moved to.
        self.ids = {}

    def run(self):
        history = self.repository.history
        for at, segment in history.segments.items():
            name = names.of(container.SEGMENT, *at)
            # What was replaced may be gone (LOG-14).
            if not segment.replaced or self.repository.store.exists(name):
                self.verdict.judge(name, self._segment, at, segment)
            self._published(segment)
        for at, segment in history.segments.items():
            if segment.instead_of:
                self.verdict.judge(names.of(container.SEGMENT, *at), self._fold, segment)
        self.verdict.judge("index", self._whole)
        for at, pack in history.packs.items():
            if pack.condemned is not None and at in self.packs:
                self.verdict.judge(names.of(pack.ref.kind, *at), self._moves, at, pack.condemned)

    def _published(self, segment):
        """The packs that came with a segment: there, unless condemned, and as the log says."""
        for ref in segment.packs:
            at = segment.session, ref.ordinal
            name = names.of(ref.kind, *at)
            self.verdict.judge(name, self._pack, name, at, ref, segment.rule)

    def _pack(self, name, at, ref, rule):
        if not self.repository.store.exists(name):
            need(self.repository.history.is_condemned(at), "LOG-8", "a published object is absent")
            return
        need(at in self.packs, rule, "a published pack could not be read")
        kind, _salt, length, body_hash, places = self.packs[at]
        own, told = (kind, length, len(places), body_hash), (ref.kind, ref.length, ref.blobs, ref.hash)
        need(own == told, rule, "kind, length, blobs or body hash are not those in the log")

    def _segment(self, at, segment):
        history, rule = self.repository.history, segment.rule
        entries, rows = self.repository.read_segment(segment)
        if not segment.replaced:
            self.repository.add_segment(entries)
        mapped = {}
        for id, place in entries:
            pack = place.pack.session, place.pack.ordinal
            mapped.setdefault(pack, set()).add((place.block, place.stored, place.blob, id, place.offset, place.length))
        self.mapped[at] = mapped
        for row in rows:
            pack = row.session, row.ordinal
            name = f"pack {pack[0]:08x}/{pack[1]:08x}"
            # AMBIGUITY (LOG-6): a segment may name packs of other entries; those must have come before.
            told = history.packs.get(pack)
            need(told is not None and told.slot <= segment.slot, rule, f"the segment maps {name}, which is not published")
            ref = told.ref
            own = row.kind, row.length, row.blobs, row.hash
            need(own == (ref.kind, ref.length, ref.blobs, ref.hash), "IDX-3", f"kind, length, blobs or body hash of {name} are not those of the log")
            if pack not in self.packs:
                need(told.condemned is not None, rule, f"{name} could not be read")
                continue
            need(row.salt == self.packs[pack][1], "IDX-3", f"the salt of {name} is not the one of the pack")
            wrong = mapped.get(pack, set()) - self.packs[pack][4]
            need(not wrong, "IDX-6", lambda: f"{name} holds no such blob: {min(wrong)}")
        for ref in segment.packs:
            pack = segment.session, ref.ordinal
            blobs = {place[2] for place in mapped.get(pack, ())}
            missing = set(range(ref.blobs)) - blobs
            need(not missing, rule, lambda: f"blob {min(missing)} of pack {pack[0]:08x}/{pack[1]:08x} is not mapped")
        self.verdict.counts["index entries"] += len(entries)

    def _fold(self, segment):
        """LOG-15: the new segments map what the replaced ones mapped, except places in packs that were condemned before."""
        history = self.repository.history
        old = [(other.session, other.ref.ordinal) for other in segment.instead_of]
        new = [at for at, other in history.segments.items() if other.slot == segment.slot]
        if not all(at in self.mapped for at in old + new):
            return
        before, after = self._union(old), self._union(new)
        kept = {at: places for at, places in before.items() if history.packs[at].usable_before(segment.slot)}
        need(after == kept, "LOG-15", "the new segments do not map what the replaced ones mapped")

    def _union(self, segments):
        union = {}
        for segment in segments:
            for at, places in self.mapped[segment].items():
                union.setdefault(at, set()).update(places)
        return union

    def _moves(self, at, condemned):
        """LOG-13: what survived is where the runs say. Only a pack that is still there can tell; afterwards places are all that is known."""
        for _block, _stored, blob, id, _offset, _length in self.packs[at][4]:
            moved = condemned.place_of(blob)
            if moved is not None and moved[0] in self.packs:
                if moved[0] not in self.ids:
                    self.ids[moved[0]] = {place[2]: place[3] for place in self.packs[moved[0]][4]}
                need(self.ids[moved[0]].get(moved[1]) == id, "LOG-13", f"blob {blob} moved to blob {moved[1]} of {moved[0][0]:08x}/{moved[0][1]:08x}, which is another")

    def _whole(self):
        """Every blob of every pack that can be used is mapped by a segment that counts, whatever was folded."""
        counting = [(segment.session, segment.ref.ordinal) for segment in self.repository.history.counting()]
        if not all(at in self.mapped for at in counting):
            return
        union = self._union(counting)
        for at, pack in self.repository.history.packs.items():
            if pack.condemned is None:
                with about(f"pack {at[0]:08x}/{at[1]:08x}"):
                    blobs = {place[2] for place in union.get(at, ())}
                    need(len(blobs) == pack.ref.blobs, "LOG-15", f"{len(blobs)} of {pack.ref.blobs} blobs are mapped by segments that count")
