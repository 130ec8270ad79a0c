//! Objects that no entry of the log names: left behind by sessions that ended without publishing them.
//!
//! Promises (I4): only objects of sessions that have ended in the log, committed or fenced, and that neither an entry nor a segment names. Which
//! packs are published is asked of the segments in the store, never of the local cache: what is deleted by mistake cannot be rebuilt.

use super::apply::Spent;
use crate::error::{Kind, Result};
use crate::log::LogView;
use crate::monitor::Monitor;
use crate::repository::Repository;
use crate::store::Name;
use format_spec::container::ObjectKind;
use format_spec::log::ObjectRow;
use format_spec::{ObjectId, names};
use std::collections::BTreeMap;

/// Deletes orphans; how many objects and bytes, and how many the store has locked.
pub(super) fn delete_orphans(repository: &Repository, spent: &mut Spent, monitor: &Monitor) -> Result<(u64, u64, u64)> {
    repository.refresh()?;
    let candidates = loop {
        match candidates(repository, spent, monitor) {
            // Another collection has folded a segment meanwhile, and swept it: others name its packs now.
            Err(e) if e.kind() == Kind::Damaged && repository.refresh()? => {}
            other => break other?,
        }
    };
    let (mut objects, mut bytes, mut locked) = (0, 0, 0);
    for (row, length) in candidates {
        if monitor.check().is_err() || spent.is_over() {
            break;
        }
        spent.requests += 1;
        match repository.vault().store.delete(&Name::new(names::of_session(row.kind, row.id))?, None) {
            Ok(()) => (objects, bytes) = (objects + 1, bytes + length),
            Err(e) if e.kind() == Kind::Immutable => locked += 1,
            Err(e) => return Err(e),
        }
    }
    Ok((objects, bytes, locked))
}

/// Objects of ended sessions that neither an entry nor a segment names.
fn candidates(repository: &Repository, spent: &mut Spent, monitor: &Monitor) -> Result<BTreeMap<ObjectRow, u64>> {
    let view = repository.log().view();
    let mut candidates = list(repository, &view, spent)?;
    if !candidates.is_empty() {
        for segment in &view.segments {
            monitor.check()?;
            spent.requests += 1;
            for pack in repository.vault().segment(segment)?.packs {
                candidates.remove(&ObjectRow { kind: pack.kind, id: pack.id });
            }
        }
    }
    Ok(candidates)
}

/// Objects of ended sessions that the log's view does not name. Packs are named by segments, which are not looked at yet.
fn list(repository: &Repository, view: &LogView, spent: &mut Spent) -> Result<BTreeMap<ObjectRow, u64>> {
    let mut found = BTreeMap::new();
    let kinds = [ObjectKind::DataPack, ObjectKind::MetaPack, ObjectKind::IndexSegment, ObjectKind::RestorePoint];
    for kind in kinds {
        spent.requests += 1;
        repository.vault().store.list(names::folder(kind), None, &mut |listed| {
            if let Some((_, session, ordinal)) = names::parse(listed.name.as_str()) {
                let row = ObjectRow { kind, id: ObjectId { session, ordinal } };
                if session <= view.head && !view.sessions.contains_key(&session) && !is_named(view, &row) {
                    found.insert(row, listed.bytes);
                }
            }
            true
        })?;
    }
    // Packs that the index knows are published for certain: so mostly no segment need be read at all.
    for pack in repository.blobs().catalog().packs()? {
        found.remove(&ObjectRow { kind: pack.kind, id: pack.id });
    }
    Ok(found)
}

fn is_named(view: &LogView, row: &ObjectRow) -> bool {
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
