//! The survivors of a damaged pack, each from wherever it is sound: its own block, or a place that a later backup gave it.
//!
//! Promises: a survivor is handed out only after it was read from the store and verified against its id; all of them, or none. Refuses to move
//! references onto the places of others: those may be given up by this very collection, so what survives gets places of its own.

use super::plan::PackPlan;
use super::survivors::Visit;
use crate::error::{Error, Kind, Result};
use crate::index::BlobLocation;
use crate::maintenance::damage::{Direct, places_in};
use crate::repository::Repository;
use format_spec::ChunkId;

/// Visits the survivors of a pack in order; false, before the first, when one of them is nowhere to be had. Each is read twice.
///
/// # Errors
/// The store's, when it is out of reach; those of `visit`.
pub(super) fn for_each_copy(repository: &Repository, pack: &PackPlan, visit: &mut Visit<'_>) -> Result<bool> {
    let mut blobs = places_in(repository, &[pack.id])?.remove(&pack.id).unwrap_or_default();
    blobs.retain(|(_, place)| pack.is_live(place.blob));
    if blobs.len() != pack.survivors.iter().map(|bits| bits.count_ones() as usize).sum::<usize>() {
        return Ok(false);
    }
    let mut direct = Direct::new(repository.sealed_store());
    let mut sound: Vec<(ChunkId, BlobLocation)> = Vec::new();
    for (id, place) in blobs {
        match sound_place(repository, &id, &place, &mut direct)? {
            Some(place) => sound.push((id, place)),
            None => return Ok(false),
        }
    }
    for (id, place) in &sound {
        let bytes = direct.read(id, place)?;
        let bytes = bytes.ok_or_else(|| Error::new(Kind::Transient, "a blob was read, and cannot be read again"))?;
        visit(*id, &bytes)?;
    }
    Ok(true)
}

fn sound_place(
    repository: &Repository,
    id: &ChunkId,
    own: &BlobLocation,
    direct: &mut Direct<'_>,
) -> Result<Option<BlobLocation>> {
    if direct.is_sound(id, own)? {
        return Ok(Some(*own));
    }
    for place in repository.blobs().live_index().places(id)? {
        if place.pack != own.pack && place.pack_kind == own.pack_kind && direct.is_sound(id, &place)? {
            return Ok(Some(place));
        }
    }
    Ok(None)
}
