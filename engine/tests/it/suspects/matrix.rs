//! Every way in which a stored pack can be wrong x every way to heal it: a new point that says that it is complete gives everything back.

use super::{first, repair, scene};
use crate::proofs::Rig;
use crate::proofs::damage::{ACTIONS, Action, act};
use crate::proofs::rig::{contents, copy_of};
use engine::backup::{BackupOptions, backup};
use engine::blob::CachePlace;
use engine::monitor::Monitor;
use engine::source::folder::FolderSource;
use engine::source::rules::Rules;
use std::path::Path;
use std::sync::Arc;

/// How somebody backs up after the damage was recorded.
#[derive(Debug, Clone, Copy)]
enum Way {
    /// The same job, with a cache that is made anew.
    Again,
    /// The same job, with the cache that it had before the damage.
    Warm,
    /// All is read.
    Full,
    /// A job that has no point yet.
    AnotherJob,
    /// Another machine, which knew the repository before the damage.
    AnotherMachine,
}

const WAYS: [Way; 5] = [Way::Again, Way::Warm, Way::Full, Way::AnotherJob, Way::AnotherMachine];

fn heal(rig: &Rig, way: Way, caches: &Path) {
    let place = |name: &str| CachePlace::Folder(caches.join(name));
    let rig = match way {
        Way::Again | Way::Full => rig.clone(),
        Way::AnotherJob => Rig { job: "another".into(), ..rig.clone() },
        Way::Warm => Rig { cache: place("own"), ..rig.clone() },
        Way::AnotherMachine => Rig { cache: place("other"), job: "another machine".into(), ..rig.clone() },
    };
    let source = FolderSource::new(std::slice::from_ref(&rig.source), Rules::default()).unwrap();
    let options = BackupOptions { full: matches!(way, Way::Full), ..rig.options() };
    let summary = backup(&rig.open().unwrap(), &source, &options, &Arc::new(Monitor::new())).unwrap();
    assert_eq!(summary.counts.failed, 0, "{way:?}: the point says that it is complete");
    let target = tempfile::tempdir().unwrap();
    let (done, warnings) = rig.restore("latest", target.path());
    assert_eq!((done.unwrap().damaged, warnings), (0, Vec::new()), "{way:?}");
    assert_eq!(contents(target.path()), contents(&rig.source), "{way:?}");
}

fn every_way(kind: &str) {
    let folder = tempfile::tempdir().unwrap();
    let (origin, store) = scene(folder.path());
    let elsewhere = tempfile::tempdir().unwrap();
    let (_, foreign) = scene(elsewhere.path());
    for action in ACTIONS.into_iter().filter(|action| *action != Action::Newer) {
        for way in WAYS {
            let caches = tempfile::tempdir().unwrap();
            let memory = copy_of(&*store);
            let rig = origin.over(memory.clone());
            for name in ["own", "other"] {
                let cache = CachePlace::Folder(caches.path().join(name));
                Rig { cache, ..rig.clone() }.open().unwrap();
            }
            if !act(action, &first(&*memory, kind), &memory, &*foreign) {
                continue;
            }
            let (plan, report) = repair(&rig);
            assert!(!plan.items.is_empty(), "{kind} {action:?}: nothing was found");
            let told = report.packs_suspect + report.packs_condemned;
            assert!(told > 0, "{kind} {action:?} {way:?}: {report:?}");
            heal(&rig, way, caches.path());
        }
    }
}

#[test]
fn a_data_pack_that_is_wrong_in_any_way_is_healed_by_any_backup() {
    every_way("data");
}

#[test]
fn a_metadata_pack_that_is_wrong_in_any_way_is_healed_by_any_backup() {
    every_way("meta");
}

#[test]
fn what_was_healed_is_whole_in_old_points_too_and_the_damaged_pack_goes() {
    let folder = tempfile::tempdir().unwrap();
    let (rig, store) = scene(folder.path());
    let (pack, _) = super::rot(&store);
    let (_, report) = repair(&rig);
    assert_eq!((report.packs_suspect, report.packs_condemned), (1, 0), "{report:?}");
    assert!(report.remaining > 0, "{report:?}");
    let jobs: Vec<_> = report.jobs.iter().map(|job| (job.job.as_str(), job.paths.len(), job.is_stream)).collect();
    assert_eq!(jobs, [("test", 1, false)]);
    rig.back_up().unwrap();
    // Nobody needs it where it is damaged, and a second repair gives it up.
    let report = rig.check().unwrap();
    assert_eq!(report.errors, Vec::new());
    assert_eq!(report.superseded.iter().map(|f| f.object.as_str()).collect::<Vec<_>>(), [pack.as_str()]);
    let (_, report) = repair(&rig);
    assert_eq!((report.packs_condemned, report.remaining), (1, 0), "{report:?}");
    assert_eq!(super::suspects(&rig), 0, "what is condemned is suspect no more");
    rig.expect_equal();
}
