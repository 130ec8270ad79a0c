//! What a collection would do: pure but for reading, and told with a hash that `collect` takes.

use super::held::Held;
use super::mark::Marks;
use super::orphans::Orphans;
use super::quoted::hash;
use super::report::Spent;
use crate::error::{Error, Kind, Result};
use crate::index::BlobLocation;
use crate::limits::DAY_SECONDS;
use crate::log::{LogView, SessionRef};
use crate::maintenance::findings::Finding;
use crate::maintenance::plan_hash::PlanHash;
use crate::monitor::Monitor;
use crate::repository::Repository;
use format_spec::container::ObjectKind;
use format_spec::log::ObjectRow;
use format_spec::{ObjectId, Time};
use std::collections::{BTreeMap, BTreeSet};

/// How to collect.
#[derive(Debug, Clone)]
pub struct CollectOptions {
    /// A pack is repacked when at least this share of its plaintext is dead (0 to 1); above 1, none is.
    pub dead_share: f64,
    /// Seconds between giving something up and deleting it.
    pub grace_seconds: i64,
    /// A session without a sign of life for so many seconds is fenced.
    pub lease_seconds: i64,
    /// Sessions that are fenced at once.
    pub fence: BTreeSet<u32>,
    /// Requests after which the work stops at the next safe place.
    pub requests_max: Option<u64>,
    /// Bytes read and written after which it does.
    pub bytes_max: Option<u64>,
    /// Who collects, for people.
    pub host: String,
}

impl CollectOptions {
    /// What the command does unless it is told otherwise: a quarter of a pack, a day for readers, a day for sessions, no limits.
    pub fn new(host: impl Into<String>) -> Self {
        CollectOptions {
            dead_share: 0.25,
            grace_seconds: DAY_SECONDS,
            lease_seconds: DAY_SECONDS,
            fence: BTreeSet::new(),
            requests_max: None,
            bytes_max: None,
            host: host.into(),
        }
    }
}

/// A pack of the plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PackPlan {
    /// Data or metadata.
    pub kind: ObjectKind,
    /// The pack.
    pub id: ObjectId,
    /// Its stored length.
    pub bytes: u64,
    /// Blobs in it.
    pub blobs: u32,
    /// Plaintext bytes in it.
    pub plain: u64,
    /// Plaintext bytes that are live.
    pub plain_live: u64,
    /// One bit for each live blob.
    pub survivors: Vec<u8>,
}

impl PackPlan {
    /// Whether this blob of it survives.
    pub(super) fn is_live(&self, blob: u32) -> bool {
        self.survivors.get(blob as usize / 8).is_some_and(|bits| bits >> (blob % 8) & 1 == 1)
    }
}

/// A pack that is passed over as long as the store keeps it: condemning it would free nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LockedPack {
    /// Data or metadata.
    pub kind: ObjectKind,
    /// The pack.
    pub id: ObjectId,
    /// Its stored length.
    pub bytes: u64,
    /// Until when.
    pub until: Time,
}

/// An open session that keeps space from coming back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holding {
    /// Its number.
    pub session: u32,
    /// The host that runs it.
    pub host: String,
    /// Its job.
    pub job: String,
    /// When it was opened, by its writer's clock.
    pub opened: Time,
    /// Its last sign of life: by its writer's clock, or where that is ahead of this one, by whoever wrote next into the log.
    pub heard: Option<Time>,
    /// Whether its writer's clock is ahead of this one.
    pub is_ahead: bool,
    /// Objects whose grace is over and that wait for its end.
    pub objects: u64,
    /// Packs of its own that no restore point needs so far, wholly or in part.
    pub packs: u64,
    /// Their stored bytes.
    pub bytes: u64,
    /// Objects that it stored and no entry names so far: what a session leaves that was killed, or whose machine died.
    pub unpublished: u64,
    /// Their stored bytes.
    pub unpublished_bytes: u64,
    /// Whether it builds upon a restore point that was expired.
    pub holds_base: bool,
}

impl Holding {
    fn holds_something(&self) -> bool {
        self.objects > 0 || self.packs > 0 || self.unpublished > 0 || self.holds_base
    }
}

