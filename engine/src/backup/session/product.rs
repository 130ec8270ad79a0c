//! What a session has made when it is about to commit, be it by a walk or by edits.

use super::super::Original;
use crate::source::About;
use format_spec::Time;
use format_spec::log::PointId;
use format_spec::point::{LedgerCounts, Manifest, Maps, PointKind, Shrunken};
use format_spec::tree::Entry;

/// The parts of a manifest that the session itself does not know.
pub(in crate::backup) struct Product {
    /// The id that somebody has to know already; `None` takes a random one.
    pub(in crate::backup) id: Option<PointId>,
    /// What the point shows as its time: what changed later is not promised to be in it.
    pub(in crate::backup) started: Time,
    pub(in crate::backup) about: About,
    pub(in crate::backup) kind: PointKind,
    pub(in crate::backup) reason: String,
    pub(in crate::backup) tags: Vec<String>,
    pub(in crate::backup) root: Entry,
    pub(in crate::backup) maps: Maps,
    pub(in crate::backup) counts: LedgerCounts,
    /// How many left out items no exception names.
    pub(in crate::backup) unnamed: u64,
    pub(in crate::backup) shrunken: Option<Shrunken>,
    /// Whether what was not touched is the base's, unseen: then the base must still be what it was.
    pub(in crate::backup) takes_over: bool,
}

/// A copy is the point that it is a copy of. Its ledger names again what the original's names; what the original counted without a name stays
/// counted so.
pub(super) fn take_over(manifest: &mut Manifest, original: &Original) {
    let named_again = original.left_out;
    let original = &original.manifest;
    let left_out_here = manifest.counts.skipped.saturating_sub(named_again);
    manifest.unnamed = Some(original.left_out_unnamed().saturating_add(manifest.unnamed.unwrap_or(0)));
    manifest.cut = manifest.cut.max(original.cut);
    manifest.id = original.id;
    (manifest.started, manifest.finished) = (original.started, original.finished);
    manifest.organisation.clone_from(&original.organisation);
    (manifest.kind, manifest.kind_reason) = (original.kind, original.kind_reason.clone());
    (manifest.source, manifest.seen) = (original.source, original.seen.clone());
    // How an item ended is told of the original's source, which nobody reads here.
    (manifest.counts, manifest.shrunken) = (original.counts, original.shrunken);
    manifest.counts.skipped = original.counts.skipped.saturating_add(left_out_here);
}
