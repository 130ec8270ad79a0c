//! How objects rest, in bulk: one request shows a thousand of them.
//!
//! S3 tells in a listing what was restored if it is asked to, and Amazon does; other servers leave it out without a word, so there what
//! rests in an archive is asked for one by one, until the server has shown once that it tells. Azure always tells.

use super::archive::DEFAULT_CLASS;
use super::page::{Entry, time};
use super::{Cloud, Remote};
use crate::{Availability, ListOptions, Listed, ObjectName, StorageClass, StoreExt, TierStatus};
use base::error::{Error, Kind, Result};
use base::threads;
use format_spec::Time;
use std::sync::atomic::Ordering;

type Visit<'a> = &'a mut dyn FnMut(Listed) -> bool;

/// An object of a listing, and how it rests as the listing tells.
struct Row {
    listed: Listed,
    /// Whether only the object itself can tell if it was retrieved.
    untold: bool,
}

impl Remote {
    /// See [`crate::Store::list`].
    pub(super) fn list_tiers(&self, options: &ListOptions<'_>, visit: Visit<'_>) -> Result<()> {
        let ListOptions { prefix, after, .. } = *options;
        let full = self.full_prefix(prefix);
        // Azure's marker is no name; there the beginning is listed and left out.
        let start = after.map(|after| format!("{}{after}", self.prefix)).unwrap_or_default();
        let mut token = String::new();
        loop {
            let query = match &self.cloud {
                // Encoded, as a key may hold what no XML can.
                Cloud::S3(_) => vec![
                    ("list-type", "2"),
                    ("encoding-type", "url"),
                    ("prefix", full.as_str()),
                    ("start-after", start.as_str()),
                    ("continuation-token", token.as_str()),
                ],
                Cloud::Azure { .. } => {
                    vec![
                        ("restype", "container"),
                        ("comp", "list"),
                        ("prefix", full.as_str()),
                        ("marker", token.as_str()),
                    ]
                }
            };
            let mut page = self.page_of(prefix, query)?;
            let next = page.next_token.take().or(page.next_key.take()).unwrap_or_default();
            self.note(&page.entries);
            let now = page.now;
            let rows = page.entries.iter().filter_map(|entry| {
                let name = self.listed_name(entry, prefix, after)?;
                Some(self.row(name, None, entry, now))
            });
            // A server that repeats its token would keep us for ever.
            let last = !page.truncated || next.is_empty() || next == token;
            if !self.show(rows.collect(), visit)? || last {
                return Ok(());
            }
            token = next;
        }
    }

    /// See [`crate::Store::list`].
    pub(super) fn list_tiers_oldest(&self, options: &ListOptions<'_>, visit: Visit<'_>) -> Result<()> {
        let ListOptions { prefix, after, .. } = *options;
        let (mut rows, mut outcome) = (Vec::new(), Ok(true));
        self.each_oldest(prefix, after, &mut |entry, now| {
            self.note(std::slice::from_ref(&entry));
            if let Some(name) = self.listed_name(&entry, prefix, after) {
                rows.push(self.row(name, entry.id.clone(), &entry, now));
            }
            if rows.len() >= ROWS_MAX {
                outcome = self.show(std::mem::take(&mut rows), visit);
            }
            matches!(outcome, Ok(true))
        })?;
        match outcome {
            Ok(true) => self.show(rows, visit).map(drop),
            other => other.map(drop),
        }
    }

    /// Remembers that this server tells.
    fn note(&self, entries: &[Entry]) {
        if entries.iter().any(|entry| entry.ongoing.is_some()) {
            self.tells_restores.store(true, Ordering::Relaxed);
        }
    }

    fn row(&self, name: ObjectName, version: Option<String>, entry: &Entry, now: Option<Time>) -> Row {
        let (class, availability) = match &self.cloud {
            Cloud::S3(_) => {
                let class = Some(entry.class.as_str()).filter(|class| !class.is_empty()).unwrap_or(DEFAULT_CLASS);
                // Some show every object as not being restored; only one that was has an end.
                let ongoing = entry.ongoing.filter(|ongoing| *ongoing || entry.until.is_some());
                (StorageClass::known(class), Availability::of_s3(class, ongoing, entry.until, now))
            }
            Cloud::Azure { .. } => {
                (StorageClass::known(&entry.class), Availability::of_azure(&entry.class, entry.status.as_deref()))
            }
        };
        let s3 = matches!(self.cloud, Cloud::S3(_));
        // What no class of ours archives may be archived all the same by a class that moves objects by itself.
        let untold = s3
            && (availability == Availability::Archived && !self.tells_restores.load(Ordering::Relaxed)
                || class.is_none());
        let (bytes, stored) = (entry.bytes, time(&entry.modified));
        let tier = Some(TierStatus { class, availability, bytes });
        Row { listed: Listed { name, bytes, stored, version, tier }, untold }
    }

    /// Shows rows, those that are not told after asking; false when the visitor has had enough.
    fn show(&self, mut rows: Vec<Row>, visit: Visit<'_>) -> Result<bool> {
        let mut untold: Vec<&mut Row> = rows.iter_mut().filter(|row| row.untold).collect();
        let share = untold.len().div_ceil(ASKERS).max(1);
        std::thread::scope(|scope| {
            let ask = |rows: &mut [&mut Row]| rows.iter_mut().try_for_each(|row| self.ask_row(row));
            let asking: Vec<_> = untold
                .chunks_mut(share)
                .map(|part| threads::scoped(scope, move || ask(part)))
                .collect::<Result<_>>()?;
            let lost = |_| Error::new(Kind::Bug, "a thread of a listing panicked");
            asking.into_iter().try_for_each(|thread| thread.join().map_err(lost)?)
        })?;
        Ok(rows.into_iter().all(|row| visit(row.listed)))
    }

    fn ask_row(&self, row: &mut Row) -> Result<()> {
        let Listed { name, version, .. } = &row.listed;
        match self.tier_of(name.at(version.as_deref())) {
            Ok(tier) => row.listed.tier = Some(tier),
            // Deleted since: the listing is as old as it is.
            Err(e) if e.kind() == Kind::Absent => {}
            Err(e) => return Err(e),
        }
        Ok(())
    }
}

/// Rows that are collected before those that are not told are asked for: a page of a listing.
const ROWS_MAX: usize = 1000;
/// Threads that ask at once.
const ASKERS: usize = 16;
