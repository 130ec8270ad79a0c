//! Since when a point holds an item as it was, because it could not be read any more ([POINT-11]).

use crate::error::Result;
use crate::tree::{MapCursor, NodeSource, map_get};
use format_spec::Time;
use format_spec::ledger::{Exception, Outcome};
use format_spec::point::Manifest;

/// When the item at this path (without a leading `/`) was last read, if the point holds it as it was then: the nearest line of the ledger on the
/// way up says so. Costs nothing for a point that keeps nothing.
///
/// # Errors
/// The source's.
pub fn kept_as_of(nodes: &dyn NodeSource, manifest: &Manifest, path: &[u8]) -> Result<Option<Time>> {
    if manifest.counts.kept == 0 {
        return Ok(None);
    }
    let ends = path.iter().enumerate().rev().filter(|(_, b)| **b == b'/').map(|(at, _)| at);
    for end in std::iter::once(path.len()).chain(ends).chain((!path.is_empty()).then_some(0)) {
        let Some(pair) = map_get(nodes, manifest.maps.exceptions, path.get(..end).unwrap_or_default())? else {
            continue;
        };
        if let Outcome::Kept { as_of, .. } = Exception::decode(&pair.value)?.outcome {
            return Ok(Some(as_of));
        }
    }
    Ok(None)
}

/// Is given a path, the number of items that its line speaks of, and when they were last read.
pub type EachKept<'a> = dyn FnMut(&[u8], u64, Time) -> Result<()> + 'a;

/// The paths of a point's kept items, each with the number of items that its line speaks of, and when they were last read.
///
/// # Errors
/// The source's and the visitor's.
pub fn each_kept(nodes: &dyn NodeSource, manifest: &Manifest, visit: &mut EachKept<'_>) -> Result<()> {
    let exceptions = manifest.maps.exceptions.filter(|_| manifest.counts.kept > 0);
    for pair in MapCursor::open(nodes, exceptions) {
        let pair = pair?;
        if let Outcome::Kept { as_of, items } = Exception::decode(&pair.value)?.outcome {
            visit(&pair.key, items, as_of)?;
        }
    }
    Ok(())
}
