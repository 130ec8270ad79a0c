"""Published index segments (spec/index.md)."""

import struct
from dataclasses import dataclass

from .errors import need

SUMMARY, PACKS, BLOCKS, IDS, PLACES = 16, 17, 18, 19, 20
ROWS = {PACKS: struct.Struct("<IIQIB3s32s32s"), BLOCKS: struct.Struct("<III"), IDS: struct.Struct("<32s"), PLACES: struct.Struct("<IIII")}
ROWS_MAX = 65_536
ENTRIES_MAX = 4_194_304


@dataclass(frozen=True)
class PackRow:
    session: int
    ordinal: int
    length: int
    blobs: int
    kind: int
    salt: bytes
    hash: bytes


@dataclass(frozen=True)
class Place:
    """Where a blob lies. `block` is the offset of the block's record head, `stored` the length of its payload."""

    pack: PackRow
    block: int
    stored: int
    blob: int
    offset: int
    length: int


def parse(sections):
    """[(id, Place)] and the pack rows of a segment. `sections`: (record kind, plaintext) of its known records, in order."""
    tables = _tables(sections)
    summary = tables[SUMMARY]
    entries, blocks_told, packs_told = summary
    packs, blocks, ids, places = (tables[kind] for kind in (PACKS, BLOCKS, IDS, PLACES))
    need(1 <= entries <= ENTRIES_MAX, "IDX-2", f"{entries} entries")
    told, own = (packs_told, blocks_told, entries, entries), (len(packs), len(blocks), len(ids), len(places))
    need(told == own, "IDX-2", f"the summary says packs, blocks, ids, places {told}, there are {own}")
    return _entries(_packs(packs), blocks, ids, places)


def _tables(sections):
    kinds = [kind for kind, _ in sections]
    need(kinds[:1] == [SUMMARY] and kinds.count(SUMMARY) == 1 and kinds == sorted(kinds), "IDX-1", f"record kinds {kinds[:32]}")
    need(set(kinds) == {SUMMARY, PACKS, BLOCKS, IDS, PLACES}, "IDX-1", f"record kinds {sorted(set(kinds))}")
    need(len(sections[0][1]) == 16, "IDX-2", f"a summary of {len(sections[0][1])} bytes")
    tables = {kind: [] for kind in ROWS}
    for at, (kind, plain) in enumerate(sections[1:], 1):
        layout = ROWS[kind]
        count, rest = divmod(len(plain), layout.size)
        need(rest == 0, "IDX-1", f"section {at} of kind {kind} ends within a row")
        last = at + 1 == len(sections) or kinds[at + 1] != kind
        need(count == ROWS_MAX or (last and 1 <= count < ROWS_MAX), "IDX-1", f"section {at} of kind {kind} has {count} rows")
        tables[kind].extend(layout.iter_unpack(plain))
    tables[SUMMARY] = struct.unpack("<QII", sections[0][1])
    return tables


def _packs(rows):
    packs = []
    for number, (session, ordinal, length, blobs, kind, zeros, salt, body_hash) in enumerate(rows):
        need(kind in (1, 2), "IDX-3", f"pack row {number} has object kind {kind}")
        need(zeros == bytes(3), "IDX-3", f"zero bytes of pack row {number} are not zero")
        need(not packs or (packs[-1].session, packs[-1].ordinal) < (session, ordinal), "IDX-3", f"pack row {number} does not rise")
        packs.append(PackRow(session, ordinal, length, blobs, kind, salt, body_hash))
    return packs


def _entries(packs, blocks, ids, places):
    for number, (pack, offset, _stored) in enumerate(blocks):
        need(pack < len(packs), "IDX-7", f"block row {number} names pack row {pack} of {len(packs)}")
        need(number == 0 or blocks[number - 1][:2] < (pack, offset), "IDX-4", f"block row {number} does not rise")
    entries, last = [], None
    for number, ((id,), (block, blob, offset, length)) in enumerate(zip(ids, places)):
        need(block < len(blocks), "IDX-7", f"place row {number} names block row {block} of {len(blocks)}")
        need(length >= 1 and offset + length <= 4_194_304, "IDX-7", f"place row {number}: offset {offset}, length {length}")
        need(last is None or last < (id, block, blob), "IDX-5", f"id row {number} does not rise")
        last = id, block, blob
        pack, at, stored = blocks[block]
        # AMBIGUITY (IDX-7): blob numbers are row numbers of no table of the segment; checked against the pack row's count.
        need(blob < packs[pack].blobs, "IDX-7", f"place row {number} names blob {blob} of {packs[pack].blobs}")
        entries.append((id, Place(packs[pack], at, stored, blob, offset, length)))
    return entries, packs
