//! A repository that must not be changed: reads go through, everything else is refused before it reaches the store.

use crate::error::{Error, Kind, Result};
use crate::store::{
    Asked, ObjectLock, ObjectName, ObjectRef, PutOptions, Receipt, RetrievalMode, Room, Space, StorageClass, Store,
    forward,
};
use bytes::Bytes;
use format_spec::container::Version;
use std::sync::Arc;

/// A store that refuses every change.
#[derive(Debug)]
pub(super) struct ReadOnly {
    inner: Arc<dyn Store>,
    why: Why,
}

/// Why nothing may be written.
#[derive(Debug, Clone, Copy)]
pub(super) enum Why {
    /// The repository was opened as of an earlier position of its log.
    AsOf,
    /// Its config has a flag that only later releases know how to write beside ([CONT-3]).
    Newer(Version),
}

impl ReadOnly {
    pub(super) fn new(inner: Arc<dyn Store>, why: Why) -> Self {
        ReadOnly { inner, why }
    }

    fn refuse(&self, name: &ObjectName) -> Error {
        let refused = match self.why {
            Why::AsOf => Error::new(Kind::Input, "the repository was opened as of an earlier time: it is only read")
                .advise("leave --as-of out"),
            Why::Newer(version) => {
                let what = format!("the repository has format {version}, which this release may read but not write");
                Error::new(Kind::Unsupported, what).advise("use a newer release of cairn to write")
            }
        };
        refused.on(name)
    }
}

impl Store for ReadOnly {
    forward!(inner: location, read, head, list, versions, now, capabilities);

    fn put(&self, name: &ObjectName, _: Bytes, _: &PutOptions) -> Result<Receipt> {
        Err(self.refuse(name))
    }

    fn delete(&self, object: ObjectRef<'_>) -> Result<()> {
        Err(self.refuse(object.name))
    }

    fn extend_lock(&self, object: ObjectRef<'_>, _: &ObjectLock) -> Result<ObjectLock> {
        Err(self.refuse(object.name))
    }

    fn retrieve(&self, object: ObjectRef<'_>, _: RetrievalMode, _: u32) -> Result<Asked> {
        Err(self.refuse(object.name))
    }

    fn rest_again(&self, object: ObjectRef<'_>, _: StorageClass) -> Result<()> {
        Err(self.refuse(object.name))
    }

    fn room(&self) -> Option<&dyn Room> {
        self.inner.room().map(|_| self as &dyn Room)
    }

    fn fresh(&self) -> Result<Option<Arc<dyn Store>>> {
        Ok(self.inner.fresh()?.map(|inner| Arc::new(ReadOnly::new(inner, self.why)) as Arc<dyn Store>))
    }
}

/// The room can be looked at; nothing is kept in it, and nothing that others keep is spent.
impl Room for ReadOnly {
    fn space(&self) -> Result<Space> {
        self.inner
            .room()
            .map_or_else(|| Err(Error::new(Kind::Bug, "the place has no end").on(self.location())), Room::space)
    }

    fn keep_reserve(&self) {}

    fn spend_reserve(&self, _: u64) -> bool {
        false
    }
}
