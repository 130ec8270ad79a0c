"""A whole repository: open, list, restore, verify; and one broken rule at a time."""

import contextlib
import io
import os
import stat
import struct
import tempfile
import unittest

from reader.command import main

from . import encoder as e
from .sample import BIG, PASSWORD, Collected, EmptyPoint, Sample


def run(*arguments):
    """(exit code, standard output, standard error) of the command line."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main([os.fspath(argument) for argument in arguments])
    return code, out.getvalue(), err.getvalue()


def read_with(password, repo, *command):
    """The command line on a repository, with the password where there are key slots: READ-1 refuses it elsewhere."""
    given = ("--password-file", password) if os.path.isdir(os.path.join(repo, "keys")) else ()
    return run("--repo", repo, *given, *command)


class Repository(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.repo, self.target = os.path.join(folder.name, "repo"), os.path.join(folder.name, "target")
        self.password = os.path.join(folder.name, "password")
        with open(self.password, "wb") as file:
            file.write(PASSWORD + b"\n")

    def read(self, *command):
        return read_with(self.password, self.repo, *command)

    def broken(self, rule, **hooks):
        Sample(self.repo, **hooks)
        code, _out, err = self.read("verify")
        self.assertEqual(code, 1)
        self.assertIn(f": {rule}: ", err)

    def test_both_suites_verify(self):
        for suite in (0, 1):
            with self.subTest(suite=suite):
                self.repo += str(suite)
                Sample(self.repo, suite)
                code, out, err = self.read("verify")
                self.assertEqual((code, err), (0, ""))
                self.assertIn("points verified: 1", out)
                self.assertTrue(out.endswith("ok\n"))

    def test_point_that_needs_nothing(self):
        for absent in (True, False):
            with self.subTest(absent=absent):
                self.repo += "."
                self.target += "."
                EmptyPoint(self.repo, absent)
                code, out, err = self.read("verify")
                self.assertEqual((code, err), (0, ""))
                self.assertTrue(self.read("points")[1].endswith("\tj\tfull\tcomplete\n"))
                self.assertEqual(self.read("restore", "1", self.target)[0], 0)

    def test_sample_has_trees_of_several_levels(self):
        sample = Sample(self.repo)
        data = sample.objects["meta/00000001/00000001"]
        self.assertGreater(len(data), 0)
        self.assertGreater(struct.unpack_from("<I", sample.objects["index/00000001/00000003"], 96 + 32)[0], 0)
        _code, out, _err = self.read("verify")
        nodes = int(next(line for line in out.splitlines() if line.startswith("nodes:")).split()[1])
        self.assertGreater(nodes, 12)

    def test_points_are_listed(self):
        Sample(self.repo)
        code, out, _err = self.read("points")
        self.assertEqual(code, 0)
        self.assertEqual(out, "1\ta0a1a2a3a4a5a6a7a8a9aaabacadaeaf\t2025-06-15T15:06:40.000000007Z\thome\tfull\tincomplete\n")

    def test_ls_is_in_preorder_and_escaped(self):
        Sample(self.repo)
        _code, out, _err = self.read("ls", "a0a1")
        lines = out.splitlines()
        self.assertEqual(lines[:6], ["file\t5\ta", f"file\t{len(b''.join(BIG))}\tbig", "folder\t0\tdir", "file\t6\tdir/h2",
                                     "folder\t0\tdir/void", "file\t0\tempty"])
        self.assertIn("file\t5\tz\\xff\\x0a", lines)
        self.assertEqual(len(lines), 12 + 900)

    def test_restore_gives_everything_back(self):
        Sample(self.repo)
        code, _out, err = self.read("restore", "latest", self.target)
        self.assertEqual(code, 0, err)
        at = os.fsencode(self.target)

        def content(name):
            with open(os.path.join(at, name), "rb") as file:
                return file.read()

        self.assertEqual(content(b"a"), b"hello")
        self.assertEqual(content(b"z\xff\n"), b"hello")
        self.assertEqual(content(b"big"), b"".join(BIG))
        self.assertEqual(content(b"sparse"), b"begin" + bytes(99_995) + b"end" + bytes(99_997))
        self.assertLess(os.stat(at + b"/sparse").st_blocks * 512, 200_000)
        self.assertEqual(os.readlink(at + b"/link"), b"no\xffwher")
        self.assertTrue(stat.S_ISFIFO(os.stat(at + b"/pipe").st_mode))
        self.assertEqual(os.stat(at + b"/zz").st_ino, os.stat(at + b"/dir/h2").st_ino)
        self.assertEqual(len(os.listdir(at + b"/many")), 900)
        for name in (b"a", b"link", b"dir", b"dir/void", b"many", b"."):
            self.assertEqual(os.lstat(os.path.join(at, name)).st_mtime_ns, 1_700_000_000_123_456_789, name)
        self.assertEqual(stat.S_IMODE(os.stat(at + b"/a").st_mode), 0o640)
        if "attribute" not in err:
            self.assertEqual(os.getxattr(at + b"/a", b"user.note"), b"value \0 raw")

    def test_paths_longer_than_the_system_allows_are_restored(self):
        name = b"A folder of some length"

        def prepare(sample):
            sample.hooks["items"] = lambda items: items + [sample.nested(300, name)]

        Sample(self.repo, prepare=prepare, first=lambda path: b"/".join([name] * 300 + [b"h0"]))
        code, _out, err = self.read("verify")
        self.assertEqual((code, err), (0, ""))
        code, _out, err = self.read("restore", "1", self.target)
        self.assertEqual(code, 0, err)
        self.assertEqual(os.stat(os.path.join(self.target, "zz")).st_nlink, 3)

    def test_restore_refuses_a_target_with_something_in_it(self):
        Sample(self.repo)
        os.mkdir(self.target)
        os.mkdir(os.path.join(self.target, "x"))
        self.assertEqual(self.read("restore", "1", self.target)[0], 1)

    def test_wrong_password_is_told(self):
        Sample(self.repo)
        with open(self.password, "wb") as file:
            file.write(b"wrong")
        code, _out, err = self.read("points")
        self.assertEqual(code, 1)
        self.assertIn("KEY-3: wrong password", err)

    def test_a_password_for_a_clear_repository_is_refused(self):
        Sample(self.repo, 0)
        code, out, err = run("--repo", self.repo, "--password-file", self.password, "points")
        self.assertEqual((code, out), (1, ""))
        self.assertIn("READ-1: a password is given", err)
        self.assertEqual(run("--repo", self.repo, "points")[0], 0)

    def test_a_costly_slot_is_not_tried_before_a_cheap_one_nor_above_the_bounds(self):
        sample = Sample(self.repo)
        for memory, passes in ((4_194_304, 64), (1_048_576, 17)):
            sample._put("keys/" + b"aaaaaaaa".hex(), e.planted(b"aaaaaaaa", memory, passes))
            self.assertEqual(self.read("verify")[0], 0)
            with open(self.password, "wb") as file:
                file.write(b"wrong")
            _code, _out, err = self.read("points")
            self.assertIn("KEY-10: not tried", err)
            with open(self.password, "wb") as file:
                file.write(PASSWORD)

    def test_second_slot_opens_when_the_first_does_not(self):
        sample = Sample(self.repo)
        sample._put("keys/" + b"aaaaaaaa".hex(), e.slot(b"aaaaaaaa", b"another"))
        self.assertEqual(self.read("verify")[0], 0)

    def test_every_object_is_watched(self):
        """One flipped bit in the middle of each object is found and the object is named."""
        sample = Sample(self.repo)
        for name, raw in sample.objects.items():
            with self.subTest(name=name):
                damaged = bytearray(raw)
                damaged[len(raw) // 2] ^= 1
                sample._put(name, bytes(damaged))
                code, _out, err = self.read("verify")
                self.assertEqual(code, 1)
                self.assertRegex(err, f"(?m)^{name}: [A-Z]+-[0-9]+: ")
                sample._put(name, raw)

    def test_absent_objects_are_named(self):
        for name in ("data/00000001/00000000", "meta/00000001/00000001", "index/00000001/00000003", "points/00000001/00000004"):
            with self.subTest(name=name):
                Sample(self.repo)
                os.remove(os.path.join(self.repo, name))
                code, _out, err = self.read("verify")
                self.assertEqual(code, 1)
                self.assertIn(f"{name}: LOG-8: ", err)

    def test_object_under_another_name_is_refused(self):
        sample = Sample(self.repo)
        sample._put("data/00000001/00000007", sample.objects["data/00000001/00000000"])
        self.assertIn("data/00000001/00000007: CONT-4: ", self.read("verify")[2])

    def test_replaced_log_entry_breaks_the_chain(self):
        sample = Sample(self.repo)
        config = e.build(7, [(34, e.config_fields(1))], salt=b"t" * 32, sealed=True)
        sample._put("config", config)
        code, _out, err = self.read("points")
        self.assertEqual(code, 1)
        self.assertIn("log/0000000000000001: LOG-3: ", err)

    def test_ordinal_used_twice_is_refused(self):
        sample = Sample(self.repo)
        sample._put("meta/00000001/00000000", e.build(2, e.pack_records([e.node(3, 0, [e.pair(b"k", b"v")])], e.node_id)[0], 1, 1, 0))
        self.assertIn("meta/00000001/00000000: NAME-3: ", self.read("verify")[2])

    def test_foreign_names_are_ignored(self):
        sample = Sample(self.repo)
        sample._put("lost+found/x", b"foreign")
        sample._put("data/00000001/00000000.tmp", b"foreign")
        self.assertEqual(self.read("verify")[0], 0)

    def test_config_of_another_suite_or_key_is_refused(self):
        sample = Sample(self.repo)
        sample._put("config", e.build(7, [(34, e.config_fields(1))], sealed=False))
        self.assertIn("config: CONF-4: ", self.read("points")[2])

    def test_wrong_count_in_the_reference_set(self):
        self.broken("POINT-7", more=lambda rows: [(blob, count + 1) for blob, count in rows])

    def test_wrong_first_name_in_the_link_map(self):
        self.broken("POINT-5", first=lambda path: b"zz")

    def test_wrong_sums_of_a_folder(self):
        self.broken("TREE-8", sums=lambda sums: sums[:2] + (sums[2] + 1,) + sums[3:])

    def test_points_of_two_histories(self):
        def seen(slot, digest):
            return e.field(30, struct.pack("<16sI32s", bytes(16), slot, bytes([digest]) * 32), False)

        self.broken("POINT-14", manifest=lambda fields: fields + seen(7, 1) + seen(7, 2))
        Sample(self.repo + ".", manifest=lambda fields: fields + seen(7, 1) + seen(8, 2))
        self.repo += "."
        self.assertEqual(self.read("verify")[0], 0)

    def test_wrong_ledger_count(self):
        self.broken("POINT-4", vanished=lambda count: count + 1)

    def test_node_that_ends_without_a_mark(self):
        self.broken("TREE-11", cut=lambda tree, level, item: tree == 1 and level == 0 and item["key"] == b"dir" or e.is_marked(tree, level, item))

    def test_node_that_goes_on_after_a_mark(self):
        self.broken("TREE-11", cut=lambda tree, level, item: tree != 2 and e.is_marked(tree, level, item))

    def test_blob_that_the_segment_leaves_out(self):
        self.broken("LOG-6", entries=lambda rows: rows[1:])

    def test_place_that_the_pack_does_not_have(self):
        self.broken("IDX-6", entries=lambda rows: [rows[0][:3] + (rows[0][3] + 1, rows[0][4])] + rows[1:])

    def test_unknown_critical_field_of_a_manifest(self):
        self.broken("CONT-19", manifest=lambda plain: plain + e.field(99, b""))

    def collected(self, rule, gone=(), **hooks):
        """The verdict on a collected repository without some of its objects; `rule` is None where all is well."""
        Collected(self.repo, **hooks)
        for name in gone:
            os.remove(os.path.join(self.repo, name))
        code, _out, err = self.read("verify")
        self.assertEqual(code, 0 if rule is None else 1, err)
        self.assertIn("" if rule is None else f": {rule}: ", err)

    GIVEN_UP = "data/00000001/00000000", "index/00000001/00000003", "index/00000004/00000001"

    def test_collected_repository_verifies_with_and_without_what_was_given_up(self):
        self.collected(None)
        self.collected(None, self.GIVEN_UP)
        self.assertEqual(self.read("restore", "1", self.target)[0], 0)

    def test_move_to_another_blob_is_damage(self):
        self.collected("LOG-20", self.GIVEN_UP, moved=lambda blobs: [b"something else"] + blobs[1:] + blobs[:1])

    def test_moves_in_another_order_are_damage(self):
        self.collected("LOG-13", moved=lambda blobs: blobs[1:] + blobs[:1])

    def test_needed_blob_that_did_not_survive_is_damage(self):
        self.collected("LOG-20", survivors=lambda bits: bits & ~1)

    def test_fold_that_forgets_a_blob_is_damage(self):
        self.collected("LOG-15", folded=lambda rows: rows[1:])
        self.collected("LOG-15", self.GIVEN_UP, folded=lambda rows: rows[1:])


if __name__ == "__main__":
    unittest.main()
