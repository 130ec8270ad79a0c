"""The collected repository with checkpoints, laid by hand from ../../spec/log.md. Its log:

    1 Open   2 Publish   3 Commit   4 Open of a collector   5 Condemn of the data pack   6 Fold of both segments
"""

import struct

from blake3 import blake3

from . import encoder as e
from .sample import POINT_ID, Collected, body

NO_TIME = bytes(12)
NAMES = {"first": "index/00000001/00000003", "new": "index/00000004/00000001", "folded": "index/00000004/00000002"}


class Summed(Collected):
    """`at`: the slots of the checkpoints, `change(slot, parts)` what is wrong in them, `gone` the objects that are taken away then."""

    def __init__(self, path, at=(6,), change=None, suite=1, **hooks):
        self.at, self.change = at, change or (lambda slot, parts: None)
        super().__init__(path, suite, **hooks)

    def _entries(self, rows):
        self.reference_set = rows[2][1][-32:]
        super()._entries(rows)
        for slot in self.at:
            parts = self._parts(slot)
            self.change(slot, parts)
            self._put(f"checkpoint/{slot:016x}", e.build(6, [(36, fields(slot, parts), 1)], self.suite, 0, slot))

    def _parts(self, slot):
        point = self.objects["points/00000001/00000004"]
        parts = {
            "hashes": [blake3(self.objects[f"log/{earlier:016x}"]).digest() for earlier in range(1, slot + 1)],
            "next": 2,
            "points": [dict(slot=3, number=1, session=1, ordinal=4, length=len(point), body=body(point), id=POINT_ID, references=self.reference_set)],
            "segments": [self._row(2, "first")],
            "sessions": [dict(number=4, next=(0, 2, 3)[slot - 4], purpose=2, base=b"", job=b"")] if slot >= 4 else [],
            "condemned": [], "given_up": [], "settings": b"", "held": [], "locks": [], "more": b"",
        }
        if slot >= 5:
            old = len(self.chunks)
            bits = (1 << old) - 1
            parts["condemned"] = [(5, struct.pack("<IIB3xI", 1, 0, 1, old) + bits.to_bytes((old + 7) // 8, "little")
                                   + struct.pack("<IIIII", 1, old, 4, 0, 0))]
            parts["given_up"] = [(1, 1, 0, 5)]
            parts["segments"].append(self._row(5, "new"))
        if slot >= 6:
            parts["given_up"] += [(3, 1, 3, 6), (3, 4, 1, 6)]
            # The newest entry whose packs the folded segment maps is the Condemn.
            parts["segments"] = [self._row(5, "folded")]
        return parts

    def _row(self, slot, which):
        raw = self.objects[NAMES[which]]
        session, ordinal = (int(part, 16) for part in NAMES[which].split("/")[1:])
        return dict(slot=slot, session=session, ordinal=ordinal, length=len(raw), body=body(raw))


def fields(slot, parts):
    def points(rows):
        return b"".join(struct.pack("<IIIIQ", row["slot"], row["number"], row["session"], row["ordinal"], row["length"]) + row["body"]
                        + row["id"] + row["references"] + bytes(8) for row in rows)

    segments = b"".join(struct.pack("<IIIIQ", row["slot"], row["session"], row["ordinal"], 0, row["length"]) + row["body"]
                        for row in parts["segments"])
    given_up = b"".join(struct.pack("<B3xIII", *row) + NO_TIME for row in parts["given_up"])
    plain = (e.field(1, struct.pack("<Q", slot)) + e.field(2, b"".join(parts["hashes"])) + e.field(4, struct.pack("<I", parts["next"]))
             + e.field(5, points(parts["points"])) + e.field(6, points(parts["held"])) + e.field(7, segments))
    for row in parts["sessions"]:
        plain += e.field(8, struct.pack("<II", row["number"], row["next"]) + NO_TIME * 2 + struct.pack("<BBH", row["purpose"], bool(row["base"]), 0)
                         + row["base"].ljust(16, b"\0") + struct.pack("<I", len(row["job"])) + row["job"])
    for condemned_at, rows in parts["condemned"]:
        plain += e.field(9, struct.pack("<I", condemned_at) + rows)
    plain += e.field(10, given_up) + b"".join(e.field(11, lock) for lock in parts["locks"])
    return plain + e.field(12, parts["settings"]) + parts["more"]
