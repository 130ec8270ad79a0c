//! Listings in `/history`: the newest state of a folder, then names of older states, then versions.
//!
//! ```text
//! position   0 .. entries                 entries of the newest state, by their position in it
//!            entries .. + older names     names that only older states have, in order, at most HISTORY_NAMES_MAX
//!            + versions                   what the path was where it was no folder
//! ```

use super::Spot;
use super::past::{Differences, Past};
use crate::limits::{HISTORY_NAMES_MAX, LIST_ENTRIES};
use crate::nodes::Fetch;
use crate::{Failure, Listed, View};
use engine::restore_point::Point;
use engine::tree::{self, Change, Flow, FolderCursor};
use format_spec::tree::Entry;
use std::collections::{BTreeSet, HashMap};

impl View {
    pub(crate) fn list_past(&self, fetch: Fetch, folder: &Spot, from: u64) -> Result<Vec<Listed>, Failure> {
        if folder.version.is_some() {
            return Err(Failure::NotAFolder);
        }
        let past = self.past(fetch, folder)?;
        let entries = past.folders().next().map_or(0, |(_, _, newest)| newest.totals.entries);
        let mut listed = Vec::new();
        // What did not change is then looked up once for all states.
        self.differences(fetch, &past)?;
        if from < entries {
            for name in self.newest_names(fetch, &past, from)? {
                let next = from.saturating_add(listed.len() as u64 + 1);
                listed.push(Listed { attributes: self.remembered(fetch, folder.child(&name))?, name, next });
            }
            return Ok(listed);
        }
        let older = &self.differences(fetch, &past)?.older_names;
        let versions = self.versions(fetch, folder, &past)?;
        let below = older.iter().map(|name| (name.clone(), folder.child(name)));
        let all = below.chain(versions.into_iter().map(|(name, spot)| (name.into_bytes(), spot)));
        let start = usize::try_from(from - entries).unwrap_or(usize::MAX);
        for ((name, spot), next) in all.zip(entries.saturating_add(1)..).skip(start).take(LIST_ENTRIES) {
            listed.push(Listed { name, attributes: self.remembered(fetch, spot)?, next });
        }
        Ok(listed)
    }

    fn newest_names(&self, fetch: Fetch, past: &Past, from: u64) -> Result<Vec<Vec<u8>>, Failure> {
        let Some((_, point, folder)) = past.folders().next() else { return Ok(Vec::new()) };
        self.ask(fetch, point, |nodes| {
            let mut cursor = FolderCursor::open(nodes, folder)?;
            cursor.seek_index(from)?;
            cursor.take(LIST_ENTRIES).map(|found| found.map(|found| found.entry.name.clone())).collect()
        })
    }

    /// How each folder state differs from the one before it.
    fn differences<'p>(&self, fetch: Fetch, past: &'p Past) -> Result<&'p Differences, Failure> {
        if let Some(known) = past.differences.get() {
            return Ok(known);
        }
        let (mut older_names, mut changed, mut all) = (BTreeSet::new(), HashMap::<_, Vec<usize>>::new(), 0);
        let newest = past.folders().next().map(|(_, _, newest)| newest);
        for ((at, _, new), (_, point, old)) in past.folders().zip(past.folders().skip(1)) {
            let Some(differ) = self.difference(fetch, point, old, new)? else {
                // The point expired since the last refresh, and what it held cannot be said.
                all = usize::MAX;
                continue;
            };
            all = all.saturating_add(differ.len());
            for Differing { name, went } in differ {
                let find = |newest| self.ask(fetch, point, |nodes| tree::find(nodes, newest, &name));
                if went && newest.map(find).transpose()?.flatten().is_none() && older_names.len() < HISTORY_NAMES_MAX {
                    older_names.insert(name.clone());
                }
                if all < HISTORY_NAMES_MAX {
                    changed.entry(name).or_default().push(at);
                }
            }
        }
        let changed = (all < HISTORY_NAMES_MAX).then_some(changed);
        Ok(past.differences.get_or_init(|| Differences { older_names: older_names.into_iter().collect(), changed }))
    }

    /// Names that two states hold otherwise, at most [`HISTORY_NAMES_MAX`]. `None` when the point is gone.
    fn difference(
        &self,
        fetch: Fetch,
        point: &Point,
        old: &Entry,
        new: &Entry,
    ) -> Result<Option<Vec<Differing>>, Failure> {
        let mut differ = Vec::new();
        let compared = self.ask(fetch, point, |nodes| {
            tree::diff(nodes, Some(old), Some(new), &mut |path, change| {
                if path.is_empty() {
                    return Ok(Flow::Continue);
                }
                differ.push(Differing { name: path.to_vec(), went: matches!(change, Change::Removed(_)) });
                Ok(if differ.len() < HISTORY_NAMES_MAX { Flow::Skip } else { Flow::Stop })
            })
        });
        match compared {
            Err(Failure::Gone) => Ok(None),
            compared => compared.map(|()| Some(differ)),
        }
    }
}

/// A name that two states hold otherwise.
struct Differing {
    name: Vec<u8>,
    /// Whether the new one has it no more.
    went: bool,
}
