//! Backups made of changes: the second door over a real repository.

mod costs;
mod interim;
mod lifecycle;
mod model;
mod state;

use crate::proofs::Rig;
use engine::Result;
use engine::backup::{BackupOptions, BackupSummary, edit};
use engine::monitor::Monitor;
use engine::reader::ContentReader;
use engine::repository::Repository;
use engine::restore_point::Point;
use engine::source::{About, ChangedSource, Closing, PointDraft};
use engine::store::{Memory, Store};
use engine::tree::{FolderCursor, lookup, map_get};
use format_spec::PointKind;
use format_spec::point::Workload;
use format_spec::tree::{Entry, Kind};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use testkit::toy::{Notes, ToySource};

/// A source whose update is a closure.
struct By<F>(F);

impl<F: Fn(&dyn PointDraft) -> Result<()> + Send + Sync> ChangedSource for By<F> {
    fn about(&self) -> About {
        About { organisation: "notes".to_owned(), ..About::default() }
    }

    fn update(&self, draft: &dyn PointDraft) -> Result<Closing> {
        (self.0)(draft)?;
        let kind = if draft.base().is_some() { PointKind::Incremental } else { PointKind::Full };
        Ok(Closing { kind, reason: "a test".to_owned() })
    }
}

fn rig(folder: &Path) -> Rig {
    rig_over(folder, Arc::new(Memory::new()))
}

fn rig_over(folder: &Path, store: Arc<dyn Store>) -> Rig {
    Rig::new(folder, store)
}

fn options() -> BackupOptions {
    BackupOptions { workload: Workload::Microsoft365, ..BackupOptions::new("mail") }
}

fn update(repository: &Arc<Repository>, source: &dyn ChangedSource) -> Result<BackupSummary> {
    edit(repository, source, &options(), &Arc::new(Monitor::new()))
}

fn toy(repository: &Arc<Repository>, notes: &Notes) -> BackupSummary {
    update(repository, &ToySource { notes, interim_every: usize::MAX }).unwrap()
}

fn newest(repository: &Repository) -> Arc<Point> {
    repository.refresh().unwrap();
    repository.newest_where(|_| true).unwrap().unwrap()
}

/// A row of the state of the newest point.
fn state(repository: &Repository, key: &[u8]) -> Option<Vec<u8>> {
    let point = newest(repository);
    map_get(repository.nodes(), point.manifest.maps.state, key).unwrap().map(|pair| pair.value.clone())
}

/// Every file of a point with its bytes, and every folder.
fn tree(repository: &Arc<Repository>, point: &Point) -> BTreeMap<String, Option<Vec<u8>>> {
    let mut found = BTreeMap::new();
    let mut todo = vec![(String::new(), point.manifest.root.clone())];
    while let Some((path, folder)) = todo.pop() {
        for entry in FolderCursor::open(repository.nodes(), &folder).unwrap() {
            let entry = Entry::clone(&entry.unwrap().entry);
            let path = format!("{path}/{}", String::from_utf8_lossy(&entry.name));
            if entry.kind == Kind::Folder {
                found.insert(path.clone(), None);
                todo.push((path, entry));
            } else {
                found.insert(path, Some(bytes(repository, &entry)));
            }
        }
    }
    found
}

fn bytes(repository: &Arc<Repository>, entry: &Entry) -> Vec<u8> {
    let mut bytes = vec![0; usize::try_from(entry.size).unwrap()];
    let content = ContentReader::open(repository.blobs(), entry).unwrap();
    assert_eq!(content.read_at(0, &mut bytes).unwrap(), bytes.len());
    bytes
}

fn entry(repository: &Repository, path: &str) -> Option<Entry> {
    let point = newest(repository);
    let names = path.split('/').map(str::as_bytes);
    lookup(repository.nodes(), &point.manifest.root, names).unwrap().map(|placed| Entry::clone(&placed.entry))
}

/// Nothing is wrong with the repository: no sum, no node, no count of a reference set.
fn expect_sound(rig: &Rig) {
    assert_eq!(rig.check().unwrap().errors, Vec::new());
}
