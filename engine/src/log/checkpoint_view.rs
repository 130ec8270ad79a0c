//! The view as a checkpoint's rows, and back.

use super::locks::{Raises, may_replace};
use super::moves::Condemned;
use super::published::Published;
use super::state::{CommitRef, Condemnation, LockRef, RetrievalRef, SegmentRef, SessionRef, settings};
use super::view::{LogView, VOID};
use crate::error::Result;
use crate::limits::CHECKPOINT_HASHES;
use format_spec::Time;
use format_spec::checkpoint::{
    Checkpoint, CondemnedRow, GivenUpRow, LockRow, PointRow, RetrievalRow, SegmentRow, SessionRow, SuspectRow,
};
use format_spec::fields::FieldsWriter;
use format_spec::log::{CondemnedPack, KIND_KNOWN_MAX, KIND_SUSPECT};
use std::collections::BTreeMap;
use std::sync::Arc;

impl LogView {
    /// What a checkpoint at the head holds. Left out is what no reader can ask for any more: hashes of long ago, survivors that no reference
    /// set names by their old places, locks that have ended by this clock (the store itself refuses what it still keeps).
    pub(super) fn to_checkpoint(&self, now: Time) -> Checkpoint {
        let mut held: Vec<PointRow> = self.held.iter().map(point).collect();
        held.sort_unstable_by_key(|p| p.number);
        let oldest = self.needed().map(|c| c.slot).min().unwrap_or(u32::MAX);
        let hashes = self.hashes.iter().skip(self.hashes.len().saturating_sub(CHECKPOINT_HASHES)).copied();
        Checkpoint {
            slot: self.head,
            hashes: hashes.collect(),
            // Not before what it sums up, so that this is remembered ([POINT-12]).
            time: now.max(self.latest),
            next_number: self.next_number,
            points: self.commits.iter().map(point).collect(),
            held,
            segments: self
                .segments
                .iter()
                .map(|s| SegmentRow { slot: s.slot, session: s.session, object: s.object })
                .collect(),
            sessions: self.sessions.iter().map(|(number, s)| session(*number, s)).collect(),
            condemned: self.condemned.batches().iter().map(|(slot, packs)| batch(*slot, packs, oldest)).collect(),
            given_up: self
                .given_up
                .iter()
                .map(|(object, given)| GivenUpRow { object: *object, slot: given.slot, time: given.time })
                .collect(),
            locks: self
                .locks
                .iter()
                .filter(|l| l.until >= now)
                .map(|l| LockRow { until: l.until, objects: l.objects.to_vec() })
                .collect(),
            settings: self.settings_fields(),
            read_only: self.forbids_older(),
            suspects: self.suspects.iter().map(|(pack, slot)| SuspectRow { pack: *pack, slot: *slot }).collect(),
            condemned_long_ago: self.condemned.long_ago().cloned(),
            retrievals: self.retrievals.iter().map(|(slot, r)| retrieval(*slot, r)).collect(),
        }
    }

    /// The same in so many bytes of fields at most, as far as that is possible: where there are very many condemned packs, those of before anything
    /// that is in use are told in ranges. Releases that do not know these ranges do not read such a checkpoint, so it is made only where the other
    /// would be none.
    pub(super) fn to_checkpoint_within(&self, now: Time, bytes_max: usize) -> Checkpoint {
        let mut checkpoint = self.to_checkpoint(now);
        if checkpoint.condemned_long_ago.is_some() || checkpoint.plain_bytes() > bytes_max {
            let points = self.needed().map(|c| c.slot);
            // A session's number is the slot of its Open.
            let in_use = points.chain(self.sessions.keys().copied()).min().unwrap_or(self.head);
            checkpoint.sum_up_condemned(in_use);
        }
        checkpoint
    }

