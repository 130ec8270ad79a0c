//! `/history/<organisation or host>/<job>/<path>/`: the versions of one path across the newest points of a job.
//!
//! ```text
//! /history/host/job/srv/a.conf/2026-11-20T00-00-00Z -> ../../../../../by-job/host/job/2026-11-20T00-00-00Z/srv/a.conf
//!                             /2026-11-22T00-00-00Z -> ...
//! ```
//!
//! Every path, of a folder or not, is a folder here; what a point held there that was no folder is a relative symlink, named by
//! the point in which this version stood first. Nothing is computed before it is asked for; a folder's states follow from those of
//! the folder above, and points that hold the same are one state. A path is known by the hash of its names; which path a
//! number stands for is remembered for a bounded number of them.
//!
//! A folder has the strictest rights that anything at its path had (`rights`): who may not look into one state of it does not learn
//! here what was in it.

mod known;
mod listing;
mod past;
mod rights;
mod spot;

use super::inode::Inode;
use super::names::{Moment, hex};
use super::namespace::Namespace;
use super::nodes::Fetch;
use super::{Attributes, Failure, View};
use crate::limits::HISTORY_FOLDERS;
use known::Known;
use past::{Past, State};
use quick_cache::sync::Cache;
use rights::Rights;
pub(super) use spot::Spot;
use std::collections::BTreeMap;
use std::sync::Arc;

/// What is remembered of `/history`.
pub(super) struct History {
    known: Known,
    past: Cache<Inode, Arc<Past>>,
}

impl History {
    pub(super) fn new() -> Self {
        History { known: Known::default(), past: Cache::new(HISTORY_FOLDERS) }
    }
}

impl View {
    /// What a number stands for, if that is known and its job is still there.
    pub(super) fn spot(&self, space: &Namespace, inode: Inode) -> Option<Arc<Spot>> {
        if let Some(job) = space.job(inode) {
            return Some(Arc::new(Spot { job: inode, parent: job.parent, path: Vec::new(), version: None }));
        }
        let spot = self.history.known.get(inode)?;
        // Whoever holds it may ask for `..` at any time.
        if let Some(above) = spot.above() {
            self.history.known.remember(above.inode(), above);
        }
        let is_there = match spot.version {
            Some(number) => space.point(number).is_some(),
            None => space.job(spot.job).is_some(),
        };
        is_there.then_some(spot)
    }

    /// Keeps a folder of `/history` known until as many calls of [`View::close_past`].
    ///
    /// # Errors
    /// `Gone` when it is not known any more: its path must be looked up again.
    pub fn open_past(&self, inode: Inode) -> Result<(), Failure> {
        let spot = self.spot(&self.space(), inode).ok_or(Failure::Gone)?;
        self.history.known.open(inode, spot);
        Ok(())
    }

    /// Ends what [`View::open_past`] began.
    pub fn close_past(&self, inode: Inode) {
        self.history.known.close(inode);
    }

    pub(super) fn of_past(&self, fetch: Fetch, inode: Inode, spot: &Spot) -> Result<Attributes, Failure> {
        let space = self.space();
        if spot.version.is_some() {
            let target = self.past_target(spot)?;
            let point = spot.version.and_then(|number| space.point(number)).ok_or(Failure::Gone)?;
            return Ok(self.shown.of_link(inode, target.len() as u64, point.point.manifest.started));
        }
        let newest = space.job(spot.job).and_then(|job| job.points.last()).ok_or(Failure::Gone)?;
        let made = self.shown.of_past(inode, newest.manifest.started);
        let past = self.past(fetch, spot)?;
        // Of a point that has just expired nothing is known, and nobody needs to see it.
        let rights = self.rights(fetch, inode, &past)?.unwrap_or(Rights { mode: 0, ..Rights::default() });
        Ok(Attributes { mode: rights.mode & made.mode, uid: rights.uid, gid: rights.gid, ..made })
    }

    /// Where a version's link leads.
    pub(super) fn past_target(&self, spot: &Spot) -> Result<Vec<u8>, Failure> {
        let number = spot.version.ok_or(Failure::WrongKind)?;
        let space = self.space();
        let placed = space.point(number).ok_or(Failure::Gone)?;
        let mut target = "../".repeat(spot.depth()).into_bytes();
        target.extend_from_slice(placed.path.as_bytes());
        target.push(b'/');
        target.extend_from_slice(&spot.path);
        Ok(target)
    }

    pub(super) fn lookup_past(&self, fetch: Fetch, folder: &Spot, name: &[u8]) -> Result<Attributes, Failure> {
        if folder.version.is_some() {
            return Err(Failure::NotAFolder);
        }
        let below = folder.child(name);
        if self.past(fetch, &below)?.is_anything() {
            return self.remembered(fetch, below);
        }
        let past = self.past(fetch, folder)?;
        let versions = self.versions(fetch, folder, &past)?;
        let (_, version) =
            versions.into_iter().find(|(known, _)| known.as_bytes() == name).ok_or(Failure::NoSuchName)?;
        self.remembered(fetch, version)
    }

    fn remembered(&self, fetch: Fetch, spot: Spot) -> Result<Attributes, Failure> {
        let (inode, attributes) = (spot.inode(), self.of_past(fetch, spot.inode(), &spot)?);
        self.history.known.remember(inode, spot);
        Ok(attributes)
    }

    /// The versions of a path that are no folders, by name. A name that is also one of a file below gets a suffix.
    fn versions(&self, fetch: Fetch, folder: &Spot, past: &Past) -> Result<BTreeMap<String, Spot>, Failure> {
        let (mut versions, space) = (BTreeMap::new(), self.space());
        for run in past.runs.iter().filter(|run| matches!(run.state, State::Other(_))) {
            let (second, id) = (Moment::of(run.first.manifest.started).name, hex(&run.first.manifest.id.0));
            let placed = space.point(run.first.number).ok_or(Failure::Gone)?;
            let longer = [format!("{second}-{}", id.get(..8).unwrap_or_default()), format!("{second}-{id}")];
            let mut name = placed.name.clone();
            for longer in longer {
                let is_taken = past.was_a_folder() && self.past(fetch, &folder.child(name.as_bytes()))?.is_anything();
                if is_taken {
                    name = longer;
                }
            }
            versions.insert(name, folder.version(&run.first));
        }
        Ok(versions)
    }
}
