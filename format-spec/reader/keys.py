"""Secrets, key slots and what is derived from them (spec/keys.md)."""

import struct

from argon2.exceptions import Argon2Error
from argon2.low_level import Type, hash_secret_raw
from blake3 import blake3
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from .errors import Broken, need
from .fields import Tag, fixed, number, read_fields, time, utf8

MEMORY_MAX, PASSES_MAX, LANES_MAX = 4_194_304, 64, 64
# What this reader tries (KEY-10): whoever can write to the store chooses the cost of a slot.
MEMORY_TRIED, PASSES_TRIED, SLOTS_TRIED = 1_048_576, 16, 64


class Secrets:
    """The dedup key and, of encrypted repositories, the master key."""

    def __init__(self, dedup, master=None):
        self.master = master
        self._chunk = derive("cairn 1 chunk id", dedup)
        self._node = derive("cairn 1 node id", dedup)
        self._purpose = derive("cairn 1 object key", master) if master else None

    def chunk_id(self, plaintext):
        return blake3(plaintext, key=self._chunk).digest()

    def node_id(self, plaintext):
        return blake3(plaintext, key=self._node).digest()

    def object_keys(self, kind, repository, session, ordinal, salt):
        """(AES key, seal key) of an object (KEY-5)."""
        told = struct.pack("<B16sII32s", kind, repository, session, ordinal, salt)
        material = blake3(told, key=self._purpose).digest(length=64)
        return material[:32], material[32:]

    def keys_of(self, header):
        return self.object_keys(header.kind, header.repository, header.session, header.ordinal, header.salt)


def derive(context, secret):
    return blake3(secret, derive_key_context=context).digest()


def _costs(value, rule):
    value = fixed(12)(value, rule)
    memory, passes, lanes = struct.unpack("<III", value)
    need(memory <= MEMORY_MAX and passes <= PASSES_MAX and lanes <= LANES_MAX, "KEY-2",
         f"costs of {memory} KiB, {passes} passes, {lanes} lanes are above the limits")
    # AMBIGUITY (KEY-2): no least costs are given; what argon2id (RFC 9106) itself cannot do is refused.
    need(passes >= 1 and lanes >= 1 and memory >= 8 * lanes, "KEY-2",
         f"argon2id cannot run with {memory} KiB, {passes} passes, {lanes} lanes")
    return memory, passes, lanes


# AMBIGUITY (CONT-19): no table says which of its fields are required; here and in the other tables: the critical ones.
SLOT_TAGS = [
    Tag(1, "slot", fixed(8), critical=True, required=True),
    Tag(2, "derivation", number("B"), critical=True, required=True),
    Tag(3, "costs", _costs, critical=True, required=True),
    Tag(4, "salt", fixed(16), critical=True, required=True),
    Tag(5, "label", utf8),
    Tag(6, "created", time),
    Tag(7, "wrapped", fixed(80), critical=True, required=True),
]


def parse_slot(plaintext):
    fields = read_fields(plaintext, SLOT_TAGS, "KEY-2")
    need(fields.derivation == 1, "KEY-2", f"unsupported: key derivation {fields.derivation}")
    return fields


def check_slot_name(slot, name):
    """KEY-2: the slot id is the one of the name."""
    # AMBIGUITY (KEY-2, NAME-2): the 8 bytes of the id are taken to be written in the order in which they stand.
    need(f"keys/{slot.slot.hex()}" == name, "KEY-2", f"the slot says that its id is {slot.slot.hex()}")


def work(slot):
    """How slots are ordered before they are tried (KEY-10)."""
    memory, passes, _lanes = slot.costs
    return memory * passes, memory


def need_affordable(slot):
    memory, passes, _lanes = slot.costs
    need(memory <= MEMORY_TRIED and passes <= PASSES_TRIED, "KEY-10",
         f"not tried: it takes {memory} KiB and {passes} passes, at most {MEMORY_TRIED} KiB and {PASSES_TRIED} passes are tried")


def open_slot(header, plaintext, slot, password):
    """The secrets of a parsed slot, or KEY-3 when the password is another one (or the slot is damaged)."""
    memory, passes, lanes = slot.costs
    try:
        key = hash_secret_raw(password, slot.salt, time_cost=passes, memory_cost=memory, parallelism=lanes, hash_len=32, type=Type.ID,
                              version=0x13)
    except Argon2Error as error:
        raise Broken("KEY-2", f"argon2id refuses the slot's costs: {error}") from None
    # AMBIGUITY (KEY-3): "before field 7" is taken as before that field's tag.
    sealed = header.raw + bytes(plaintext[:slot.at("wrapped")])
    try:
        secrets = AESGCM(key).decrypt(bytes(12), slot.wrapped, sealed)
    except InvalidTag:
        raise Broken("KEY-3", "wrong password, or a damaged key slot") from None
    return Secrets(dedup=secrets[32:], master=secrets[:32])


def password_of_file(data):
    """KEY-4: one trailing line feed is no part of the password."""
    return data[:-1] if data.endswith(b"\n") else data
