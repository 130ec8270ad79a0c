//! The repository's locks: what a commit needs is locked (I8), locks are read back, days of locking are raised.

use super::open::Repository;
use crate::error::{Error, Kind, Result};
use crate::immutability::{LockPolicy, Locks, Needs, Secured, Securing, Verified, hold, secure, verify};
use crate::log::{CommitRef, LogView, SegmentRef};
use crate::monitor::Monitor;
use crate::store::ObjectLock;
use format_spec::config::IMMUTABILITY;
use format_spec::container::ObjectKind;
use format_spec::fields::FieldsWriter;
use format_spec::log::{Change, ObjectRow};
use format_spec::{ChunkId, ObjectId, Time};
use std::collections::BTreeMap;
use std::sync::Arc;

impl Repository {
    /// The rules by which objects are locked; `None` where none are.
    pub fn policy(&self) -> Option<LockPolicy> {
        self.locks.as_ref().map(|locks| locks.policy())
    }

    /// The rules, and the store's own clock.
    pub fn locks(&self) -> Option<&Arc<Locks>> {
        self.locks.as_ref()
    }

    /// Until when the store keeps a point, as the log remembers it; `None` when it is not locked.
    pub fn locked_until(&self, commit: &CommitRef) -> Option<Time> {
        let id = ObjectId { session: commit.session, ordinal: commit.object.ordinal };
        self.log().view().locked_until(&ObjectRow { kind: ObjectKind::RestorePoint, id })
    }

    /// Locks everything that a point about to be committed needs (I8): its manifest, which is stored already, the packs of its reference
    /// set, and what opening needs. `None` where nothing is locked.
    ///
    /// # Errors
    /// As [`secure`].
    pub fn secure(&self, manifest: ObjectId, references: ChunkId, monitor: &Monitor) -> Result<Option<Secured>> {
        let Some(locks) = &self.locks else { return Ok(None) };
        let (sealed_store, view) = (self.sealed_store(), self.log().view());
        self.follow_locks(&view)?;
        let policy = locks.policy();
        let commit = later(locks.ask_now(&*sealed_store.store)?, MARGIN_SECONDS);
        let needed = ObjectLock::new(policy.wish().mode, policy.needed_until(commit)?);
        let wanted = policy.retain_until(commit)?;
        let needs = self.needs(&view)?;
        let mut rows = needs.packs_of(references)?;
        rows.extend(needs.of_opening()?);
        rows.insert(ObjectRow { kind: ObjectKind::RestorePoint, id: manifest });
        let securing = self.securing(locks, monitor);
        secure(&securing, rows.into_iter().map(|row| (row, needed, wanted))).map(Some)
    }

    /// Whether what was secured is still locked long enough for a commit now, on top of this view: the machine may have been paused, or
    /// the days of locking raised. What turned up since `then`, the view before it was secured, and opening needs, is locked long enough as well:
    /// whoever put it may have been paused, too.
    ///
    /// # Errors
    /// The clock's; as [`hold`].
    pub fn is_secured(&self, secured: Option<&Secured>, then: &LogView, view: &LogView) -> Result<bool> {
        let (Some(locks), Some(secured)) = (&self.locks, secured) else { return Ok(true) };
        self.follow_locks(view)?;
        if locks.policy().needed_until(locks.now(&*self.sealed_store().store)?)? > secured.until {
            return Ok(false);
        }
        let row = |kind, id| ObjectRow { kind, id };
        let entries =
            (then.head + 1..=view.head).map(|slot| row(ObjectKind::LogEntry, ObjectId { session: 0, ordinal: slot }));
        let is_new = |s: &&SegmentRef| !then.segments.contains(s);
        let segments = view.segments.iter().filter(is_new).map(|s| row(ObjectKind::IndexSegment, s.id()));
        self.hold(entries.chain(segments), view)?;
        Ok(true)
    }

    /// Locks these objects as long as any point needs that is live at this view, where they are not: before an entry puts them in the place of what
    /// such points need (I8). Who stored them may have stood still since, while another one committed. Nothing is asked otherwise.
    ///
    /// # Errors
    /// The clock's; as [`hold`].
    pub fn hold(&self, rows: impl IntoIterator<Item = ObjectRow>, view: &LogView) -> Result<()> {
        let Some(locks) = &self.locks else { return Ok(()) };
        self.follow_locks(view)?;
        let (store, policy) = (&*self.sealed_store().store, locks.policy());
        let now = locks.now(store)?;
        let needed = ObjectLock::new(policy.wish().mode, policy.needed_until(now)?);
        hold(locks, store, rows, needed, policy.retain_until(now)?)
    }

    /// Reads the locks of everything that these points need back from the store.
    ///
    /// # Errors
    /// `Input` when the repository locks nothing; as [`verify`].
    pub fn verify_immutability(&self, points: &[(CommitRef, Time)], monitor: &Monitor) -> Result<Verified> {
        let locks = self.expect_locks()?;
        let view = self.log().view();
        verify(locks, &*self.sealed_store().store, &self.needs(&view)?, points, &**self.env(), monitor)
    }

