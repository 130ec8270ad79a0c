"""The container of every object (spec/container.md): header, records, directory, trailer.

    header (96) | record | record | ... | directory | trailer (104)

Promises: `parse` returns only what passed every check that needs no keys (CONT-18). Payloads stay sealed; `sealing` opens them.
"""

import struct
import zlib
from dataclasses import dataclass

from blake3 import blake3

from .errors import need

HEADER = struct.Struct("<8sHHBBHIIII16sII32sII")
HEAD = struct.Struct("<4sBBHIIIIII")
ENTRY = struct.Struct("<QIIIBBH")
TRAILER = struct.Struct("<QII32s32sQIII4s")
MAGIC, SYNC, END = b"\x89CRN\r\n\x1a\n", b"\xd5REC", b"NRC\x89"
RECORDS_MAX = 1_000_000
PLAIN_MAX = 4_194_304
STORED_MAX = PLAIN_MAX + 16
KINDS = {1: "data pack", 2: "metadata pack", 3: "index segment", 4: "restore point", 5: "log entry", 6: "checkpoint", 7: "config",
         8: "key slot"}
DATA, META, SEGMENT, POINT, LOG, CHECKPOINT, CONFIG, SLOT = KINDS
RECORD_KINDS = {1: "block", 2: "contents", 3: "parity", 16: "summary", 17: "packs", 18: "blocks", 19: "ids", 20: "places",
                32: "log entry", 33: "manifest", 34: "config", 35: "key slot", 36: "checkpoint"}


@dataclass(frozen=True)
class Header:
    minor: int
    kind: int
    suite: int
    length: int
    ro_compat: int
    repository: bytes
    session: int
    ordinal: int
    salt: bytes
    raw: bytes


@dataclass(frozen=True)
class Record:
    offset: int
    kind: int
    codec: int
    flags: int
    stored: int
    plain: int
    position: int
    crc: int
    head: bytes
    payload: memoryview


@dataclass(frozen=True)
class Container:
    header: Header
    records: list
    directory: bytes
    seal: bytes
    body_hash: bytes
    length: int

    def known(self):
        """The records whose kinds the text knows and uses (CONT-10: others are skipped; parity is reserved)."""
        return [record for record in self.records if record.kind in RECORD_KINDS and record.kind != 3]


def parse(data):
    """Checks a whole object without keys and gives its parts."""
    data = memoryview(data)
    need(len(data) >= HEADER.size + HEAD.size + ENTRY.size + TRAILER.size, "CONT-1", f"an object of {len(data)} bytes is too short")
    header = parse_header(data)
    start, count, seal, body_hash, directory = parse_trailer(data, header)
    need(blake3(data[:start]).digest() == body_hash, "CONT-16", "the body hash does not fit the bytes before the directory")
    records, at = [], header.length
    for position in range(count):
        need(start - at >= HEAD.size, "CONT-14", f"record {position} reaches into the directory")
        record = parse_head(data[at:at + HEAD.size], at)
        need(record.position == position, "CONT-8", f"record {position} says that it is record {record.position}")
        need(start - at - HEAD.size >= record.stored, "CONT-14", f"record {position} reaches into the directory")
        at += HEAD.size + record.stored
        record = with_payload(record, data[at - record.stored:at], header.suite)
        same_as_directory(record, directory, position)
        records.append(record)
    need(at == start, "CONT-14", f"the last payload ends at {at}, the directory begins at {start}")
    return Container(header, records, directory, seal, body_hash, len(data))


def parse_header(data):
    """The first 96 bytes. Rules that need the object's name or the config are checked by `check_identity`."""
    raw = bytes(data[:HEADER.size])
    need(len(raw) == HEADER.size, "CONT-1", "the header is cut short")
    (magic, major, minor, kind, suite, length, incompat, ro_compat, _compat, zero_a, repository, session, ordinal, salt, zero_b,
     crc) = HEADER.unpack(raw)
    need(magic == MAGIC, "CONT-2", "the magic is not that of Cairn")
    # AMBIGUITY (CONT-2, CONT-3): which comes first for a foreign major version is open; here the CRC does.
    need(crc == zlib.crc32(raw[:92]), "CONT-2", "the header's CRC does not hold")
    need(major == 1, "CONT-3", f"unsupported: major version {major}")
    need(incompat == 0, "CONT-3", f"unsupported: incompat flags {incompat:#x}")
    need(zero_a == 0 and zero_b == 0, "CONT-2", "zero fields of the header are not zero")
    need(kind in KINDS, "CONT-4", f"unknown object kind {kind}")
    need(96 <= length <= 4096, "CONT-5", f"header length {length}")
    # AMBIGUITY (CONT-7): no rule says what another suite is; taken as unsupported.
    need(suite in (0, 1), "CONT-7", f"unsupported: suite {suite}")
    need(suite == 0 or kind not in (CONFIG, SLOT), "CONT-7", f"a {KINDS[kind]} has suite {suite}")
    # AMBIGUITY (CONT-4): "session, or 0"; a log entry's name says no session, so it is taken to be 0.
    need(session == 0 or kind in (DATA, META, SEGMENT, POINT), "CONT-4", f"a {KINDS[kind]} names session {session}")
    need(ordinal == 0 or kind not in (CONFIG, SLOT), "CONT-4", f"a {KINDS[kind]} names ordinal {ordinal}")
    return Header(minor, kind, suite, length, ro_compat, repository, session, ordinal, salt, raw)


