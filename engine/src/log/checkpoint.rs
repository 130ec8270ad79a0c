//! Checkpoints: the view in one object, written when the log has grown, read in place of the entries that it sums up ([LOG-21] to [LOG-24]).
//!
//! Promises: what is written decodes to what was meant and stands behind an entry that counts; a checkpoint that cannot be read is as if it were
//! not there. Refuses to make a checkpoint necessary: whoever cannot write one goes on without.

use super::replay::Log;
use super::view::LogView;
use crate::env::Env;
use crate::error::{Error, Kind, Result};
use crate::limits::{CHECKPOINT_BYTES_MAX, CHECKPOINT_ENTRIES, TRANSIENT_ATTEMPTS};
use crate::store::{ListOptions, Look, ObjectName, StoreExt, reread};
use bytes::Bytes;
use format_spec::checkpoint::{Checkpoint, PLAIN_TOTAL_MAX};
use format_spec::{Time, names};
use std::collections::BTreeSet;

/// What this process learned about the checkpoints of its log.
#[derive(Debug, Default)]
pub(super) struct Known {
    /// The newest one that was read or written here, or by somebody else for us.
    newest: u32,
    /// The newest one that was read or written here.
    whole: u32,
    /// Those that could not be read.
    unreadable: BTreeSet<u32>,
}

impl Log {
    /// Writes a checkpoint when the log has grown by [`CHECKPOINT_ENTRIES`] since the last. That it could not is worth a warning and no more:
    /// nothing depends on it.
    pub fn checkpoint_if_due(&self, env: &dyn Env) {
        let since = self.known.lock().newest.max(self.view().since);
        if self.view().head.saturating_sub(since) < CHECKPOINT_ENTRIES {
            return;
        }
        if let Err(e) = self.checkpoint(env) {
            tracing::warn!(error = %e, "the log could not be summed up; opening the repository takes longer until it is");
        }
    }

    /// Writes a checkpoint of what was read so far. Returns its slot, or `None` where there is one of that slot or later, nothing to sum up, or
    /// an entry that forbids writing.
    ///
    /// # Errors
    /// The store's; `Damaged` when the store does not keep what it was given.
    pub fn checkpoint(&self, env: &dyn Env) -> Result<Option<u32>> {
        let view = self.view();
        let slot = view.head;
        if slot == 0 || view.read_only.is_some() {
            return Ok(None);
        }
        // This listing is made after the view's last entry was read. Had that entry been void, it would show what summed its slot up.
        if let Some(covering) = self.checkpoints_from(slot)?.into_iter().find(|c| !self.is_unreadable(*c)) {
            self.known.lock().newest = covering;
            return Ok(None);
        }
        let checkpoint = view.to_checkpoint_within(env.now(), PLAIN_TOTAL_MAX);
        let bytes = checkpoint.plain_bytes();
        if bytes > PLAIN_TOTAL_MAX {
            return Err(Error::new(
                Kind::Unsupported,
                format!("the log's sum has {bytes} bytes, more than a checkpoint may have"),
            )
            .on(names::checkpoint(slot)));
        }
        let mut salt = [0; 32];
        env.random(&mut salt)?;
        let object = Bytes::from(checkpoint.encode(self.repository, &self.secrets, salt));
        let name = ObjectName::new(names::checkpoint(slot))?;
        if self.decode_checkpoint(slot, &object)? != checkpoint {
            return Err(Error::new(Kind::Bug, "a checkpoint does not decode to what was written").on(name));
        }
        let written = self.put_checkpoint(&name, &object)?;
        let mut known = self.known.lock();
        known.newest = slot;
        if written {
            known.whole = known.whole.max(slot);
        }
        Ok(written.then_some(slot))
    }

    /// False when somebody else wrote the checkpoint of this slot: it says the same.
    fn put_checkpoint(&self, name: &ObjectName, object: &Bytes) -> Result<bool> {
        let put = patiently(|| self.store.put_new(name, object.clone()));
        let enforced = match put {
            Ok(receipt) => receipt.checksum_enforced,
            Err(e) if e.kind() == Kind::Exists => return Ok(patiently(|| self.store.get(name))? == object),
            Err(e) => return Err(e),
        };
        if !enforced && patiently(|| self.store.get(name))? != object {
            let what = "the self-check failed: the store keeps other bytes than it was given";
            return Err(Error::new(Kind::Damaged, what)
                .on(name)
                .advise("check the store's hardware or vendor; the log itself is not touched by this"));
        }
        Ok(true)
    }

    /// The view of the newest checkpoint of this slot or later that can be read.
    pub(super) fn newest_covering(&self, slot: u32) -> Result<Covering> {
        // Where a listed one is gone when it is read, newer ones were there before: the next listing shows them.
        for _ in 0..TRANSIENT_ATTEMPTS {
            let listed = patiently(|| self.checkpoints_from(slot))?;
            let (mut gone, mut none) = (false, true);
            for at in listed {
                match self.read_checkpoint(at) {
                    Ok((view, _)) => return Ok(Covering::By(Box::new(view))),
                    Err(e) if e.kind() == Kind::Absent => (gone, none) = (true, false),
                    Err(e) if matches!(e.kind(), Kind::Damaged | Kind::Unsupported) => {
                        self.pass_over(at, &e);
                        none &= self.is_junk(at)?;
                    }
                    Err(e) => return Err(e),
                }
            }
            if !gone {
                return Ok(if none { Covering::None } else { Covering::Unreadable });
            }
        }
        Ok(Covering::Unreadable)
    }

