"""A checkpoint against the history at its slot: "the sessions, points and packs say what replaying the entries would" (LOG-21)."""

import time

from . import log
from .checkpoint import RULE
from .errors import Broken, need


class SumCheck:
    """`own`: the fields of the checkpoint. What the history does not know, since it began with an older checkpoint, is not judged."""

    def __init__(self, repository, history, own):
        self.repository, self.history, self.own = repository, history, own

    def run(self):
        own, history = self.own, self.history
        need(own.next_number == history.numbers + 1, RULE, f"the next point is number {history.numbers + 1}, not {own.next_number}")
        _same("live point", [_point(row.number, row) for row in own.points], [_point(told.number, told.entry) for told in history.live()])
        _same("point that a session holds", [_point(row.number, row) for row in own.held], [_point(told.number, told.entry) for told in history.held()])
        self._segments()
        self._sessions()
        self._condemned()
        self._given_up()
        self._locks()
        self._retrievals()
        need(own.settings == history.settings, RULE, "the settings are not those of the Config entries")
        need(own.suspects == history.suspects, RULE, f"the suspect packs are {history.suspects}, not {own.suspects}")
        forbidding = history.strange + ([log.SUSPECT] if history.suspects else [])
        strange = own.read_only == max(forbidding) if forbidding else own.read_only is None
        need(strange, RULE, f"entry kind {own.read_only} is told to forbid writing, the log has {forbidding}")

    def _segments(self):
        counting = {(segment.session, segment.ref.ordinal): segment for segment in self.history.counting()}
        _same("segment", [((row.session, row.ref.ordinal), row.ref) for row in self.own.segments], [(at, told.ref) for at, told in counting.items()])
        for row in self.own.segments:
            at = row.session, row.ref.ordinal
            slot = self._newest(counting[at])
            need(slot in (None, row.slot), RULE, f"segment {_name(at)} maps packs up to slot {slot}, not {row.slot}")

    def _newest(self, segment):
        """The slot of the newest entry whose packs a segment maps, None if it cannot be told."""
        if segment.rule != "LOG-15":
            return segment.slot
        try:
            _entries, rows = self.repository.read_segment(segment)
        except Broken:
            return None  # It may have been replaced later and be gone (LOG-14).
        packs = [self.history.packs.get((row.session, row.ordinal)) for row in rows]
        return max((pack.slot for pack in packs if pack is not None and pack.slot > self.history.begun), default=None)

    def _sessions(self):
        own, told = {row.number: row for row in self.own.sessions}, self.history.open
        _same("open session", sorted(own), sorted(told))
        for number, row in own.items():
            session = told[number]
            for what in ("base", "next_ordinal", "job", "host"):
                need(getattr(row, what) == getattr(session, what), RULE,
                     f"{what} of session {number} is {getattr(session, what)!r}, not {getattr(row, what)!r}")
            # AMBIGUITY (LOG-5, LOG-21): how a purpose beyond 1 to 3 is summed up is not said, nor a time that no entry has.
            need(session.purpose not in (1, 2, 3) or row.purpose == session.purpose, RULE,
                 f"the purpose of session {number} is {session.purpose}, not {row.purpose}")
            for what in ("opened", "last"):
                need(getattr(session, what) in (None, getattr(row, what)), RULE, f"the {what} time of session {number} is not that of its entry")

    def _condemned(self):
        own = {row.pack: (slot, row) for slot, rows in self.own.condemned for row in rows}
        told = {at: pack for at, pack in self.history.packs.items() if pack.condemned is not None}
        _same("condemned pack", sorted(own), sorted(told))
        slots = [row.slot for row in self.own.points + self.own.held]
        for at, (slot, row) in own.items():
            pack = told[at]
            is_old = self.own.long_ago is not None and slot == self.own.long_ago[0]
            need(slot == pack.condemned_slot or (is_old and pack.condemned_slot < slot), RULE, f"pack {_name(at)} was condemned at slot {pack.condemned_slot}, not {slot}")
            need(row.kind == pack.condemned.kind, RULE, f"pack {_name(at)} is of object kind {pack.condemned.kind}, not {row.kind}")
            if row.blobs == 0:
                needed = (is_old or pack.condemned.blobs) and any(other < slot for other in slots)
                need(not needed, RULE, f"the survivors of pack {_name(at)} are left out, a point from before slot {slot} is there")
            else:
                need(row == pack.condemned, RULE, f"the survivors of pack {_name(at)} are not those of its entry")

    def _given_up(self):
        own, history = self.own.given_up, self.history
        told = {thing: row for thing, row in history.given_up.items() if thing not in history.swept}
        _same("object given up", sorted(own), sorted(told))
        for thing, (slot, when) in own.items():
            need(slot == told[thing][0] and told[thing][1] in (None, when), RULE, f"object {_name(thing[1:])} of kind {thing[0]} was given up "
                 f"by slot {told[thing][0]}, at another time or slot than {slot}")

    def _locks(self):
        known = [(until, tuple(rows)) for until, rows in self.history.locks]
        own = [(until, tuple(rows)) for until, rows in self.own.locks]
        need(all(lock in known for lock in own), RULE, "a lock that no entry tells of")
        # One that has not ended today had not ended when the checkpoint was made.
        need(all(lock in own for lock in known if lock[0][0] > time.time()), RULE, "a lock that has not ended is left out")


    def _retrievals(self):
        own, told = {row.slot: row for row in self.own.retrievals}, self.history.retrievals
        _same("retrieval", sorted(own), sorted(told))
        for slot, row in own.items():
            known = told[slot]
            for what in ("mode", "days", "objects", "about"):
                need(getattr(row, what) == getattr(known, what), RULE,
                     f"{what} of retrieval {slot} is {getattr(known, what)!r}, not {getattr(row, what)!r}")
            # A time that no entry has is for people, and not judged.
            for what in ("begun", "changed"):
                need(getattr(known, what) in (None, getattr(row, what)), RULE, f"the {what} time of retrieval {slot} is not that of its entry")


def _point(number, entry):
    return number, entry.slot, entry.session, entry.point, entry.point_id, entry.reference_set or bytes(32)


def _same(what, own, told):
    known, said = set(told), set(own)
    absent, more = [row for row in told if row not in said], [row for row in own if row not in known]
    need(not absent, RULE, lambda: f"{len(absent)} {what}(s) of the log are not as told or left out, the first is {absent[0]}")
    need(not more, RULE, lambda: f"{len(more)} {what}(s) are told that the log does not have, the first is {more[0]}")


def _name(at):
    return f"{at[0]:08x}/{at[1]:08x}"
