//! A point made by a walk over all that its source has.

use super::assemble::assemble;
use super::compare::Compare;
use super::content::Contents;
use super::file::{FileJob, Reading};
use super::keep::{Again, Keeper, LastGood, LinkNames};
use super::session::{Attempt, Ended, Product};
use super::shrink::shrunken;
use super::{BackupSummary, Original};
use crate::chunk::Cutter;
use crate::error::{Error, Kind, Result};
use crate::limits::{EVENTS_QUEUED_MAX, FILES_QUEUED_MAX};
use crate::restore_point::{Ledger, NewNodes};
use crate::source::Source;
use crate::threads;
use crate::tree::{MapBuilder, MapCursor, NodeSink};
use crossbeam_channel::{bounded, unbounded};
use format_spec::ChunkId;
use format_spec::point::{Manifest, Maps, PointKind};
use format_spec::tree::Entry;

/// Walks, stores and commits.
pub(super) fn run(
    attempt: &Attempt<'_>,
    source: &dyn Source,
    reason: String,
) -> std::result::Result<BackupSummary, Ended> {
    Walked { attempt, source, new_nodes: NewNodes::default(), ledger: Ledger::default() }.run(reason)
}

struct Walked<'a> {
    attempt: &'a Attempt<'a>,
    source: &'a dyn Source,
    new_nodes: NewNodes,
    ledger: Ledger,
}

impl Walked<'_> {
    fn run(&self, reason: String) -> std::result::Result<BackupSummary, Ended> {
        let Attempt { repository, options, monitor, writer, base, .. } = self.attempt;
        writer.recover()?;
        let (root, links) = self.read().map_err(Ended::reading_old)?;
        if let Some(original) = options.original.as_deref() {
            expect_as_whole(self.ledger.counts().failed, &original.manifest)?;
        }
        self.source.finish()?;
        let mut sink = self.attempt.sink(&self.new_nodes);
        let links = write_links(&links, &mut sink)?;
        let exceptions = self.ledger.write(&mut sink)?;
        let state = match options.original.as_deref() {
            Some(original) => state_of(original, &mut sink)?,
            None => None,
        };
        writer.flush()?;
        let shrunken = shrunken(repository, self.source, options, &root, monitor)?;
        let product = Product {
            id: options.point,
            started: self.attempt.started,
            about: self.source.about(),
            kind: if base.is_some() { PointKind::Incremental } else { PointKind::Full },
            reason,
            tags: options.tags.clone(),
            root,
            maps: Maps { links, exceptions, state },
            counts: self.ledger.counts(),
            unnamed: self.ledger.unnamed(),
            shrunken,
            takes_over: false,
        };
        self.attempt.commit(product, &self.new_nodes)
    }

    /// Walks, reads and builds; returns the root folder and the names of linked inodes.
    fn read(&self) -> Result<(Entry, LinkNames)> {
        let Attempt { repository, options, monitor, writer, .. } = self.attempt;
        let (new_nodes, ledger) = (&self.new_nodes, &self.ledger);
        let (ids, blobs) = (&repository.sealed_store().ids, repository.blobs());
        let cutter = Cutter::new(repository.sealed_store().secrets.gear_table(), repository.config().cutting);
        let is_inline = options.threads == 0;
        let (events_in, events_out) = if is_inline { unbounded() } else { bounded(EVENTS_QUEUED_MAX) };
        let (files_in, files_out) = if is_inline { unbounded() } else { bounded::<FileJob>(FILES_QUEUED_MAX) };
        let base = self.attempt.base.as_ref().or(self.attempt.newest.as_ref()).map(|p| &p.manifest);
        let contents = Contents { ids, cutter: &cutter, monitor };
        let reading = Reading { writer, contents, new_nodes, ledger, monitor };
        let keeper = Keeper {
            ledger,
            monitor,
            last: self.last_good(base)?,
            links: Default::default(),
            again: self.attempt.base.is_none().then(|| Again { blobs, writer, ids, new_nodes }),
            stored_from: self.attempt.stored_from(),
            has_links: base.is_some_and(|b| b.maps.links.is_some()),
            drops: self.attempt.newest.is_none(),
        };
        let mut walk = self.source.walk()?;
        let compare = Compare::new(&**blobs, events_in, files_in, &keeper);
        if is_inline {
            compare.run(&mut *walk, base.map(|b| &b.root))?;
            reading.run(&files_out);
            let root = assemble(&events_out, &**blobs, &keeper, &mut self.attempt.sink(new_nodes))?;
            return Ok((root, keeper.links.into_inner()));
        }
        let keeper = &keeper;
        std::thread::scope(|scope| {
            for _ in 0..options.threads {
                let (reading, files) = (&reading, files_out.clone());
                threads::scoped(scope, move || reading.run(&files))?;
            }
            drop(files_out);
            let walker = threads::scoped(scope, move || compare.run(&mut *walk, base.map(|b| &b.root)))?;
            let mut sink = self.attempt.sink(new_nodes);
            let root = assemble(&events_out, &**blobs, keeper, &mut sink);
            drop(events_out);
            let walked = walker.join().map_err(|_| Error::new(Kind::Bug, "the walking thread died"))?;
            match (root, walked) {
                (Ok(root), Ok(())) => Ok((root, std::mem::take(&mut *keeper.links.lock()))),
                // The assembler's end is the walk's end: the cause is the other one's error.
                (Err(a), Err(b)) => Err(if a.kind() == Kind::Interrupted { b } else { a }),
                (Err(e), Ok(_)) | (Ok(_), Err(e)) => Err(e),
            }
        })
    }

    /// The ledger of the point before. Where nothing is built upon it, one that is damaged only means that nothing is kept.
    fn last_good(&self, base: Option<&Manifest>) -> Result<LastGood> {
        match LastGood::load(&**self.attempt.repository.blobs(), base) {
            Err(e) if self.attempt.base.is_none() && e.kind() == Kind::Damaged => Ok(LastGood::default()),
            other => other,
        }
    }
}

/// A copy that lacks what its original has would pass for it.
fn expect_as_whole(failed: u64, original: &Manifest) -> Result<()> {
    let missing = failed.saturating_sub(original.counts.failed);
    if missing == 0 {
        return Ok(());
    }
    let what = format!("{missing} of its items cannot be read, so it is not copied");
    Err(Error::new(Kind::Damaged, what)
        .on(original.id)
        .advise("`cairn check --level full` names what is damaged and `cairn repair plan` what can heal it"))
}

/// What the source of a copied point wrote down, row by row: here nodes have other ids.
fn state_of(original: &Original, sink: &mut dyn NodeSink) -> Result<Option<ChunkId>> {
    let mut map = MapBuilder::new();
    for pair in MapCursor::open(original.repository.nodes(), original.manifest.maps.state) {
        let pair = pair.map_err(|e| if e.kind() == Kind::Damaged { e.on_instead(original.manifest.id) } else { e })?;
        map.push(&pair.key, &pair.value, sink)?;
    }
    map.finish(sink)
}

fn write_links(links: &LinkNames, sink: &mut dyn NodeSink) -> Result<Option<ChunkId>> {
    let mut map = MapBuilder::new();
    for (group, path) in links {
        // Values are bounded ([TREE-5]): of a longer path the group stays out, and its names are restored as files of their own.
        if path.len() < LINK_PATH_BYTES_MAX {
            map.push(group, path, sink)?;
        }
    }
    map.finish(sink)
}

/// Room for the key beside the path in an entry of a map.
const LINK_PATH_BYTES_MAX: usize = format_spec::tree::ENTRY_BYTES_MAX - 1024;
