//! The plan: a check, and for each damaged object what it takes away and what can give it back.

use super::affected;
use super::repair_source::{Healer, RepairSource};
use crate::blob::{Rebuilt, rebuild_segment};
use crate::error::{Error, Kind, Result};
use crate::log::{CommitRef, SegmentRef};
use crate::maintenance::check::{Closely, check_closely};
use crate::maintenance::damage::{Bad, is_damage};
use crate::maintenance::findings::{Finding, Found, Subject};
use crate::maintenance::level::{CheckOptions, Level};
use crate::maintenance::plan_hash::PlanHash;
use crate::monitor::{Monitor, counted};
use crate::repository::{Repository, lost_point};
use crate::restore_point::Point;
use format_spec::container::ObjectKind;
use format_spec::log::ObjectRow;
use format_spec::point::{Manifest, Workload};
use format_spec::{ChunkId, ObjectId, names};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

/// How to look and where to take from.
#[derive(Debug, Clone)]
pub struct RepairOptions {
    /// How deep the check looks.
    pub level: Level,
    /// A copy of the repository, or one that shares its dedup key.
    pub from: Option<Arc<Repository>>,
    /// Threads that read and decode.
    pub threads: usize,
}

impl RepairOptions {
    /// What a plan rests on.
    fn canonical(&self) -> Vec<u8> {
        let from = self.from.as_ref().map_or(Vec::new(), |from| from.id().0.to_vec());
        [format!("{:?} ", self.level).into_bytes(), from].concat()
    }

    /// Whether this is the hash of a plan that was made with other options.
    pub(super) fn differ(&self, hash: &PlanHash) -> bool {
        !hash.is_of_options(&self.canonical())
    }
}

/// One damaged object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RepairItem {
    /// The object's name.
    pub object: String,
    /// What is wrong with it.
    pub what: String,
    /// Blobs that a point needs and that nobody else in the repository has.
    pub blobs: u64,
    /// Their bytes.
    pub bytes: u64,
    /// How many of them each can give back.
    pub healed_by: BTreeMap<RepairSource, u64>,
    /// Whether the object itself is made anew: a segment, a manifest.
    pub made_anew: bool,
    /// What remains to be done about the rest, in words; `None` when nothing does.
    pub remains: Option<String>,
    /// It is not damaged itself: it is whole again as soon as the packs are that it needs.
    pub follows: bool,
    /// The log calls it suspect already: no backup stores less because of it.
    pub suspect: bool,
    /// Restore points that need something of it; at most 20 are told.
    pub points: Vec<String>,
    /// Point and path of what needs something of it; at most 20 are told.
    pub paths: Vec<(String, String)>,
    /// How many paths there are, in all points.
    pub paths_total: u64,
}

/// What is damaged and what repair would do.
#[derive(Debug)]
pub struct RepairPlan {
    /// The damaged objects, by name.
    pub items: Vec<RepairItem>,
    /// Damaged objects that nobody needs any more.
    pub superseded: Vec<Finding>,
    /// What is whole and needs a newer release: repair leaves it alone.
    pub unsupported: Vec<Finding>,
    /// Names exactly this plan: what `apply` must be given.
    pub hash: PlanHash,
    pub(super) blobs: Vec<Bad>,
    /// Blobs that no published pack has, and the copy does.
    pub(super) unplaced: Vec<(ObjectKind, ChunkId)>,
    /// Damaged packs that the log does not call suspect yet.
    pub suspects: Vec<ObjectRow>,
    /// Suspect packs that were read whole and found right.
    pub withdrawn: Vec<ObjectRow>,
    /// Whose backups store again what is lost for good here, as far as their sources still have it.
    pub jobs: Vec<HealJob>,
    /// Damaged segments that are made anew.
    pub(super) segments: Vec<SegmentRef>,
    /// Damaged packs that can be given up: all that is needed of them has, or gets, a sound place. They rise.
    pub(super) moves: Vec<ObjectId>,
    pub(super) manifests: Vec<(CommitRef, Arc<Point>)>,
    pub(super) closely: Closely,
}

/// A job that has to be backed up again, as its newest point tells it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct HealJob {
    /// The host that runs it.
    pub host: String,
    /// Its name.
    pub job: String,
    /// What it backs up.
    pub paths: Vec<Vec<u8>>,
    /// It reads a stream: what it is fed with is not known here.
    pub is_stream: bool,
}

impl RepairPlan {
    /// Whether `apply` has anything to do.
    pub fn changes_something(&self) -> bool {
        self.heals_something() || !self.suspects.is_empty() || !self.withdrawn.is_empty()
    }

    /// Of how many damaged objects something remains lost when the plan is carried out. What only needs them is whole again with them.
    pub fn remaining(&self) -> usize {
        let remains = |item: &&RepairItem| item.remains.is_some();
        let causes = self.items.iter().filter(|item| !item.follows);
        let lost = causes.clone().filter(remains).count();
        match (lost, causes.count()) {
            (0, 1..) => 0,
            _ => lost + self.items.iter().filter(|item| item.follows).count(),
        }
    }

