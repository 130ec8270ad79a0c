//! What everybody else does with a point that has a state: copies, expiry, collection, checks, repair.

use super::interim::put;
use super::{By, bytes, entry, expect_sound, newest, rig, state, tree, update};
use crate::copy::{Pair, Which, strange};
use engine::Kind;
use engine::copy::CopyOptions;
use engine::maintenance::ClockVerdict;
use engine::maintenance::retention::{ApplyOptions, Decision, Request, RetentionPlan, Rules, Scope, apply};
use engine::monitor::Monitor;
use engine::repository::Repository;
use engine::source::PointDraft;
use engine::tree::MapCursor;
use engine::{Error, Result};
use format_spec::Time;
use format_spec::config::RetentionKind;
use format_spec::log::PointId;
use format_spec::tree::Entry;
use std::collections::BTreeMap;
use std::sync::Arc;
use testkit::rig::{collect_all, collect_options};

/// Some mails and a row for each.
fn fill(draft: &dyn PointDraft) -> Result<()> {
    for n in 0..30 {
        put(draft, b"box", format!("{n}.eml").as_bytes(), &testkit::noise(n, 20_000))?;
        draft.set_state(format!("id/{n}").as_bytes(), Some(&[7; 300]))?;
    }
    draft.set_state(b"cursor", Some(b"delta-1"))
}

fn rows(repository: &Repository) -> BTreeMap<Vec<u8>, Vec<u8>> {
    let rows = MapCursor::open(repository.nodes(), newest(repository).manifest.maps.state);
    rows.map(|pair| pair.map(|pair| (pair.key.clone(), pair.value.clone())).unwrap()).collect()
}

#[test]
fn copies_have_the_state_too_be_it_under_another_key() {
    let folder = tempfile::tempdir().unwrap();
    let pair = Pair::new(folder.path());
    let source = pair.source.open().unwrap();
    update(&source, &By(fill)).unwrap();
    pair.copy(Which::All).unwrap();
    update(&source, &By(|draft: &dyn PointDraft| draft.set_state(b"cursor", Some(b"delta-2")))).unwrap();
    pair.copy(Which::All).unwrap();
    pair.expect_same_points();
    let other = strange(&pair, folder.path());
    other.copy_with(&CopyOptions { rekey: true, ..other.options(Which::All) }).unwrap();
    for target in [&other.target, &pair.target] {
        let copy = target.open().unwrap();
        assert_eq!((rows(&copy), copy.points().unwrap().len()), (rows(&source), 2));
        assert_eq!(tree(&copy, &newest(&copy)), tree(&source, &newest(&source)));
        expect_sound(target);
    }
}

#[test]
fn a_collection_keeps_what_the_state_needs() {
    let folder = tempfile::tempdir().unwrap();
    let rig = rig(folder.path());
    let repository = rig.open().unwrap();
    update(&repository, &By(fill)).unwrap();
    for round in 0..5u8 {
        let change = By(move |draft: &dyn PointDraft| {
            put(draft, b"box", b"3.eml", &testkit::noise(100 + u64::from(round), 20_000))?;
            draft.set_state(b"cursor", Some(&[round]))
        });
        update(&repository, &change).unwrap();
    }
    let last = newest(&repository).manifest.id;
    let old = repository.points().unwrap().iter().map(|p| p.manifest.id).filter(|id| *id != last).collect();
    testkit::rig::expire(&repository, old);
    assert!(collect_all(&repository, &collect_options()).unwrap().packs_condemned > 0);
    expect_sound(&rig);
    let again = rig.open().unwrap();
    assert_eq!((rows(&again).len(), state(&again, b"cursor")), (31, Some(vec![4])));
    assert_eq!(bytes(&again, &entry(&again, "box/3.eml").unwrap()), testkit::noise(104, 20_000));
}

