//! Key slots as they are read: bounded in number, again where they go meanwhile, each held against its name.

use crate::error::{Error, Kind, Result};
use crate::store::{ListOptions, ObjectName, Store, reread};
use format_spec::key_slot::KeySlot;
use format_spec::{RepositoryId, names};

/// Key slots as they were read.
pub(super) struct SlotsRead {
    /// Those that were read; of a damaged one, why.
    pub(super) slots: Vec<(ObjectName, Result<KeySlot>)>,
    /// Whether there are more than were asked for.
    pub(super) more: bool,
}

/// Reads at most `most` key slots; damaged ones are returned as errors beside the good ones.
pub(super) fn read_slots(store: &dyn Store, repository: RepositoryId, most: usize) -> Result<SlotsRead> {
    for _ in 1..LISTINGS_MAX {
        let read = listed_slots(store, repository, most)?;
        if !read.slots.iter().any(is_gone) {
            return Ok(read);
        }
    }
    let mut read = listed_slots(store, repository, most)?;
    read.slots.retain(|slot| !is_gone(slot));
    Ok(read)
}

/// Slots that go while they are read are listed again: a rotation adds one and takes the others away, and the first listing may have none but those.
const LISTINGS_MAX: u32 = 3;

fn is_gone((_, slot): &(ObjectName, Result<KeySlot>)) -> bool {
    slot.as_ref().is_err_and(|e| e.kind() == Kind::Absent)
}

fn listed_slots(store: &dyn Store, repository: RepositoryId, most: usize) -> Result<SlotsRead> {
    let mut listed = Vec::new();
    store.list(&ListOptions::below("keys"), &mut |l| {
        if names::parse(l.name.as_str()).is_some() {
            listed.push(l.name);
        }
        listed.len() <= most
    })?;
    let more = listed.len() > most;
    listed.truncate(most);
    let read = |name: ObjectName| {
        let slot = read_slot(store, repository, &name);
        (name, slot)
    };
    Ok(SlotsRead { slots: listed.into_iter().map(read).collect(), more })
}

/// Reads one key slot, whose id must be the one of its name.
pub(super) fn read_slot(store: &dyn Store, repository: RepositoryId, name: &ObjectName) -> Result<KeySlot> {
    reread(store, |look| {
        let object = look.get(name)?;
        let slot = KeySlot::decode(&object, repository).map_err(|e| Error::from(e).on(name))?;
        if names::key_slot(slot.id) != name.as_str() {
            return Err(Error::new(Kind::Damaged, "KEY-2: the slot's id is not the one of its name").on(name));
        }
        Ok(slot)
    })
}
