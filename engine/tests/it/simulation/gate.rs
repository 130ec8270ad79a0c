//! One life of an actor's process as the store sees it: every call waits for its turn and meets its fate.
//!
//! A dead process asks nothing more: after its death each call is refused before it has any effect, so the engine winds up without the store.
//!
//! Entries of the log that [`engine::log::Log`] fetches beside each other on threads of its own are no turns: what the log has shown once
//! does not change, so their order says nothing.

use super::world::{Fate, World};
use bytes::Bytes;
use engine::error::{Error, Kind, Result};
use engine::store::{Info, Listed, Memory, Name, Receipt, Store, Verb};
use std::fmt;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::ThreadId;

pub(super) struct Gate {
    world: Arc<World>,
    store: Arc<Memory>,
    actor: usize,
    thread: ThreadId,
    dead: Arc<AtomicBool>,
}

impl Gate {
    /// For the calling thread.
    pub(super) fn new(world: Arc<World>, actor: usize) -> Arc<Self> {
        let (store, thread) = (world.store.clone(), std::thread::current().id());
        Arc::new(Gate { world, store, actor, thread, dead: Arc::default() })
    }

    /// The same process before the store of the copies.
    pub(super) fn of_copies(&self) -> Arc<Self> {
        let Gate { world, actor, thread, dead, .. } = self;
        let (world, store) = (world.clone(), world.copies.clone());
        Arc::new(Gate { world, store, actor: *actor, thread: *thread, dead: dead.clone() })
    }

    pub(super) fn is_dead(&self) -> bool {
        self.dead.load(Ordering::SeqCst)
    }

    fn call<T>(&self, verb: Verb, name: &str, work: impl FnOnce() -> Result<T>) -> Result<T> {
        if self.is_dead() {
            return Err(Error::new(Kind::Denied, "this process is dead").on(name));
        }
        if verb == Verb::Get && name.starts_with("log/") && std::thread::current().id() != self.thread {
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
}

impl Store for Gate {
    fn location(&self) -> String {
        "simulation:".to_owned()
    }

    fn put_new(&self, name: &Name, bytes: Bytes) -> Result<Receipt> {
        self.call(Verb::Put, name.as_str(), || self.world.mutant.put(&self.store, name, bytes))
    }

    fn get(&self, name: &Name) -> Result<Bytes> {
        self.call(Verb::Get, name.as_str(), || self.store.get(name))
    }

    fn get_range(&self, name: &Name, range: Range<u64>) -> Result<Bytes> {
        self.call(Verb::Get, name.as_str(), || self.store.get_range(name, range))
    }

    fn get_tail(&self, name: &Name, bytes_max: u64) -> Result<(Bytes, u64)> {
        self.call(Verb::Get, name.as_str(), || self.store.get_tail(name, bytes_max))
    }

    fn head(&self, name: &Name) -> Result<Info> {
        self.call(Verb::Head, name.as_str(), || self.store.head(name))
    }

    fn list(&self, prefix: &str, after: Option<&Name>, visit: &mut dyn FnMut(Listed) -> bool) -> Result<()> {
        self.call(Verb::List, prefix, || self.store.list(prefix, after, visit))
    }

    fn delete(&self, name: &Name, version: Option<&str>) -> Result<()> {
        self.call(Verb::Delete, name.as_str(), || self.store.delete(name, version))
    }
}

impl fmt::Debug for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gate").field("actor", &self.actor).finish_non_exhaustive()
    }
}
