"""An open repository (spec/reading.md): from a password to verified chunks and nodes."""

from collections import OrderedDict
from dataclasses import dataclass

from blake3 import blake3

from . import config, container, index, keys, log, names, point, sealing, tree
from .container import DATA, META, POINT, SEGMENT
from .entry import Entry
from .errors import Broken, about, need
from .fields import Fields
from .head import Head

ONE_RECORD_MAX = 4096 + 32 + container.STORED_MAX + 24 + 104
# An object of one known record may hold unknown ones (CONT-10); still nothing sensible is longer.
SMALL = (4 * ONE_RECORD_MAX, "CONT-1")
BLOCKS_KEPT = 16


@dataclass(frozen=True)
class Visible:
    """A restore point: its number (POINT-3), the name of its object, the Commit or Rewrite that names it, and its manifest."""

    number: int
    name: str
    entry: Fields
    manifest: Fields


class Repository:
    """READ-1 and READ-2 happen on opening. `history` is the log, `places` the union of the segments that count, once `read_index` ran."""

    def __init__(self, store, password, warn=lambda text: None, is_given=False):
        self.store, self.warn = store, warn
        self.places = {}
        self._blocks = OrderedDict()
        if not store.exists("config"):
            raise Broken("READ-1", "there is no config: not a repository", obj="config")
        data = store.read("config", SMALL)
        with about("config"):
            parsed = container.parse(data)
            names.check(parsed.header, "config")
            self.repository = parsed.header.repository
            self.config = config.parse(sealing.open_record(only_record(parsed, 34, "CONF-1")))
        # Whoever holds the store can put a clear repository in the place of an encrypted one.
        need(self.config.suite or not is_given, "READ-1", "a password is given, and the repository is not encrypted")
        self.secrets = self._unlock(password) if self.config.suite else keys.Secrets(self.config.dedup_key)
        with about("config"):
            seal_key = self.secrets.keys_of(parsed.header)[1] if self.config.suite else None
            try:
                sealing.check_seal(parsed, seal_key)
            except Broken as broken:
                raise Broken("CONF-4" if self.config.suite else broken.rule, broken.what) from None
        if parsed.header.ro_compat:
            warn(f"config: CONT-3: unknown ro_compat flags {parsed.header.ro_compat:#x}: only reading is allowed")
        self.config_hash = blake3(data).digest()
        self.history = Head(self, self.config_hash).read()

    def _unlock(self, password):
        names_of_slots = [name for name in self.store.names() if name.startswith("keys/")]
        need(names_of_slots, "READ-1", "an encrypted repository without key slots")
        slots, refusals = [], []
        for name in names_of_slots[:keys.SLOTS_TRIED]:
            try:
                with about(name):
                    slots.append((name, *self.read_slot(name)))
                    keys.need_affordable(slots[-1][3])
            except Broken as broken:
                slots = [read for read in slots if read[0] != name]
                refusals.append(broken)
        for name, header, plaintext, slot in sorted(slots, key=lambda read: keys.work(read[3])):
            try:
                with about(name):
                    return keys.open_slot(header, plaintext, slot, password())
            except Broken as broken:
                refusals.append(broken)
        for refusal in refusals[:-1]:
            self.warn(str(refusal))
        raise refusals[-1]

    def read_slot(self, name):
        parsed = container.parse(self.store.read(name, SMALL))
        names.check(parsed.header, name)
        need(parsed.header.repository == self.repository, "CONT-6", "the repository id is another one than the config's")
        sealing.check_seal(parsed)
        plaintext = sealing.open_record(only_record(parsed, 35, "KEY-2"))
        slot = keys.parse_slot(plaintext)
        keys.check_slot_name(slot, name)
        return parsed.header, plaintext, slot

    def read_entry(self, slot):
        """An entry of the log, judged alone, and the hash of its object; None where the slot is void (LOG-25)."""
        name = names.log(slot)
        with about(name):
            data = self.store.read(name, SMALL)
            try:
                parsed = self.parse(name, data)
            except Broken:
                if self.config.immutability is None:
                    raise
                return None
            return log.parse(self.open(parsed.header, only_record(parsed, 32, "LOG-1"))), blake3(data).digest()

    def load(self, name, most=None):
        """A whole object of the repository's suite, with everything that can be verified about its bytes verified."""
        with about(name):
            return self.parse(name, self.store.read(name, most))

    def parse(self, name, data):
        parsed = container.parse(data)
        names.check(parsed.header, name)
        need(parsed.header.repository == self.repository, "CONT-6", "the repository id is another one than the config's")
        need(parsed.header.suite == self.config.suite, "CONT-7", f"suite {parsed.header.suite}, the config says {self.config.suite}")
        sealing.check_seal(parsed, self.secrets.keys_of(parsed.header)[1] if self.config.suite else None)
        return parsed

    def open(self, header, record):
        return sealing.open_record(record, self.secrets.keys_of(header)[0] if self.config.suite else None)

    def load_named(self, name, ref, rule):
        """An object that a log entry names with its length and body hash."""
        parsed = self.load(name)
        with about(name):
            need(parsed.length == ref.length, rule, f"{parsed.length} bytes, the log says {ref.length}")
            need(parsed.body_hash == ref.hash, rule, "the body hash is not the one in the log")
        return parsed

    def read_segment(self, segment):
        """([(id, Place)], pack rows) of a segment that the log names."""
        name = names.of(SEGMENT, segment.session, segment.ref.ordinal)
        parsed = self.load_named(name, segment.ref, segment.rule)
        with about(name):
            entries, packs = index.parse([(record.kind, self.open(parsed.header, record)) for record in parsed.known()])
        return entries, packs

    def read_index(self):
        """READ-3"""
        for segment in self.history.counting():
            self.add_segment(self.read_segment(segment)[0])

    def add_segment(self, entries):
        for id, place in entries:
            if not self.history.is_condemned((place.pack.session, place.pack.ordinal)):
                self.places[id] = self.places.get(id, ()) + (place,)

    def read_point(self, told):
        """The manifest of a `history.Point`."""
        entry = told.entry
        name = names.of(POINT, entry.session, entry.point.ordinal)
        parsed = self.load_named(name, entry.point, told.rule)
        with about(name):
            manifest = point.parse(self.open(parsed.header, only_record(parsed, 33, "POINT-1")))
            need(manifest.id == entry.point_id, told.rule, "the point id is not the one of its log entry")
            need(reference_set(manifest) == reference_set(entry), told.rule, "the reference set is not the one of its log entry")
        return Visible(told.number, name, entry, manifest)

    def points(self):
        """The live points, by number."""
        return [self.read_point(told) for told in self.history.live()]

    def chunk(self, id):
        return self._blob(id, DATA)

    def node(self, id):
        with about(f"node {id.hex()}"):
            return tree.parse_node(self._blob(id, META))

    def place(self, id, kind):
        """The first place of a blob in packs of a kind."""
        found = [place for place in self.places.get(id, ()) if place.pack.kind == kind]
        what = "chunk" if kind == DATA else "node"
        need(found, "LOG-10" if id not in self.places else "PACK-1", f"{what} {id.hex()} is in no published {container.KINDS[kind]}")
        return found[0]

    def _blob(self, id, kind):
        """READ-4. One ranged read of the pack, or none when the block is still at hand."""
        place = self.place(id, kind)
        pack = place.pack
        name = names.of(pack.kind, pack.session, pack.ordinal)
        with about(name):
            block = self._block(name, place)
            need(place.offset + place.length <= len(block), "IDX-6", f"blob {place.blob} reaches beyond its block at {place.block}")
            blob = block[place.offset:place.offset + place.length]
            own = self.secrets.chunk_id(blob) if kind == DATA else self.secrets.node_id(blob)
            need(own == id, "PACK-7", f"blob {place.blob} is not {id.hex()}")
        return blob

    def _block(self, name, place):
        at = name, place.block
        if at in self._blocks:
            self._blocks.move_to_end(at)
            return self._blocks[at]
        pack = place.pack
        need(place.stored <= container.STORED_MAX, "CONT-9", f"the index says {place.stored} stored bytes at {place.block}")
        data = self.store.read_range(name, place.block, 32 + place.stored)
        record = container.parse_head(data[:32], place.block)
        need(record.kind == 1, "PACK-3", f"the record at {place.block} is no block")
        need(record.stored == place.stored, "IDX-4", f"the block at {place.block} has {record.stored} bytes, the index says {place.stored}")
        record = container.with_payload(record, memoryview(data)[32:], self.config.suite)
        key = None
        if self.config.suite:
            key = self.secrets.object_keys(pack.kind, self.repository, pack.session, pack.ordinal, pack.salt)[0]
        block = sealing.open_record(record, key)
        self._blocks[at] = block
        while len(self._blocks) > BLOCKS_KEPT:
            self._blocks.popitem(last=False)
        return block

    def walk(self, root, kind):
        """The leaf entries of a tree in order, all rules checked; None has none (TREE-2)."""
        return iter(()) if root is None else tree.Walk(self.node, kind).leaves(root)

    def pieces(self, item: Entry):
        """A file's chunks in order, verified (TREE-9)."""
        if item.content == 1:
            yield self.chunk(item.content_id)
        elif item.content == 2:
            walk = tree.Walk(self.node, tree.CONTENT)
            for piece in walk.leaves(item.content_id):
                chunk = self.chunk(piece.chunk)
                need(len(chunk) == piece.length, "TREE-5", f"chunk {piece.chunk.hex()} is not {piece.length} bytes long")
                yield chunk
            need(walk.sums.entries >= 2, "TREE-9", "a content tree of one chunk")


def only_record(parsed, kind, rule):
    """The one record of an object; unknown ones beside it are skipped."""
    # AMBIGUITY (CONT-10 with CONF-1, KEY-2, LOG-1, POINT-1): "one record" is taken as one of the known kinds.
    found = parsed.known()
    need([record.kind for record in found] == [kind], rule, f"record kinds {[record.kind for record in found]}, not one of kind {kind}")
    return found[0]


def reference_set(fields):
    """The root of a reference set, or None for the empty one (see point.py, log.py)."""
    return None if fields.reference_set in (None, bytes(32)) else fields.reference_set
