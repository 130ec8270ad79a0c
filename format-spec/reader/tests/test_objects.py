"""Single objects: containers, sealing, keys, fields; good ones and broken ones with the rule that refuses them."""

import contextlib
import io
import random
import struct
import tempfile
import unittest
import zlib

import zstandard
from blake3 import blake3
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from reader import config, container, fields, index, keys, log, names, pack, point, sealing, tree
from reader.command import main
from reader.errors import Broken
from reader.judge import judge

from . import encoder as e


class Case(unittest.TestCase):
    def refused(self, rule, action, *arguments):
        with self.assertRaises(Broken) as caught:
            action(*arguments)
        self.assertEqual(caught.exception.rule, rule, caught.exception)

    def verdict(self, data):
        broken = judge(data, lambda line: None)
        return broken.rule if broken else "ok"


class Containers(Case):
    def setUp(self):
        self.config = e.build(7, [(34, e.config_fields(0))])

    def small(self):
        """One small object of every kind, in the suites that it can have."""
        records, _ = e.pack_records([b"one", b"two"], e.chunk_id)
        yield from (self.config, e.slot(b"key-slot", b"pass"), e.build(1, records, 0, 1, 0), e.build(1, records, 1, 1, 0))
        yield e.build(2, e.pack_records([e.node(3, 0, [e.pair(b"k", b"v")])], e.node_id)[0], 0, 1, 1)

    def test_good_objects_are_ok(self):
        self.assertEqual([self.verdict(data) for data in self.small()], ["ok"] * 5)

    def test_every_truncation_is_refused(self):
        for data in self.small():
            for length in range(len(data)):
                self.assertIn(self.verdict(data[:length]), ("CONT-1", "CONT-2", "CONT-15"))

    def test_every_flipped_bit_is_refused(self):
        for data in self.small():
            for at in range(len(data)):
                damaged = bytearray(data)
                damaged[at] ^= 1 << at % 8
                self.assertNotEqual(self.verdict(bytes(damaged)), "ok", at)

    def test_appended_byte_is_refused(self):
        self.assertEqual(self.verdict(self.config + b"\0"), "CONT-15")

    def test_longer_header_of_a_later_minor_version_is_read(self):
        self.assertEqual(self.verdict(e.build(7, [(34, e.config_fields(0))], length=160, minor=9)), "ok")

    def test_versions_and_flags(self):
        for rule, other in (("CONT-3", {"major": 2}), ("CONT-3", {"incompat": 1}), ("ok", {"ro_compat": 1}), ("CONT-7", {"suite": 1}),
                            ("CONT-4", {"session": 1}), ("CONT-5", {"length": 4097})):
            self.assertEqual(self.verdict(e.build(7, [(34, e.config_fields(0))], **({"sealed": False} | other))), rule, other)

    def test_unknown_record_kind_is_skipped(self):
        self.assertEqual(self.verdict(e.build(7, [(200, b"later"), (34, e.config_fields(0))])), "ok")

    def test_second_known_record_is_refused(self):
        self.assertEqual(self.verdict(e.build(7, [(34, e.config_fields(0))] * 2)), "CONF-1")

    def test_seal_of_another_header_is_refused(self):
        other = e.build(7, [(34, e.config_fields(0))], salt=b"t" * 32)
        length = struct.unpack_from("<Q", self.config, len(self.config) - 104)[0]
        trailer = bytearray(self.config[-104:])
        trailer[16] ^= 1
        trailer[96:100] = struct.pack("<I", zlib.crc32(trailer[:96]))
        self.assertEqual(self.verdict(self.config[:-104] + bytes(trailer)), "CONT-17")
        self.assertEqual(self.verdict(other[:96] + self.config[96:]), "CONT-16")
        self.assertLess(length, len(self.config))

    def test_names(self):
        header = container.parse_header(e.header(1, 0, 3, 4))
        names.check(header, "data/00000003/00000004")
        for name in ("data/00000003/00000005", "meta/00000003/00000004", "log/0000000000000004"):
            self.refused("CONT-4", names.check, header, name)
        self.refused("NAME-3", names.check, header, "data/3/4")

    def test_command_prints_a_verdict(self):
        with tempfile.NamedTemporaryFile() as file:
            file.write(self.config)
            file.flush()
            with contextlib.redirect_stdout(io.StringIO()) as out:
                self.assertEqual(main(["object", file.name]), 0)
            self.assertTrue(out.getvalue().endswith("\nok\n"))
            file.write(b"\0")
            file.flush()
            with contextlib.redirect_stdout(io.StringIO()) as out:
                self.assertEqual(main(["object", file.name]), 1)
            self.assertIn("\nCONT-15 ", out.getvalue())


