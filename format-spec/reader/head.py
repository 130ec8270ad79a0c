"""Reads the log to its head (spec/log.md, LOG-23): from the newest checkpoint that can be read, or from slot 1 where there is none."""

from . import checkpoint, config, names
from .container import CHECKPOINT, LOG
from .errors import Broken, about, need
from .history import History
from .resume import resume


class Head:
    """`history` is how far it came. Who collects at the same time may delete entries under our hands; then a newer checkpoint covers them."""

    def __init__(self, repository, config_hash):
        self.repository, self.raises, self.tried = repository, config.raises(repository.config), set()
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
                raise stopped
            beyond = [slot for slot in found[LOG] if slot > self.history.slot and not self._is_void(slot)]
            if not beyond:
                return self.history
            missing = self.history.slot + 1
            with about(names.log(missing)):
                # It may have appeared since, once.
                need(missing in beyond and missing != awaited, "LOG-23",
                     f"the slot is missing, slot {min(beyond)} is there, and no checkpoint that can be read covers it: the log is damaged here")
            awaited = missing

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
        while self.repository.store.exists(names.log(self.history.slot + 1)):
            slot = self.history.slot + 1
            try:
                with about(names.log(slot)):
                    found = self.repository.read_entry(slot)
                    if found is None:
                        self.history.pass_over(slot)
                    else:
                        self.history.append(slot, *found)
            except Broken as broken:
                return broken
        return None
