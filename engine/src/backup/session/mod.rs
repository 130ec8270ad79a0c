//! One session: open, walk, store, publish, commit.

mod attempts;
mod blame;

pub(super) use attempts::backup_with_retries;
pub(super) use blame::Ended;

use super::assemble::assemble;
use super::compare::Compare;
use super::file::{FileJob, Reading};
use super::keep::{Again, Keeper, LastGood, LinkNames};
use super::shrink::shrunken;
use super::{BackupOptions, BackupSummary, LockWork, Original};
use crate::blob::{Spool, Writer, WriterOptions};
use crate::chunk::Cutter;
use crate::error::{Error, Kind, Result};
use crate::limits::{EVENTS_QUEUED_MAX, FILES_QUEUED_MAX};
use crate::maintenance::retention::items_from;
use crate::monitor::Monitor;
use crate::repository::{Before, NameOf, Repository};
use crate::restore_point::{JobId, Ledger, NewNodes, Owner, Point, PointSink, made, roots_of};
use crate::session::{Opening, WriteSession};
use crate::source::Source;
use crate::threads;
use crate::tree::{MapBuilder, NodeSink};
use crossbeam_channel::{bounded, unbounded};
use format_spec::log::{PointId, Purpose};
use format_spec::point::{Manifest, PointKind};
use format_spec::tree::Entry;
use format_spec::{ChunkId, Time};
use std::cell::Cell;
use std::sync::Arc;

pub(super) struct Attempt<'a> {
    pub(super) repository: &'a Arc<Repository>,
    pub(super) options: &'a BackupOptions,
    pub(super) monitor: &'a Arc<Monitor>,
    pub(super) base: Option<Arc<Point>>,
    /// The point that unreadable items are kept from; `None` where nothing is kept.
    newest: Option<Arc<Point>>,
    reason: String,
    started: Time,
    before: Before,
    pub(super) writer: &'a Writer,
    /// Locks that were asked for and extended.
    pub(super) locks: Cell<LockWork>,
}

