//! The short forms of [`Store`]'s acts, for whoever asks a store. No store and no layer can change what they mean.

use super::{HeadOptions, Info, ObjectLock, ObjectName, ObjectRef, PutOptions, Read, ReadRange, Receipt, Room};
use super::{Space, Store, TierStatus};
use base::error::Result;
use bytes::Bytes;
use std::ops::Range;

/// Acts with the usual options. The errors are those of the act that each stands for.
pub trait StoreExt: Store {
    /// [`Store::put`] without class and lock.
    fn put_new(&self, name: &ObjectName, bytes: Bytes) -> Result<Receipt> {
        self.put(name, bytes, &PutOptions::default())
    }

    /// [`Store::read`]: the whole object.
    fn get<'a>(&self, object: impl Into<ObjectRef<'a>>) -> Result<Bytes> {
        Ok(self.read(object.into(), ReadRange::Whole)?.bytes)
    }

    /// [`Store::read`]: bytes that must lie inside the object.
    fn get_range<'a>(&self, object: impl Into<ObjectRef<'a>>, range: Range<u64>) -> Result<Bytes> {
        Ok(self.read(object.into(), ReadRange::Range(range))?.bytes)
    }

    /// [`Store::read`]: at most so many bytes at the end, and the length of the whole object.
    fn get_tail<'a>(&self, object: impl Into<ObjectRef<'a>>, bytes_max: u64) -> Result<(Bytes, u64)> {
        let Read { bytes, whole } = self.read(object.into(), ReadRange::Tail(bytes_max))?;
        Ok((bytes, whole))
    }

    /// [`Store::head`]: length and version.
    fn head_of<'a>(&self, object: impl Into<ObjectRef<'a>>) -> Result<Info> {
        self.head(object.into(), HeadOptions::default())
    }

    /// [`Store::head`]: how the object rests, and whether it can be read now.
    fn tier_of<'a>(&self, object: impl Into<ObjectRef<'a>>) -> Result<TierStatus> {
        let info = self.head(object.into(), HeadOptions { tier: true, lock: false })?;
        Ok(info.tier.unwrap_or(TierStatus::online(info.bytes)))
    }

    /// [`Store::head`]: what locks the object; `None` when nothing does.
    fn lock_of<'a>(&self, object: impl Into<ObjectRef<'a>>) -> Result<Option<ObjectLock>> {
        Ok(self.head(object.into(), HeadOptions { tier: false, lock: true })?.lock)
    }

    /// [`Store::put`] with a wrong checksum, for the probe ([`PutOptions::tries_checksum`]). False: the wrong bytes may be there.
    fn refuses_wrong_checksum(&self, name: &ObjectName) -> Result<bool> {
        let options = PutOptions { tries_checksum: true, ..PutOptions::default() };
        Ok(self.put(name, Bytes::new(), &options)?.checksum_enforced)
    }

    /// [`Room::space`]; `None` of a place without an end.
    fn space(&self) -> Result<Option<Space>> {
        self.room().map(Room::space).transpose()
    }

    /// [`Room::keep_reserve`], where the place has an end.
    fn keep_reserve(&self) {
        if let Some(room) = self.room() {
            room.keep_reserve();
        }
    }

    /// [`Room::spend_reserve`]; false of a place without an end.
    fn spend_reserve(&self, bytes: u64) -> bool {
        self.room().is_some_and(|room| room.spend_reserve(bytes))
    }
}

impl<S: Store + ?Sized> StoreExt for S {}
