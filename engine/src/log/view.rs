//! What the log says up to a slot: sessions, segments, live points, condemned packs, and what waits to be deleted.
//!
//! Promises: an entry is taken in only if it may stand there ([LOG-7], [LOG-11] to [LOG-16]); else the repository is damaged at its slot. Grows
//! with live points, segments, open sessions and packs that were ever condemned, never with chunks. Refuses to know why somebody appends.

use super::locks::{Raises, may_replace};
use super::moves::Condemned;
use super::published::Published;
use super::state::{CommitRef, Condemnation, LockRef, RetrievalRef, SegmentRef, SessionRef};
use crate::error::{Error, Kind, Result};
use format_spec::container::ObjectKind;
use format_spec::log::{Change, LogEntry, ObjectRef, ObjectRow, PointId, RetrievalStep};
use format_spec::{ChunkId, ObjectId, Time};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

/// The repository's truth up to a slot.
#[derive(Debug, Clone, Default)]
pub struct LogView {
    /// The last slot that was read; 0 before the first.
    pub head: u32,
    /// BLAKE3 of the object that the next entry chains to.
    pub head_hash: [u8; 32],
    /// The time of the newest entry, by its writer's clock; `None` where the view began with a checkpoint and read no entry.
    pub(super) newest: Option<Time>,
    /// BLAKE3 of the entries up to the head, the newest last: all of them, or those since a checkpoint and some before.
    pub(super) hashes: VecDeque<[u8; 32]>,
    /// Slots and times of entries, rising by slot: of those since the checkpoint that this view began with, and before them the checkpoint's own.
    pub(super) times: VecDeque<(u32, Time)>,
    /// Open sessions by number.
    pub sessions: BTreeMap<u32, SessionRef>,
    /// What those have published.
    pub(super) published: Published,
    /// Segments that count, in the order of their slots.
    pub segments: Vec<SegmentRef>,
    /// Live points in the order of their numbers.
    pub commits: Vec<CommitRef>,
    /// Manifests that are not live any more, but the base of an open session.
    pub held: Vec<CommitRef>,
    /// The number that the next Commit or Rewrite gets.
    pub next_number: u32,
    /// Every pack that was condemned, with the new places of its survivors.
    pub condemned: Condemned,
    /// Given up and not yet swept.
    pub given_up: BTreeMap<ObjectRow, Condemnation>,
    /// What the store keeps until when.
    pub locks: Arc<Vec<LockRef>>,
    /// Packs that were found damaged, with the slot of the entry that made each suspect ([LOG-27]).
    pub suspects: BTreeMap<ObjectRow, u32>,
    /// Retrievals that have not ended, by the slot of the entry that began them.
    pub retrievals: BTreeMap<u32, RetrievalRef>,
    /// Fields of the config that were changed, the latest of each tag.
    pub settings: BTreeMap<u16, Vec<u8>>,
    /// Slots that were passed over because nobody with the keys has filled them ([LOG-25]), rising.
    pub voids: Vec<u32>,
    /// Set when an entry forbids writing to this release.
    pub read_only: Option<u16>,
    /// What Config entries may raise, by the config.
    pub(super) raises: Option<Raises>,
    /// The slot of the checkpoint that this view began with; 0 if it began with the first entry.
    pub since: u32,
    /// The latest time of any entry, by its writer's clock.
    pub latest: Time,
}

impl LogView {
    /// The view of an empty log: the first entry chains to the config.
    pub fn start(config_hash: [u8; 32]) -> Self {
        LogView { head_hash: config_hash, next_number: 1, ..LogView::default() }
    }

    /// BLAKE3 of the entry of a slot, where it is still known; of a void slot, that of the last entry before it.
    pub fn hash_of(&self, slot: u32) -> Option<[u8; 32]> {
        let back = self.head.checked_sub(slot).filter(|_| slot > 0)?;
        let at = self.hashes.len().checked_sub(back as usize + 1)?;
        self.hashes.range(..=at).rev().find(|hash| **hash != VOID).copied()
    }

    /// Whether a slot is known to be void.
    pub fn is_void(&self, slot: u32) -> bool {
        self.voids.binary_search(&slot).is_ok()
    }

