//! Counts requests by kind and bytes by direction, readable while the work runs.
//!
//! A call of the door is one request. What lies below may need more (a listing of many pages); put this below
//! [`super::Retry`] to count attempts, above it to count wishes.

use super::{
    Asked, Capabilities, HeadOptions, Info, ListOptions, Listed, ObjectLock, ObjectName, ObjectRef, ObjectVersion,
    PutOptions, Read, ReadRange, Receipt, RetrievalMode, StorageClass, Store,
};
use crate::forward;
use base::error::Result;
use bytes::Bytes;
use format_spec::Time;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// What is asked of a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RequestKind {
    /// `put`.
    Put,
    /// `read`.
    Get,
    /// `list` and `versions`.
    List,
    /// `delete`.
    Delete,
    /// `head`, `now` and `capabilities`.
    Head,
    /// `extend_lock`.
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
    /// Requests of one kind so far.
    pub fn requests(&self, kind: RequestKind) -> u64 {
        self.requests.get(kind as usize).map_or(0, |n| n.load(Ordering::Relaxed))
    }

    /// Bytes of object contents sent so far.
    pub fn bytes_up(&self) -> u64 {
        self.bytes_up.load(Ordering::Relaxed)
    }

    /// Bytes of object contents received so far.
    pub fn bytes_down(&self) -> u64 {
        self.bytes_down.load(Ordering::Relaxed)
    }

    fn request(&self, kind: RequestKind) {
        if let Some(n) = self.requests.get(kind as usize) {
            n.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Counts from nothing again.
    pub fn start_over(&self) {
        self.requests.iter().chain([&self.bytes_up, &self.bytes_down]).for_each(|n| n.store(0, Ordering::Relaxed));
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
    forward!(inner: location, room);

    fn put(&self, name: &ObjectName, bytes: Bytes, options: &PutOptions) -> Result<Receipt> {
        self.counts.request(RequestKind::Put);
        let length = bytes.len() as u64;
        let receipt = self.inner.put(name, bytes, options)?;
        self.counts.bytes_up.fetch_add(length, Ordering::Relaxed);
        Ok(receipt)
    }

    fn read(&self, object: ObjectRef<'_>, range: ReadRange) -> Result<Read> {
        self.counts.request(RequestKind::Get);
        self.inner.read(object, range).inspect(|read| self.counts.down(&read.bytes))
    }

    fn head(&self, object: ObjectRef<'_>, options: HeadOptions) -> Result<Info> {
        self.counts.request(RequestKind::Head);
        self.inner.head(object, options)
    }

    fn list(&self, options: &ListOptions<'_>, visit: &mut dyn FnMut(Listed) -> bool) -> Result<()> {
        self.counts.request(RequestKind::List);
        self.inner.list(options, visit)
    }

    fn versions(&self, name: &ObjectName) -> Result<Vec<ObjectVersion>> {
        self.counts.request(RequestKind::List);
        self.inner.versions(name)
    }

    fn delete(&self, object: ObjectRef<'_>) -> Result<()> {
        self.counts.request(RequestKind::Delete);
        self.inner.delete(object)
    }

    fn extend_lock(&self, object: ObjectRef<'_>, wanted: &ObjectLock) -> Result<ObjectLock> {
        self.counts.request(RequestKind::Lock);
        self.inner.extend_lock(object, wanted)
    }

    fn retrieve(&self, object: ObjectRef<'_>, mode: RetrievalMode, days: u32) -> Result<Asked> {
        self.counts.request(RequestKind::Retrieve);
        self.inner.retrieve(object, mode, days)
    }

    fn rest_again(&self, object: ObjectRef<'_>, class: StorageClass) -> Result<()> {
        self.counts.request(RequestKind::Retrieve);
        self.inner.rest_again(object, class)
    }

    fn now(&self) -> Result<Time> {
        self.counts.request(RequestKind::Head);
        self.inner.now()
    }

    fn capabilities(&self) -> Result<Capabilities> {
        self.counts.request(RequestKind::Head);
        self.inner.capabilities()
    }

    fn fresh(&self) -> Result<Option<Arc<dyn Store>>> {
        let over = |inner| MeteredStore { inner, counts: Arc::clone(&self.counts) };
        Ok(self.inner.fresh()?.map(|inner| Arc::new(over(inner)) as Arc<dyn Store>))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Memory, StoreExt};

    #[test]
    fn each_verb_counts_apart_and_failures_count_without_bytes() {
        let store = MeteredStore::new(Arc::new(Memory::new()));
        let counts = store.counts();
        let name = ObjectName::new("a").unwrap();
        store.put_new(&name, Bytes::from_static(b"12345")).unwrap();
        store.put_new(&name, Bytes::from_static(b"12345")).unwrap_err();
        store.get_range(&name, 1..3).unwrap();
        store.head_of(&name).unwrap();
        store.list(&ListOptions::below(""), &mut |_| true).unwrap();
        store.delete(name.object()).unwrap();
        store.get(&name).unwrap_err();
        store.retrieve(name.object(), RetrievalMode::Bulk, 1).unwrap_err();
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
        counts.start_over();
        assert_eq!((verbs.map(|v| counts.requests(v)), counts.bytes_up(), counts.bytes_down()), ([0; 7], 0, 0));
    }
}
