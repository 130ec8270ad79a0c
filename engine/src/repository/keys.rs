//! Passwords: list, add, replace and remove key slots. No data is touched.
//!
//! ```text
//! add      new slot -> read back -> opened with its own password
//! replace  add, then remove: killed between, both open, and the same command ends it
//! reseal   replace with the same password and label: new salt, new cost, same secrets
//! remove   never the last slot that works
//! ```
//! Each change is told in the log afterwards, for people; nothing rests on it. A slot is never changed: what takes its place is a new object. Refuses to hide a lock: a slot that retention holds cannot be removed
//! (`Immutable`), and goes on opening the repository with its old password until the lock ends.

use super::create::{NewPassword, put_slot};
use super::open::Repository;
use super::slots::{read_slot, read_slots};
use super::unlock::{SlotBounds, SlotId, by_rising_cost, unlock};
use crate::error::{Error, Kind, Result};
use crate::store::{ObjectName, StoreExt};
use format_spec::Time;
use format_spec::key_slot::{Cost, KeySlot};
use format_spec::log::{Change, KeyChange};

/// A key slot as people see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SlotInfo {
    /// 16 hex digits.
    pub id: String,
    /// What it is called.
    pub label: String,
    /// When it was made.
    pub created: Time,
    /// What trying a password costs; `None` of a damaged slot.
    pub cost: Option<Cost>,
    /// Why it cannot be used, if it cannot.
    pub damaged: Option<String>,
    /// Whether that is because it needs a newer release: then it is whole.
    pub is_newer: bool,
}

/// A key slot came or went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyEvent {
    /// 16 hex digits.
    pub slot: String,
    /// Which of both.
    pub change: KeyChange,
    /// When, by the clock of who did it.
    pub time: Time,
    /// The entry of the log that tells it.
    pub entry: u32,
}

/// A slot that took another one's place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replaced {
    /// The slot that is gone.
    pub old: String,
    /// The one that opens now.
    pub new: String,
}

impl Repository {
    /// Every key slot; also those that are damaged, or gone since they were listed.
    ///
    /// # Errors
    /// The store's: of a slot that is out of reach nothing is known.
    pub fn slots(&self) -> Result<Vec<SlotInfo>> {
        let info = |(name, slot): (ObjectName, Result<KeySlot>)| match slot {
            Ok(slot) => Ok(SlotInfo {
                id: id_of(&name),
                created: slot.created,
                cost: Some(slot.cost()),
                label: slot.label,
                damaged: None,
                is_newer: false,
            }),
            Err(e) if matches!(e.kind(), Kind::Absent | Kind::Damaged | Kind::Unsupported) => Ok(SlotInfo {
                id: id_of(&name),
                label: String::new(),
                created: Time::default(),
                cost: None,
                damaged: Some(e.to_string()),
                is_newer: e.kind() == Kind::Unsupported,
            }),
            Err(e) => Err(e),
        };
        read_slots(&*self.sealed_store().store, self.id(), usize::MAX)?.slots.into_iter().map(info).collect()
    }

    /// The one slot whose id begins with `prefix`.
    ///
    /// # Errors
    /// `Input` when there is none, or several.
    pub fn slot(&self, prefix: &str) -> Result<SlotInfo> {
        let mut matching: Vec<_> = self.slots()?;
        matching.retain(|slot| !prefix.is_empty() && slot.id.starts_with(prefix));
        match (matching.pop(), matching.len()) {
            (Some(slot), 0) => Ok(slot),
            (last, others) => {
                let count = others + usize::from(last.is_some());
                let what = format!("{count} key slots have an id that begins with {prefix:?}");
                Err(Error::new(Kind::Input, what).advise("`cairn key list` shows them"))
            }
        }
    }

