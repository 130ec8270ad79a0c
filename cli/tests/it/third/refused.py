"""Tries every call that changes something below the folder of the first argument; a line each: the call, and its errno or "done".

Calls on descriptors that only read are refused before the file system is asked (EBADF, EINVAL, EACCES), and named so.
"""

import ctypes
import errno
import fcntl
import mmap
import os
import sys

AT_FDCWD = -100
libc = ctypes.CDLL(None, use_errno=True)
os.chdir(sys.argv[1])


def call(name, *arguments):
    """A call that Python has no function for."""
    if getattr(libc, name)(*arguments) < 0:
        raise OSError(ctypes.get_errno(), name)


def reading(act):
    """Acts on a descriptor that only reads."""
    descriptor = os.open("file", os.O_RDONLY)
    try:
        act(descriptor)
    finally:
        os.close(descriptor)


def opening(flags, path="file"):
    os.close(os.open(path, flags, 0o600))


CALLS = {
    "open O_WRONLY": lambda: opening(os.O_WRONLY),
    "open O_RDWR": lambda: opening(os.O_RDWR),
    "open O_APPEND": lambda: opening(os.O_WRONLY | os.O_APPEND),
    "open O_TRUNC": lambda: opening(os.O_RDONLY | os.O_TRUNC, "other"),
    "open O_CREAT": lambda: opening(os.O_RDONLY | os.O_CREAT, "new-1"),
    "open O_TMPFILE": lambda: opening(os.O_RDWR | os.O_TMPFILE, "."),
    "mkdir": lambda: os.mkdir("new-2"),
    "mknod fifo": lambda: os.mkfifo("new-3"),
    "mknod device": lambda: os.mknod("new-4", 0o20600, os.makedev(1, 3)),
    "symlink": lambda: os.symlink("file", "new-5"),
    "link": lambda: os.link("file", "new-6"),
    "rename": lambda: os.rename("moved", "moved-2"),
    "rename over": lambda: os.rename("over", "other"),
    "truncate": lambda: os.truncate("other", 1),
    "chmod": lambda: os.chmod("file", 0o644),
    "chown": lambda: os.chown("file", 1, 1),
    "lchown": lambda: os.lchown("symlink", 1, 1),
    "utimensat": lambda: os.utime("file", ns=(1, 1)),
    "utimensat of a link": lambda: os.utime("symlink", ns=(1, 1), follow_symlinks=False),
    "fchmod": lambda: reading(lambda fd: os.fchmod(fd, 0o640)),
    "fchown": lambda: reading(lambda fd: os.fchown(fd, 2, 2)),
    "futimens": lambda: reading(lambda fd: os.utime(fd, ns=(2, 2))),
    "setxattr user": lambda: os.setxattr("file", "user.new", b"x"),
    "setxattr trusted": lambda: os.setxattr("file", "trusted.new", b"x"),
    "setxattr of a folder": lambda: os.setxattr(".", "user.new", b"x"),
    "setxattr access list": lambda: os.setxattr("file", "system.posix_acl_access", bytes.fromhex(
        "02000000" "01000600ffffffff" "04000400ffffffff" "20000400ffffffff")),
    "lsetxattr": lambda: os.setxattr("symlink", "trusted.new", b"x", follow_symlinks=False),
    "fsetxattr": lambda: reading(lambda fd: os.setxattr(fd, "user.newer", b"x")),
    "removexattr": lambda: os.removexattr("file", "user.old"),
    "ioctl FS_IOC_SETFLAGS": lambda: reading(lambda fd: fcntl.ioctl(fd, 0x40086602, bytes(8))),
    "unlink": lambda: os.unlink("removed"),
    "rmdir": lambda: os.rmdir("empty"),
    "write": lambda: reading(lambda fd: os.write(fd, b"x")),
    "pwrite": lambda: reading(lambda fd: os.pwrite(fd, b"x", 0)),
    "ftruncate": lambda: reading(lambda fd: os.ftruncate(fd, 1)),
    "fallocate": lambda: reading(lambda fd: os.posix_fallocate(fd, 0, 10)),
    "copy_file_range": lambda: reading(lambda fd: os.copy_file_range(fd, fd, 1, 0, 10)),
    "mmap MAP_SHARED PROT_WRITE": lambda: reading(
        lambda fd: mmap.mmap(fd, 5, mmap.MAP_SHARED, mmap.PROT_READ | mmap.PROT_WRITE).close()),
    "renameat2 RENAME_EXCHANGE": lambda: call("renameat2", AT_FDCWD, b"file", AT_FDCWD, b"other", 2),
}

for name, act in CALLS.items():
    try:
        act()
        print(name, "done")
    except OSError as error:
        print(name, errno.errorcode[error.errno])
