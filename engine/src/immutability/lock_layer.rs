//! The store that a repository with immutability is written through: every object is created with its lock.
//!
//! There is no other way to put something into such a repository, so none can forget the lock. What was put is remembered for the commit
//! that will rely on it. Promises that what `put` returns of is locked, as the store has shown. Deletes nothing that is locked: the
//! store itself refuses.

use super::LockPolicy;
use super::clock::StoreClock;
use crate::env::SharedEnv;
use crate::error::{Kind, Result};
use crate::store::{ObjectLock, ObjectName, PutOptions, Receipt, Store, forward};
use bytes::Bytes;
use format_spec::container::ObjectKind;
use format_spec::log::ObjectRow;
use format_spec::{Time, names};
use parking_lot::{Mutex, RwLock};
use std::collections::HashMap;
use std::ops::Deref;
use std::sync::Arc;

/// Puts everything with its lock. `S` points at the store below.
#[derive(Debug)]
pub struct ObjectLockLayer<S> {
    inner: S,
    locks: Arc<Locks>,
}

/// What this process knows of locks: the rules, the store's time, and what it has put itself.
pub struct Locks {
    policy: RwLock<LockPolicy>,
    clock: StoreClock,
    put: Mutex<Put>,
}

/// Until when what this process put is locked at least.
#[derive(Default)]
struct Put {
    /// Packs, segments and manifests, by session: one process writes all of it.
    sessions: HashMap<u32, Time>,
    others: HashMap<ObjectName, Time>,
}

impl Locks {
    /// The rules of a repository.
    pub fn new(policy: LockPolicy, env: SharedEnv) -> Self {
        Locks { policy: RwLock::new(policy), clock: StoreClock::new(env), put: Mutex::default() }
    }

    /// The rules as they are known now.
    pub fn policy(&self) -> LockPolicy {
        *self.policy.read()
    }

    /// Takes over what the log says by now.
    pub fn set_policy(&self, policy: LockPolicy) {
        *self.policy.write() = policy;
    }

    /// The store's time, counted on from its last answer for ten minutes at most.
    ///
    /// # Errors
    /// `Input` when the clocks of store and machine are more than five minutes apart; the store's.
    pub fn now(&self, store: &(impl Store + ?Sized)) -> Result<Time> {
        self.clock.now(store)
    }

    /// The store's time, asked now.
    ///
    /// # Errors
    /// As [`now`](Self::now).
    pub fn ask_now(&self, store: &(impl Store + ?Sized)) -> Result<Time> {
        self.clock.ask(store)
    }

    /// Until when an object that this process put is locked at least; `None` of what others put.
    pub(super) fn put_until(&self, row: &ObjectRow, name: &ObjectName) -> Option<Time> {
        let put = self.put.lock();
        match is_of_session(row.kind) {
            true => put.sessions.get(&row.id.session).copied(),
            false => put.others.get(name).copied(),
        }
    }

    fn remember(&self, name: &ObjectName, until: Time) {
        let Some((kind, session, _)) = names::parse(name.as_str()) else { return };
        let mut put = self.put.lock();
        if is_of_session(kind) {
            let least = put.sessions.entry(session).or_insert(until);
            *least = until.min(*least);
        } else {
            put.others.insert(name.clone(), until);
        }
    }
}

impl std::fmt::Debug for Locks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Locks").field("policy", &self.policy()).finish_non_exhaustive()
    }
}

impl<S: Deref<Target: Store>> ObjectLockLayer<S> {
    /// Locks everything that is put into `inner`, which shows the oldest versions ([`crate::store::OldestVersionLayer`]).
    pub fn new(inner: S, locks: Arc<Locks>) -> Self {
        ObjectLockLayer { inner, locks }
    }

    fn put_locked(
        &self,
        name: &ObjectName,
        bytes: Bytes,
        wanted: &ObjectLock,
        options: &PutOptions,
    ) -> Result<Receipt> {
        match self.inner.put(name, bytes, &PutOptions { lock: Some(*wanted), ..*options }) {
            Ok(receipt) => {
                self.locks.remember(name, wanted.until);
                Ok(receipt)
            }
            // Our own, whose response was lost, or somebody else's, who wants it locked as well, or junk, which must stay where it is.
            Err(e) if e.kind() == Kind::Exists => match self.inner.extend_lock(name.object(), wanted) {
                Ok(_) => {
                    self.locks.remember(name, wanted.until);
                    Err(e)
                }
                Err(gone) if gone.kind() == Kind::Absent => Err(e),
                Err(other) => Err(other),
            },
            Err(e) => Err(e),
        }
    }

    /// Locks what is there as if it were put now.
    fn catch_up(&self, name: &ObjectName, now: Time) -> Result<()> {
        let wanted = self.locks.policy().retain_until(now)?;
        match self.inner.extend_lock(name.object(), &wanted) {
            Ok(_) => {
                self.locks.remember(name, wanted.until);
                Ok(())
            }
            // Nothing was put, or it is gone already.
            Err(e) if e.kind() == Kind::Absent => Ok(()),
            Err(e) => Err(e),
        }
    }
}

impl<S: Deref<Target: Store> + Send + Sync + std::fmt::Debug> Store for ObjectLockLayer<S> {
    forward!(inner: location, read, head, list, versions, delete, extend_lock, retrieve, rest_again, now, capabilities, room);

    fn put(&self, name: &ObjectName, bytes: Bytes, options: &PutOptions) -> Result<Receipt> {
        if options.tries_checksum {
            return self.inner.put(name, bytes, options);
        }
        let mut begun = self.locks.now(&*self.inner)?;
        loop {
            let wanted = self.locks.policy().retain_until(begun)?;
            let wanted = options.lock.map_or(wanted, |lock| wanted.or_stronger(&lock));
            let put = self.put_locked(name, bytes.clone(), &wanted, options);
            // The machine may have stood still for days since it reckoned the lock. Mostly nothing is asked: the clock is known for minutes.
            let now = self.locks.now(&*self.inner)?;
            match put {
                Err(e) if !matches!(e.kind(), Kind::Exists | Kind::Transient) && now >= wanted.until => {
                    tracing::info!(%name, error = %e, "the lock had ended before the store was asked for it; it is asked again");
                    begun = now;
                }
                put => {
                    let is_there = put.as_ref().map_or_else(|e| e.kind() == Kind::Exists, |_| true);
                    if is_there && self.locks.policy().needed_until(now)? > wanted.until {
                        self.catch_up(name, now)?;
                    }
                    return put;
                }
            }
        }
    }

    fn fresh(&self) -> Result<Option<Arc<dyn Store>>> {
        let over = |inner| ObjectLockLayer::new(inner, self.locks.clone());
        Ok(self.inner.fresh()?.map(|inner| Arc::new(over(inner)) as Arc<dyn Store>))
    }
}

fn is_of_session(kind: ObjectKind) -> bool {
    use ObjectKind::{DataPack, IndexSegment, MetaPack, RestorePoint};
    matches!(kind, DataPack | MetaPack | IndexSegment | RestorePoint)
}