    /// The slot of the newest checkpoint up to the known head that can be read: where somebody begins who opens the repository now. 0 without one.
    /// One listing; what was neither read nor written here before is read.
    ///
    /// # Errors
    /// The store's.
    pub fn newest_checkpoint(&self) -> Result<u32> {
        let view = self.view();
        let listed = patiently(|| self.checkpoints_from(1))?;
        for at in listed.into_iter().filter(|at| *at <= view.head && !self.is_unreadable(*at)) {
            if self.sums_up_nothing(&view, at)? {
                continue;
            }
            if at == self.known.lock().whole {
                return Ok(at);
            }
            match self.read_checkpoint(at) {
                Ok(_) => return Ok(at),
                Err(e) if matches!(e.kind(), Kind::Damaged | Kind::Unsupported) => self.pass_over(at, &e),
                Err(e) if e.kind() == Kind::Absent => {}
                Err(e) => return Err(e),
            }
        }
        Ok(0)
    }

    /// The slots of listed checkpoints from `slot` on, the newest first.
    pub(super) fn checkpoints_from(&self, slot: u32) -> Result<Vec<u32>> {
        let mut slots = Vec::new();
        let after = (slot > 1).then(|| ObjectName::new(names::checkpoint(slot - 1))).transpose()?;
        self.store.list(&ListOptions::below("checkpoint").after(after.as_ref()), &mut |listed| {
            slots.extend(names::parse(listed.name.as_str()).map(|(_, _, slot)| slot).filter(|s| *s >= slot));
            true
        })?;
        slots.retain(|slot| self.until.is_none_or(|until| *slot <= until));
        slots.sort_unstable_by(|a, b| b.cmp(a));
        Ok(slots)
    }

    /// The view that a checkpoint holds, and when it was written.
    pub(super) fn read_checkpoint(&self, slot: u32) -> Result<(LogView, Time)> {
        let name = ObjectName::new(names::checkpoint(slot))?;
        let look = |look: &Look<'_>| {
            let object = look.get(&name)?;
            if object.len() as u64 > CHECKPOINT_BYTES_MAX {
                return Err(Error::new(Kind::Damaged, "a checkpoint is longer than any can be").on(&name));
            }
            self.decode_checkpoint(slot, &object)
        };
        let checkpoint = patiently(|| reread(&*self.store, look))?;
        let time = checkpoint.time;
        let view = LogView::from_checkpoint(checkpoint, self.raises).map_err(|e| e.on(&name))?;
        let mut known = self.known.lock();
        (known.newest, known.whole) = (known.newest.max(slot), known.whole.max(slot));
        Ok((view, time))
    }

    /// Whether a checkpoint that cannot be read is one that nobody with the keys has put there ([LOG-25]).
    fn is_junk(&self, slot: u32) -> Result<bool> {
        if !self.has_voids {
            return Ok(false);
        }
        let object = match patiently(|| self.store.get(&ObjectName::new(names::checkpoint(slot))?)) {
            Err(e) if e.kind() == Kind::Absent => return Ok(true),
            other => other?,
        };
        Ok(!Checkpoint::is_sealed(&object, slot, self.repository, &self.secrets))
    }

    /// Whether this process could not read a checkpoint.
    pub(super) fn is_unreadable(&self, slot: u32) -> bool {
        self.known.lock().unreadable.contains(&slot)
    }

    /// Remembers a checkpoint that cannot be read, and says so once.
    pub(super) fn pass_over(&self, slot: u32, e: &Error) {
        if self.known.lock().unreadable.insert(slot) {
            tracing::warn!(error = %e, "a checkpoint of the log cannot be read; an older one or the log itself is read in its place");
        }
    }

    fn decode_checkpoint(&self, slot: u32, object: &[u8]) -> Result<Checkpoint> {
        Checkpoint::decode(object, slot, self.repository, &self.secrets)
            .map_err(|e| Error::from(e).on(names::checkpoint(slot)))
    }
}

/// What there is to read in place of a slot.
#[derive(Debug)]
pub(super) enum Covering {
    /// No checkpoint of that slot or later is listed.
    None,
    /// Some are listed, none can be read.
    Unreadable,
    /// This is the newest one.
    By(Box<LogView>),
}

/// Asks again where trying again may help.
pub(super) fn patiently<T>(mut ask: impl FnMut() -> Result<T>) -> Result<T> {
    let mut failures = 1;
    loop {
        match ask() {
            Err(e) if e.kind() == Kind::Transient && failures < TRANSIENT_ATTEMPTS => failures += 1,
            other => return other,
        }
    }
}
