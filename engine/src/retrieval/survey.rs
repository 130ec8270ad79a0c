//! How packs rest, asked of the store in bulk: a session's packs stand together in its listing, and one page of it tells of a thousand.

use crate::error::{Error, Kind, Result};
use crate::monitor::Monitor;
use crate::store::{ListOptions, ObjectName, Store, StoreExt, TierStatus};
use format_spec::container::ObjectKind;
use format_spec::{ObjectId, names};
use std::collections::{BTreeMap, BTreeSet};

/// How these data packs rest. A pack that the store does not have is left out.
///
/// # Errors
/// The store's.
pub fn survey(
    store: &dyn Store,
    packs: &BTreeSet<ObjectId>,
    monitor: &Monitor,
) -> Result<BTreeMap<ObjectId, TierStatus>> {
    let mut found = BTreeMap::new();
    let mut rest = packs.iter().copied().peekable();
    while let Some(first) = rest.peek().copied() {
        monitor.check()?;
        let mut wanted = BTreeSet::new();
        while let Some(pack) = rest.next_if(|pack| pack.session == first.session) {
            wanted.insert(pack);
        }
        if wanted.len() >= LISTED_FROM {
            list(store, first.session, &wanted, &mut found)?;
        }
        // Few are asked for one by one; so is what a listing left out, since no listing proves an absence.
        for pack in wanted.iter().filter(|pack| !found.contains_key(pack)).copied().collect::<Vec<_>>() {
            match store.tier_of(&name_of(pack)?) {
                Ok(tier) => _ = found.insert(pack, tier),
                Err(e) if e.kind() == Kind::Absent => {}
                Err(e) => return Err(e),
            }
        }
    }
    Ok(found)
}

fn list(
    store: &dyn Store,
    session: u32,
    wanted: &BTreeSet<ObjectId>,
    found: &mut BTreeMap<ObjectId, TierStatus>,
) -> Result<()> {
    let prefix = format!("{}/{session:08x}", names::folder(ObjectKind::DataPack));
    // What lies before the first is not asked for; listings are in no promised order, so all behind it is.
    let before = wanted.first().and_then(|first| first.ordinal.checked_sub(1));
    let after = before.map(|ordinal| name_of(ObjectId { session, ordinal })).transpose()?;
    store.list(&ListOptions::below(&prefix).after(after.as_ref()).with_tiers(), &mut |listed| {
        let id = names::parse(listed.name.as_str()).map(|(_, session, ordinal)| ObjectId { session, ordinal });
        if let Some(id) = id.filter(|id| wanted.contains(id)) {
            found.insert(id, listed.tier());
        }
        true
    })
}

/// The name of a data pack.
pub(super) fn name_of(pack: ObjectId) -> Result<ObjectName> {
    ObjectName::new(names::of_session(ObjectKind::DataPack, pack))
}

/// A pack that the index names and the store does not have.
pub(super) fn lost(pack: ObjectId) -> Error {
    Error::new(Kind::Damaged, "the repository needs this pack and the store does not have it")
        .on(names::of_session(ObjectKind::DataPack, pack))
        .advise("`cairn check` names all that is missing")
}

/// From so many packs of a session on, its listing costs less than asking for each.
const LISTED_FROM: usize = 4;
