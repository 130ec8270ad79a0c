"""The repository's parameters (spec/config.md)."""

import struct
import unicodedata
from dataclasses import replace
from datetime import date

from .errors import need
from .fields import CRITICAL, Tag, fixed, number, raw_fields, read_fields, time, utf8

BACKUP, COPY = 1, 2
PACK_MAX = {BACKUP: 5_000_000, COPY: 256_000_000}
COUNT_MAX = {1: 365_250, 2: 12_000, 3: 1_000}
FOR_EVER = 4
IMMUTABILITY = 13 | CRITICAL


def _cutting(value, _rule):
    algorithm, zeros, least, average, most = struct.unpack("<B3sIII", fixed(16)(value, _rule))
    need(algorithm == 1, "CONF-1", f"unsupported: cutting algorithm {algorithm}")
    need(zeros == bytes(3), "CONF-1", "zero bytes of the cutting field are not zero")
    need(64 <= least <= average <= most <= 4_194_304, "CONF-3", f"least {least}, average {average}, most {most}")
    need(average & (average - 1) == 0, "CONF-3", f"average {average} is no power of two")
    return least, average, most


def _lines(value, rule):
    text = utf8(value, rule)
    # AMBIGUITY (CONF-1): lines are taken to be parted by line feeds, with or without one after the last.
    for line in text.split("\n"):
        need(not line or "=" in line, rule, f"line {line!r} of field 8 is not name=value")
    return text


def _retention(value, _rule):
    need(len(value) == 1, "CONF-6", f"a retention type of one byte has {len(value)}")
    need(value[0] in (1, 2), "CONF-6", f"unsupported: retention type {value[0]}")
    return value[0]


def _period(value, _rule):
    need(len(value) == 5, "CONF-5", f"a period of five bytes has {len(value)}")
    unit, count = struct.unpack("<BI", value)
    need(unit in COUNT_MAX or unit == FOR_EVER, "CONF-5", f"unsupported: unit {unit} of a period")
    least, most = (1, COUNT_MAX[unit]) if unit in COUNT_MAX else (0, 0)
    need(least <= count <= most, "CONF-5", f"count {count} of unit {unit}")
    return unit, count


def _immutability(value, _rule):
    need(len(value) == 12, "CONF-7", f"immutability of 12 bytes has {len(value)}")
    mode, zeros, days, generation = struct.unpack("<B3sII", value)
    need(mode in (1, 2), "CONF-7", f"unsupported: mode {mode} of immutability")
    need(zeros == bytes(3), "CONF-7", "zero bytes of immutability are not zero")
    need(max(days, generation) <= COUNT_MAX[1], "CONF-7", f"{days} days of locking, {generation} of a generation")
    return mode, days, generation


def _storage_class(value, rule):
    text = utf8(value, "CONF-8")
    need(len(value) <= 64 and not any(unicodedata.category(c) == "Cc" for c in text), "CONF-8", f"storage class {text!r}")
    return text


def _origin(value, _rule):
    return fixed(16)(value, "CONF-9")


TAGS = [
    Tag(1, "klass", number("B"), critical=True, required=True),
    Tag(2, "suite", number("B"), critical=True, required=True),
    Tag(3, "cutting", _cutting, critical=True, required=True),
    Tag(4, "block_target", number("I"), critical=True, required=True),
    Tag(5, "pack_limit", number("I"), critical=True, required=True),
    Tag(6, "created", time),
    Tag(7, "creator", utf8),
    Tag(8, "store", _lines),
    Tag(9, "dedup_key", fixed(32), critical=True),
    Tag(10, "level", number("i")),
    Tag(11, "retention", _retention),
    Tag(12, "period", _period),
    Tag(13, "immutability", _immutability, critical=True),
    Tag(14, "parity", number("B")),
    Tag(15, "storage_class", _storage_class),
    Tag(16, "origin", _origin),
]


def parse(plaintext):
    config = read_fields(plaintext, TAGS, "CONF-1")
    need(config.klass in PACK_MAX, "CONF-1", f"unsupported: class {config.klass}")
    need(config.suite in (0, 1), "CONF-1", f"unsupported: suite {config.suite}")
    need(65_536 <= config.pack_limit <= PACK_MAX[config.klass], "CONF-1", f"pack limit {config.pack_limit} in class {config.klass}")
    need(4_096 <= config.block_target <= 4_194_304, "CONF-3", f"block target {config.block_target}")
    need((config.parity or 0) <= 50, "CONF-1", f"parity of {config.parity} percent")
    need((config.dedup_key is not None) == (config.suite == 0), "CONF-1", f"suite {config.suite}, and field 9 is "
         + ("absent" if config.dedup_key is None else "present"))
    need(config.origin is None or config.klass == COPY, "CONF-9", "an origin in class backup")
    need((config.retention is None) == (config.period is None), "CONF-6", "of fields 11 and 12 one is there")
    return config


def parse_change(value, _rule):
    """The fields of a Config entry (LOG-19) as {tag: value}: any of the table, none of them required. `change` says what they change."""
    read_fields(value, [replace(tag, required=False) for tag in TAGS], "LOG-19")
    return raw_fields(value)


def raises(config):
    """What Config entries may raise (CONF-7): mode, days and generation of field 13, and the most days; None where nothing changes."""
    if config.immutability is None or config.immutability[1] == 0:
        return None
    return (*config.immutability, _days_least(*config.period))


def _days_least(unit, count):
    """Days of the shortest run of a period; none of one without end, which does not stand beside days."""
    if unit in (1, FOR_EVER):
        return count
    months = count * 12 if unit == 3 else count
    # Leap days come every four years within a century, and once a run of more years than that its length hardly depends on where it begins.
    first = lambda month: date(2001 + month // 12, month % 12 + 1, 1)
    return min((first(month + months) - first(month)).days for month in range(48))


def change(settings, fields, own):
    """Takes the fields of a Config entry into the settings: only more days of the locking that the config has (LOG-19, CONF-7). `own`: as `raises`."""
    new = fields.get(IMMUTABILITY)
    if new is None or own is None:
        return
    mode, days, generation, most = own
    if IMMUTABILITY in settings:
        days = _immutability(settings[IMMUTABILITY], None)[1]
    new_mode, new_days, new_generation = _immutability(new, None)
    if (new_mode, new_generation) == (mode, generation) and days < new_days <= most:
        settings[IMMUTABILITY] = new
