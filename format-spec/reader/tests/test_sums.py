"""A checkpoint of a history (LOG-21): what begins with it says the same as the entries, and one wrong row is found."""

import struct
import time
import unittest
from types import SimpleNamespace

from reader import checkpoint, config
from reader.errors import Broken
from reader.resume import resume
from reader.verify_sums import SumCheck

from . import encoder as e
from .summed import fields
from .test_history import (A, B, BEGUN, DATA, END, META, MOVE, History, commit, condemn, condemned, expire, go_on, opened, publish, rewrite,
                           swept)

LATER = struct.pack("<qI", int(time.time()) + 1_000_000, 0)
LOCK = 10, e.field(64, LATER) + e.field(65, struct.pack("<B3xIII", DATA, 1, 0, 1))
def days(count, mode=2, generation=10):
    """Field 13 with so many days of locking."""
    return e.field(13, struct.pack("<B3xII", mode, count, generation))


def changed(*fields):
    return 13, e.field(64, b"".join(fields))


CONFIG = changed(days(30))
# Mode, days and generation of the config, and the days that its period has.
RAISES = 2, 20, 10, 90
# Two points; sessions that hold A as it was before and after it was rewritten; then A expires. Slots 5 to 13.
ROWS = (*BEGUN, commit(4, 0, B), opened(A), opened(), rewrite(7, 0, A), opened(A), expire(A), publish(9, (0, META, 2), segment=1), LOCK, CONFIG)


RETRIEVED = struct.pack("<B3xIII", DATA, 1, 0, 1)


def retrieving(retrieval, state, days):
    own = e.field(64, struct.pack("<I", retrieval)) + e.field(65, bytes([state]))
    own += e.field(67, struct.pack("<I", days), False) if state != 3 else b""
    return 11, own + (e.field(68, RETRIEVED) + e.field(69, b"all", False) if state == 1 else b"")


def retrieved(slot, days):
    return struct.pack("<I24xB3xII", slot, 2, days, 1) + RETRIEVED + b"all"


def row(slot, number, session, ordinal, id):
    return dict(slot=slot, number=number, session=session, ordinal=ordinal, length=9, body=bytes(32), id=id, references=bytes(32))


def segment(slot, session, ordinal):
    return dict(slot=slot, session=session, ordinal=ordinal, length=9, body=bytes(32))


def sums():
    """What a checkpoint of ROWS says."""
    return {
        "hashes": [bytes([slot]) * 32 for slot in range(1, 14)], "next": 4,
        "points": [row(5, 2, 4, 0, B)], "held": [row(3, 1, 1, 3, A), row(8, 3, 7, 0, A)],
        "segments": [segment(2, 1, 2), segment(11, 9, 1)],
        "sessions": [dict(number=6, next=0, purpose=1, base=A, job=b""), dict(number=7, next=1, purpose=1, base=b"", job=b""),
                     dict(number=9, next=2, purpose=1, base=A, job=b"")],
        "condemned": [], "given_up": [(4, 1, 3, 8), (4, 7, 0, 10)], "locks": [LATER + struct.pack("<B3xIII", DATA, 1, 0, 1)],
        "settings": days(30), "more": b"",
    }


