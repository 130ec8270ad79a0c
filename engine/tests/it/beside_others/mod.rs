//! Restoring where others can write, where the target refuses single items, and without root's rights.

mod attacker;
mod attributes;
mod refused;

use crate::proofs::{Rig, restore_options};
use engine::monitor::Monitor;
use engine::restore::{RestoreOptions, RestoreSummary};
use engine::store::Memory;
use std::path::Path;
use std::sync::Arc;

/// Somebody who is not root.
const OTHER: u32 = 65_534;

fn rig(folder: &Path) -> Rig {
    Rig::new(folder, Arc::new(Memory::new()))
}

fn restore(rig: &Rig, target: &Path, options: &RestoreOptions) -> (RestoreSummary, Vec<String>) {
    let (done, warnings) = rig.restore_with("latest", target, options, &Arc::new(Monitor::new()));
    (done.unwrap(), warnings)
}

fn as_root() -> RestoreOptions {
    RestoreOptions { owners: true, ..restore_options() }
}

/// Only root can try what needs another user.
fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// Names of partial files and folders anywhere below.
fn partial(folder: &Path) -> Vec<String> {
    let names = crate::proofs::contents(folder).into_keys().map(|path| path.display().to_string());
    names.filter(|name| name.contains(".cairn-partial")).collect()
}
