//! Checking a repository: log, index, packs, trees, reference sets. How deep is said by [`Level`].
//!
//! A pack that is damaged but that nobody needs any more, because each blob in it has a sound place elsewhere or is named by no point, is
//! *superseded*: told apart from damage. What was given up while the check ran (a condemned pack, an expired point, a folded segment) is no
//! finding at all.

use super::damage::Damage;
use super::findings::{Finding, Findings, Found, Subject, drop_given_up, is_live, take_collected};
use super::histories::histories;
use super::level::{CheckOptions, Level};
use super::packs::{PackCheck, Published, published_packs};
use super::rolling::{self, Memory};
use super::summed::summed_up;
use super::trees::TreeCheck;
use super::uncommitted::uncommitted;
use crate::error::{Error, Kind, Result};
use crate::limits::DAY_SECONDS;
use crate::monitor::Monitor;
use crate::repository::Repository;
use crate::restore_point::Point;
use crate::store::spoiled;
use format_spec::ObjectId;
use format_spec::container::ObjectKind;
use format_spec::log::ObjectRow;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// What was checked and found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CheckReport {
    /// Packs looked at.
    pub packs: u64,
    /// Packs among them that rest in an archive: that they are there is all that is known of them.
    pub packs_archived: u64,
    /// Packs among them that were read whole.
    pub packs_read: u64,
    /// Chunks whose bytes were verified against their ids, tree nodes included.
    pub chunks: u64,
    /// Restore points whose trees were walked.
    pub points: u64,
    /// Stored bytes read.
    pub bytes_read: u64,
    /// Reads that were right only the second time, over another connection: what is stored is sound, and something on the way is not.
    pub spoiled: u64,
    /// What is wrong; empty means clean.
    pub errors: Vec<Finding>,
    /// What is whole and needs a newer release: it could not be checked, and is not damage.
    pub unsupported: Vec<Finding>,
    /// As of an earlier position of the log: what was needed then and was collected since. It is not damage.
    pub collected: Vec<Finding>,
    /// What is wrong with objects that nobody needs any more: all that is live in them has a sound place elsewhere.
    pub superseded: Vec<Finding>,
    /// Manifests and index segments that decode and that no entry of the log commits; only of a check of everything.
    pub uncommitted: Vec<Finding>,
}

/// Checks a repository.
///
/// # Errors
/// What keeps the check from being done: the store is out of reach, a stop, or that the one point to be checked has expired meanwhile. Damage
/// is in the report.
pub fn check(repository: &Arc<Repository>, options: &CheckOptions, monitor: &Monitor) -> Result<CheckReport> {
    let done = check_closely(repository, options, monitor);
    // A point that has gone is neither clean nor damaged.
    if let Some(gone) = options.point.as_ref().and_then(|point| repository.gone(point)) {
        return Err(gone);
    }
    let Closely { mut report, points, .. } = done?;
    if options.point.is_none() {
        report.errors.append(&mut histories(repository, &points)?);
        // As of an earlier position, later entries may well commit what this log does not know.
        if !repository.log().ends_early() {
            report.uncommitted = uncommitted(repository, monitor)?;
        }
    }
    Ok(report)
}

/// A check with what repair needs to know beyond the report.
#[derive(Debug)]
pub(super) struct Closely {
    pub(super) report: CheckReport,
    /// What the report's findings are about, those that are not superseded.
    pub(super) subjects: Vec<Found>,
    pub(super) damage: Damage,
    pub(super) packs: Vec<Published>,
    pub(super) points: Vec<Arc<Point>>,
    /// Published packs that are damaged, superseded or not.
    pub(super) damaged: BTreeSet<ObjectRow>,
    /// Packs that the log calls suspect and that were read whole and found right.
    pub(super) right: BTreeSet<ObjectRow>,
}

