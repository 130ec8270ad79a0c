//! Operations that meet: one is stopped at a call of the store, another one runs to its end on another machine, the first goes on.
//!
//! Afterwards the check is clean, the most impatient of collections takes nothing that is needed, and every live point is its source.
//! A cell is the test `while_<running>::<starting>`; it stops the running one at calls that are spread over all of its own.
//!
//! | starting \ running | backup | expire | tag | erase | condemn | sweep | fold | truncate | key | repair | check | restore | read |
//! |---|---|---|---|---|---|---|---|---|---|---|---|---|---|
//! | backup   | x | x | x | x | x | x | x | x | x | x | x | x | x |
//! | expire   | x | x | x | x | x | x | x | x | x | x | x | x | x |
//! | tag      | x | x | x | x | x | x | x | x | x | x | x | x | x |
//! | erase    | x | x | x | x | x | x | x | x | x | x | x | x | x |
//! | condemn  | x | x | x | x | x | x | x | x | x | x | x | x | x |
//! | sweep    | x | x | x | x | x | x | x | x | x | x | x | x | x |
//! | fold     | x | x | x | x | x | x | x | x | x | x | x | x | x |
//! | truncate | x | x | x | x | x | x | x | x | x | x | x | x | x |
//! | key      | x | x | x | x | x | x | x | x | x | x | x | x | x |
//! | repair   | x | x | x | x | x | x | x | x | x | x | x | x | x |
//! | check    | x | x | x | x | x | x | x | x | x | x | - | - | - |
//! | restore  | x | x | x | x | x | x | x | x | x | x | - | - | - |
//! | read     | x | x | x | x | x | x | x | x | x | x | - | - | - |
//! | copy_out | x | x | x | x | x | x | x | x | x | x | - | - | - |
//! | copy_in  | - | x | x | - | x | x | x | x | - | - | x | x | x |
//!
//! `copy_out` reads the repository and copies its points into another one; `copy_in` brings a point into it, which is a repository of copies then.
//! Both also run while every other operation starts; two `copy_in` meet as well.
//!
//! `-`: neither changes anything in the store, so nothing can meet. `tag` and `erase` are rewrites: of words alone, and of trees. `read` is a
//! mount: a handle that was opened before either began. `condemn` repacks too; `sweep` deletes what was condemned before both began. `repair` finds a
//! pack whose trailer has rotted: who has the index reads it all the same, and repair moves out of it what is needed.

#![expect(clippy::print_stdout, reason = "interleavings are counted")]

mod operation;
mod scene;

use engine::store::Faulty;
use operation::{Machine, Operation};
use parking_lot::Mutex;
use scene::{Done, Scene};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

macro_rules! cells {
    ($($name:ident, $running:ident: $($test:ident $starting:ident)*;)*) => {
        $(mod $name {
            $(#[test]
            fn $test() {
                super::meet(super::operation::$running, super::operation::$starting);
            })*
        })*
    };
}

cells! {
    while_backup, BACKUP: backup BACKUP expire EXPIRE tag TAG erase ERASE condemn CONDEMN sweep SWEEP fold FOLD truncate TRUNCATE key KEY repair REPAIR check CHECK restore RESTORE read READ copy_out COPY_OUT;
    while_expire, EXPIRE: backup BACKUP expire EXPIRE tag TAG erase ERASE condemn CONDEMN sweep SWEEP fold FOLD truncate TRUNCATE key KEY repair REPAIR check CHECK restore RESTORE read READ copy_out COPY_OUT copy_in COPY_IN;
    while_tag, TAG: backup BACKUP expire EXPIRE tag TAG erase ERASE condemn CONDEMN sweep SWEEP fold FOLD truncate TRUNCATE key KEY repair REPAIR check CHECK restore RESTORE read READ copy_out COPY_OUT copy_in COPY_IN;
    while_erase, ERASE: backup BACKUP expire EXPIRE tag TAG erase ERASE condemn CONDEMN sweep SWEEP fold FOLD truncate TRUNCATE key KEY repair REPAIR check CHECK restore RESTORE read READ copy_out COPY_OUT;
    while_condemn, CONDEMN: backup BACKUP expire EXPIRE tag TAG erase ERASE condemn CONDEMN sweep SWEEP fold FOLD truncate TRUNCATE key KEY repair REPAIR check CHECK restore RESTORE read READ copy_out COPY_OUT copy_in COPY_IN;
    while_sweep, SWEEP: backup BACKUP expire EXPIRE tag TAG erase ERASE condemn CONDEMN sweep SWEEP fold FOLD truncate TRUNCATE key KEY repair REPAIR check CHECK restore RESTORE read READ copy_out COPY_OUT copy_in COPY_IN;
    while_fold, FOLD: backup BACKUP expire EXPIRE tag TAG erase ERASE condemn CONDEMN sweep SWEEP fold FOLD truncate TRUNCATE key KEY repair REPAIR check CHECK restore RESTORE read READ copy_out COPY_OUT copy_in COPY_IN;
    while_truncate, TRUNCATE: backup BACKUP expire EXPIRE tag TAG erase ERASE condemn CONDEMN sweep SWEEP fold FOLD truncate TRUNCATE key KEY repair REPAIR check CHECK restore RESTORE read READ copy_out COPY_OUT copy_in COPY_IN;
    while_key, KEY: backup BACKUP expire EXPIRE tag TAG erase ERASE condemn CONDEMN sweep SWEEP fold FOLD truncate TRUNCATE key KEY repair REPAIR check CHECK restore RESTORE read READ copy_out COPY_OUT;
    while_repair, REPAIR: backup BACKUP expire EXPIRE tag TAG erase ERASE condemn CONDEMN sweep SWEEP fold FOLD truncate TRUNCATE key KEY repair REPAIR check CHECK restore RESTORE read READ copy_out COPY_OUT;
    while_check, CHECK: backup BACKUP expire EXPIRE tag TAG erase ERASE condemn CONDEMN sweep SWEEP fold FOLD truncate TRUNCATE key KEY repair REPAIR copy_in COPY_IN;
    while_restore, RESTORE: backup BACKUP expire EXPIRE tag TAG erase ERASE condemn CONDEMN sweep SWEEP fold FOLD truncate TRUNCATE key KEY repair REPAIR copy_in COPY_IN;
    while_read, READ: backup BACKUP expire EXPIRE tag TAG erase ERASE condemn CONDEMN sweep SWEEP fold FOLD truncate TRUNCATE key KEY repair REPAIR copy_in COPY_IN;
    while_copy_out, COPY_OUT: backup BACKUP expire EXPIRE tag TAG erase ERASE condemn CONDEMN sweep SWEEP fold FOLD truncate TRUNCATE key KEY repair REPAIR;
    while_copy_in, COPY_IN: expire EXPIRE tag TAG condemn CONDEMN sweep SWEEP fold FOLD truncate TRUNCATE check CHECK restore RESTORE read READ copy_in COPY_IN;
}

