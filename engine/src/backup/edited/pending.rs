//! Edits of a map that wait for a commit.

use crate::error::{Error, Kind, Result};
use crate::source::Visit;
use crate::tree::{MapCursor, NodeSink, NodeSource, edit_map, map_get};
use format_spec::ChunkId;
use format_spec::tree::ENTRY_BYTES_MAX;
use std::collections::BTreeMap;

type Edits = BTreeMap<Vec<u8>, Option<Vec<u8>>>;

/// A map of the base with the edits so far.
#[derive(Debug, Default)]
pub(super) struct Pending {
    root: Option<ChunkId>,
    edits: Edits,
}

/// The map as it was when somebody began to read it: reading holds no lock.
pub(super) struct Shown {
    root: Option<ChunkId>,
    edits: Edits,
}

impl Pending {
    pub(super) fn over(root: Option<ChunkId>) -> Self {
        Pending { root, edits: Edits::new() }
    }

    /// How many edits wait.
    pub(super) fn len(&self) -> usize {
        self.edits.len()
    }

    /// Sets a value, or takes it out.
    ///
    /// # Errors
    /// `Input` for what a map cannot hold ([TREE-5]).
    pub(super) fn set(&mut self, key: &[u8], value: Option<Vec<u8>>) -> Result<()> {
        let bytes = value.as_ref().map_or(0, Vec::len);
        // Key, value and their lengths are one entry of a node.
        if u16::try_from(key.len()).is_err() || bytes > ENTRY_BYTES_MAX {
            let what = format!("a key of {} bytes with a value of {bytes} does not fit into a map", key.len());
            return Err(Error::new(Kind::Input, what).on(String::from_utf8_lossy(key)));
        }
        self.edits.insert(key.to_vec(), value);
        Ok(())
    }

    /// What an edit says of this key, and the map that knows the others.
    pub(super) fn look(&self, key: &[u8]) -> (Option<&Option<Vec<u8>>>, Option<ChunkId>) {
        (self.edits.get(key), self.root)
    }

    /// The rows whose keys begin so, as they are now.
    pub(super) fn show(&self, prefix: &[u8]) -> Shown {
        let within = self.edits.range(prefix.to_vec()..).take_while(|(key, _)| key.starts_with(prefix));
        Shown { root: self.root, edits: within.map(|(key, value)| (key.clone(), value.clone())).collect() }
    }

    /// Writes the edits; the map's root from now on.
    ///
    /// # Errors
    /// Those of the nodes.
    pub(super) fn close(&mut self, nodes: &dyn NodeSource, sink: &mut dyn NodeSink) -> Result<Option<ChunkId>> {
        if !self.edits.is_empty() {
            self.root = edit_map(nodes, self.root, std::mem::take(&mut self.edits), sink)?;
        }
        Ok(self.root)
    }
}

/// The value of a key in a map.
///
/// # Errors
/// Those of the nodes.
pub(super) fn value(nodes: &dyn NodeSource, root: Option<ChunkId>, key: &[u8]) -> Result<Option<Vec<u8>>> {
    Ok(map_get(nodes, root, key)?.map(|pair| pair.value.clone()))
}

impl Shown {
    /// Visits the rows in byte order, until `visit` says `false`.
    ///
    /// # Errors
    /// Those of the nodes, and the visitor's.
    pub(super) fn each(self, nodes: &dyn NodeSource, prefix: &[u8], visit: &mut Visit<'_>) -> Result<()> {
        let mut edits = self.edits.into_iter().peekable();
        let mut stored = MapCursor::open(nodes, self.root);
        stored.seek(prefix)?;
        for pair in stored {
            let pair = pair?;
            if !pair.key.starts_with(prefix) {
                break;
            }
            while let Some((key, value)) = edits.next_if(|(key, _)| *key < pair.key) {
                if let Some(value) = value
                    && !visit(&key, &value)?
                {
                    return Ok(());
                }
            }
            let go_on = match edits.next_if(|(key, _)| *key == pair.key) {
                Some((key, Some(value))) => visit(&key, &value)?,
                Some((_, None)) => true,
                None => visit(&pair.key, &pair.value)?,
            };
            if !go_on {
                return Ok(());
            }
        }
        for (key, value) in edits {
            if let Some(value) = value
                && !visit(&key, &value)?
            {
                return Ok(());
            }
        }
        Ok(())
    }
}
