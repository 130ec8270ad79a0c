"""A repository in a local folder: names, whole objects, ranges. Reads only."""

import os

from . import names
from .errors import Broken


class Folder:
    def __init__(self, path):
        self.path = os.fsencode(path)
        if not os.path.isdir(self.path):
            raise Broken("READ-1", "not a folder", obj=os.fsdecode(path))

    def _file(self, name):
        return os.path.join(self.path, *os.fsencode(name).split(b"/"))

    def exists(self, name):
        return os.path.lexists(self._file(name))

    def size(self, name):
        return self._call(name, lambda: os.stat(self._file(name)).st_size)

    def read(self, name, most=None):
        """A whole object; `most` bounds its bytes as (limit, rule) before any of them is read."""
        if most is not None and self.size(name) > most[0]:
            raise Broken(most[1], f"{self.size(name)} bytes are more than the {most[0]} that such an object can have", obj=name)

        def whole():
            with open(self._file(name), "rb") as file:
                return file.read()

        return self._call(name, whole)

    def read_range(self, name, offset, length):
        """May be shorter at the object's end."""

        def part():
            with open(self._file(name), "rb") as file:
                file.seek(offset)
                return file.read(length)

        return self._call(name, part)

    def names(self):
        """All objects of this format; foreign names are left out (NAME-4)."""
        found = []
        for folder, _subfolders, files in os.walk(self.path):
            prefix = os.path.relpath(folder, self.path)
            for file in files:
                name = os.fsdecode(file if prefix == b"." else os.path.join(prefix, file))
                if names.parse(name) is not None:
                    found.append(name)
        return sorted(found)

    @staticmethod
    def _call(name, action):
        try:
            return action()
        except FileNotFoundError:
            raise Broken("LOG-8", "the object is absent", obj=name) from None
        except OSError as error:
            raise Broken("READ-6", f"cannot be read: {error.strerror}", obj=name) from None
