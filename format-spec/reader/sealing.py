"""From a record to its plaintext (CONT-11, CONT-12), and the seal of a directory (CONT-17)."""

import struct

import zstandard
from blake3 import blake3
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from .errors import Broken, need

FRAME_MAGIC = b"\x28\xb5\x2f\xfd"


def open_record(record, aes_key=None):
    """The plaintext of a record whose CRC was checked. With `aes_key` its tag comes first."""
    encoded = bytes(record.payload)
    if aes_key is not None:
        nonce = struct.pack("<I8x", record.position)
        try:
            encoded = AESGCM(aes_key).decrypt(nonce, encoded, record.head[:20])
        except (InvalidTag, ValueError):
            raise Broken("CONT-12", f"the tag of the record at {record.offset} fails") from None
    if record.codec == 0:
        need(len(encoded) == record.plain, "CONT-11", f"the raw record at {record.offset} is not as long as it says")
        return encoded
    need(record.codec == 1, "CONT-11", f"unsupported: codec {record.codec} of the record at {record.offset}")
    return decompress(encoded, record.plain)


def decompress(frame, length):
    """One zstd frame of exactly `length` bytes. The frame's own claim is compared first: it would size the buffer."""
    need(frame[:4] == FRAME_MAGIC, "CONT-11", "not a zstd frame")
    try:
        claimed = zstandard.get_frame_parameters(frame).content_size
        unknown = claimed == zstandard.CONTENTSIZE_UNKNOWN
        need(unknown or claimed == length, "CONT-11", f"the zstd frame claims {claimed} bytes, the record {length}")
        # AMBIGUITY (CONT-11): whether the frame must state its content size, and how large its window may be, is open.
        plain = zstandard.ZstdDecompressor().decompress(frame, max_output_size=length, allow_extra_data=False)
    except zstandard.ZstdError as error:
        raise Broken("CONT-11", f"not one zstd frame of {length} bytes: {error}") from None
    need(len(plain) == length, "CONT-11", f"the zstd frame holds {len(plain)} bytes, the record says {length}")
    return plain


def seal_of(container, seal_key=None):
    told = container.header.raw + container.body_hash + container.directory
    return (blake3(told, key=seal_key) if seal_key is not None else blake3(told)).digest()


def check_seal(container, seal_key=None):
    need(seal_of(container, seal_key) == container.seal, "CONT-17", "the seal does not fit: another key, another object, or damage")