    /// Passes over a slot that nobody with the keys has filled.
    pub(super) fn pass_over(&mut self, slot: u32) {
        self.head = slot;
        self.hashes.push_back(VOID);
        self.voids.push(slot);
    }

    /// The void slots at the head, which no entry follows yet, rising.
    pub(super) fn voids_at_head(&self) -> &[u32] {
        let run =
            self.voids.iter().rev().zip(0..).take_while(|(slot, back)| Some(**slot) == self.head.checked_sub(*back));
        self.voids.get(self.voids.len() - run.count()..).unwrap_or_default()
    }

    /// The live point of this id.
    pub fn live(&self, id: &PointId) -> Option<&CommitRef> {
        self.commits.iter().find(|c| c.id == *id)
    }

    /// Live points, and what open sessions build upon: everything whose reference set keeps blobs alive.
    pub fn needed(&self) -> impl Iterator<Item = &CommitRef> {
        self.commits.iter().chain(&self.held)
    }

    /// Whether a pack was found damaged by an entry after this slot, and is suspect still.
    pub fn is_suspected_after(&self, slot: u32) -> bool {
        self.suspects.values().any(|since| *since > slot)
    }

    /// Takes the next entry in. `object_hash` is the hash of its whole object.
    ///
    /// # Errors
    /// `Damaged` when the chain or an entry's reference is broken, `Unsupported` when an unknown entry forbids reading.
    pub fn apply(&mut self, entry: &LogEntry, object_hash: [u8; 32]) -> Result<()> {
        if entry.slot != self.head + 1 {
            return Err(broken("LOG-3: a slot of the log is out of order"));
        }
        if entry.previous != self.head_hash {
            return Err(broken("LOG-3: the entry does not chain to the one before it"));
        }
        self.change(entry)?;
        self.latest = self.latest.max(entry.time);
        self.head = entry.slot;
        self.head_hash = object_hash;
        self.newest = Some(entry.time);
        self.hashes.push_back(object_hash);
        self.times.push_back((entry.slot, entry.time));
        Ok(())
    }

    /// Since when something of this slot, or before, has been there, by the clocks of those who wrote behind it: the time of the first entry behind
    /// the slot that is not dated after `now`, or of one before that where its writer's clock was behind. `None` where nothing shows it.
    ///
    /// The order of the log is certain and times are not: what a clock of 2038 has written was there when the next machine wrote.
    pub fn seen_since(&self, slot: u32, now: Time) -> Option<Time> {
        let behind = self.times.iter().position(|(at, time)| *at > slot && *time <= now)?;
        self.times.range(..=behind).map(|(_, time)| *time).filter(|time| *time <= now).max()
    }

