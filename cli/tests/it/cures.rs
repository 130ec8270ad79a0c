//! The cures of damage over real servers: an entry that is set aside, a point that is given up, a config that is put back; and a repository whose
//! objects are locked, where what somebody hides or puts over them needs no cure.

use crate::servers::{Remote, unique};
use crate::support::{Home, Run, noise, tree};
use engine::store::{ListOptions, Listed, ObjectName, StoreExt};
use serde_json::Value;

/// A repository on a server with three points.
struct Scene {
    home: Home,
    remote: Remote,
}

impl Scene {
    fn new(remote: Option<Remote>, init: &[&str]) -> Option<Scene> {
        let scene = Scene { home: Home::new(), remote: remote?.below(&unique("cures")) };
        scene.run(&[&["init"], init].concat()).expect(0);
        (0..3).for_each(|n| scene.back_up(n));
        Some(scene)
    }

    fn back_up(&self, n: u64) {
        self.home.write(&format!("src/{n}"), &noise(50_000, n + 1));
        self.run(&["backup", "--job", "j", &self.home.text("src")]).expect(0);
    }

    fn run(&self, args: &[&str]) -> Run {
        let mut command = self.home.command(args);
        self.remote.lead(&mut command);
        Run::of(command.arg("--json"))
    }

    /// Carries a plan out; the summary.
    #[track_caller]
    fn planned(&self, verb: &[&str]) -> Value {
        let (verb, request) = verb.split_at(1);
        let plan = self.run(&[verb, &["plan"], request].concat()).last()["plan"].as_str().unwrap().to_owned();
        self.run(&[verb, &["apply", &plan], request].concat()).expect(0).last()
    }

    /// The objects below a folder, rising.
    fn names(&self, folder: &str) -> Vec<ObjectName> {
        let mut names = Vec::new();
        let mut keep = |listed: Listed| {
            names.push(listed.name);
            true
        };
        self.remote.store().list(&ListOptions::below(folder), &mut keep).unwrap();
        names.sort();
        names
    }

    /// Puts bytes in the place of an object; a store that keeps versions keeps the old ones behind them.
    fn replace(&self, name: &ObjectName, bytes: Vec<u8>) {
        let store = self.remote.store();
        store.delete(name.object()).unwrap();
        store.put_new(name, bytes.into()).unwrap();
    }

    fn flip(&self, name: &ObjectName) {
        let mut bytes = self.remote.store().get(name).unwrap().to_vec();
        let at = bytes.len() * 2 / 5;
        bytes[at] ^= 0x10;
        self.replace(name, bytes);
    }

    #[track_caller]
    fn expect_sound(&self, points: u64) {
        assert_eq!(self.run(&["points"]).expect(0).last()["points"], points);
        assert_eq!(self.run(&["check", "--read-data"]).expect(0).last()["errors"], 0);
        let out = self.home.path("out");
        let _ = std::fs::remove_dir_all(&out);
        self.run(&["restore", &self.home.place("latest", "src"), &self.home.text("out")]).expect(0);
        assert_eq!(tree(&out), tree(&self.home.path("src")));
    }
}

/// Each cure, one after the other in one repository, which goes on after each.
fn all_cures(remote: Option<Remote>) {
    let Some(scene) = Scene::new(remote, &["--no-encryption"]) else { return };
    scene.expect_sound(3);

    let newest = scene.names("log").pop().unwrap();
    scene.flip(&newest);
    scene.run(&["points"]).expect(5);
    let done = scene.planned(&["repair"]);
    assert!(done["set_aside_by"].is_number() && done["remaining"] == 0, "{done}");
    assert_eq!(done["points_committed_again"].as_array().unwrap().len(), 1, "{done}");
    scene.expect_sound(3);
    scene.back_up(3);
    scene.expect_sound(4);

    let oldest = scene.names("points").swap_remove(0);
    scene.flip(&oldest);
    scene.run(&["points"]).expect(5);
    let rows = scene.run(&["repair", "plan"]).rows();
    let id = rows.iter().find_map(|row| row["points"][0].as_str()).expect("a point that is lost").to_owned();
    assert_eq!(scene.planned(&["expire", &id])["points_expired"], 1);
    scene.planned(&["gc", "--grace", "0", "--no-readers"]);
    assert!(!scene.names("points").contains(&oldest), "its room comes back");
    scene.expect_sound(3);

    scene.flip(&ObjectName::new("config").unwrap());
    scene.run(&["points"]).expect(5);
    let done = scene.planned(&["repair"]);
    assert_eq!((&done["put_back"], &done["remaining"]), (&"config".into(), &0.into()), "{done}");
    scene.expect_sound(3);
    scene.back_up(4);
    scene.expect_sound(4);
}

#[test]
fn every_cure_works_on_an_s3_store() {
    all_cures(Remote::s3("CAIRN_TEST_S3_BUCKET"));
}

#[test]
fn every_cure_works_on_an_s3_store_that_keeps_versions() {
    all_cures(Remote::s3("CAIRN_TEST_S3_VERSIONED_BUCKET"));
}

#[test]
fn every_cure_works_on_an_azure_store() {
    all_cures(Remote::azure());
}

/// Whoever may write puts junk into the log's next slot, and over the config, the newest entry and the newest manifest: the first is void, and of the others
/// what was locked counts.
#[test]
fn an_immutable_repository_needs_no_cure_for_what_is_put_over_it() {
    let immutable = ["--no-encryption", "--immutable", "compliance", "--keep", "30d", "--immutable-days", "1"];
    let Some(scene) = Scene::new(Remote::s3("CAIRN_TEST_S3_LOCKED_BUCKET"), &immutable) else { return };
    let newest = |folder| scene.names(folder).pop().unwrap();
    for name in [newest("log"), newest("points"), ObjectName::new("config").unwrap()] {
        scene.flip(&name);
        scene.expect_sound(3);
    }
    let slot = u32::from_str_radix(newest("log").as_str().rsplit_once('/').unwrap().1, 16).unwrap() + 1;
    let next = ObjectName::new(format_spec::names::log(slot)).unwrap();
    scene.remote.store().put_new(&next, noise(100, 1).into()).unwrap();
    scene.expect_sound(3);
    scene.back_up(3);
    scene.expect_sound(4);
    let plan = scene.run(&["repair", "plan"]).expect(0).last();
    assert_eq!((&plan["damaged"], &plan["heals"]), (&0.into(), &false.into()), "{plan}");
    // What is locked is not given up.
    let id = scene.run(&["points"]).rows()[0]["id"].as_str().unwrap().to_owned();
    let plan = scene.run(&["expire", "plan", &id]).last()["plan"].as_str().unwrap().to_owned();
    scene.run(&["expire", "apply", &plan, &id]).expect(11);
    scene.expect_sound(4);
}