#[test]
fn a_lost_state_is_found_and_named() {
    let folder = tempfile::tempdir().unwrap();
    let rig = rig(folder.path());
    let repository = rig.open().unwrap();
    update(&repository, &By(fill)).unwrap();
    // Another pack holds the second state alone.
    update(&repository, &By(|draft: &dyn PointDraft| draft.set_state(b"cursor", Some(b"delta-2")))).unwrap();
    let root = newest(&repository).manifest.maps.state.unwrap();
    let place = repository.blobs().live_index().places(&root).unwrap()[0];
    let name = format_spec::names::of_session(format_spec::container::ObjectKind::MetaPack, place.pack);
    rig.store.delete(engine::store::ObjectName::new(name).unwrap().object()).unwrap();
    let errors = rig.check().unwrap().errors;
    assert!(errors.iter().any(|e| e.object.contains(&newest(&repository).manifest.id.to_string()[..8])), "{errors:?}");
    // The next session cannot build upon it, reads all, and is whole.
    let again = By(|draft: &dyn PointDraft| {
        draft.state(b"cursor")?;
        assert!(draft.base().is_none(), "a base whose state is lost is no base");
        fill(draft)
    });
    let fresh = rig.open().unwrap();
    update(&fresh, &again).unwrap();
    assert_eq!(state(&fresh, b"cursor"), Some(b"delta-1".to_vec()));
}

fn decisions(repository: &Repository) -> BTreeMap<PointId, Decision> {
    let rules = Rules { last: Some(1), ..Rules::default() };
    let scope = Scope::of(Request::Rules { rules, kind: RetentionKind::Snapshot });
    let plan = RetentionPlan::make(repository, &scope, &Monitor::new()).unwrap();
    plan.rows.into_iter().map(|row| (row.decision.point.id, row.decision)).collect()
}

#[test]
fn rules_pass_over_interim_points_and_let_superseded_ones_go() {
    let folder = tempfile::tempdir().unwrap();
    let rig = rig(folder.path());
    let repository = rig.open().unwrap();
    let first = update(&repository, &By(fill)).unwrap().point.unwrap();
    let killed = By(|draft: &dyn PointDraft| {
        for n in 0..2 {
            put(draft, b"box", format!("new {n}").as_bytes(), b"new")?;
            draft.interim()?;
        }
        Err(Error::new(Kind::Transient, "killed"))
    });
    update(&repository, &killed).unwrap_err();
    let interim: Vec<PointId> =
        repository.points().unwrap().iter().filter(|p| p.manifest.is_interim()).map(|p| p.manifest.id).collect();
    let decisions = decisions(&repository);
    let kept = |id: &PointId| (decisions[id].keep, decisions[id].reasons[0].to_string());
    assert_eq!(kept(&first), (true, "the last".to_owned()));
    assert_eq!(kept(&interim[0]), (false, "interim, and a later point of its job is there".to_owned()));
    assert_eq!(kept(&interim[1]), (true, "interim: the next session goes on from it".to_owned()));
    assert_eq!(repository.find_point("latest").unwrap().manifest.id, first);
    assert_eq!(repository.find_point(&interim[1].to_string()).unwrap().manifest.id, interim[1]);
    // Nobody says by hand how a point was made.
    for (add, remove) in [(vec!["interim"], vec![]), (vec![], vec!["interim"])] {
        let words = |words: Vec<&str>| words.into_iter().map(str::to_owned).collect();
        let points = [if remove.is_empty() { first } else { interim[1] }].into();
        let scope = Scope::of(Request::Tags { points, add: words(add), remove: words(remove) });
        let refused = RetentionPlan::make(&repository, &scope, &Monitor::new()).unwrap_err();
        assert_eq!(refused.kind(), Kind::Input, "{refused}");
    }
    let options = engine::backup::BackupOptions { tags: vec!["interim".into()], ..super::options() };
    let refused = engine::backup::edit(&repository, &By(fill), &options, &Arc::new(Monitor::new()));
    assert_eq!(refused.unwrap_err().kind(), Kind::Input);
}

