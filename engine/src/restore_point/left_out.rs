//! The names of what a point leaves out, as its ledger keeps them: so many, and no more.
//!
//! Promises: each item is named by its own path, by the folder that holds it, or counted as unnamed; memory is bounded by [`LEFT_OUT_ROWS_MAX`]
//! whatever the rules leave out. The same source and rules give the same rows.
//!
//! ```text
//! srv/a/x.o     this item, and whatever lies below it
//! srv/a/        names in srv/a that the point does not have: too many to list them
//! ```

use crate::limits::{LEFT_OUT_IN_FOLDER_MAX, LEFT_OUT_ROWS_MAX};
use crate::monitor::counted;
use std::collections::{BTreeMap, HashMap};

/// What was left out so far.
#[derive(Debug, Default)]
pub(super) struct LeftOut {
    rows: BTreeMap<Vec<u8>, Row>,
    /// How many items have a row of their own in a folder that has none.
    in_folder: HashMap<Vec<u8>, usize>,
    unnamed: u64,
}

#[derive(Debug)]
struct Row {
    /// Why the first of them was left out.
    reason: String,
    items: u64,
}

impl LeftOut {
    /// Names one more item; a path that ends in a slash is a folder's names, told again.
    pub(super) fn add(&mut self, path: &[u8], reason: &str) {
        let row = |items| Row { reason: reason.to_owned(), items };
        if path.len() > PATH_BYTES_MAX {
            return self.fold(fitting(path), reason);
        }
        let Some(folder) = folder_of(path).filter(|_| !path.ends_with(b"/")) else {
            _ = self.rows.entry(path.to_vec()).or_insert_with(|| row(1));
            return;
        };
        let listing = listing_of(folder);
        if self.rows.contains_key(&listing) {
            return self.fold(&listing, reason);
        }
        if self.rows.contains_key(path) {
            return;
        }
        let named = self.in_folder.entry(folder.to_vec()).or_default();
        if *named < LEFT_OUT_IN_FOLDER_MAX && self.rows.len() < LEFT_OUT_ROWS_MAX / 2 {
            *named += 1;
            self.rows.insert(path.to_vec(), row(1));
            return;
        }
        self.gather(folder);
        self.fold(&listing, reason);
    }

    /// Items that no row names.
    pub(super) fn unnamed(&self) -> u64 {
        self.unnamed
    }

    /// The rows with their reasons, in the order of their paths.
    pub(super) fn rows(&self) -> impl Iterator<Item = (&[u8], String)> {
        self.rows.iter().map(|(path, row)| {
            let reason = match row.items {
                0 | 1 => row.reason.clone(),
                items => format!("{}; the first: {}", counted(items, "item", "items"), row.reason),
            };
            (&path[..], reason)
        })
    }

    /// One more item for a row that names many.
    fn fold(&mut self, row: &[u8], reason: &str) {
        if let Some(row) = self.rows.get_mut(row) {
            row.items += 1;
        } else if self.rows.len() < LEFT_OUT_ROWS_MAX {
            self.rows.insert(row.to_vec(), Row { reason: reason.to_owned(), items: 1 });
        } else {
            self.unnamed += 1;
        }
    }

    /// The items in a folder lose their rows to the folder's own.
    fn gather(&mut self, folder: &[u8]) {
        let listing = listing_of(folder);
        // The root's listing is the empty path, below which everything lies.
        let is_in = |path: &[u8]| folder_of(path) == Some(folder) && !path.ends_with(b"/");
        let behind: Vec<Vec<u8>> = self
            .rows
            .range(listing.clone()..)
            .map(|(path, _)| path)
            .take_while(|path| path.starts_with(&listing))
            .filter(|path| is_in(path))
            .cloned()
            .collect();
        let gathered: Vec<Row> = behind.iter().filter_map(|path| self.rows.remove(path)).collect();
        let items = gathered.iter().map(|row| row.items).sum();
        if let Some(first) = gathered.into_iter().next() {
            self.rows.insert(listing, Row { reason: first.reason, items });
        }
        self.in_folder.remove(folder);
    }
}

/// The path of the folder that holds an item; `None` for the root.
pub(super) fn folder_of(path: &[u8]) -> Option<&[u8]> {
    let path = path.strip_suffix(b"/").unwrap_or(path);
    let end = path.iter().rposition(|byte| *byte == b'/');
    (!path.is_empty()).then(|| path.get(..end.unwrap_or(0)).unwrap_or_default())
}

/// The key that stands for the names of a folder ([POINT-4]).
pub fn listing_of(folder: &[u8]) -> Vec<u8> {
    if folder.is_empty() { Vec::new() } else { [folder, b"/"].concat() }
}

/// The path, or the lowest folder above it whose path is a key.
pub fn fitting(path: &[u8]) -> &[u8] {
    let Some(start) = path.get(..=PATH_BYTES_MAX) else { return path };
    let end = start.iter().rposition(|byte| *byte == b'/');
    start.get(..end.unwrap_or(0)).unwrap_or_default()
}

/// Paths are keys of a map, and keys end at 64 KiB ([TREE-3]).
pub(super) const PATH_BYTES_MAX: usize = 60_000;

#[cfg(test)]
mod tests {
    use super::*;

    fn names(left_out: &LeftOut) -> Vec<String> {
        left_out.rows().map(|(path, _)| String::from_utf8_lossy(path).into_owned()).collect()
    }

    #[test]
    fn a_few_items_are_named_one_by_one_and_many_by_their_folder() {
        let mut left_out = LeftOut::default();
        left_out.add(b"srv/a/x.o", "rule");
        left_out.add(b"srv/a/b/y.o", "rule");
        assert_eq!(names(&left_out), ["srv/a/b/y.o", "srv/a/x.o"]);
        for n in 0..LEFT_OUT_IN_FOLDER_MAX {
            left_out.add(format!("srv/a/{n:04}.o").as_bytes(), "rule");
        }
        assert_eq!(names(&left_out), ["srv/a/", "srv/a/b/y.o"], "the folder below keeps its own");
        let (_, reason) = left_out.rows().next().expect("the folder's row");
        assert!(reason.starts_with(&format!("{} items", LEFT_OUT_IN_FOLDER_MAX + 1)), "{reason}");
        assert_eq!(left_out.unnamed(), 0);
    }

    #[test]
    fn rows_are_bounded_and_the_rest_is_counted() {
        let mut left_out = LeftOut::default();
        let items = LEFT_OUT_ROWS_MAX + 10;
        for n in 0..items {
            left_out.add(format!("{n}/x").as_bytes(), "rule");
        }
        assert_eq!((left_out.rows.len(), left_out.unnamed()), (LEFT_OUT_ROWS_MAX, 10));
    }

    #[test]
    fn what_was_named_before_is_named_again() {
        let mut left_out = LeftOut::default();
        for path in ["srv/a/", "srv/a/", "srv/b", ""] {
            left_out.add(path.as_bytes(), "rule");
        }
        assert_eq!(names(&left_out), ["", "srv/a/", "srv/b"]);
    }

    #[test]
    fn a_path_that_is_no_key_is_told_by_a_folder_above_it() {
        let long = [&b"a/"[..], &vec![b'b'; PATH_BYTES_MAX]].concat();
        assert_eq!(fitting(&long), b"a");
        assert_eq!(fitting(b"a/b"), b"a/b");
        let mut left_out = LeftOut::default();
        left_out.add(&long, "rule");
        assert_eq!(names(&left_out), ["a"]);
    }
}
