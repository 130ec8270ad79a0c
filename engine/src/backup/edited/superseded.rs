//! Interim points that a later point of their job has made needless ([POINT-17]).

use crate::error::{Error, Kind, Result};
use crate::repository::Repository;
use crate::restore_point::Point;
use format_spec::log::{Change, PointId};
use std::sync::Arc;

/// Lets go of the interim points that a point was built upon, one after the other: those of its run,
/// and those of runs before it that were killed. What the store keeps locked it keeps; the points are
/// not shown any more.
///
/// # Errors
/// The log's and the store's.
pub(super) fn expire(repository: &Arc<Repository>, base: Option<&Point>) -> Result<Vec<PointId>> {
    let mut interim = Vec::new();
    let mut next = base.filter(|base| base.manifest.is_interim()).map(|base| base.manifest.id);
    while let Some(id) = next.take() {
        let view = repository.log().view();
        let Some(commit) = view.live(&id).copied() else { break };
        let point = repository.load(&commit)?;
        if point.manifest.is_interim() && !interim.contains(&id) {
            interim.push(id);
            next = point.manifest.base;
        }
    }
    interim.sort_unstable();
    if interim.is_empty() {
        return Ok(interim);
    }
    let plan = plan_of(&interim);
    let mut points = Vec::new();
    let appended = repository.log().append(&**repository.env(), &mut |view| {
        points = interim.iter().copied().filter(|id| view.live(id).is_some()).collect();
        if points.is_empty() {
            return Err(Error::new(Kind::Conflict, "somebody else has let them go"));
        }
        Ok(Change::Expire { points: points.clone(), reason: REASON.to_owned(), plan })
    });
    match appended {
        Err(_) if points.is_empty() => Ok(points),
        other => other.map(|_| points),
    }
}

/// Nobody is shown a plan of what the commit commands; its hash names the points.
fn plan_of(points: &[PointId]) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new_derive_key("cairn 1 superseded interim points");
    points.iter().for_each(|id| _ = hasher.update(&id.0));
    *hasher.finalize().as_bytes()
}

const REASON: &str = "interim points, and a later point of their job is there";
