"""Handles of files, kept over a remount: name_to_handle_at and open_by_handle_at by the C library.

    handles.py save FILE PATH...        writes one handle a path, each as hex, to FILE
    handles.py open FILE MOUNT          opens each by a descriptor of MOUNT; a line each: inode, kind, what it holds
"""

import ctypes
import hashlib
import os
import stat
import sys

AT_FDCWD = -100
AT_EMPTY_PATH = 0x1000
HANDLE_BYTES = 128
libc = ctypes.CDLL(None, use_errno=True)


def save(path):
    handle = ctypes.create_string_buffer(8 + HANDLE_BYTES)
    handle[0:4] = HANDLE_BYTES.to_bytes(4, sys.byteorder)
    if libc.name_to_handle_at(AT_FDCWD, os.fsencode(path), handle, ctypes.byref(ctypes.c_int()), 0):
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), path)
    return handle.raw.hex()


def open_handle(mount, handle):
    descriptor = libc.open_by_handle_at(mount, ctypes.create_string_buffer(bytes.fromhex(handle)), os.O_RDONLY)
    if descriptor < 0:
        return os.strerror(ctypes.get_errno())
    return describe(descriptor)


def describe(descriptor):
    found = os.fstat(descriptor)
    if stat.S_ISDIR(found.st_mode):
        held = ",".join(sorted(os.listdir(descriptor)))
    else:
        held = hashlib.sha256(os.pread(descriptor, 1 << 24, 0)).hexdigest()
    os.close(descriptor)
    return f"{found.st_ino} {stat.filemode(found.st_mode)} {held}"


match sys.argv[1:]:
    case ["save", file, *paths]:
        with open(file, "w") as out:
            out.writelines(save(path) + "\n" for path in paths)
        # What the handles must give again.
        print("\n".join(describe(os.open(path, os.O_RDONLY)) for path in paths))
    case ["open", file, mount]:
        descriptor = os.open(mount, os.O_RDONLY)
        print("\n".join(open_handle(descriptor, line.strip()) for line in open(file)))
