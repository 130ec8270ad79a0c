//! Counts requests by verb and bytes by direction, readable while the work runs.
//!
//! A call of the door is one request. What lies below may need more (a listing of many pages); put this below
//! [`super::Retry`] to count attempts, above it to count wishes.

use super::{
    Asked, Capabilities, Info, Listed, ObjectLock, ObjectName, ObjectVersion, PutOptions, Receipt, RetrievalMode,
    Space, StorageClass, Store, TierStatus,
};
use base::error::Result;
use bytes::Bytes;
use format_spec::Time;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// What is asked of a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RequestKind {
    /// `put_new`, `put_locked` and `put_in`.
    Put,
    /// `get`, `get_range`, `get_tail` and `get_version`.
    Get,
    /// `list`, `list_oldest`, `list_resting` and `versions`.
    List,
    /// `delete`.
    Delete,
    /// `head`, `resting`, `retention`, `now` and `capabilities`.
    Head,
    /// `extend_retention`.
    Lock,
    /// `retrieve` and `rest_again`.
    Retrieve,
}

/// The counters. Failed requests count too; bytes count once they have gone or come.
#[derive(Debug, Default)]
pub struct Counts {
    requests: [AtomicU64; 7],
    bytes_up: AtomicU64,
    bytes_down: AtomicU64,
}

impl Counts {
    /// Requests of one verb so far.
    pub fn requests(&self, verb: RequestKind) -> u64 {
        self.requests.get(verb as usize).map_or(0, |n| n.load(Ordering::Relaxed))
    }

    /// Bytes of object contents sent so far.
    pub fn bytes_up(&self) -> u64 {
        self.bytes_up.load(Ordering::Relaxed)
    }

    /// Bytes of object contents received so far.
    pub fn bytes_down(&self) -> u64 {
        self.bytes_down.load(Ordering::Relaxed)
    }

