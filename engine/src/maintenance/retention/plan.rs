//! A plan: what a request does to a repository as it is now, without doing any of it.
//!
//! Promises: no side effects; the hash covers the repository, the request, every point that was looked at and what becomes of it, so that
//! who applies the hash does exactly what was shown, or nothing. The log's head is no part of it: other writers' entries that change no
//! decision do not outdate a plan. Neither is the time of day: a plan of yesterday holds while its decisions do.

use super::cut::{Cut, Rewritten};
use super::decide::{Decision, decide};
use super::hash::Canon;
use super::items::{OldItems, items_from};
use super::locks::locks_of;
use super::paths::Erasure;
use super::reason::Reason;
use super::rules::{Facts, Locks, Request, Rules, Scope};
use crate::error::{Error, Kind, Result};
use crate::log::CommitRef;
use crate::maintenance::PlanHash;
use crate::monitor::Monitor;
use crate::repository::{Repository, Unread, Why, utc};
use crate::restore_point::{JobId, Point};
use crate::tree::{Names, NodeSink};
use format_spec::ChunkId;
use format_spec::config::Retention;
use format_spec::keys::IdKeys;
use format_spec::log::PointId;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// What will be done.
#[derive(Debug)]
pub struct RetentionPlan {
    /// Every point that the request is about, by job, then from the oldest to the newest.
    pub rows: Vec<Row>,
    /// Jobs that would lose all their points, though nobody said that they may: applying refuses.
    pub emptied: Vec<JobId>,
    /// All jobs of the repository: among these a job is named.
    pub jobs: BTreeSet<JobId>,
    /// Points that cannot be judged: their manifests are damaged, or need a newer release. They stay.
    pub unread: Vec<Unread>,
    /// Paths to be erased that no point has.
    pub unmatched: Vec<Vec<u8>>,
    /// Points that were named by their ids and whose manifests cannot be read: they leave, whatever their jobs are.
    pub given_up: Vec<CommitRef>,
    /// What applying has to quote.
    pub hash: PlanHash,
    /// The live points' slots as the plan saw them, rising.
    pub(super) live: Vec<u32>,
}

/// What becomes of one point.
#[derive(Debug)]
pub struct Row {
    /// Whether it stays, and why.
    pub decision: Decision,
    /// The point.
    pub point: Arc<Point>,
    /// How it is rewritten, if it is.
    pub change: Option<Rewritten>,
}

impl RetentionPlan {
    /// Makes a plan at the log's head.
    ///
    /// # Errors
    /// `Input` for a request that can only be a mistake, `Absent` for a named point that is not there; the store's; `Damaged` when trees
    /// that have to be read are.
    pub fn make(repository: &Repository, scope: &Scope, monitor: &Monitor) -> Result<RetentionPlan> {
        repository.refresh()?;
        let locks = locks_of(&repository.log().view());
        let now = repository.env().now();
        let (mut points, mut unread, mut live) = (Vec::new(), Vec::new(), Vec::new());
        for (commit, point) in repository.points_and_damage() {
            live.push(commit.slot);
            match point {
                Ok(point) => points.push((commit, point)),
                Err(error) if Why::of(error.kind()).is_some() => unread.push(Unread { commit, error }),
                Err(e) => return Err(e),
            }
        }
        let (given_up, rest) = scope.give_up(&mut unread, &locks, now);
        rest.expect_known(&unread)?;
        let facts: Vec<Facts> = points.iter().map(|(_, point)| facts(repository, point, &locks)).collect();
        let decisions = decide(&facts, &rest, now)?;
        let jobs = facts.iter().map(|point| point.job.clone()).collect();
        let by_id: BTreeMap<_, _> = points.iter().map(|(commit, point)| (point.manifest.id, (commit, point))).collect();
        let mut cut = scope.cut(repository, now, monitor)?;
        let mut measure = Measure { ids: &repository.sealed_store().ids };
        let mut rows = Vec::new();
        for mut decision in decisions.rows {
            monitor.check()?;
            let Some((_, point)) = by_id.get(&decision.point.id) else { continue };
            let change = match decision.keep {
                true => cut.rewrite(repository.nodes(), &point.manifest, &mut measure)?,
                false => None,
            };
            let change = decision.settle(change, now);
            // Of an erasure only those are told that have something to lose.
            if !decision.reasons.is_empty() {
                rows.push(Row { decision, point: Arc::clone(point), change });
            }
        }
        live.sort_unstable();
        let unmatched = match &cut {
            Cut::Paths(erasure) => erasure.unmatched().cloned().collect(),
            _ => Vec::new(),
        };
        let mut plan = RetentionPlan {
            rows,
            emptied: decisions.emptied,
            jobs,
            unread,
            given_up,
            unmatched,
            hash: [0; 32].into(),
            live,
        };
        plan.hash = plan.seal(repository, scope, &cut, &by_id);
        Ok(plan)
    }

    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.given_up.is_empty() && self.rows.iter().all(|row| row.decision.keep && row.change.is_none())
    }

    /// The points that leave, rising.
    pub(super) fn leaving(&self) -> Vec<PointId> {
        let judged = self.rows.iter().filter(|row| !row.decision.keep).map(|row| row.decision.point.id);
        let mut points: Vec<PointId> = judged.chain(self.given_up.iter().map(|commit| commit.id)).collect();
        points.sort_unstable();
        points
    }

    fn seal(
        &self,
        repository: &Repository,
        scope: &Scope,
        cut: &Cut<'_>,
        commits: &BTreeMap<PointId, (&CommitRef, &Arc<Point>)>,
    ) -> PlanHash {
        let mut canon = Canon::new();
        canon.put(&repository.id().0);
        if let Cut::Items { before, .. } = cut {
            canon.put(&before.to_le_bytes());
        }
        for row in &self.rows {
            let decision = &row.decision;
            canon.put(&decision.point.id.0);
            if let Some((commit, _)) = commits.get(&decision.point.id) {
                canon.put(&commit.slot.to_le_bytes()).put(&commit.object.body_hash);
            }
            canon.put(&[u8::from(decision.keep), u8::from(decision.forbidden)]);
            decision.reasons.iter().for_each(|reason| _ = canon.put(reason.canonical().as_bytes()));
            canon.change(row.change.as_ref());
        }
        self.emptied.iter().for_each(|job| canon.job(job));
        for commit in &self.given_up {
            canon.put(&commit.id.0).put(&commit.slot.to_le_bytes()).put(b"its manifest is damaged");
        }
        PlanHash::seal(&scope.canonical(), &canon.finish())
    }
}

