"""Preorder over the folder tree of a point (READ-5, TREE-13), without recursion: folders nest without limit."""

from . import tree
from .entry import FOLDER
from .errors import need

ENTER, ITEM, LEAVE = "enter", "item", "leave"


def preorder(repository, root, wanted=lambda folder: True):
    """Yields (ENTER | ITEM | LEAVE, path, entry): folders are entered and left, everything else is an item.

    `path` is a tuple of names below the root, whose own is empty. `wanted(folder)` prunes.
    """
    yield ENTER, (), root
    stack = [((), root, _children(repository, root))]
    while stack:
        path, folder, children = stack[-1]
        item = next(children, None)
        if item is None:
            stack.pop()
            yield LEAVE, path, folder
        elif item.kind != FOLDER:
            yield ITEM, path + (item.name,), item
        elif wanted(item):
            yield ENTER, path + (item.name,), item
            stack.append((path + (item.name,), item, _children(repository, item)))


def _children(repository, folder):
    if folder.content_id is None:
        return
    walk = tree.Walk(repository.node, tree.FOLDER)
    yield from walk.leaves(folder.content_id)
    need(walk.sums == folder.below, "TREE-8", f"folder {folder.name!r}: told {folder.below}, found {walk.sums}")


def joined(path):
    return b"/".join(path)


def escaped(path):
    """Printable ASCII as it is, everything else and the backslash as \\xNN."""
    return "".join(chr(byte) if 0x20 <= byte < 0x7F and byte != 0x5C else f"\\x{byte:02x}" for byte in path)