    fn change(&mut self, entry: &LogEntry) -> Result<()> {
        let (slot, time) = (entry.slot, entry.time);
        match &entry.change {
            Change::Open { job, host, base, purpose } => {
                let (job, host) = (job.clone(), host.clone());
                let session = SessionRef {
                    job,
                    host,
                    opened: time,
                    last: time,
                    heard: slot,
                    next_ordinal: 0,
                    base: *base,
                    purpose: *purpose,
                };
                self.sessions.insert(slot, session);
            }
            Change::Publish { session, packs, segment } => {
                self.expect_open(*session, "a publish")?;
                let ordinals = packs.iter().map(|p| p.object.ordinal).chain(segment.map(|s| s.ordinal));
                self.published(*session, ordinals, slot, time);
                self.segments.extend(segment.map(|object| SegmentRef { slot, session: *session, object }));
            }
            Change::Commit { session, point, id, references } => {
                self.expect_open(*session, "a commit")?;
                self.add_point(slot, *session, *point, *id, *references);
                self.end(*session);
            }
            Change::Expire { points, .. } => {
                for id in points {
                    self.give_point_up(id, slot, time, "LOG-11: an expiry of a point that is not live")?;
                }
            }
            Change::Rewrite { session, point, id, references, .. } => {
                self.expect_open(*session, "a rewrite")?;
                self.give_point_up(id, slot, time, "LOG-12: a rewrite of a point that is not live")?;
                self.published(*session, [point.ordinal].into_iter(), slot, time);
                self.add_point(slot, *session, *point, *id, *references);
            }
            Change::Condemn { session, condemned, packs, segment, .. } => {
                self.expect_open(*session, "a condemnation")?;
                if condemned.iter().any(|p| self.condemned.has(p.id)) {
                    return Err(broken("LOG-13: a pack is condemned twice"));
                }
                let ordinals = packs.iter().map(|p| p.object.ordinal).chain(segment.map(|s| s.ordinal));
                self.published(*session, ordinals, slot, time);
                self.segments.extend(segment.map(|object| SegmentRef { slot, session: *session, object }));
                let rows =
                    condemned.iter().map(|p| (ObjectRow { kind: p.kind, id: p.id }, Condemnation { slot, time }));
                self.given_up.extend(rows);
                condemned.iter().for_each(|p| _ = self.suspects.remove(&ObjectRow { kind: p.kind, id: p.id }));
                self.condemned.add(slot, condemned);
            }
            Change::Swept { objects } => objects.iter().for_each(|object| _ = self.given_up.remove(object)),
            Change::Fold { session, replaced, segments } => {
                self.expect_open(*session, "a fold")?;
                self.fold(*session, replaced, segments, slot, time)?;
            }
            Change::Fence { session, .. } => {
                self.expect_open(*session, "a fence")?;
                self.end(*session);
            }
            Change::Lock { until, objects } => {
                let locks = Arc::make_mut(&mut self.locks);
                locks.push(LockRef { until: *until, objects: objects.clone().into() });
            }
            Change::Retrieval(step) => self.retrieve(step, slot, time),
            Change::Suspect { suspect, packs, .. } => self.suspect(*suspect, packs, slot),
            Change::Key { .. } => {}
            Change::Config { fields } => {
                for (tag, value) in super::state::settings(fields)? {
                    if may_replace(tag, self.raises.as_ref(), self.settings.get(&tag).map(Vec::as_slice), &value) {
                        self.settings.insert(tag, value);
                    }
                }
            }
            Change::SetAside { first } => self.set_aside(*first, slot)?,
            Change::Unknown { kind, readable: false, .. } => {
                let what = format!("the log has an entry of kind {kind} that this release does not understand");
                return Err(Error::new(Kind::Unsupported, what).advise("use a newer release of cairn"));
            }
            Change::Unknown { kind, writable: false, .. } => self.read_only = Some(*kind),
            Change::Unknown { .. } => {}
        }
        Ok(())
    }

    /// Refuses when an unknown entry forbids writing.
    pub fn expect_writable(&self) -> Result<()> {
        match self.read_only {
            None => Ok(()),
            Some(kind) => {
                let what = format!(
                    "the log has an entry of kind {kind} that this release may read beside but not write after"
                );
                Err(Error::new(Kind::Unsupported, what).advise("use a newer release of cairn to write"))
            }
        }
    }

    /// Refuses when a session cannot append any more: it committed, or was fenced while it was silent.
    ///
    /// # Errors
    /// `Conflict`.
    pub fn expect_session(&self, session: u32) -> Result<()> {
        if self.sessions.contains_key(&session) {
            return Ok(());
        }
        let what = "this session has ended in the log: it committed, or was fenced after a long silence";
        Err(Error::new(Kind::Conflict, what)
            .on(format!("session {session}"))
            .advise("run the backup again: what was published is not stored twice"))
    }

    fn expect_open(&self, session: u32, what: &str) -> Result<()> {
        if self.sessions.contains_key(&session) {
            return Ok(());
        }
        Err(broken(&format!("LOG-7: {what} of a session that is not open")))
    }

    fn published(&mut self, session: u32, ordinals: impl Iterator<Item = u32> + Clone, slot: u32, time: Time) {
        if let Some(known) = self.sessions.get_mut(&session) {
            let next = ordinals.clone().map(|o| o.saturating_add(1)).max().unwrap_or(0);
            self.published.add(session, ordinals);
            known.next_ordinal = known.next_ordinal.max(next);
            (known.last, known.heard) = (time, slot);
        }
    }

    fn add_point(&mut self, slot: u32, session: u32, object: ObjectRef, id: PointId, references: ChunkId) {
        self.commits.push(CommitRef { slot, number: self.next_number, session, object, id, references });
        self.next_number = self.next_number.saturating_add(1);
    }

