//! The store that a repository with a storage class is written through: data packs rest in that class, everything else stays readable.
//!
//! So everything can always be listed, looked at and searched, whatever rests. Together with locks
//! (`ObjectLockLayer` of the engine, in either order) the class and the lock go in the same request. Refuses to know whether the store keeps
//! the class: [`super::probe_class`] has proven it when the repository was made.

use super::{ObjectName, PutOptions, Receipt, StorageClass, Store};
use crate::forward;
use base::error::Result;
use bytes::Bytes;
use format_spec::ObjectKind;
use format_spec::names;
use std::ops::Deref;
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

    /// The options with the class of a data pack, unless they name one.
    fn place(&self, name: &ObjectName, options: &PutOptions) -> PutOptions {
        let rests = names::parse(name.as_str()).is_some_and(|(kind, _, _)| kind == ObjectKind::DataPack);
        PutOptions { class: options.class.or(rests.then_some(self.class)), ..*options }
    }
}

impl<S: Deref<Target: Store> + Send + Sync + std::fmt::Debug> Store for StorageClassLayer<S> {
    forward!(inner: location, read, head, list, versions, delete, extend_lock, retrieve, rest_again, now, capabilities, room);

    fn put(&self, name: &ObjectName, bytes: Bytes, options: &PutOptions) -> Result<Receipt> {
        self.inner.put(name, bytes, &self.place(name, options))
    }

    fn fresh(&self) -> Result<Option<Arc<dyn Store>>> {
        Ok(self.inner.fresh()?.map(|inner| Arc::new(StorageClassLayer::new(inner, self.class)) as Arc<dyn Store>))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Memory, StoreExt};
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
            assert_eq!(store.tier_of(&name).unwrap().class, Some(class), "{name}");
            assert_eq!(store.get(&name).is_err(), rests, "{name}");
        }
        // Options that name a class win.
        let cold = PutOptions::in_class(StorageClass::StandardIa);
        let name = ObjectName::new("data/00000001/00000002").unwrap();
        store.put(&name, Bytes::from_static(b"x"), &cold).unwrap();
        assert_eq!(store.tier_of(&name).unwrap().class, cold.class);
    }
}
