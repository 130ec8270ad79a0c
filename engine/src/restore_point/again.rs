//! What a point under construction relied on, and a collection took away or somebody found damaged: stored again from the packs that were condemned,
//! until they are swept, or from a suspect pack, as far as it still gives what it should.

use super::references::given_up;
use super::sink::NewNodes;
use crate::blob::{Blobs, Writer};
use crate::error::{Error, Kind, Result};
use crate::tree::Names;
use format_spec::ChunkId;
use format_spec::container::ObjectKind;
use format_spec::point::Maps;
use format_spec::tree::Entry;

/// Stores again what the point of these roots names and only condemned or suspect packs have. `again` is what to run when they have it no more.
///
/// # Errors
/// `Conflict` for what is gone for good; the store's.
pub fn store_again(
    roots: &[Names],
    new_nodes: &NewNodes,
    blobs: &Blobs,
    writer: &Writer,
    again: &'static str,
) -> Result<()> {
    let lost = given_up(new_nodes, roots, blobs)?;
    for (is_node, id) in &lost {
        let kind = if *is_node { ObjectKind::MetaPack } else { ObjectKind::DataPack };
        // What is unknown, or damaged, in the packs that count may still be had from those that were given up.
        let bytes = blobs.blob(kind, id).or_else(|_| blobs.given_up(kind, id)).map_err(|e| {
            let what = format!("a collection took away what this session relied on, or it was found damaged: {e}");
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
pub fn roots_of(root: &Entry, maps: Maps) -> Vec<Names> {
    let one = |id: ChunkId| Names { nodes: vec![id], chunks: Vec::new() };
    std::iter::once(Names::of_entry(root)).chain(maps.roots().map(one)).collect()
}
