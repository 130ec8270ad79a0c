"""Reads the log to its head (spec/log.md, LOG-23): from the newest checkpoint that can be read, or from slot 1 where there is none."""

from . import checkpoint, config, log, names
from .container import CHECKPOINT, LOG
from .errors import Broken, about, need
from .history import History
from .resume import resume


class Head:
    """`history` is how far it came. Who collects at the same time may delete entries under our hands; then a newer checkpoint covers them."""

    def __init__(self, repository, config_hash):
        self.repository, self.raises, self.tried = repository, config.raises(repository.config), set()
        # Slots that a SetAside names (LOG-28).
        self.aside, self.config_hash = set(), config_hash
        self.history = History(config_hash, self.raises)

    def read(self):
        found, awaited = self._listed(), None
        while True:
            self._jump(found[CHECKPOINT])
            stopped = self._walk()
            found = self._listed()
            if any(slot > self.history.slot and slot not in self.tried for slot in found[CHECKPOINT]):
                continue
            if stopped is not None:
                if self._learn_aside():
                    continue
                raise stopped
            beyond = [slot for slot in found[LOG] if slot > self.history.slot and not self._is_void(slot)]
            if not beyond:
                return self.history
            if self._learn_aside():
                continue
            missing = self.history.slot + 1
            with about(names.log(missing)):
                # It may have appeared since, once.
                need(missing in beyond and missing != awaited, "LOG-23",
                     f"the slot is missing, slot {min(beyond)} is there, and no checkpoint that can be read covers it: the log is damaged here")
            awaited = missing

    def _learn_aside(self):
        """LOG-28: whether the slot at which reading stopped is set aside, as the first entry behind it that can be read says."""
        stopped = self.history.slot + 1
        for slot in sorted(slot for slot in self._listed()[LOG] if slot >= stopped):
            try:
                found = self.repository.read_entry(slot)
            except Broken:
                found = None
            if found is None:
                continue
            entry = found[0]
            if entry.kind[0] != log.SET_ASIDE or entry.first > stopped or self.aside.issuperset(range(entry.first, slot)):
                return False
            self.aside.update(range(entry.first, slot))
            if self.history.slot >= entry.first:
                # What was taken in from there on counts for nothing.
                self.history = History(self.config_hash, self.raises)
                self.tried = {at for at in self._listed()[CHECKPOINT] if at >= entry.first}
            return True
        return False

    def _is_void(self, slot):
        try:
            return self.repository.read_entry(slot) is None
        except Broken:
            return False

    def _listed(self):
        """Slots of entries and checkpoints that the listing shows now."""
        found = {LOG: [], CHECKPOINT: []}
        for name in self.repository.store.names():
            told = names.parse(name)
            if told.kind in found:
                found[told.kind].append(told.number)
        return found

    def _jump(self, checkpoints):
        """Begins anew at the newest checkpoint beyond us that can be read. One that cannot is as if it were not there."""
        for slot in sorted(checkpoints, reverse=True):
            if slot <= self.history.slot or slot in self.tried:
                continue
            self.tried.add(slot)
            try:
                self.history = resume(checkpoint.load(self.repository, names.checkpoint(slot)))
                return
            except Broken as broken:
                self.repository.warn(str(broken))

    def _walk(self):
        """Takes in entries until a slot is absent (None) or does not hold (its `Broken`)."""
        while self.history.slot + 1 in self.aside or self.repository.store.exists(names.log(self.history.slot + 1)):
            slot = self.history.slot + 1
            try:
                with about(names.log(slot)):
                    found = None if slot in self.aside else self.repository.read_entry(slot)
                    if found is None:
                        self.history.pass_over(slot)
                    else:
                        self.history.append(slot, *found)
            except Broken as broken:
                return broken
        return None
