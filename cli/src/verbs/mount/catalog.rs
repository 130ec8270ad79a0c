//! An open repository as the mount wants it.

use engine::Result;
use engine::reader::ContentReader;
use engine::repository::Repository;
use format_spec::ChunkId;
use format_spec::tree::{Entry, Node};
use fusefs::catalog::{Catalog, Content, Point};
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::Arc;

/// All visible points of a repository.
pub(super) struct Points {
    repo: Arc<Repository>,
    is_local: bool,
    /// Points already told, by number: a manifest never changes.
    told: Mutex<HashMap<u32, Arc<Point>>>,
}

struct Reading(ContentReader);

impl Points {
    pub(super) fn new(repo: Arc<Repository>, is_local: bool) -> Self {
        Points { repo, is_local, told: Mutex::default() }
    }
}

impl Catalog for Points {
    /// A point whose manifest is damaged is left out, with a word in the log: the others must stay readable.
    fn points(&self) -> Result<Vec<Arc<Point>>> {
        self.repo.refresh()?;
        let mut told = self.told.lock();
        let mut points = Vec::new();
        for (commit, point) in self.repo.points_and_damage() {
            match point {
                Ok(point) => {
                    let new = || Arc::new(Point { number: point.number, manifest: point.manifest.clone() });
                    points.push(Arc::clone(told.entry(point.number).or_insert_with(new)));
                }
                Err(e) => tracing::error!("the restore point of log entry {} is not shown: {e}", commit.slot),
            }
        }
        Ok(points)
    }

    fn node(&self, id: &ChunkId) -> Result<Arc<Node>> {
        self.repo.node(id)
    }

    fn open(&self, entry: &Entry) -> Result<Box<dyn Content>> {
        Ok(Box::new(Reading(ContentReader::open(self.repo.blobs(), entry)?)))
    }

    fn is_local(&self) -> bool {
        self.is_local
    }
}

impl Content for Reading {
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<usize> {
        self.0.read_at(offset, buffer)
    }
}
