//! What is told of a collection: rows of its plan, what it would do, and what it did.

use super::{Collected, CollectionPlan};
use crate::open_store::Traffic;
use crate::report;
use crate::spending::EarlyReport;
use engine::maintenance::{CollectPlan, Holding, LockedPack, PackPlan, PlanHash};
use engine::store::Counts;
use format_spec::{Time, names};
use schemars::JsonSchema;
use serde::Serialize;

/// A pack that is given up: a row `pack` of `gc plan`.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct PackRow {
    /// `dead`: nothing in it is needed; `repack`: what is needed is stored again.
    pub what: &'static str,
    /// Its name.
    pub object: String,
    /// Its stored length.
    pub bytes: u64,
    /// Blobs in it.
    pub blobs: u32,
    /// Blobs in it that are needed.
    pub blobs_live: u32,
}

impl PackRow {
    /// The rows of a plan: packs that are dead, then those that are packed again.
    pub fn all(plan: &CollectPlan) -> impl Iterator<Item = PackRow> {
        let dead = plan.dead.iter().map(|pack| ("dead", pack));
        dead.chain(plan.sparse.iter().map(|pack| ("repack", pack))).map(|(what, pack)| PackRow::of(what, pack))
    }

    fn of(what: &'static str, pack: &PackPlan) -> PackRow {
        PackRow {
            what,
            object: names::of_session(pack.kind, pack.id),
            bytes: pack.bytes,
            blobs: pack.blobs,
            blobs_live: pack.survivors.iter().map(|bits| bits.count_ones()).sum(),
        }
    }
}

/// A pack that would be given up, were it not locked: a row `pack` of `gc plan`.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct LockedRow {
    /// Always `locked`.
    pub what: &'static str,
    /// Its name.
    pub object: String,
    /// Its stored length.
    pub bytes: u64,
    /// Until when the store keeps it.
    #[serde(serialize_with = "report::time")]
    #[schemars(with = "String")]
    pub locked_until: Time,
}

impl LockedRow {
    /// Of a pack.
    pub fn of(pack: &LockedPack) -> LockedRow {
        let object = names::of_session(pack.kind, pack.id);
        LockedRow { what: "locked", object, bytes: pack.bytes, locked_until: pack.until }
    }
}

/// A silent session that is shut out: the row `fence` of `gc plan`.
#[derive(Debug, Clone, Copy, Serialize, JsonSchema)]
pub struct FenceRow {
    /// Its number.
    pub session: u32,
}

/// An open session that holds space back: the row `holding` of `gc plan`.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct HoldingRow {
    /// Its number.
    pub session: u32,
    /// The host that runs it.
    pub host: String,
    /// Its job.
    pub job: String,
    /// When it was opened, by its writer's clock.
    #[serde(serialize_with = "report::time")]
    #[schemars(with = "String")]
    pub opened: Time,
    /// Its last sign of life; null where nothing shows it yet.
    #[serde(serialize_with = "report::time_if_any")]
    #[schemars(with = "Option<String>")]
    pub heard: Option<Time>,
    /// Whether its writer's clock is ahead of this one.
    pub clock_ahead: bool,
    /// Objects whose grace is over and that wait for its end.
    pub objects: u64,
    /// Packs of its own that no restore point needs so far.
    pub packs: u64,
    /// Their stored bytes.
    pub bytes: u64,
    /// Objects that it stored and no entry names yet.
    pub unpublished: u64,
    /// Their stored bytes.
    pub bytes_unpublished: u64,
    /// Whether it builds upon a restore point that was expired.
    pub holds_base: bool,
}

impl HoldingRow {
    /// Of a session.
    pub fn of(held: &Holding) -> HoldingRow {
        HoldingRow {
            session: held.session,
            host: held.host.clone(),
            job: held.job.clone(),
            opened: held.opened,
            heard: held.heard,
            clock_ahead: held.is_ahead,
            objects: held.objects,
            packs: held.packs,
            bytes: held.bytes,
            unpublished: held.unpublished,
            bytes_unpublished: held.unpublished_bytes,
            holds_base: held.holds_base,
        }
    }
}

/// What a collection would do.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct CollectionPlanReport {
    /// The hash for `gc apply`.
    pub plan: String,
    /// Packs of which nothing is needed.
    pub packs_dead: usize,
    /// Packs of which what is needed is stored again.
    pub packs_sparse: usize,
    /// Packs that would be given up, were they not locked.
    pub packs_locked: usize,
    /// Their stored bytes.
    pub bytes_locked: u64,
    /// When the first of those locks ends; null without any.
    #[serde(serialize_with = "report::time_if_any")]
    #[schemars(with = "Option<String>")]
    pub locked_until: Option<Time>,
    /// Packs that stay.
    pub packs_kept: u64,
    /// Silent sessions that are shut out.
    pub sessions_silent: usize,
    /// Open sessions that hold space back.
    pub sessions_holding: usize,
    /// Stored bytes of the packs that are given up.
    pub bytes_condemned: u64,
    /// Bytes that packing again stores, about.
    pub bytes_repacked: u64,
    /// The difference of the two.
    pub bytes_saved: u64,
    /// Reading requests for packing again, about.
    pub requests_get: u64,
    /// Writing requests for it, about.
    pub requests_put: u64,
    /// Deleting requests for what is due.
    pub requests_delete: usize,
    /// Objects whose grace is over.
    pub objects_due: usize,
    /// Objects that were given up and wait.
    pub objects_waiting: u64,
    /// Stored bytes of the packs among them.
    pub bytes_waiting: u64,
    /// When the first of those is due that wait for their grace alone; null without any.
    #[serde(serialize_with = "report::time_if_any")]
    #[schemars(with = "Option<String>")]
    pub sweep_after: Option<Time>,
    /// Objects that ended sessions left behind.
    pub objects_orphaned: u64,
    /// Their stored bytes.
    pub bytes_orphaned: u64,
    /// Objects that are left alone because they are damaged.
    pub objects_damaged: usize,
    /// What goes before its time, and what it costs.
    #[serde(flatten)]
    pub early: EarlyReport,
    /// Requests to the store.
    #[serde(flatten)]
    pub traffic: Traffic,
}

