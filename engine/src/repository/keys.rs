//! Passwords: list, add and remove key slots. No data is touched.

use super::create::put_slot;
use super::open::{Repository, read_slots};
use crate::error::{Error, Kind, Result};
use crate::store::Name;
use format_spec::Time;
use format_spec::key_slot::Cost;

/// A key slot as people see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SlotInfo {
    /// 16 hex digits.
    pub id: String,
    /// What it is called.
    pub label: String,
    /// When it was made.
    pub created: Time,
    /// Why it cannot be used, if it cannot.
    pub damaged: Option<String>,
}

impl Repository {
    /// Every key slot.
    pub fn slots(&self) -> Result<Vec<SlotInfo>> {
        let id_of = |name: &Name| name.as_str().trim_start_matches("keys/").to_owned();
        let slots = read_slots(&*self.vault().store, self.id())?;
        let info = |(name, slot): (Name, Result<_>)| match slot {
            Ok(format_spec::key_slot::KeySlot { label, created, .. }) => {
                SlotInfo { id: id_of(&name), label, created, damaged: None }
            }
            Err(e) => SlotInfo {
                id: id_of(&name),
                label: String::new(),
                created: Time::default(),
                damaged: Some(e.to_string()),
            },
        };
        Ok(slots.into_iter().map(info).collect())
    }

    /// Adds a password; returns the slot's id.
    ///
    /// # Errors
    /// `Input` for an empty password or an unencrypted repository.
    pub fn add_slot(&self, password: &[u8], label: &str, cost: Cost) -> Result<String> {
        if password.is_empty() {
            return Err(Error::new(Kind::Input, "an empty password protects nothing"));
        }
        if self.vault().secrets.master.is_none() {
            return Err(Error::new(Kind::Input, "the repository is not encrypted: it has no keys").on(self.location()));
        }
        put_slot(&*self.vault().store, self.env(), self.id(), &self.vault().secrets, password, label, cost)
    }

    /// Removes a slot by its id or a unique prefix of it; never the last good one.
    pub fn remove_slot(&self, id: &str) -> Result<String> {
        let slots = self.slots()?;
        let matching: Vec<_> = slots.iter().filter(|s| !id.is_empty() && s.id.starts_with(id)).collect();
        let [slot] = matching[..] else {
            let what = format!("{} key slots have an id that begins with {id:?}", matching.len());
            return Err(Error::new(Kind::Input, what).advise("`cairn key list` shows them"));
        };
        let others = slots.iter().filter(|s| s.id != slot.id && s.damaged.is_none()).count();
        if others == 0 {
            return Err(Error::new(Kind::Input, "it is the last key slot that works")
                .on(&slot.id)
                .advise("add another password first"));
        }
        self.vault().store.delete(&Name::new(format!("keys/{}", slot.id))?, None)?;
        Ok(slot.id.clone())
    }
}
