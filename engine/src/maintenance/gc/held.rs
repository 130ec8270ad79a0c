//! What the store still keeps: nothing is won by condemning such packs, or by asking for what is known to be locked.

use crate::error::{Kind, Result};
use crate::immutability::name_of;
use crate::log::LogView;
use crate::repository::Repository;
use crate::store::StoreExt;
use format_spec::container::ObjectKind;
use format_spec::log::ObjectRow;
use format_spec::{ObjectId, Time};

/// What is locked now, by the store's own clock.
pub(super) struct Held<'a> {
    repository: &'a Repository,
    view: &'a LogView,
    /// `None` where nothing is locked.
    now: Option<Time>,
}

impl<'a> Held<'a> {
    pub(super) fn new(repository: &'a Repository, view: &'a LogView) -> Result<Self> {
        let now = repository.locks().map(|locks| locks.ask_now(&*repository.sealed_store().store)).transpose()?;
        Ok(Held { repository, view, now })
    }

    /// Whether the log remembers a lock of an object that has not ended: then the store need not be asked to delete it.
    pub(super) fn remembered(&self) -> impl Fn(&ObjectRow) -> bool {
        let beyond = self.now.map(|now| self.view.locked_beyond(now));
        move |row| beyond.as_ref().is_some_and(|beyond| beyond(row).is_some())
    }

    /// Until when a pack is locked; `None` when it is not, or not any more. What the log does not remember, because its session never
    /// committed, the store is asked.
    pub(super) fn until(&self, kind: ObjectKind, id: ObjectId) -> Result<Option<Time>> {
        let Some(now) = self.now else { return Ok(None) };
        let row = ObjectRow { kind, id };
        let until = match self.view.locked_until(&row) {
            Some(until) => Some(until),
            None => match self.repository.sealed_store().store.lock_of(&name_of(&row)?) {
                Ok(found) => found.map(|found| found.until),
                Err(e) if e.kind() == Kind::Absent => None,
                Err(e) => return Err(e),
            },
        };
        Ok(until.filter(|until| *until > now))
    }
}
