//! The end of a history: nobody works any more, everything given up is collected, and what is left must be exactly what is needed.

use super::actor::{Shared, open};
use super::history::YEARS_OFF_MAX;
use super::rot::repair;
use super::wreck::cure;
use crate::proofs::{restore_options, shown};
use engine::blob::CachePlace;
use engine::error::Error;
use engine::maintenance::repair::RepairOptions;
use engine::maintenance::{CheckOptions, ClockVerdict, CollectOptions, Level, check, collect, plan_collection};
use engine::monitor::Monitor;
use engine::repository::Repository;
use engine::store::ListOptions;
use engine::tree::{Names, names_of};
use format_spec::container::ObjectKind;
use format_spec::tree::Node;
use format_spec::{ChunkId, ObjectId, names};
use std::collections::BTreeSet;
use std::sync::Arc;

/// What is wrong, if something is.
pub(super) fn reckon(shared: &Shared) -> Result<(), String> {
    let told = |e: Error| shown(&e);
    let env = shared.world.env(shared.seed, 3000, 0);
    let (store, copies) = (shared.world.backups.seen(), shared.world.copies.seen());
    let world = &shared.world;
    let wreck = world.wreck.lock().clone();
    if let Some(wreck) = wreck {
        cure(shared, &wreck, store.clone(), &env).map_err(told)?;
    }
    if world.has_rotten() {
        repair_all(&open(store.clone(), &env, CachePlace::Temporary).map_err(told)?).map_err(told)?;
    }
    let repository = open(store.clone(), &env, CachePlace::Temporary).map_err(told)?;
    shared.model.lock().verify(&repository, false, world.time())?;
    world.backups.expect_locked(&repository)?;
    world.copies.expect_locked(&*open(copies.clone(), &env, CachePlace::Temporary).map_err(told)?)?;
    world.backups.expect_kept()?;
    world.copies.expect_kept()?;
    // All locks end; and clocks were ahead by years, so that what they dated waits for so long.
    let is_far = world.counts().far_clocks > 0;
    world.sleep(if is_far { 366 * (YEARS_OFF_MAX + 1) } else { 100 } * 86_400);
    collect_all(&repository).map_err(told)?;
    // Whoever opens it now sees only what the store has.
    let repository = open(store, &env, CachePlace::Temporary).map_err(told)?;
    shared.model.lock().verify(&repository, false, world.time())?;
    let full = CheckOptions { threads: 1, ..CheckOptions::new(Level::Full) };
    let report = check(&repository, &full, &Monitor::new()).map_err(told)?;
    if let Some(finding) = report.errors.first() {
        return Err(format!("the check finds {}: {}", finding.object, finding.what));
    }
    is_tight(&repository).map_err(told)??;
    let copies = open(copies, &env, CachePlace::Temporary).map_err(told)?;
    collect_all(&copies).map_err(told)?;
    let report = check(&copies, &full, &Monitor::new()).map_err(told)?;
    if let Some(finding) = report.errors.first() {
        return Err(format!("the check of the copies finds {}: {}", finding.object, finding.what));
    }
    shared.model.lock().verify_copies(&copies, world.time())?;
    if shared.seed.is_multiple_of(8) { restore_newest(&repository).map_err(told) } else { Ok(()) }
}

/// Repairs until nothing can be given back any more.
fn repair_all(repository: &Arc<Repository>) -> engine::Result<()> {
    for _ in 0..3 {
        if !repair(repository, RepairOptions { level: Level::Full, from: None, threads: 1 })? {
            break;
        }
    }
    Ok(())
}

/// Collects until nothing is left to do.
fn collect_all(repository: &Arc<Repository>) -> engine::Result<()> {
    let options =
        CollectOptions { dead_share: 0.0, grace_seconds: 0, lease_seconds: 3600, ..CollectOptions::new("the end") };
    for _ in 0..3 {
        let plan = plan_collection(repository, &options, &Monitor::new())?;
        collect(repository, &options, &plan.hash, &ClockVerdict::trusted(), &Monitor::new())?;
    }
    Ok(())
}

/// Every object is one that the log names, nothing waits, and every pack has a live blob, by the trees themselves.
fn is_tight(repository: &Arc<Repository>) -> engine::Result<Result<(), String>> {
    let view = repository.log().view();
    if !view.sessions.is_empty() || !view.given_up.is_empty() || !view.held.is_empty() {
        let (open, waiting) = (view.sessions.len(), view.given_up.len());
        return Ok(Err(format!("{open} sessions are open and {waiting} objects wait to be deleted")));
    }
    let mut live = BTreeSet::new();
    for commit in &view.commits {
        let manifest = &repository.load(commit)?.manifest;
        let roots = [manifest.maps.links, manifest.maps.exceptions, manifest.maps.state, Some(manifest.references)];
        let mut nodes: Vec<ChunkId> = roots.into_iter().flatten().collect();
        let root = Names::of_entry(&manifest.root);
        nodes.extend(root.nodes);
        live.extend(root.chunks);
        while let Some(id) = nodes.pop() {
            if live.insert(id) {
                let names = match &*repository.node(&id)? {
                    Node::Map(_) => Names::default(),
                    node => names_of(node),
                };
                nodes.extend(names.nodes);
                live.extend(names.chunks);
            }
        }
    }
    let mut needed: BTreeSet<ObjectId> = BTreeSet::new();
    repository.blobs().live_index().cache().for_each_place(&mut |id, place| {
        if live.contains(id) {
            needed.insert(place.pack);
        }
        Ok(())
    })?;
    let mut wrong = None;
    repository.sealed_store().store.list(&ListOptions::below(""), &mut |listed| {
        let Some((kind, session, ordinal)) = names::parse(listed.name.as_str()) else { return true };
        let id = ObjectId { session, ordinal };
        let is_named = match kind {
            ObjectKind::DataPack | ObjectKind::MetaPack => needed.contains(&id) && !view.condemned.has(id),
            ObjectKind::IndexSegment => view.segments.iter().any(|s| s.id() == id),
            ObjectKind::RestorePoint => {
                view.commits.iter().any(|c| (c.session, c.object.ordinal) == (session, ordinal))
            }
            _ => true,
        };
        if !is_named {
            wrong = Some(format!("{} is left, and nothing live is in it", listed.name));
        }
        is_named
    })?;
    Ok(wrong.map_or(Ok(()), Err))
}

/// The real restore, with its threads.
fn restore_newest(repository: &Arc<Repository>) -> engine::Result<()> {
    let Some(point) = repository.points()?.pop() else { return Ok(()) };
    let target = tempfile::tempdir()?;
    let summary = engine::restore::restore(
        repository,
        &point,
        b"",
        target.path(),
        &restore_options(),
        &Arc::new(Monitor::new()),
    )?;
    assert_eq!((summary.bytes, summary.damaged), (point.manifest.root.totals.bytes, 0));
    Ok(())
}
