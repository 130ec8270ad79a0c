//! Rewriting a point: another manifest under the same id and times.
//!
//! Promises: the entry is appended only while the point is live in the slot that the caller knows,
//! while nothing was condemned since its reference set was made, and while all that it needs is
//! locked long enough (I8). Refuses to make the manifest again: what has gone since it was made is
//! for the caller to make anew.

use super::WriteSession;
use crate::blob::store_manifest;
use crate::error::{Error, Kind, Result};
use crate::log::LogView;
use crate::monitor::Monitor;
use format_spec::ObjectId;
use format_spec::log::Change;
use format_spec::point::Manifest;

/// A rewrite to append.
pub struct Rewrite<'a> {
    /// What the point is from then on; its id says which one.
    pub manifest: &'a Manifest,
    /// The slot of the entry that the point stands in now.
    pub slot: u32,
    /// The log's head when the reference set of the manifest was made.
    pub known: u32,
    /// Why, for readers of the log.
    pub reason: &'a str,
    /// Asked about the log before the entry's slot: whether the live point may be rewritten.
    pub may: &'a dyn Fn(&LogView) -> bool,
}

/// How an attempt to append a rewrite ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RewriteOutcome {
    /// It is appended.
    Done,
    /// The point is not live in its slot any more, or it may not be rewritten.
    Gone,
    /// Packs were condemned since the reference set was made: the caller refreshes, and makes the
    /// manifest again.
    Again,
}

impl WriteSession {
    /// Stores the manifest, secures what it needs, and appends the entry. The session stays open.
    ///
    /// # Errors
    /// `Conflict` when the session has ended; the store's and the log's; as
    /// [`secure`](crate::repository::Repository::secure).
    pub fn rewrite(&self, rewrite: &Rewrite<'_>, monitor: &Monitor) -> Result<RewriteOutcome> {
        let (repository, manifest) = (&self.repository, rewrite.manifest);
        let session = self.number();
        let object =
            store_manifest(repository.sealed_store(), &**repository.env(), monitor, &mut || self.take(), manifest)?;
        let id = ObjectId { session, ordinal: object.ordinal };
        let then = repository.log().view();
        let secured = match repository.secure(id, manifest.references, monitor) {
            // What the reference set names has gone since it was made.
            Err(e) if e.kind() == Kind::Damaged && repository.is_overtaken(rewrite.known)? => {
                return Ok(RewriteOutcome::Again);
            }
            other => other?,
        };
        let mut outcome = RewriteOutcome::Done;
        let appended = self.append(&mut |view| {
            let is_live = view.live(&manifest.id).is_some_and(|live| live.slot == rewrite.slot);
            outcome = if !is_live || !(rewrite.may)(view) {
                RewriteOutcome::Gone
            } else if view.condemned.any_after(rewrite.known)
                || !repository.is_secured(secured.as_ref(), &then, view)?
            {
                RewriteOutcome::Again
            } else {
                RewriteOutcome::Done
            };
            if outcome != RewriteOutcome::Done {
                return Err(Error::new(Kind::Conflict, "the log has moved on").on(manifest.id));
            }
            let (id, references, reason) = (manifest.id, manifest.references, rewrite.reason.to_owned());
            Ok(Change::Rewrite { session, point: object, id, references, reason })
        });
        match appended {
            Err(_) if outcome != RewriteOutcome::Done => Ok(outcome),
            other => other.map(|_| RewriteOutcome::Done),
        }
    }
}
