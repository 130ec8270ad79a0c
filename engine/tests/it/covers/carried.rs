//! What a point says of what it lacks goes with it, however it is carried: tagged, copied, packed anew, cut anew, given back by a repair. `delete` removes the
//! same by each of them, leaves the same, and gives the same reasons.

use super::{Bend, Bent, Scene, carry_out, excluding, newest, recommit, set_age};
use crate::copy::{OTHER, Pair, Which, strange, target_of};
use crate::kept::{Fails, back_up};
use crate::proofs::Rig;
use crate::proofs::rig::copy_of;
use engine::copy::CopyOptions;
use engine::maintenance::Level;
use engine::maintenance::repair::{RepairOptions, apply, plan};
use engine::maintenance::retention::{Request, Rules as Keep, Scope};
use engine::monitor::Monitor;
use engine::source::Outcome;
use engine::source::rules::Rules;
use engine::store::Memory;
use format_spec::config::{Retention, RetentionKind};
use format_spec::left_out::Rule;
use format_spec::point::Manifest;
use std::path::Path;
use std::sync::Arc;

/// The newest point is carried in every way, and says the same everywhere.
#[track_caller]
fn expect_carried(scene: &Scene) {
    scene.rig.write("keep/stray", b"new");
    scene.rig.write("new/deep/stray", b"new");
    let (done, told, warnings) = scene.delete(true);
    let original = newest(&scene.rig.open().unwrap());
    let folder = tempfile::tempdir().unwrap();
    for (how, rig) in carried(scene, folder.path()) {
        let there = Scene { rig, _folder: tempfile::tempdir().unwrap() };
        let copied = newest(&there.rig.open().unwrap());
        assert_eq!(said(&copied), said(&original), "{how}");
        let (also, told_there, warnings_there) = there.delete(true);
        assert_eq!((also.deleted, also.left), (done.deleted, done.left), "{how}: {told_there:?}");
        assert_eq!((&told_there, &warnings_there), (&told, &warnings), "{how}");
        assert_eq!(there.rig.check().unwrap().errors, Vec::new(), "{how}");
    }
}

/// What a manifest says of what it lacks, and of what is not as it seems.
fn said(of: &Manifest) -> (Vec<Rule>, Option<format_spec::Time>, u64, u64, u64, Option<format_spec::point::Shrunken>) {
    (of.rules.clone(), of.cut, of.left_out_unnamed(), of.counts.skipped, of.counts.kept, of.shrunken)
}

/// Repositories whose newest point is this scene's, carried in one way each.
fn carried(scene: &Scene, folder: &Path) -> Vec<(&'static str, Rig)> {
    let rig = &scene.rig;
    let tagged = rig.over(copy_of(&*rig.store));
    let words = Request::Tags {
        points: [newest(&rig.open().unwrap()).id].into(),
        add: ["kept".to_owned()].into(),
        remove: [].into(),
    };
    carry_out(&Scene { rig: tagged.clone(), _folder: tempfile::tempdir().unwrap() }, &Scope::of(words));
    let copied = into(rig, folder, |options| options);
    let regrouped = into(rig, folder, |options| CopyOptions { regroup: Some(9), ..options });
    let again = into(&copied, folder, |options| options);
    let pair = Pair { source: rig.clone(), target: copied.clone(), spool: folder.join("spool") };
    let cut_anew = strange(&pair, folder);
    cut_anew.copy_with(&CopyOptions { rekey: true, ..cut_anew.options(Which::All) }).unwrap();
    let repaired = repaired(rig, &copied);
    let copy_repaired = self::repaired(&copied, rig);
    vec![
        ("a tagged point", tagged),
        ("a copy", copied),
        ("a copy that was packed anew", regrouped),
        ("a copy of a copy", again),
        ("a copy that was cut anew", cut_anew.target),
        ("a manifest that a copy gave back", repaired),
        ("a copy's manifest that its source gave back", copy_repaired),
    ]
}

fn into(source: &Rig, folder: &Path, change: impl FnOnce(CopyOptions) -> CopyOptions) -> Rig {
    let target = target_of(source, Arc::new(Memory::new()), Retention::default());
    let pair = Pair { source: source.clone(), target, spool: folder.join("spool") };
    let done = pair.copy_with(&change(pair.options(Which::All))).unwrap();
    assert!(!done.copied.is_empty() && done.failed.is_empty(), "{done:?}");
    assert_eq!(pair.target.password.as_deref(), Some(OTHER));
    pair.target
}

