//! What a restore point covers: for each reason for which something may be absent from it, `delete` leaves it, a dry run says so, and a comparison
//! does not call it a difference.

#![expect(clippy::unwrap_used, reason = "clippy allows it in test functions, but not in what they share")]

mod carried;

use crate::proofs::{Rig, restore_options};
use engine::backup::backup;
use engine::maintenance::retention::{ApplyOptions, Request, RetentionPlan, Scope, apply};
use engine::maintenance::{ClockVerdict, CompareReport, compare};
use engine::monitor::Monitor;
use engine::repository::{Grounds, NameOf, Repository};
use engine::restore::{RestoreOptions, RestoreSummary, Told, restore};
use engine::session::{Opening, WriteSession};
use engine::source::folder::FolderSource;
use engine::source::rules::{Patterns, Rules};
use engine::source::{About, Failure, Outcome, Source, Step, Walk};
use engine::store::Memory;
use format_spec::config::RetentionKind;
use format_spec::log::{PointId, Purpose};
use format_spec::point::Manifest;
use parking_lot::Mutex;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// A source with two folders that are backed up whole.
struct Scene {
    rig: Rig,
    _folder: tempfile::TempDir,
}

/// What a restore did: its numbers, what it told in order, its warnings.
type Done = (RestoreSummary, Vec<String>, Vec<String>);

impl Scene {
    fn new() -> Scene {
        let folder = tempfile::tempdir().unwrap();
        let rig = Rig::new(folder.path(), Arc::new(Memory::new()));
        for name in ["keep/a", "keep/b", "other/c"] {
            rig.write(name, name.as_bytes());
        }
        Scene { rig, _folder: folder }
    }

    fn source(&self, rules: Rules) -> FolderSource {
        FolderSource::new(std::slice::from_ref(&self.rig.source), rules).unwrap()
    }

    fn back_up(&self, source: &dyn Source) {
        backup(&self.rig.open().unwrap(), source, &self.rig.options(), &Arc::new(Monitor::new())).unwrap();
    }

    fn back_up_by(&self, rules: Rules) {
        self.back_up(&self.source(rules));
    }

    fn has(&self, name: &str) -> bool {
        std::fs::symlink_metadata(self.rig.source.join(name)).is_ok()
    }

    fn delete(&self, dry_run: bool) -> Done {
        let told: Arc<Mutex<Vec<String>>> = Arc::default();
        let hears = told.clone();
        let options = RestoreOptions {
            delete: true,
            dry_run,
            threads: 1,
            tell: Some(Arc::new(move |path: &[u8], what: &Told<'_>| {
                let what = match what {
                    Told::Restored => "restore",
                    Told::Removed => "remove",
                    Told::Left(_) => "leave",
                };
                hears.lock().push(format!("{what} {}", String::from_utf8_lossy(path)));
            })),
            ..restore_options()
        };
        let repository = self.rig.open().unwrap();
        let point = repository.find_point("latest").unwrap();
        let monitor = Arc::new(Monitor::new());
        let done = restore(&repository, &point, &self.rig.inside(), &self.rig.source, &options, &monitor).unwrap();
        let mut told = told.lock().clone();
        told.sort();
        (done, told, monitor.take_warnings().into_iter().map(|w| w.reason).collect())
    }

    /// Compares the newest point with the live source, by the rules that a `verify` without options has.
    fn verify(&self) -> CompareReport {
        let repository = self.rig.open().unwrap();
        let point = repository.find_point("latest").unwrap();
        compare(&repository, &point, &self.rig.inside(), &self.source(Rules::default()), &Monitor::new()).unwrap()
    }

    /// `delete` removes what came after the point and leaves these; the same in a dry run, and none of them is a difference.
    #[track_caller]
    fn expect_left(&self, left: &[&str]) -> Done {
        self.rig.write("keep/stray", b"new");
        self.rig.write("new/deep/stray", b"new");
        let differing: Vec<String> =
            self.verify().differences.into_iter().map(|d| String::from_utf8_lossy(&d.path).into_owned()).collect();
        let inside = String::from_utf8(self.rig.inside()).unwrap();
        for name in left {
            let path = format!("{inside}/{name}");
            assert!(!differing.iter().any(|d| d.starts_with(&path)), "{name} is no difference: {differing:?}");
        }
        assert!(differing.contains(&format!("{inside}/keep/stray")), "{differing:?}");
        let dry = self.delete(true);
        assert!(self.has("keep/stray") && self.has("new/deep/stray"), "a dry run removes nothing");
        let done = self.delete(false);
        let (mut counted, mut did) = (dry.0, done.0);
        (counted.bytes_downloaded, did.bytes_downloaded) = (0, 0);
        assert_eq!((counted, &dry.1, &dry.2), (did, &done.1, &done.2), "a dry run says what a run does");
        for name in left {
            assert!(self.has(name), "{name} is still there; {:?}", done.1);
        }
        assert!(!self.has("keep/stray") && !self.has("new"), "{:?}", done.1);
        assert!(done.0.deleted >= 4, "{:?}", done.1);
        assert!(["keep/a", "keep/b", "other/c"].iter().all(|name| self.has(name)));
        done
    }
}

