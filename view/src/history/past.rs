//! The states of one path over the points of a job: what stood there, since which point.

use super::Spot;
use crate::acl::ACCESS_LIST;
use crate::inode::Inode;
use crate::namespace::PastJob;
use crate::nodes::Fetch;
use crate::{Failure, View};
use engine::restore_point::Point;
use engine::tree;
use format_spec::tree::{Entry, Kind};
use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

/// All states of a path, oldest first. Neighbours differ.
#[derive(Debug)]
pub(super) struct Past {
    /// Of the namespace that it was computed for.
    generation: u64,
    pub(super) runs: Vec<Run>,
    /// How the states of a folder differ; computed by the first listing.
    pub(super) differences: OnceLock<Differences>,
}

/// How the states of a folder differ.
#[derive(Debug)]
pub(super) struct Differences {
    /// Names that are in older states only, in their order.
    pub(super) older_names: Vec<Vec<u8>>,
    /// For each name that some state holds otherwise than the folder state before it: at which runs. `None` when there are too many.
    pub(super) changed: Option<HashMap<Vec<u8>, Vec<usize>>>,
}

/// A state, and the point in which it stood first. What later points say is the same.
#[derive(Debug, Clone)]
pub(super) struct Run {
    pub(super) first: Arc<Point>,
    pub(super) state: State,
}

#[derive(Debug, Clone)]
pub(super) enum State {
    Absent,
    /// With its tree and whose it is: nothing else of it is shown.
    Folder(Arc<Entry>),
    Other(Arc<Entry>),
}

impl Past {
    pub(super) fn is_anything(&self) -> bool {
        self.runs.iter().any(|run| !matches!(run.state, State::Absent))
    }

    pub(super) fn was_a_folder(&self) -> bool {
        self.folders().next().is_some()
    }

    /// The states as a folder, newest first: position among all runs, point, tree.
    pub(super) fn folders(&self) -> impl Iterator<Item = (usize, &Arc<Point>, &Entry)> {
        self.runs.iter().enumerate().rev().filter_map(|(at, run)| match &run.state {
            State::Folder(folder) => Some((at, &run.first, &**folder)),
            _ => None,
        })
    }

    /// Whether a name in the folder of a run is known to be the same as in the folder state before.
    fn is_unchanged(&self, name: &[u8], run: usize) -> bool {
        let changed = self.differences.get().and_then(|differences| differences.changed.as_ref());
        changed.is_some_and(|changed| !changed.get(name).is_some_and(|runs| runs.contains(&run)))
    }

    fn of(generation: u64, states: impl Iterator<Item = Result<Run, Failure>>) -> Result<Self, Failure> {
        let mut runs: Vec<Run> = Vec::new();
        for run in states {
            let run = run?;
            if !runs.last().is_some_and(|last| last.state.is_same(&run.state)) {
                runs.push(run);
            }
        }
        Ok(Past { generation, runs, differences: OnceLock::new() })
    }
}

impl State {
    fn of(entry: Option<&Entry>) -> Self {
        match entry {
            None => State::Absent,
            Some(entry) if entry.kind == Kind::Folder => {
                // Kept for long, so without what can be large.
                let xattrs = entry.xattrs.iter().filter(|(name, _)| name == ACCESS_LIST).cloned().collect();
                State::Folder(Arc::new(Entry { name: Vec::new(), xattrs, ..entry.clone() }))
            }
            Some(entry) => State::Other(Arc::new(Entry { extents: None, ..entry.clone() })),
        }
    }

    /// Whether two points hold the same version: as `cairn history` means it, nothing that a restore brings back differs.
    fn is_same(&self, other: &State) -> bool {
        match (self, other) {
            (State::Absent, State::Absent) => true,
            // Of a folder the names count, and who may see them.
            (State::Folder(a), State::Folder(b)) => {
                let of = |e: &Entry| (e.content, e.mode, e.uid, e.gid);
                of(a) == of(b) && (&a.user, &a.group, &a.xattrs) == (&b.user, &b.group, &b.xattrs)
            }
            (State::Other(a), State::Other(b)) if Arc::ptr_eq(a, b) => true,
            (State::Other(a), State::Other(b)) => {
                let of = |e: &Entry| (e.kind, e.content, e.size, e.mode, e.uid, e.gid, e.rdev, e.mtime);
                of(a) == of(b) && a.target == b.target && a.xattrs == b.xattrs
            }
            _ => false,
        }
    }
}

impl View {
    /// The states of a path.
    pub(super) fn past(&self, fetch: Fetch, spot: &Spot) -> Result<Arc<Past>, Failure> {
        let space = self.space();
        let job = space.job(spot.job).ok_or(Failure::Gone)?;
        // Up to a folder whose states are known, then down again.
        let mut missing: Vec<&[u8]> = Vec::new();
        let mut path = &spot.path[..];
        let mut past = loop {
            let known = self.history.past.get(&of(spot.job, path)).filter(|past| past.generation == space.generation);
            match known {
                Some(past) => break past,
                None if path.is_empty() => break self.past_of_job(spot.job, job, space.generation)?,
                None => {
                    missing.push(path);
                    path = path.iter().rposition(|b| *b == b'/').map_or(&[], |at| &path[..at]);
                }
            }
        };
        while let Some(path) = missing.pop() {
            let name = path.rsplit(|b| *b == b'/').next().unwrap_or(path);
            past = Arc::new(self.past_below(fetch, &past, name)?);
            // What is not there is not kept: there is no end of it.
            if past.was_a_folder() {
                self.history.past.insert(of(spot.job, path), Arc::clone(&past));
            }
        }
        Ok(past)
    }

    fn past_of_job(&self, inode: Inode, job: &PastJob, generation: u64) -> Result<Arc<Past>, Failure> {
        let state =
            |point: &Arc<Point>| Ok(Run { first: Arc::clone(point), state: State::of(Some(&point.manifest.root)) });
        let past = Arc::new(Past::of(generation, job.points.iter().map(state))?);
        self.history.past.insert(inode, Arc::clone(&past));
        Ok(past)
    }

    fn past_below(&self, fetch: Fetch, above: &Past, name: &[u8]) -> Result<Past, Failure> {
        // What the name was in the last folder state: most points change little, and what is known to be the same is not looked up.
        let mut before: Option<State> = None;
        let state = |(at, run): (usize, &Run)| {
            let state = match (&run.state, before.take()) {
                (State::Folder(_), Some(same)) if above.is_unchanged(name, at) => same,
                (State::Folder(folder), _) => self.state_in(fetch, &run.first, folder, name)?,
                (_, kept) => {
                    before = kept;
                    return Ok(Run { first: Arc::clone(&run.first), state: State::Absent });
                }
            };
            before = Some(state.clone());
            Ok(Run { first: Arc::clone(&run.first), state })
        };
        Past::of(above.generation, above.runs.iter().enumerate().map(state))
    }

    fn state_in(&self, fetch: Fetch, point: &Point, folder: &Entry, name: &[u8]) -> Result<State, Failure> {
        match self.ask(fetch, point, |nodes| tree::find(nodes, folder, name)) {
            // The point expired since the last refresh.
            Err(Failure::Gone) => Ok(State::of(None)),
            found => Ok(State::of(found?.as_ref().map(|found| &*found.entry))),
        }
    }
}

fn of(job: Inode, path: &[u8]) -> Inode {
    if path.is_empty() { job } else { Inode::past(&[&job.0.to_le_bytes(), path]) }
}
