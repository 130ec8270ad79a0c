//! `gc`: what it would do is told, what it leaves alone too.

use crate::support::{Home, Run, has_keys};
use std::fs;

const FRESH: [&str; 3] = ["--grace", "0", "--no-readers"];

#[test]
fn the_plan_counts_what_ended_sessions_left_behind() {
    let (home, _) = Home::with_point();
    let left = home.path("repo/data/00000001/00000fff");
    fs::create_dir_all(left.parent().unwrap()).unwrap();
    fs::write(&left, b"left behind").unwrap();
    let plan = home.summary(["gc", "plan"].iter().chain(&FRESH));
    has_keys(&plan, &["objects_orphaned", "bytes_orphaned", "objects_damaged"]);
    assert_eq!((&plan["objects_orphaned"], &plan["bytes_orphaned"]), (&1.into(), &11.into()));
    let text = home.ok(["gc", "plan"].iter().chain(&FRESH)).out();
    assert!(text.contains("1 object that an ended session left behind is deleted: 11 B"), "{text}");
    let done = home.summary(["gc", "apply", plan["plan"].as_str().unwrap()].iter().chain(&FRESH));
    assert_eq!((&done["objects_deleted"], &done["bytes_freed"]), (&1.into(), &11.into()));
    assert!(!left.exists());
}

#[test]
fn what_is_damaged_is_left_alone_and_named_and_ends_with_5() {
    let (home, _) = Home::with_point();
    let cut = |folder: &str| {
        let files = crate::support::tree(&home.path("repo").join(folder));
        let (path, bytes) = files.into_iter().find(|(_, bytes)| bytes.len() > 500).unwrap();
        let path = home.path("repo").join(folder).join(path);
        let mut permissions = fs::metadata(&path).unwrap().permissions();
        #[expect(clippy::permissions_set_readonly_false, reason = "the file goes with the test")]
        permissions.set_readonly(false);
        fs::set_permissions(&path, permissions).unwrap();
        fs::write(&path, &bytes[..bytes.len() - 100]).unwrap();
    };
    cut("index");
    cut("data");
    fs::remove_dir_all(home.path("cache")).unwrap();
    let plan = Run::of(&mut home.command(["gc", "plan", "--json"].iter().chain(&FRESH))).expect(5);
    let hash = plan.last()["plan"].as_str().unwrap().to_owned();
    let done = Run::of(&mut home.command(["gc", "apply", &hash].iter().chain(&FRESH))).expect(5);
    let named = |what: &str| done.stderr.lines().any(|line| line.contains(what) && line.contains("cairn repair plan"));
    assert!(named("index/") && named("data/"), "{}", done.stderr);
}

/// Prices at which everything has a hundred days to be paid for.
const PRICES: &str = r#"
name = "mine"
provider = "a test"
region = "here"
currency = "EUR"
known = "2026-11"
source = "https://example.com/"
gb_bytes = 1000000
egress_gb = 0.0

[class.STANDARD]
storage_gb_month = 30.0
minimum_days = 100
requests = { put = 0.0, get = 0.0, list = 0.0, head = 0.0 }
"#;

#[test]
fn what_goes_before_its_minimum_days_is_told_with_its_price_and_held_against_a_limit() {
    let (home, first) = Home::with_point();
    home.write("prices.toml", PRICES.as_bytes());
    home.write("src/sub/c.bin", &crate::support::noise(300_000, 2));
    home.backup();
    let expiry = home.summary(["expire", "plan", &first])["plan"].as_str().unwrap().to_owned();
    home.ok(["expire", "apply", &expiry, &first]);
    let prices = home.text("prices.toml");
    let plan = |more: &[&str], code: i32| {
        let args = [&["gc", "plan", "--grace", "48h", "--prices", &prices, "--json"], more].concat();
        Run::of(&mut home.command(args)).expect(code)
    };
    let told = plan(&[], 0).last();
    // A hundred days, less two of grace; a MB costs one EUR a day.
    let (bytes, days, cost) = (&told["bytes_early"], &told["days_early"], told["cost_early"].as_f64().unwrap());
    assert_eq!((days, bytes, &told["currency"]), (&98.into(), &told["bytes_condemned"], &"EUR".into()), "{told}");
    let expected = bytes.as_f64().unwrap() / 1e6 * 98.0;
    assert!(told["objects_early"].as_u64() >= Some(1) && cost > 29.0 && (cost - expected).abs() < 0.001, "{told}");
    let text = home.ok(["gc", "plan", "--grace", "48h", "--prices", &prices]).out();
    assert!(text.contains("up to 98 days are left; about") && text.contains("EUR by the prices of mine"), "{text}");
    // Refused before anything is done, by the plan and by who carries it out.
    let refused = plan(&["--max-cost", "1"], 2);
    assert!(refused.stderr.contains("more than the 1.00 that are allowed"), "{}", refused.stderr);
    let hash = told["plan"].as_str().unwrap();
    let apply = |limit: &str, code: i32| {
        let args = ["gc", "apply", hash, "--grace", "48h", "--prices", &prices, "--max-cost", limit, "--json"];
        Run::of(&mut home.command(args)).expect(code)
    };
    apply("1", 2);
    assert_eq!(plan(&[], 0).last()["plan"], hash, "nothing was done");
    assert!(apply("99", 0).last()["packs_condemned"].as_u64() >= Some(1));
    // Without a list of prices nobody knows that a folder charges for days.
    assert_eq!(home.summary(["gc", "plan"])["objects_early"], 0);
}