    fn request(&self, verb: RequestKind) {
        if let Some(n) = self.requests.get(verb as usize) {
            n.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn down(&self, bytes: &Bytes) {
        self.bytes_down.fetch_add(bytes.len() as u64, Ordering::Relaxed);
    }
}

/// A store whose requests are counted.
#[derive(Debug)]
pub struct MeteredStore {
    inner: Arc<dyn Store>,
    counts: Arc<Counts>,
}

impl MeteredStore {
    /// Counts what goes to `inner`.
    pub fn new(inner: Arc<dyn Store>) -> Self {
        MeteredStore { inner, counts: Arc::default() }
    }

    /// The counters, to be read at any time.
    pub fn counts(&self) -> Arc<Counts> {
        Arc::clone(&self.counts)
    }
}

impl Store for MeteredStore {
    fn location(&self) -> String {
        self.inner.location()
    }

    fn put_new(&self, name: &ObjectName, bytes: Bytes) -> Result<Receipt> {
        self.counts.request(RequestKind::Put);
        let length = bytes.len() as u64;
        let receipt = self.inner.put_new(name, bytes)?;
        self.counts.bytes_up.fetch_add(length, Ordering::Relaxed);
        Ok(receipt)
    }

    fn get(&self, name: &ObjectName) -> Result<Bytes> {
        self.counts.request(RequestKind::Get);
        self.inner.get(name).inspect(|bytes| self.counts.down(bytes))
    }

    fn get_range(&self, name: &ObjectName, range: Range<u64>) -> Result<Bytes> {
        self.counts.request(RequestKind::Get);
        self.inner.get_range(name, range).inspect(|bytes| self.counts.down(bytes))
    }

    fn get_tail(&self, name: &ObjectName, bytes_max: u64) -> Result<(Bytes, u64)> {
        self.counts.request(RequestKind::Get);
        self.inner.get_tail(name, bytes_max).inspect(|(bytes, _)| self.counts.down(bytes))
    }

    fn head(&self, name: &ObjectName) -> Result<Info> {
        self.counts.request(RequestKind::Head);
        self.inner.head(name)
    }

    fn list(&self, prefix: &str, after: Option<&ObjectName>, visit: &mut dyn FnMut(Listed) -> bool) -> Result<()> {
        self.counts.request(RequestKind::List);
        self.inner.list(prefix, after, visit)
    }

    fn delete(&self, name: &ObjectName, version: Option<&str>) -> Result<()> {
        self.counts.request(RequestKind::Delete);
        self.inner.delete(name, version)
    }

    fn now(&self) -> Result<Time> {
        self.counts.request(RequestKind::Head);
        self.inner.now()
    }

    fn capabilities(&self) -> Result<Capabilities> {
        self.counts.request(RequestKind::Head);
        self.inner.capabilities()
    }

    fn put_locked(&self, name: &ObjectName, bytes: Bytes, retention: &ObjectLock) -> Result<Receipt> {
        self.counts.request(RequestKind::Put);
        let length = bytes.len() as u64;
        let receipt = self.inner.put_locked(name, bytes, retention)?;
        self.counts.bytes_up.fetch_add(length, Ordering::Relaxed);
        Ok(receipt)
    }

    fn versions(&self, name: &ObjectName) -> Result<Vec<ObjectVersion>> {
        self.counts.request(RequestKind::List);
        self.inner.versions(name)
    }

    fn get_version(&self, name: &ObjectName, version: &str, range: Range<u64>) -> Result<Bytes> {
        self.counts.request(RequestKind::Get);
        self.inner.get_version(name, version, range).inspect(|bytes| self.counts.down(bytes))
    }

    fn list_oldest(
        &self,
        prefix: &str,
        after: Option<&ObjectName>,
        visit: &mut dyn FnMut(Listed) -> bool,
    ) -> Result<()> {
        self.counts.request(RequestKind::List);
        self.inner.list_oldest(prefix, after, visit)
    }

    fn retention(&self, name: &ObjectName, version: Option<&str>) -> Result<Option<ObjectLock>> {
        self.counts.request(RequestKind::Head);
        self.inner.retention(name, version)
    }

    fn extend_retention(&self, name: &ObjectName, version: Option<&str>, wanted: &ObjectLock) -> Result<ObjectLock> {
        self.counts.request(RequestKind::Lock);
        self.inner.extend_retention(name, version, wanted)
    }

    fn put_in(&self, name: &ObjectName, bytes: Bytes, terms: &PutOptions) -> Result<Receipt> {
        self.counts.request(RequestKind::Put);
        let length = bytes.len() as u64;
        let receipt = self.inner.put_in(name, bytes, terms)?;
        self.counts.bytes_up.fetch_add(length, Ordering::Relaxed);
        Ok(receipt)
    }

    fn resting_of(&self, name: &ObjectName, version: Option<&str>) -> Result<TierStatus> {
        self.counts.request(RequestKind::Head);
        self.inner.resting_of(name, version)
    }

    fn list_resting(
        &self,
        prefix: &str,
        after: Option<&ObjectName>,
        visit: &mut dyn FnMut(ObjectName, TierStatus) -> bool,
    ) -> Result<()> {
        self.counts.request(RequestKind::List);
        self.inner.list_resting(prefix, after, visit)
    }

    fn list_resting_oldest(
        &self,
        prefix: &str,
        after: Option<&ObjectName>,
        visit: &mut dyn FnMut(ObjectName, TierStatus) -> bool,
    ) -> Result<()> {
        self.counts.request(RequestKind::List);
        self.inner.list_resting_oldest(prefix, after, visit)
    }

    fn retrieve_of(&self, name: &ObjectName, version: Option<&str>, mode: RetrievalMode, days: u32) -> Result<Asked> {
        self.counts.request(RequestKind::Retrieve);
        self.inner.retrieve_of(name, version, mode, days)
    }

    fn rest_again_of(&self, name: &ObjectName, version: Option<&str>, class: StorageClass) -> Result<()> {
        self.counts.request(RequestKind::Retrieve);
        self.inner.rest_again_of(name, version, class)
    }

    fn fresh(&self) -> Result<Option<Arc<dyn Store>>> {
        let over = |inner| MeteredStore { inner, counts: Arc::clone(&self.counts) };
        Ok(self.inner.fresh()?.map(|inner| Arc::new(over(inner)) as Arc<dyn Store>))
    }

    fn refuses_wrong_checksum(&self, name: &ObjectName) -> Result<bool> {
        self.counts.request(RequestKind::Put);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Memory;

    #[test]
    fn each_verb_counts_apart_and_failures_count_without_bytes() {
        let store = MeteredStore::new(Arc::new(Memory::new()));
        let counts = store.counts();
        let name = ObjectName::new("a").unwrap();
        store.put_new(&name, Bytes::from_static(b"12345")).unwrap();
        store.put_new(&name, Bytes::from_static(b"12345")).unwrap_err();
        store.get_range(&name, 1..3).unwrap();
        store.head(&name).unwrap();
        store.list("", None, &mut |_| true).unwrap();
        store.delete(&name, None).unwrap();
        store.get(&name).unwrap_err();
        store.retrieve(&name, RetrievalMode::Bulk, 1).unwrap_err();
        let verbs = [
            RequestKind::Put,
            RequestKind::Get,
            RequestKind::List,
            RequestKind::Delete,
            RequestKind::Head,
            RequestKind::Lock,
            RequestKind::Retrieve,
        ];
        assert_eq!(verbs.map(|v| counts.requests(v)), [2, 2, 1, 1, 1, 0, 1]);
        assert_eq!((counts.bytes_up(), counts.bytes_down()), (5, 2));
    }
}