class Sealing(Case):
    def setUp(self):
        records, _ = e.pack_records([b"x" * 5000, b"y" * 5000, b"z", b"w"], e.chunk_id)
        self.raw = e.build(1, records, 1, 5, 6)
        self.parsed = container.parse(self.raw)
        self.aes, self.seal = keys.Secrets(e.DEDUP, e.MASTER).keys_of(self.parsed.header)

    def test_records_open(self):
        plain = sealing.open_record(self.parsed.records[0], self.aes)
        self.assertEqual(plain, b"x" * 5000 + b"y" * 5000 + b"z")
        sealing.check_seal(self.parsed, self.seal)

    def test_another_key_is_refused(self):
        self.refused("CONT-12", sealing.open_record, self.parsed.records[0], bytes(32))
        self.refused("CONT-17", sealing.check_seal, self.parsed, bytes(32))

    def test_keys_differ_by_object(self):
        secrets, header = keys.Secrets(e.DEDUP, e.MASTER), self.parsed.header
        own = secrets.object_keys(1, header.repository, 5, 6, header.salt)
        for other in ((2, 5, 6), (1, 6, 6), (1, 5, 7)):
            self.assertNotEqual(secrets.object_keys(other[0], header.repository, *other[1:], header.salt), own)

    def test_tag_covers_the_head(self):
        record = self.parsed.records[1]
        head = bytearray(record.head)
        head[12] ^= 1
        self.refused("CONT-12", sealing.open_record, container.Record(**{**vars(record), "head": bytes(head)}), self.aes)
        self.refused("CONT-12", sealing.open_record, container.Record(**{**vars(record), "position": 0}), self.aes)

    def test_tag_too_short_for_gcm(self):
        record = container.Record(**{**vars(self.parsed.records[0]), "payload": memoryview(b"short")})
        self.refused("CONT-12", sealing.open_record, record, self.aes)

    def test_zstd_frames(self):
        plain = b"a" * 100_000
        frame = zstandard.ZstdCompressor().compress(plain)
        silent = zstandard.ZstdCompressor(write_content_size=False).compress(plain)
        self.assertEqual(sealing.decompress(frame, len(plain)), plain)
        self.assertEqual(sealing.decompress(silent, len(plain)), plain)
        for bad, length in ((frame, 99_999), (frame, 100_001), (silent, 99_999), (silent, 100_001), (frame + frame, 100_000),
                            (frame + b"\0", 100_000), (frame[:-1], 100_000), (b"\x50\x2a\x4d\x18\0\0\0\0" + frame, 100_000), (b"", 1)):
            self.refused("CONT-11", sealing.decompress, bad, length)

    def test_frame_that_claims_terabytes_is_not_allocated(self):
        # Magic, descriptor with an 8-byte content size, window byte, content size of 2^42, one raw last block of no bytes.
        frame = b"\x28\xb5\x2f\xfd\xc0\x00" + struct.pack("<Q", 1 << 42) + b"\x01\0\0"
        self.refused("CONT-11", sealing.decompress, frame, 4_194_304)


class Slots(Case):
    def open(self, raw, password):
        parsed = container.parse(raw)
        plain = sealing.open_record(parsed.records[0])
        return keys.open_slot(parsed.header, plain, keys.parse_slot(plain), password)

    def test_password_opens(self):
        secrets = self.open(e.slot(b"key-slot", b"pass"), b"pass")
        self.assertEqual(secrets.master, e.MASTER)
        self.assertEqual(secrets.chunk_id(b"x"), e.chunk_id(b"x"))
        self.assertNotEqual(secrets.node_id(b"x"), secrets.chunk_id(b"x"))

    def test_other_passwords_do_not(self):
        for password in (b"Pass", b"pass\n", b""):
            self.refused("KEY-3", self.open, e.slot(b"key-slot", b"pass"), password)

    def test_one_line_feed_is_dropped(self):
        self.assertEqual([keys.password_of_file(data) for data in (b"a", b"a\n", b"a\n\n", b"\n")], [b"a", b"a", b"a\n", b""])

    def test_changed_label_does_not_open(self):
        raw = e.slot(b"key-slot", b"pass")
        parsed = container.parse(raw)
        plain = bytes(parsed.records[0].payload).replace("Schlüssel".encode(), b"Schluessel")
        self.refused("KEY-3", self.open, e.build(8, [(35, plain)]), b"pass")
        self.refused("KEY-3", self.open, e.build(8, [(35, bytes(parsed.records[0].payload))], salt=b"t" * 32), b"pass")

    def test_costs_are_bounded_before_anything_is_allocated(self):
        for costs in ((4_194_305, 1, 1), (64, 65, 1), (64, 1, 65), (7, 1, 1), (64, 0, 1), (64, 1, 0)):
            self.refused("KEY-2", keys._costs, struct.pack("<III", *costs), "KEY-2")

    def test_wrapped_secrets_are_plain_aes_gcm(self):
        parsed = container.parse(e.slot(b"key-slot", b"pass"))
        self.assertEqual(len(keys.parse_slot(bytes(parsed.records[0].payload)).wrapped), len(AESGCM(bytes(32)).encrypt(bytes(12), bytes(64), b"")))