    /// Whether `apply` gives anything back.
    pub fn heals_something(&self) -> bool {
        let has_blobs = !(self.blobs.is_empty() && self.unplaced.is_empty() && self.moves.is_empty());
        has_blobs || !self.segments.is_empty() || !self.manifests.is_empty()
    }
}

/// Checks the repository and tells what can be done about what is found. Writes nothing.
///
/// # Errors
/// As a check's; `Input` for a copy that does not share the dedup key.
pub fn plan(repository: &Arc<Repository>, options: &RepairOptions, monitor: &Monitor) -> Result<RepairPlan> {
    let check = CheckOptions { threads: options.threads, ..CheckOptions::new(options.level) };
    let closely = check_closely(repository, &check, monitor)?;
    let mut plan = RepairPlan {
        items: Vec::new(),
        superseded: closely.report.superseded.clone(),
        unsupported: closely.report.unsupported.clone(),
        hash: [0; 32].into(),
        blobs: Vec::new(),
        unplaced: Vec::new(),
        segments: Vec::new(),
        manifests: Vec::new(),
        moves: Vec::new(),
        suspects: Vec::new(),
        withdrawn: closely.right.iter().copied().collect(),
        jobs: Vec::new(),
        closely,
    };
    let view = repository.log().view();
    let known = |pack: &ObjectRow| view.suspects.contains_key(pack);
    let mut healer = Healer::new(repository, options.from.as_deref(), &plan.closely.packs)?;
    let (mut lost, mut incurable) = (HashMap::new(), HashSet::new());
    for Found { about, finding, .. } in plan.closely.subjects.clone() {
        monitor.check()?;
        let mut item = RepairItem::of(finding);
        item.follows = matches!(about, Subject::Needs);
        item.suspect = matches!(about, Subject::Pack(id) if view.suspects.keys().any(|pack| pack.id == id));
        match about {
            Subject::Pack(id) => match plan.closely.damage.packs.get(&id) {
                // One object may be found damaged in two ways; its blobs are looked for once.
                Some(_) if plan.items.iter().any(|i| i.object == item.object) => {}
                Some(missing) => {
                    for bad in missing {
                        lost.entry(bad.id).or_insert(plan.items.len());
                    }
                    let cured = item.cure(missing, &mut healer)?;
                    if cured.len() < missing.len() {
                        incurable.insert(id);
                    }
                    plan.blobs.extend(cured);
                }
                None if plan.closely.damage.is_beyond(id) => {
                    item.remains =
                        Some("too much is lost to look into all of it at once: repair, then look again".to_owned());
                }
                None => item.remains = Some(format!("what it holds is unknown; {BACKUP}")),
            },
            Subject::Blob(kind, id) => match healer.in_copy(kind, &id)? {
                Some(bytes) => {
                    (item.blobs, item.bytes) = (1, bytes.len() as u64);
                    item.healed_by.insert(RepairSource::Copy, 1);
                    plan.unplaced.push((kind, id));
                }
                None => item.remains = Some(BACKUP.to_owned()),
            },
            Subject::Segment(reference) => {
                if item.segment(repository, options, &reference)? {
                    plan.segments.push(reference);
                }
            }
            Subject::Manifest(slot) => plan.manifests.extend(item.manifest(repository, options, slot)?),
            Subject::Needs => item.remains = Some("healed as soon as the packs that it needs are".to_owned()),
            Subject::Other => item.remains = Some(other(&item.object).to_owned()),
        }
        plan.items.push(item);
    }
    drop(healer);
    let damage = &plan.closely.damage;
    plan.moves = damage.needed.iter().filter(|id| !incurable.contains(*id)).copied().collect();
    // What is condemned needs no word more.
    plan.suspects = plan.closely.damaged.iter().filter(|pack| !known(pack)).copied().collect();
    plan.suspects.retain(|pack| plan.moves.binary_search(&pack.id).is_err());
    let needing = affected::find(repository, &plan.closely.points, &lost, &mut plan.items, monitor)?;
    if plan.remaining() > 0 {
        // A backup makes new points; it gives no lost one back.
        let is_point = |item: &RepairItem| matches!(names::parse(&item.object), Some((ObjectKind::RestorePoint, ..)));
        let is_unknown =
            |item: &RepairItem| !item.follows && item.remains.is_some() && item.blobs == 0 && !is_point(item);
        let is_any = plan.items.iter().any(is_unknown);
        plan.jobs = jobs(plan.closely.points.iter().filter(|p| is_any || needing.contains(&p.manifest.id)));
    }
    // The options stand apart: who applies with others is told so.
    plan.hash = PlanHash::seal(&options.canonical(), &plan.digest(repository));
    Ok(plan)
}

impl RepairItem {
    pub(super) fn of(finding: Finding) -> Self {
        RepairItem {
            object: finding.object,
            what: finding.what,
            blobs: 0,
            bytes: 0,
            healed_by: BTreeMap::new(),
            made_anew: false,
            remains: None,
            follows: false,
            suspect: false,
            points: Vec::new(),
            paths: Vec::new(),
            paths_total: 0,
        }
    }

