//! The store that a repository with immutability is written through: every object is created with its lock.
//!
//! There is no other way to put something into such a repository, so none can forget the lock. What was put is remembered for the commit
//! that will rely on it. Promises that what `put_new` returns of is locked, as the store has shown. Deletes nothing that is locked: the
//! store itself refuses.

use super::Policy;
use super::clock::StoreClock;
use crate::env::SharedEnv;
use crate::error::{Kind, Result};
use crate::store::{
    Asked, Capabilities, Info, Listed, ObjectLock, ObjectName, ObjectVersion, PutOptions, Receipt, RetrievalMode,
    Space, StorageClass, Store, TierStatus,
};
use bytes::Bytes;
use format_spec::container::ObjectKind;
use format_spec::log::ObjectRow;
use format_spec::{Time, names};
use parking_lot::{Mutex, RwLock};
use std::collections::HashMap;
use std::ops::{Deref, Range};
use std::sync::Arc;

/// Puts everything with its lock. `S` points at the store below.
#[derive(Debug)]
pub struct ObjectLockLayer<S> {
    inner: S,
    locks: Arc<Locks>,
}

/// What this process knows of locks: the rules, the store's time, and what it has put itself.
pub struct Locks {
    policy: RwLock<Policy>,
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
    pub fn new(policy: Policy, env: SharedEnv) -> Self {
        Locks { policy: RwLock::new(policy), clock: StoreClock::new(env), put: Mutex::default() }
    }

    /// The rules as they are known now.
    pub fn policy(&self) -> Policy {
        *self.policy.read()
    }

    /// Takes over what the log says by now.
    pub fn set_policy(&self, policy: Policy) {
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
    /// Locks everything that is put into `inner`, which shows the oldest versions ([`crate::store::Oldest`]).
    pub fn new(inner: S, locks: Arc<Locks>) -> Self {
        ObjectLockLayer { inner, locks }
    }

    fn put(
        &self,
        name: &ObjectName,
        bytes: Bytes,
        wanted: &ObjectLock,
        class: Option<StorageClass>,
    ) -> Result<Receipt> {
        match self.inner.put_in(name, bytes, &PutOptions { class, retention: Some(*wanted) }) {
            Ok(receipt) => {
                self.locks.remember(name, wanted.until);
                Ok(receipt)
            }
            // Our own, whose response was lost, or somebody else's, who wants it locked as well, or junk, which must stay where it is.
            Err(e) if e.kind() == Kind::Exists => match self.inner.extend_retention(name, None, wanted) {
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
        match self.inner.extend_retention(name, None, &wanted) {
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
    fn location(&self) -> String {
        self.inner.location()
    }

    fn put_new(&self, name: &ObjectName, bytes: Bytes) -> Result<Receipt> {
        self.put_in(name, bytes, &PutOptions::default())
    }

    fn put_locked(&self, name: &ObjectName, bytes: Bytes, retention: &ObjectLock) -> Result<Receipt> {
        self.put_in(name, bytes, &PutOptions::locked(retention))
    }

    fn get(&self, name: &ObjectName) -> Result<Bytes> {
        self.inner.get(name)
    }

    fn get_range(&self, name: &ObjectName, range: Range<u64>) -> Result<Bytes> {
        self.inner.get_range(name, range)
    }

    fn get_tail(&self, name: &ObjectName, bytes_max: u64) -> Result<(Bytes, u64)> {
        self.inner.get_tail(name, bytes_max)
    }

    fn head(&self, name: &ObjectName) -> Result<Info> {
        self.inner.head(name)
    }

    fn list(&self, prefix: &str, after: Option<&ObjectName>, visit: &mut dyn FnMut(Listed) -> bool) -> Result<()> {
        self.inner.list(prefix, after, visit)
    }

    fn list_oldest(
        &self,
        prefix: &str,
        after: Option<&ObjectName>,
        visit: &mut dyn FnMut(Listed) -> bool,
    ) -> Result<()> {
        self.inner.list_oldest(prefix, after, visit)
    }

    fn delete(&self, name: &ObjectName, version: Option<&str>) -> Result<()> {
        self.inner.delete(name, version)
    }

    fn now(&self) -> Result<Time> {
        self.inner.now()
    }

    fn capabilities(&self) -> Result<Capabilities> {
        self.inner.capabilities()
    }

    fn versions(&self, name: &ObjectName) -> Result<Vec<ObjectVersion>> {
        self.inner.versions(name)
    }

    fn get_version(&self, name: &ObjectName, version: &str, range: Range<u64>) -> Result<Bytes> {
        self.inner.get_version(name, version, range)
    }

    fn retention(&self, name: &ObjectName, version: Option<&str>) -> Result<Option<ObjectLock>> {
        self.inner.retention(name, version)
    }

    fn extend_retention(&self, name: &ObjectName, version: Option<&str>, wanted: &ObjectLock) -> Result<ObjectLock> {
        self.inner.extend_retention(name, version, wanted)
    }

    fn put_in(&self, name: &ObjectName, bytes: Bytes, terms: &PutOptions) -> Result<Receipt> {
        let mut begun = self.locks.now(&*self.inner)?;
        loop {
            let wanted = self.locks.policy().retain_until(begun)?;
            let wanted = terms.retention.map_or(wanted, |retention| wanted.or_stronger(&retention));
            let put = self.put(name, bytes.clone(), &wanted, terms.class);
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

    fn resting_of(&self, name: &ObjectName, version: Option<&str>) -> Result<TierStatus> {
        self.inner.resting_of(name, version)
    }

    fn list_resting(
        &self,
        prefix: &str,
        after: Option<&ObjectName>,
        visit: &mut dyn FnMut(ObjectName, TierStatus) -> bool,
    ) -> Result<()> {
        self.inner.list_resting(prefix, after, visit)
    }

    fn list_resting_oldest(
        &self,
        prefix: &str,
        after: Option<&ObjectName>,
        visit: &mut dyn FnMut(ObjectName, TierStatus) -> bool,
    ) -> Result<()> {
        self.inner.list_resting_oldest(prefix, after, visit)
    }

    fn retrieve_of(&self, name: &ObjectName, version: Option<&str>, mode: RetrievalMode, days: u32) -> Result<Asked> {
        self.inner.retrieve_of(name, version, mode, days)
    }

    fn rest_again_of(&self, name: &ObjectName, version: Option<&str>, class: StorageClass) -> Result<()> {
        self.inner.rest_again_of(name, version, class)
    }

    fn fresh(&self) -> Result<Option<Arc<dyn Store>>> {
        let over = |inner| ObjectLockLayer::new(inner, self.locks.clone());
        Ok(self.inner.fresh()?.map(|inner| Arc::new(over(inner)) as Arc<dyn Store>))
    }

    fn refuses_wrong_checksum(&self, name: &ObjectName) -> Result<bool> {
        self.inner.refuses_wrong_checksum(name)
    }

    fn seeks(&self) -> bool {
        self.inner.seeks()
    }

    fn space(&self) -> Result<Option<Space>> {
        self.inner.space()
    }

    fn keep_reserve(&self) {
        self.inner.keep_reserve();
    }

    fn spend_reserve(&self, bytes: u64) -> bool {
        self.inner.spend_reserve(bytes)
    }
}

fn is_of_session(kind: ObjectKind) -> bool {
    use ObjectKind::{DataPack, IndexSegment, MetaPack, RestorePoint};
    matches!(kind, DataPack | MetaPack | IndexSegment | RestorePoint)
}
