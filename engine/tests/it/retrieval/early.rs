//! Deleting what rests before its class's minimum days: how much, how long, for how much.

use super::shelf::Shelf;
use crate::proofs::{collect_options, expire};
use engine::maintenance::{ClockVerdict, CollectOptions, Early, collect, early_deletion, plan_collection};
use engine::monitor::Monitor;
use engine::price::{Budget, PriceList};
use engine::store::StorageClass;

const GRACE_DAYS: i64 = 10;

#[test]
fn a_plan_tells_the_days_that_archived_packs_have_left_and_their_price() {
    let shelf = Shelf::new(StorageClass::DeepArchive);
    let (repository, monitor) = (shelf.open(), Monitor::new());
    let prices = PriceList::builtin("aws-us-east-1").unwrap();
    let options = CollectOptions { grace_seconds: GRACE_DAYS * 86_400, ..collect_options() };
    let look = |list: Option<&PriceList>| {
        let plan = plan_collection(&repository, &options, &monitor).unwrap();
        (early_deletion(&repository, &plan, &options, list, &monitor).unwrap(), plan)
    };
    assert_eq!(look(Some(&prices)).0, Early { cost: Some(0.0), ..Early::default() }, "everything is needed");
    expire(&repository, repository.points().unwrap().iter().map(|point| point.manifest.id).collect());
    let (early, plan) = look(Some(&prices));
    let data: Vec<_> = plan.dead.iter().filter(|p| p.kind == format_spec::container::ObjectKind::DataPack).collect();
    let bytes: u64 = data.iter().map(|pack| pack.bytes).sum();
    assert_eq!((early.objects, early.bytes, early.days_left), (3, bytes, 170));
    assert!(plan.dead.len() > 3, "metadata goes too, and costs nothing");
    // 0.00099 for a GB and a month of thirty days.
    let cost = bytes as f64 / f64::from(1 << 30) * 0.00099 * 170.0 / 30.0;
    assert!((early.cost.unwrap() - cost).abs() < cost * 1e-6, "{early:?} {cost}");
    let estimate = early.estimate(&repository, &plan, Some(&prices));
    assert!(estimate.cost >= early.cost, "and its requests: {estimate:?}");
    let mean = Budget { max_cost: Some(cost / 2.0), ..Budget::default() };
    assert!(mean.check(&estimate).is_err() && Budget::default().check(&estimate).is_ok());
    // The class is known to charge days even where no list says for how much.
    let unpriced = look(None).0;
    assert_eq!((unpriced.objects, unpriced.days_left, unpriced.cost), (3, 170, None));
    // Given up, they go when the grace is over; they have grown older by then.
    collect(&repository, &options, &plan.hash, &ClockVerdict::trusted(), &monitor).unwrap();
    assert_eq!(look(Some(&prices)).0.objects, 0, "what waits was told when it was given up");
    shelf.clock.turn_days(50);
    let (later, plan) = look(Some(&prices));
    assert_eq!((later.objects, later.bytes, later.days_left), (3, bytes, 130));
    assert!(plan.due.len() > 3 && later.cost < early.cost);
    shelf.clock.turn_days(130);
    assert_eq!(look(Some(&prices)).0, Early { cost: Some(0.0), ..Early::default() }, "paid for in full");
}
