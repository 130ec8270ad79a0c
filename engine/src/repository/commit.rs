//! The commit of a point whose blobs are published and whose reference set is stored.
//!
//! Promises I2: at the slot of the commit nothing was condemned, or found damaged ([LOG-27]), since the log position up to which the reference set
//! is true. And I8: in a repository with immutability all that the point needs is locked long enough first. What its name needs is
//! settled by exactly the points that come before it ([`super::naming`]).

use super::naming::NameOf;
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

/// On what a point is committed.
#[derive(Clone, Copy)]
pub struct Grounds<'a> {
    /// The log's position when the reference set was made: no pack may be condemned or suspected since.
    pub known: u32,
    /// Asked about the log as it is at the commit's slot.
    pub expect: &'a dyn Fn(&LogView) -> Result<()>,
    /// Where the point's name comes from.
    pub name: NameOf,
}

impl Grounds<'_> {
    /// Grounds that expect nothing more of the log.
    pub fn new(known: u32, name: NameOf) -> Self {
        Grounds { known, expect: &|_| Ok(()), name }
    }
}

impl Repository {
    /// Reads on; whether packs were condemned after this slot.
    ///
    /// # Errors
    /// The log's and the index's.
    pub fn is_overtaken(&self, slot: u32) -> Result<bool> {
        self.refresh()?;
        Ok(self.log().view().condemned.any_after(slot))
    }

    /// Settles what the point's name needs, stores the manifest, locks what the point needs, and commits.
    ///
    /// # Errors
    /// Those of the grounds; `Exists` when a live point has the id; `Conflict` when the session has ended; the store's and the log's.
    pub fn commit_point(
        &self,
        session: u32,
        manifest: &Manifest,
        grounds: Grounds<'_>,
        take: &mut dyn FnMut() -> Result<ObjectId>,
        monitor: &Monitor,
    ) -> Result<Committed> {
        let mut manifest = manifest.clone();
        for _ in 0..NAMING_ATTEMPTS_MAX {
            let view = self.log().view();
            manifest.naming = self.naming(&view, session, &manifest, grounds.name)?;
            let number = manifest.naming.map(|_| view.next_number);
            if let Some(done) = self.commit_named(session, &manifest, grounds, number, take, monitor)? {
                return Ok(done);
            }
            self.refresh()?;
        }
        // Others commit faster than this one can say what its name needs; so it says nothing, as points of older programs do.
        manifest.naming = None;
        let done = self.commit_named(session, &manifest, grounds, None, take, monitor)?;
        done.ok_or_else(|| Error::new(Kind::Bug, "a commit without a number to keep was overtaken"))
    }

    /// Commits as the point of this number; `None` when it is another one's by now.
    fn commit_named(
        &self,
        session: u32,
        manifest: &Manifest,
        Grounds { known, expect, .. }: Grounds<'_>,
        number: Option<u32>,
        take: &mut dyn FnMut() -> Result<ObjectId>,
        monitor: &Monitor,
    ) -> Result<Option<Committed>> {
        let point = store_manifest(self.sealed_store(), &**self.env(), monitor, take, manifest)?;
        let id = ObjectId { session, ordinal: point.ordinal };
        let then = self.log().view();
        let secured = match self.secure(id, manifest.references, monitor) {
            // What the reference set names has gone since it was made: that is no damage, it only comes too late.
            Err(e) if e.kind() == Kind::Damaged && self.is_overtaken(known)? => {
                return Ok(Some(Committed { number: None, secured: None }));
            }
            other => other?,
        };
        let (mut moved, mut overtaken) = (false, false);
        let appended = self.log().append(&**self.env(), &mut |view| {
            view.expect_session(session)?;
            if view.live(&manifest.id).is_some() {
                return Err(Error::new(Kind::Exists, "the repository has this restore point already").on(manifest.id));
            }
            expect(view)?;
            overtaken = number.is_some_and(|number| number != view.next_number);
            if overtaken {
                return Err(Error::new(Kind::Conflict, "another point was committed meanwhile"));
            }
            moved = view.condemned.any_after(known)
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
            Err(_) if overtaken => return Ok(None),
            Err(_) if moved => {
                self.refresh()?;
                return Ok(Some(Committed { number: None, secured }));
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
        Ok(Some(Committed { number: Some(number.ok_or_else(lost)?), secured }))
    }
}

/// Others that may commit in the moment of this commit before its name is given up: more than machines that back up at the same second.
const NAMING_ATTEMPTS_MAX: usize = 64;