    /// A live point's manifest is needed no more, except by open sessions that build upon it.
    fn give_point_up(&mut self, id: &PointId, slot: u32, time: Time, refusal: &str) -> Result<()> {
        let at = self.commits.iter().position(|c| c.id == *id).ok_or_else(|| broken(refusal))?;
        let gone = self.commits.remove(at);
        let row = ObjectId { session: gone.session, ordinal: gone.object.ordinal };
        self.given_up.insert(ObjectRow { kind: ObjectKind::RestorePoint, id: row }, Condemnation { slot, time });
        // A session that begins from now on cannot have loaded it: those that are open might have.
        if self.sessions.values().any(|s| s.base == Some(*id)) {
            self.held.push(gone);
        }
        Ok(())
    }

    /// A session ends: what only it held is held no more.
    fn end(&mut self, session: u32) {
        self.sessions.remove(&session);
        self.published.forget(session);
        let sessions = &self.sessions;
        self.held.retain(|held| sessions.values().any(|s| s.base == Some(held.id)));
    }

    /// What names no retrieval that goes on is without effect ([LOG-26]).
    fn retrieve(&mut self, step: &RetrievalStep, slot: u32, time: Time) {
        match step {
            RetrievalStep::Asked { mode, days, objects, about } => {
                let (objects, about) = (objects.as_slice().into(), about.clone());
                let begun = RetrievalRef { mode: *mode, days: *days, begun: time, changed: time, objects, about };
                self.retrievals.insert(slot, begun);
            }
            RetrievalStep::Changed { retrieval, days } => {
                if let Some(known) = self.retrievals.get_mut(retrieval) {
                    (known.days, known.changed) = (*days, time);
                }
            }
            RetrievalStep::Ended { retrieval } => _ = self.retrievals.remove(retrieval),
        }
    }

    /// What names a condemned pack, or one that is not suspect, is without effect ([LOG-27]).
    fn suspect(&mut self, suspect: bool, packs: &[ObjectRow], slot: u32) {
        for pack in packs {
            if !suspect {
                self.suspects.remove(pack);
            } else if !self.condemned.has(pack.id) {
                self.suspects.entry(*pack).or_insert(slot);
            }
        }
    }

    /// The slots before this one are void, and whoever took one of them for an entry does not go on ([LOG-28]). Each of them may have given a
    /// point its number.
    fn set_aside(&mut self, first: u32, slot: u32) -> Result<()> {
        let voids = self.voids_at_head();
        if voids.first().is_none_or(|void| *void > first) {
            return Err(broken("LOG-28: an entry that can be read is set aside"));
        }
        self.next_number = self.next_number.saturating_add(slot - first);
        self.sessions.clear();
        self.held.clear();
        Ok(())
    }

    fn fold(&mut self, session: u32, replaced: &[ObjectId], new: &[ObjectRef], slot: u32, time: Time) -> Result<()> {
        let of = |s: &SegmentRef| ObjectId { session: s.session, ordinal: s.object.ordinal };
        let is_replaced = |s: &SegmentRef| replaced.binary_search(&of(s)).is_ok();
        let old: Vec<u32> = self.segments.iter().filter(|s| is_replaced(s)).map(|s| s.slot).collect();
        if old.len() != replaced.len() {
            return Err(broken("LOG-15: a fold replaces a segment that does not count"));
        }
        self.segments.retain(|s| !is_replaced(s));
        let rows = replaced
            .iter()
            .map(|id| (ObjectRow { kind: ObjectKind::IndexSegment, id: *id }, Condemnation { slot, time }));
        self.given_up.extend(rows);
        self.published(session, new.iter().map(|s| s.ordinal), slot, time);
        // Whoever knows everything up to there knows what the new ones map.
        let newest = old.into_iter().max().unwrap_or(slot);
        self.segments.extend(new.iter().map(|object| SegmentRef { slot: newest, session, object: *object }));
        self.segments.sort_by_key(|s| s.slot);
        Ok(())
    }
}

/// Stands among the hashes for a void slot ([LOG-21]).
pub(super) const VOID: [u8; 32] = [0; 32];

fn broken(what: &str) -> Error {
    Error::new(Kind::Damaged, what).advise("the log was tampered with or restored from a copy")
}
