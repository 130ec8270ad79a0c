//! What a point under construction relied on, and a collection took away: stored again from the packs that were condemned, until they are swept.

use super::references::given_up;
use super::sink::Emission;
use crate::blob::{Blobs, Writer};
use crate::error::{Error, Kind, Result};
use crate::tree::Names;
use format_spec::ChunkId;
use format_spec::container::ObjectKind;
use format_spec::tree::Entry;

/// Stores again what the point of these roots names and only condemned packs have. `again` is what to run when they are swept already.
///
/// # Errors
/// `Conflict` for what is gone for good; the store's.
pub fn store_again(
    roots: &[Names],
    emission: &Emission,
    blobs: &Blobs,
    writer: &Writer,
    again: &'static str,
) -> Result<()> {
    let lost = given_up(emission, roots, blobs)?;
    for (is_node, id) in &lost {
        let kind = if *is_node { ObjectKind::MetaPack } else { ObjectKind::DataPack };
        let bytes = blobs.given_up(kind, id).map_err(|e| {
            let what = format!("a collection took away what this session relied on: {e}");
            Error::new(Kind::Conflict, what).on(format!("blob {id}")).advise(again)
        })?;
        if *is_node {
            writer.put_node(*id, bytes.to_vec())?
        } else {
            writer.put_chunk(*id, bytes.to_vec())?
        };
    }
    if lost.is_empty() { Ok(()) } else { writer.flush() }
}

/// What a manifest names: one row a field ([POINT-7]).
pub fn roots_of(root: &Entry, links: Option<ChunkId>, exceptions: Option<ChunkId>) -> Vec<Names> {
    let one = |id: ChunkId| Names { nodes: vec![id], chunks: Vec::new() };
    [Some(Names::of_entry(root)), links.map(one), exceptions.map(one)].into_iter().flatten().collect()
}
