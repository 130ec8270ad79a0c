//! What tells one content from another without reading it: the id of its bytes, and where its holes are.

use super::item::{Inside, Item};
use super::nodes::Fetch;
use super::trouble::content_id;
use super::{Failure, Inode, View, inode, names};
use format_spec::tree::{Extent, Kind};

impl View {
    /// A text of its content: files that share it have the same bytes. `None` for all but files.
    ///
    /// # Errors
    /// As [`View::attributes`].
    pub fn version(&self, fetch: Fetch, inode: Inode) -> Result<Option<String>, Failure> {
        let Item::Inside(Inside { entry, .. }) = self.item(fetch, inode)? else { return Ok(None) };
        if entry.kind != Kind::File {
            return Ok(None);
        }
        let id = content_id(&entry).map_or_else(|| "none".to_owned(), |id| names::hex(&id.0));
        Ok(Some(match &entry.extents {
            None => format!("{id}-{:x}", entry.size),
            Some(runs) => format!("{id}-{:x}-{:x}", entry.size, of_map(runs)),
        }))
    }
}

/// A hash of where the data lies: the stored bytes alone do not say it.
fn of_map(runs: &[Extent]) -> u64 {
    let text: String = runs.iter().map(|run| format!("{}+{},", run.offset, run.bytes)).collect();
    inode::hash(&[text.as_bytes()])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_map_is_another_version() {
        let at = |offset| of_map(&[Extent { offset, bytes: 4096 }]);
        assert_eq!(at(0), at(0));
        assert_ne!(at(0), at(4096));
    }
}