fn excluding(patterns: &str) -> Rules {
    let mut excludes = Patterns::default();
    excludes.add_lines(patterns.as_bytes()).unwrap();
    Rules { excludes, ..Rules::default() }
}

#[test]
fn excluded_by_a_glob_or_an_exclude_file() {
    let scene = Scene::new();
    scene.rig.write("keep/x.o", b"object");
    scene.rig.write("build/deep/y", b"built");
    scene.back_up_by(excluding("*.o\nbuild/\n"));
    // What the rules would leave out now is covered as little as what they left out then.
    scene.rig.write("keep/later.o", b"object");
    let (done, ..) = scene.expect_left(&["keep/x.o", "keep/later.o", "build/deep/y"]);
    assert_eq!(done.left, 3);
    // A folder that the point lacks goes, but for what a rule leaves out in it.
    scene.rig.write("fresh/z.o", b"object");
    scene.rig.write("fresh/z.c", b"source");
    scene.expect_left(&["fresh/z.o"]);
    assert!(!scene.has("fresh/z.c"));
}

#[test]
fn a_name_that_a_pattern_of_folders_left_out_and_is_a_file_by_now() {
    let scene = Scene::new();
    scene.rig.write("cache/x", b"cached");
    scene.back_up_by(excluding("cache/\n"));
    std::fs::remove_dir_all(scene.rig.source.join("cache")).unwrap();
    scene.rig.write("cache", b"a file");
    scene.expect_left(&["cache"]);
}

#[test]
fn many_excluded_items_in_one_folder_are_left_and_new_ones_beside_them() {
    let scene = Scene::new();
    for n in 0..200 {
        scene.rig.write(format!("logs/{n}.log"), b"line");
    }
    scene.rig.write("logs/sub/a", b"kept");
    scene.back_up_by(excluding("*.log\n"));
    scene.rig.write("logs/unknown", b"not a log");
    scene.rig.write("logs/sub/stray", b"new");
    scene.rig.write("keep/stray", b"new");
    let (done, ..) = scene.delete(false);
    assert!(scene.has("logs/0.log") && scene.has("logs/199.log") && scene.has("logs/unknown"));
    assert!(!scene.has("logs/sub/stray") && !scene.has("keep/stray"));
    assert_eq!((done.deleted, done.left), (2, 201));
}

#[test]
fn excluded_by_cairnignore() {
    let scene = Scene::new();
    scene.rig.write("keep/.cairnignore", b"*.tmp\n/secret\n");
    scene.rig.write("keep/x.tmp", b"temporary");
    scene.rig.write("keep/secret/y", b"hidden");
    scene.back_up_by(Rules::default());
    scene.rig.write("keep/later.tmp", b"temporary");
    scene.expect_left(&["keep/x.tmp", "keep/secret/y", "keep/later.tmp"]);
}

#[test]
fn excluded_with_the_cairnignore_file_itself() {
    let scene = Scene::new();
    scene.rig.write("keep/.cairnignore", b".cairnignore\n*.tmp\n");
    scene.rig.write("keep/x.tmp", b"temporary");
    scene.back_up_by(Rules::default());
    scene.rig.write("keep/stray", b"new");
    scene.rig.write("other/stray", b"new");
    let (_, told, warnings) = scene.delete(false);
    assert!(scene.has("keep/x.tmp") && scene.has("keep/stray") && !scene.has("other/stray"), "{told:?}");
    assert!(warnings.iter().any(|w| w.contains("patterns")), "{warnings:?}");
}

