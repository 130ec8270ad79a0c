"""Bounded reading of laid-out bytes, and the rows of tagged fields (CONT-19).

Promises: never reads past its input, never allocates by a length before that length was compared with what is left.
"""

import struct
from dataclasses import dataclass
from typing import Any, Callable

from .errors import Broken, need

CRITICAL = 0x8000
FIELD_HEAD = struct.Struct("<HHI")


class Cursor:
    """Takes values off the front of `data`; running out, or bytes left at `end`, break `rule`."""

    def __init__(self, data, rule, what):
        self.data, self.rule, self.what, self.at = memoryview(data), rule, what, 0

    def left(self):
        return len(self.data) - self.at

    def take(self, count):
        need(count <= self.left(), self.rule, f"{self.what} ends early: {count} bytes wanted at {self.at}, {self.left()} left")
        self.at += count
        return bytes(self.data[self.at - count:self.at])

    def unpack(self, layout):
        """Values of a struct layout such as "II" (little-endian)."""
        layout = "<" + layout
        return struct.unpack(layout, self.take(struct.calcsize(layout)))

    def end(self):
        need(self.left() == 0, self.rule, f"{self.left()} bytes too many after {self.what}")


@dataclass(frozen=True)
class Tag:
    """One line of a table of fields. `decode(value, rule)` gives the value or raises."""

    number: int
    name: str
    decode: Callable[[bytes, str], Any]
    critical: bool = False
    required: bool = False
    repeat: bool = False


class Fields:
    """Decoded fields by name; absent ones are None, repeated ones lists. `at(name)` is where the field's tag begins."""

    def __init__(self):
        self.values, self.offsets = {}, {}

    def __getattr__(self, name):
        return self.values.get(name)

    def at(self, name):
        return self.offsets[name]


def read_fields(data, tags, rule, ignore_unknown_from=None):
    """Parses a whole plaintext of fields against a table. `rule` is the table's, for values that do not fit it.

    `ignore_unknown_from`: unknown critical tags numbered from here on are skipped (LOG-2: an entry's treatment decides).
    """
    # AMBIGUITY (CONT-19): "tags MUST NOT fall" is taken of the tag's number without bit 15, else no table of the text is in order.
    known = {(tag.number, tag.critical): tag for tag in tags}
    fields, last = Fields(), 0
    for tag in tags:
        if tag.repeat:
            fields.values[tag.name] = []
    cursor = Cursor(data, "CONT-19", "row of fields")
    while cursor.left():
        begin = cursor.at
        raw, zero, length = FIELD_HEAD.unpack(cursor.take(8))
        value = cursor.take(length)
        number, critical = raw & ~CRITICAL, bool(raw & CRITICAL)
        need(zero == 0, "CONT-19", f"field {number}: its zero bytes are {zero:#x}")
        need(number >= last, "CONT-19", f"field {number} stands after field {last}")
        tag = known.get((number, critical))
        # AMBIGUITY (CONT-19): unknown tags that repeat are skipped like single ones; a later version may have marked them `*`.
        if tag is None:
            skipped = ignore_unknown_from is not None and number >= ignore_unknown_from
            need(not critical or skipped, "CONT-19", f"unsupported: unknown critical field {number}")
        elif tag.repeat:
            fields.values[tag.name].append(tag.decode(value, rule))
        else:
            need(tag.name not in fields.values, "CONT-19", f"field {number} stands twice")
            fields.values[tag.name] = tag.decode(value, rule)
            fields.offsets[tag.name] = begin
        last = number
    for tag in tags:
        need(not tag.required or tag.name in fields.values, "CONT-19", f"required field {tag.number} ({tag.name}) is absent")
    return fields


def raw_fields(data):
    """{tag as written: value} of a plaintext that `read_fields` took."""
    found, cursor = {}, Cursor(data, "CONT-19", "row of fields")
    while cursor.left():
        tag, _zero, length = FIELD_HEAD.unpack(cursor.take(8))
        found[tag] = cursor.take(length)
    return found


def number(layout):
    """A decoder of one number of a struct format character."""
    size = struct.calcsize("<" + layout)

    def decode(value, _rule):
        need(len(value) == size, "CONT-19", f"a field of {size} bytes has {len(value)}")
        return struct.unpack("<" + layout, value)[0]

    return decode


def fixed(size):
    """A decoder of exactly `size` raw bytes."""

    def decode(value, _rule):
        need(len(value) == size, "CONT-19", f"a field of {size} bytes has {len(value)}")
        return value

    return decode


def raw(value, _rule):
    return value


def utf8(value, rule):
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Broken(rule, f"a text field is not UTF-8: {error.reason} at byte {error.start}") from None


def time(value, _rule):
    """(seconds since 1970, nanoseconds)"""
    need(len(value) == 12, "CONT-19", f"a time of 12 bytes has {len(value)}")
    seconds, nanoseconds = struct.unpack("<qI", value)
    need(nanoseconds <= 999_999_999, "CONT-19", f"a time has {nanoseconds} nanoseconds")
    return seconds, nanoseconds
