"""One object file without keys: what it says, and a verdict (for golden vectors)."""

from . import checkpoint, config, container, index, keys, log, pack, point, sealing, tree
from .container import CHECKPOINT, CONFIG, DATA, LOG, META, POINT, SEGMENT, SLOT
from .errors import Broken
from .repository import only_record


def judge(data, write):
    """Writes the parts as far as they can be read; returns None or the Broken that refuses the object."""
    try:
        header = container.parse_header(data)
        write(f"header kind={header.kind} ({container.KINDS[header.kind]}) suite={header.suite} minor={header.minor} "
              f"length={header.length} repository={header.repository.hex()} session={header.session} ordinal={header.ordinal} "
              f"salt={header.salt.hex()}")
        parsed = container.parse(data)
        for record in parsed.records:
            write(f"record {record.position} at={record.offset} kind={record.kind} "
                  f"({container.RECORD_KINDS.get(record.kind, 'unknown')}) codec={record.codec} stored={record.stored} "
                  f"plain={record.plain} crc={record.crc:08x}")
        write(f"trailer length={parsed.length} body_hash={parsed.body_hash.hex()} seal={parsed.seal.hex()}")
        _payload(parsed)
    except Broken as broken:
        return broken
    return None


def _payload(parsed):
    """The plaintext, where no key is needed for it."""
    kind = parsed.header.kind
    is_encrypted_config = False
    if parsed.header.suite == 0:
        if kind == CONFIG:
            is_encrypted_config = config.parse(sealing.open_record(only_record(parsed, 34, "CONF-1"))).suite == 1
        if not is_encrypted_config:
            sealing.check_seal(parsed)
        if kind == SLOT:
            keys.parse_slot(sealing.open_record(only_record(parsed, 35, "KEY-2")))
        elif kind == LOG:
            log.parse(sealing.open_record(only_record(parsed, 32, "LOG-1")))
        elif kind == CHECKPOINT:
            checkpoint.parse(checkpoint.plaintexts(parsed, sealing.open_record), parsed.header.ordinal)
        elif kind == POINT:
            point.parse(sealing.open_record(only_record(parsed, 33, "POINT-1")))
        elif kind == SEGMENT:
            index.parse([(record.kind, sealing.open_record(record)) for record in parsed.known()])
        elif kind in (DATA, META):
            _pack(parsed)
        return
    if kind in (CONFIG, SLOT, LOG, POINT):
        only_record(parsed, {CONFIG: 34, SLOT: 35, LOG: 32, POINT: 33}[kind], "CONT-10")
    elif kind in (DATA, META):
        pack.split(parsed)


def _pack(parsed):
    blocks, contents = pack.split(parsed)
    rows = pack.parse_contents(sealing.open_record(contents), blocks)
    for block, chunks in zip(blocks, rows):
        plain = sealing.open_record(block)
        for chunk in chunks if parsed.header.kind == META else ():
            tree.parse_node(plain[chunk.offset:chunk.offset + chunk.length])
