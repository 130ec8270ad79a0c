//! A restore point as a source: what was backed up is read again from the repository, item by item, as it was.

use crate::blob::Blobs;
use crate::error::Result;
use crate::reader::ContentReader;
use crate::repository::Repository;
use crate::restore_point::Point;
use crate::source::{About, Failure, Found, ItemReader, Opens, Outcome, Source, Step, Walk};
use crate::tree::{self, MapCursor};
use format_spec::ledger::Exception;
use format_spec::tree::{Content, Entry, Extent, Kind};
use std::io;
use std::sync::Arc;

/// A point of a repository.
pub(super) struct PointSource<'a> {
    pub(super) repository: &'a Repository,
    pub(super) point: &'a Point,
}

impl Source for PointSource<'_> {
    fn about(&self) -> About {
        let manifest = &self.point.manifest;
        About {
            host: manifest.host.clone(),
            paths: manifest.paths.clone(),
            rules: manifest.rules.clone(),
            ..About::default()
        }
    }

    fn walk(&self) -> Result<Box<dyn Walk + '_>> {
        let nodes = self.repository.nodes();
        let exceptions = MapCursor::open(nodes, self.point.manifest.maps.exceptions)
            .map(|pair| pair.and_then(|pair| exception(&pair.key, &pair.value)))
            .collect::<Result<Vec<_>>>()?;
        let walk = tree::Walk::start(nodes, &self.point.manifest.root);
        Ok(Box::new(PointWalk {
            walk,
            blobs: self.repository.blobs().clone(),
            told: exceptions,
            begun: false,
            ended: false,
        }))
    }
}

struct PointWalk<'a> {
    walk: tree::Walk<'a>,
    blobs: Arc<Blobs>,
    /// What the original could not store, told again.
    told: Vec<Failure>,
    begun: bool,
    ended: bool,
}

impl Walk for PointWalk<'_> {
    fn next(&mut self) -> Option<Step> {
        if self.begun
            && let Some(failure) = self.told.pop()
        {
            return Some(Step::Failed(failure));
        }
        if self.ended {
            return None;
        }
        self.begun = true;
        match self.walk.step() {
            Ok(Some(tree::Step::Enter(visit))) => {
                let (entry, path) = (Entry::clone(visit.entry), visit.path.to_vec());
                let found = Found {
                    path,
                    entry: as_listed(&entry),
                    opens: Arc::new(Item { entry, blobs: self.blobs.clone() }),
                };
                Some(if found.entry.kind == Kind::Folder { Step::Enter(found) } else { Step::Item(found) })
            }
            Ok(Some(tree::Step::Leave(_))) => Some(Step::Leave),
            Ok(None) => {
                self.ended = true;
                None
            }
            Err(e) => {
                let (path, _) = self.walk.go_on();
                Some(Step::Failed(Failure { path, outcome: Outcome::Failed, reason: e.to_string() }))
            }
        }
    }
}

/// What a walk tells of an item before anything of it is opened.
fn as_listed(entry: &Entry) -> Entry {
    Entry {
        user: Vec::new(),
        group: Vec::new(),
        target: Vec::new(),
        xattrs: Vec::new(),
        extents: None,
        content: Content::None,
        totals: tree::NOTHING,
        ..entry.clone()
    }
}

fn exception(path: &[u8], value: &[u8]) -> Result<Failure> {
    let Exception { outcome, reason } = Exception::decode(value)?;
    Ok(Failure { path: path.to_vec(), outcome, reason })
}

/// One item as it was stored.
struct Item {
    entry: Entry,
    blobs: Arc<Blobs>,
}

impl Opens for Item {
    fn fill(&self, entry: &mut Entry) -> io::Result<Vec<String>> {
        let Entry { user, group, target, xattrs, .. } = &self.entry;
        (entry.user, entry.group) = (user.clone(), group.clone());
        (entry.target, entry.xattrs) = (target.clone(), xattrs.clone());
        Ok(Vec::new())
    }

    fn open(&self, _: &Entry) -> io::Result<Box<dyn ItemReader>> {
        let content = ContentReader::open(&self.blobs, &self.entry).map_err(io::Error::other)?;
        let whole = || vec![Extent { offset: 0, bytes: self.entry.size }];
        let mut runs = self.entry.extents.clone().unwrap_or_else(whole);
        runs.reverse();
        Ok(Box::new(Stored { content, runs, extents: self.entry.extents.clone() }))
    }
}

/// The bytes of one file.
struct Stored {
    content: ContentReader,
    /// What is left to be read, the next run last.
    runs: Vec<Extent>,
    extents: Option<Vec<Extent>>,
}

impl ItemReader for Stored {
    fn extents(&mut self) -> io::Result<Option<Vec<Extent>>> {
        Ok(self.extents.take())
    }

    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while let Some(run) = self.runs.last_mut() {
            if run.bytes == 0 {
                self.runs.pop();
                continue;
            }
            let room = buffer.len().min(usize::try_from(run.bytes).unwrap_or(usize::MAX));
            let part = buffer.get_mut(..room).unwrap_or_default();
            let n = self.content.read_at(run.offset, part).map_err(io::Error::other)?;
            if n == 0 {
                return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "its content ends before its entry says"));
            }
            (run.offset, run.bytes) = (run.offset + n as u64, run.bytes - n as u64);
            return Ok(n);
        }
        Ok(0)
    }

    fn changed(&mut self) -> io::Result<Option<String>> {
        Ok(None)
    }
}
