"""Sequence trees (spec/tree.md): nodes, and a walk that checks every rule on the way.

Promises: a walk yields the leaf entries in order; it holds one node a level, never a whole tree.
"""

from dataclasses import dataclass

from blake3 import blake3

from . import entry
from .entry import Sums
from .errors import about, need
from .fields import Cursor

FOLDER, CONTENT, MAP = 1, 2, 3
TREES = {FOLDER: "folder", CONTENT: "content", MAP: "map"}
LEVEL_MAX = 8
NODE_TARGET, NODE_MAX = 65_536, 4_194_304


@dataclass(frozen=True)
class Node:
    tree: int
    level: int
    entries: list
    length: int


@dataclass(frozen=True)
class Inner:
    child: bytes
    sums_told: Sums
    key: bytes
    encoded_length: int


@dataclass(frozen=True)
class Piece:
    """A content leaf entry: one chunk."""

    chunk: bytes
    length: int
    key = b""
    encoded_length = 36

    def sums(self):
        return Sums(1, 0, self.length)


@dataclass(frozen=True)
class Pair:
    """A map leaf entry."""

    key: bytes
    value: bytes
    encoded_length: int

    def sums(self):
        return Sums(1)


def parse_node(data):
    """One node, judged alone."""
    cursor = Cursor(data, "TREE-1", "node")
    tree, level, zero, count = cursor.unpack("BBHI")
    need(tree in TREES, "TREE-1", f"unknown tree {tree}")
    need(level <= LEVEL_MAX, "TREE-1", f"level {level}")
    need(zero == 0, "TREE-1", "zero bytes of the node are not zero")
    need(count >= 1, "TREE-1", "a node without entries")
    read = _inner if level else {FOLDER: entry.parse, CONTENT: _piece, MAP: _pair}[tree]
    entries = []
    for _ in range(count):
        entries.append(read(cursor))
    cursor.end()
    if tree == CONTENT:
        need(all(not item.key for item in entries), "TREE-3", "an inner entry of a content tree has a key")
    else:
        need(all(a.key < b.key for a, b in zip(entries, entries[1:])), "TREE-4", "the keys of a node do not rise")
    return Node(tree, level, entries, len(data))


def _inner(cursor):
    child, *sums, length = cursor.unpack("32sQQQqqH")
    return Inner(child, Sums(*sums), cursor.take(length), 74 + length)


def _piece(cursor):
    id, length = cursor.unpack("32sI")
    need(length >= 1, "TREE-5", "an empty chunk")
    return Piece(id, length)


def _pair(cursor):
    key_length, value_length = cursor.unpack("HI")
    length = 6 + key_length + value_length
    need(length <= entry.ENTRY_MAX, "TREE-5", f"a map entry of {length} bytes")
    return Pair(cursor.take(key_length), cursor.take(value_length), length)


def is_marked(tree, level, item):
    """TREE-11: whether a node of this level ends after this entry."""
    if tree == CONTENT:
        # AMBIGUITY (TREE-11): "of the id" is taken as the first 8 bytes of the id itself, not of its BLAKE3.
        told = item.child if level else item.chunk
    else:
        told = blake3(item.key).digest()
    m = int.from_bytes(told[:8], "little")
    return m & 0x7F == 0 if level == 0 else m >> (7 + 5 * (level - 1)) & 0x1F == 0


class Walk:
    """One pass over a tree. `read(id)` gives a parsed node whose id was verified.

    `nodes` counts up while `leaves` runs; `sums` is set at its end.
    """

    def __init__(self, read, tree, on_node=None):
        self._read, self._tree, self._on_node = read, tree, on_node or (lambda id, node: None)
        self._last_key, self._open_ended = None, {}
        self.sums = Sums()

    def leaves(self, root):
        with about(f"node {root.hex()}"):
            node = self._node(root)
            need(node.level == 0 or len(node.entries) >= 2, "TREE-2", f"a root of level {node.level} has one entry")
        self.sums = yield from self._below(root, node)

    def _node(self, id):
        node = self._read(id)
        need(node.tree == self._tree, "TREE-3", f"a {TREES[node.tree]} node in a {TREES[self._tree]} tree")
        self._on_node(id, node)
        return node

    def _below(self, id, node):
        name, total = f"node {id.hex()}", Sums()
        with about(name):
            self._check_cut(node)
            if node.level == 0 and self._tree != CONTENT:
                # Inside the node the keys were compared when it was parsed.
                first, before = node.entries[0].key, self._last_key
                need(before is None or before < first, "TREE-4", f"key {first!r} does not rise after {before!r} of the node before")
                self._last_key = node.entries[-1].key
        for item in node.entries:
            if node.level == 0:
                total.add(item.sums())
                yield item
                continue
            with about(name):
                child = self._node(item.child)
                need(child.level == node.level - 1, "TREE-3", f"a child of level {child.level} below level {node.level}")
                need(child.entries[0].key == item.key, "TREE-3", f"key {item.key!r}, the first below is {child.entries[0].key!r}")
            sums = yield from self._below(item.child, child)
            with about(name):
                need(sums == item.sums_told, "TREE-3", f"child {item.child.hex()}: told {item.sums_told}, found {sums}")
            total.add(sums)
        return total

    def _check_cut(self, node):
        """TREE-11 of one node and of the border to the node before it in the row of its level."""
        before = self._open_ended.pop(node.level, None)
        if before is not None:
            need(before + node.entries[0].encoded_length > NODE_MAX, "TREE-11",
                 f"the node before ends after {before} bytes at an entry without a mark")
        length, last = 8, len(node.entries) - 1
        for at, item in enumerate(node.entries):
            length += item.encoded_length
            # AMBIGUITY (TREE-11): cannot happen: less than 65,536 bytes and one entry (TREE-5) are far from the limit.
            need(length <= NODE_MAX, "TREE-11", f"entry {at} makes the node {length} bytes long")
            ends = length >= NODE_TARGET or is_marked(node.tree, node.level, item)
            need(not ends or at == last, "TREE-11", f"the node goes on after entry {at}, where it ends")
            if at == last and not ends:
                self._open_ended[node.level] = length
