//! Which points are copied, and what each is built upon.

use super::CopyOptions;
use crate::error::{Error, Kind, Result};
use crate::log::CommitRef;
use crate::maintenance::calendar::before;
use crate::monitor::Monitor;
use crate::repository::Repository;
use crate::restore_point::{JobId, Point, newest_of_each};
use std::collections::BTreeSet;
use std::sync::Arc;

/// Which points to copy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Which {
    /// The newest point of each job.
    Latest,
    /// Every point that the target does not have, unless the target's retention would let it go at once.
    All,
    /// These selectors.
    Named(Vec<String>),
}

/// What was chosen, in the order of the source's commits.
#[derive(Debug)]
pub(super) struct Selected {
    /// To be copied.
    pub(super) points: Vec<Arc<Point>>,
    /// In the target already.
    pub(super) present: u64,
}

/// Chooses, and adds those that an earlier copy let wait, as far as the source still has them; points that cannot be read are passed over with a
/// warning where nobody asked for them by name.
///
/// # Errors
/// `Absent` and `Input` as [`Repository::find_point`].
pub(super) fn select(
    source: &Repository,
    target: &Repository,
    options: &CopyOptions,
    waiting: &[String],
    monitor: &Monitor,
) -> Result<Selected> {
    let CopyOptions { which, job, .. } = options;
    let mut chosen: Vec<Arc<Point>> = match which {
        Which::Named(selectors) => selectors.iter().map(|s| source.find_point(s)).collect::<Result<_>>()?,
        Which::All | Which::Latest => sound(source, monitor)?,
    };
    if let (Which::Named(_), Some(point)) = (which, chosen.iter().find(|p| p.manifest.is_interim())) {
        return Err(Error::new(
            Kind::Input,
            "this is an interim point: its session is not finished, so it is not copied",
        )
        .on(point.manifest.id)
        .advise("copy the point that the session ends with"));
    }
    chosen.retain(|p| !p.manifest.is_interim());
    if let (Some(job), Which::All | Which::Latest) = (job, which) {
        let jobs: BTreeSet<JobId> = chosen.iter().map(|p| source.job_of(p)).collect();
        chosen.retain(|p| job.covers(&source.job_of(p)));
        if chosen.is_empty() {
            return Err(job.absent(jobs.iter().collect()));
        }
    }
    match which {
        Which::Latest => chosen = newest_of_each(&chosen, |point| source.job_of(point)),
        Which::All => {
            let from = before(target.env().now(), target.config().retention.period);
            let newest = chosen.iter().map(|p| p.place()).max();
            chosen.retain(|p| from.is_none_or(|from| p.manifest.started >= from) || Some(p.place()) == newest);
        }
        Which::Named(_) => {}
    }
    let live = source.log().view();
    let is_waiting = |c: &&CommitRef| waiting.iter().any(|id| *id == c.id.to_string());
    chosen.extend(live.commits.iter().filter(is_waiting).filter_map(|c| source.load(c).ok()));
    chosen.sort_by_key(|p| p.place());
    chosen.dedup_by_key(|p| p.place());
    let view = target.log().view();
    let all = chosen.len();
    chosen.retain(|p| view.live(&p.manifest.id).is_none());
    chosen.iter().try_for_each(|p| target.expect_beside(&view, &p.manifest))?;
    Ok(Selected { present: (all - chosen.len()) as u64, points: chosen })
}

/// The points that can be copied. One that cannot be read does not hold the others up.
fn sound(source: &Repository, monitor: &Monitor) -> Result<Vec<Arc<Point>>> {
    let listing = source.listing()?;
    for point in &listing.unread {
        let why = format!("this restore point cannot be copied: {}; {}", point.what(), point.advice());
        monitor.warn(point.commit.id.to_string().as_bytes(), why);
    }
    Ok(listing.points)
}

/// The point of the same job that both have, the nearest that was committed before this one in the source, else the nearest after it: as it is in
/// the source, and as it is in the target.
pub(super) fn base_of(source: &Repository, target: &Repository, point: &Point) -> Option<(Arc<Point>, Arc<Point>)> {
    let (here, there) = (source.log().view(), target.log().view());
    let job = source.job_of(point);
    let both = || here.commits.iter().filter(|c| c.id != point.manifest.id && there.live(&c.id).is_some());
    let before = both().filter(|c| c.number < point.number).rev();
    let after = both().filter(|c| c.number > point.number);
    before.chain(after).find_map(|commit| {
        let candidate = source.load(commit).ok().filter(|c| source.job_of(c) == job)?;
        let copied = there.live(&commit.id).and_then(|c| target.load(c).ok())?;
        // One that was rewritten since on one side is not the same on both.
        let roots = |p: &Point| (p.manifest.root.clone(), p.manifest.maps);
        if roots(&copied) != roots(&candidate) {
            return None;
        }
        // What lies in the target's suspect packs is carried again: a point that built on this one would not name it anew.
        let is_suspect = target.relies_on_suspects(&copied).unwrap_or(true);
        (!is_suspect).then_some((candidate, copied))
    })
}
