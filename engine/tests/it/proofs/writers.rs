//! Several writers in one store at once.

use super::rig::names_of;
use super::{Rig, noise};
use engine::store::{Memory, Store};
use std::path::Path;
use std::sync::{Arc, Barrier};

fn second(first: &Rig, folder: &Path, job: &str) -> Rig {
    let source = folder.join(job);
    std::fs::create_dir_all(&source).unwrap();
    Rig { source, job: job.into(), ..first.clone() }
}

#[test]
fn writers_at_once_all_commit_and_all_restore() {
    let folder = tempfile::tempdir().unwrap();
    let store: Arc<dyn Store> = Arc::new(Memory::new());
    let first = Rig::new(folder.path(), store.clone());
    let rigs = ["a", "b", "c"].map(|job| second(&first, folder.path(), job));
    for round in 0..6u64 {
        for (at, rig) in rigs.iter().enumerate() {
            // Some bytes are everybody's, some are each one's own.
            rig.write(format!("shared{round}"), &noise(round, 700_000));
            rig.write(format!("own{round}"), &noise(1000 + round * 10 + at as u64, 300_000));
            rig.write("changing", format!("round {round}").as_bytes());
        }
        let start = Barrier::new(rigs.len());
        std::thread::scope(|scope| {
            for rig in &rigs {
                let start = &start;
                scope.spawn(move || {
                    start.wait();
                    rig.back_up().unwrap();
                });
            }
        });
        let repository = first.open().unwrap();
        assert_eq!(repository.points().unwrap().len() as u64, (round + 1) * 3);
        let slots = names_of(&*store).iter().filter(|n| n.as_str().starts_with("log/")).count();
        assert_eq!(repository.log().view().head as usize, slots);
        assert_eq!(first.check().unwrap().errors, Vec::new());
        for rig in &rigs {
            let target = tempfile::tempdir().unwrap();
            let (done, warnings) = rig.restore(&format!("latest:{}", rig.job), target.path());
            done.unwrap();
            assert_eq!(warnings, Vec::<String>::new());
            assert_eq!(super::rig::contents(target.path()), super::rig::contents(&rig.source), "round {round}");
        }
    }
}

#[test]
fn two_writers_of_one_job_both_commit() {
    let folder = tempfile::tempdir().unwrap();
    let rig = Rig::new(folder.path(), Arc::new(Memory::new()));
    rig.write("big", &noise(1, 2_000_000));
    for round in 0..5 {
        rig.write("changing", format!("round {round}").as_bytes());
        let repository = rig.open().unwrap();
        std::thread::scope(|scope| {
            for shared in [true, false] {
                let (rig, repository) = (&rig, &repository);
                scope.spawn(move || {
                    let source = engine::source::folder::FolderSource::new(
                        std::slice::from_ref(&rig.source),
                        engine::source::rules::Rules::default(),
                    );
                    let own = rig.open().unwrap();
                    let used = if shared { repository } else { &own };
                    let monitor = Arc::new(engine::monitor::Monitor::new());
                    engine::backup::backup(used, &source.unwrap(), &rig.options(), &monitor).unwrap();
                });
            }
        });
        rig.expect_equal();
    }
    assert_eq!(rig.open().unwrap().points().unwrap().len(), 10);
}