impl Decision {
    /// Adds what a rewrite takes away to the reasons, or forbids it: a locked point is not changed, be it in its words alone, as the lock of the
    /// manifest that takes the place of its own would be another one.
    fn settle(&mut self, change: Option<Rewritten>, now: format_spec::Time) -> Option<Rewritten> {
        self.reasons.retain(|reason| *reason != Reason::Untouched);
        let change = change?;
        let left = &change.left;
        if !left.is_nothing() {
            self.reasons.push(Reason::Loses { items: left.items, folders: left.folders, bytes: left.bytes });
        }
        if change.names > 0 {
            self.reasons.push(Reason::LosesNames { names: change.names });
        }
        if change.others.names > 0 {
            let first = format!("/{}", String::from_utf8_lossy(&change.others.first));
            self.reasons.push(Reason::OtherNames { names: change.others.names, first });
        }
        match self.point.locked_until.filter(|until| *until > now) {
            None => Some(change),
            Some(until) => {
                self.forbidden = true;
                self.reasons.push(Reason::Locked(until));
                None
            }
        }
    }
}

impl Scope {
    /// Takes those out of `unread` that are damaged, that the request names and that no lock holds: nothing can be judged about them but that they
    /// were named. And the request without them. What needs a newer release is whole, and stays.
    fn give_up(&self, unread: &mut Vec<Unread>, locks: &Locks, now: format_spec::Time) -> (Vec<CommitRef>, Scope) {
        let Request::Points(ids) = &self.request else { return (Vec::new(), self.clone()) };
        let mut rest = ids.clone();
        let mut given_up = Vec::new();
        unread.retain_mut(|point| {
            let is_named = rest.contains(&point.commit.id);
            if !is_named || point.why() != Why::Damaged {
                return true;
            }
            let Unread { commit, error } = point;
            rest.remove(&commit.id);
            match locks.get(&commit.id).filter(|until| **until > now) {
                Some(until) => {
                    let what = format!("its manifest cannot be read, and it is locked until {}", utc(*until));
                    *error = Error::new(Kind::Immutable, what);
                    true
                }
                None => {
                    given_up.push(*commit);
                    false
                }
            }
        });
        (given_up, Scope { request: Request::Points(rest), ..self.clone() })
    }

    /// A point that needs a newer release is whole: this one cannot judge it, so it does not let it go either.
    fn expect_known(&self, unread: &[Unread]) -> Result<()> {
        let Request::Points(ids) = &self.request else { return Ok(()) };
        let newer = unread.iter().find(|point| ids.contains(&point.commit.id) && point.why() == Why::Unsupported);
        newer.map_or(Ok(()), |point| {
            Err(Error::new(Kind::Unsupported, point.what()).on(point.commit.id).advise(point.advice()))
        })
    }

    /// What the points that stay lose.
    pub(super) fn cut<'a>(
        &self,
        repository: &'a Repository,
        now: format_spec::Time,
        monitor: &'a Monitor,
    ) -> Result<Cut<'a>> {
        let nodes = repository.nodes();
        Ok(match &self.request {
            Request::Rules { rules: Rules { period: Some(period), .. }, kind } => {
                match items_from(Retention { kind: *kind, period: *period }, now) {
                    Some(before) => Cut::Items { old: OldItems::new(nodes, before, monitor), before },
                    None => Cut::Nothing,
                }
            }
            Request::Rules { .. } | Request::Points(_) => Cut::Nothing,
            Request::Paths(paths) => Cut::Paths(Erasure::new(nodes, paths, monitor)?),
            Request::Tags { add, remove, .. } => Cut::Tags { add: add.clone(), remove: remove.clone() },
        })
    }
}

/// What is known of a point.
pub(super) fn facts(repository: &Repository, point: &Point, locks: &Locks) -> Facts {
    let m = &point.manifest;
    Facts {
        id: m.id,
        place: point.place(),
        job: repository.job_of(point),
        time: m.started,
        complete: m.fills_a_slot(),
        interim: m.is_interim(),
        tags: m.tags.clone(),
        locked_until: locks.get(&m.id).copied(),
    }
}

/// Learns the ids that new nodes will have, and stores nothing.
struct Measure<'a> {
    ids: &'a IdKeys,
}

impl NodeSink for Measure<'_> {
    fn put_node(&mut self, bytes: Vec<u8>, _: &Names) -> Result<ChunkId> {
        Ok(self.ids.node(&bytes))
    }
}