/// What a collection would do.
#[derive(Debug, Clone)]
pub struct CollectPlan {
    /// The log's head that it was made at.
    pub head: u32,
    /// Silent sessions to be fenced.
    pub fence: Vec<u32>,
    /// Open sessions that stay, and hold space back; where only packs were looked at, all that stay.
    pub holding: Vec<Holding>,
    /// Packs without a live blob.
    pub dead: Vec<PackPlan>,
    /// Packs whose survivors are to be packed anew.
    pub sparse: Vec<PackPlan>,
    /// Packs that are dead or sparse, and locked. They count among those that are kept.
    pub locked: Vec<LockedPack>,
    /// Packs of open sessions, those that are locked, and those that are live enough.
    pub kept: u64,
    /// Their stored bytes.
    pub bytes_kept: u64,
    /// Dead plaintext bytes in packs that are kept.
    pub plain_dead_kept: u64,
    /// Objects whose grace is over.
    pub due: Vec<ObjectRow>,
    /// Objects that were given up and wait.
    pub waiting: u64,
    /// Stored bytes of the packs among them.
    pub bytes_waiting: u64,
    /// When the first is due of those that wait for the end of their grace alone: never a time that is over.
    pub next_due: Option<Time>,
    /// Objects that ended sessions left behind and no entry of the log names. They are looked for anew when the plan is carried out.
    pub orphans: u64,
    /// Their stored bytes.
    pub bytes_orphaned: u64,
    /// Which they are.
    pub(super) left_behind: Vec<ObjectRow>,
    /// Objects that will be left alone because they are damaged, as far as the plan met them.
    pub damaged: Vec<Finding>,
    /// Requests that repacking and condemning will need, about: get, put.
    pub requests: [u64; 2],
    /// BLAKE3 over what is decided, the grace and the lease; the same for the same decisions, whatever else happened.
    pub hash: PlanHash,
}

impl CollectPlan {
    /// Whether carrying it out takes anything away: packs, objects that were given up, or the turn of a session.
    pub fn takes_something(&self) -> bool {
        let condemns = !self.dead.is_empty() || !self.sparse.is_empty();
        condemns || !self.due.is_empty() || self.orphans > 0 || !self.fence.is_empty()
    }

    /// Nothing to be done.
    pub(super) fn empty(head: u32) -> Self {
        CollectPlan {
            head,
            fence: Vec::new(),
            holding: Vec::new(),
            dead: Vec::new(),
            sparse: Vec::new(),
            locked: Vec::new(),
            kept: 0,
            bytes_kept: 0,
            plain_dead_kept: 0,
            due: Vec::new(),
            waiting: 0,
            bytes_waiting: 0,
            next_due: None,
            orphans: 0,
            bytes_orphaned: 0,
            left_behind: Vec::new(),
            damaged: Vec::new(),
            requests: [0; 2],
            hash: [0; 32].into(),
        }
    }

    fn keep(&mut self, pack: &PackPlan) {
        self.kept += 1;
        self.bytes_kept += pack.bytes;
        self.plain_dead_kept += pack.plain - pack.plain_live;
    }

    fn pass_over(&mut self, pack: &PackPlan, until: Time) {
        self.keep(pack);
        let PackPlan { kind, id, bytes, .. } = *pack;
        self.locked.push(LockedPack { kind, id, bytes, until });
    }

    /// Stored bytes of the packs to be condemned.
    pub fn bytes_condemned(&self) -> u64 {
        self.dead.iter().chain(&self.sparse).map(|p| p.bytes).sum()
    }

    /// Stored bytes that repacking will write, about.
    pub fn bytes_repacked(&self) -> u64 {
        self.sparse.iter().map(estimated_bytes).sum()
    }
}

