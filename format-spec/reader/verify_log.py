"""What is there of the log against its checkpoints: LOG-21 to LOG-24. The reader itself began at the newest one (`head`)."""

from . import config, log, names
from .errors import need
from .history import History
from .resume import resume
from .verify_sums import SumCheck


class LogCheck:
    """`entries`: slot -> (entry, hash of its object), `checkpoints`: slot -> fields, of all that can be read."""

    def __init__(self, repository, verdict, entries, checkpoints):
        self.repository, self.verdict, self.entries = repository, verdict, entries
        # Entries up to the newest checkpoint that are proven to be those which it sums up.
        self.proven = {}
        # LOG-28: what is set aside, and the checkpoints of such slots, count for nothing.
        self.aside = aside(entries)
        self.checkpoints = {slot: own for slot, own in checkpoints.items() if slot not in self.aside}

    def run(self):
        """The history that begins earliest, of all that lead to the head without a gap."""
        told = self.repository.history
        if not told.begun:
            return told
        newest = self.checkpoints[told.begun]
        self.verdict.judge(names.checkpoint(newest.slot), self._prove, newest)
        for slot, own in self.checkpoints.items():
            if slot < newest.slot:
                self.verdict.judge(names.checkpoint(slot), self._same_hashes, own, _hashes(newest))
        reached, raises = 0, config.raises(self.repository.config)
        for slot in [0] + sorted(self.checkpoints):
            if slot and slot <= reached:
                continue  # It was compared on the way.
            history = resume(self.checkpoints[slot], raises) if slot else History(self.repository.config_hash, raises)
            if self._replay(history, told):
                return history
            reached = history.slot
        return told

    def _prove(self, newest):
        """From the checkpoint's own entry downwards: its hash is listed, and it holds the hash of the one before."""
        need(newest.slot in self.entries or self.repository.store.exists(names.log(newest.slot)), "LOG-22",
             "the entry of the newest checkpoint's own slot is absent")
        listed, after = _hashes(newest), None
        for slot in range(newest.slot, 0, -1):
            # Beyond the hashes that are listed, the entry after tells.
            hash = listed.get(slot, after)
            if hash is None:
                return
            held = after
            void = hash == bytes(32) and (slot in self.aside or self.repository.config.immutability is not None and self.entries.get(slot) is None)
            need(void or after in (None, hash), "LOG-21", f"the hash of slot {slot} is not the one that the entry after it holds")
            after = None
            if void:
                # LOG-25: told to be void; the entry after it holds the hash of one before.
                after = held
                continue
            if self.entries.get(slot) is None:
                continue
            entry, own = self.entries[slot]
            if own == hash:
                self.proven[slot], after = (entry, own), entry.before
                continue
            need(slot < newest.slot, "LOG-21", f"the hash of slot {slot} is not that of its entry")
            self.verdict.warnings.append(f"{names.log(slot)}: LOG-24: void, a checkpoint had summed up another entry of this slot")

    def _same_hashes(self, own, newest):
        for slot, hash in _hashes(own).items():
            need(newest.get(slot, hash) == hash, "LOG-21", f"the hash of slot {slot} is not the one of the newest checkpoint")

    def _is_void(self, slot, begun):
        if slot in self.aside:
            return True
        if slot <= begun and _hashes(self.checkpoints[begun]).get(slot) != bytes(32):
            return False
        return slot in self.entries and self.entries[slot] is None

    def _replay(self, history, told):
        """Goes on to the head and compares each checkpoint on the way; False where an entry is absent or does not hold."""
        while history.slot < told.slot:
            slot = history.slot + 1
            found = None if slot in self.aside else (self.proven if slot <= told.begun else self.entries).get(slot)
            if found is None and self._is_void(slot, told.begun):
                history.pass_over(slot)
                continue
            if found is None:
                return False
            self.verdict.judge(names.log(slot), history.append, slot, *found)
            if history.slot < slot:
                return False
            if slot in self.checkpoints:
                self.verdict.judge(names.checkpoint(slot), SumCheck(self.repository, history, self.checkpoints[slot]).run)
        return True


def _hashes(own):
    """{slot: hash} as a checkpoint lists them."""
    return dict(enumerate(own.hashes, own.slot + 1 - len(own.hashes)))


def aside(entries):
    """Slots that SetAside entries name (LOG-28); `entries` as `LogCheck` has them."""
    told = [found[0] for found in entries.values() if found is not None and found[0].kind[0] == log.SET_ASIDE]
    return {slot for entry in told for slot in range(entry.first, entry.slot)}
