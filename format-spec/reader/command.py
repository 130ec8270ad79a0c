"""The command line. Every refusal is one line `OBJECT: RULE: what` on standard error, and exit code 1."""

import argparse
import getpass
import os
import sys
from datetime import datetime, timedelta

from . import folders, keys, point
from .entry import KINDS
from .errors import Broken
from .judge import judge
from .repository import Repository
from .restore import Restore
from .store import Folder
from .verify import Verify


def main(arguments):
    options = _parser().parse_args(arguments)
    try:
        code = options.run(options) or 0
        sys.stdout.flush()
        return code
    except Broken as broken:
        print(broken, file=sys.stderr)
    except BrokenPipeError:
        # Who reads our output has seen enough; Python must not try to flush it once more.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except OSError as error:
        where = folders.escaped(os.fsencode(error.filename)) if isinstance(error.filename, (str, bytes)) else "this machine"
        print(f"{where}: READ-6: {error.strerror}", file=sys.stderr)
    return 1


def _parser():
    parser = argparse.ArgumentParser(prog="reader", description="Reads Cairn repositories in local folders.")
    parser.add_argument("--repo", metavar="DIR", help="the repository's folder")
    parser.add_argument("--password-file", metavar="F", help="file with the password; one trailing line feed is dropped")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    commands.add_parser("points", help="list visible restore points").set_defaults(run=_points)
    ls = commands.add_parser("ls", help="list what a point holds")
    ls.add_argument("point", metavar="POINT", help="number, id prefix or `latest`")
    ls.set_defaults(run=_ls)
    restore = commands.add_parser("restore", help="write a point into a folder")
    restore.add_argument("point", metavar="POINT", help="number, id prefix or `latest`")
    restore.add_argument("target", metavar="TARGET", help="a folder that is empty or does not exist")
    restore.set_defaults(run=_restore)
    commands.add_parser("verify", help="check every rule on every object").set_defaults(run=_verify)
    one = commands.add_parser("object", help="judge one object file, without keys")
    one.add_argument("file", metavar="FILE")
    one.set_defaults(run=_object)
    return parser


def _open(options):
    if options.repo is None:
        raise Broken("READ-1", "--repo is missing", obj="command")
    known = []

    def password():
        if not known:
            if options.password_file is None:
                known.append(os.fsencode(getpass.getpass("Password: ")))
            else:
                with open(options.password_file, "rb") as file:
                    known.append(keys.password_of_file(file.read()))
        return known[0]

    return Repository(Folder(options.repo), password, _warn, is_given=options.password_file is not None)


def _points(options):
    for visible in _open(options).points():
        manifest = visible.manifest
        print(visible.number, manifest.id.hex(), _moment(*manifest.started), folders.escaped(manifest.job.encode()),
              "full" if manifest.kind == point.FULL else "incremental", "complete" if point.is_complete(manifest) else "incomplete" if manifest.kept is None else f"incomplete, {manifest.kept} kept", sep="\t")


def _ls(options):
    repository, visible = _chosen(options)
    for step, path, item in folders.preorder(repository, visible.manifest.root):
        if path and step != folders.LEAVE:
            print(KINDS[item.kind], item.size, folders.escaped(folders.joined(path)), sep="\t")


def _restore(options):
    repository, visible = _chosen(options)
    restore = Restore(repository, options.target, _warn)
    restore.run(visible)
    print(f"{restore.written} items of point {visible.number} restored")


def _verify(options):
    verdict = Verify(_open(options)).run()
    for warning in verdict.warnings:
        _warn(warning)
    for broken in dict.fromkeys(str(broken) for broken in verdict.broken):
        print(broken, file=sys.stderr)
    for name, count in verdict.counts.items():
        print(f"{name}: {count}")
    print("broken" if verdict.broken else "ok")
    return 1 if verdict.broken else 0


def _object(options):
    with open(options.file, "rb") as file:
        broken = judge(file.read(), print)
    print(f"{broken.rule} {broken.what}" if broken else "ok")
    return 1 if broken else 0


def _chosen(options):
    repository = _open(options)
    repository.read_index()
    points = repository.points()
    if options.point == "latest" and points:
        # A rewritten point has a new number and its old time.
        return repository, max(points, key=lambda visible: (visible.manifest.started, visible.number))
    found = [visible for visible in points if str(visible.number) == options.point]
    found = found or [visible for visible in points if options.point and visible.manifest.id.hex().startswith(options.point.lower())]
    if len(found) != 1:
        raise Broken("POINT-3", "no such restore point" if not found else "several restore points have ids that begin so", obj=options.point)
    return repository, found[0]


def _moment(seconds, nanoseconds):
    try:
        moment = datetime(1970, 1, 1) + timedelta(seconds=seconds)
    except OverflowError:
        return f"{seconds}.{nanoseconds:09}s"
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{nanoseconds:09}Z"


def _warn(text):
    print(f"warning: {text}", file=sys.stderr)