class Sums(unittest.TestCase):
    def history(self, *rows):
        history = History(END, RAISES)
        go_on(history, rows)
        return history

    def own(self, slot=13, **changes):
        return checkpoint.parse([fields(slot, sums() | changes)], slot)

    def judge(self, history, own):
        SumCheck(None, history, own).run()

    def wrong(self, what, **changes):
        with self.assertRaises(Broken) as caught:
            self.judge(self.history(*ROWS), self.own(**changes))
        self.assertEqual(caught.exception.rule, "LOG-21", caught.exception)
        self.assertIn(what, caught.exception.what)

    def test_entries_and_their_sum_say_the_same(self):
        self.judge(self.history(*ROWS), self.own())
        self.judge(resume(self.own(), RAISES), self.own())
        begun, told = resume(self.own(), RAISES), self.history(*ROWS)
        for history in (begun, told):
            self.assertEqual([point.number for point in history.needed()], [2, 1, 3])
            self.assertEqual([history.open[number].holds.number for number in (6, 9)], [1, 3])
            self.assertEqual((history.slot, history.numbers, history.head_hash), (13, 3, bytes([13]) * 32))

    def test_wrong_rows_are_found(self):
        self.wrong("1 live point(s) of the log", points=[row(5, 1, 4, 0, B)])
        self.wrong("1 live point(s) of the log", points=[row(5, 3, 4, 0, B)])
        self.wrong("the next point is number 4, not 5", next=5)
        self.wrong("1 point that a session holds(s) of the log", held=[row(8, 3, 7, 0, A)])
        self.wrong("1 point that a session holds(s) of the log", held=[row(3, 1, 1, 3, A)])
        self.wrong("1 segment(s) of the log", segments=[segment(2, 1, 2)])
        self.wrong("1 segment(s) of the log", segments=[segment(2, 1, 2), segment(11, 9, 2)])
        self.wrong("maps packs up to slot 11, not 12", segments=[segment(2, 1, 2), segment(12, 9, 1)])
        self.wrong("a lock that has not ended is left out", locks=[])
        self.wrong("the settings", settings=b"")

    def test_only_more_days_of_locking_change_anything(self):
        level = e.field(10, struct.pack("<i", 9), False)
        ignored = [changed(level), changed(days(29)), changed(days(30)), changed(days(60, mode=1)), changed(days(60, generation=30)), changed(days(0)),
                   changed(days(91))]
        for entry, told in [(changed(level, days(31)), days(31)), (changed(days(90)), days(90)), *((entry, days(30)) for entry in ignored)]:
            history = self.history(*ROWS, entry)
            self.judge(history, self.own(14, settings=told, hashes=sums()["hashes"] + [bytes([14]) * 32]))
            # What counts for nothing stands in the way of nothing.
            go_on(history, (changed(days(90)),))
            self.assertEqual(history.settings, config.parse_change(days(90), None))

    def test_nothing_changes_where_the_config_has_no_days(self):
        for own in (None, config.raises(SimpleNamespace(immutability=(2, 0, 10), period=(1, 90))), config.raises(SimpleNamespace(immutability=None))):
            settings = {}
            config.change(settings, config.parse_change(days(30), None), own)
            self.assertEqual(settings, {})
        of = lambda period: config.raises(SimpleNamespace(immutability=(2, 20, 10), period=period))
        self.assertEqual([of(period)[3] for period in ((1, 45), (2, 1), (2, 12), (3, 4))], [45, 28, 365, 1461])

    def test_kind_that_forbids_writing_is_told(self):
        history = self.history(*ROWS[:-1], (77, b"", 1))
        quiet = dict(settings=b"")
        self.judge(history, self.own(**quiet, more=e.field(13, struct.pack("<H", 77))))
        for more in (b"", e.field(13, struct.pack("<H", 78))):
            with self.assertRaises(Broken):
                self.judge(history, self.own(**quiet, more=more))

    def test_retrievals_that_go_on_are_told(self):
        rows = (*ROWS[:-2], retrieving(0, 1, 3), retrieving(12, 2, 9))
        goes_on = dict(hashes=sums()["hashes"], locks=[], settings=b"")
        told = dict(goes_on, more=e.field(14, retrieved(12, 9)))
        self.judge(self.history(*rows), self.own(**told))
        self.judge(resume(self.own(**told)), self.own(**told))
        for wrong in (b"", e.field(14, retrieved(12, 3)), e.field(14, retrieved(11, 9))):
            with self.assertRaises(Broken) as caught:
                self.judge(self.history(*rows), self.own(**dict(goes_on, more=wrong)))
            self.assertIn("retrieval", caught.exception.what)
        history = self.history(*rows)
        go_on(history, (retrieving(12, 3, 0),))
        self.assertEqual(history.retrievals, {})
        # What names none that goes on is without effect.
        go_on(history, (retrieving(12, 2, 5), retrieving(12, 3, 0)))
        self.assertEqual(history.retrievals, {})

    def condemned_sums(self, rows):
        return dict(condemned=[(5, rows)], points=[row(3, 1, 1, 3, A)], held=[], next=2, segments=[segment(2, 1, 2), segment(5, 4, 1)],
                    hashes=sums()["hashes"][:5], sessions=[dict(number=4, next=2, purpose=1, base=b"", job=b"")], given_up=[(1, 1, 0, 5)], locks=[],
                    settings=b"")

    MOVED = condemned((1, 0), DATA, 4, 0b1010, [(1, (4, 0), 1), (1, (4, 0), 0)])

    def test_moves_go_on_from_a_checkpoint(self):
        history = resume(self.own(5, **self.condemned_sums(self.MOVED)))
        self.judge(self.history(*BEGUN, MOVE), self.own(5, **self.condemned_sums(self.MOVED)))
        self.assertEqual([history.place_of((1, 0), blob) for blob in range(4)], [None, ((4, 0), 1), None, ((4, 0), 0)])
        self.assertIs(history.is_condemned((1, 1)), False)

    def test_survivors_may_be_left_out_only_when_no_older_point_is_there(self):
        own = self.own(5, **self.condemned_sums(condemned((1, 0), DATA)))
        with self.assertRaises(Broken) as caught:
            self.judge(self.history(*BEGUN, MOVE), own)
        self.assertIn("the survivors of pack 00000001/00000000 are left out", caught.exception.what)
        moved = dict(self.condemned_sums(condemned((1, 0), DATA)), points=[], hashes=sums()["hashes"][:6],
                     given_up=[(1, 1, 0, 5), (4, 1, 3, 6)])
        self.judge(self.history(*BEGUN, MOVE, expire(A)), self.own(6, **moved))

    def go_on(self, *rows):
        history = resume(self.own(5, **self.condemned_sums(self.MOVED)))
        go_on(history, rows)
        return history

    def test_entries_after_a_checkpoint_are_judged_by_it(self):
        for rule, act in (("LOG-7", publish(1)), ("LOG-7", publish(4, (5, DATA, 1), segment=1)), ("LOG-10", commit(4, 5, A)), ("LOG-11", expire(B)),
                          ("LOG-13", condemn(4, condemned((1, 0), DATA))), ("LOG-13", condemn(4, condemned((6, 0), DATA))),
                          ("LOG-14", swept((4, 1, 3))), ("LOG-14", swept((3, 1, 2)))):
            with self.assertRaises(Broken) as caught:
                self.go_on(act)
            self.assertEqual(caught.exception.rule, rule, caught.exception)
        self.assertEqual(self.go_on(commit(4, 5, B)).points[B].number, 2)
        self.assertEqual(self.go_on(rewrite(4, 5, A)).points[A].number, 2)
        self.go_on(swept((1, 1, 0)), swept((1, 1, 0)))
        self.assertEqual([claim.pack for claim in self.go_on(condemn(4, condemned((1, 1), META))).claims], [(1, 1)])


if __name__ == "__main__":
    unittest.main()
