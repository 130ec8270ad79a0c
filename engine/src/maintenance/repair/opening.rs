//! What keeps a repository from being opened, or its log from being read to the end, and the cure of it: the first repair, before there is a
//! repository that the others could look into.
//!
//! | damaged | cure |
//! |---|---|
//! | the newest entries of the log | they are set aside ([LOG-28]); a restore point that one of them committed, and that is whole, is committed again |
//! | an older entry, with entries behind it | put back from a copy: the entry behind it states its hash |
//! | the config | put back from a copy: the first entry of the log states its hash, or its seal fits the keys |
//!
//! Promises: `plan` writes nothing; `apply` looks again over another connection, and changes something only if that shows the very bytes that the
//! plan saw. What takes a damaged object's place is proven by its hash or its seal, and the damaged bytes are kept under a foreign name
//! ([NAME-5]) before they go. Refuses to put anything back that nothing in the repository confirms.

use super::again::{self, Candidate};
use super::plan::RepairItem;
use crate::blob::put_durable;
use crate::env::Env;
use crate::error::{Error, Kind, Result};
use crate::log::{End, Log};
use crate::maintenance::Finding;
use crate::maintenance::PlanHash;
use crate::monitor::Monitor;
use crate::repository::{Repository, Stop};
use crate::store::{ObjectName, Store, StoreExt, delete_versions};
use bytes::Bytes;
use format_spec::RepositoryId;
use format_spec::log::PointId;
use format_spec::names;
use std::sync::Arc;

/// What is damaged before the repository can be opened, and what `apply` would do about it.
#[derive(Debug)]
pub struct OpeningPlan {
    /// The damaged objects.
    pub items: Vec<RepairItem>,
    /// The repository, if it could be opened as far as its log can be read.
    pub repository: Option<RepositoryId>,
    /// Slots of the log that are set aside.
    pub set_aside: Vec<u32>,
    /// Sessions that end by it, with their jobs.
    pub sessions: Vec<(u32, String)>,
    /// Restore points that are committed again, as their manifests and all that they need are whole.
    pub points: Vec<PointId>,
    /// Names exactly this plan: what `apply` must be given.
    pub hash: PlanHash,
    cure: Cure,
    candidates: Vec<Candidate>,
}

#[derive(Debug)]
enum Cure {
    Nothing,
    SetAside(Box<Log>, End),
    PutBack(PutBack),
}

/// An object whose damaged bytes give way to the right ones.
#[derive(Debug)]
struct PutBack {
    name: ObjectName,
    /// `None` where nothing is.
    damaged: Option<Bytes>,
    right: Bytes,
}

/// What was done.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Opened {
    /// The slot of the entry that set others aside.
    pub set_aside_by: Option<u32>,
    /// The object that was put back.
    pub put_back: Option<String>,
    /// Where its damaged bytes are kept.
    pub kept: Option<String>,
}

impl OpeningPlan {
    /// Whether `apply` has anything to do.
    pub fn heals_something(&self) -> bool {
        !matches!(self.cure, Cure::Nothing)
    }

    /// Plans for a log that stops at an entry. `before` is the repository as of what comes before it; `from` a plain copy of the repository.
    ///
    /// # Errors
    /// The store's; a stop.
    pub fn of_log(
        store: &Arc<dyn Store>,
        before: &Arc<Repository>,
        stop: &Stop,
        from: Option<&Repository>,
        monitor: &Monitor,
    ) -> Result<Self> {
        let log = before.log().over(Arc::clone(store));
        let end = log.end_from(stop.slot)?;
        let mut plan = OpeningPlan::nothing();
        plan.repository = Some(before.id());
        plan.items = end.slots.iter().map(|slot| RepairItem::at(&names::log(slot.slot), &slot.what)).collect();
        if end.slots.first().is_none_or(|slot| slot.slot != stop.slot) {
            // It decodes, and does not follow what is before it.
            plan.items.insert(0, RepairItem::at(&names::log(stop.slot), &stop.error.to_string()));
            plan.remains(
                "nothing here can tell which of two histories is the right one; `--as-of` reads what is before it",
            );
        } else if end.readable.is_none() {
            plan.sessions = before.log().view().sessions.iter().map(|(n, s)| (*n, s.job.clone())).collect();
            plan.candidates = again::candidates(before, monitor)?;
            plan.points = plan.candidates.iter().map(|candidate| candidate.point.manifest.id).collect();
            plan.set_aside = end.slots.iter().map(|slot| slot.slot).collect();
            plan.cure = Cure::SetAside(Box::new(log), end);
        } else {
            plan.put_entry_back(&**store, &end, from)?;
        }
        plan.seal();
        Ok(plan)
    }

    /// Plans for a config that cannot be read. `copy` was confirmed by opening the repository with it.
    ///
    /// # Errors
    /// The store's.
    pub fn of_config(store: &dyn Store, error: &Error, copy: Option<&Bytes>) -> Result<Self> {
        let mut plan = OpeningPlan::nothing();
        plan.items.push(RepairItem::at(names::CONFIG, &error.to_string()));
        match copy {
            Some(right) => plan.put_back(store, names::CONFIG, right.clone())?,
            None => plan.remains("no copy of it was found: give one with --from, a file or a copy of the repository"),
        }
        plan.seal();
        Ok(plan)
    }