class Rows(Case):
    TAGS = [fields.Tag(1, "one", fields.number("B"), critical=True, required=True), fields.Tag(2, "two", fields.utf8),
            fields.Tag(3, "many", fields.raw, repeat=True)]

    def test_fields(self):
        row = fields.read_fields(e.field(1, b"\7") + e.field(3, b"x", False) + e.field(3, b"y", False) + e.field(9, b"?", False), self.TAGS, "R")
        self.assertEqual((row.one, row.two, row.many), (7, None, [b"x", b"y"]))

    def test_broken_rows(self):
        one, two = e.field(1, b"\7"), e.field(2, b"x", False)
        for rule, data in (("CONT-19", two + one), ("CONT-19", one + two + two), ("CONT-19", two), ("CONT-19", one + e.field(8, b"")),
                           ("CONT-19", one[:-1]), ("CONT-19", one + b"\0"), ("CONT-19", e.field(1, b"")), ("R", one + e.field(2, b"\xff", False)),
                           ("CONT-19", struct.pack("<HHI", 0x8001, 0, 2**32 - 1) + b"\7"), ("CONT-19", struct.pack("<HHI", 0x8001, 1, 1) + b"\7"),
                           ("CONT-19", e.field(1, b"\7", False))):
            self.refused(rule, fields.read_fields, data, self.TAGS, "R")

    def test_config_bounds(self):
        config.parse(e.config_fields(0))
        for rule, bounds in (("CONF-3", (63, 128, 256)), ("CONF-3", (64, 130, 256)), ("CONF-3", (64, 128, 127)), ("CONF-3", (64, 128, 4_194_305))):
            self.refused(rule, config.parse, e.config_fields(0, *bounds))
        for rule, old, new in (("CONF-1", e.field(1, b"\1"), e.field(1, b"\3")), ("CONF-1", e.field(9, e.DEDUP), b""),
                               ("CONF-1", struct.pack("<I", 5_000_000), struct.pack("<I", 5_000_001)),
                               ("CONF-1", struct.pack("<I", 5_000_000), struct.pack("<I", 65_535)),
                               ("CONF-3", e.field(4, struct.pack("<I", 4096)), e.field(4, struct.pack("<I", 4095)))):
            self.refused(rule, config.parse, e.config_fields(0).replace(old, new))

    def test_unknown_entry_kinds_follow_their_treatment(self):
        def entry(kind, treatment):
            return (e.field(1, bytes(8)) + e.field(2, bytes(32)) + e.field(3, bytes(16)) + e.field(5, struct.pack("<HH", kind, treatment))
                    + e.field(90, b"?"))

        self.refused("LOG-2", log.parse, entry(40, 0))
        self.assertEqual(log.parse(entry(40, 1)).kind, (40, 1))
        self.assertEqual(log.parse(entry(77, 2)).kind, (77, 2))
        self.refused("CONT-19", log.parse, entry(1, 0))

    def test_uses_of_a_pack(self):
        key, good = struct.pack(">II", 1, 2), struct.pack("<IBIII", 3, 0b101, 1, 2, 4)
        self.assertEqual(point.parse_use(key, good).counts, {0: 1, 2: 4})
        for value in (good[:-1], good + b"\0", struct.pack("<IBIII", 3, 0b1101, 1, 2, 4), struct.pack("<IBIII", 3, 0b101, 1, 1, 4),
                      struct.pack("<IBIII", 3, 0b101, 1, 2, 1), struct.pack("<I", 2**32 - 1), struct.pack("<IBI", 3, 1, 2**32 - 1)):
            self.refused("POINT-6", point.parse_use, key, value)


