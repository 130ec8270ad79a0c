"""Everything about every object, checked: the text's MUSTs in the order in which they can be judged.

Goes on after a broken object, so that one damage does not hide another; `Verdict` holds what was found.
"""

from collections import Counter
from dataclasses import dataclass, field, replace

from . import checkpoint, container, names, pack, parity, tree
from .container import CHECKPOINT, DATA, LOG, META
from .errors import Broken, about, need
from .verify_log import LogCheck, aside
from .verify_points import PointCheck
from .verify_segments import SegmentCheck


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
        # What of the log is there, by slot: (entry, hash of its object), and the fields of checkpoints.
        self.entries, self.checkpoints = {}, {}

    def run(self):
        found = self.repository.store.names()
        for name in found:
            self.verdict.judge(name, self._object, name)
        # LOG-28: whatever stands in a slot that is set aside, it is without effect.
        void = {names.log(slot) for slot in aside(self.entries)}
        self.verdict.warnings += [f"{broken}; LOG-28: it is set aside" for broken in self.verdict.broken if broken.object in void]
        self.verdict.broken = [broken for broken in self.verdict.broken if broken.object not in void]
        # Where entries that the reader did not need are there, they tell more than the checkpoint that stood for them.
        self.repository.history = LogCheck(self.repository, self.verdict, self.entries, self.checkpoints).run()
        self.verdict.judge("names", self._ordinals, found)
        SegmentCheck(self.repository, self.verdict, self.packs).run()
        points = PointCheck(self.repository, self.verdict.counts)
        live = self.repository.history.live()
        for told in self.repository.history.needed():
            name = names.of(container.POINT, told.entry.session, told.entry.point.ordinal)
            # The manifest of a point that only an open session holds may be gone (LOG-14).
            if told in live or self.repository.store.exists(name):
                self.verdict.judge(name, self._point, points, told)
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
        if kind in (LOG, CHECKPOINT):
            slot = names.parse(name).number
            self.verdict.counts["bytes"] += self.repository.store.size(name)
            if kind == LOG:
                self.entries[slot] = self.repository.read_entry(slot)
            else:
                self.checkpoints[slot] = checkpoint.load(self.repository, name)
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

    def _ordinals(self, found):
        """NAME-3: a session never uses an ordinal twice, whatever the kind."""
        used = {}
        for name in found:
            told = names.parse(name)
            if told.session or told.kind in names.FOLDER_OF:
                other = used.setdefault((told.session, told.ordinal), name)
                with about(name):
                    need(other == name, "NAME-3", f"the ordinal is used by {other}, too")

    def _point(self, points, told):
        visible = self.repository.read_point(told)
        self._same_times(told, visible.manifest)
        points.check(visible, told.rule)

    def _same_times(self, told, manifest):
        """LOG-12: the times stay. The first manifest may be gone (LOG-14)."""
        first = names.of(container.POINT, told.first.session, told.first.point.ordinal)
        if told.first is told.entry or not self.repository.store.exists(first):
            return
        before = self.repository.read_point(replace(told, entry=told.first, rule="LOG-10")).manifest
        need((before.started, before.finished) == (manifest.started, manifest.finished), "LOG-12", "the times are not those of the point's commit")
