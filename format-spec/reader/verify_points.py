"""A restore point against everything that it names: trees, sums, link map, ledger and reference set.

Trees are checked once, however many points and folders share them; what a node names is kept for the counts of POINT-7.
"""

from collections import Counter, defaultdict
from dataclasses import dataclass, field

from . import entry, folders, point, tree
from .container import DATA
from .errors import about, need
from .repository import reference_set


@dataclass
class Facts:
    """What was found in one tree: its sums, its nodes, the trees that its leaves name, and whether it has names of linked inodes."""

    sums: entry.Sums = None
    nodes: set = field(default_factory=set)
    trees: list = field(default_factory=list)
    linked: bool = False


class PointCheck:
    def __init__(self, repository, counts):
        self.repository, self.counts = repository, counts
        self.facts, self.named_by, self.seen = {}, {}, {}

    def check(self, visible, rule):
        """`rule` is that of the log entry which names the point."""
        manifest = visible.manifest
        self._one_history(manifest)
        reached = self._reach(manifest)
        self._links(manifest, reached)
        self._ledger(manifest)
        self._reference_set(visible, reached, rule)
        self.counts["points verified"] += 1

    def _one_history(self, manifest):
        for repository, slot, digest in manifest.seen:
            known = self.seen.setdefault((repository, slot), digest)
            need(known == digest, "POINT-14", f"points of two histories of repository {repository.hex()}: of entry {slot} two are known")

    def _reach(self, manifest):
        """All trees of the point as {(tree, root): Facts}, each checked against what names it."""
        todo = [(tree.MAP, root, None) for root in (manifest.link_map, manifest.exceptions, manifest.state) if root is not None]
        if manifest.root.content_id is not None:
            todo.append((tree.FOLDER, manifest.root.content_id, manifest.root))
        reached = {}
        while todo:
            kind, root, named_as = todo.pop()
            if (kind, root) not in self.facts:
                self.facts[kind, root] = self._tree(kind, root)
            facts = self.facts[kind, root]
            if named_as is not None:
                with about(f"node {root.hex()}"):
                    _agree(kind, facts.sums, named_as)
            if (kind, root) not in reached:
                reached[kind, root] = facts
                todo.extend(facts.trees)
        return reached

    def _tree(self, kind, root):
        facts = Facts()

        def on_node(id, node):
            facts.nodes.add(id)
            if id not in self.named_by:
                self.named_by[id] = _names(node)
                self.counts["tree nodes"] += 1

        walk = tree.Walk(self.repository.node, kind, on_node)
        for leaf in walk.leaves(root):
            if kind == tree.FOLDER:
                self._item(leaf, facts)
            elif kind == tree.CONTENT:
                self._chunk(leaf.chunk, leaf.length)
        facts.sums = walk.sums
        return facts

    def _item(self, item, facts):
        self.counts["items"] += 1
        if item.kind == entry.FOLDER and item.content_id is not None:
            facts.trees.append((tree.FOLDER, item.content_id, item))
        elif item.content == entry.TREE:
            facts.trees.append((tree.CONTENT, item.content_id, item))
        elif item.content == entry.CHUNK:
            self._chunk(item.content_id, item.data_length())
        facts.linked |= _may_link(item)

    def _chunk(self, id, length):
        place = self.repository.place(id, DATA)
        need(place.length == length, "TREE-9", f"chunk {id.hex()} is {place.length} bytes long, {length} are told")

    def _links(self, manifest, reached):
        """TREE-10 and POINT-5, over the folders that have linked names somewhere below."""
        linked = _with_linked_below(reached)
        first, shape, inodes = {}, {}, {}
        lines = ((pair.key, point.parse_exception(pair.value)) for pair in self.repository.walk(manifest.exceptions, tree.MAP))
        kept = {key for key, line in lines if line.outcome == point.KEPT}

        def wanted(folder):
            return folder.content_id in linked

        if manifest.root.content_id is not None and wanted(manifest.root):
            for step, path, item in folders.preorder(self.repository, manifest.root, wanted):
                if step != folders.ITEM or not _may_link(item):
                    continue
                group, name = item.fields.link_group, folders.escaped(folders.joined(path))
                # AMBIGUITY (TREE-10): "names of one inode" are taken as those of equal device and inode number with two names or more.
                if item.names >= 2 and not _is_kept(path, kept):
                    seen = inodes.setdefault((item.device, item.inode), group)
                    need(seen == group, "TREE-10", f"{name}: another link group than the other names of its inode")
                if group is not None:
                    first.setdefault(group, folders.joined(path))
                    # AMBIGUITY (TREE-10): "the same content" is taken to include kind, size and runs.
                    own = item.kind, item.size, item.content, item.content_id, item.fields.runs, item.fields.target, item.fields.numbers
                    need(shape.setdefault(group, own) == own, "TREE-10", f"{name}: other content than the first name of its link group")
        told = {pair.key: pair.value for pair in self.repository.walk(manifest.link_map, tree.MAP)}
        need(told == first, "POINT-5", lambda: _difference(told, first))

    def _ledger(self, manifest):
        outcomes, kept = Counter(), 0
        for pair in self.repository.walk(manifest.exceptions, tree.MAP):
            need(not pair.key.startswith(b"/"), "POINT-4", f"path {pair.key!r} has a leading /")
            line = point.parse_exception(pair.value)
            # A kept item counts as failed, and a kept folder counts what is in it (POINT-11).
            outcomes[point.FAILED if line.outcome == point.KEPT else line.outcome] += line.items
            kept += line.items if line.outcome == point.KEPT else 0
        # AMBIGUITY (POINT-4): that all but skipped items have an exception each is read out of "skipped items may be counted only".
        told = manifest.counts
        for outcome, name in ((point.FAILED, "failed"), (point.VANISHED, "vanished"), (point.CHANGED, "changed_while_read")):
            need(outcomes[outcome] == told[name], "POINT-4", f"{told[name]} {name} are counted, {outcomes[outcome]} are in the exceptions")
        need(kept == (manifest.kept or 0), "POINT-11", f"{manifest.kept or 0} kept items are counted, {kept} are in the exceptions")
        need(outcomes[point.SKIPPED] <= told["skipped"], "POINT-4", "more skipped items in the exceptions than counted")

    def _reference_set(self, visible, reached, rule):
        """POINT-6 and POINT-7, exactly; LOG-10 and LOG-12; and LOG-20, which leads from each named place to where the blob lies now."""
        manifest, expected = visible.manifest, Counter()
        for id in set().union(*(facts.nodes for facts in reached.values())):
            expected.update(self.named_by[id])
        expected.update(id for id in (manifest.root.content_id, manifest.link_map, manifest.exceptions, manifest.state) if id is not None)
        history, blob_ids = self.repository.history, defaultdict(dict)
        for id in expected:
            # AMBIGUITY (POINT-6): a blob in several places is taken to be named in exactly one, whichever.
            for place in self.repository.places.get(id, ()):
                blob_ids[place.pack.session, place.pack.ordinal][place.blob] = id
        found = {}
        for pair in self.repository.walk(reference_set(manifest), tree.MAP):
            use = point.parse_use(pair.key, pair.value)
            at, name = (use.session, use.ordinal), f"pack {use.session:08x}/{use.ordinal:08x}"
            if at == (0, 0) and use.blobs == 0 and not expected:
                continue
            pack = history.packs.get(at)
            need(pack is not None and pack.usable_before(visible.entry.slot), rule, f"{name} was not published, or condemned, before the point")
            need(use.counts, "POINT-6", f"{name} holds nothing that the point needs")
            need(pack.ref.blobs in (None, use.blobs), "POINT-6", f"{name} has {pack.ref.blobs} blobs, not {use.blobs}")
            for blob, count in use.counts.items():
                now = history.place_of(at, blob)
                need(now is not None, "LOG-20", f"blob {blob} of {name} was given up with its pack")
                id = blob_ids[now[0]].get(now[1])
                if now != (at, blob):
                    self.counts["moved references"] += 1
                    need(id is not None, "LOG-20", f"blob {blob} of {name} moved to blob {now[1]} of {now[0][0]:08x}/{now[0][1]:08x}, which is another")
                need(id is not None, "POINT-6", f"blob {blob} of {name} is not needed")
                need(id not in found, "POINT-6", f"blob {blob} of {name} is named in another place, too")
                found[id] = count
                need(count == expected[id], "POINT-7", f"blob {blob} of {name} has a count of {count}, {expected[id]} nodes name it")
        missing = expected.keys() - found.keys()
        need(not missing, "POINT-6", lambda: f"{len(missing)} needed blobs are not named, the first is {min(missing).hex()}")
        self.counts["references"] += len(found)