    /// Carries the plan out, over another connection than it was made with.
    ///
    /// # Errors
    /// `Conflict` when it is not the plan of this hash, or when this connection shows something else; the store's.
    pub fn apply(&self, again: &Arc<dyn Store>, env: &dyn Env, hash: &PlanHash) -> Result<Opened> {
        if !self.hash.is_quoted_by(hash) {
            return Err(Error::new(Kind::Conflict, format!("this is not the plan any more: it is {} now", self.hash))
                .on(hash)
                .advise("look at `cairn repair plan` again"));
        }
        match &self.cure {
            Cure::Nothing => Ok(Opened::default()),
            Cure::SetAside(log, end) => {
                let slot = log.over(Arc::clone(again)).set_aside(env, end)?;
                Ok(Opened { set_aside_by: Some(slot), ..Opened::default() })
            }
            Cure::PutBack(object) => object.apply(&**again),
        }
    }

    /// Commits again what the plan has found whole. Asked for once the log can be read; returns what is live now.
    ///
    /// # Errors
    /// The store's.
    pub fn commit_again(&self, repository: &Arc<Repository>, monitor: &Monitor) -> Result<Vec<PointId>> {
        let mut done = Vec::new();
        if self.candidates.is_empty() {
            return Ok(done);
        }
        repository.refresh()?;
        let indexed = again::indexed_packs(repository)?;
        for candidate in &self.candidates {
            if again::commit(repository, &indexed, candidate, monitor)? {
                done.push(candidate.point.manifest.id);
            }
        }
        Ok(done)
    }

    fn nothing() -> Self {
        OpeningPlan {
            items: Vec::new(),
            repository: None,
            set_aside: Vec::new(),
            sessions: Vec::new(),
            points: Vec::new(),
            hash: [0; 32].into(),
            cure: Cure::Nothing,
            candidates: Vec::new(),
        }
    }

    /// The entry before one that can be read, as that one states it.
    fn put_entry_back(&mut self, store: &dyn Store, end: &End, from: Option<&Repository>) -> Result<()> {
        let Some((slot, hash)) = end.stated else { return Ok(()) };
        let name = names::log(slot);
        let found = match from {
            Some(from) => from.sealed_store().store.get(&ObjectName::new(name.clone())?),
            None => Err(Error::new(Kind::Absent, "no copy was given")),
        };
        match found {
            Ok(right) if *blake3::hash(&right).as_bytes() == hash => self.put_back(store, &name, right)?,
            Ok(_) => self.remains("the copy has another entry there"),
            Err(e) if matches!(e.kind(), Kind::Absent | Kind::Damaged) => {
                self.remains("entries behind it can be read, and say what it must be: give a copy of the repository with --from. `--as-of` reads what is before it");
            }
            Err(e) => return Err(e),
        }
        Ok(())
    }

    fn put_back(&mut self, store: &dyn Store, name: &str, right: Bytes) -> Result<()> {
        let name = ObjectName::new(name)?;
        let damaged = look(store, &name)?;
        if let Some(item) = self.items.iter_mut().find(|item| item.object == name.as_str()) {
            item.made_anew = true;
        }
        self.cure = Cure::PutBack(PutBack { name, damaged, right });
        Ok(())
    }

    fn remains(&mut self, what: &str) {
        self.items.iter_mut().for_each(|item| item.remains = Some(what.to_owned()));
    }

    fn seal(&mut self) {
        let mut hasher = blake3::Hasher::new_derive_key("cairn repair of what keeps a repository from being opened 1");
        let mut put = |part: &[u8]| _ = hasher.update(&(part.len() as u64).to_le_bytes()).update(part);
        match &self.cure {
            Cure::Nothing => {}
            Cure::SetAside(_, end) => {
                put(b"set aside");
                for slot in &end.slots {
                    put(&slot.slot.to_le_bytes());
                    put(slot.hash.as_ref().map_or(&[], |hash| &hash[..]));
                }
                self.points.iter().for_each(|id| put(&id.0));
            }
            Cure::PutBack(object) => {
                put(b"put back");
                put(object.name.as_str().as_bytes());
                put(object.damaged.as_deref().unwrap_or_default());
                put(&object.right);
            }
        }
        self.hash = PlanHash::from(*hasher.finalize().as_bytes());
    }
}

impl PutBack {
    fn apply(&self, store: &dyn Store) -> Result<Opened> {
        let found = look(store, &self.name)?;
        if found != self.damaged {
            return Err(Error::new(Kind::Conflict, "two connections to the store do not show the same")
                .on(&self.name)
                .advise("nothing was changed: look again with `cairn repair plan`; if the answers go on changing, look at the store and the line to it"));
        }
        let mut kept = None;
        if let Some(damaged) = &self.damaged {
            let hash = blake3::hash(damaged).to_hex();
            let name =
                ObjectName::new(format!("aside/{}-{}", self.name.as_str().replace('/', "-"), &hash.as_str()[..16]))?;
            // A container is never empty, and an object of the store may have to be something.
            if !damaged.is_empty() {
                put_durable(store, &name, damaged)?;
                kept = Some(name.to_string());
            }
            delete_versions(store, &self.name)?;
        }
        put_durable(store, &self.name, &self.right)?;
        Ok(Opened { put_back: Some(self.name.to_string()), kept, ..Opened::default() })
    }
}

/// The bytes that are there; `None` where nothing is.
fn look(store: &dyn Store, name: &ObjectName) -> Result<Option<Bytes>> {
    match store.get(name) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(e) if e.kind() == Kind::Absent => Ok(None),
        Err(e) => Err(e),
    }
}

impl RepairItem {
    fn at(object: &str, what: &str) -> Self {
        RepairItem::of(Finding { object: object.to_owned(), what: what.to_owned() })
    }
}
