//! Which row of packs a blob of the target belongs into: what leaves together lies together.

use super::delta::Delta;
use super::select::Selected;
use crate::blob::DATA_LANES;
use crate::maintenance::calendar::after;
use crate::repository::Repository;
use crate::restore_point::Point;
use format_spec::point::PackReferences;
use format_spec::{ObjectId, Time};
use std::collections::{BTreeMap, HashMap};

/// Which row of packs a blob belongs into: by when the last of the copied points leaves that needs it.
pub(super) struct Lanes {
    /// Of each job the newest point's rows, as far as they differ from what the target has, and its lane.
    newest: Vec<(BTreeMap<ObjectId, PackReferences>, usize)>,
    /// Of each point, by its number: where its job stands among those, and its own lane.
    own: HashMap<u32, (usize, usize)>,
}

impl Lanes {
    pub(super) fn new(source: &Repository, target: &Repository, selected: &Selected, deltas: &[Delta]) -> Self {
        let now = target.env().now();
        let lane = |started: Time| lane_of(target, started, now);
        let (mut lanes, mut jobs) = (Lanes { newest: Vec::new(), own: HashMap::new() }, HashMap::new());
        for (point, delta) in selected.points.iter().zip(deltas) {
            let job = *jobs.entry(source.job_of(point)).or_insert(lanes.newest.len());
            lanes.newest.resize_with(jobs.len(), Default::default);
            let own = lane(point.manifest.started);
            if let Some((rows, of)) = lanes.newest.get_mut(job) {
                rows.extend(delta.rows.iter().map(|(pack, row)| (*pack, row.new.clone())));
                *of = own;
            }
            lanes.own.insert(point.number, (job, own.max(1)));
        }
        lanes
    }

    pub(super) fn of(&self, point: &Point, pack: ObjectId, blob: u32) -> usize {
        let Some((job, own)) = self.own.get(&point.number) else { return 1 };
        match self.newest.get(*job) {
            Some((rows, lane)) if rows.get(&pack).is_some_and(|row| row.names(blob)) => *lane,
            _ => *own,
        }
    }
}

/// By the quarter of the retention period that is left: 0 for the last to leave.
fn lane_of(target: &Repository, started: Time, now: Time) -> usize {
    let Some(leaves) = after(started, target.config().retention.period) else { return 0 };
    let period = leaves.seconds.saturating_sub(started.seconds).max(1);
    let left = leaves.seconds.saturating_sub(now.seconds).clamp(0, period);
    let gone = period.saturating_sub(left).saturating_mul(4) / period;
    usize::try_from(gone).unwrap_or(0).min(DATA_LANES - 1)
}