#[test]
fn left_out_with_a_cache_tag() {
    let scene = Scene::new();
    scene.rig.write("cache/CACHEDIR.TAG", b"Signature: 8a477f597d28d172789f06886806bc55\n");
    scene.rig.write("cache/blob", b"cached");
    scene.rig.write("cache/deep/blob", b"cached");
    scene.back_up_by(Rules { exclude_caches: true, ..Rules::default() });
    scene.rig.write("cache/later", b"cached");
    scene.expect_left(&["cache/blob", "cache/deep/blob", "cache/later"]);
}

#[test]
fn larger_than_the_limit_also_when_it_is_smaller_by_now() {
    let scene = Scene::new();
    scene.rig.write("keep/huge", &[7; 2000]);
    scene.back_up_by(Rules { exclude_larger_than: Some(1000), ..Rules::default() });
    scene.rig.write("keep/huge", b"cut short");
    scene.rig.write("keep/later", &[7; 2000]);
    scene.expect_left(&["keep/huge", "keep/later"]);
}

#[test]
fn on_another_file_system() {
    let scene = Scene::new();
    scene.rig.write("mnt/photo", b"elsewhere");
    let source = Bent {
        folder: scene.source(Rules { one_file_system: true, ..Rules::default() }),
        bend: Bend::Closed(Outcome::Skipped, "mnt"),
    };
    scene.back_up(&source);
    scene.expect_left(&["mnt/photo"]);
}

#[test]
fn a_folder_that_failed() {
    let scene = Scene::new();
    scene.rig.write("secret/wallet", b"coins");
    scene.back_up(&Bent { folder: scene.source(Rules::default()), bend: Bend::Closed(Outcome::Failed, "secret") });
    scene.expect_left(&["secret/wallet"]);
}

#[test]
fn a_file_that_failed() {
    let scene = Scene::new();
    scene.rig.write("keep/secret", b"coins");
    scene.back_up(&Bent { folder: scene.source(Rules::default()), bend: Bend::Gone(Outcome::Failed, "secret") });
    scene.expect_left(&["keep/secret"]);
}

#[test]
fn a_file_that_vanished_and_came_back() {
    let scene = Scene::new();
    scene.rig.write("keep/lock", b"here again");
    scene.back_up(&Bent { folder: scene.source(Rules::default()), bend: Bend::Gone(Outcome::Vanished, "lock") });
    scene.expect_left(&["keep/lock"]);
}

#[test]
fn erased_by_path() {
    let scene = Scene::new();
    scene.rig.write("keep/private/letter", b"dear");
    scene.rig.write("keep/note", b"note");
    scene.back_up_by(Rules::default());
    let path = |name: &str| [&scene.rig.inside(), name.as_bytes()].join(&b'/');
    carry_out(&scene, &Scope::of(Request::Paths([path("keep/private"), path("keep/note")].into())));
    scene.expect_left(&["keep/private/letter", "keep/note"]);
    assert_eq!(scene.rig.check().unwrap().errors, Vec::new());
}

#[test]
fn left_by_its_age_also_when_it_was_edited_since() {
    let scene = Scene::new();
    scene.rig.write("keep/old", b"old");
    scene.rig.write("keep/older", b"older");
    scene.back_up_by(Rules::default());
    scene.rig.write("keep/young", b"young");
    for name in ["keep/old", "keep/older"] {
        set_age(&scene.rig.source.join(name), 3 * 366);
    }
    scene.back_up_by(Rules::default());
    let rules = engine::maintenance::retention::Rules { period: Some("2y".parse().unwrap()), ..Default::default() };
    carry_out(&scene, &Scope::of(Request::Rules { rules, kind: RetentionKind::Item }));
    let repository = scene.rig.open().unwrap();
    assert!(repository.find_point("latest").unwrap().manifest.cut.is_some());
    // Edited after the point was made: its time says nothing any more.
    scene.rig.write("keep/old", b"edited");
    scene.rig.write("keep/stray", b"new");
    scene.rig.write("other/stray", b"new");
    assert!(scene.verify().differences.iter().all(|d| !d.path.ends_with(b"keep/old")));
    let dry = scene.delete(true);
    let done = scene.delete(false);
    assert_eq!((dry.0.deleted, dry.1), (done.0.deleted, done.1.clone()));
    assert!(scene.has("keep/old") && scene.has("keep/older") && !scene.has("other/stray"), "{:?}", done.1);
    assert_eq!(scene.rig.check().unwrap().errors, Vec::new());
}