    /// Adds a password; returns the slot's id.
    ///
    /// # Errors
    /// `Input` for an empty password or an unencrypted repository.
    pub fn add_slot(&self, password: &[u8], label: &str, cost: Cost) -> Result<String> {
        if password.is_empty() {
            return Err(Error::new(Kind::Input, "an empty password protects nothing"));
        }
        self.expect_keys()?;
        let (store, secrets) = (&*self.sealed_store().store, &self.sealed_store().secrets);
        let new = NewPassword { password, label, cost };
        let id = put_slot(store, self.env(), self.id(), secrets, &new, &*self.trying.watch)?;
        self.note(KeyChange::Added, &id);
        Ok(id)
    }

    /// Puts a new slot in the place of an old one; the old one's label stays where no other is given. The new slot is durable and was
    /// opened before the old one goes.
    ///
    /// # Errors
    /// As [`add_slot`](Self::add_slot) and [`remove_slot`](Self::remove_slot); after an error of the latter both slots open.
    pub fn replace_slot(&self, old: &str, password: &[u8], label: Option<&str>, cost: Cost) -> Result<Replaced> {
        self.replace_slot_after(old, password, label, cost, &mut || Ok(()))
    }

    /// The same, with something that has to be done while both slots open: where a key file is kept in step, a crash at any moment leaves one that
    /// opens.
    ///
    /// # Errors
    /// As [`replace_slot`](Self::replace_slot), and what `meanwhile` says; both slots open then.
    pub fn replace_slot_after(
        &self,
        old: &str,
        password: &[u8],
        label: Option<&str>,
        cost: Cost,
        meanwhile: &mut dyn FnMut() -> Result<()>,
    ) -> Result<Replaced> {
        let old = self.slot(old)?;
        let new = self.add_slot(password, label.unwrap_or(&old.label), cost)?;
        match meanwhile().and_then(|()| self.remove(&old.id)) {
            Ok(()) => Ok(Replaced { old: old.id, new }),
            Err(e) => {
                let advice = format!(
                    "the new slot {new} opens the repository already; `cairn key remove {}` takes the old one away",
                    old.id
                );
                Err(e.advise(advice))
            }
        }
    }

    /// Seals the same secrets anew under the same password, for each slot that it opens, or for the one that `only` names: new salt, this
    /// cost. What was derived from the password before is worth nothing afterwards.
    ///
    /// # Errors
    /// `WrongPassword` when it opens none of them; as [`replace_slot`](Self::replace_slot).
    pub fn reseal_slots(&self, password: &[u8], only: Option<&str>, cost: Cost) -> Result<Vec<Replaced>> {
        self.expect_keys()?;
        let only = only.map(|prefix| self.slot(prefix)).transpose()?;
        let mut opened = Vec::new();
        let bounds = self.trying.bounds;
        let read = read_slots(&*self.sealed_store().store, self.id(), bounds.slots)?.slots;
        // Damaged slots are not opened by anything; `key list` shows them.
        let mut slots: Vec<KeySlot> = read.into_iter().filter_map(|(_, slot)| slot.ok()).collect();
        slots.retain(|slot| bounds.allow(slot.cost()) && only.as_ref().is_none_or(|only| only.id == hex(slot.id)));
        by_rising_cost(&mut slots);
        for slot in slots {
            if self.trying.open(&slot, password)?.is_some() {
                opened.push(hex(slot.id));
            }
        }
        if opened.is_empty() {
            let which = only.map_or("none of the key slots".to_owned(), |only| format!("not the key slot {}", only.id));
            return Err(Error::new(Kind::WrongPassword, format!("the password opens {which}"))
                .on(self.location())
                .advise("a slot is sealed anew with its own password: give that one with --password-file"));
        }
        opened.iter().map(|id| self.replace_slot(id, password, None, cost)).collect()
    }

    /// Whether a password opens the slot of this whole id, if that may be tried.
    ///
    /// # Errors
    /// The store's, and those of a slot that cannot be read.
    pub fn opens_slot(&self, id: &str, password: &[u8]) -> Result<bool> {
        let slot = read_slot(&*self.sealed_store().store, self.id(), &ObjectName::new(format!("keys/{id}"))?)?;
        Ok(self.trying.bounds.allow(slot.cost()) && self.trying.open(&slot, password)?.is_some())
    }

