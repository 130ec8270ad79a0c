//! The reference set of a point that was made elsewhere: its base's, with changes that somebody else has counted.

use super::references::Account;
use crate::blob::Blobs;
use crate::error::Result;
use crate::log::LogView;
use crate::tree::NodeSink;
use format_spec::ChunkId;
use format_spec::container::ObjectKind;

/// Hears how many times more, or fewer, a node or chunk is named than in the base; each at most once.
pub type CountChange<'c> = dyn FnMut(ObjectKind, &ChunkId, i64) -> Result<()> + 'c;

/// Edits the base's set (its root, and the slot at which it named live packs), or makes one, and returns the new root. `changes` tells what
/// changes; everything that is named more often is published here.
///
/// # Errors
/// `Damaged` when a named blob has no published place, or the base's set cannot be read; those of `changes`.
pub fn edited_set(
    base: Option<(ChunkId, u32)>,
    blobs: &Blobs,
    log: &LogView,
    changes: &mut dyn FnMut(&mut CountChange<'_>) -> Result<()>,
    sink: &mut dyn NodeSink,
) -> Result<ChunkId> {
    let mut account = Account::over(base, blobs, log)?;
    changes(&mut |kind, id, by| account.change(kind, id, by))?;
    account.write(sink)
}