class Noise(Case):
    """Whatever stands in a plaintext, a parser refuses it with a rule or takes it: nothing else is ever raised."""

    def test_damaged_plaintexts(self):
        root = e.item(b"", 2, below=e.add_up([]), fields=e.field(6, b"\1\0av"))["raw"]
        manifest = (e.field(1, bytes(16)) + e.field(2, bytes(12)) + e.field(4, b"j") + e.field(9, b"\1") + e.field(11, b"\1") + e.field(12, root)
                    + e.field(14, bytes(64)))
        entry = e.field(1, bytes(8)) + e.field(2, bytes(32)) + e.field(3, bytes(16)) + e.field(5, b"\2\0\0\0")
        publish = entry + e.field(64, bytes(4)) + e.field(65, struct.pack("<IB3xQII32x", 1, 1, 9, 1, 0)) + e.field(66, bytes(48))
        files = [e.item(b"a", content=1, id=bytes(32), size=5, fields=e.field(7, struct.pack("<QQ", 0, 5))), e.item(b"l", 3, size=1, fields=e.field(5, b"t"))]
        slot = bytes(container.parse(e.slot(b"key-slot", b"pass")).records[0].payload)
        blocks = [type("Block", (), {"plain": 9})]
        for parse, good in ((point.parse, manifest), (log.parse, publish), (config.parse, e.config_fields(1)), (keys.parse_slot, slot),
                            (tree.parse_node, e.node(1, 0, files)), (tree.parse_node, e.node(3, 0, [e.pair(b"k", b"v")])),
                            (lambda plain: point.parse_use(bytes(8), plain), struct.pack("<IBIII", 3, 0b101, 1, 2, 4)),
                            (lambda plain: pack.parse_contents(plain, blocks), struct.pack("<I32sI", 1, b"", 9)),
                            (lambda plain: sealing.decompress(plain, 1000), zstandard.ZstdCompressor().compress(bytes(1000)))):
            parse(good)
            chance = random.Random(len(good))
            for _ in range(1500):
                damaged = bytearray(good)
                for _ in range(chance.randint(1, 3)):
                    damaged[chance.randrange(len(damaged))] = chance.choice((0, 1, 2, 127, 128, 255, chance.randrange(256)))
                with contextlib.suppress(Broken):
                    parse(bytes(damaged[:chance.choice((len(damaged), chance.randrange(len(damaged) + 1)))]))

    def test_damaged_containers_with_good_crcs(self):
        good = e.build(7, [(34, e.config_fields(0)), (99, b"later")])
        chance, verdicts = random.Random(7), set()
        start, = struct.unpack_from("<Q", good, len(good) - 104)
        for _ in range(4000):
            raw = bytearray(good)
            at = chance.choice((chance.randrange(96), chance.randrange(96, 128), chance.randrange(start, len(raw))))
            raw[at] = chance.choice((0, 1, 255, chance.randrange(256)))
            raw[92:96] = struct.pack("<I", zlib.crc32(raw[:92]))
            raw[124:128] = struct.pack("<I", zlib.crc32(raw[96:124]))
            raw[-104 + 48:-104 + 80] = blake3(raw[:start]).digest()
            raw[-104 + 88:-104 + 92] = struct.pack("<I", zlib.crc32(raw[start:-104]))
            raw[-8:-4] = struct.pack("<I", zlib.crc32(raw[-104:-8]))
            verdicts.add(self.verdict(bytes(raw)))
        self.assertLessEqual({"CONT-1", "CONT-2", "CONT-3", "CONT-4", "CONT-7", "CONT-8", "CONT-9", "CONT-13", "CONT-15", "CONT-17"}, verdicts)


class Segments(Case):
    def sections(self):
        return [(16, struct.pack("<QII", 2, 1, 1)), (17, struct.pack("<IIQIB3x32s32s", 1, 0, 500, 2, 1, b"s" * 32, b"h" * 32)),
                (18, struct.pack("<III", 0, 96, 50)), (19, b"a" * 32 + b"b" * 32), (20, struct.pack("<8I", 0, 1, 10, 10, 0, 0, 0, 10))]

    def test_good(self):
        entries, packs = index.parse(self.sections())
        self.assertEqual([(id[:1], place.blob, place.block) for id, place in entries], [(b"a", 1, 96), (b"b", 0, 96)])

    def test_broken(self):
        changes = {
            "IDX-1": [(4, None), (3, b"a" * 31)], "IDX-2": [(0, struct.pack("<QII", 3, 1, 1)), (0, struct.pack("<QII", 0, 1, 1))],
            "IDX-3": [(1, struct.pack("<IIQIB3x32s32s", 1, 0, 500, 2, 3, b"s" * 32, b"h" * 32))], "IDX-5": [(3, b"b" * 32 + b"a" * 32)],
            "IDX-7": [(2, struct.pack("<III", 1, 96, 50)), (4, struct.pack("<8I", 1, 1, 10, 10, 0, 0, 0, 10)),
                      (4, struct.pack("<8I", 0, 1, 10, 0, 0, 0, 0, 10)), (4, struct.pack("<8I", 0, 1, 2**32 - 1, 10, 0, 0, 0, 10))]}
        for rule, rows in changes.items():
            for at, plain in rows:
                sections = self.sections()
                sections[at] = sections[at][0], plain
                self.refused(rule, index.parse, [row for row in sections if row[1] is not None])


if __name__ == "__main__":
    unittest.main()
