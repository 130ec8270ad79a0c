//! Restore points: what comes with their commit, what they hold, and what does not take them away.

use super::{change, elsewhere, rig};
use crate::proofs::gc::{collect_all, expire, options};
use crate::proofs::rig::contents;
use engine::Kind;
use engine::maintenance::retention::{ApplyOptions, Request, RetentionPlan, Rules, Scope, apply};
use engine::maintenance::{ClockVerdict, PlanHash, compare};
use engine::monitor::Monitor;
use engine::repository::Repository;
use engine::source::folder::FolderSource;
use engine::source::{About, Failure, Outcome, Source, Step, Walk, rules};
use format_spec::config::RetentionKind;
use format_spec::point::Manifest;
use std::path::Path;
use std::sync::Arc;

/// What failed is in the ledger of the same commit, each time until it succeeds.
#[test]
fn incident_10_atlas_34_a_bad_item_neither_stops_the_others_nor_vanishes() {
    let folder = tempfile::tempdir().unwrap();
    let rig = rig(folder.path());
    rig.write("d1/bad", b"comes later");
    for is_bad in [true, true, false] {
        rig.write("d1/good", format!("written before {:?}", std::time::Instant::now()).as_bytes());
        let folder = FolderSource::new(std::slice::from_ref(&rig.source), rules::Rules::default()).unwrap();
        let (source, monitor) = (WithBadItem { folder, is_bad }, Arc::new(Monitor::new()));
        let summary = engine::backup::backup(&rig.open().unwrap(), &source, &rig.options(), &monitor).unwrap();
        assert_eq!((summary.counts.failed, monitor.take_warnings().len()), if is_bad { (1, 1) } else { (0, 0) });
        let made = newest(&rig.open().unwrap());
        assert_eq!((made.counts.failed > 0, made.maps.exceptions.is_some()), (is_bad, is_bad));
        let target = tempfile::tempdir().unwrap();
        rig.restore("latest", target.path()).0.unwrap();
        let mut wanted = contents(&rig.source);
        if is_bad {
            wanted.remove(Path::new("d1/bad"));
        }
        assert_eq!(contents(target.path()), wanted);
    }
    rig.expect_equal();
}

#[test]
fn incident_11_atlas_173_a_point_is_whole_alone_and_verified_by_another_way() {
    let folder = tempfile::tempdir().unwrap();
    let rig = rig(folder.path());
    let mut older = Vec::new();
    for round in 1..5 {
        older.push(rig.back_up().unwrap().point.unwrap());
        change(&rig, 500 * round);
        std::fs::remove_file(rig.source.join(format!("d0/{}", 3 * round))).unwrap();
        rig.write(format!("added{round}"), b"added");
    }
    rig.back_up().unwrap();
    // All that it was built upon goes away.
    expire(&rig.open().unwrap(), older);
    assert!(collect_all(&rig.open().unwrap(), &options()).unwrap().objects_deleted > 0);
    rig.expect_equal();
    let repository = rig.open().unwrap();
    let point = repository.find_point("latest").unwrap();
    let differences = || {
        let live = FolderSource::new(std::slice::from_ref(&rig.source), rules::Rules::default()).unwrap();
        let report = compare(&repository, &point, &rig.inside(), &live, &Monitor::new()).unwrap();
        report.differences.into_iter().map(|d| String::from_utf8_lossy(&d.path).into_owned()).collect::<Vec<_>>()
    };
    assert_eq!(differences(), Vec::<String>::new());
    // The expectation is the source's own: what the point lacks and what it has too much are both seen.
    rig.write("d1/unknown", b"to the point");
    std::fs::remove_file(rig.source.join("d2/2")).unwrap();
    let found = differences();
    assert!(["d1/unknown", "d2/2"].iter().all(|p| found.iter().any(|f| f.ends_with(p))), "{found:?}");
}

#[test]
fn incident_14_restic_4568_a_typing_error_removes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let rig = rig(folder.path());
    for _ in 0..2 {
        rig.back_up().unwrap();
    }
    elsewhere(&rig).back_up().unwrap();
    let repository = rig.open().unwrap();
    let ids: Vec<_> = repository.points().unwrap().iter().map(|p| p.manifest.id).collect();
    let plan = |scope: &Scope| RetentionPlan::make(&repository, scope, &Monitor::new());
    let rules = |tag: &str, job: Option<&str>| {
        let rules = Rules { tags: [tag.to_owned()].into(), ..Rules::default() };
        let scope = Scope::of(Request::Rules { rules, kind: RetentionKind::Snapshot });
        Scope { job: job.map(|job| job.parse().unwrap()), ..scope }
    };
    // No point has this word: the rule would keep nothing. No point is of this job.
    for scope in [rules("mnthly", None), rules("", None), rules("monthly", Some("tset"))] {
        assert_eq!(plan(&scope).unwrap_err().kind(), Kind::Input, "{scope:?}");
    }
    let nothing = Scope::of(Request::Rules { rules: Rules::default(), kind: RetentionKind::Snapshot });
    assert_eq!(plan(&nothing).unwrap_err().kind(), Kind::Input);
    // Every point of a job by name: only with the job's own name beside them.
    let all = Scope::of(Request::Points(ids.iter().copied().collect()));
    let planned = plan(&all).unwrap();
    assert_eq!(planned.emptied.iter().map(|job| &*job.job).collect::<Vec<_>>(), ["elsewhere", "test"]);
    let options = |hash: &PlanHash| ApplyOptions { hash: *hash, threads: 1 };
    let refused =
        apply(&repository, &all, &options(&planned.hash), &ClockVerdict::trusted(), &Arc::new(Monitor::new()))
            .unwrap_err();
    assert_eq!(refused.kind(), Kind::Input);
    // And nothing at all without the hash of what was shown.
    let one = Scope::of(Request::Points([ids[0]].into()));
    let refused =
        apply(&repository, &one, &options(&planned.hash), &ClockVerdict::trusted(), &Arc::new(Monitor::new()))
            .unwrap_err();
    assert_eq!(refused.kind(), Kind::Input);
    assert_eq!(rig.open().unwrap().points().unwrap().len(), ids.len());
}

/// A folder with an item that cannot be read.
struct WithBadItem {
    folder: FolderSource,
    is_bad: bool,
}

struct Walked<'a> {
    walk: Box<dyn Walk + 'a>,
    is_bad: bool,
}

impl Source for WithBadItem {
    fn about(&self) -> About {
        self.folder.about()
    }

    fn walk(&self) -> engine::Result<Box<dyn Walk + '_>> {
        Ok(Box::new(Walked { walk: self.folder.walk()?, is_bad: self.is_bad }))
    }
}

impl Walk for Walked<'_> {
    fn next(&mut self) -> Option<Step> {
        match self.walk.next() {
            Some(Step::Item(found)) if self.is_bad && found.path.ends_with(b"/d1/bad") => {
                Some(Step::Missing(Failure { path: found.path, outcome: Outcome::Failed, reason: "is bad".into() }))
            }
            other => other,
        }
    }
}

fn newest(repository: &Repository) -> Manifest {
    repository.newest_where(|point| point.manifest.job == "test").unwrap().unwrap().manifest.clone()
}
