//! The end of a copy's points: what was carried is published, each point gets a reference set in the target, and is committed, oldest first.
//!
//! Promises: a point is committed only if every blob that it needs is in the target at that moment; one that somebody else has brought is found, not
//! doubled; one that needs what the source cannot read stays out.

use super::delta::Delta;
use super::select::base_of;
use super::session::{Copying, DONE};
use crate::error::{Error, Kind, Result};
use crate::index::BlobLocation;
use crate::log::LogView;
use crate::monitor::counted;
use crate::repository::{Grounds, NameOf, Repository};
use crate::restore_point::{CountChange, Point, PointSink, edited_set};
use crate::session::{Opening, WriteSession};
use format_spec::ChunkId;
use format_spec::container::ObjectKind;
use format_spec::log::Purpose;
use format_spec::point::{Alone, Manifest};
use std::collections::BTreeMap;

impl Copying<'_> {
    /// Publishes everything and commits the points that wait, oldest first.
    pub(super) fn commit(&mut self, lost: &BTreeMap<ChunkId, String>) -> Result<()> {
        self.writer.flush()?;
        for point in std::mem::take(&mut self.waiting) {
            self.monitor.check()?;
            match self.commit_one(&point, lost)? {
                Outcome::Copied => super::note(self.summary, &point),
                Outcome::Present => self.summary.present += 1,
                Outcome::Unreadable(reason) => self.fail(&point, reason),
            }
        }
        Ok(())
    }

    fn commit_one(&mut self, point: &Point, lost: &BTreeMap<ChunkId, String>) -> Result<Outcome> {
        let (source, target) = (self.source, self.target);
        loop {
            target.refresh()?;
            let (known, before) = (target.log().view(), target.before());
            let base = base_of(source, target, point);
            let delta = Delta::between(source, &source.log().view(), base.as_ref().map(|(base, _)| &**base), point)?;
            let mut sink = PointSink::unaccounted(self.writer, &target.sealed_store().ids);
            let of = base.as_ref().map(|(_, copied)| (copied.manifest.references, copied.slot));
            let mut unreadable = None;
            let mut changes = |change: &mut CountChange<'_>| self.changes(&delta, lost, &mut unreadable, change);
            let edited = edited_set(of, target.blobs(), &known, &mut changes, &mut sink);
            if let Some(why) = unreadable {
                return Ok(Outcome::Unreadable(why));
            }
            let references = edited?;
            self.writer.flush()?;
            let (job, host) = (&*point.manifest.job, &*self.options.host);
            let session = WriteSession::open(target, Opening { job, host, purpose: Purpose::Copy, base: None })?;
            let mut manifest = point.manifest.clone();
            manifest.references = references;
            // Without the number that it had there, it would look as if it had never been rewritten.
            manifest.unnamed = Some(point.manifest.left_out_unnamed());
            manifest.first = None;
            manifest.source = Some(source.source_of(point));
            manifest.seen = source.seen_with(point);
            manifest.base = base.as_ref().map(|(base, _)| base.manifest.id);
            let name = NameOf::Copied(named(source, target, &manifest), before);
            // Two copies in one moment must not mix two histories, either.
            let expect = |view: &LogView| {
                target.expect_history_of(source, view)?;
                target.expect_beside(view, &point.manifest)
            };
            let grounds = Grounds { expect: &expect, ..Grounds::new(known.head, name) };
            match session.commit(&manifest, grounds, self.monitor) {
                Ok(done) if done.number.is_some() => return Ok(Outcome::Copied),
                // Made again from what is known now.
                Ok(_) => session.end(DONE)?,
                // Another copy was faster.
                Err(e) if e.kind() == Kind::Exists => {
                    session.end(DONE)?;
                    return Ok(Outcome::Present);
                }
                Err(e) => return Err(e),
            }
        }
    }

    /// Tells how often each blob is named more, or fewer, than in the base: one pass over the source's index.
    fn changes(
        &self,
        delta: &Delta,
        lost: &BTreeMap<ChunkId, String>,
        unreadable: &mut Option<String>,
        change: &mut CountChange<'_>,
    ) -> Result<()> {
        if delta.rows.is_empty() {
            return Ok(());
        }
        let target = self.target.blobs().live_index();
        let mut tell = |(kind, id, by): (ObjectKind, ChunkId, i64)| {
            let is_elsewhere = |p: &BlobLocation| p.pack_kind == kind && !target.distrust().is_suspect(p.pack);
            if by > 0 && !target.places(&id)?.iter().any(is_elsewhere) {
                if let Some(why) = lost.get(&id) {
                    *unreadable = Some(format!("the source cannot read what it needs: {why}"));
                }
                return Err(Error::new(
                    Kind::Conflict,
                    "what the point needs was taken away, or found damaged, in the target meanwhile",
                )
                .on(format!("blob {id}")));
            }
            if by == 0 { Ok(()) } else { change(kind, &id, by) }
        };
        // The places of one id come together: a blob that moved in the source has not changed.
        let mut at_hand: Option<(ObjectKind, ChunkId, i64)> = None;
        let mut left = delta.changed();
        self.source.blobs().live_index().cache().for_each_place(&mut |id, place| {
            let by = delta.change(place.pack, place.blob);
            if by == 0 {
                return Ok(());
            }
            left = left.saturating_sub(1);
            match &mut at_hand {
                Some((kind, known, sum)) if known == id && *kind == place.pack_kind => *sum += by,
                other => {
                    if let Some(done) = other.replace((place.pack_kind, *id, by)) {
                        tell(done)?;
                    }
                }
            }
            Ok(())
        })?;
        at_hand.map_or(Ok(()), tell)?;
        if left > 0 {
            // A reader that found a pack gone has read the log on: the index is newer than the differences. A set that lacks what moved in between
            // would let the target's collector take it.
            let what = format!(
                "{} that the point needs, or needed, moved in the source meanwhile",
                counted(left, "blob", "blobs")
            );
            return Err(Error::new(Kind::Conflict, what).on(self.source.location()).advise("run the copy again"));
        }
        Ok(())
    }
}

/// What a copy's name needs in the target: as in the source where all of the target's points come from there, else more than a second
/// ([POINT-12]).
pub(super) fn named(source: &Repository, target: &Repository, original: &Manifest) -> Option<Alone> {
    let alone = original.naming?.alone;
    Some(if target.config().origin == Some(source.id()) { alone } else { Alone::Nowhere })
}

/// What became of one point.
enum Outcome {
    Copied,
    /// Somebody else had committed it.
    Present,
    /// It needs what the source cannot read.
    Unreadable(String),
}
