//! The reference model: what every restore point must give back, told by a map and nothing of the engine.
//!
//! A point carries the number of the attempt that made it as a tag, so that a commit whose response was lost is known when it shows.

use super::source::Tree;
use engine::care::retention::Plan;
use engine::reader::ContentReader;
use engine::repository::Repository;
use engine::restore_point::Point;
use engine::tree::{Flow, walk};
use engine::{Error, Result};
use format_spec::log::PointId;
use format_spec::tree::Kind;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// What was asked for and what was promised.
#[derive(Default)]
pub(super) struct Model {
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
}

impl Model {
    /// A backup of this tree begins; the tag that its point shall carry.
    pub(super) fn begin(&mut self, tree: Arc<Tree>) -> String {
        self.attempts.push(tree);
        format!("attempt-{}", self.attempts.len() - 1)
    }

    pub(super) fn acknowledge(&mut self, point: PointId, tag: &str) {
        self.acknowledged.insert(point, attempt_of(tag).expect("our own tag"));
    }

    /// Somebody is about to carry this plan out, which may erase a path.
    pub(super) fn intend(&mut self, plan: &Plan, path: Option<&str>) {
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
        self.doomed.contains(point) || self.touched.contains(point)
    }

    /// Holds a freshly opened repository against the model; what is wrong, if something is.
    pub(super) fn verify(&self, repository: &Arc<Repository>) -> std::result::Result<(), String> {
        let view = repository.log().view();
        for id in self.acknowledged.keys().filter(|id| !self.doomed.contains(id)) {
            if view.live(id).is_none() {
                return Err(format!("point {id} was acknowledged and is not there"));
            }
        }
        if let Some(id) = self.expired.iter().find(|id| view.live(id).is_some()) {
            return Err(format!("point {id} was expired and is still there"));
        }
        for commit in &view.commits {
            let told = |e: Error| format!("point {} cannot be restored: {:?}: {e}", commit.id, e.kind());
            let point = repository.load(commit).map_err(told)?;
            let files = read(repository, &point).map_err(told)?;
            self.compare(&point, &files)?;
            let gone = |path: &&String| self.erased.get(&(commit.id, (*path).clone())) == Some(&true);
            if let Some(path) = files.keys().find(gone) {
                return Err(format!("{path} was erased from point {} and is still there", commit.id));
            }
        }
        Ok(())
    }

    /// Holds a repository of copies against the model: every copy gives the files of its original back.
    pub(super) fn verify_copies(&self, copies: &Arc<Repository>) -> std::result::Result<(), String> {
        for commit in &copies.log().view().commits {
            let told = |e: Error| format!("the copy of point {} cannot be restored: {:?}: {e}", commit.id, e.kind());
            let point = copies.load(commit).map_err(told)?;
            let files = read(copies, &point).map_err(told)?;
            self.compare(&point, &files).map_err(|what| format!("a copy: {what}"))?;
        }
        Ok(())
    }

    /// Whether a point's files are those of its attempt.
    pub(super) fn compare(&self, point: &Point, files: &Files) -> std::result::Result<(), String> {
        let id = point.manifest.id;
        let attempt = point.manifest.tags.iter().find_map(|tag| attempt_of(tag));
        let attempt = attempt.ok_or_else(|| format!("point {id} is nobody's"))?;
        if self.acknowledged.get(&id).is_some_and(|known| *known != attempt) {
            return Err(format!("point {id} is of another attempt than was acknowledged"));
        }
        let tree = self.attempts.get(attempt).ok_or_else(|| format!("point {id} is of no known attempt"))?;
        let mut wanted: Files = tree.iter().map(|(path, file)| (path.clone(), file.bytes.to_vec())).collect();
        wanted.retain(|path, _| files.contains_key(path) || !self.erased.contains_key(&(id, path.clone())));
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
        if seen.entry.kind == Kind::File {
            let content = ContentReader::open(repository.blobs(), seen.entry)?;
            let mut bytes = vec![0; usize::try_from(content.size()).expect("a small file")];
            content.read_at(0, &mut bytes)?;
            files.insert(String::from_utf8_lossy(seen.path).into_owned(), bytes);
        }
        Ok(Flow::Continue)
    })?;
    Ok(files)
}

fn attempt_of(tag: &str) -> Option<usize> {
    tag.strip_prefix("attempt-")?.parse().ok()
}
