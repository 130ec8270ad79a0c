"""Writes a restore point into a folder (READ-5).

Works relative to an open folder, so that no path is too long and no symlink is followed. Attributes that cannot be set are warnings,
content that cannot be verified is an error.
"""

import os
import stat

from . import entry, folders
from .errors import Broken, about

NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW


class Restore:
    def __init__(self, repository, target, warn):
        self.repository, self.target, self.warn = repository, os.fsencode(target), warn
        self.first_names = {}
        self.written = 0

    def run(self, visible):
        """Everything of the point. The target must not exist, or be an empty folder."""
        os.makedirs(self.target, exist_ok=True)
        if os.listdir(self.target):
            raise Broken("READ-5", "the target is not empty", obj=os.fsdecode(self.target))
        root = here = os.open(self.target, os.O_RDONLY | os.O_DIRECTORY)
        try:
            for step, path, item in folders.preorder(self.repository, visible.manifest.root):
                shown = folders.escaped(folders.joined(path)) or "."
                if step == folders.ITEM:
                    with about(f"{visible.name} {shown}"):
                        self._item(here, root, path, item, shown)
                elif path and step == folders.ENTER:
                    os.mkdir(item.name, 0o700, dir_fd=here)
                    here = _move(here, item.name, root)
                elif path:
                    here = _move(here, b"..", root)
                    self._attributes(here, item, shown)
                self.written += step != folders.LEAVE
            self._attributes(root, visible.manifest.root, ".", name=b".")
        finally:
            if here != root:
                os.close(here)
            os.close(root)

    def _item(self, here, root, path, item, shown):
        group = item.fields.link_group
        if group in self.first_names and group is not None:
            folder = _descend(root, self.first_names[group][:-1])
            try:
                os.link(self.first_names[group][-1], item.name, src_dir_fd=folder, dst_dir_fd=here, follow_symlinks=False)
            finally:
                os.close(folder)
            return
        try:
            if not self._create(here, item, shown):
                return
        except (OverflowError, ValueError) as error:
            # Sizes beyond 2^63 and targets with NUL are not refused by the text, but no system can hold them.
            raise Broken("READ-5", f"cannot be written here: {error}") from None
        self._attributes(here, item, shown)
        if group is not None:
            self.first_names[group] = path

    def _create(self, here, item, shown):
        if item.kind == entry.FILE:
            self._file(here, item)
        elif item.kind == entry.SYMLINK:
            os.symlink(item.fields.target, item.name, dir_fd=here)
        elif item.kind == entry.FIFO:
            os.mkfifo(item.name, 0o600, dir_fd=here)
        else:
            kind = {entry.SOCKET: stat.S_IFSOCK, entry.CHARACTER: stat.S_IFCHR, entry.BLOCK: stat.S_IFBLK}[item.kind]
            try:
                os.mknod(item.name, kind | 0o600, os.makedev(*(item.fields.numbers or (0, 0))), dir_fd=here)
            except (OSError, OverflowError) as error:
                self.warn(f"{shown}: {entry.KINDS[item.kind]} not made: {error}")
                return False
        return True

    def _file(self, here, item):
        """Data goes to its runs; what lies between stays a hole."""
        runs = item.fields.runs if item.fields.runs is not None else [(0, item.size)]
        descriptor = os.open(item.name, NEW, 0o600, dir_fd=here)
        with open(descriptor, "wb", buffering=0) as file:
            spans, left, written = iter(runs), 0, 0
            for chunk in self.repository.pieces(item):
                rest = memoryview(chunk)
                while rest:
                    if left == 0:
                        offset, left = next(spans, (None, 0))
                        if offset is None:
                            raise Broken("TREE-9", f"more content than {item.data_length()} bytes")
                        file.seek(offset)
                    count = file.write(rest[:left])
                    rest, left, written = rest[count:], left - count, written + count
            if written != item.data_length():
                raise Broken("TREE-9", f"{written} bytes of content, {item.data_length()} are told")
            file.truncate(item.size)

    def _attributes(self, here, item, shown, name=None):
        """Owner first, since it clears set-user-id bits and capabilities; times last."""
        name = item.name if name is None else name
        if os.geteuid() == 0:
            self._try(shown, "owner", lambda: os.chown(name, item.uid, item.gid, dir_fd=here, follow_symlinks=False))
        for attribute, value in item.fields.xattrs:
            # There is no call with a folder's descriptor and a name; /proc gives the same without following a link.
            at = b"/proc/self/fd/%d/%s" % (here, name)
            self._try(shown, f"attribute {folders.escaped(attribute)}", lambda: os.setxattr(at, attribute, value, follow_symlinks=False))
        if item.kind != entry.SYMLINK:
            self._try(shown, "mode", lambda: os.chmod(name, item.mode, dir_fd=here))
        seconds, nanoseconds = item.modified
        at_once = seconds * 1_000_000_000 + nanoseconds
        self._try(shown, "time", lambda: os.utime(name, ns=(at_once, at_once), dir_fd=here, follow_symlinks=False))

    def _try(self, shown, what, action):
        try:
            action()
        except (OSError, OverflowError, ValueError) as error:
            self.warn(f"{shown}: {what} not set: {error}")


def _move(here, name, root):
    """The folder `name` of `here`, which is closed unless it is the root."""
    there = os.open(name, DIRECTORY, dir_fd=here)
    if here != root:
        os.close(here)
    return there


def _descend(root, path):
    folder = os.dup(root)
    for name in path:
        below = os.open(name, DIRECTORY, dir_fd=folder)
        os.close(folder)
        folder = below
    return folder
