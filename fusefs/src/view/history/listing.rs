//! Listings in `/history`: the newest state of a folder, then names of older states, then versions.
//!
//! ```text
//! position   0 .. entries                 entries of the newest state, by their position in it
//!            entries .. + older names     names that only older states have, in order, at most HISTORY_NAMES_MAX
//!            + versions                   what the path was where it was no folder
//! ```

use super::Spot;
use super::past::Past;
use crate::limits::{HISTORY_NAMES_MAX, LIST_ENTRIES};
use crate::view::nodes::Reach;
use crate::view::{Failure, Listed, View};
use engine::tree::{self, Change, Flow, FolderCursor};
use std::collections::BTreeSet;

impl View {
    pub(in crate::view) fn list_past(&self, reach: Reach, folder: &Spot, from: u64) -> Result<Vec<Listed>, Failure> {
        if folder.version.is_some() {
            return Err(Failure::NotAFolder);
        }
        let past = self.past(reach, folder)?;
        let entries = past.folders().next().map_or(0, |(_, newest)| newest.totals.entries);
        let mut listed = Vec::new();
        if from < entries {
            for name in self.newest_names(reach, &past, from)? {
                let next = from.saturating_add(listed.len() as u64 + 1);
                listed.push(Listed { attributes: self.remembered(folder.child(&name))?, name, next });
            }
            return Ok(listed);
        }
        let older = self.older_names(reach, &past)?;
        let versions = self.versions(reach, folder, &past)?;
        let below = older.iter().map(|name| (name.clone(), folder.child(name)));
        let all = below.chain(versions.into_iter().map(|(name, spot)| (name.into_bytes(), spot)));
        let start = usize::try_from(from - entries).unwrap_or(usize::MAX);
        for ((name, spot), next) in all.zip(entries.saturating_add(1)..).skip(start).take(LIST_ENTRIES) {
            listed.push(Listed { name, attributes: self.remembered(spot)?, next });
        }
        Ok(listed)
    }

    fn newest_names(&self, reach: Reach, past: &Past, from: u64) -> Result<Vec<Vec<u8>>, Failure> {
        let Some((point, folder)) = past.folders().next() else { return Ok(Vec::new()) };
        self.ask(reach, point, |nodes| {
            let mut cursor = FolderCursor::open(nodes, folder)?;
            cursor.seek_index(from)?;
            cursor.take(LIST_ENTRIES).map(|found| found.map(|found| found.entry.name.clone())).collect()
        })
    }

    /// What went from one state to the next and is not in the newest.
    fn older_names<'p>(&self, reach: Reach, past: &'p Past) -> Result<&'p [Vec<u8>], Failure> {
        if let Some(names) = past.older_names.get() {
            return Ok(names);
        }
        let mut names = BTreeSet::new();
        let Some((_, newest)) = past.folders().next() else { return Ok(&[]) };
        for ((_, new), (point, old)) in past.folders().zip(past.folders().skip(1)) {
            let mut went = Vec::new();
            let compared = self.ask(reach, point, |nodes| {
                tree::diff(nodes, Some(old), Some(new), &mut |path, change| {
                    if path.is_empty() {
                        return Ok(Flow::Continue);
                    }
                    if let Change::Removed(entry) = change {
                        went.push(entry.name.clone());
                    }
                    Ok(if names.len() + went.len() < HISTORY_NAMES_MAX { Flow::Skip } else { Flow::Stop })
                })
            });
            match compared {
                // The point expired since the last refresh.
                Err(Failure::Gone) => {}
                compared => compared?,
            }
            for name in went {
                if self.ask(reach, point, |nodes| tree::find(nodes, newest, &name))?.is_none() {
                    names.insert(name);
                }
            }
            if names.len() >= HISTORY_NAMES_MAX {
                break;
            }
        }
        Ok(past.older_names.get_or_init(|| names.into_iter().collect()))
    }
}
