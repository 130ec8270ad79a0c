//! What the acts of [`crate::Store`] take and give: one struct per act, so that a new wish is a field and not a method.

use super::{ObjectLock, ObjectName, StorageClass, TierStatus, outside};
use base::error::Result;
use bytes::Bytes;
use format_spec::Time;
use std::ops::Range;

/// How an object is put.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PutOptions {
    /// The class that it shall rest in; the place's own default without one.
    pub class: Option<StorageClass>,
    /// The lock that it is put with.
    pub lock: Option<ObjectLock>,
    /// For the probe: bytes of the store's own choice are put with a checksum that is not theirs, whatever bytes are given. Then
    /// [`Receipt::checksum_enforced`] says whether the store refused them and took the same bytes with their own checksum (which
    /// are deleted again). Where it took the wrong ones the object is there; a store that is never sent checksums puts nothing.
    pub tries_checksum: bool,
}

impl PutOptions {
    /// Only a class.
    pub fn in_class(class: StorageClass) -> Self {
        PutOptions { class: Some(class), ..PutOptions::default() }
    }

    /// Only a lock.
    pub fn locked(lock: &ObjectLock) -> Self {
        PutOptions { lock: Some(*lock), ..PutOptions::default() }
    }
}

/// What a put learned.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Receipt {
    /// The store's version id, where it keeps versions.
    pub version: Option<String>,
    /// True only when the store itself verified a checksum that we sent with the bytes, and the probe has proven that it
    /// refuses a wrong one. Otherwise the self-check reads the object back.
    pub checksum_enforced: bool,
}

/// Which bytes of an object are read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReadRange {
    /// All of them.
    Whole,
    /// These; they must lie inside the object.
    Range(Range<u64>),
    /// So many at its end; the whole object when it is shorter.
    Tail(u64),
}

impl ReadRange {
    /// The bytes that are meant of an object of `whole` bytes.
    pub(super) fn within(&self, name: &ObjectName, whole: u64) -> Result<Range<u64>> {
        match self {
            ReadRange::Whole => Ok(0..whole),
            ReadRange::Range(range) if range.start <= range.end && range.end <= whole => Ok(range.clone()),
            ReadRange::Range(range) => Err(outside(name, range, whole)),
            ReadRange::Tail(bytes_max) => Ok(whole.saturating_sub(*bytes_max)..whole),
        }
    }
}

/// What was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Read {
    /// The bytes that were asked for.
    pub bytes: Bytes,
    /// The length of the whole object.
    pub whole: u64,
}

/// What a head shall tell beyond length and version. Each may cost requests of its own, and not be allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct HeadOptions {
    /// In which class the object rests, and whether it can be read now.
    pub tier: bool,
    /// What locks it.
    pub lock: bool,
}

/// What the store said about an object that it keeps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Info {
    /// Stored length in bytes.
    pub bytes: u64,
    /// The store's version id, where it keeps versions.
    pub version: Option<String>,
    /// How it rests, where that was asked for; `None` also in a store without classes, where everything is online.
    pub tier: Option<TierStatus>,
    /// What locks it, where that was asked for; `None` when nothing does. A lock that has ended may still be shown.
    pub lock: Option<ObjectLock>,
}

impl Info {
    /// What every store knows.
    pub fn new(bytes: u64, version: Option<String>) -> Self {
        Info { bytes, version, tier: None, lock: None }
    }
}

/// What is listed, and what is told of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ListOptions<'a> {
    /// Only objects below this prefix, which is whole segments; everything below the empty one.
    pub prefix: &'a str,
    /// Only names behind this full name.
    pub after: Option<&'a ObjectName>,
    /// The oldest version of everything that has a version which is no delete marker, each name once. Otherwise the newest
    /// version, where that is no marker.
    pub oldest: bool,
    /// How each object rests is told too: one request shows a thousand objects. Where a listing does not tell whether archived
    /// objects were retrieved, those are asked for one by one.
    pub tiers: bool,
}

impl<'a> ListOptions<'a> {
    /// Everything below `prefix`, which is whole segments.
    pub fn below(prefix: &'a str) -> Self {
        ListOptions { prefix, ..ListOptions::default() }
    }

    /// Only names behind this one.
    #[must_use]
    pub fn after(self, after: impl Into<Option<&'a ObjectName>>) -> Self {
        ListOptions { after: after.into(), ..self }
    }

    /// The oldest versions instead of the newest.
    #[must_use]
    pub fn oldest(self) -> Self {
        ListOptions { oldest: true, ..self }
    }

    /// With how each object rests.
    #[must_use]
    pub fn with_tiers(self) -> Self {
        ListOptions { tiers: true, ..self }
    }
}

/// One line of a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// The object's full name.
    pub name: ObjectName,
    /// Stored length in bytes.
    pub bytes: u64,
    /// When it was stored, by the store's clock, where its listings tell: what is charged by days counts from then.
    pub stored: Option<Time>,
    /// Which version is shown, in a listing of the oldest ones.
    pub version: Option<String>,
    /// How it rests, where that was asked for; `None` also in a store without classes, where everything is online.
    pub tier: Option<TierStatus>,
}

impl Listed {
    /// How it rests, if that was asked for.
    pub fn tier(&self) -> TierStatus {
        self.tier.unwrap_or(TierStatus::online(self.bytes))
    }
}
