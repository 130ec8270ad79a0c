//! The store that a repository with a storage class is written through: data packs rest in that class, everything else stays readable.
//!
//! So everything can always be listed, looked at and searched, whatever rests. Together with locks
//! (`Locked` of the engine, in either order) the class and the lock go in the same request. Refuses to know whether the store keeps
//! the class: [`super::probe_class`] has proven it when the repository was made.

use super::{
    Asked, Capabilities, Info, Listed, ObjectLock, ObjectName, ObjectVersion, PutOptions, Receipt, RetrievalMode,
    Space, StorageClass, Store, TierStatus,
};
use base::error::Result;
use bytes::Bytes;
use format_spec::ObjectKind;
use format_spec::{Time, names};
use std::ops::{Deref, Range};
use std::sync::Arc;

/// Puts data packs into a class. `S` points at the store below.
#[derive(Debug)]
pub struct StorageClassLayer<S> {
    inner: S,
    class: StorageClass,
}

impl<S: Deref<Target: Store>> StorageClassLayer<S> {
    /// Lets the data packs that are put into `inner` rest in `class`.
    pub fn new(inner: S, class: StorageClass) -> Self {
        StorageClassLayer { inner, class }
    }

    /// The terms with the class of a data pack, unless they name one.
    fn place(&self, name: &ObjectName, terms: &PutOptions) -> PutOptions {
        let rests = names::parse(name.as_str()).is_some_and(|(kind, _, _)| kind == ObjectKind::DataPack);
        PutOptions { class: terms.class.or(rests.then_some(self.class)), ..*terms }
    }
}

impl<S: Deref<Target: Store> + Send + Sync + std::fmt::Debug> Store for StorageClassLayer<S> {
    fn location(&self) -> String {
        self.inner.location()
    }

    fn put_new(&self, name: &ObjectName, bytes: Bytes) -> Result<Receipt> {
        self.put_in(name, bytes, &PutOptions::default())
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

    fn delete(&self, name: &ObjectName, version: Option<&str>) -> Result<()> {
        self.inner.delete(name, version)
    }

    fn now(&self) -> Result<Time> {
        self.inner.now()
    }

    fn capabilities(&self) -> Result<Capabilities> {
        self.inner.capabilities()
    }

    fn put_locked(&self, name: &ObjectName, bytes: Bytes, retention: &ObjectLock) -> Result<Receipt> {
        self.put_in(name, bytes, &PutOptions::locked(retention))
    }

    fn versions(&self, name: &ObjectName) -> Result<Vec<ObjectVersion>> {
        self.inner.versions(name)
    }

    fn get_version(&self, name: &ObjectName, version: &str, range: Range<u64>) -> Result<Bytes> {
        self.inner.get_version(name, version, range)
    }

    fn list_oldest(
        &self,
        prefix: &str,
        after: Option<&ObjectName>,
        visit: &mut dyn FnMut(Listed) -> bool,
    ) -> Result<()> {
        self.inner.list_oldest(prefix, after, visit)
    }

    fn retention(&self, name: &ObjectName, version: Option<&str>) -> Result<Option<ObjectLock>> {
        self.inner.retention(name, version)
    }

    fn extend_retention(&self, name: &ObjectName, version: Option<&str>, wanted: &ObjectLock) -> Result<ObjectLock> {
        self.inner.extend_retention(name, version, wanted)
    }

    fn put_in(&self, name: &ObjectName, bytes: Bytes, terms: &PutOptions) -> Result<Receipt> {
        self.inner.put_in(name, bytes, &self.place(name, terms))
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
        Ok(self.inner.fresh()?.map(|inner| Arc::new(StorageClassLayer::new(inner, self.class)) as Arc<dyn Store>))
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Memory;
    use base::env::Seeded;
    use std::sync::Arc;

    #[test]
    fn only_data_packs_rest_and_every_other_object_stays_readable() {
        let memory = Arc::new(Memory::archiving(Seeded::shared(1), 10));
        let store = StorageClassLayer::new(Arc::clone(&memory) as Arc<dyn Store>, StorageClass::Glacier);
        let names = ["data/00000001/00000001", "meta/00000001/00000001", "log/0000000000000001", "config", "probe/x"];
        for name in names.map(|name| ObjectName::new(name).unwrap()) {
            store.put_new(&name, Bytes::from_static(b"x")).unwrap();
            let rests = name.as_str().starts_with("data/");
            let class = if rests { StorageClass::Glacier } else { StorageClass::Standard };
            assert_eq!(store.resting(&name).unwrap().class, Some(class), "{name}");
            assert_eq!(store.get(&name).is_err(), rests, "{name}");
        }
        // Terms that name a class win.
        let cold = PutOptions { class: Some(StorageClass::StandardIa), retention: None };
        let name = ObjectName::new("data/00000001/00000002").unwrap();
        store.put_in(&name, Bytes::from_static(b"x"), &cold).unwrap();
        assert_eq!(store.resting(&name).unwrap().class, cold.class);
    }
}