def _names(node):
    """The ids that a node names."""
    if node.level:
        return frozenset(item.child for item in node.entries)
    if node.tree == tree.CONTENT:
        return frozenset(item.chunk for item in node.entries)
    if node.tree == tree.FOLDER:
        return frozenset(item.content_id for item in node.entries if item.content_id is not None)
    return frozenset()


def _agree(kind, sums, item):
    if kind == tree.FOLDER:
        need(sums == item.below, "TREE-8", f"folder {item.name!r}: told {item.below}, found {sums}")
    else:
        need(sums.entries >= 2, "TREE-9", f"file {item.name!r}: a content tree of {sums.entries} chunk")
        need(sums.bytes == item.data_length(), "TREE-9", f"file {item.name!r}: {sums.bytes} bytes of content, {item.data_length()} are told")


def _may_link(item):
    return item.kind != entry.FOLDER and (item.names >= 2 or item.fields.link_group is not None)


def _is_kept(path, kept):
    """Whether a line of the ledger says that the item, or a folder that it is in, is kept (POINT-11)."""
    return any(folders.joined(path[:depth]) in kept for depth in range(len(path) + 1))


def _with_linked_below(reached):
    """Roots of the folder trees that have a linked name in them or in a folder below."""
    above = defaultdict(set)
    for (_kind, root), facts in reached.items():
        for _below_kind, below, _item in facts.trees:
            above[below].add(root)
    todo = [root for (_kind, root), facts in reached.items() if facts.linked]
    linked = set()
    while todo:
        root = todo.pop()
        if root not in linked:
            linked.add(root)
            todo.extend(above[root])
    return linked


def _difference(told, own):
    for group in sorted(told.keys() | own.keys()):
        if told.get(group) != own.get(group):
            return f"link group {group.hex()}: the map says {told.get(group)!r}, the first name in preorder is {own.get(group)!r}"
    return "equal"
