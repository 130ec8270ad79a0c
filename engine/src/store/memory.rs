//! A store in memory, for tests of other rooms and for the simulation: the same semantics, no disk, no waiting.

use super::{Info, Listed, Name, Receipt, Store, outside};
use crate::error::{Error, Kind, Result};
use bytes::Bytes;
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::ops::{Bound, Range};

/// Objects in memory; clones of an [`std::sync::Arc`] around it share them.
#[derive(Debug, Default)]
pub struct Memory {
    objects: Mutex<BTreeMap<Name, Bytes>>,
}

impl Memory {
    /// An empty store.
    pub fn new() -> Self {
        Memory::default()
    }

    /// Puts `bytes` in the place of an object, present or not: what no real store allows, for tests that damage things.
    pub fn replace(&self, name: &Name, bytes: Bytes) {
        self.objects.lock().insert(name.clone(), bytes);
    }

    fn find(&self, name: &Name) -> Result<Bytes> {
        self.objects.lock().get(name).cloned().ok_or_else(|| Error::new(Kind::Absent, "no such object").on(name))
    }
}

impl Store for Memory {
    fn location(&self) -> String {
        "memory:".to_owned()
    }

    fn put_new(&self, name: &Name, bytes: Bytes) -> Result<Receipt> {
        let mut objects = self.objects.lock();
        if objects.contains_key(name) {
            return Err(Error::new(Kind::Exists, "an object of this name exists already").on(name));
        }
        objects.insert(name.clone(), bytes);
        Ok(Receipt::default())
    }

    fn get(&self, name: &Name) -> Result<Bytes> {
        self.find(name)
    }

    fn get_range(&self, name: &Name, range: Range<u64>) -> Result<Bytes> {
        let bytes = self.find(name)?;
        let length = bytes.len();
        let inside = || Some((usize::try_from(range.start).ok()?, usize::try_from(range.end).ok()?));
        match inside() {
            Some((start, end)) if start <= end && end <= length => Ok(bytes.slice(start..end)),
            _ => Err(outside(name, &range, length as u64)),
        }
    }

    fn get_tail(&self, name: &Name, bytes_max: u64) -> Result<(Bytes, u64)> {
        let bytes = self.find(name)?;
        let length = bytes.len();
        let start = length.saturating_sub(usize::try_from(bytes_max).unwrap_or(usize::MAX));
        Ok((bytes.slice(start..), length as u64))
    }

    fn head(&self, name: &Name) -> Result<Info> {
        Ok(Info { bytes: self.find(name)?.len() as u64, version: None })
    }

    fn list(&self, prefix: &str, after: Option<&Name>, visit: &mut dyn FnMut(Listed) -> bool) -> Result<()> {
        // Collected first: the visitor may call the store.
        let start = after.map_or(Bound::Unbounded, Bound::Excluded);
        let found: Vec<Listed> = self
            .objects
            .lock()
            .range::<Name, _>((start, Bound::Unbounded))
            .filter(|(name, _)| name.is_below(prefix))
            .map(|(name, bytes)| Listed { name: name.clone(), bytes: bytes.len() as u64 })
            .collect();
        for listed in found {
            if !visit(listed) {
                break;
            }
        }
        Ok(())
    }

    fn delete(&self, name: &Name, _version: Option<&str>) -> Result<()> {
        self.objects.lock().remove(name);
        Ok(())
    }
}