#[test]
fn a_point_of_an_older_program_that_counts_what_it_does_not_name() {
    let scene = Scene::new();
    scene.back_up_by(Rules::default());
    recommit(&scene, |manifest| {
        manifest.rules = Vec::new();
        manifest.unnamed = None;
        manifest.counts.skipped = 2;
    });
    scene.rig.write("keep/unknown", b"left out or new?");
    let report = scene.verify();
    assert!(report.differences.iter().all(|d| !d.path.ends_with(b"unknown")), "{report:?}");
    assert_eq!(report.unproven.len(), 1, "{report:?}");
    let (done, told, warnings) = scene.delete(false);
    assert!(scene.has("keep/unknown"));
    assert_eq!((done.deleted, done.left, told), (0, 1, vec!["leave keep/unknown".to_owned()]));
    assert!(warnings.iter().any(|w| w.contains("2 items were left out of it that it does not name")), "{warnings:?}");
}

#[test]
fn a_point_of_an_older_program_that_left_nothing_out_is_deleted_by() {
    let scene = Scene::new();
    scene.back_up_by(Rules::default());
    recommit(&scene, |manifest| (manifest.rules, manifest.unnamed) = (Vec::new(), None));
    scene.expect_left(&[]);
}

#[test]
fn a_point_that_an_older_program_rewrote() {
    let scene = Scene::new();
    scene.back_up_by(Rules::default());
    recommit(&scene, |manifest| (manifest.unnamed, manifest.first) = (None, Some(1)));
    scene.rig.write("keep/unknown", b"erased or new?");
    let (done, ..) = scene.delete(false);
    assert_eq!((done.deleted, done.left), (0, 1));
}

#[test]
fn rules_of_a_later_program_prove_nothing() {
    let scene = Scene::new();
    scene.back_up_by(Rules::default());
    recommit(&scene, |manifest| manifest.rules.push(format_spec::left_out::Rule::Other(vec![99, 1])));
    scene.rig.write("keep/unknown", b"?");
    let (done, ..) = scene.delete(false);
    assert_eq!((done.deleted, done.left), (0, 1));
}

#[test]
fn folders_on_the_way_to_a_source_promise_nothing_about_their_other_names() {
    let scene = Scene::new();
    let www = scene.rig.source.join("keep");
    scene.back_up(&FolderSource::new(std::slice::from_ref(&www), Rules::default()).unwrap());
    scene.rig.write("keep/stray", b"new");
    // The whole point, over a tree that lies as the point does.
    let target = tempfile::tempdir().unwrap();
    let top = target.path().join(std::str::from_utf8(&scene.rig.inside()).unwrap());
    for name in ["keep/a", "keep/stray", "db/table"] {
        let path = top.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, b"live").unwrap();
    }
    std::fs::create_dir_all(target.path().join("usr")).unwrap();
    std::fs::write(target.path().join("usr/ls"), b"bin").unwrap();
    let repository = scene.rig.open().unwrap();
    let point = repository.find_point("latest").unwrap();
    for dry_run in [true, false] {
        let options = RestoreOptions { delete: true, dry_run, ..restore_options() };
        let done = restore(&repository, &point, b"", target.path(), &options, &Arc::new(Monitor::new())).unwrap();
        assert_eq!((done.deleted, done.left), (1, 0), "keep/stray alone");
        assert!(top.join("db/table").exists() && target.path().join("usr/ls").exists());
        assert_eq!(top.join("keep/stray").exists(), dry_run);
    }
}

