//! A repository that must not be changed: reads go through, everything else is refused before it reaches the store.

use crate::error::{Error, Kind, Result};
use crate::store::{
    Asked, Capabilities, Info, Listed, ObjectLock, ObjectName, ObjectVersion, PutOptions, Receipt, RetrievalMode,
    Space, StorageClass, Store, TierStatus,
};
use bytes::Bytes;
use format_spec::Time;
use format_spec::container::Version as FormatVersion;
use std::ops::Range;
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
    Newer(FormatVersion),
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
    fn location(&self) -> String {
        self.inner.location()
    }

    fn put_new(&self, name: &ObjectName, _: Bytes) -> Result<Receipt> {
        Err(self.refuse(name))
    }

    fn put_locked(&self, name: &ObjectName, _: Bytes, _: &ObjectLock) -> Result<Receipt> {
        Err(self.refuse(name))
    }

    fn delete(&self, name: &ObjectName, _: Option<&str>) -> Result<()> {
        Err(self.refuse(name))
    }

    fn extend_retention(&self, name: &ObjectName, _: Option<&str>, _: &ObjectLock) -> Result<ObjectLock> {
        Err(self.refuse(name))
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

    fn put_in(&self, name: &ObjectName, _: Bytes, _: &PutOptions) -> Result<Receipt> {
        Err(self.refuse(name))
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

    fn retrieve_of(&self, name: &ObjectName, _: Option<&str>, _: RetrievalMode, _: u32) -> Result<Asked> {
        Err(self.refuse(name))
    }

    fn rest_again_of(&self, name: &ObjectName, _: Option<&str>, _: StorageClass) -> Result<()> {
        Err(self.refuse(name))
    }

    fn fresh(&self) -> Result<Option<Arc<dyn Store>>> {
        Ok(self.inner.fresh()?.map(|inner| Arc::new(ReadOnly::new(inner, self.why)) as Arc<dyn Store>))
    }

    fn seeks(&self) -> bool {
        self.inner.seeks()
    }

    fn space(&self) -> Result<Option<Space>> {
        self.inner.space()
    }
}
