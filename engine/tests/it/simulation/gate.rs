//! One life of an actor's process as the store sees it: every call waits for its turn and meets its fate.
//!
//! A dead process asks nothing more: after its death each call is refused before it has any effect, so the engine winds up without the store.
//!
//! Entries of the log that [`engine::log::Log`] fetches beside each other on threads of its own are no turns: what the log has shown once
//! does not change, so their order says nothing.

use super::locks::Place;
use super::world::{Fate, World};
use bytes::Bytes;
use engine::error::{Error, Kind, Result};
use engine::repository::Repository;
use engine::store::{
    Asked, Capabilities, HeadOptions, Info, ListOptions, Listed, ObjectLock, ObjectName, ObjectRef, ObjectVersion,
    PutOptions, Read, ReadRange, Receipt, RequestKind, RetrievalMode, Room, StorageClass, Store,
};
use format_spec::log::ObjectRow;
use format_spec::{ObjectId, Time, names};
use parking_lot::Mutex;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::thread::ThreadId;

pub(super) struct Gate {
    world: Arc<World>,
    place: Arc<Place>,
    actor: usize,
    thread: ThreadId,
    dead: Arc<AtomicBool>,
    /// The handle that asks.
    handle: Mutex<Weak<Repository>>,
}

impl Gate {
    /// For the calling thread.
    pub(super) fn new(world: Arc<World>, actor: usize) -> Arc<Self> {
        let (place, thread) = (world.backups.clone(), std::thread::current().id());
        Arc::new(Gate { world, place, actor, thread, dead: Arc::default(), handle: Mutex::default() })
    }

    /// The same process before the store of the copies.
    pub(super) fn of_copies(&self) -> Arc<Self> {
        let Gate { world, actor, thread, dead, .. } = self;
        let (world, place) = (world.clone(), world.copies.clone());
        Arc::new(Gate { world, place, actor: *actor, thread: *thread, dead: dead.clone(), handle: Mutex::default() })
    }

    /// Opens what is behind it.
    pub(super) fn open(
        self: &Arc<Self>,
        open: impl FnOnce(Arc<dyn Store>) -> Result<Arc<Repository>>,
    ) -> Result<Arc<Repository>> {
        let opened = open(self.place.as_owner(self.clone()))?;
        *self.handle.lock() = Arc::downgrade(&opened);
        Ok(opened)
    }

    /// Works with the store behind it, without a repository.
    pub(super) fn open_store<T>(self: &Arc<Self>, work: impl FnOnce(Arc<dyn Store>) -> T) -> T {
        work(self.place.as_owner(self.clone()))
    }

    pub(super) fn is_dead(&self) -> bool {
        self.dead.load(Ordering::SeqCst)
    }

    fn call<T>(&self, verb: RequestKind, name: &str, work: impl FnOnce() -> Result<T>) -> Result<T> {
        if self.is_dead() {
            return Err(Error::new(Kind::Denied, "this process is dead").on(name));
        }
        let reads = matches!(verb, RequestKind::Get | RequestKind::List);
        if reads && name.starts_with("log/") && std::thread::current().id() != self.thread {
            return work();
        }
        let die = || {
            self.dead.store(true, Ordering::SeqCst);
            Err(Error::new(Kind::Denied, "the process dies here").on(name))
        };
        let injected = |what: &str| Error::new(Kind::Transient, format!("an injected fault ({what})")).on(name);
        match self.world.turn(self.actor, verb, name) {
            Fate::Go => work(),
            Fate::Refused => Err(injected("nothing was done")),
            Fate::Lost => work().and_then(|_| Err(injected("the response was lost"))),
            Fate::DiesBefore => die(),
            Fate::DiesAfter => {
                // What it says is heard by nobody.
                let _ = work();
                die()
            }
        }
    }

    /// The store has refused to delete what it locks. Whoever knows of the lock by what it has read of the log must not even ask.
    fn withheld(&self, name: &ObjectName) {
        self.world.count(|c| c.withheld += 1);
        let Some(repository) = self.handle.lock().upgrade() else { return };
        let row = names::parse(name.as_str())
            .map(|(kind, session, ordinal)| ObjectRow { kind, id: ObjectId { session, ordinal } });
        let known = row.and_then(|row| repository.log().view().locked_until(&row));
        // It may know the time by a clock that is minutes off.
        if let Some(until) = known.filter(|until| until.seconds > self.world.time().seconds + 300) {
            self.world.violation(format!("actor {} would delete {name}, and knows its lock: {until:?}", self.actor));
        }
    }
}

impl Store for Gate {
    fn location(&self) -> String {
        "simulation:".to_owned()
    }

    fn put(&self, name: &ObjectName, bytes: Bytes, options: &PutOptions) -> Result<Receipt> {
        self.call(RequestKind::Put, name.as_str(), || {
            let receipt = self.world.mutant.put(&self.place.memory, name, bytes.clone(), options)?;
            self.place.remember(name, receipt.version.as_ref(), &bytes, options.lock);
            Ok(receipt)
        })
    }

    fn read(&self, object: ObjectRef<'_>, range: ReadRange) -> Result<Read> {
        self.call(RequestKind::Get, object.name.as_str(), || self.place.memory.read(object, range))
    }

    fn head(&self, object: ObjectRef<'_>, options: HeadOptions) -> Result<Info> {
        self.call(RequestKind::Head, object.name.as_str(), || self.place.memory.head(object, options))
    }

    fn list(&self, options: &ListOptions<'_>, visit: &mut dyn FnMut(Listed) -> bool) -> Result<()> {
        self.call(RequestKind::List, options.prefix, || self.place.memory.list(options, visit))
    }

    fn versions(&self, name: &ObjectName) -> Result<Vec<ObjectVersion>> {
        self.call(RequestKind::List, name.as_str(), || self.place.memory.versions(name))
    }

    fn delete(&self, object: ObjectRef<'_>) -> Result<()> {
        self.call(RequestKind::Delete, object.name.as_str(), || {
            let done = self.place.memory.delete(object);
            if done.as_ref().is_err_and(|e| e.kind() == Kind::Immutable) {
                self.withheld(object.name);
            }
            done
        })
    }

    fn extend_lock(&self, object: ObjectRef<'_>, wanted: &ObjectLock) -> Result<ObjectLock> {
        self.call(RequestKind::Lock, object.name.as_str(), || {
            let shown = self.world.mutant.extend(&self.place.memory, object, wanted)?;
            self.place.prolong(object.name, object.version, shown.until);
            self.world.count(|c| c.extended += 1);
            Ok(shown)
        })
    }

    fn retrieve(&self, object: ObjectRef<'_>, mode: RetrievalMode, days: u32) -> Result<Asked> {
        self.place.memory.retrieve(object, mode, days)
    }

    fn rest_again(&self, object: ObjectRef<'_>, class: StorageClass) -> Result<()> {
        self.place.memory.rest_again(object, class)
    }

    fn now(&self) -> Result<Time> {
        self.call(RequestKind::Head, "", || {
            let time = self.place.memory.now()?;
            Ok(Time { seconds: time.seconds + self.world.mutant.ahead_seconds(self.actor), ..time })
        })
    }

    fn capabilities(&self) -> Result<Capabilities> {
        self.place.memory.capabilities()
    }

    fn room(&self) -> Option<&dyn Room> {
        None
    }

    fn fresh(&self) -> Result<Option<Arc<dyn Store>>> {
        Ok(None)
    }
}

impl fmt::Debug for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gate").field("actor", &self.actor).finish_non_exhaustive()
    }
}
