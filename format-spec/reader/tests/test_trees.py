"""Nodes, folder entries and walks over trees."""

import struct
import unittest

from reader import entry, fields, tree
from reader.errors import Broken

from . import encoder as e

LINK = e.field(5, b"to")


class Trees(unittest.TestCase):
    def setUp(self):
        self.nodes = {}

    def keep(self, raw):
        self.nodes[e.node_id(raw)] = raw

    def walk(self, root, kind):
        walk = tree.Walk(lambda id: tree.parse_node(self.nodes[id]), kind)
        return list(walk.leaves(root)), walk.sums

    def refused(self, rule, action, *arguments):
        with self.assertRaises(Broken) as caught:
            action(*arguments)
        self.assertEqual(caught.exception.rule, rule, caught.exception)

    def pairs(self, count):
        return [e.pair(b"%06d" % number, b"value") for number in range(count)]

    def test_trees_of_three_levels_are_walked(self):
        root, _ = e.plant(3, self.pairs(40_000), self.keep)
        self.assertGreaterEqual(tree.parse_node(self.nodes[root]).level, 2)
        leaves, sums = self.walk(root, tree.MAP)
        self.assertEqual([leaf.key for leaf in leaves], [b"%06d" % number for number in range(40_000)])
        self.assertEqual(sums, entry.Sums(40_000))

    def test_content_trees_are_cut_by_their_ids(self):
        root, _ = e.plant(2, [e.piece(b"%d" % number) for number in range(3000)], self.keep)
        leaves, sums = self.walk(root, tree.CONTENT)
        self.assertEqual((len(leaves), sums.bytes), (3000, sum(len(b"%d" % number) for number in range(3000))))

    def test_nodes_end_at_their_target_without_marks(self):
        items = [e.pair(b"%02d" % number, bytes(40_000)) for number in range(6)]
        self.assertFalse(any(e.is_marked(3, 0, item) for item in items))
        root, _ = e.plant(3, items, self.keep)
        self.assertEqual(len(tree.parse_node(self.nodes[root]).entries), 3)
        self.assertEqual(len(self.walk(root, tree.MAP)[0]), 6)

    def test_other_cuts_are_refused(self):
        for cut in (lambda kind, level, item: False, lambda kind, level, item: level == 0,
                    lambda kind, level, item: level == 0 and item["key"] == b"000001" or e.is_marked(kind, level, item)):
            self.nodes = {}
            root, _ = e.plant(3, self.pairs(2000), self.keep, cut)
            self.refused("TREE-11", self.walk, root, tree.MAP)

    def inner(self, *children, keys=None, change=0):
        rows = []
        for at, items in enumerate(children):
            raw = e.node(3, 0, items)
            self.keep(raw)
            key = keys[at] if keys else items[0]["key"]
            rows.append({"raw": e.node_id(raw) + struct.pack("<QQQqqH", len(items) + change, 0, 0, 2**63 - 1, -2**63, len(key)) + key})
        raw = e.node(3, 1, rows)
        self.keep(raw)
        return e.node_id(raw)

    def test_inner_entries_are_checked(self):
        marked = next(item for item in self.pairs(5000) if e.is_marked(3, 0, item))
        after, before = e.pair(b"~", b""), e.pair(b"!", b"")
        self.assertEqual(len(self.walk(self.inner([marked], [after]), tree.MAP)[0]), 2)
        self.refused("TREE-3", self.walk, self.inner([marked], [after], change=1), tree.MAP)
        self.refused("TREE-3", self.walk, self.inner([marked], [after], keys=[marked["key"], b"}"]), tree.MAP)
        self.refused("TREE-3", self.walk, self.inner([marked], [after]), tree.FOLDER)
        self.refused("TREE-4", self.walk, self.inner([marked], [before]), tree.MAP)
        self.refused("TREE-2", self.walk, self.inner([marked]), tree.MAP)

    def test_keys_rise_over_borders_of_nodes(self):
        marked = next(item for item in self.pairs(5000) if e.is_marked(3, 0, item))
        # Inner keys rise (first keys), yet the first child's last key is beyond the second's first.
        self.refused("TREE-4", self.walk, self.inner([e.pair(b"!", b""), marked], [e.pair(b"#", b"")]), tree.MAP)

    def test_broken_nodes(self):
        good = e.node(3, 0, self.pairs(2))
        tree.parse_node(good)
        for rule, raw in (("TREE-1", good[:-1]), ("TREE-1", good + b"\0"), ("TREE-1", b"\4" + good[1:]), ("TREE-1", b"\3\x09" + good[2:]),
                          ("TREE-1", b"\3\0\1" + good[3:]), ("TREE-1", e.node(3, 0, [])), ("TREE-1", struct.pack("<BBHI", 3, 0, 0, 2**32 - 1)),
                          ("TREE-4", e.node(3, 0, self.pairs(2)[::-1])), ("TREE-4", e.node(3, 0, self.pairs(1) * 2)),
                          ("TREE-5", struct.pack("<BBHIHI", 3, 0, 0, 1, 0, 2**31)), ("TREE-5", e.node(2, 0, [{"raw": bytes(36)}]))):
            self.refused(rule, tree.parse_node, raw)

    def parse(self, row, root=False):
        cursor = fields.Cursor(row["raw"], "TREE-1", "test")
        parsed = entry.parse(cursor, root)
        cursor.end()
        return parsed

    def test_good_entries(self):
        numbers = e.field(4, struct.pack("<II", 8, 1))
        for row in (e.item(b"f"), e.item(b"l", 3, size=2, fields=LINK), e.item(b"d", 7, fields=numbers), e.item(b"s", 5),
                    e.item(b"hole", size=9, fields=e.field(7, b"")), e.item(b"d", 2, below=e.add_up([]))):
            self.assertEqual(self.parse(row).name, row["key"])

    def test_broken_entries(self):
        id, empty = b"i" * 32, e.add_up([])

        def xattr(name):
            return e.field(6, struct.pack("<H", len(name)) + name)

        def runs(*numbers):
            return e.field(7, struct.pack(f"<{len(numbers)}Q", *numbers))

        broken = {
            "TREE-6": [e.item(b"x", 8), e.item(b"x", content=3, id=id), e.item(b"x", mode=0o10000), e.item(b"x", names=0),
                       e.item(b"x", mtime=(0, 10**9)), e.item(b"x", 6), e.item(b"x", 3), e.item(b"x", fields=LINK),
                       e.item(b"x", fields=xattr(b"b") + xattr(b"a")), e.item(b"x", fields=e.field(6, b"\5\0a")),
                       e.item(b"x", content=1, id=id, size=9, fields=runs(0, 2, 2, 2)), e.item(b"x", content=1, id=id, size=9, fields=runs(0, 0)),
                       e.item(b"x", content=1, id=id, size=9, fields=runs(8, 2))],
            "TREE-7": [e.item(name) for name in (b"", b".", b"..", b"a/b", b"a\0", b"x" * 4096)],
            "TREE-8": [e.item(b"x", 2, below=(0, 1) + empty[2:])],
            "TREE-9": [e.item(b"x", 4, content=1, id=id), e.item(b"x", 2, content=1, id=id, below=empty), e.item(b"x", size=1),
                       e.item(b"x", content=1, id=id), e.item(b"x", 3, size=3, fields=LINK), e.item(b"x", 2, below=(1,) + empty[1:]),
                       e.item(b"x", 2, content=2, id=id, below=empty)],
            "TREE-5": [{"raw": struct.pack("<I", 1_048_577) + bytes(100)}, {"raw": bytes(100)}],
        }
        for rule, rows in broken.items():
            for row in rows:
                self.refused(rule, self.parse, row)


if __name__ == "__main__":
    unittest.main()
