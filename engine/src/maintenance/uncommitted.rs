//! Manifests and index segments that decode under the repository's keys, and that no entry of the log commits.
//!
//! Where the newest entries of a log are lost, nothing in the log says so: what they committed is all that is left to
//! see of them. A session that is at work, was killed before its commit, or stored an object twice leaves the same
//! picture, so these objects are named and are no damage by themselves. Refuses to name what somebody without the keys
//! has put there, and what the log has given up.

use super::findings::Finding;
use super::gc::is_named;
use crate::error::{Kind, Result};
use crate::log::LogView;
use crate::monitor::Monitor;
use crate::repository::Repository;
use crate::store::{ListOptions, ObjectName, StoreExt};
use format_spec::container::{Header, ObjectKind};
use format_spec::index::Segment;
use format_spec::log::ObjectRow;
use format_spec::point::Manifest;
use format_spec::{ObjectId, names};

/// The objects, by name, each with what is known of its session.
///
/// # Errors
/// The store's, and a stop.
pub(super) fn uncommitted(repository: &Repository, monitor: &Monitor) -> Result<Vec<Finding>> {
    let mut listed = Vec::new();
    for kind in [ObjectKind::RestorePoint, ObjectKind::IndexSegment] {
        repository.sealed_store().store.list(&ListOptions::below(names::folder(kind)), &mut |found| {
            if let Some((_, session, ordinal)) = names::parse(found.name.as_str()) {
                listed.push(ObjectRow { kind, id: ObjectId { session, ordinal } });
            }
            true
        })?;
    }
    // Read on after the listing: what was on its way is committed by now.
    repository.refresh()?;
    let view = repository.log().view();
    let mut found = Vec::new();
    for row in listed.into_iter().filter(|row| !is_named(&view, row)) {
        monitor.check()?;
        let name = ObjectName::new(names::of_session(row.kind, row.id))?;
        if decodes(repository, &row, &name)? {
            found.push(Finding { object: name.to_string(), what: what(&view, row.kind, row.id.session) });
        }
    }
    found.sort();
    Ok(found)
}

fn decodes(repository: &Repository, row: &ObjectRow, name: &ObjectName) -> Result<bool> {
    let sealed_store = repository.sealed_store();
    let object = match sealed_store.store.get(name) {
        Ok(object) => object,
        Err(e) if matches!(e.kind(), Kind::Absent | Kind::Damaged | Kind::Archived) => return Ok(false),
        Err(e) => return Err(e),
    };
    let (session, ordinal) = (row.id.session, row.id.ordinal);
    let expected =
        Header::new(row.kind, sealed_store.secrets.suite(), sealed_store.repository, session, ordinal, [0; 32]);
    Ok(match row.kind {
        ObjectKind::RestorePoint => Manifest::decode(&object, &expected, &sealed_store.secrets).is_ok(),
        _ => Segment::decode(&object, &expected, &sealed_store.secrets).is_ok(),
    })
}

fn what(view: &LogView, kind: ObjectKind, session: u32) -> String {
    let noun = if kind == ObjectKind::RestorePoint { "restore point" } else { "index segment" };
    let why = match view.sessions.get(&session) {
        Some(open) => format!(
            "its session {session} (job {}, host {}) is open: it is at work, was stopped before its commit, or its commit is lost",
            open.job, open.host
        ),
        None if session > view.head => format!("the log ends before its session {session} began"),
        None => format!("its session {session} has ended and left it behind, or the entry that named it is lost"),
    };
    format!("this {noun} is whole, and no entry of the log commits it: {why}")
}