    /// The view that a checkpoint sums up.
    pub(super) fn from_checkpoint(checkpoint: Checkpoint, raises: Option<Raises>) -> Result<LogView> {
        let mut condemned = Condemned::default();
        checkpoint.condemned_long_ago.into_iter().for_each(|packs| condemned.add_long_ago(packs));
        checkpoint.condemned.iter().for_each(|batch| condemned.add(batch.slot, &batch.packs));
        let sessions = checkpoint.sessions.into_iter().map(|s| {
            let SessionRow { number, next_ordinal, opened, last, purpose, base, job, host } = s;
            (number, SessionRef { job, host, opened, last, heard: checkpoint.slot, next_ordinal, base, purpose })
        });
        let given_up =
            checkpoint.given_up.into_iter().map(|g| (g.object, Condemnation { slot: g.slot, time: g.time })).collect();
        let locks =
            checkpoint.locks.into_iter().map(|l| LockRef { until: l.until, objects: l.objects.into() }).collect();
        let mut kept = settings(&checkpoint.settings)?;
        kept.retain(|tag, value| may_replace(*tag, raises.as_ref(), None, value));
        let slots = (0..=checkpoint.slot).rev();
        let mut voids: Vec<u32> =
            checkpoint.hashes.iter().rev().zip(slots).filter(|(h, _)| **h == VOID).map(|(_, s)| s).collect();
        voids.reverse();
        let mut published = Published::default();
        for segment in &checkpoint.segments {
            published.add(segment.session, std::iter::once(segment.object.ordinal));
        }
        let sessions: BTreeMap<u32, SessionRef> = sessions.collect();
        published.keep(&sessions);
        Ok(LogView {
            voids,
            published,
            head: checkpoint.slot,
            newest: None,
            head_hash: checkpoint.hashes.last().copied().unwrap_or_default(),
            hashes: checkpoint.hashes.into(),
            // Who summed it up had read it all.
            times: [(checkpoint.slot.saturating_add(1), checkpoint.time)].into(),
            sessions,
            segments: checkpoint
                .segments
                .into_iter()
                .map(|s| SegmentRef { slot: s.slot, session: s.session, object: s.object })
                .collect(),
            commits: checkpoint.points.iter().map(commit).collect(),
            held: checkpoint.held.iter().map(commit).collect(),
            next_number: checkpoint.next_number,
            condemned,
            given_up,
            locks: Arc::new(locks),
            retrievals: checkpoint.retrievals.into_iter().map(retrieved).collect(),
            settings: kept,
            raises,
            read_only: checkpoint.read_only.filter(|kind| *kind > KIND_KNOWN_MAX),
            suspects: checkpoint.suspects.into_iter().map(|row| (row.pack, row.slot)).collect(),
            since: checkpoint.slot,
            latest: checkpoint.time,
        })
    }

    /// The greatest kind of an entry that still has effect and that older releases must not write beside: they read on ([LOG-21], 13c).
    fn forbids_older(&self) -> Option<u16> {
        self.read_only.max((!self.suspects.is_empty()).then_some(KIND_SUSPECT))
    }

    fn settings_fields(&self) -> Vec<u8> {
        let mut rows: Vec<_> = self.settings.iter().collect();
        // A map's order puts the critical bit above all numbers; fields stand in the order of numbers.
        rows.sort_by_key(|(tag, _)| **tag & !format_spec::fields::CRITICAL);
        let mut fields = FieldsWriter::new();
        for (tag, bytes) in rows {
            fields.put(*tag, bytes);
        }
        fields.finish()
    }
}

fn point(c: &CommitRef) -> PointRow {
    let CommitRef { slot, number, session, object, id, references } = *c;
    PointRow { slot, number, session, object, id, references }
}

fn commit(p: &PointRow) -> CommitRef {
    let PointRow { slot, number, session, object, id, references } = *p;
    CommitRef { slot, number, session, object, id, references }
}

fn session(number: u32, s: &SessionRef) -> SessionRow {
    let SessionRef { job, host, opened, last, heard: _, next_ordinal, base, purpose } = s.clone();
    SessionRow { number, next_ordinal, opened, last, purpose, base, job, host }
}

fn retrieval(slot: u32, r: &RetrievalRef) -> RetrievalRow {
    let RetrievalRef { mode, days, begun, changed, objects, about } = r.clone();
    RetrievalRow { slot, begun, changed, mode, days, objects: objects.to_vec(), about }
}

fn retrieved(row: RetrievalRow) -> (u32, RetrievalRef) {
    let RetrievalRow { slot, begun, changed, mode, days, objects, about } = row;
    (slot, RetrievalRef { mode, days, begun, changed, objects: objects.into(), about })
}

/// The packs of a Condemn; where their survivors went matters to reference sets that are older ([LOG-20]).
fn batch(slot: u32, packs: &[CondemnedPack], oldest: u32) -> CondemnedRow {
    let mut packs = packs.to_vec();
    if oldest > slot {
        packs.iter_mut().for_each(|p| p.survivors = None);
    }
    CondemnedRow { slot, packs }
}
