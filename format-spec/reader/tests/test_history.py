"""The log as a whole: what may follow what (LOG-3 to LOG-20), one broken rule at a time."""

import struct
import unittest

from reader import log
from reader.errors import Broken
from reader.history import History

from . import encoder as e

A, B = b"A" * 16, b"B" * 16
DATA, META, SEGMENT, POINT = 1, 2, 3, 4
END = bytes(32)


def session(number):
    return e.field(64, struct.pack("<I", number))


def thing(ordinal):
    return struct.pack("<IIQ32x", ordinal, 0, 9)


def pack_rows(*rows):
    """(ordinal, kind, blobs)"""
    return b"".join(struct.pack("<IB3xQII32x", ordinal, kind, 9, blobs, 0) for ordinal, kind, blobs in rows)


def opened(base=None):
    return 1, e.field(66, base, False) if base else b""


def publish(number, *rows, segment=None):
    return 2, session(number) + e.field(65, pack_rows(*rows)) + (b"" if segment is None else e.field(66, thing(segment)))


def commit(number, ordinal, id):
    return 3, session(number) + e.field(65, thing(ordinal)) + e.field(66, id) + e.field(67, END)


def expire(*ids):
    return 4, e.field(64, b"".join(ids))


def rewrite(number, ordinal, id):
    return 5, commit(number, ordinal, id)[1]