    /// Whether a password opens any slot that may be tried.
    ///
    /// # Errors
    /// The store's, and the watch's.
    pub fn opens_any_slot(&self, password: &[u8]) -> Result<bool> {
        match unlock(&*self.sealed_store().store, self.id(), Some(password), &self.trying) {
            Ok(_) => Ok(true),
            Err(e) if matches!(e.kind(), Kind::WrongPassword | Kind::Damaged | Kind::Unsupported) => Ok(false),
            Err(e) => Err(e),
        }
    }

    /// The slot that the password in use opened, as 16 hex digits.
    pub fn slot_in_use(&self) -> Option<String> {
        self.opened_by().map(hex)
    }

    /// How much trying a password may cost.
    pub fn slot_bounds(&self) -> SlotBounds {
        self.trying.bounds
    }

    /// Removes a slot by its id or a unique prefix of it; never the last good one.
    ///
    /// # Errors
    /// `Input` when it is the last that works, `Immutable` while retention holds it; the store's errors.
    pub fn remove_slot(&self, id: &str) -> Result<String> {
        let slot = self.slot(id)?;
        self.remove(&slot.id)?;
        Ok(slot.id)
    }

    /// Removes the slot of this whole id. One that somebody else has removed meanwhile is gone, as was asked for.
    fn remove(&self, id: &str) -> Result<()> {
        let others = self.slots()?.iter().filter(|s| s.id != id && s.damaged.is_none()).count();
        if others == 0 {
            return Err(Error::new(Kind::Input, "it is the last key slot that works")
                .on(id)
                .advise("add another password first"));
        }
        let (store, name) = (&*self.sealed_store().store, ObjectName::new(format!("keys/{id}"))?);
        let object = match store.get(&name) {
            Err(e) if e.kind() == Kind::Absent => return Ok(()),
            other => other?,
        };
        self.free(&name)?;
        // Somebody else may have removed the others in the same moment. Whoever looks last sees that nothing is left, and puts its own back.
        if self.slots()?.iter().all(|s| s.damaged.is_some()) {
            crate::blob::put_durable(store, &name, &object)?;
            return Err(Error::new(
                Kind::Conflict,
                "another process removed the other key slots meanwhile: this one was put back",
            )
            .on(id)
            .advise("`cairn key list` shows what is there"));
        }
        self.note(KeyChange::Removed, id);
        Ok(())
    }

    /// What happened to key slots, oldest first, as far as the log's entries are still there: reads each of them.
    pub fn key_history(&self) -> Result<Vec<KeyEvent>> {
        let mut events = Vec::new();
        self.log().for_each(&mut |entry| {
            if let Change::Key { change, slot } = entry.change {
                events.push(KeyEvent { slot: format!("{slot:016x}"), change, time: entry.time, entry: entry.slot });
            }
            Ok(())
        })?;
        Ok(events)
    }

    fn expect_keys(&self) -> Result<()> {
        match self.sealed_store().secrets.master {
            Some(_) => Ok(()),
            None => Err(Error::new(Kind::Input, "the repository is not encrypted: it has no keys").on(self.location())),
        }
    }

    /// Tells the other machines. The slot has come or gone already: that the log cannot be told changes nothing about it.
    fn note(&self, change: KeyChange, id: &str) {
        let Ok(slot) = u64::from_str_radix(id, 16) else { return };
        if let Err(e) = self.log().append(&**self.env(), &mut |_| Ok(Change::Key { change, slot })) {
            tracing::warn!(error = %e, slot = id, "the change of a key slot could not be written into the log");
        }
    }
}

fn hex(id: SlotId) -> String {
    format!("{:016x}", u64::from_be_bytes(id))
}

fn id_of(name: &ObjectName) -> String {
    name.as_str().trim_start_matches("keys/").to_owned()
}