/// Makes the plan. Reads the log, the reference sets and a listing of the store; changes nothing.
///
/// # Errors
/// `Damaged` when a reference set cannot be read; the store's.
pub fn plan_collection(repository: &Repository, options: &CollectOptions, monitor: &Monitor) -> Result<CollectPlan> {
    repository.refresh()?;
    let mut plan = draw(repository, options, monitor)?.0;
    let orphans = Orphans::find(repository, &plan.fence, &mut Spent::default(), monitor)?;
    (plan.orphans, plan.bytes_orphaned) = (orphans.objects.len() as u64, orphans.bytes());
    plan.left_behind = orphans.objects.into_keys().collect();
    plan.damaged = orphans.damaged;
    for row in &mut plan.holding {
        (row.unpublished, row.unpublished_bytes) = orphans.unpublished.get(&row.session).copied().unwrap_or_default();
    }
    plan.holding.retain(Holding::holds_something);
    plan.bytes_waiting = bytes_waiting(repository, &plan)?;
    Ok(plan)
}

/// Stored bytes of the packs that were given up and are not due.
fn bytes_waiting(repository: &Repository, plan: &CollectPlan) -> Result<u64> {
    if plan.waiting == 0 {
        return Ok(0);
    }
    let lengths = repository.blobs().live_index().pack_lengths()?;
    let view = repository.log().view();
    let waits = view.given_up.keys().filter(|row| plan.due.binary_search(row).is_err());
    Ok(waits.filter_map(|row| lengths.get(&row.id)).sum())
}

/// The plan at the known head, and the marks that it rests on.
pub(super) fn draw(
    repository: &Repository,
    options: &CollectOptions,
    monitor: &Monitor,
) -> Result<(CollectPlan, Marks)> {
    let view = repository.log().view();
    let now = repository.env().now();
    if let Some(unknown) = options.fence.iter().find(|session| !view.sessions.contains_key(session)) {
        let open: Vec<String> = view.sessions.keys().map(ToString::to_string).collect();
        return Err(Error::new(Kind::Input, "no session of this number is open")
            .on(format!("session {unknown}"))
            .advise(if open.is_empty() { "none is".to_owned() } else { format!("open are: {}", open.join(", ")) }));
    }
    let fence: Vec<u32> = silent(&view, now, options);
    let mut own: BTreeMap<u32, (u64, u64)> = BTreeMap::new();
    let mut marks = Marks::default();
    let held = |id| view.sessions.iter().any(|(number, s)| s.base == Some(id) && !fence.contains(number));
    let needed = view.commits.iter().chain(view.held.iter().filter(|c| held(c.id)));
    marks.add(needed, &view, repository, monitor)?;
    let mut plan = CollectPlan { fence, ..CollectPlan::empty(view.head) };
    let mut partial: BTreeMap<ObjectId, PackPlan> = BTreeMap::new();
    let held = Held::new(repository, &view)?;
    for pack in repository.blobs().live_index().packs()? {
        let is_open = view.sessions.contains_key(&pack.id.session) && !plan.fence.contains(&pack.id.session);
        let live = marks.count(pack.id);
        if is_open || live >= pack.blobs {
            plan.kept += 1;
            plan.bytes_kept += pack.bytes;
            if live < pack.blobs {
                let sums = own.entry(pack.id.session).or_default();
                *sums = (sums.0 + 1, sums.1 + pack.bytes);
            }
            continue;
        }
        let survivors = marks.bits(pack.id).unwrap_or_default().to_vec();
        let (kind, id, bytes, blobs) = (pack.kind, pack.id, pack.bytes, pack.blobs);
        let pack = PackPlan { kind, id, bytes, blobs, plain: 0, plain_live: 0, survivors };
        match (live, held.until(pack.kind, pack.id)?) {
            (0, Some(until)) => plan.pass_over(&pack, until),
            (0, None) => plan.dead.push(pack),
            _ => _ = partial.insert(pack.id, pack),
        }
    }
    measure(repository, &mut partial)?;
    // What rests in an archive would have to be retrieved first: it goes when all of it is dead.
    let rests = crate::retrieval::may_rest(repository);
    for pack in partial.into_values() {
        if rests && pack.kind == ObjectKind::DataPack {
            plan.keep(&pack);
            continue;
        }
        let until = if is_sparse(&pack, options.dead_share) { held.until(pack.kind, pack.id)? } else { None };
        match until {
            Some(until) => plan.pass_over(&pack, until),
            None if is_sparse(&pack, options.dead_share) => plan.sparse.push(pack),
            None => plan.keep(&pack),
        }
    }
    let waiting = super::sweep::due(&view, now, options.grace_seconds, &mut plan);
    plan.holding = holding(&view, now, &plan.fence, &own, &waiting);
    let packs_new = plan.bytes_repacked().div_ceil(u64::from(repository.config().pack_bytes_max));
    plan.requests = [plan.sparse.len() as u64 * 2, packs_new + u64::from(packs_new > 0) + 2];
    plan.hash = hash(repository, &plan, options);
    Ok((plan, marks))
}

