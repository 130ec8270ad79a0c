//! Carrying out a plan: new packs, new segments, new commits.

use super::cure::{Cure, Healer};
use super::plan::{RepairOptions, RepairPlan, plan, segment_again};
use crate::blob::{Writer, WriterParts, put_again};
use crate::error::{Error, Kind, Result};
use crate::log::CommitRef;
use crate::monitor::Monitor;
use crate::repository::Repository;
use crate::restore_point::Point;
use crate::store::Name;
use bytes::Bytes;
use format_spec::container::{Header, ObjectKind};
use format_spec::index::Segment;
use format_spec::log::{Change, Vouched};
use format_spec::point::Manifest;
use format_spec::{ChunkId, ObjectId, names};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What was given back.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RepairReport {
    /// Blobs stored anew.
    pub blobs: u64,
    /// Their plaintext bytes.
    pub bytes: u64,
    /// By what they were given back.
    pub healed_by: BTreeMap<Cure, u64>,
    /// Packs written for them.
    pub packs_written: u64,
    /// Bytes of those packs.
    pub bytes_stored: u64,
    /// Index segments made anew.
    pub segments: u64,
    /// Manifests committed again.
    pub manifests: u64,
    /// Damaged objects of which something remains lost.
    pub remaining: u64,
}

/// Carries out the plan with this hash. The repository is checked again first.
///
/// # Errors
/// `Conflict` when that plan is not what the repository asks for now; the store's errors. Nothing that was there is changed in any case.
pub fn apply(
    repository: &Arc<Repository>,
    options: &RepairOptions,
    hash: &str,
    monitor: &Arc<Monitor>,
) -> Result<RepairReport> {
    let plan = plan(repository, options, monitor)?;
    if plan.hash != hash {
        return Err(Error::new(Kind::Conflict, format!("this is not the plan any more: it is {} now", plan.hash))
            .on(hash)
            .advise("the repository or its damage has changed, or the options are others: look at `cairn repair plan` again"));
    }
    let mut report = RepairReport {
        remaining: plan.items.iter().filter(|i| i.remains.is_some()).count() as u64,
        ..RepairReport::default()
    };
    if !plan.heals_something() {
        return Ok(report);
    }
    if !(plan.makes_no_blobs() && plan.segments.is_empty()) {
        blobs_and_segments(repository, options, &plan, monitor, &mut report)?;
    }
    for (commit, point) in &plan.manifests {
        manifest(repository, commit, point, monitor)?;
        report.manifests += 1;
    }
    repository.refresh()?;
    Ok(report)
}

fn open_session(repository: &Repository) -> Result<u32> {
    let change = Change::Open { job: JOB.to_owned(), host: String::new(), base: None };
    repository.log().append(&**repository.env(), &mut |_| Ok(change.clone()))
}

/// One session that publishes and never commits: it makes no point.
fn blobs_and_segments(
    repository: &Arc<Repository>,
    options: &RepairOptions,
    plan: &RepairPlan,
    monitor: &Arc<Monitor>,
    report: &mut RepairReport,
) -> Result<()> {
    let session = open_session(repository)?;
    let catalog = repository.blobs().catalog();
    // So that the writer does not take them for stored.
    plan.blobs.iter().for_each(|bad| _ = catalog.distrust().add_quietly(bad.place.pack));
    let writer = Writer::start(WriterParts {
        vault: repository.vault().clone(),
        catalog: catalog.clone(),
        log: repository.log().clone(),
        env: repository.env().clone(),
        config: repository.config().clone(),
        monitor: monitor.clone(),
        session: Some(session),
        threads: options.threads,
    });
    let mut healer = Healer::new(repository, options.from.as_deref(), &plan.closely.packs)?;
    let gone = |id: ChunkId| {
        Error::new(Kind::Damaged, "what gave this blob back for the plan does not any more")
            .on(format!("blob {id}"))
            .advise("look at `cairn repair plan` again; what was healed so far is kept")
    };
    let mut put = |kind: ObjectKind, id: ChunkId, cure: Cure, bytes: &Bytes| -> Result<()> {
        let is_new = match kind {
            ObjectKind::MetaPack => writer.put_node(id, bytes.to_vec())?,
            _ => writer.put_chunk(id, bytes.to_vec())?,
        };
        if is_new {
            report.blobs += 1;
            report.bytes += bytes.len() as u64;
            *report.healed_by.entry(cure).or_default() += 1;
        }
        Ok(())
    };
    for bad in &plan.blobs {
        let (cure, bytes) = healer.read(bad)?.ok_or_else(|| gone(bad.id))?;
        put(bad.place.pack_kind, bad.id, cure, &bytes)?;
    }
    for (kind, id) in &plan.unplaced {
        let bytes = healer.in_copy(*kind, id)?.ok_or_else(|| gone(*id))?;
        put(*kind, *id, Cure::Copy, &bytes)?;
    }
    writer.flush()?;
    for slot in &plan.segments {
        segment(repository, session, &segment_again(repository, options, *slot)?.segment, &writer, monitor)?;
        report.segments += 1;
    }
    let stored = writer.stored();
    (report.packs_written, report.bytes_stored) = (stored.packs, stored.bytes_stored);
    Ok(())
}

