//! SIGKILL at the k-th call of an operation upon one repository.

use super::super::rig::{PASSWORD, Rig, names_of};
use super::frame::{At, Doomed, Orders, ended, kill, variable};
use super::{Operation, Scenario};
use crate::store::targets;
use engine::blob::CachePlace;
use engine::env::Machine;
use engine::store::{Location, Options, StoreExt, open};
use std::ffi::OsString;

#[test]
fn a_process_killed_at_a_call_to_a_folder_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    kill_each(&Location::Folder(folder.path().to_owned()), &Options::default());
}

#[test]
fn a_process_killed_at_a_call_to_seaweedfs_loses_nothing() {
    let Some(target) = targets::s3() else { return };
    kill_each(&target.location, &target.options);
}

fn kill_each(place: &Location, options: &Options) {
    for operation in Operation::ALL {
        let folder = tempfile::tempdir().unwrap();
        kill(&Scenario::new(folder.path(), operation), place, options);
    }
}

impl Doomed for Scenario {
    const OTHER_PROCESS: &'static str = "proofs::killed::process::the_process_that_is_killed";
    type Filled = Rig;

    fn name(&self) -> String {
        format!("{:?}", self.operation)
    }

    fn told(&self) -> Vec<(&'static str, OsString)> {
        vec![(OPERATION, self.name().into()), (SOURCE, self.rig.source.clone().into())]
    }

    fn fill(&self, at: &At<'_>) -> Rig {
        if let Location::Folder(path) = &at.place {
            std::fs::create_dir_all(path).unwrap();
        }
        let store = open(&at.place, at.options).unwrap();
        for name in names_of(&*self.rig.store) {
            store.put_new(&name, self.rig.store.get(&name).unwrap()).unwrap();
        }
        Rig { store, cache: CachePlace::Folder(at.cache.clone()), ..self.rig.clone() }
    }

    fn expect_whole(&self, rig: &Rig, place: &str) {
        Scenario::expect_whole(self, rig, place);
    }
}

#[test]
#[ignore = "the other process of the tests beside it"]
fn the_process_that_is_killed() {
    let Some(orders) = Orders::heard() else { return };
    let operation = Operation::ALL.into_iter().find(|o| format!("{o:?}") == variable(OPERATION)).unwrap();
    let store = orders.over(open(&orders.place, &orders.options).unwrap());
    let rig = Rig {
        source: variable(SOURCE).into(),
        store: store.clone(),
        cache: CachePlace::Folder(orders.cache),
        env: Machine::shared(),
        password: Some(PASSWORD.to_vec()),
        job: "test".into(),
    };
    operation.run(&rig).unwrap();
    ended(&store);
}

const OPERATION: &str = "CAIRN_KILLED_OPERATION";
const SOURCE: &str = "CAIRN_KILLED_SOURCE";
