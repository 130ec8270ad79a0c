"""Parity of packs (spec/pack.md, PACK-9 to PACK-12): made anew from the covered bytes and compared.

The code is written from its definition: values of polynomials by Lagrange's formula, not by the fast transform that a writer will use.
"""

import struct
import zlib
from functools import lru_cache

from .container import PLAIN_MAX
from .errors import need

KIND = 3
MAGIC = b"\x89PAR\r\n\x1a\n"
HEAD = struct.Struct("<8sQIII")
COVERED_MAX, SHARD_LEAST, SHARD_MOST, SHARDS_WANTED = 256_000_000, 512, 65_536, 128
BASIS = (0x0001, 0xACCA, 0x3C0E, 0x163E, 0xC582, 0xED2E, 0x914C, 0x4012, 0x6C98, 0x10D8, 0x6A72, 0xB900, 0xFDB8, 0xFB34, 0xFF38, 0x991E)
POLYNOMIAL, ORDER = 0x1002D, 65_535


def check(container):
    """Judges the parity of a pack; whether it has any."""
    first = next((n for n, record in enumerate(container.records) if record.kind == KIND), None)
    if first is None:
        return False
    records = container.records[first:]
    need(all(record.kind == KIND for record in records), "PACK-9", "another record stands behind parity")
    covered = bytes(container.data[:records[0].offset])
    length, shard, count, recovery, _crcs = parse_table(records[0].payload)
    need(length == len(covered), "PACK-10", f"the table covers {length} bytes, {len(covered)} stand before the parity")
    expected = payloads(covered, shard, count, recovery)
    raw = all(record.codec == 0 and record.plain == record.stored for record in records)
    need(raw and [len(p) for p in expected] == [record.stored for record in records], "PACK-9", "other parity records than the table asks for")
    need(all(p == bytes(r.payload) for p, r in zip(expected, records)), "PACK-12", "the parity is not that of the covered bytes")
    return True


def parse_table(payload):
    """Covered bytes, S, D, R and the CRCs."""
    raw = bytes(payload)
    need(len(raw) >= HEAD.size, "PACK-10", "the table is cut short")
    magic, covered, shard, count, recovery = HEAD.unpack_from(raw)
    need(magic == MAGIC, "PACK-10", "the magic is not that of a table")
    need(1 <= covered <= COVERED_MAX, "PACK-10", f"{covered} covered bytes")
    own_shard = shard_length(covered)
    own_count = -(-covered // own_shard)
    need(2 <= recovery <= max(2, -(-own_count // 2)), "PACK-11", f"{recovery} recovery shards for {own_count}")
    need((shard, count) == (own_shard, own_count), "PACK-11", f"{count} shards of {shard} bytes for {covered} bytes")
    end = HEAD.size + 4 * (count + recovery)
    need(len(raw) >= end + 4, "PACK-10", "the table is cut short")
    need(struct.unpack_from("<I", raw, end)[0] == zlib.crc32(raw[:end]), "PACK-10", "the CRC of the table does not hold")
    return covered, shard, count, recovery, struct.unpack_from(f"<{count + recovery}I", raw, HEAD.size)


def shard_length(covered):
    shard = SHARD_LEAST
    while shard < SHARD_MOST and covered > shard * SHARDS_WANTED:
        shard *= 2
    return shard


def payloads(covered, shard, count, recovery):
    """The payloads of all parity records."""
    data = [covered[n * shard:(n + 1) * shard].ljust(shard, b"\0") for n in range(count)]
    made = encode(data, recovery)
    crcs = [zlib.crc32(s) for s in data + made]
    table = HEAD.pack(MAGIC, len(covered), shard, count, recovery) + struct.pack(f"<{len(crcs)}I", *crcs)
    table += struct.pack("<I", zlib.crc32(table))
    each = (PLAIN_MAX - 2 * len(table)) // shard
    return [table + b"".join(made[n:n + each]) + table for n in range(0, recovery, each)]


def encode(data, recovery):
    """The recovery shards of data shards of equal length (PACK-12)."""
    m = 1 << (recovery - 1).bit_length()
    halves = [(b"".join(s[at:at + 32] for at in range(0, len(s), 64)), b"".join(s[at + 32:at + 64] for at in range(0, len(s), 64))) for s in data]
    made = []
    for i in range(recovery):
        low, high = 0, 0
        for n, (data_low, data_high) in enumerate(halves):
            more_low, more_high = _times(_weight(i, n // m, n % m, m), data_low, data_high)
            low, high = low ^ more_low, high ^ more_high
        half = len(data[0]) // 2
        low, high = low.to_bytes(half, "little"), high.to_bytes(half, "little")
        made.append(b"".join(low[at:at + 32] + high[at:at + 32] for at in range(0, half, 32)))
    return made


@lru_cache(maxsize=None)
def _tables():
    """Logarithms of numbers, and numbers of logarithms."""
    value, log_of, power = [0] * 65_536, {}, 1
    for exponent in range(ORDER):
        log_of[power] = exponent
        power <<= 1
        power ^= POLYNOMIAL if power > 0xFFFF else 0
    for bit, basis in enumerate(BASIS):
        for number in range(1 << bit):
            value[number | 1 << bit] = value[number] ^ basis
    log = [None] + [log_of[value[number]] for number in range(1, 65_536)]
    number_of = [0] * ORDER
    for number in range(1, 65_536):
        number_of[log[number]] = number
    return log, number_of


def _weight(i, k, j, m):
    """The logarithm of what data shard km + j counts for in recovery shard i: Lagrange's coefficient."""
    log, _ = _tables()
    points = range((k + 1) * m, (k + 2) * m)
    own = points[j]
    return sum(log[i ^ other] - log[own ^ other] for other in points if other != own) % ORDER


def _times(weight, low, high):
    """The products of all elements with the number of a logarithm, as two integers: low bytes, high bytes."""
    log, number_of = _tables()
    product = [0] + [number_of[(log[n] + weight) % ORDER] for n in range(1, 256)]
    product_high = [0] + [number_of[(log[n << 8] + weight) % ORDER] for n in range(1, 256)]

    def through(table, data, shift):
        return int.from_bytes(data.translate(bytes(n >> shift & 0xFF for n in table)), "little")

    return (through(product, low, 0) ^ through(product_high, high, 0), through(product, low, 8) ^ through(product_high, high, 8))