/// Sessions whose last sign of life is older than the lease, and those that were named.
fn silent(view: &LogView, now: Time, options: &CollectOptions) -> Vec<u32> {
    view.sessions.keys().copied().filter(|number| is_over(view, *number, now, options)).collect()
}

/// Whether a session is open and to be fenced.
pub(super) fn is_over(view: &LogView, session: u32, now: Time, options: &CollectOptions) -> bool {
    let late = |heard: Time| now.seconds.saturating_sub(heard.seconds) > options.lease_seconds;
    let is_late = |s: &SessionRef| heard(view, s, now).is_some_and(late);
    view.sessions.get(&session).is_some_and(|s| options.fence.contains(&session) || is_late(s))
}

/// The last sign of life of a session. A clock that is ahead of this one says nothing: then the session is as silent as the log shows, from the next
/// entry on.
pub(super) fn heard(view: &LogView, session: &SessionRef, now: Time) -> Option<Time> {
    if session.last > now { view.seen_since(session.heard, now) } else { Some(session.last) }
}

/// The open sessions that stay, and what of space each keeps from coming back: their own packs by session, and the slots where what waits for them was given up.
fn holding(view: &LogView, now: Time, fence: &[u32], own: &BTreeMap<u32, (u64, u64)>, waiting: &[u32]) -> Vec<Holding> {
    let stays = view.sessions.iter().filter(|(number, _)| !fence.contains(number));
    let row = |(number, s): (&u32, &SessionRef)| {
        let (packs, bytes) = own.get(number).copied().unwrap_or_default();
        Holding {
            session: *number,
            host: s.host.clone(),
            job: s.job.clone(),
            opened: s.opened,
            heard: heard(view, s, now),
            is_ahead: s.last > now,
            objects: waiting.iter().filter(|slot| *slot > number).count() as u64,
            packs,
            bytes,
            unpublished: 0,
            unpublished_bytes: 0,
            holds_base: view.held.iter().any(|held| Some(held.id) == s.base),
        }
    };
    stays.map(row).collect()
}

/// Plaintext of these packs, live and in all: one pass over the index, only when there is a question.
fn measure(repository: &Repository, packs: &mut BTreeMap<ObjectId, PackPlan>) -> Result<()> {
    if packs.is_empty() {
        return Ok(());
    }
    let cache = repository.blobs().live_index().cache();
    cache.for_each_place(&mut |_, place: &BlobLocation| {
        if let Some(pack) = packs.get_mut(&place.pack) {
            let bytes = u64::from(place.bytes);
            pack.plain += bytes;
            if pack.is_live(place.blob) {
                pack.plain_live += bytes;
            }
        }
        Ok(())
    })
}

#[expect(clippy::cast_precision_loss, reason = "a share of bytes needs no more than 52 bits")]
fn is_sparse(pack: &PackPlan, dead_share: f64) -> bool {
    let dead = (pack.plain - pack.plain_live) as f64;
    dead > 0.0 && dead >= dead_share * pack.plain as f64
}

/// What the survivors will need when they are stored anew, by their share of the plaintext.
fn estimated_bytes(pack: &PackPlan) -> u64 {
    let share = u128::from(pack.bytes) * u128::from(pack.plain_live) / u128::from(pack.plain.max(1));
    u64::try_from(share).unwrap_or(pack.bytes)
}