    /// Counts who gives each blob back; returns those that somebody does.
    fn cure(&mut self, missing: &[Bad], healer: &mut Healer<'_>) -> Result<Vec<Bad>> {
        let mut cured = Vec::new();
        for bad in missing {
            self.blobs += 1;
            self.bytes += u64::from(bad.place.bytes);
            if let Some((cure, _)) = healer.read(bad)? {
                *self.healed_by.entry(cure).or_default() += 1;
                cured.push(*bad);
            }
        }
        let rest = missing.len() - cured.len();
        if let Some(bad) = missing.first().filter(|_| rest > 0) {
            let is_meta = bad.place.pack_kind == ObjectKind::MetaPack;
            let (one, many) = if is_meta { ("node", "nodes") } else { ("chunk", "chunks") };
            let full = if is_meta { " (--full)" } else { "" };
            self.remains = Some(format!("{}: {BACKUP}{full}", counted(rest as u64, one, many)));
        }
        Ok(cured)
    }

    /// Whether it can be made anew. What takes its place has to map all that it mapped ([LOG-15]).
    fn segment(&mut self, repository: &Repository, options: &RepairOptions, reference: &SegmentRef) -> Result<bool> {
        let again = segment_again(repository, options, reference)?;
        self.made_anew = again.lacks.is_empty();
        if !again.lacks.is_empty() {
            let packs = again.lacks.len() + again.segment.packs.len();
            let packs = counted(packs as u64, "pack", "packs");
            self.remains = Some(format!("{} of its {packs} cannot be read; {BACKUP}", again.lacks.len()));
        }
        Ok(self.made_anew)
    }

    fn manifest(
        &mut self,
        repository: &Repository,
        options: &RepairOptions,
        slot: u32,
    ) -> Result<Option<(CommitRef, Arc<Point>)>> {
        let commit = repository.log().view().commits.iter().find(|c| c.slot == slot).copied();
        let commit = commit.ok_or_else(|| Error::new(Kind::Bug, "a manifest without its commit").on(&self.object))?;
        self.points.push(commit.id.to_string());
        let there = options.from.iter().flat_map(|from| from.points_and_damage());
        let found = there.filter_map(|(_, point)| point.ok()).find(|p| p.manifest.id == commit.id);
        self.made_anew = found.is_some();
        if found.is_none() {
            self.remains = Some(format!("the restore point is lost, unless a copy has it; {}", lost_point(&commit)));
        }
        Ok(found.map(|point| (commit, point)))
    }
}

/// A damaged segment, from its packs; or from a plain copy of this very repository, if packs are lost too.
pub(super) fn segment_again(
    repository: &Repository,
    options: &RepairOptions,
    reference: &SegmentRef,
) -> Result<Rebuilt> {
    let rebuilt = rebuild_segment(repository.sealed_store(), repository.log(), reference)?;
    let twin = options.from.as_ref().filter(|from| from.id() == repository.id() && !rebuilt.lacks.is_empty());
    match twin.map(|from| from.sealed_store().segment(reference)) {
        Some(Ok(segment)) => Ok(Rebuilt { segment, lacks: Vec::new() }),
        Some(Err(e)) if !is_damage(&e) => Err(e),
        _ => Ok(rebuilt),
    }
}

impl RepairPlan {
    fn digest(&self, repository: &Repository) -> [u8; 32] {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&repository.log().view().head_hash);
        for item in &self.items {
            hasher.update(format!("{item:?}\n").as_bytes());
        }
        let unplaced = self.unplaced.iter().map(|(_, id)| id);
        for id in self.blobs.iter().map(|bad| &bad.id).chain(unplaced) {
            hasher.update(&id.0);
        }
        let rows = [&self.suspects[..], &self.withdrawn].into_iter();
        for pack in self.moves.iter().chain(rows.flatten().map(|row| &row.id)) {
            hasher.update(&pack.session.to_le_bytes()).update(&pack.ordinal.to_le_bytes());
        }
        *hasher.finalize().as_bytes()
    }
}

/// What can be done about a finding that repair has no cure for.
fn other(object: &str) -> &'static str {
    match object.split(['/', ' ']).next() {
        Some("keys") => "add the password again with `cairn key add`, then remove the damaged slot",
        _ => "repair has no cure for it; the findings of packs tell whether their repair heals it",
    }
}

/// The jobs of these points, each as its newest point tells it.
fn jobs<'a>(points: impl Iterator<Item = &'a Arc<Point>>) -> Vec<HealJob> {
    let mut newest: BTreeMap<(&str, &str), &Point> = BTreeMap::new();
    for point in points {
        let m = &point.manifest;
        let known = newest.entry((&m.host, &m.job)).or_insert(point);
        if known.place() < point.place() {
            *known = point;
        }
    }
    let job = |point: &Point| {
        let Manifest { host, job, paths, workload, .. } = &point.manifest;
        let is_stream = *workload == Workload::Stream;
        HealJob { host: host.clone(), job: job.clone(), paths: paths.clone(), is_stream }
    };
    newest.into_values().map(job).collect()
}

const BACKUP: &str = "once this plan is carried out, the next backup stores again what the source still has";