/// The same repository after the newest manifest was lost and this other one gave it back.
fn repaired(rig: &Rig, from: &Rig) -> Rig {
    let rig = rig.over(copy_of(&*rig.store));
    let view = rig.open().unwrap().log().view();
    let commit = view.commits.iter().max_by_key(|commit| commit.number).unwrap();
    rig.store.delete(engine::restore_point::manifest_name(commit).unwrap().object()).unwrap();
    let options = RepairOptions { level: Level::Full, from: Some(from.open().unwrap()), threads: 1 };
    let repository = rig.open().unwrap();
    let hash = plan(&repository, &options, &Monitor::new()).unwrap().hash;
    let report = apply(&repository, &options, &hash, &Arc::new(Monitor::new())).unwrap();
    assert_eq!((report.manifests, report.remaining), (1, 0), "{report:?}");
    rig
}

#[test]
fn items_that_rules_left_out_are_left_by_each_carried_point() {
    let scene = Scene::new();
    for (name, bytes) in [
        ("keep/x.o", &b"object"[..]),
        ("build/deep/y", b"built"),
        ("keep/.cairnignore", b"*.tmp\n/secret\n"),
        ("keep/x.tmp", b"temporary"),
        ("keep/secret/y", b"hidden"),
        ("cache/CACHEDIR.TAG", b"Signature: 8a477f597d28d172789f06886806bc55\n"),
        ("cache/blob", b"cached"),
        ("keep/huge", &[7; 2000]),
    ] {
        scene.rig.write(name, bytes);
    }
    for n in 0..100 {
        scene.rig.write(format!("logs/{n}.log"), b"line");
    }
    let rules = excluding("*.o\n*.log\nbuild/\n");
    scene.back_up_by(Rules { exclude_caches: true, exclude_larger_than: Some(1000), ..rules });
    expect_carried(&scene);
}

#[test]
fn what_failed_or_vanished_is_left_by_each_carried_point() {
    for bend in [
        Bend::Closed(Outcome::Skipped, "other"),
        Bend::Closed(Outcome::Failed, "other"),
        Bend::Gone(Outcome::Failed, "b"),
        Bend::Gone(Outcome::Vanished, "b"),
    ] {
        let scene = Scene::new();
        scene.back_up(&Bent { folder: scene.source(Rules::default()), bend });
        expect_carried(&scene);
    }
}

#[test]
fn what_is_kept_is_left_by_each_carried_point() {
    for fails in [("keep/b", Fails::Reading), ("keep/b", Fails::Looking), ("other", Fails::Listing)] {
        let scene = Scene::new();
        back_up(&scene.rig, &[]);
        back_up(&scene.rig, &[fails]);
        assert!(newest(&scene.rig.open().unwrap()).counts.kept > 0, "{fails:?}");
        expect_carried(&scene);
    }
}

#[test]
fn what_was_erased_is_left_by_each_carried_point() {
    let scene = Scene::new();
    scene.rig.write("keep/private/letter", b"dear");
    scene.rig.write("keep/note", b"note");
    scene.back_up_by(Rules::default());
    let path = |name: &str| [&scene.rig.inside(), name.as_bytes()].join(&b'/');
    carry_out(&scene, &Scope::of(Request::Paths([path("keep/private"), path("keep/note")].into())));
    expect_carried(&scene);
}

#[test]
fn what_left_by_its_age_is_left_by_each_carried_point() {
    let scene = Scene::new();
    scene.rig.write("keep/old", b"old");
    scene.rig.write("keep/young", b"young");
    set_age(&scene.rig.source.join("keep/old"), 3 * 366);
    scene.back_up_by(Rules::default());
    let rules = Keep { period: Some("2y".parse().unwrap()), ..Default::default() };
    carry_out(&scene, &Scope::of(Request::Rules { rules, kind: RetentionKind::Item }));
    // Edited after the point was made: its time says nothing any more.
    scene.rig.write("keep/old", b"edited");
    expect_carried(&scene);
}

#[test]
fn a_point_that_proves_nothing_proves_nothing_when_it_is_carried() {
    let changes: [fn(&mut Manifest); 4] = [
        |manifest| (manifest.unnamed, manifest.counts.skipped) = (None, 2),
        |manifest| (manifest.unnamed, manifest.first) = (None, Some(2)),
        |manifest| manifest.unnamed = Some(7),
        |manifest| manifest.rules.push(Rule::Other(vec![99, 1])),
    ];
    for change in changes {
        let scene = Scene::new();
        scene.back_up_by(Rules::default());
        recommit(&scene, change);
        let (done, ..) = scene.delete(true);
        assert_eq!(done.deleted, 0);
        expect_carried(&scene);
    }
}

#[test]
fn a_shrunken_point_says_so_wherever_it_is_carried() {
    let scene = Scene::new();
    scene.back_up_by(Rules::default());
    let than = newest(&scene.rig.open().unwrap()).id;
    recommit(&scene, |manifest| {
        manifest.shrunken = Some(format_spec::point::Shrunken { than, bytes: 1 << 30, items: 1000 });
    });
    expect_carried(&scene);
}
