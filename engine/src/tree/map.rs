//! Reading maps: single keys and ranges of them.

use super::NodeSource;
use super::check::Promise;
use super::descent::{Descent, Target};
use super::held::PairRef;
use crate::error::Result;
use format_spec::ChunkId;
use format_spec::tree::TreeKind;

/// Yields a map's pairs in byte order of their keys; one node a level is in memory. After an error it yields nothing more.
pub struct MapCursor<'a> {
    descent: Descent<'a>,
}

impl<'a> MapCursor<'a> {
    /// Before the first pair. `None` is the empty map. Nothing is read yet.
    pub fn open(source: &'a dyn NodeSource, root: Option<ChunkId>) -> Self {
        MapCursor { descent: Descent::new(source, TreeKind::Map, root, Promise::Nothing) }
    }

    /// Goes to the first pair whose key is not below `key`.
    ///
    /// # Errors
    /// The source's; `Damaged` when a node is not what its parent says.
    pub fn seek(&mut self, key: &[u8]) -> Result<()> {
        self.descent.seek(Target::Key(key))
    }

    fn advance(&mut self) -> Result<Option<PairRef>> {
        let Some(pair) = self.descent.entry()?.and_then(PairRef::at) else { return Ok(None) };
        self.descent.pass()?;
        Ok(Some(pair))
    }
}

impl Iterator for MapCursor<'_> {
    type Item = Result<PairRef>;

    fn next(&mut self) -> Option<Self::Item> {
        let pair = self.advance();
        if pair.is_err() {
            self.descent.stop();
        }
        pair.transpose()
    }
}

/// The pair of a key.
///
/// # Errors
/// As [`MapCursor::seek`].
pub fn map_get(source: &dyn NodeSource, root: Option<ChunkId>, key: &[u8]) -> Result<Option<PairRef>> {
    let mut cursor = MapCursor::open(source, root);
    cursor.seek(key)?;
    Ok(cursor.next().transpose()?.filter(|pair| pair.key == key))
}
