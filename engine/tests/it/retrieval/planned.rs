//! The plan: only what is needed, each once, in order, with what it takes; and what is refused before anything is asked.

use super::shelf::{Shelf, wish};
use engine::Kind;
use engine::monitor::Monitor;
use engine::price::Budget;
use engine::retrieval::{expect_readable, start};
use engine::store::{RetrievalMode, StorageClass};

#[test]
fn a_plan_has_only_the_packs_that_the_files_need() {
    let shelf = Shelf::new(StorageClass::Glacier);
    let repository = shelf.open();
    assert_eq!(shelf.packs().len(), 3);
    for (below, packs, files) in
        [("", 3, 4), ("a", 2, 2), ("a/two", 1, 1), ("b", 1, 1), ("empty", 0, 1), ("link", 0, 0)]
    {
        let plan = shelf.plan(&repository, below, &wish(RetrievalMode::Bulk, 3)).unwrap();
        let (needed, archived) = (plan.needed(), plan.archived());
        assert_eq!(
            (needed.packs, archived.packs, plan.asks.len()),
            (packs, packs, usize::try_from(packs).unwrap()),
            "{below}"
        );
        assert!(plan.asks.is_sorted());
        if below != "link" {
            assert_eq!(plan.files, files, "{below}");
        }
        assert_eq!(plan.estimate.requests.retrieve, packs);
        assert!(plan.estimate.cost.is_some_and(|cost| (cost > 0.0) == (packs > 0)), "{:?}", plan.estimate);
        assert_eq!(plan.estimate.seconds.is_some(), packs > 0);
    }
}

#[test]
fn what_the_archive_does_not_offer_is_refused_before_anything_is_asked() {
    let deep = Shelf::new(StorageClass::DeepArchive);
    let azure = Shelf::new(StorageClass::Archive);
    for (shelf, mode) in
        [(&deep, RetrievalMode::Expedited), (&deep, RetrievalMode::High), (&azure, RetrievalMode::Bulk)]
    {
        let repository = shelf.open();
        let refused = shelf.plan(&repository, "", &wish(mode, 1)).unwrap_err();
        assert_eq!(refused.kind(), Kind::Input, "{refused}");
        assert!(refused.advice().is_some());
        assert!(repository.log().refresh().unwrap().retrievals.is_empty());
    }
    for days in [0, 367] {
        assert_eq!(deep.plan(&deep.open(), "", &wish(RetrievalMode::Bulk, days)).unwrap_err().kind(), Kind::Input);
    }
}

#[test]
fn a_budget_stops_it_before_the_log_and_the_store_are_asked() {
    let shelf = Shelf::new(StorageClass::Glacier);
    let repository = shelf.open();
    let head = repository.log().view().head;
    let plan = shelf.plan(&repository, "", &wish(RetrievalMode::Standard, 1)).unwrap();
    let cost = plan.estimate.cost.unwrap();
    for budget in
        [Budget { max_requests: Some(3), max_cost: None }, Budget { max_requests: None, max_cost: Some(cost * 0.99) }]
    {
        let refused = start(&repository, &plan, &budget, &Monitor::new()).unwrap_err();
        assert_eq!(refused.kind(), Kind::Input);
    }
    assert_eq!(repository.log().refresh().unwrap().head, head);
    assert!(shelf.packs().iter().all(|name| shelf.read(name).is_err()));
    let budget = Budget { max_requests: Some(plan.estimate.requests.total()), max_cost: Some(cost) };
    assert_eq!(start(&repository, &plan, &budget, &Monitor::new()).unwrap().packs_asked, 3);
}

#[test]
fn data_that_rests_is_told_at_once_with_how_much_of_it() {
    let shelf = Shelf::new(StorageClass::DeepArchive);
    let repository = shelf.open();
    let needs = shelf.needs(&repository, "a");
    let told = expect_readable(&repository, &needs, &Monitor::new()).unwrap_err();
    assert_eq!(told.kind(), Kind::Archived);
    assert!(told.to_string().contains("2 of 2 packs"), "{told}");
    expect_readable(&repository, &shelf.needs(&repository, "empty"), &Monitor::new()).unwrap();
    shelf.start(&repository, "a", &wish(RetrievalMode::Bulk, 1));
    let told = expect_readable(&repository, &needs, &Monitor::new()).unwrap_err();
    assert!(told.to_string().contains("still being retrieved"), "{told}");
}

/// Trees, names and listings never rest.
#[test]
fn everything_but_data_is_read_while_the_data_rests() {
    let shelf = Shelf::new(StorageClass::DeepArchive);
    let report = shelf.rig.check().unwrap();
    assert_eq!(report.errors, Vec::new(), "what rests is not damaged");
    assert_eq!((report.packs_archived, report.points), (3, 3));
    let (done, warnings) = shelf.rig.restore("latest", &shelf.folder.path().join("out"));
    let done = done.unwrap();
    assert_eq!((done.archived, done.damaged), (3, 0), "{warnings:?}");
}
