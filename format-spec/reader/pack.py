"""What a pack holds (spec/pack.md)."""

from dataclasses import dataclass

from .container import PLAIN_MAX, DATA, META
from .errors import need
from .fields import Cursor

BLOCK, CONTENTS = 1, 2
BLOBS_MAX = 100_000


@dataclass(frozen=True)
class Chunk:
    """One chunk of a pack's contents. `offset` counts in its block's plaintext."""

    blob: int
    id: bytes
    offset: int
    length: int


def split(container):
    """(blocks, contents record) of a pack (PACK-3)."""
    need(container.header.kind in (DATA, META), "PACK-1", f"object kind {container.header.kind} is no pack")
    known = container.known()
    kinds = [record.kind for record in known]
    need(len(kinds) >= 2 and kinds == [BLOCK] * (len(kinds) - 1) + [CONTENTS], "PACK-3",
         "the records are not one or more blocks and one contents record")
    after = container.records.index(known[-1])
    early = [record.position for record in container.records[:after] if record.kind == 3]
    need(not early, "PACK-3", f"parity record {early and early[0]} stands before the contents")
    return known[:-1], known[-1]


def parse_contents(plaintext, blocks):
    """The chunks of each block. `blocks` are the block records, in order."""
    cursor, blob, rows = Cursor(plaintext, "PACK-5", "contents"), 0, []
    for number, block in enumerate(blocks):
        count, = cursor.unpack("I")
        need(count >= 1, "PACK-5", f"block {number} has no chunks")
        need(count * 36 <= cursor.left(), "PACK-5", f"the contents end within the {count} chunks of block {number}")
        need(blob + count <= BLOBS_MAX, "PACK-6", f"more than {BLOBS_MAX} chunks")
        chunks, offset = [], 0
        for _ in range(count):
            id, length = cursor.unpack("32sI")
            need(length >= 1, "PACK-5", f"blob {blob} is empty")
            chunks.append(Chunk(blob, id, offset, length))
            offset, blob = offset + length, blob + 1
        need(offset == block.plain <= PLAIN_MAX, "PACK-5", f"the chunks of block {number} add up to {offset}, it is {block.plain} long")
        rows.append(chunks)
    cursor.end()
    return rows