pub(super) fn check_closely(
    repository: &Arc<Repository>,
    options: &CheckOptions,
    monitor: &Monitor,
) -> Result<Closely> {
    let spoiled_before = spoiled();
    repository.refresh()?;
    let findings = Findings::default();
    for slot in repository.slots()? {
        if let Some(why) = slot.damaged {
            let kind = if slot.is_newer { Kind::Unsupported } else { Kind::Damaged };
            findings.add(Subject::Other, format!("keys/{}", slot.id), &Error::new(kind, why))?;
        }
    }
    let mut points = Vec::new();
    for (commit, point) in repository.points_and_damage() {
        match point {
            Ok(point) if options.point.as_ref().is_none_or(|p| p.slot == point.slot) => points.push(point),
            Ok(_) => {}
            Err(e) => {
                let name = crate::restore_point::manifest_name(&commit)?;
                findings.add(Subject::Manifest(commit.slot), name, &e)?;
            }
        }
    }
    let all = published_packs(repository, &findings)?;
    let mut trees = TreeCheck::new(repository, &all, &findings, monitor);
    if options.level >= Level::Tails {
        for point in &points {
            trees.point(point)?;
        }
    }
    let mut packs = all.clone();
    if options.point.is_some() {
        let needed = trees.needed_packs(&points)?;
        packs.retain(|p| needed.contains(&p.id));
    }
    let nodes = trees.nodes;
    drop(trees);
    let (chosen, memory) = choose(repository, options, &packs);
    PackCheck { repository, options, chosen, findings: &findings, monitor }.run(&packs)?;
    if let (Some(memory), Some(folder)) = (memory, &options.remember)
        && let Err(e) = memory.save(folder, repository.id())
    {
        tracing::warn!(folder = %folder.display(), "which packs were read cannot be remembered: {e}");
    }
    let read = |n: &AtomicU64| n.load(Ordering::Relaxed);
    let mut report = CheckReport {
        packs: read(&findings.packs),
        packs_archived: read(&findings.archived),
        packs_read: read(&findings.packs_read),
        chunks: read(&findings.chunks) + nodes,
        points: points.len() as u64,
        bytes_read: read(&findings.bytes_read),
        ..CheckReport::default()
    };
    let mut unread = std::mem::take(&mut *findings.unread.lock());
    let is_all_read = options.level == Level::Full && options.share.is_none() && options.point.is_none();
    let mut found = findings.settle(repository)?;
    report.collected = take_collected(&mut found, repository).into_iter().map(|found| found.finding).collect();
    let unsupported: Vec<Found> = found.extract_if(.., |found| found.is_newer()).collect();
    unread.extend(unsupported.iter().filter_map(Found::pack));
    let damaged: HashSet<ObjectId> = found.iter().filter_map(Found::pack).collect();
    let kinds: HashMap<ObjectId, ObjectKind> = all.iter().map(|p| (p.id, p.pack.kind)).collect();
    let row = |id: ObjectId| Some(ObjectRow { kind: *kinds.get(&id)?, id });
    let rows = found.iter().filter(|found| found.is_damage()).filter_map(Found::pack).filter_map(row).collect();
    let is_right =
        |pack: &&ObjectRow| kinds.contains_key(&pack.id) && !damaged.contains(&pack.id) && !unread.contains(&pack.id);
    let right = repository.log().view().suspects.keys().filter(|_| is_all_read).filter(is_right).copied().collect();
    let damage = Damage::assess(repository, &damaged, monitor)?;
    // It may have read much.
    drop_given_up(&mut found, repository)?;
    let view = repository.log().view();
    points.retain(|point| is_live(&view, point.slot));
    let is_superseded = |found: &Found| found.pack().is_some_and(|id| damage.is_superseded(id));
    report.unsupported = unsupported.into_iter().map(|found| found.finding).collect();
    let (superseded, subjects): (Vec<_>, Vec<_>) = found.into_iter().partition(is_superseded);
    report.superseded = superseded.into_iter().map(|found| found.finding).collect();
    if options.point.is_none() && options.level >= Level::Tails {
        let mut summed = summed_up(repository, options.level >= Level::Stored, monitor)?;
        report.superseded.append(&mut summed.spare);
        report.errors.append(&mut summed.other_history);
    }
    report.errors.extend(subjects.iter().map(|found| found.finding.clone()));
    report.spoiled = spoiled() - spoiled_before;
    Ok(Closely { report, subjects, damage, packs: all, points, damaged: rows, right })
}

/// The data packs that this check reads whole, if not all of them; and the memory of it.
fn choose(
    repository: &Repository,
    options: &CheckOptions,
    packs: &[Published],
) -> (Option<HashSet<ObjectId>>, Option<Memory>) {
    let share = options.share.map_or(rolling::WHOLE, rolling::millionths);
    if share >= rolling::WHOLE || options.level < Level::Stored {
        return (None, None);
    }
    let data: Vec<ObjectId> = packs.iter().filter(|p| p.pack.kind == ObjectKind::DataPack).map(|p| p.id).collect();
    match &options.remember {
        Some(folder) => {
            let (chosen, memory) = Memory::load(folder, repository.id()).next(&data, share);
            (Some(chosen.into_iter().collect()), Some(memory))
        }
        None => {
            let day = u64::try_from(repository.env().now().seconds).unwrap_or(0) / DAY_SECONDS.unsigned_abs();
            (Some(rolling::of_the_day(&data, share, day).into_iter().collect()), None)
        }
    }
}
