//! The reference model: what every restore point must give back, told by a map and nothing of the engine.
//!
//! A point carries the number of the attempt that made it as a tag, so that a commit whose response was lost is known when it shows.

use super::source::Tree;
use engine::maintenance::retention::{RetentionPlan, items_from};
use engine::reader::ContentReader;
use engine::repository::Repository;
use engine::restore_point::Point;
use engine::tree::{Flow, walk};
use engine::{Error, Kind, Result};
use format_spec::Time;
use format_spec::config::Retention;
use format_spec::log::PointId;
use format_spec::tree::Kind as ItemKind;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// What was asked for and what was promised.
#[derive(Default)]
pub(super) struct Model {
    /// How long items stay, where they leave by their own age.
    items: Option<Retention>,
    /// The source of each attempt at a backup.
    attempts: Vec<Arc<Tree>>,
    /// Committed, and somebody was told so; with the attempt.
    acknowledged: BTreeMap<PointId, usize>,
    /// Somebody tried to expire them.
    doomed: BTreeSet<PointId>,
    /// They were expired, and somebody was told so.
    expired: BTreeSet<PointId>,
    /// Somebody tried to replace their manifests.
    touched: BTreeSet<PointId>,
    /// Files that somebody tried to erase from a point; whether he was told that they are gone.
    erased: BTreeMap<(PointId, String), bool>,
    /// Until when a point stays as it was committed, and which bytes its manifest has.
    locked: BTreeMap<PointId, (Time, [u8; 32])>,
    /// What is older than this second has left the point, and somebody was told so.
    aged: BTreeMap<PointId, i64>,
    /// The slot of each commit that was acknowledged: the order of points.
    slots: BTreeMap<PointId, u32>,
    /// Points whose expiry, or change, may have been in an entry that was set aside: they may be as they were.
    undone: BTreeSet<PointId>,
    /// Points whose commit was in one: their place in the order is not known any more.
    moved: BTreeSet<PointId>,
    /// And that were not committed again so far.
    lost: BTreeSet<PointId>,
}

impl Model {
    pub(super) fn new(items: Option<Retention>) -> Self {
        Model { items, ..Model::default() }
    }

    /// A backup of this tree begins; the tag that its point shall carry.
    pub(super) fn begin(&mut self, tree: Arc<Tree>) -> String {
        self.attempts.push(tree);
        format!("attempt-{}", self.attempts.len() - 1)
    }

    /// A point was committed in this slot.
    pub(super) fn acknowledge(&mut self, point: PointId, tag: &str, slot: u32) {
        self.acknowledged.insert(point, attempt_of(tag).expect("our own tag"));
        self.slots.insert(point, slot);
    }

    /// Nobody may change or take a point away before.
    pub(super) fn lock(&mut self, point: PointId, until: Time, manifest: [u8; 32]) {
        self.locked.insert(point, (until, manifest));
    }

    /// The place of a point in the order of commits, if somebody knows it.
    pub(super) fn slot_of(&self, point: &PointId) -> Option<u32> {
        self.slots.get(point).copied().filter(|_| !self.moved.contains(point))
    }

    /// An entry is about to be set aside that expired or changed some points, or committed one.
    pub(super) fn set_aside(&mut self, undone: &[PointId], committed: Option<PointId>) {
        self.undone.extend(undone);
        self.moved.extend(committed);
        self.lost.extend(committed);
    }

    /// A point is live again whose commit was set aside.
    pub(super) fn committed_again(&mut self, point: Option<PointId>) {
        point.iter().for_each(|id| _ = self.lost.remove(id));
    }

    /// What had become old when a plan was made has left these points.
    pub(super) fn age(&mut self, points: &[PointId], now: Time) {
        // A clock may be some minutes off, and days begin at midnight.
        let Some(before) = self.items.and_then(|items| items_from(items, seconds_later(now, -600))) else { return };
        self.aged.extend(points.iter().map(|id| (*id, before)));
    }

    /// Whether a file of this age may be missing from points.
    fn may_have_left(&self, written: Time, now: Time) -> bool {
        let before = self.items.and_then(|items| items_from(items, seconds_later(now, 600)));
        before.is_some_and(|before| written.seconds < before)
    }

    /// Somebody is about to carry this plan out, which may erase a path.
    pub(super) fn intend(&mut self, plan: &RetentionPlan, path: Option<&str>) {
        for row in &plan.rows {
            let id = row.decision.point.id;
            if !row.decision.keep {
                self.doomed.insert(id);
            } else if row.change.is_some() {
                self.touched.insert(id);
                if let Some(path) = path {
                    self.erased.entry((id, path.to_owned())).or_insert(false);
                }
            }
        }
    }

    pub(super) fn erase(&mut self, points: &[PointId], path: &str) {
        self.erased.extend(points.iter().map(|id| ((*id, path.to_owned()), true)));
    }

    pub(super) fn expire(&mut self, points: &[PointId]) {
        self.expired.extend(points);
    }

    /// Whether who still holds the point's manifest may find nothing behind it.
    pub(super) fn is_outdated(&self, point: &PointId) -> bool {
        self.doomed.contains(point) || self.touched.contains(point) || self.moved.contains(point)
    }