def condemned(at, kind, blobs=0, bits=0, runs=()):
    raw = struct.pack("<IIB3xI", *at, kind, blobs)
    if blobs:
        raw += bits.to_bytes((blobs + 7) // 8, "little") + struct.pack("<I", len(runs))
        raw += b"".join(struct.pack("<IIII", count, *pack, first) for count, pack, first in runs)
    return raw


def condemn(number, *rows, packs=(), segment=None):
    own = session(number) + e.field(65, b"".join(rows)) + e.field(66, pack_rows(*packs))
    return 6, own + (b"" if segment is None else e.field(67, thing(segment)))


def swept(*rows):
    return 7, e.field(64, b"".join(struct.pack("<B3xII", *row) for row in rows))


def fold(number, replaced, *new):
    return 8, session(number) + e.field(65, b"".join(struct.pack("<II", *at) for at in replaced)) + e.field(66, b"".join(map(thing, new)))


def fence(number):
    return 9, session(number)


# Slots 1 to 4: a data pack of 4 blobs and a metadata pack of 2, a segment, point A; then a session that stays open.
BEGUN = (opened(), publish(1, (0, DATA, 4), (1, META, 2), segment=2), commit(1, 3, A), opened())
MOVE = condemn(4, condemned((1, 0), DATA, 4, 0b1010, [(1, (4, 0), 1), (1, (4, 0), 0)]), packs=[(0, DATA, 2)], segment=1)


class Histories(unittest.TestCase):
    def history(self, *rows):
        history = History(END)
        for slot, (kind, own) in enumerate(rows, 1):
            plain = (e.field(1, struct.pack("<Q", slot)) + e.field(2, history.head_hash) + e.field(3, bytes(16))
                     + e.field(5, struct.pack("<HH", kind, 0)) + own)
            history.append(slot, log.parse(plain), bytes([slot]) * 32)
        return history

    def refused(self, rule, what, *rows):
        self.history(*rows[:-1])
        with self.assertRaises(Broken) as caught:
            self.history(*rows)
        self.assertEqual(caught.exception.rule, rule, caught.exception)
        self.assertIn(what, caught.exception.what)

    def test_only_open_sessions_act(self):
        for act in (publish(7), commit(7, 0, B), rewrite(7, 0, A), condemn(7), fold(7, []), fence(7)):
            self.refused("LOG-7", "session 7 is not open", *BEGUN, act)
        for act in (publish(1), commit(1, 9, B), fence(1)):
            self.refused("LOG-7", "session 1 is not open", *BEGUN, act)
        self.refused("LOG-7", "session 4 is not open", *BEGUN, fence(4), publish(4))
        self.history(*BEGUN, rewrite(4, 0, A), publish(4))

    def test_ordinals_are_published_once(self):
        for again in (publish(4, (0, META, 1), segment=5), publish(4, (6, DATA, 1), segment=0), commit(4, 1, B), rewrite(4, 1, A), fold(4, [], 1)):
            self.refused("LOG-7", "came before", *BEGUN, publish(4, (0, DATA, 1), segment=1), again)
        self.refused("LOG-7", "came before", *BEGUN, publish(4, (0, DATA, 1), segment=0))

    def test_numbers_go_on_after_expiry_and_rewriting(self):
        history = self.history(*BEGUN, rewrite(4, 0, A), commit(4, 1, B))
        self.assertEqual([(point.number, point.entry.point_id, point.first.slot) for point in history.live()], [(2, A, 3), (3, B, 6)])
        history = self.history(*BEGUN, commit(4, 0, B), expire(A), opened(), commit(7, 0, A))
        self.assertEqual([(point.number, point.entry.point_id) for point in history.live()], [(2, B), (3, A)])

    def test_only_live_points_expire_or_change(self):
        self.refused("LOG-11", "not live", *BEGUN, expire(B))
        self.refused("LOG-11", "not live", *BEGUN, expire(A), expire(A))
        self.refused("LOG-12", "not live", *BEGUN, rewrite(4, 0, B))
        self.refused("LOG-12", "not live", *BEGUN, expire(A), rewrite(4, 0, A))
        self.refused("LOG-10", "is live already", *BEGUN, commit(4, 0, A))

    def test_base_of_an_open_session_is_needed_after_it_expired(self):
        rows = (*BEGUN, opened(A), expire(A))
        self.assertEqual([point.number for point in self.history(*rows).needed()], [1])
        self.assertEqual(self.history(*rows, fence(5)).needed(), [])

    def test_survivors_are_followed_through_two_moves(self):
        history = self.history(*BEGUN, MOVE)
        self.assertEqual([history.place_of((1, 0), blob) for blob in range(5)], [None, ((4, 0), 1), None, ((4, 0), 0), None])
        again = condemn(7, condemned((4, 0), DATA, 2, 0b10, [(1, (7, 5), 6)]), packs=[(5, DATA, 7)], segment=6)
        history = self.history(*BEGUN, MOVE, fence(4), opened(), again)
        self.assertEqual([history.place_of((1, 0), blob) for blob in range(4)], [None, ((7, 5), 6), None, None])
        self.assertEqual(history.place_of((1, 1), 1), ((1, 1), 1))

    def test_broken_condemns(self):
        one = [(1, (4, 0), 0)]
        new = dict(packs=[(0, DATA, 2)], segment=1)
        for what, act in {
            "was not published before": condemn(4, condemned((2, 0), DATA)),
            "is of object kind 1, not 2": condemn(4, condemned((1, 0), META)),
            "has 4 blobs, not 5": condemn(4, condemned((1, 0), DATA, 5, 1, one), **new),
            "which is not published": condemn(4, condemned((1, 0), DATA, 4, 1, [(1, (4, 7), 0)]), **new),
            "which is of another kind": condemn(4, condemned((1, 0), DATA, 4, 1, [(1, (1, 1), 0)])),
            "which is condemned": condemn(4, condemned((1, 0), DATA, 4, 1, [(1, (1, 1), 0)]), condemned((1, 1), META)),
            "which has 2 blobs": condemn(4, condemned((1, 0), DATA, 4, 1, [(1, (4, 0), 2)]), **new),
        }.items():
            self.refused("LOG-13", what, *BEGUN, act)
        self.refused("LOG-13", "was not published before", *BEGUN, condemn(4, condemned((4, 0), DATA), **new))
        self.refused("LOG-13", "was condemned before", *BEGUN, MOVE, condemn(4, condemned((1, 0), DATA)))
        self.refused("LOG-13", "belongs to an open session", *BEGUN, MOVE, condemn(4, condemned((4, 0), DATA)))

    def test_only_what_was_given_up_is_swept(self):
        rows = (*BEGUN, MOVE, expire(A), fold(4, [(1, 2)], 2))
        self.history(*rows, swept((DATA, 1, 0), (SEGMENT, 1, 2), (POINT, 1, 3)))
        self.history(*rows, swept((DATA, 1, 9), (5, 0, 2), (6, 0, 2)))
        for row in ((DATA, 4, 0), (META, 1, 1), (SEGMENT, 4, 1), (SEGMENT, 4, 2), (DATA, 4, 9), (7, 0, 0), (8, 0, 0), (5, 0, 8), (5, 1, 2)):
            self.refused("LOG-14", "object ", *rows, swept(row))
        self.refused("LOG-14", "was not given up", *BEGUN, swept((POINT, 1, 3)))
        self.history(*BEGUN, rewrite(4, 0, A), swept((POINT, 1, 3)))

    def test_folded_segments_do_not_count(self):
        history = self.history(*BEGUN, fold(4, [(1, 2)], 0, 1))
        self.assertEqual([(segment.session, segment.ref.ordinal) for segment in history.counting()], [(4, 0), (4, 1)])
        for again in ([(1, 2)], [(1, 0)], [(2, 0)]):
            self.refused("LOG-15", "does not count", *BEGUN, fold(4, [(1, 2)], 0, 1), fold(4, again))


if __name__ == "__main__":
    unittest.main()
