//! A backup or a restore is stopped at any moment: the next run completes it.

use super::rig::{contents, restore_options};
use super::{Rig, noise, parallel};
use engine::Kind;
use engine::monitor::Monitor;
use engine::store::{Faulty, Memory, Store};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

fn rig(folder: &std::path::Path) -> Rig {
    let rig = Rig::new(folder, Arc::new(Memory::new()));
    for n in 0..40 {
        rig.write(format!("d{}/{n}.bin", n % 6), &noise(n, 600_000));
    }
    rig
}

#[test]
fn a_backup_that_is_stopped_at_any_store_call_resumes() {
    let folder = tempfile::tempdir().unwrap();
    let base = rig(folder.path());
    let (stopped, spared) = (AtomicU64::new(0), AtomicU64::new(0));
    let whole = base.over(super::rig::copy_of(&*base.store)).back_up().unwrap().bytes_new;
    let tried = parallel(|k| {
        let memory: Arc<dyn Store> = super::rig::copy_of(&*base.store);
        let monitor = Arc::new(Monitor::new());
        let button = monitor.clone();
        let store = Arc::new(Faulty::new(memory.clone(), move |call| {
            if call.number == k {
                button.stop();
            }
            None
        }));
        let done = base.over(store.clone()).back_up_with(&monitor);
        if store.calls() < k {
            return false;
        }
        let healthy = base.over(memory);
        let points = healthy.open().unwrap().points().unwrap().len();
        match done {
            Ok(_) => assert_eq!(points, 1, "stopped at call {k}"),
            Err(e) => {
                assert_eq!((e.kind(), points), (Kind::Interrupted, 0), "stopped at call {k}: {e}");
                stopped.fetch_add(1, Ordering::SeqCst);
            }
        }
        let next = healthy.expect_healthy();
        spared.fetch_max(whole - next.bytes_new.min(whole), Ordering::SeqCst);
        true
    });
    println!(
        "stopped at {tried} calls, {stopped:?} of them in time; at best {spared:?} of {whole} bytes were there already"
    );
    assert!(stopped.into_inner() > 10 && spared.into_inner() > 5_000_000);
}

#[test]
fn a_backup_that_is_stopped_at_random_moments_resumes() {
    let folder = tempfile::tempdir().unwrap();
    let base = rig(folder.path());
    let stopped = AtomicU64::new(0);
    parallel(|k| {
        let memory: Arc<dyn Store> = super::rig::copy_of(&*base.store);
        let monitor = Arc::new(Monitor::new());
        let rig = base.over(memory);
        let done = std::thread::scope(|scope| {
            let work = scope.spawn(|| rig.back_up_with(&monitor));
            std::thread::sleep(Duration::from_millis(k * 37 % 600));
            monitor.stop();
            work.join().unwrap()
        });
        if let Err(e) = done {
            assert_eq!(e.kind(), Kind::Interrupted, "{e}");
            assert_eq!(rig.open().unwrap().points().unwrap().len(), 0);
            stopped.fetch_add(1, Ordering::SeqCst);
        }
        rig.expect_healthy();
        k < 24
    });
    println!("{stopped:?} of 24 were stopped in time");
}

#[test]
fn a_restore_that_is_stopped_at_any_store_call_is_completed_by_the_same_command() {
    let folder = tempfile::tempdir().unwrap();
    let base = rig(folder.path());
    base.write("long", &noise(99, 9_000_000));
    std::fs::hard_link(base.source.join("long"), base.source.join("long too")).unwrap();
    base.back_up().unwrap();
    let wanted = contents(&base.source);
    let stopped = AtomicU64::new(0);
    let tried = parallel(|k| {
        let monitor = Arc::new(Monitor::new());
        let button = monitor.clone();
        let store = Arc::new(Faulty::new(base.store.clone(), move |call| {
            if call.number == k {
                button.stop();
            }
            None
        }));
        let target = tempfile::tempdir().unwrap();
        let (done, _) = base.over(store.clone()).restore_with("latest", target.path(), &restore_options(), &monitor);
        if store.calls() < k {
            return false;
        }
        if let Err(e) = done {
            assert_eq!(e.kind(), Kind::Interrupted, "stopped at call {k}: {e}");
            stopped.fetch_add(1, Ordering::SeqCst);
        } else {
            assert_eq!(contents(target.path()), wanted, "stopped at call {k} and told as done");
        }
        let (done, warnings) = base.restore("latest", target.path());
        done.unwrap();
        assert_eq!(warnings, Vec::<String>::new());
        assert_eq!(contents(target.path()), wanted, "stopped at call {k}");
        true
    });
    println!("stopped at {tried} calls, {stopped:?} of them in time");
}
