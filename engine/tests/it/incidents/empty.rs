//! One object of no bytes at all.

use super::{change, rig};
use crate::proofs::Rig;
use crate::proofs::damage::{Action, act, kind_of};
use crate::proofs::rig::{CHEAP, contents, copy_of, names_of};
use engine::Kind;
use engine::store::{Memory, ObjectName, StoreExt};
use std::sync::Arc;

/// A repository of two points, two key slots and a sum of its log, that can be damaged; and a copy of the first point's source.
struct Scene {
    rig: Rig,
    store: Arc<Memory>,
    folder: tempfile::TempDir,
}

impl Scene {
    fn new() -> Scene {
        let folder = tempfile::tempdir().unwrap();
        let rig = rig(folder.path());
        rig.open().unwrap().add_slot(b"second", "second", CHEAP).unwrap();
        rig.back_up().unwrap();
        change(&rig, 500);
        rig.back_up().unwrap();
        let store = copy_of(&*rig.store);
        Scene { rig: rig.over(store.clone()), store, folder }
    }

    fn empty(&self, kind: &str, which: usize) -> ObjectName {
        let name = names_of(&*self.store).into_iter().filter(|n| kind_of(n) == kind).nth(which).unwrap();
        assert!(act(Action::Empty, &name, &self.store, &*self.store));
        name
    }

    /// The newest point is whole, and the next backup too.
    fn expect_newest(&self) {
        for _ in 0..2 {
            let target = tempfile::tempdir_in(self.folder.path()).unwrap();
            let (done, warnings) = self.rig.restore("latest", target.path());
            done.unwrap();
            assert_eq!((warnings, contents(target.path())), (Vec::new(), contents(&self.rig.source)));
            self.rig.write("d0/next", b"next");
            self.rig.back_up().unwrap();
        }
    }

    fn expect_named(&self, name: &ObjectName) {
        let found = self.rig.check().unwrap().errors;
        assert!(found.iter().any(|f| f.object == name.as_str()), "{name}: {found:?}");
    }
}

#[test]
fn incident_13_kopia_4455_an_empty_point_costs_that_point() {
    let scene = Scene::new();
    let name = scene.empty("points", 0);
    scene.expect_newest();
    scene.expect_named(&name);
}

#[test]
fn incident_13_kopia_1879_an_empty_key_slot_costs_that_password() {
    for which in [0, 1] {
        let scene = Scene::new();
        let name = scene.empty("keys", which);
        let opened = [crate::proofs::rig::PASSWORD, b"second"].map(|password| {
            let rig = Rig { password: Some(password.to_vec()), ..scene.rig.clone() };
            rig.open().map(|_| rig)
        });
        let mut good = opened.into_iter().filter_map(Result::ok);
        let rig = good.next().expect("the other password opens");
        assert!(good.next().is_none());
        let scene = Scene { rig, ..scene };
        scene.expect_newest();
        scene.expect_named(&name);
    }
}

#[test]
fn incident_13_restic_21977_an_empty_pack_costs_what_it_held() {
    for kind in ["data", "meta"] {
        let scene = Scene::new();
        let name = scene.empty(kind, 0);
        // Its bytes were of the first point; the next backup that reads all stores again what the newest needs of them.
        let source = engine::source::folder::FolderSource::new(
            std::slice::from_ref(&scene.rig.source),
            engine::source::rules::Rules::default(),
        );
        let options = engine::backup::BackupOptions { full: true, ..scene.rig.options() };
        engine::backup::backup(
            &scene.rig.open().unwrap(),
            &source.unwrap(),
            &options,
            &Arc::new(engine::monitor::Monitor::new()),
        )
        .unwrap();
        scene.expect_newest();
        scene.expect_named(&name);
    }
}

/// Whatever was emptied comes back from a copy, under another name.
#[test]
fn incident_13_kopia_1759_what_an_empty_object_held_is_repaired_from_a_copy() {
    for kind in ["data", "meta", "index", "points"] {
        let scene = Scene::new();
        let copy = scene.rig.over(copy_of(&*scene.store));
        let name = scene.empty(kind, 0);
        scene.expect_named(&name);
        super::damage::repaired(&scene.rig, &copy);
        assert_eq!(scene.rig.check().unwrap().errors, Vec::new(), "{kind}");
        assert_eq!(scene.store.get(&name).unwrap().len(), 0, "{kind}: it is left as it is");
        let repository = scene.rig.open().unwrap();
        for (point, files) in repository.points().unwrap().iter().zip([31, 31]) {
            let target = tempfile::tempdir_in(scene.folder.path()).unwrap();
            let (done, warnings) = scene.rig.restore(&point.manifest.id.to_string(), target.path());
            assert_eq!((done.unwrap().files, warnings), (files, Vec::new()), "{kind}");
        }
        scene.expect_newest();
    }
}

#[test]
fn incident_13_borg_1195_an_empty_entry_is_named_and_costs_nothing_once_it_is_summed_up() {
    let scene = Scene::new();
    let summed = names_of(&*scene.store).into_iter().filter(|n| kind_of(n) == "log").count();
    let repository = scene.rig.open().unwrap();
    repository.log().checkpoint(&**repository.env()).unwrap();
    let name = scene.empty("log", summed / 2);
    scene.expect_newest();
    // Behind the sum nothing stands in for an entry: it is damage, with its name.
    let last = names_of(&*scene.store).into_iter().filter(|n| kind_of(n) == "log").count() - 2;
    let behind = scene.empty("log", last);
    let error = scene.rig.open().map(|_| ()).unwrap_err();
    assert_eq!((error.kind(), error.object()), (Kind::Damaged, Some(behind.as_str())), "not {name}: {error}");
}

#[test]
fn incident_13_kopia_2694_an_empty_sum_of_the_log_costs_nothing() {
    let scene = Scene::new();
    let repository = scene.rig.open().unwrap();
    repository.log().checkpoint(&**repository.env()).unwrap();
    scene.empty("checkpoint", 0);
    scene.expect_newest();
}
