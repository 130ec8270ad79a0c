//! Objects that no entry of the log names: left behind by sessions that ended without publishing them.
//!
//! Promises (I4): only objects of sessions that have ended in the log, committed or fenced, and that neither an entry nor a segment names. Which
//! packs are published is asked of the segments in the store, never of the local cache: what is deleted by mistake cannot be rebuilt. For a segment
//! that cannot be read its packs are asked; those that cannot be read either stay, and are told.

use super::held::Held;
use super::report::Spent;
use crate::blob::rebuild_segment;
use crate::error::{Kind, Result};
use crate::log::LogView;
use crate::maintenance::findings::Finding;
use crate::monitor::Monitor;
use crate::repository::Repository;
use crate::store::{ListOptions, ObjectName};
use format_spec::container::ObjectKind;
use format_spec::log::ObjectRow;
use format_spec::{ObjectId, names};
use std::collections::BTreeMap;

/// What ended sessions left behind.
#[derive(Debug, Default)]
pub(super) struct Orphans {
    /// The objects, with their stored bytes.
    pub(super) objects: BTreeMap<ObjectRow, u64>,
    /// Segments that cannot be read, and those of their packs that cannot be read either: they are nobody's orphans.
    pub(super) damaged: Vec<Finding>,
    /// Objects that open sessions have stored and no entry names yet, with their stored bytes, by session: they are no orphans.
    pub(super) unpublished: BTreeMap<u32, (u64, u64)>,
}

impl Orphans {
    /// Looks for them; sessions that are about to be `fenced` count as ended.
    ///
    /// # Errors
    /// The store's, and a stop.
    pub(super) fn find(
        repository: &Repository,
        fenced: &[u32],
        spent: &mut Spent,
        monitor: &Monitor,
    ) -> Result<Orphans> {
        repository.refresh()?;
        loop {
            if let Some(orphans) = look(repository, fenced, spent, monitor)? {
                return Ok(orphans);
            }
        }
    }

    /// Stored bytes of all of them.
    pub(super) fn bytes(&self) -> u64 {
        self.objects.values().sum()
    }

    /// Deletes them; how many objects and bytes, and how many the store has locked.
    pub(super) fn delete(
        &self,
        repository: &Repository,
        spent: &mut Spent,
        monitor: &Monitor,
    ) -> Result<(u64, u64, u64)> {
        let (mut objects, mut bytes, mut locked) = (0, 0, 0);
        if self.objects.is_empty() {
            return Ok((0, 0, 0));
        }
        let view = repository.log().view();
        let held = Held::new(repository, &view)?;
        let is_held = held.remembered();
        for (row, length) in &self.objects {
            if monitor.check().is_err() || spent.is_over() {
                break;
            }
            if is_held(row) {
                locked += 1;
                continue;
            }
            spent.requests += 1;
            match repository.free(&ObjectName::new(names::of_session(row.kind, row.id))?) {
                Ok(()) => (objects, bytes) = (objects + 1, bytes + length),
                Err(e) if e.kind() == Kind::Immutable => locked += 1,
                Err(e) => return Err(e),
            }
        }
        Ok((objects, bytes, locked))
    }
}

/// Objects of ended sessions that neither an entry nor a segment names; `None` when the log moved on under a segment that is not there.
fn look(repository: &Repository, fenced: &[u32], spent: &mut Spent, monitor: &Monitor) -> Result<Option<Orphans>> {
    let view = repository.log().view();
    let mut orphans = list(repository, &view, fenced, spent)?;
    if orphans.objects.is_empty() {
        return Ok(Some(orphans));
    }
    for reference in &view.segments {
        monitor.check()?;
        spent.requests += 1;
        let segment = match repository.sealed_store().segment(reference) {
            // Another collection has folded it meanwhile, and swept it: others name its packs now.
            Err(e) if e.kind() == Kind::Damaged && repository.refresh()? => return Ok(None),
            Err(e) if e.kind() == Kind::Damaged => {
                let rebuilt = rebuild_segment(repository.sealed_store(), repository.log(), reference)?;
                spent.requests += (2 * rebuilt.segment.packs.len() + rebuilt.lacks.len()) as u64;
                orphans.tell(names::of_session(ObjectKind::IndexSegment, reference.id()), e.to_string());
                for lack in &rebuilt.lacks {
                    orphans.objects.remove(&ObjectRow { kind: lack.kind, id: lack.id });
                    let what = format!("what it holds is unknown: {}", lack.why);
                    orphans.tell(names::of_session(lack.kind, lack.id), what);
                }
                rebuilt.segment
            }
            other => other?,
        };
        for pack in segment.packs {
            orphans.objects.remove(&ObjectRow { kind: pack.kind, id: pack.id });
        }
    }
    Ok(Some(orphans))
}

impl Orphans {
    fn tell(&mut self, object: String, what: String) {
        self.damaged.push(Finding { object, what });
    }
}

/// Objects that the log's view does not name: those of ended sessions, and how many open ones have. Packs are named by segments, which are not
/// looked at yet.
fn list(repository: &Repository, view: &LogView, fenced: &[u32], spent: &mut Spent) -> Result<Orphans> {
    let (mut found, mut of_open) = (BTreeMap::new(), BTreeMap::new());
    let is_open = |session: u32| view.sessions.contains_key(&session) && !fenced.contains(&session);
    let kinds = [ObjectKind::DataPack, ObjectKind::MetaPack, ObjectKind::IndexSegment, ObjectKind::RestorePoint];
    for kind in kinds {
        spent.requests += 1;
        repository.sealed_store().store.list(&ListOptions::below(names::folder(kind)), &mut |listed| {
            if let Some((_, session, ordinal)) = names::parse(listed.name.as_str()) {
                let row = ObjectRow { kind, id: ObjectId { session, ordinal } };
                if session <= view.head && !is_named(view, &row) {
                    let rows = if is_open(session) { &mut of_open } else { &mut found };
                    rows.insert(row, listed.bytes);
                }
            }
            true
        })?;
    }
    // Packs that the index knows are published for certain: so mostly no segment need be read at all.
    for pack in repository.blobs().live_index().packs()? {
        let row = ObjectRow { kind: pack.kind, id: pack.id };
        found.remove(&row);
        of_open.remove(&row);
    }
    let mut orphans = Orphans { objects: found, ..Orphans::default() };
    for (row, bytes) in of_open {
        let sums = orphans.unpublished.entry(row.id.session).or_default();
        *sums = (sums.0 + 1, sums.1 + bytes);
    }
    Ok(orphans)
}

/// Whether the log's view names an object: as something that counts, or that was given up.
pub(in crate::maintenance) fn is_named(view: &LogView, row: &ObjectRow) -> bool {
    if view.given_up.contains_key(row) {
        return true;
    }
    match row.kind {
        ObjectKind::IndexSegment => view.segments.iter().any(|s| s.id() == row.id),
        ObjectKind::RestorePoint => {
            let of = |c: &crate::log::CommitRef| ObjectId { session: c.session, ordinal: c.object.ordinal };
            view.needed().any(|c| of(c) == row.id)
        }
        _ => view.condemned.has(row.id),
    }
}