impl CollectionPlanReport {
    /// Of a plan.
    pub fn of(planned: &CollectionPlan, counts: &Counts) -> CollectionPlanReport {
        let CollectionPlan { plan, priced } = planned;
        let [requests_get, requests_put] = plan.requests;
        CollectionPlanReport {
            plan: plan.hash.to_string(),
            packs_dead: plan.dead.len(),
            packs_sparse: plan.sparse.len(),
            packs_locked: plan.locked.len(),
            bytes_locked: plan.locked.iter().map(|pack| pack.bytes).sum(),
            locked_until: plan.locked.iter().map(|pack| pack.until).min(),
            packs_kept: plan.kept,
            sessions_silent: plan.fence.len(),
            sessions_holding: plan.holding.len(),
            bytes_condemned: plan.bytes_condemned(),
            bytes_repacked: plan.bytes_repacked(),
            bytes_saved: plan.bytes_condemned().saturating_sub(plan.bytes_repacked()),
            requests_get,
            requests_put,
            requests_delete: plan.due.len(),
            objects_due: plan.due.len(),
            objects_waiting: plan.waiting,
            bytes_waiting: plan.bytes_waiting,
            sweep_after: plan.next_due,
            objects_orphaned: plan.orphans,
            bytes_orphaned: plan.bytes_orphaned,
            objects_damaged: plan.damaged.len(),
            early: priced.report(),
            traffic: Traffic::of(counts),
        }
    }
}

/// What a collection did.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct CollectionReport {
    /// The hash of the plan that was carried out.
    pub plan: String,
    /// Silent sessions that were shut out.
    pub sessions_fenced: u64,
    /// Packs that were given up.
    pub packs_condemned: u64,
    /// Their stored bytes.
    pub bytes_condemned: u64,
    /// Packs among them of which something was stored again.
    pub packs_repacked: u64,
    /// Packs that were written for it.
    pub packs_written: u64,
    /// Stored bytes of those.
    pub bytes_written: u64,
    /// Index segments that were folded into larger ones.
    pub segments_folded: u64,
    /// Objects that were deleted.
    pub objects_deleted: u64,
    /// Stored bytes of those.
    pub bytes_freed: u64,
    /// Entries and checkpoints of the log that were deleted because newer checkpoints cover them.
    pub log_entries_deleted: u64,
    /// Objects that the store has locked.
    pub objects_locked: u64,
    /// Objects that were given up and wait.
    pub objects_waiting: u64,
    /// When the first of those is due that wait for their grace alone; null without any.
    #[serde(serialize_with = "report::time_if_any")]
    #[schemars(with = "Option<String>")]
    pub sweep_after: Option<Time>,
    /// Objects that were left alone because they are damaged.
    pub objects_damaged: usize,
    /// Retrievals that have ended.
    pub retrievals_ended: usize,
    /// Whether a limit ended the work before it was done.
    pub partial: bool,
    /// Whether sparse packs or segments were left as they are, as there was no room for what would
    /// take their place.
    pub short_of_room: bool,
    /// Requests to the store.
    #[serde(flatten)]
    pub traffic: Traffic,
}

impl CollectionReport {
    /// Of the plan of this hash.
    pub fn of(plan: &PlanHash, done: &Collected, counts: &Counts) -> CollectionReport {
        let Collected { report, tidied } = done;
        CollectionReport {
            plan: plan.to_string(),
            sessions_fenced: report.fenced,
            packs_condemned: report.packs_condemned,
            bytes_condemned: report.bytes_condemned,
            packs_repacked: report.packs_repacked,
            packs_written: report.packs_written,
            bytes_written: report.bytes_written,
            segments_folded: report.segments_folded,
            objects_deleted: report.objects_deleted,
            bytes_freed: report.bytes_freed,
            log_entries_deleted: report.log_entries_deleted,
            objects_locked: report.objects_locked,
            objects_waiting: report.waiting,
            sweep_after: report.sweep_after,
            objects_damaged: report.damaged.len(),
            retrievals_ended: tidied.ended.len(),
            partial: report.is_partial,
            short_of_room: report.is_short_of_room,
            traffic: Traffic::of(counts),
        }
    }
}