/// Interleavings of a cell, unless the environment asks for all: `CAIRN_INTERLEAVINGS=all`.
const INTERLEAVINGS_MAX: u64 = 8;

fn meet(running: Operation, starting: Operation) {
    let either = |name| [running.name, starting.name].contains(&name);
    let scene = if either("copy in") { Scene::of_copies(either("fold")) } else { Scene::new(either("fold")) };
    let scene = Arc::new(scene);
    // Stopped at no call: how many are there?
    let calls = interleave(&scene, running, starting, u64::MAX);
    assert!(calls > 0);
    let all = std::env::var_os("CAIRN_INTERLEAVINGS").is_some_and(|v| v == "all");
    let tried = if all { calls } else { calls.min(INTERLEAVINGS_MAX) };
    // The spread begins elsewhere in each cell, so that a column of cells sees more calls than one.
    let shift = starting.name.bytes().map(u64::from).sum::<u64>() % calls.div_ceil(tried);
    for n in 0..tried {
        interleave(&scene, running, starting, (n * calls / tried + shift + 1).min(calls));
    }
    println!("{} while {}: {} interleavings, {calls} calls", starting.name, running.name, tried + 1);
}

/// Stops `running` at its call of this number, lets `starting` run to its end, lets `running` go on, and judges; how many calls that took without
/// the other's. A call that never comes lets the other one begin afterwards.
fn interleave(scene: &Arc<Scene>, running: Operation, starting: Operation, number: u64) -> u64 {
    let what = format!("{} while {} is at call {number}", starting.name, running.name);
    let store = scene.store();
    // Every other one deduplicates against the index alone; every third collects as if all others were silent.
    let job = if number.is_multiple_of(2) { "test" } else { "other" };
    let is_rotten = [running.name, starting.name].contains(&"repair");
    let other = Machine::new(scene, store.clone(), job, number % 3 == 1, is_rotten);
    let ended: Arc<Mutex<Option<engine::Result<()>>>> = Arc::default();
    let calls = Arc::new(AtomicU64::new(0));
    let is_armed = Arc::new(AtomicBool::new(false));
    let other = Arc::new(other);
    let stopping = {
        let (other, ended, calls, is_armed) = (other.clone(), ended.clone(), calls.clone(), is_armed.clone());
        Faulty::new(store.clone(), move |_| {
            if is_armed.load(Ordering::SeqCst) && calls.fetch_add(1, Ordering::SeqCst) + 1 == number {
                *ended.lock() = Some((starting.run)(&other));
            }
            None
        })
    };
    let one = Machine::new(scene, Arc::new(stopping), "test", false, is_rotten);
    // Old handles first: what is staged afterwards, they have not seen.
    let mut stages = [(running, &one), (starting, &*other)];
    stages.sort_by_key(|(operation, _)| operation.name != "read");
    for (operation, machine) in stages {
        (operation.stage)(machine);
    }
    is_armed.store(true, Ordering::SeqCst);
    let done = (running.run)(&one);
    is_armed.store(false, Ordering::SeqCst);
    done.unwrap_or_else(|e| panic!("{what}: {} fails: {e}", running.name));
    let begun = ended.lock().take();
    begun.unwrap_or_else(|| (starting.run)(&other)).unwrap_or_else(|e| panic!("{what}: {} fails: {e}", starting.name));
    let mut told = Done::default();
    (running.told)(&mut told);
    (starting.told)(&mut told);
    scene.expect_whole(store, &told, &what);
    calls.load(Ordering::SeqCst)
}
