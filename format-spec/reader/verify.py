"""Everything about every object, checked: the text's MUSTs in the order in which they can be judged.

Goes on after a broken object, so that one damage does not hide another; `Verdict` holds what was found.
"""

from collections import Counter
from dataclasses import dataclass, field, replace

from . import container, names, pack, tree
from .container import DATA, META
from .errors import Broken, about, need
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

    def run(self):
        found = self.repository.store.names()
        for name in found:
            self.verdict.judge(name, self._object, name)
        checkpoint.know_packs(self.repository, self.packs)
        self._log(found)
        self.verdict.judge("names", self._ordinals, found)
        SegmentCheck(self.repository, self.verdict, self.packs).run()
        points = PointCheck(self.repository, self.verdict.counts)
        for told in self.repository.history.needed():
            name = names.of(container.POINT, told.entry.session, told.entry.point.ordinal)
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
        most = (self.repository.config.pack_limit, "PACK-2") if kind in (DATA, META) else None
        parsed = self.repository.load(name, most)
        self.verdict.counts["bytes"] += parsed.length
        if kind in (DATA, META):
            self._pack(name, parsed)

    def _pack(self, name, parsed):
        """PACK-1 to PACK-7 of one pack: every chunk against its id."""
        blocks, contents = pack.split(parsed)
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
        beyond = [name for name in slots if names.parse(name).number not in range(1, len(self.repository.history.entries) + self.repository.history.voids + 1)]
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
