//! Restore points whose commit was lost: their manifests lie in the store, whole, and so does all that they need.
//!
//! Promises: a point is committed again only if every node of it decodes, its reference set is exact and names live packs alone, and every chunk
//! has a place in a published pack. What is committed is the same point, by its id, under a new manifest of a session of repair. Refuses to look at manifests of sessions
//! that had ended before: those were given up, or never meant.

use crate::error::{Kind, Result};
use crate::maintenance::findings::Findings;
use crate::maintenance::packs::published_packs;
use crate::maintenance::trees::TreeCheck;
use crate::monitor::Monitor;
use crate::repository::{Grounds, NameOf, Repository};
use crate::restore_point::{Point, expect_counted};
use crate::session::{Opening, WriteSession};
use crate::store::{ListOptions, ObjectName, StoreExt};
use crate::tree::MapCursor;
use format_spec::container::{Header, ObjectKind};
use format_spec::log::{PointId, Purpose};
use format_spec::point::{Manifest, reference_pack};
use format_spec::{ChunkId, ObjectId, names};
use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

/// A point that can be committed again.
#[derive(Debug)]
pub(super) struct Candidate {
    pub(super) point: Point,
}

/// The points whose manifests sessions left behind that are open as of this repository: what the entry that is lost may have committed.
pub(super) fn candidates(before: &Arc<Repository>, monitor: &Monitor) -> Result<Vec<Candidate>> {
    let view = before.log().view();
    let mut listed = Vec::new();
    before.sealed_store().store.list(&ListOptions::below(names::folder(ObjectKind::RestorePoint)), &mut |l| {
        listed.extend(names::parse(l.name.as_str()).map(|(_, session, ordinal)| ObjectId { session, ordinal }));
        true
    })?;
    listed.retain(|id| view.sessions.contains_key(&id.session));
    listed.sort_unstable();
    let mut found: BTreeMap<PointId, Point> = BTreeMap::new();
    for id in listed {
        monitor.check()?;
        // A manifest that was stored twice says the second time what was true then.
        // One that names a first number was stored for a point that was live then: a Rewrite, never a Commit. Its point was expired since.
        if let Some(manifest) = read(before, id)?.filter(|m| m.first.is_none() && view.live(&m.id).is_none()) {
            let point = Point { number: view.next_number, slot: 0, session: id.session, manifest };
            found.insert(point.manifest.id, point);
        }
    }
    let findings = Findings::default();
    let published = published_packs(before, &findings)?;
    let mut trees = TreeCheck::new(before, &published, &findings, monitor);
    let indexed = indexed_packs(before)?;
    let mut whole = Vec::new();
    for point in found.into_values() {
        if trees.is_sound(&point)? && names_live_packs(before, &indexed, point.manifest.references)? {
            whole.push(Candidate { point });
        }
    }
    Ok(whole)
}

/// The packs that the index has places in, condemned ones among them.
pub(super) fn indexed_packs(repository: &Repository) -> Result<HashSet<ObjectId>> {
    Ok(repository.blobs().live_index().packs()?.iter().map(|pack| pack.id).collect())
}

/// Whether every pack that a reference set names is live as of this repository. A commit is refused where one is not, so the
/// manifest of a set that names others was never committed; and it must not be now, because the places to which its blobs were
/// moved are forgotten together with the sessions that the lost entry ends.
fn names_live_packs(repository: &Repository, indexed: &HashSet<ObjectId>, references: ChunkId) -> Result<bool> {
    let view = repository.log().view();
    for pair in MapCursor::open(repository.nodes(), Some(references)) {
        let pack = match pair {
            Ok(pair) => reference_pack(&pair.key)?,
            // The set itself went with a pack that was collected: nobody else needed it.
            Err(e) if matches!(e.kind(), Kind::Damaged | Kind::Absent) => return Ok(false),
            Err(e) => return Err(e),
        };
        if view.condemned.has(pack) || !indexed.contains(&pack) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// The manifest in this object, if it is one.
fn read(repository: &Repository, id: ObjectId) -> Result<Option<Manifest>> {
    let sealed_store = repository.sealed_store();
    let name = ObjectName::new(names::of_session(ObjectKind::RestorePoint, id))?;
    let bytes = match sealed_store.store.get(&name) {
        Err(e) if matches!(e.kind(), Kind::Absent | Kind::Damaged) => return Ok(None),
        other => other?,
    };
    let suite = sealed_store.secrets.suite();
    let expected =
        Header::new(ObjectKind::RestorePoint, suite, sealed_store.repository, id.session, id.ordinal, [0; 32]);
    Ok(Manifest::decode(&bytes, &expected, &sealed_store.secrets)
        .ok()
        .filter(|manifest| expect_counted(manifest).is_ok()))
}

/// Commits the point; false when it is live already, or what it needs was moved in the meantime. `indexed` may have been
/// asked for before the points that were committed since: what a candidate names was published when the plan was made.
pub(super) fn commit(
    repository: &Arc<Repository>,
    indexed: &HashSet<ObjectId>,
    candidate: &Candidate,
    monitor: &Monitor,
) -> Result<bool> {
    let manifest = &candidate.point.manifest;
    repository.refresh()?;
    let known = repository.log().view();
    if known.live(&manifest.id).is_some() || !names_live_packs(repository, indexed, manifest.references)? {
        return Ok(false);
    }
    let before = repository.before();
    let opening = Opening { job: &manifest.job, host: &manifest.host, purpose: Purpose::Care, base: None };
    let session = WriteSession::open(repository, opening)?;
    // It had its name before.
    let name = NameOf::Copied(manifest.naming.map(|naming| naming.alone), before);
    let grounds = Grounds::new(known.head, name);
    let done = session.commit(manifest, grounds, monitor);
    if !matches!(&done, Ok(committed) if committed.number.is_some()) {
        let ended = session.end("the restore point could not be committed again");
        // Why it could not be says more.
        return done.and(ended.map(|()| false));
    }
    Ok(done?.number.is_some())
}
