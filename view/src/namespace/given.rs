//! The names that a view has given to points: none is given to another point later.
//!
//! Points say what their names need, so that a name is the same in every view ([POINT-12]). Those of older programs do not;
//! among them the first has the name, and the view remembers it for as long as it lives, also when the point has gone.
//! It is kept for all points: a name that stood for one that is gone can be told from one that never was.
//!
//! Grows by some 40 bytes for each name that was ever given.

use crate::inode::hash;
use crate::names::hex;
use format_spec::log::PointId;
use format_spec::point::Manifest;
use std::collections::{HashMap, HashSet};

/// Names by the hash of their paths.
#[derive(Debug, Clone, Default)]
pub(crate) struct Given {
    points: HashMap<u64, PointId>,
    folders: HashSet<u64>,
}

impl Given {
    /// Gives a point a name in a folder: `name` or, where that does not suffice, `name` and the first 8 digits of its id, or all of them.
    /// `needs_more` says whether it suffices; where that is not known, it does while it was not given to another point.
    pub(crate) fn name(&mut self, folder: &str, name: &str, needs_more: Option<bool>, of: &Manifest) -> String {
        let id = hex(&of.id.0);
        let short = format!("{name}-{}", id.get(..8).unwrap_or(&id));
        let mut names = Vec::with_capacity(3);
        if needs_more != Some(true) {
            names.push(name.to_owned());
        }
        names.extend([short, format!("{name}-{id}")]);
        let is_free = |name: &String| self.points.get(&key(folder, name)).is_none_or(|given| *given == of.id);
        let last = names.pop().unwrap_or_default();
        let name = names.into_iter().find(is_free).unwrap_or(last);
        self.points.insert(key(folder, &name), of.id);
        self.folders(folder);
        name
    }

    /// Whether a path was a point, or led to one.
    pub(crate) fn has(&self, folder: &str, name: &str) -> bool {
        let key = key(folder, name);
        self.points.contains_key(&key) || self.folders.contains(&key)
    }

    fn folders(&mut self, path: &str) {
        let mut path = path;
        while let Some((above, name)) = path.rsplit_once('/').or((!path.is_empty()).then_some(("", path))) {
            if !self.folders.insert(key(above, name)) {
                break;
            }
            path = above;
        }
    }
}

fn key(folder: &str, name: &str) -> u64 {
    hash(&[folder.as_bytes(), name.as_bytes()])
}