impl Attempt<'_> {
    fn run(self, source: &dyn Source, session: Option<&WriteSession>) -> std::result::Result<BackupSummary, Ended> {
        let (new_nodes, ledger) = (NewNodes::default(), Ledger::default());
        let ids = &self.repository.sealed_store().ids;
        self.writer.recover()?;
        let (root, links) = self.read(source, &new_nodes, &ledger).map_err(Ended::reading_old)?;
        if let Some(original) = self.options.original.as_deref() {
            expect_as_whole(ledger.counts().failed, &original.manifest)?;
        }
        source.finish()?;
        let mut sink = PointSink::new(self.writer, ids, &new_nodes);
        let links = write_links(&links, &mut sink)?;
        let exceptions = ledger.write(&mut sink)?;
        self.writer.flush()?;
        let mut summary = self.summary(&root, &ledger);
        summary.shrunken = shrunken(self.repository, source, self.options, &root, self.monitor)?;
        let Some(session) = session else { return Ok(summary) };
        let roots = roots_of(&root, links, exceptions);
        let about = source.about();
        let stored = self.writer.stored();
        let mut manifest = Manifest {
            id: self.point_id()?,
            started: self.started,
            finished: self.repository.env().now(),
            job: self.options.job.clone(),
            host: about.host,
            organisation: String::new(),
            paths: about.paths,
            tags: self.options.tags.clone(),
            kind: summary.kind,
            kind_reason: self.reason.clone(),
            workload: self.options.workload,
            root,
            links,
            counts: ledger.counts(),
            exceptions,
            base: self.base.as_ref().map(|b| b.manifest.id),
            references: ChunkId([0; 32]),
            bytes: [summary.bytes_source, stored.bytes_new, stored.bytes_stored],
            cursors: Vec::new(),
            first: None,
            rules: about.rules,
            cut: self.stored_from().map(|seconds| Time::new(seconds, 0)),
            unnamed: Some(ledger.unnamed()),
            shrunken: summary.shrunken,
            naming: None,
            source: None,
            seen: Vec::new(),
        };
        if let Some(original) = self.options.original.as_deref() {
            take_over(&mut manifest, original);
        }
        summary.number = loop {
            let known = self.repository.log().view();
            manifest.references = match self.references(&roots, &new_nodes, &known) {
                // A collection came while the set was made: what it took is stored again, and the set made anew.
                Err(e) if e.error.kind() == Kind::Damaged && self.repository.is_overtaken(known.head)? => continue,
                other => other?,
            };
            let stored = self.writer.stored();
            manifest.bytes = [summary.bytes_source, stored.bytes_new, stored.bytes_stored];
            self.monitor.check()?;
            let kept_from = self.newest.as_deref().filter(|_| manifest.counts.kept > 0);
            let name = match self.options.original.as_deref() {
                None => NameOf::Made(self.before),
                Some(original) => NameOf::Copied(original.alone, self.before),
            };
            if let Some(number) = self.commit(session, &manifest, known.head, kept_from, name)? {
                break number;
            }
        };
        let stored = self.writer.stored();
        summary.point = Some(manifest.id);
        (summary.bytes_stored, summary.packs_written) = (stored.bytes_stored, stored.packs);
        summary.locks = self.locks.get();
        // What a collection took and was stored again counts too.
        (summary.bytes_new, summary.chunks_new) = (stored.bytes_new, stored.chunks_new);
        summary.data_packs_written = stored.data_packs;
        Ok(summary)
    }

    /// Walks, reads and builds; returns the root folder and the names of linked inodes.
    fn read(&self, source: &dyn Source, new_nodes: &NewNodes, ledger: &Ledger) -> Result<(Entry, LinkNames)> {
        let repository = self.repository;
        let (ids, blobs) = (&repository.sealed_store().ids, repository.blobs());
        let cutter = Cutter::new(repository.sealed_store().secrets.gear_table(), repository.config().cutting);
        let is_inline = self.options.threads == 0;
        let (events_in, events_out) = if is_inline { unbounded() } else { bounded(EVENTS_QUEUED_MAX) };
        let (files_in, files_out) = if is_inline { unbounded() } else { bounded::<FileJob>(FILES_QUEUED_MAX) };
        let base = self.base.as_ref().or(self.newest.as_ref()).map(|p| &p.manifest);
        let reading = Reading { writer: self.writer, ids, cutter: &cutter, new_nodes, ledger, monitor: self.monitor };
        let keeper = Keeper {
            ledger,
            monitor: self.monitor,
            last: self.last_good(base)?,
            links: Default::default(),
            again: self.base.is_none().then(|| Again { blobs, writer: self.writer, ids, new_nodes }),
            stored_from: self.stored_from(),
            has_links: base.is_some_and(|b| b.links.is_some()),
            drops: self.newest.is_none(),
        };
        let mut walk = source.walk()?;
        let compare = Compare::new(&**blobs, events_in, files_in, &keeper);
        if is_inline {
            compare.run(&mut *walk, base.map(|b| &b.root))?;
            reading.run(&files_out);
            let root = assemble(&events_out, &**blobs, &keeper, &mut PointSink::new(self.writer, ids, new_nodes))?;
            return Ok((root, keeper.links.into_inner()));
        }
        let keeper = &keeper;
        std::thread::scope(|scope| {
            for _ in 0..self.options.threads {
                let (reading, files) = (&reading, files_out.clone());
                threads::scoped(scope, move || reading.run(&files))?;
            }
            drop(files_out);
            let walker = threads::scoped(scope, move || compare.run(&mut *walk, base.map(|b| &b.root)))?;
            let mut sink = PointSink::new(self.writer, ids, new_nodes);
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

    /// The id of the new point: the caller's, or a random one.
    fn point_id(&self) -> Result<PointId> {
        if let Some(id) = self.options.point {
            return Ok(id);
        }
        let mut id = [0; 16];
        self.repository.env().random(&mut id)?;
        Ok(PointId(id))
    }

    /// The ledger of the point before. Where nothing is built upon it, one that is damaged only means that nothing is kept.
    fn last_good(&self, base: Option<&Manifest>) -> Result<LastGood> {
        match LastGood::load(&**self.repository.blobs(), base) {
            Err(e) if self.base.is_none() && e.kind() == Kind::Damaged => Ok(LastGood::default()),
            other => other,
        }
    }

    /// The second before which items have left the period.
    fn stored_from(&self) -> Option<i64> {
        items_from(self.repository.config().retention, self.started)
    }

    fn summary(&self, root: &Entry, ledger: &Ledger) -> BackupSummary {
        let stored = self.writer.stored();
        BackupSummary {
            point: None,
            number: 0,
            kind: if self.base.is_some() { PointKind::Incremental } else { PointKind::Full },
            kind_reason: self.reason.clone(),
            counts: ledger.counts(),
            shrunken: None,
            bytes_source: root.totals.bytes,
            bytes_new: stored.bytes_new,
            bytes_stored: stored.bytes_stored,
            chunks_new: stored.chunks_new,
            packs_written: stored.packs,
            data_packs_written: stored.data_packs,
            locks: LockWork::default(),
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

/// A copy is the point that it is a copy of. Its ledger names again what the original's names; what the original counted without a name stays
/// counted so.
fn take_over(manifest: &mut Manifest, original: &Original) {
    let named_again = original.left_out;
    let original = &original.manifest;
    let left_out_here = manifest.counts.skipped.saturating_sub(named_again);
    manifest.unnamed = Some(original.left_out_unnamed().saturating_add(manifest.unnamed.unwrap_or(0)));
    manifest.cut = manifest.cut.max(original.cut);
    manifest.id = original.id;
    (manifest.started, manifest.finished) = (original.started, original.finished);
    (manifest.organisation, manifest.cursors) = (original.organisation.clone(), original.cursors.clone());
    (manifest.kind, manifest.kind_reason) = (original.kind, original.kind_reason.clone());
    (manifest.source, manifest.seen) = (original.source, original.seen.clone());
    // How an item ended is told of the original's source, which nobody reads here.
    (manifest.counts, manifest.shrunken) = (original.counts, original.shrunken);
    manifest.counts.skipped = original.counts.skipped.saturating_add(left_out_here);
}

/// The newest point of the job, as far as a session needs it.
struct Last {
    /// What is built upon.
    base: Option<Arc<Point>>,
    /// What is kept from.
    newest: Option<Arc<Point>>,
}

/// One session, from its first entry to its last.
fn run_session(
    repository: &Arc<Repository>,
    source: &dyn Source,
    options: &BackupOptions,
    last: Last,
    reason: String,
    monitor: &Arc<Monitor>,
) -> std::result::Result<BackupSummary, Ended> {
    let before = repository.before();
    let started = repository.env().now();
    let Last { base, newest } = last;
    // What is kept must not be collected before it is named again. A copy keeps nothing: its original says what is in it.
    let newest = newest.filter(|_| !options.drop_unreadable && options.original.is_none());
    let needed = base.as_deref().or(newest.as_deref());
    let host = source.about().host;
    let opening = Opening { job: &options.job, host: &host, purpose: Purpose::Backup, base: needed };
    let session = if options.dry_run { None } else { Some(WriteSession::open(repository, opening)?) };
    let spool = options.original.as_ref().and_then(|o| o.spool.as_deref()).map(Spool::open_somewhere).transpose()?;
    let how = WriterOptions { threads: options.threads, spool, regroup: None };
    let writer = match &session {
        Some(session) => session.writer(how, monitor)?,
        None => repository.writer(None, how, monitor)?,
    };
    let (writer, locks) = (&writer, Cell::default());
    let work = Attempt { repository, options, monitor, base, newest, reason, started, before, writer, locks };
    work.run(source, session.as_ref()).map_err(|ended| {
        let read_old = ended.read_old && !writer.has_failed();
        let error = match &session {
            // A session that has committed is ended by that.
            Some(session) if !session.has_committed() => give_up(session, writer, ended.error, read_old),
            _ => ended.error,
        };
        Ended { error, read_old }
    })
}

/// What an error means, and what becomes of its session. One that was stopped is to go on: it publishes what it has stored, and stays open so that
/// no collection takes that before the next one builds on it. Any other is of no use to anybody, and ends.
fn give_up(session: &WriteSession, writer: &Writer, error: Error, read_old: bool) -> Error {
    if error.kind() != Kind::Interrupted {
        writer.settle();
        return session.end_after(error, read_old);
    }
    if let Err(also) = writer.salvage() {
        tracing::warn!(error = %also, "what was stored before the stop could not be published");
    }
    error
}

/// The job of a session. One whose name was made and that has no point yet goes on from those of its host and sources whose name an earlier
/// release made: the job that these are of comes second.
pub(super) fn jobs(repository: &Repository, source: &dyn Source, options: &BackupOptions) -> Vec<JobId> {
    let about = source.about();
    let job = match options.original.as_deref() {
        Some(original) => JobId::of(&original.manifest, repository.config()),
        None => JobId::new(Owner::new(&about.host, ""), &options.job, &about.paths),
    };
    let before = made::is_made(&about.host, &options.job)
        .then(|| JobId::new(job.owner.clone(), &made::made_before(&about.host, &about.paths), &about.paths));
    std::iter::once(job).chain(before).collect()
}

/// The newest point of the job.
fn newest(repository: &Repository, source: &dyn Source, options: &BackupOptions) -> Result<Option<Arc<Point>>> {
    for job in jobs(repository, source, options) {
        if let Some(newest) = repository.newest_of_job(&job, options.workload)? {
            return Ok(Some(newest));
        }
    }
    Ok(None)
}

fn check_job(job: &str) -> Result<()> {
    if job.is_empty() || job.contains([':', '/', '\n', '\0']) {
        let what = format!("{job:?} is no job name: it must not be empty and hold neither `:` nor `/`");
        return Err(Error::new(Kind::Input, what));
    }
    Ok(())
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