    /// Holds a freshly opened repository against the model; what is wrong, if something is. Where objects have rotted, a point may be out of reach.
    pub(super) fn verify(
        &self,
        repository: &Arc<Repository>,
        has_rotten: bool,
        now: Time,
    ) -> std::result::Result<(), String> {
        let view = repository.log().view();
        for (id, (until, manifest)) in self.locked.iter().filter(|(_, (until, _))| *until > now) {
            if view.live(id).is_none_or(|commit| commit.object.body_hash != *manifest) {
                return Err(format!("point {id} was locked until {until:?} and is gone or has changed"));
            }
        }
        for id in self.acknowledged.keys().filter(|id| !self.doomed.contains(id) && !self.lost.contains(id)) {
            if view.live(id).is_none() {
                return Err(format!("point {id} was acknowledged and is not there"));
            }
        }
        if let Some(id) = self.expired.iter().find(|id| view.live(id).is_some() && !self.undone.contains(id)) {
            return Err(format!("point {id} was expired and is still there"));
        }
        for commit in &view.commits {
            let told = |e: Error| format!("point {} cannot be restored: {:?}: {e}", commit.id, e.kind());
            let both = repository.load(commit).and_then(|point| Ok((read(repository, &point)?, point)));
            let (files, point) = match both {
                Err(e) if has_rotten && e.kind() == Kind::Damaged => continue,
                other => other.map_err(told)?,
            };
            self.compare(&point, &files, now)?;
            if self.undone.contains(&commit.id) {
                continue;
            }
            let gone = |path: &&String| self.erased.get(&(commit.id, (*path).clone())) == Some(&true);
            if let Some(path) = files.keys().find(gone) {
                return Err(format!("{path} was erased from point {} and is still there", commit.id));
            }
            self.expect_aged(&point, &files)?;
        }
        Ok(())
    }

    /// What was old when items were taken out of a point is not there any more.
    fn expect_aged(&self, point: &Point, files: &Files) -> std::result::Result<(), String> {
        let id = point.manifest.id;
        let Some(before) = self.aged.get(&id) else { return Ok(()) };
        let tree = attempt_in(point).and_then(|attempt| self.attempts.get(attempt));
        let mut old = tree.into_iter().flat_map(|tree| tree.iter()).filter(|(_, file)| file.written.seconds < *before);
        match old.find(|(path, _)| files.contains_key(*path)) {
            Some((path, _)) => Err(format!("{path} had become too old for point {id} and is still there")),
            None => Ok(()),
        }
    }

    /// Holds a repository of copies against the model: every copy gives the files of its original back.
    pub(super) fn verify_copies(&self, copies: &Arc<Repository>, now: Time) -> std::result::Result<(), String> {
        for commit in &copies.log().view().commits {
            let told = |e: Error| format!("the copy of point {} cannot be restored: {:?}: {e}", commit.id, e.kind());
            let point = copies.load(commit).map_err(told)?;
            let files = read(copies, &point).map_err(told)?;
            self.compare(&point, &files, now).map_err(|what| format!("a copy: {what}"))?;
        }
        Ok(())
    }

    /// Whether a point's files are those of its attempt.
    pub(super) fn compare(&self, point: &Point, files: &Files, now: Time) -> std::result::Result<(), String> {
        let id = point.manifest.id;
        let attempt = attempt_in(point).ok_or_else(|| format!("point {id} is nobody's"))?;
        if self.acknowledged.get(&id).is_some_and(|known| *known != attempt) {
            return Err(format!("point {id} is of another attempt than was acknowledged"));
        }
        let tree = self.attempts.get(attempt).ok_or_else(|| format!("point {id} is of no known attempt"))?;
        let mut wanted: Files = tree.iter().map(|(path, file)| (path.clone(), file.bytes.to_vec())).collect();
        let may_lack = |path: &String| {
            let has_left = tree.get(path).is_some_and(|file| self.may_have_left(file.written, now));
            has_left || self.erased.contains_key(&(id, path.clone()))
        };
        wanted.retain(|path, _| files.contains_key(path) || !may_lack(path));
        if wanted == *files {
            return Ok(());
        }
        let differs = wanted.iter().find(|(path, bytes)| files.get(*path) != Some(bytes)).map(|(path, _)| path);
        Err(format!("point {id} (attempt {attempt}) gives other files back, such as {differs:?}"))
    }
}

/// Paths and bytes.
pub(super) type Files = BTreeMap<String, Vec<u8>>;

/// Every file of a point.
pub(super) fn read(repository: &Arc<Repository>, point: &Point) -> Result<Files> {
    let mut files = Files::new();
    walk(repository.nodes(), &point.manifest.root, &mut |seen| {
        if seen.entry.kind == ItemKind::File {
            let content = ContentReader::open(repository.blobs(), seen.entry)?;
            let mut bytes = vec![0; usize::try_from(content.size()).expect("a small file")];
            content.read_at(0, &mut bytes)?;
            files.insert(String::from_utf8_lossy(seen.path).into_owned(), bytes);
        }
        Ok(Flow::Continue)
    })?;
    Ok(files)
}

fn attempt_in(point: &Point) -> Option<usize> {
    point.manifest.tags.iter().find_map(|tag| attempt_of(tag))
}

fn seconds_later(time: Time, seconds: i64) -> Time {
    Time { seconds: time.seconds + seconds, ..time }
}

fn attempt_of(tag: &str) -> Option<usize> {
    tag.strip_prefix("attempt-")?.parse().ok()
}