def parse_trailer(data, header):
    """Offset of the directory, number of records, seal, body hash, and the directory's bytes."""
    raw = bytes(data[-TRAILER.size:])
    start, count, entry, seal, body_hash, length, directory_crc, own, crc, end = TRAILER.unpack(raw)
    need(end == END, "CONT-15", "the end magic is missing: the object is cut short or was appended to")
    need(crc == zlib.crc32(raw[:96]), "CONT-15", "the trailer's CRC does not hold")
    need(own == TRAILER.size, "CONT-15", f"unsupported: trailer length {own}")
    need(entry == ENTRY.size, "CONT-15", f"unsupported: directory entries of {entry} bytes")
    need(length == len(data), "CONT-15", f"the trailer says {length} bytes, the object has {len(data)}")
    need(1 <= count <= RECORDS_MAX, "CONT-1", f"{count} records")
    need(start >= header.length and start + count * ENTRY.size + TRAILER.size == length, "CONT-1",
         f"a directory of {count} entries at {start} does not end at the trailer")
    directory = bytes(data[start:-TRAILER.size])
    need(directory_crc == zlib.crc32(directory), "CONT-15", "the directory's CRC does not hold")
    return start, count, seal, body_hash, directory


def parse_head(data, offset):
    """A record's head of 32 bytes, without its payload."""
    raw = bytes(data)
    need(len(raw) == HEAD.size, "CONT-8", f"the record head at {offset} is cut short")
    sync, kind, codec, flags, stored, plain, position, crc, zero, head_crc = HEAD.unpack(raw)
    need(sync == SYNC, "CONT-8", f"no sync bytes at {offset}")
    need(head_crc == zlib.crc32(raw[:28]), "CONT-8", f"the CRC of the record head at {offset} does not hold")
    need(flags == 0 and zero == 0, "CONT-8", f"zero fields of the record head at {offset} are not zero")
    need(1 <= plain <= PLAIN_MAX, "CONT-9", f"the record at {offset} has a plain length of {plain}")
    need(stored <= STORED_MAX, "CONT-9", f"the record at {offset} has a stored length of {stored}")
    return Record(offset, kind, codec, flags, stored, plain, position, crc, raw, memoryview(b""))


def with_payload(record, payload, suite):
    """The record with its payload, whose length and CRC are checked, as are lengths and codec against each other."""
    need(len(payload) == record.stored, "CONT-14", f"the record at {record.offset} is cut short")
    need(record.crc == zlib.crc32(payload), "CONT-8", f"the payload's CRC of the record at {record.offset} does not hold")
    if record.kind in RECORD_KINDS and record.kind != 3:
        # AMBIGUITY (CONT-10, CONT-11): codecs of skipped records are not judged.
        need(record.codec in (0, 1), "CONT-11", f"unsupported: codec {record.codec} of the record at {record.offset}")
        encoded = record.stored - (16 if suite else 0)
        need(encoded >= 1, "CONT-12" if suite else "CONT-11", f"the record at {record.offset} has no encoded bytes")
        need(record.codec != 0 or encoded == record.plain, "CONT-11",
             f"the raw record at {record.offset} has {encoded} bytes, its plain length is {record.plain}")
    return Record(record.offset, record.kind, record.codec, record.flags, record.stored, record.plain, record.position, record.crc,
                  record.head, payload)


def same_as_directory(record, directory, position):
    told = ENTRY.unpack_from(directory, position * ENTRY.size)
    own = (record.offset, record.stored, record.plain, record.crc, record.kind, record.codec, record.flags)
    rule = "CONT-13" if told[0] == record.offset else "CONT-14"
    need(told == own, rule, f"directory entry {position} says {told}, the record is {own}")
