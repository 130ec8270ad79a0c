"""Folder entries (spec/tree.md, TREE-6 to TREE-9): one item with its attributes."""

import struct
from dataclasses import dataclass

from .errors import need
from .fields import Cursor, Fields, Tag, fixed, raw, read_fields, time

FILE, FOLDER, SYMLINK, FIFO, SOCKET, CHARACTER, BLOCK = range(1, 8)
KINDS = {FILE: "file", FOLDER: "folder", SYMLINK: "symlink", FIFO: "fifo", SOCKET: "socket", CHARACTER: "character", BLOCK: "block"}
NOTHING, CHUNK, TREE = 0, 1, 2
LAYOUT = struct.Struct("<BBHIIIIQqqIIQQ")
ENTRY_MAX = 1_048_576
NEVER_OLD, NEVER_NEW = 2**63 - 1, -2**63


@dataclass
class Sums:
    """Sums over a row of leaf entries (TREE-3, TREE-8)."""

    entries: int = 0
    descendants: int = 0
    bytes: int = 0
    oldest: int = NEVER_OLD
    newest: int = NEVER_NEW

    def add(self, other):
        self.entries += other.entries
        self.descendants += other.descendants
        self.bytes += other.bytes
        self.oldest = min(self.oldest, other.oldest)
        self.newest = max(self.newest, other.newest)


@dataclass(frozen=True)
class Entry:
    kind: int
    content: int
    mode: int
    uid: int
    gid: int
    names: int
    size: int
    modified: tuple
    changed: tuple
    inode: int
    device: int
    name: bytes
    content_id: bytes
    below: Sums
    fields: Fields
    encoded_length: int

    @property
    def key(self):
        return self.name

    def sums(self):
        """What this entry adds to the sums of its folder."""
        at = self.modified[0]
        if self.kind == FOLDER:
            below = self.below
            return Sums(1, 1 + below.descendants, below.bytes, min(at, below.oldest), max(at, below.newest))
        return Sums(1, 1, self.size if self.kind == FILE else 0, at, at)

    def data_length(self):
        """Bytes of stored content of a file (TREE-9)."""
        runs = self.fields.runs
        return self.size if runs is None else sum(length for _offset, length in runs)


def _xattr(value, _rule):
    cursor = Cursor(value, "TREE-6", "extended attribute")
    length, = cursor.unpack("H")
    return cursor.take(length), cursor.take(cursor.left())


def _runs(value, _rule):
    need(len(value) % 16 == 0, "CONT-19", f"runs of 16 bytes each in {len(value)} bytes")
    runs, end = [], -1
    for offset, length in struct.iter_unpack("<QQ", value):
        need(offset > end and length > 0, "TREE-6", f"run {len(runs)} is empty, touches or does not rise")
        end = offset + length
        runs.append((offset, length))
    return runs


def _numbers(value, _rule):
    return struct.unpack("<II", fixed(8)(value, _rule))


TAGS = [
    Tag(1, "owner", raw),
    Tag(2, "group", raw),
    Tag(3, "birth", time),
    Tag(4, "numbers", _numbers, critical=True),
    Tag(5, "target", raw, critical=True),
    Tag(6, "xattrs", _xattr, critical=True, repeat=True),
    Tag(7, "runs", _runs, critical=True),
    Tag(8, "link_group", fixed(16), critical=True),
]


def parse(cursor, root=False):
    """The entry at the front of `cursor`. `root`: the root folder's, which alone has the empty name."""
    length, = cursor.unpack("I")
    need(4 + LAYOUT.size <= length <= ENTRY_MAX, "TREE-5", f"a folder entry of {length} bytes")
    # AMBIGUITY (TREE-5, TREE-6): the table of folder entries has no rule number; what breaks it is reported as TREE-6.
    inner = Cursor(cursor.take(length - 4), "TREE-6", "folder entry")
    (kind, content, name_length, mode, uid, gid, names, size, modified, changed, modified_ns, changed_ns, inode,
     device) = LAYOUT.unpack(inner.take(LAYOUT.size))
    name = inner.take(name_length)
    check_name(name, root)
    need(kind in KINDS, "TREE-6", f"unknown item kind {kind}")
    need(content in (NOTHING, CHUNK, TREE), "TREE-6", f"unknown content {content}")
    need(mode <= 0o7777, "TREE-6", f"mode {mode:o}")
    need(names >= 1, "TREE-6", "an inode of no names")
    need(modified_ns <= 999_999_999 and changed_ns <= 999_999_999, "TREE-6", f"nanoseconds {modified_ns}, {changed_ns}")
    content_id = inner.take(32) if content != NOTHING else None
    below = Sums(*inner.unpack("QQQqq")) if kind == FOLDER else None
    fields = read_fields(inner.take(inner.left()), TAGS, "TREE-6")
    parsed = Entry(kind, content, mode, uid, gid, names, size, (modified, modified_ns), (changed, changed_ns), inode, device, name,
                   content_id, below, fields, length)
    _check_kind(parsed)
    return parsed


def check_name(name, root):
    if root:
        need(name == b"", "TREE-7", "the root folder has a name")
        return
    need(1 <= len(name) <= 4095, "TREE-7", f"a name of {len(name)} bytes")
    need(b"\0" not in name and b"/" not in name and name not in (b".", b".."), "TREE-7", f"name {name!r}")


def _check_kind(item):
    kind, fields, what = item.kind, item.fields, KINDS[item.kind]
    allowed = {FILE: (NOTHING, CHUNK, TREE), FOLDER: (NOTHING, TREE)}.get(kind, (NOTHING,))
    need(item.content in allowed, "TREE-9", f"{item.name!r}: a {what} has content {item.content}")
    # AMBIGUITY (TREE-6): fields 4, 5 and 7 are taken to be refused on kinds that they are not described for.
    need((fields.numbers is not None) == (kind in (CHARACTER, BLOCK)), "TREE-6", f"{item.name!r}: a {what}, device numbers {fields.numbers}")
    need((fields.target is not None) == (kind == SYMLINK), "TREE-6", f"{item.name!r}: a {what}, symlink target {fields.target!r}")
    need(fields.runs is None or kind == FILE, "TREE-6", f"{item.name!r}: a {what} has runs")
    # AMBIGUITY (TREE-6): whether folders may have a link group is open; they are refused, for no folder has two names.
    need(fields.link_group is None or kind != FOLDER, "TREE-6", f"{item.name!r}: a folder has a link group")
    need(kind != SYMLINK or item.size == len(fields.target), "TREE-9", f"{item.name!r}: size is not the target's length")
    names = [name for name, _value in fields.xattrs]
    need(all(a < b for a, b in zip(names, names[1:])), "TREE-6", f"{item.name!r}: extended attributes do not rise")
    if kind == FILE:
        # AMBIGUITY (TREE-6): runs inside *size* is not said, but nothing else can be restored.
        last = fields.runs[-1] if fields.runs else (0, 0)
        need(sum(last) <= item.size, "TREE-6", f"{item.name!r}: runs end beyond its size")
        need((item.content == NOTHING) == (item.data_length() == 0), "TREE-9",
             f"{item.name!r}: content {item.content} of {item.data_length()} bytes")
    if kind == FOLDER:
        need((item.content == NOTHING) == (item.below.entries == 0), "TREE-9",
             f"{item.name!r}: content {item.content}, {item.below.entries} entries")
        need(item.content != NOTHING or item.below == Sums(), "TREE-8", f"{item.name!r}: an empty folder has sums")
