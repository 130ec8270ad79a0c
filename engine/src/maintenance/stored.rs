//! Checking stored bytes without keys: for a worker that may see a repository's objects and nothing in them.
//!
//! Promises: every object of the store is read, and every byte of it is held against header, directory, checksums, body hash and parity; its
//! identity against its name and the config; the log's slots are there from the first to the last. Refuses to say what needs keys: which objects
//! must be there, whether a seal fits, what a blob is. Opens no repository: the store is all it is given.

use super::findings::Finding;
use crate::blob::lost;
use crate::error::{Error, Kind, Result};
use crate::limits::STORED_FINDINGS_MAX;
use crate::monitor::{Monitor, counted};
use crate::repository::has_remains;
use crate::store::{ListOptions, Look, ObjectName, Store, StoreExt, reread};
use crate::threads;
use crossbeam_channel::bounded;
use format_spec::config::Config;
use format_spec::container::{Header, Object, ObjectKind, Suite};
use format_spec::names;
use parking_lot::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

/// What was read and found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StoredReport {
    /// Objects read.
    pub objects: u64,
    /// Packs among them.
    pub packs: u64,
    /// Packs among them that have parity.
    pub packs_with_parity: u64,
    /// Packs among them that rest in an archive: that they are there is all that is known of them.
    pub packs_archived: u64,
    /// Bytes read.
    pub bytes_read: u64,
    /// What is wrong; empty means that every stored byte is what was written.
    pub errors: Vec<Finding>,
}

/// Reads every object of a repository and verifies all that needs no keys.
///
/// # Errors
/// `NoRepository` where there is none; the store's. Damage is in the report, that of the config too.
pub fn check_stored(store: &dyn Store, threads: usize, monitor: &Monitor) -> Result<StoredReport> {
    let work = Work { store, monitor, config: read_config(store)?, report: Mutex::default(), bytes: AtomicU64::new(0) };
    let (jobs_in, jobs_out) = bounded::<ObjectName>(1024);
    let mut slots = (u32::MAX, 0, 0u32);
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads.max(1))
            .map(|_| {
                let (work, jobs) = (&work, jobs_out.clone());
                threads::scoped(scope, move || jobs.iter().try_for_each(|name| work.object(&name)))
            })
            .collect::<Result<_>>()?;
        drop(jobs_out);
        let listed = store.list(&ListOptions::below(""), &mut |listed| {
            if let Some((ObjectKind::LogEntry, _, slot)) = names::parse(listed.name.as_str()) {
                slots = (slots.0.min(slot), slots.1.max(slot), slots.2 + 1);
            }
            let known = names::parse(listed.name.as_str()).is_some();
            // A worker that ended early has an error, which is returned below.
            !known || jobs_in.send(listed.name).is_ok()
        });
        drop(jobs_in);
        let lost = |_| Error::new(Kind::Bug, "a checking thread died");
        workers.into_iter().try_for_each(|w| w.join().map_err(lost)?)?;
        listed
    })?;
    let mut report = work.report.into_inner();
    let (first, last, count) = slots;
    if count > 0 && last - first + 1 != count {
        let missing = counted(u64::from(last - first + 1 - count), "entry is", "entries are");
        let what = format!("between slots {first} and {last} of the log, {missing} missing");
        report.errors.push(Finding { object: "log".to_owned(), what });
    }
    report.bytes_read = work.bytes.into_inner();
    report.errors.sort();
    Ok(report)
}

struct Work<'a> {
    store: &'a dyn Store,
    monitor: &'a Monitor,
    /// Identity and suite, as far as the config can be read.
    config: Option<Config>,
    report: Mutex<StoredReport>,
    bytes: AtomicU64,
}

impl Work<'_> {
    fn object(&self, name: &ObjectName) -> Result<()> {
        self.monitor.check()?;
        let verdict = self.verify(name);
        self.monitor.done(1, 0);
        let mut report = self.report.lock();
        report.objects += 1;
        let Some((kind, ..)) = names::parse(name.as_str()) else { return Ok(()) };
        let is_pack = matches!(kind, ObjectKind::DataPack | ObjectKind::MetaPack);
        report.packs += u64::from(is_pack);
        match verdict {
            Ok(parity) => report.packs_with_parity += u64::from(parity),
            Err(e) if matches!(e.kind(), Kind::Damaged | Kind::Unsupported) => {
                if report.errors.len() < STORED_FINDINGS_MAX {
                    report.errors.push(Finding { object: name.to_string(), what: e.to_string() });
                }
            }
            Err(e) if e.kind() == Kind::Archived && is_pack => report.packs_archived += 1,
            Err(e) => return Err(e),
        }
        Ok(())
    }

    /// Whether it has parity.
    fn verify(&self, name: &ObjectName) -> Result<bool> {
        reread(self.store, |look| self.look_at(look, name))
    }

    fn look_at(&self, look: &Look<'_>, name: &ObjectName) -> Result<bool> {
        let bytes = look.get(name).map_err(|e| lost(e, name))?;
        self.bytes.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        self.monitor.done(0, bytes.len() as u64);
        let object = Object::parse(&bytes)?;
        let header = object.header();
        let Some((kind, session, ordinal)) = names::parse(name.as_str()) else { return Ok(false) };
        let clear = matches!(kind, ObjectKind::Config | ObjectKind::KeySlot);
        let (repository, suite) = match &self.config {
            Some(config) => (config.repository, if clear { Suite::Clear } else { config.suite }),
            None => (header.repository, header.suite),
        };
        header.expect_identity(&Header::new(kind, suite, repository, session, ordinal, [0; 32]))?;
        if !matches!(kind, ObjectKind::DataPack | ObjectKind::MetaPack) {
            return Ok(false);
        }
        if let Some(config) = self.config.as_ref().filter(|c| bytes.len() as u64 > u64::from(c.pack_bytes_max)) {
            let what = format!("it has {} bytes, the pack limit is {} [PACK-2]", bytes.len(), config.pack_bytes_max);
            return Err(Error::new(Kind::Damaged, what));
        }
        Ok(format_spec::parity::verify(&object)?)
    }
}

/// The config, if it can be read: a damaged one is found again when its turn comes.
fn read_config(store: &dyn Store) -> Result<Option<Config>> {
    match store.get(&ObjectName::new(names::CONFIG)?) {
        Ok(object) => Ok(Config::decode(&object).ok().map(|(config, _)| config)),
        // Whoever opens it is told so: there is nothing here that could be read for it.
        Err(e) if e.kind() == Kind::Absent && has_remains(store)? => Ok(None),
        Err(e) if e.kind() == Kind::Absent => {
            Err(Error::new(Kind::NoRepository, "there is no repository").on(store.location()))
        }
        Err(e) if e.kind() == Kind::Damaged => Ok(None),
        Err(e) => Err(e),
    }
}