#[test]
fn copies_pass_over_interim_points() {
    let folder = tempfile::tempdir().unwrap();
    let pair = Pair::new(folder.path());
    let source = pair.source.open().unwrap();
    let killed = By(|draft: &dyn PointDraft| {
        fill(draft)?;
        draft.interim()?;
        Err(Error::new(Kind::Transient, "killed"))
    });
    update(&source, &killed).unwrap_err();
    for which in [Which::All, Which::Latest] {
        assert_eq!(pair.copy(which).unwrap().copied, []);
    }
    let id = newest(&source).manifest.id;
    assert_eq!(pair.copy(Which::Named(vec![id.to_string()])).unwrap_err().kind(), Kind::Input);
    update(&source, &By(|_: &dyn PointDraft| Ok(()))).unwrap();
    assert_eq!(pair.copy(Which::All).unwrap().copied.len(), 1);
}

/// Items leave by their age; what the source wrote down about them does not.
#[test]
fn items_that_leave_by_age_take_no_row_along() {
    let folder = tempfile::tempdir().unwrap();
    let rig = rig(folder.path());
    let repository = rig.open().unwrap();
    let years_ago = Time::new(repository.env().now().seconds - 4 * 366 * 86_400, 0);
    let source = By(|draft: &dyn PointDraft| {
        fill(draft)?;
        let old = draft.entry(b"box/3.eml")?.expect("it was put");
        draft.edit(b"box", vec![(b"3.eml".to_vec(), Some(Entry { mtime: years_ago, ..old }))])
    });
    update(&repository, &source).unwrap();
    let rules = Rules { period: Some("3y".parse().unwrap()), ..Rules::default() };
    let scope = Scope::of(Request::Rules { rules, kind: RetentionKind::Item });
    let plan = RetentionPlan::make(&repository, &scope, &Monitor::new()).unwrap();
    let options = ApplyOptions { hash: plan.hash, threads: 1 };
    let monitor = Arc::new(Monitor::new());
    let applied = apply(&repository, &scope, &options, &ClockVerdict::trusted(), &monitor).unwrap();
    assert_eq!(applied.rewritten.len(), 1);
    repository.refresh().unwrap();
    assert_eq!((entry(&repository, "box/3.eml"), rows(&repository).len()), (None, 31));
    expect_sound(&rig);
    // The next session builds upon what is left.
    update(&repository, &By(|draft: &dyn PointDraft| put(draft, b"box", b"new", b"new"))).unwrap();
    assert_eq!(tree(&repository, &newest(&repository)).len(), 31);
    expect_sound(&rig);
}

/// Of an edited point nobody has seen what was not edited: what was erased while the session ran must not come back.
#[test]
fn what_is_erased_while_a_session_runs_does_not_come_back() {
    let folder = tempfile::tempdir().unwrap();
    let rig = rig(folder.path());
    let repository = rig.open().unwrap();
    update(&repository, &By(fill)).unwrap();
    let scope = Scope::of(Request::Paths([b"box/3.eml".to_vec()].into()));
    let erased = std::sync::atomic::AtomicBool::new(false);
    let source = By(|draft: &dyn PointDraft| {
        if !erased.swap(true, std::sync::atomic::Ordering::SeqCst) {
            let other = rig.open()?;
            let plan = RetentionPlan::make(&other, &scope, &Monitor::new())?;
            let options = ApplyOptions { hash: plan.hash, threads: 1 };
            apply(&other, &scope, &options, &ClockVerdict::trusted(), &Arc::new(Monitor::new()))?;
        }
        put(draft, b"box", b"new", b"new")
    });
    update(&repository, &source).unwrap();
    assert_eq!(entry(&repository, "box/3.eml"), None);
    assert!(entry(&repository, "box/new").is_some() && entry(&repository, "box/4.eml").is_some());
    expect_sound(&rig);
}
