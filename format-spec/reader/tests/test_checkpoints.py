"""Checkpoints (LOG-21 to LOG-24): a reader that begins with one, and a verdict on one whose entries are there or gone."""

import os
import shutil
import struct
import tempfile
import unittest

from blake3 import blake3

from . import encoder as e
from .sample import PASSWORD
from .summed import Summed, fields
from .test_repository import read_with


def log(*slots):
    return [f"log/{slot:016x}" for slot in slots]


def checkpoint(slot):
    return f"checkpoint/{slot:016x}"


class Checkpoints(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder, self.password = folder.name, os.path.join(folder.name, "password")
        self.repo, self.target = os.path.join(folder.name, "repo"), os.path.join(folder.name, "target")
        with open(self.password, "wb") as file:
            file.write(PASSWORD)

    def read(self, *command):
        return read_with(self.password, self.repo, *command)

    def made(self, at, change=None, gone=(), **hooks):
        shutil.rmtree(self.repo, ignore_errors=True)
        sample = Summed(self.repo, at, change, **hooks)
        for name in gone:
            os.remove(os.path.join(self.repo, name))
        return sample

    def verified(self, at, change=None, gone=(), warning="", **hooks):
        self.made(at, change, gone, **hooks)
        code, out, err = self.read("verify")
        self.assertEqual(code, 0, err)
        self.assertEqual("warning: " in err, bool(warning), err)
        self.assertIn(warning, err)
        self.assertIn("points verified: 1\n", out)

    def refused(self, line, at, change=None, gone=(), **hooks):
        self.made(at, change, gone, **hooks)
        code, _out, err = self.read("verify")
        self.assertEqual(code, 1)
        self.assertIn(line, err)

    SWEPT = "data/00000001/00000000", "index/00000001/00000003", "index/00000004/00000001"
    RANGES = ((3,), ()), ((4,), log(1, 2, 3)), ((5,), log(1, 2, 3, 4)), ((6,), log(1, 2, 3, 4, 5)), ((3, 5), log(1, 2)), ((3, 5), log(1, 2, 4))

    def test_repository_verifies_from_every_checkpoint(self):
        for at in ((3,), (4,), (5,), (6,), (3, 4, 5, 6)):
            for gone in ((), self.SWEPT):
                with self.subTest(at=at, gone=gone):
                    self.verified(at, gone=gone)
                    # Without what the newest sums up, and without some of it.
                    self.verified(at, gone=[*gone, *log(*range(1, at[-1]))])
                    self.verified(at, gone=[*gone, *log(1)])
        self.verified((5,), gone=log(1, 2), suite=0)

    def test_point_is_listed_and_restored_from_every_checkpoint(self):
        self.made(())
        told = self.read("points")
        for at in (3, 4, 5, 6):
            with self.subTest(at=at):
                self.made((at,), gone=[*self.SWEPT, *log(*range(1, at))])
                self.assertEqual(self.read("points"), told)
                code, _out, err = self.read("restore", "1", self.target)
                self.assertEqual(code, 0, err)
                with open(os.path.join(self.target, "zz"), "rb") as file:
                    self.assertEqual(file.read(), b"shared")
                shutil.rmtree(self.target)

    def mutants(self):
        """(what is wrong, how, what is said of the checkpoint at slot 6)"""
        def edit(part, **values):
            return lambda slot, parts: parts[part][0].update(values)

        def put(part, value):
            return lambda slot, parts: parts.update({part: value})

        return [
            ("another segment", edit("segments", ordinal=1), "LOG-21: 1 segment(s) of the log"),
            ("another hash of a segment", edit("segments", body=bytes(32)), "LOG-21: 1 segment(s) of the log"),
            ("another slot of a segment", edit("segments", slot=6), "LOG-21: segment 00000004/00000002 maps packs up to slot 5, not 6"),
            ("no segment", put("segments", []), "LOG-21: 1 segment(s) of the log"),
            ("another number", lambda slot, parts: (edit("points", number=2)(slot, parts), parts.update(next=3)), "LOG-21: the next point is number 2"),
            ("another next number", put("next", 7), "LOG-21: the next point is number 2, not 7"),
            ("another slot of a point", edit("points", slot=2), "LOG-21: 1 live point(s) of the log"),
            ("another reference set", edit("points", references=bytes(32)), "LOG-21: 1 live point(s) of the log"),
            ("no point", put("points", []), "LOG-21: 1 live point(s) of the log"),
            ("a held point", lambda slot, parts: parts["held"].extend(parts["points"]), "LOG-21: 1 point that a session holds(s) are told"),
            ("no condemned pack", put("condemned", []), "LOG-21: 1 condemned pack(s) of the log"),
            ("a condemned pack without its survivors", put("condemned", [(5, struct.pack("<IIB3xI", 1, 0, 1, 0))]), "LOG-21: the survivors of pack"),
            ("another slot of a condemned pack", lambda slot, parts: put("condemned", [(4, parts["condemned"][0][1])])(slot, parts), "LOG-21: pack 0000"),
            ("another pack condemned", put("condemned", [(5, struct.pack("<IIB3xI", 1, 1, 2, 0))]), "LOG-21: 1 condemned pack(s) of the log"),
            ("an object given up too few", put("given_up", [(1, 1, 0, 5), (3, 1, 3, 6)]), "LOG-21: 1 object given up(s) of the log"),
            ("another slot of an object given up", put("given_up", [(1, 1, 0, 4), (3, 1, 3, 6), (3, 4, 1, 6)]), "LOG-21: object "),
            ("no session", put("sessions", []), "LOG-21: 1 open session(s) of the log"),
            ("another ordinal", edit("sessions", next=2), "LOG-21: next_ordinal of session 4 is 3, not 2"),
            ("another purpose", edit("sessions", purpose=1), "LOG-21: the purpose of session 4"),
            ("a base", edit("sessions", base=b"B" * 16), "LOG-21: base of session 4"),
            ("another job", edit("sessions", job=b"x"), "LOG-21: job of session 4"),
            ("settings", put("settings", e.field(10, struct.pack("<i", 9), False)), "LOG-21: the settings"),
            ("a kind that forbids writing", put("more", e.field(13, b"\x63\0")), "LOG-21: entry kind 99 is told"),
            ("a lock", put("locks", [bytes(12)]), "LOG-21: a lock that no entry tells of"),
        ]

    def test_checkpoint_that_says_another_thing_than_the_entries_is_refused(self):
        for what, change, line in self.mutants():
            with self.subTest(what=what):
                self.refused(f"{checkpoint(6)}: {line}", (6,), change)
            # So it is where an older checkpoint and the entries after that tell.
            with self.subTest(what=what, older=4):
                self.refused(f"{checkpoint(6)}: LOG-21: ", (4, 6), lambda slot, parts: slot == 6 and change(slot, parts), log(1, 2, 3))

    def test_wrong_checkpoint_whose_entries_are_gone_is_refused_by_what_it_names(self):
        gone = [*self.SWEPT, *log(1, 2, 3, 4, 5)]
        wrong = {what: change for what, change, _line in self.mutants()}
        for what, line in {
            "another segment": "index/00000004/00000001: LOG-8: ",
            "another hash of a segment": "index/00000004/00000002: LOG-21: ",
            "no segment": "LOG-10: node ",
            "another reference set": "points/00000001/00000004: LOG-21: ",
            "no condemned pack": "LOG-21: pack 00000001/00000000 was not published",
            "a condemned pack without its survivors": "LOG-20: ",
            "another pack condemned": "LOG-10: node ",
        }.items():
            with self.subTest(what=what):
                self.refused(line, (6,), wrong[what], gone)
        self.refused(f"{checkpoint(6)}: LOG-21: numbers of points", (6,), lambda slot, parts: parts["points"][0].update(number=2))

    def test_hashes_are_those_of_the_entries(self):
        def other(slot_of):
            return lambda slot, parts: parts["hashes"].__setitem__(slot_of - 1, bytes(32))

        for slot in range(1, 7):
            self.refused(f"{checkpoint(6)}: LOG-21: the hash of slot {slot} ", (6,), other(slot))
        # The entry after it tells, where its own is gone; another checkpoint, where both are.
        self.refused(f"{checkpoint(6)}: LOG-21: the hash of slot 5 ", (6,), other(5), log(5))
        self.refused(f"{checkpoint(3)}: LOG-21: the hash of slot 2 ", (3, 6), lambda slot, parts: slot == 3 and other(2)(slot, parts), log(1, 2, 3))

    def test_entry_of_the_newest_checkpoint_is_never_deleted(self):
        self.refused(f"{checkpoint(6)}: LOG-22: ", (3, 6), gone=log(6))

    def test_gap_is_damage_unless_a_checkpoint_covers_it(self):
        for at, gone in (((), log(1)), ((), log(1, 2, 3)), ((), log(4)), ((3,), log(4)), ((3,), log(5)), ((4,), log(5))):
            with self.subTest(at=at, gone=gone):
                self.made(at, gone=gone)
                for command in ("verify", "points"):
                    code, _out, err = self.read(command)
                    self.assertEqual(code, 1)
                    self.assertIn(f"{gone[0]}: LOG-23: ", err)
        self.verified((6,), gone=log(4))

    def test_checkpoint_that_cannot_be_read_is_as_if_it_were_not_there(self):
        for at, gone, read in (((6,), (), True), ((3, 6), log(1), True), ((6,), log(1), False), ((3, 6), log(4), False)):
            with self.subTest(at=at, gone=gone):
                sample = self.made(at, gone=gone)
                sample._put(checkpoint(6), sample.objects[checkpoint(6)][:-1])
                code, _out, err = self.read("points")
                self.assertEqual(code, 0 if read else 1, err)
                self.assertIn(f"warning: {checkpoint(6)}: CONT-15: ", err)
                self.assertEqual(self.read("verify")[0], 1)

    def test_void_entry_has_no_effect(self):
        sample = self.made((6,), gone=log(1, 2, 3, 4))
        sample._put("log/0000000000000003", e.build(5, [(32, (
            e.field(1, struct.pack("<Q", 3)) + e.field(2, bytes(32)) + e.field(3, b"a" * 16) + e.field(5, struct.pack("<HH", 9, 1))
            + e.field(64, struct.pack("<I", 4))))], 1, 0, 3))
        code, out, err = self.read("verify")
        self.assertEqual(code, 0, err)
        self.assertIn("warning: log/0000000000000003: LOG-24: void", err)
        self.assertIn("points verified: 1\n", out)

    def test_slot_that_is_set_aside_has_no_effect(self):
        def entry(slot, before, kind, treatment, own):
            common = e.field(1, struct.pack("<Q", slot)) + e.field(2, before) + e.field(3, b"a" * 16)
            return e.build(5, [(32, common + e.field(5, struct.pack("<HH", kind, treatment)) + own)], 1, 0, slot)

        for what in ("junk", "an entry that can be read", "nothing"):
            with self.subTest(what=what):
                sample = self.made(())
                head = max(name for name in sample.objects if name.startswith("log/"))
                last, before = int(head[4:], 16), blake3(sample.objects[head]).digest()
                void, own = log(last + 1, last + 2)
                if what == "junk":
                    sample._put(void, b"junk")
                elif what != "nothing":
                    sample._put(void, entry(last + 1, before, 1, 0, e.field(64, b"job", False)))
                sample._put(own, entry(last + 2, before, 15, 0, e.field(64, struct.pack("<I", last + 1))))
                code, out, err = self.read("verify")
                self.assertEqual(code, 0, err)
                self.assertEqual("LOG-28: it is set aside" in err, what == "junk", err)
                self.assertIn("points verified: 1\n", out)
                # One that does not follow the last entry before is damage.
                sample._put(own, entry(last + 2, bytes(32), 15, 0, e.field(64, struct.pack("<I", last + 1))))
                self.assertEqual(self.read("verify")[0], 1)

    def test_late_checkpoint_of_a_slot_that_is_set_aside_counts_for_nothing(self):
        """A writer that stood still sums up what it had read before the entry rotted."""
        sample = self.made((6,))
        before = blake3(sample.objects[log(5)[0]]).digest()
        sample._put(log(6)[0], b"junk")
        common = e.field(1, struct.pack("<Q", 7)) + e.field(2, before) + e.field(3, b"a" * 16)
        own = common + e.field(5, struct.pack("<HH", 15, 0)) + e.field(64, struct.pack("<I", 6))
        aside = e.build(5, [(32, own)], 1, 0, 7)
        sample._put(log(7)[0], aside)
        # The sum of the right history: slot 6 is void, took a point's number, and ended the session.
        parts = sample._parts(5)
        parts.update(next=3, sessions=[], hashes=parts["hashes"] + [bytes(32), blake3(aside).digest()])
        for newest in (6, 7):
            with self.subTest(newest=newest):
                if newest == 7:
                    sample._put(checkpoint(7), e.build(6, [(36, fields(7, parts), 1)], 1, 0, 7))
                code, out, err = self.read("verify")
                self.assertEqual(code, 0, err)
                self.assertIn("points verified: 1\n", out)

    def test_condemn_of_a_pack_that_no_segment_of_the_checkpoint_maps_is_refused(self):
        more = dict(condemned=lambda rows: rows + struct.pack("<IIB3xI", 1, 7, 1, 0))
        self.refused("log/0000000000000005: LOG-13: pack 00000001/00000007 was not published before", (4,), gone=log(1, 2, 3), **more)

    def test_fold_that_forgets_a_blob_of_a_summed_up_pack_is_damage(self):
        for gone in ((), self.SWEPT):
            self.refused(": LOG-15: ", (4,), gone=[*gone, *log(1, 2, 3)], folded=lambda rows: rows[1:])


if __name__ == "__main__":
    unittest.main()
