//! A place in `/history`: a job, a path below it, and perhaps the version that is meant.

use crate::inode::Inode;
use engine::restore_point::Point;

/// A place in `/history`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Spot {
    /// The job's own folder.
    pub(super) job: Inode,
    pub(super) parent: Inode,
    /// Below the job's folder, raw bytes.
    pub(super) path: Vec<u8>,
    /// For a version: the number of the point in which it stood first.
    pub(super) version: Option<u32>,
}

impl Spot {
    pub(crate) fn parent(&self) -> Inode {
        self.parent
    }

    pub(super) fn inode(&self) -> Inode {
        match (self.version, &self.path[..]) {
            (Some(point), path) => Inode::past(&[&self.job.0.to_le_bytes(), path, &point.to_le_bytes()]),
            (None, []) => self.job,
            (None, path) => Inode::past(&[&self.job.0.to_le_bytes(), path]),
        }
    }

    pub(super) fn child(&self, name: &[u8]) -> Spot {
        let mut path = self.path.clone();
        if !path.is_empty() {
            path.push(b'/');
        }
        path.extend_from_slice(name);
        Spot { job: self.job, parent: self.inode(), path, version: None }
    }

    pub(super) fn version(&self, point: &Point) -> Spot {
        Spot { job: self.job, parent: self.inode(), path: self.path.clone(), version: Some(point.number) }
    }

    /// The folder that it lies in, if that is not the job's own.
    pub(super) fn above(&self) -> Option<Spot> {
        let of = |path: &[u8]| path.iter().rposition(|b| *b == b'/').map(|at| path[..at].to_vec());
        let (job, version) = (self.job, None);
        let path = if self.version.is_some() { self.path.clone() } else { of(&self.path)? };
        let parent = match (&path[..], of(&path)) {
            ([], _) => return None,
            (_, None) => job,
            (_, Some(path)) => Spot { job, parent: job, path, version }.inode(),
        };
        Some(Spot { job, parent, path, version })
    }

    /// Folders between the mount's root and what lies in this folder.
    pub(super) fn depth(&self) -> usize {
        let names = self.path.split(|b| *b == b'/').filter(|name| !name.is_empty());
        names.count() + DEPTH_OF_JOBS
    }
}

/// `history`, organisation, job.
const DEPTH_OF_JOBS: usize = 3;
