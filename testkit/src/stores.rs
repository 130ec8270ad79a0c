//! A store that is far away, and one that lies. The faulty one is the product's own: [`store::Faulty`].
//!
//! Promises: [`Far`] does what the store below does, later; [`Lying`] lies in one way and is honest otherwise. Neither shows what a
//! vendor really does: they stand for what somebody's server might do.

use base::error::{Error, Kind, Result};
use std::sync::Arc;
use std::time::Duration;
use store::{
    Bytes, HeadOptions, Info, ListOptions, Listed, Memory, Mode, ObjectLock, ObjectName, ObjectRef, PutOptions, Read,
    ReadRange, Receipt, Store, StoreExt, Time, forward,
};

/// A store at an address, behind a line: each request waits, and each connection has its own bandwidth.
#[derive(Debug)]
pub struct Far {
    store: Arc<dyn Store>,
    latency: Duration,
    bytes_per_second: f64,
}

impl Far {
    /// Far away as far as anybody can tell, and as quick as the store below.
    pub fn new(store: Arc<dyn Store>) -> Self {
        Far::behind(store, Duration::ZERO, f64::INFINITY)
    }

    /// Behind a line of this latency and bandwidth.
    pub fn behind(store: Arc<dyn Store>, latency: Duration, bytes_per_second: f64) -> Self {
        Far { store, latency, bytes_per_second }
    }

    fn wait(&self, bytes: usize) {
        #[expect(clippy::cast_precision_loss, reason = "a simulated line need not be exact to the byte")]
        let transfer = Duration::from_secs_f64(bytes as f64 / self.bytes_per_second);
        std::thread::sleep(self.latency + transfer);
    }
}

impl Store for Far {
    forward!(store: versions, extend_lock, retrieve, rest_again, now, capabilities, room);

    fn location(&self) -> String {
        format!("far://{}", self.store.location())
    }

    fn put(&self, name: &ObjectName, bytes: Bytes, options: &PutOptions) -> Result<Receipt> {
        self.wait(bytes.len());
        self.store.put(name, bytes, options)
    }

    fn read(&self, object: ObjectRef<'_>, range: ReadRange) -> Result<Read> {
        self.store.read(object, range).inspect(|read| self.wait(read.bytes.len()))
    }

    fn head(&self, object: ObjectRef<'_>, options: HeadOptions) -> Result<Info> {
        self.wait(0);
        self.store.head(object, options)
    }

    fn list(&self, options: &ListOptions<'_>, visit: &mut dyn FnMut(Listed) -> bool) -> Result<()> {
        self.wait(0);
        self.store.list(options, visit)
    }

    fn delete(&self, object: ObjectRef<'_>) -> Result<()> {
        self.wait(0);
        self.store.delete(object)
    }

    /// A second look goes over the same line.
    fn fresh(&self) -> Result<Option<Arc<dyn Store>>> {
        Ok(None)
    }
}

/// A store that lies in one way.
#[derive(Debug)]
pub struct Lying {
    inner: Arc<Memory>,
    lie: Lie,
}

/// What it lies about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lie {
    /// Creates what is there already.
    CreatesAgain,
    /// Says that it has created an object, and keeps other bytes.
    SaysCreatedButKeepsOther,
    /// A range over the end comes without an error.
    CutsRanges,
    /// The whole object comes for a range.
    SendsWhole,
    /// No range comes.
    RefusesRanges,
    /// Listings show all but one of the probe's objects.
    ForgetsInListings,
    /// Listings show every second object, but all key slots: without one nobody gets as far as to delete.
    ListsHalf,
    /// Listings show no object but key slots.
    ListsNothing,
    /// Listings begin at the beginning, whatever is asked.
    IgnoresAfter,
    /// Says that it has deleted.
    DeletesNothing,
    /// Objects are stored without their locks.
    DropsTheLock,
    /// A delete of a locked version puts a marker over it.
    HidesUnderAMarker,
    /// Says that a lock is as asked, and leaves it.
    Shortens,
    /// Denies every delete, whether locked or not.
    DeniesAllDeletes,
    /// What is stored with a lock gets no version.
    NamesNoVersion,
    /// Its answers have no date.
    HasNoClock,
}

impl Lying {
    /// Lies so about what is kept in `inner`.
    pub fn new(inner: Arc<Memory>, lie: Lie) -> Self {
        Lying { inner, lie }
    }

    fn hides(&self, prefix: &str, listed: &Listed, number: usize) -> bool {
        match self.lie {
            Lie::ForgetsInListings => listed.name.as_str().ends_with("list-3"),
            Lie::ListsHalf => prefix != "keys" && number.is_multiple_of(2),
            Lie::ListsNothing => prefix != "keys",
            _ => false,
        }
    }
}

impl Store for Lying {
    forward!(inner: head, versions, retrieve, rest_again, capabilities, room, fresh);

    fn location(&self) -> String {
        "liar:".to_owned()
    }

    fn put(&self, name: &ObjectName, bytes: Bytes, options: &PutOptions) -> Result<Receipt> {
        match self.lie {
            Lie::CreatesAgain if !options.tries_checksum => {
                self.inner.replace(name, bytes);
                Ok(Receipt::default())
            }
            Lie::SaysCreatedButKeepsOther => self.inner.put(name, Bytes::from_static(b"other"), options),
            Lie::DropsTheLock => self.inner.put(name, bytes, &PutOptions { lock: None, ..*options }),
            Lie::NamesNoVersion if options.lock.is_some() => {
                self.inner.put_new(name, bytes).map(|_| Receipt::default())
            }
            _ => self.inner.put(name, bytes, options),
        }
    }

    fn read(&self, object: ObjectRef<'_>, range: ReadRange) -> Result<Read> {
        let range = match (self.lie, range) {
            (Lie::SendsWhole, ReadRange::Range(_)) => ReadRange::Whole,
            (Lie::RefusesRanges, ReadRange::Range(_)) => {
                return Err(Error::new(Kind::Unsupported, "no ranges here").on(object.name));
            }
            (Lie::CutsRanges, ReadRange::Range(range)) => {
                let length = self.inner.head_of(object)?.bytes;
                ReadRange::Range(range.start.min(length)..range.end.min(length))
            }
            (_, range) => range,
        };
        self.inner.read(object, range)
    }

    fn list(&self, options: &ListOptions<'_>, visit: &mut dyn FnMut(Listed) -> bool) -> Result<()> {
        let after = if self.lie == Lie::IgnoresAfter { None } else { options.after };
        let mut shown = 0;
        self.inner.list(&options.after(after), &mut |listed| {
            shown += 1;
            self.hides(options.prefix, &listed, shown) || visit(listed)
        })
    }

    fn delete(&self, object: ObjectRef<'_>) -> Result<()> {
        match self.lie {
            Lie::DeletesNothing => Ok(()),
            Lie::HidesUnderAMarker => self.inner.delete(object.name.object()),
            Lie::DeniesAllDeletes => Err(Error::new(Kind::Denied, "no right to delete").on(object.name)),
            _ => self.inner.delete(object),
        }
    }

    fn extend_lock(&self, object: ObjectRef<'_>, wanted: &ObjectLock) -> Result<ObjectLock> {
        match self.lie {
            Lie::Shortens => Ok(*wanted),
            Lie::DropsTheLock => Ok(ObjectLock::new(Mode::Governance, Time::default())),
            _ => self.inner.extend_lock(object, wanted),
        }
    }

    fn now(&self) -> Result<Time> {
        match self.lie {
            Lie::HasNoClock => Err(Error::new(Kind::Unsupported, "no date in the answers")),
            _ => self.inner.now(),
        }
    }
}
