//! Hard links: every name of a group has the inode number of the group's first name.

use super::nodes::Fetch;
use super::{Failure, View};
use crate::limits::LINK_CACHE_ENTRIES;
use engine::Kind;
use engine::restore_point::Point;
use engine::tree;
use format_spec::tree::Entry;
use quick_cache::sync::Cache;

/// Preorder indexes of first names, by point and group.
pub(super) struct Links {
    first: Cache<(u32, [u8; 16]), u64>,
}

impl Links {
    pub(super) fn new() -> Self {
        Links { first: Cache::new(LINK_CACHE_ENTRIES) }
    }
}

impl View {
    /// The preorder index that stands for an entry's inode. An entry without other names stands for itself, and so does one
    /// whose group the point's link map does not have or cannot show: its content is worth more than its inode number.
    pub(super) fn first_index(&self, fetch: Fetch, point: &Point, entry: &Entry, own: u64) -> Result<u64, Failure> {
        let Some(group) = entry.link_group else { return Ok(own) };
        if let Some(index) = self.links.first.get(&(point.number, group)) {
            return Ok(index);
        }
        let manifest = &point.manifest;
        let first = self.ask(fetch, point, |nodes| {
            let Some(pair) = tree::map_get(nodes, manifest.maps.links, &group)? else { return Ok(None) };
            tree::lookup(nodes, &manifest.root, pair.value.split(|b| *b == b'/'))
        });
        let index = match first {
            Ok(first) => first.filter(|f| f.entry.link_group == Some(group)).map_or(own, |f| f.index),
            Err(e) if matches!(e.kind(), Some(Kind::Damaged | Kind::Absent)) => return Ok(own),
            Err(e) => return Err(e),
        };
        self.links.first.insert((point.number, group), index);
        Ok(index)
    }
}
