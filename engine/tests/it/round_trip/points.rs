//! Many restore points of a store that is far away.

use crate::proofs::rig::{PASSWORD, Rig};
use engine::blob::CachePlace;
use engine::repository::{OpenOptions, Repository};
use engine::store::{Faulty, Memory};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

#[test]
fn manifests_are_asked_for_at_once_and_come_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let rig = Rig::new(folder.path(), Arc::new(Memory::new()));
    for n in 0..24 {
        rig.write("file", format!("state {n}").as_bytes());
        rig.back_up().unwrap();
    }
    let one_by_one = rig.open().unwrap().points().unwrap();
    let asked = Arc::new([AtomicUsize::new(0), AtomicUsize::new(0)]);
    let counts = asked.clone();
    let far = Faulty::new(rig.store.clone(), move |call| {
        if call.name.starts_with("points/") {
            let [now, most] = &*counts;
            most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            std::thread::sleep(Duration::from_millis(20));
            now.fetch_sub(1, Ordering::SeqCst);
        }
        None
    });
    let options = OpenOptions::new(rig.env.clone(), CachePlace::Temporary);
    let repository = Repository::open(Arc::new(far), Some(PASSWORD), &options).unwrap();
    assert_eq!(repository.points().unwrap(), one_by_one);
    let most = asked[1].load(Ordering::SeqCst);
    assert!((4..=16).contains(&most), "{most} at once");
}
