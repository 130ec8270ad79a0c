//! The commit of a point whose blobs are published and whose reference set is stored.
//!
//! Promises I2: at the slot of the commit nothing was condemned, or found damaged ([LOG-27]), since the log position up to which the reference set
//! is true. And I8: in a repository with immutability all that the point needs is locked long enough first.

use super::open::Repository;
use crate::blob::store_manifest;
use crate::error::{Error, Kind, Result};
use crate::immutability::Secured;
use crate::log::LogView;
use crate::monitor::Monitor;
use format_spec::ObjectId;
use format_spec::log::Change;
use format_spec::point::Manifest;

/// What became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Committed {
    /// The point's number; `None` when packs were condemned or found damaged, or locks fell short, in the meantime: the reference set must be made again.
    pub number: Option<u32>,
    /// What was locked for it.
    pub secured: Option<Secured>,
}

impl Repository {
    /// Reads on; whether packs were condemned after this slot.
    ///
    /// # Errors
    /// The log's and the index's.
    pub fn is_overtaken(&self, slot: u32) -> Result<bool> {
        self.refresh()?;
        Ok(self.log().view().condemned.after(slot).next().is_some())
    }

    /// Stores the manifest, locks what the point needs, and commits. `known` is the log's position when the reference set was made; `expect` is
    /// asked about the log as it is at the commit's slot.
    ///
    /// # Errors
    /// Those of `expect`; `Exists` when a live point has the id; `Conflict` when the session has ended; the store's and the log's.
    pub fn commit_point(
        &self,
        session: u32,
        manifest: &Manifest,
        known: u32,
        expect: &dyn Fn(&LogView) -> Result<()>,
        take: &mut dyn FnMut() -> ObjectId,
        monitor: &Monitor,
    ) -> Result<Committed> {
        let point = store_manifest(self.vault(), &**self.env(), monitor, take, manifest)?;
        let id = ObjectId { session, ordinal: point.ordinal };
        let then = self.log().view();
        let secured = match self.secure(id, manifest.references, monitor) {
            // What the reference set names has gone since it was made: that is no damage, it only comes too late.
            Err(e) if e.kind() == Kind::Damaged && self.is_overtaken(known)? => {
                return Ok(Committed { number: None, secured: None });
            }
            other => other?,
        };
        let mut moved = false;
        let appended = self.log().append(&**self.env(), &mut |view| {
            view.expect_session(session)?;
            if view.live(&manifest.id).is_some() {
                return Err(Error::new(Kind::Exists, "the repository has this restore point already").on(manifest.id));
            }
            expect(view)?;
            moved = view.condemned.after(known).next().is_some()
                || view.is_suspected_after(known)
                || !self.is_secured(secured.as_ref(), &then, view)?;
            if moved {
                let what =
                    "packs were condemned or found damaged, or locks fell short, while the session was about to commit";
                return Err(Error::new(Kind::Conflict, what));
            }
            Ok(Change::Commit { session, point, id: manifest.id, references: manifest.references })
        });
        let slot = match appended {
            Err(_) if moved => {
                self.refresh()?;
                return Ok(Committed { number: None, secured });
            }
            // It could not be told whether the entry counts ([LOG-24]): the log tells.
            Err(e) if e.kind() == Kind::Conflict => {
                self.refresh()?;
                let live = self.log().view().live(&manifest.id).map(|live| live.slot);
                live.ok_or(e)?
            }
            other => other?,
        };
        self.log().checkpoint_if_due(&**self.env());
        let number = self.log().view().commits.iter().find(|c| c.slot == slot).map(|c| c.number);
        let lost = || Error::new(Kind::Bug, "the commit is not in the log that was just read");
        Ok(Committed { number: Some(number.ok_or_else(lost)?), secured })
    }
}
