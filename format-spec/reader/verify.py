"""Everything about every object, checked: the text's MUSTs in the order in which they can be judged.

Goes on after a broken object, so that one damage does not hide another; `Verdict` holds what was found.
"""

from collections import Counter
from dataclasses import dataclass, field

from . import container, names, pack, parity, tree
from .container import DATA, META
from .errors import Broken, about, need
from .verify_points import PointCheck


@dataclass
class Verdict:
    counts: Counter = field(default_factory=Counter)
    broken: list = field(default_factory=list)
    warnings: list = field(default_factory=list)

    def judge(self, name, action, *arguments):
        """Runs a check; what breaks is noted, and None given."""
        try:
            with about(name):
                return action(*arguments)
        except Broken as broken:
            self.broken.append(broken)
            return None


class Verify:
    def __init__(self, repository):
        self.repository, self.verdict = repository, Verdict()
        # What the packs really hold: (session, ordinal) -> (kind, salt, length, body hash, {(block, stored, blob, id, offset, length)})
        self.packs = {}

    def run(self):
        found = self.repository.store.names()
        for name in found:
            self.verdict.judge(name, self._object, name)
        self._log(found)
        self.verdict.judge("names", self._ordinals, found)
        published = set()
        for publish in self.repository.history.publishes:
            name = names.of(container.SEGMENT, publish.session, publish.segment.ordinal)
            self.verdict.judge(name, self._publish, publish, published)
        points = PointCheck(self.repository, self.verdict.counts)
        for number in range(1, len(self.repository.history.commits) + 1):
            commit = self.repository.history.commits[number - 1]
            name = names.of(container.POINT, commit.session, commit.point.ordinal)
            self.verdict.judge(name, self._point, points, number)
        return self.verdict

    def _object(self, name):
        """What an object says about itself, whether the log names it or not."""
        kind = names.parse(name).kind
        self.verdict.counts[container.KINDS[kind]] += 1
        if kind == container.CONFIG:
            return  # Verified when the repository was opened.
        if kind == container.SLOT:
            self.repository.read_slot(name)
            return
        most = (self.repository.config.pack_limit, "PACK-2") if kind in (DATA, META) else None
        parsed = self.repository.load(name, most)
        self.verdict.counts["bytes"] += parsed.length
        if kind in (DATA, META):
            self._pack(name, parsed)

    def _pack(self, name, parsed):
        """PACK-1 to PACK-7 and PACK-9 to PACK-12 of one pack: every chunk against its id, parity against what it covers."""
        blocks, contents = pack.split(parsed)
        self.verdict.counts["packs with parity"] += parity.check(parsed)
        rows = pack.parse_contents(self.repository.open(parsed.header, contents), blocks)
        places, secrets = set(), self.repository.secrets
        is_data = parsed.header.kind == DATA
        for block, chunks in zip(blocks, rows):
            plain = self.repository.open(parsed.header, block)
            for chunk in chunks:
                blob = plain[chunk.offset:chunk.offset + chunk.length]
                own = secrets.chunk_id(blob) if is_data else secrets.node_id(blob)
                need(own == chunk.id, "PACK-7", f"blob {chunk.blob} is not {chunk.id.hex()}")
                if not is_data:
                    with about(f"{name} blob {chunk.blob}"):
                        tree.parse_node(blob)
                places.add((block.offset, block.stored, chunk.blob, chunk.id, chunk.offset, chunk.length))
            self.verdict.counts["blocks"] += 1
        self.verdict.counts["chunks" if is_data else "nodes"] += len(places)
        at = parsed.header.session, parsed.header.ordinal
        self.packs[at] = parsed.header.kind, parsed.header.salt, parsed.length, parsed.body_hash, places

    def _log(self, found):
        slots = [name for name in found if name.startswith("log/")]
        beyond = [name for name in slots if names.parse(name).number not in range(1, len(self.repository.history.entries) + 1)]
        # AMBIGUITY (LOG-1): entries after a gap are no part of the log; whether they are an error is not said.
        for name in beyond:
            self.verdict.warnings.append(f"{name}: LOG-1: lies beyond the end of the log")

    def _ordinals(self, found):
        """NAME-3: a session never uses an ordinal twice, whatever the kind."""
        used = {}
        for name in found:
            told = names.parse(name)
            if told.session or told.kind in names.FOLDER_OF:
                other = used.setdefault((told.session, told.ordinal), name)
                with about(name):
                    need(other == name, "NAME-3", f"the ordinal is used by {other}, too")

    def _publish(self, publish, published):
        """LOG-6 and LOG-8, and the segment against what the packs hold (IDX)."""
        entries, rows = self.repository.read_segment(publish)
        self.repository.add_segment(entries)
        for ref in publish.packs:
            at = publish.session, ref.ordinal
            name = names.of(ref.kind, *at)
            with about(name):
                need(self.repository.store.exists(name), "LOG-8", "a published object is absent")
                need(at in self.packs, "LOG-6", "a published pack could not be read")
                kind, _salt, length, body_hash, places = self.packs[at]
                own, told = (kind, length, len(places), body_hash), (ref.kind, ref.length, ref.blobs, ref.hash)
                need(own == told, "LOG-6", "kind, length, blobs or body hash are not those in the log")
            published.add(at)
        mapped = {}
        for id, place in entries:
            at = place.pack.session, place.pack.ordinal
            mapped.setdefault(at, set()).add((place.block, place.stored, place.blob, id, place.offset, place.length))
        for row in rows:
            at = row.session, row.ordinal
            # AMBIGUITY (LOG-6): a segment may name packs of other Publishes; those must have come before.
            need(at in published, "LOG-6", f"the segment maps pack {at[0]:08x}/{at[1]:08x}, which is not published")
            need(at in self.packs, "LOG-6", f"pack {at[0]:08x}/{at[1]:08x} could not be read")
            kind, salt, length, _hash, places = self.packs[at]
            own, told = (kind, salt, length, len(places)), (row.kind, row.salt, row.length, row.blobs)
            need(own == told, "IDX-3", f"kind, salt, length or blobs of pack {at[0]:08x}/{at[1]:08x} are not those of the pack")
            wrong = mapped.get(at, set()) - places
            need(not wrong, "IDX-6", lambda: f"pack {at[0]:08x}/{at[1]:08x} holds no such blob: {min(wrong)}")
        for ref in publish.packs:
            at = publish.session, ref.ordinal
            missing = self.packs[at][4] - mapped.get(at, set())
            need(not missing, "LOG-6", lambda: f"blob {min(missing)[2]} of pack {at[0]:08x}/{at[1]:08x} is not mapped")
        self.verdict.counts["index entries"] += len(entries)

    def _point(self, points, number):
        # "published before it": the commit may use the packs of earlier Publishes only.
        commit = self.repository.history.commits[number - 1]
        published = set()
        for earlier in self.repository.history.publishes:
            if earlier.slot < commit.slot:
                published.update((earlier.session, ref.ordinal) for ref in earlier.packs)
        points.check(self.repository.read_point(number), published)
