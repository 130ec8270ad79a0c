//! Until when the store keeps points, as the log remembers it ([LOG-17]).
//!
//! A point is as locked as its manifest: that is put with the point's commit and locked with everything else that the point needs.

use super::rules::Locks;
use crate::log::{LockRef, LogView};
use format_spec::container::ObjectKind;
use format_spec::log::PointId;
use format_spec::{ObjectId, Time};

/// The locks of all live points.
pub fn locks_of(view: &LogView) -> Locks {
    let until =
        |manifest: ObjectId| view.locks.iter().filter(|lock| covers(lock, manifest)).map(|lock| lock.until).max();
    let manifest = |c: &crate::log::CommitRef| ObjectId { session: c.session, ordinal: c.object.ordinal };
    view.commits.iter().filter_map(|c| until(manifest(c)).map(|until| (c.id, until))).collect()
}

/// Whether the store keeps any of these points beyond now.
pub(super) fn is_locked(view: &LogView, points: &[PointId], now: Time) -> bool {
    let locks = locks_of(view);
    points.iter().any(|id| locks.get(id).is_some_and(|until| *until > now))
}

fn covers(lock: &LockRef, manifest: ObjectId) -> bool {
    let sought = (ObjectKind::RestorePoint as u8, manifest.session, manifest.ordinal);
    let after = lock.objects.partition_point(|r| (r.kind as u8, r.first.session, r.first.ordinal) <= sought);
    let range = after.checked_sub(1).and_then(|at| lock.objects.get(at));
    range.is_some_and(|r| {
        r.kind == ObjectKind::RestorePoint
            && r.first.session == manifest.session
            && manifest.ordinal - r.first.ordinal < r.count
    })
}