    /// Raises the days of locking: what live points need is locked longer first, then the log says so to all.
    ///
    /// # Errors
    /// `Immutable` for fewer days than now; `Input` where days make no sense, or are the same; as [`secure`].
    pub fn raise_immutable_days(&self, days: u32, monitor: &Monitor) -> Result<Secured> {
        let locks = self.expect_locks()?.clone();
        self.refresh()?;
        if locks.policy().raised(days)? == locks.policy() {
            return Err(Error::new(Kind::Input, format!("the days of locking are {days} already")).on(self.location()));
        }
        loop {
            self.refresh()?;
            let view = self.log().view();
            let policy = locks.policy().raised(days)?;
            // What is written from here on is needed by those points, too.
            locks.set_policy(policy);
            let secured = match self.secure_points(&locks, &policy, &view, monitor) {
                Err(e) if matches!(e.kind(), Kind::Absent | Kind::Damaged) => {
                    // What a point needed may have gone with it.
                    self.refresh()?;
                    if self.log().view().commits == view.commits {
                        return Err(e);
                    }
                    continue;
                }
                other => other?,
            };
            let mut is_stale = false;
            let appended = self.log().append(&**self.env(), &mut |now| {
                is_stale = now.commits != view.commits || now.settings != view.settings;
                if is_stale {
                    return Err(Error::new(Kind::Conflict, "restore points came or went meanwhile"));
                }
                let mut fields = FieldsWriter::new();
                fields.put(IMMUTABILITY, &policy.field().encode());
                Ok(Change::Config { fields: fields.as_bytes().to_vec() })
            });
            match appended {
                Err(_) if is_stale => {}
                Err(e) => return Err(e),
                Ok(_) => {
                    self.follow_locks(&self.log().view())?;
                    return Ok(secured);
                }
            }
        }
    }

    /// Takes over what the log says about days of locking.
    pub(super) fn follow_locks(&self, view: &LogView) -> Result<()> {
        if let (Some(locks), Some(policy)) = (&self.locks, LockPolicy::of(self.config(), &view.settings)?) {
            locks.set_policy(policy);
        }
        Ok(())
    }

    fn secure_points(&self, locks: &Locks, policy: &LockPolicy, view: &LogView, monitor: &Monitor) -> Result<Secured> {
        let needs = self.needs(view)?;
        let now = locks.ask_now(&*self.sealed_store().store)?;
        let mut longest: BTreeMap<ObjectRow, Time> = BTreeMap::new();
        let mut newest = None;
        for commit in &view.commits {
            let finished = match self.load(commit) {
                Ok(point) => point.manifest.finished,
                // When it was finished is unknown: not after now, for certain.
                Err(e) if e.kind() == Kind::Damaged => self.env().now().max(now),
                Err(e) => return Err(e),
            };
            let finished = later(finished, CLOCKS_SECONDS);
            if policy.needed_until(finished)? > now {
                newest = newest.max(Some(finished));
                for row in needs.of_point(commit)? {
                    let time = longest.entry(row).or_insert(finished);
                    *time = finished.max(*time);
                }
            }
        }
        if let Some(newest) = newest {
            longest.extend(needs.of_opening()?.into_iter().map(|row| (row, newest)));
        }
        let rows: Vec<_> = longest
            .into_iter()
            .map(|(row, time)| {
                let needed = ObjectLock::new(policy.wish().mode, policy.needed_until(time)?);
                Ok((row, needed, policy.retain_until(time)?))
            })
            .collect::<Result<_>>()?;
        secure(&self.securing(locks, monitor), rows)
    }

    /// What is needed at this view. A process that has read on for long knows no checkpoint by reading: the store lists them.
    fn needs<'a>(&'a self, view: &'a LogView) -> Result<Needs<'a>> {
        Needs::new(self.sealed_store(), self.blobs(), view, self.log().newest_checkpoint()?)
    }

    fn securing<'a>(&'a self, locks: &'a Locks, monitor: &'a Monitor) -> Securing<'a> {
        Securing { locks, store: &*self.sealed_store().store, log: self.log(), env: self.env(), monitor }
    }

    fn expect_locks(&self) -> Result<&Arc<Locks>> {
        self.locks.as_ref().ok_or_else(|| {
            Error::new(Kind::Input, "this repository locks nothing")
                .on(self.location())
                .advise("immutability is chosen when a repository is made: cairn init --immutable")
        })
    }
}

fn later(time: Time, seconds: i64) -> Time {
    Time::new(time.seconds.saturating_add(seconds), time.nanos)
}

/// A commit may come so much later than its locks were looked at.
const MARGIN_SECONDS: i64 = 3600;
/// A writer's clock may be so far behind the store's.
const CLOCKS_SECONDS: i64 = 300;