#[test]
fn a_folder_in_the_place_of_a_file_goes_only_if_all_in_it_is_covered() {
    let scene = Scene::new();
    scene.rig.write("keep/x.o", b"object");
    scene.back_up_by(excluding("*.o\n"));
    std::fs::remove_file(scene.rig.source.join("keep/a")).unwrap();
    scene.rig.write("keep/a/y.o", b"object");
    let (_, _, warnings) = scene.delete(false);
    assert!(scene.has("keep/a/y.o") && warnings.iter().any(|w| w.contains("does not cover")), "{warnings:?}");
    std::fs::remove_file(scene.rig.source.join("keep/a/y.o")).unwrap();
    scene.rig.write("keep/a/y", b"new");
    scene.delete(false);
    assert_eq!(std::fs::read(scene.rig.source.join("keep/a")).unwrap(), b"keep/a");
}

/// Plans and applies.
fn carry_out(scene: &Scene, scope: &Scope) {
    let repository = scene.rig.open().unwrap();
    let plan = RetentionPlan::make(&repository, scope, &Monitor::new()).unwrap();
    let options = ApplyOptions { hash: plan.hash, threads: 1 };
    assert!(
        !apply(&repository, scope, &options, &ClockVerdict::trusted(), &Arc::new(Monitor::new()))
            .unwrap()
            .rewritten
            .is_empty()
    );
}

/// Commits the newest point again under another id, with another manifest.
fn recommit(scene: &Scene, change: impl FnOnce(&mut Manifest)) {
    let repository = scene.rig.open().unwrap();
    let newest = newest(&repository);
    let mut manifest = Manifest { id: PointId([9; 16]), ..newest };
    manifest.started.seconds += 1;
    change(&mut manifest);
    let opening = Opening { job: "test", host: "", purpose: Purpose::Backup, base: None };
    let session = WriteSession::open(&repository, opening).unwrap();
    let known = repository.log().view().head;
    let grounds = Grounds::new(known, NameOf::Made(repository.before()));
    let done = session.commit(&manifest, grounds, &Monitor::new()).unwrap();
    assert!(done.number.is_some());
}

fn newest(repository: &Repository) -> Manifest {
    repository.points().unwrap().pop().unwrap().manifest.clone()
}

fn set_age(path: &Path, days: u64) {
    let then = SystemTime::now() - Duration::from_secs(days * 86_400);
    std::fs::File::options().write(true).open(path).unwrap().set_modified(then).unwrap();
}

/// A folder source in which one item ends otherwise.
struct Bent {
    folder: FolderSource,
    bend: Bend,
}

#[derive(Clone, Copy)]
enum Bend {
    /// A folder of this name cannot be listed.
    Closed(Outcome, &'static str),
    /// An item of this name is not there.
    Gone(Outcome, &'static str),
}

impl Source for Bent {
    fn about(&self) -> About {
        self.folder.about()
    }

    fn walk(&self) -> engine::Result<Box<dyn Walk + '_>> {
        Ok(Box::new(BentWalk { walk: self.folder.walk()?, bend: self.bend, failure: None, is_closing: false }))
    }
}

struct BentWalk<'a> {
    walk: Box<dyn Walk + 'a>,
    bend: Bend,
    /// What is told next of a closed folder.
    failure: Option<Failure>,
    /// The end of the closed folder is next.
    is_closing: bool,
}

impl Walk for BentWalk<'_> {
    fn next(&mut self) -> Option<Step> {
        if let Some(failure) = self.failure.take() {
            self.is_closing = true;
            return Some(Step::Failed(failure));
        }
        if std::mem::take(&mut self.is_closing) {
            return self.leave();
        }
        let named = |path: &[u8], name: &str| path.rsplit(|b| *b == b'/').next() == Some(name.as_bytes());
        match (self.bend, self.walk.next()?) {
            (Bend::Gone(outcome, name), Step::Item(found)) if named(&found.path, name) => {
                Some(Step::Failed(Failure { path: found.path, outcome, reason: "is bent".into() }))
            }
            (Bend::Closed(outcome, name), Step::Enter(found)) if named(&found.path, name) => {
                self.failure = Some(Failure { path: found.path.clone(), outcome, reason: "is closed".into() });
                Some(Step::Enter(found))
            }
            (_, step) => Some(step),
        }
    }
}

impl BentWalk<'_> {
    /// Passes over what lies in the closed folder.
    fn leave(&mut self) -> Option<Step> {
        let mut depth = 1;
        while depth > 0 {
            match self.walk.next()? {
                Step::Enter(_) => depth += 1,
                Step::Leave => depth -= 1,
                _ => {}
            }
        }
        Some(Step::Leave)
    }
}