/// A segment of packs that are published already.
fn segment(repository: &Repository, session: u32, segment: &Segment, writer: &Writer, monitor: &Monitor) -> Result<()> {
    let vault = repository.vault();
    let object = put_again(&*vault.store, monitor, &mut || {
        let id = ObjectId { session, ordinal: writer.take_ordinal() };
        let mut salt = [0; 32];
        repository.env().random(&mut salt)?;
        let (bytes, vouched) = vault.seal_segment(id, salt, segment)?;
        Ok((Name::new(names::of_session(ObjectKind::IndexSegment, id))?, bytes, vouched))
    })?;
    repository.log().append(&**repository.env(), &mut |view| {
        let open = view.sessions.get(&session).is_some_and(|s| !s.committed);
        let ended = || Error::new(Kind::Conflict, "this session has ended in the log").advise("repair again");
        if open { Ok(Change::Publish { session, packs: Vec::new(), segment: object }) } else { Err(ended()) }
    })?;
    repository.blobs().catalog().sync()
}

/// The same point in a new object: what it names is named by the log, and what it needs is where it was.
fn manifest(repository: &Repository, commit: &CommitRef, point: &Point, monitor: &Monitor) -> Result<()> {
    let session = open_session(repository)?;
    let vault = repository.vault();
    let manifest = Manifest { references: commit.references, ..point.manifest.clone() };
    let mut ordinal = 0;
    let object = put_again(&*vault.store, monitor, &mut || {
        let id = ObjectId { session, ordinal };
        ordinal += 1;
        let mut salt = [0; 32];
        repository.env().random(&mut salt)?;
        let suite = vault.secrets.suite();
        let header = Header::new(ObjectKind::RestorePoint, suite, vault.repository, session, id.ordinal, salt);
        let (bytes, body_hash) = manifest.encode(header.clone(), &vault.secrets);
        if Manifest::decode(&bytes, &header, &vault.secrets)? != manifest {
            return Err(Error::new(Kind::Bug, "a manifest does not decode to what was written").on(manifest.id));
        }
        let vouched = Vouched { ordinal: id.ordinal, bytes: bytes.len() as u64, body_hash };
        Ok((Name::new(names::of_session(ObjectKind::RestorePoint, id))?, Bytes::from(bytes), vouched))
    })?;
    repository.log().append(&**repository.env(), &mut |view| {
        let open = view.sessions.get(&session).is_some_and(|s| !s.committed);
        let ended = || Error::new(Kind::Conflict, "this session has ended in the log").advise("repair again");
        let (id, references) = (commit.id, commit.references);
        if open { Ok(Change::Commit { session, point: object, id, references }) } else { Err(ended()) }
    })?;
    Ok(())
}

/// The job of repair's sessions; they commit no point of their own.
const JOB: &str = "repair";
