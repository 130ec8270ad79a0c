"""How objects are called (spec/names.md)."""

import re
from dataclasses import dataclass

from .container import CHECKPOINT, CONFIG, DATA, LOG, META, POINT, SEGMENT, SLOT
from .errors import need

FOLDERS = {"data": DATA, "meta": META, "index": SEGMENT, "points": POINT}
FOLDER_OF = {kind: folder for folder, kind in FOLDERS.items()}
ORDINARY = re.compile(r"(data|meta|index|points)/([0-9a-f]{8})/([0-9a-f]{8})")
NUMBERED = re.compile(r"(keys|log|checkpoint)/([0-9a-f]{16})")


@dataclass(frozen=True)
class Name:
    """What a name says about its object. `number` is the slot of a log entry or the id of a key slot."""

    kind: int
    session: int = 0
    ordinal: int = 0
    number: int = 0


def parse(text):
    """None for foreign names (NAME-4)."""
    if text == "config":
        return Name(CONFIG)
    if match := ORDINARY.fullmatch(text):
        return Name(FOLDERS[match[1]], int(match[2], 16), int(match[3], 16))
    if match := NUMBERED.fullmatch(text):
        number = int(match[2], 16)
        if match[1] == "keys":
            return Name(SLOT, number=number)
        return Name(LOG if match[1] == "log" else CHECKPOINT, ordinal=number, number=number)
    return None


def of(kind, session, ordinal):
    return f"{FOLDER_OF[kind]}/{session:08x}/{ordinal:08x}"


def log(slot):
    return f"log/{slot:016x}"


def checkpoint(slot):
    return f"checkpoint/{slot:016x}"


def check(header, text):
    """CONT-4: kind, session and ordinal are those of the name."""
    name = parse(text)
    need(name is not None, "NAME-3", "not a name of this format")
    told, own = (name.kind, name.session, name.ordinal), (header.kind, header.session, header.ordinal)
    # AMBIGUITY (CONT-4, LOG-1): names hold slots of 64 bits, the header 32; a slot beyond 2^32-1 can never match and is refused.
    need(told == own, "CONT-4", f"the name says kind, session, ordinal {told}, the header {own}")
