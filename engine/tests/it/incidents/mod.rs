//! Incidents of other backup software, each with the rule that prevents it and the test that this engine keeps the rule.
//!
//! | incident | what happened | rule | test |
//! |---|---|---|---|
//! | 1 rustic #392 | a prune dropped a pack that was needed, as it held a blob that another one held too | a place that a live point names stays, however many places the blob has | [`duplicates`] |
//! | 2 PBS PSA-2025-00019-1 | a backup reused chunks of garbage while the collector swept them | the log orders both: what was condemned is stored again before the commit | [`duplicates`] |
//! | 3 PBS bug 5982 | the collector trusted access times of a file system that kept none | nothing unproven is relied upon: the probe refuses | [`stores`] |
//! | 4 kopia #1087, #4769 | collectors with one host name and wrong clocks ran at once | no safety in names or clocks: both cost work, never data | [`clocks`] |
//! | 5 restic #4612 | a listing that failed looked like an empty repository | nothing is deleted because a listing does not show it | [`stores`] |
//! | 6 borg #9748, #9904 | a stale cache knew chunks that were deleted | the cache is a hint; the commit looks again | [`caches`] |
//! | 7 borg #10410 | a corrupt pack was copied under a new name, and then was sound | survivors are verified by their ids; bad bytes keep their name | [`damage`] |
//! | 8 borg #3444, #1837, #5325 | a repair discarded good items | what looks and what heals writes new objects and changes none | [`damage`], `cli/tests/it/incidents.rs` |
//! | 9 restic #4523, #4677 | an encoder wrote what no decoder could read | a block is decoded again before it leaves | `block::tests` (a unit test: no real encoder fails on demand) |
//! | 10 atlas #339, #347, #34 | a cursor was kept of a backup that was not | the state of the source and the ledger hang on the manifest, and are visible by its commit | [`points`], `edits::state` |
//! | 11 atlas #173, #31 | restore and verify shared one wrong idea of what belongs to a point | each point is a whole tree; verifying walks the source, not the restore | [`points`] |
//! | 12 atlas #341, borg CVE-2023-36811, CVE-2016-10099 | refusals looked like absence; objects could change places | tags bind name and kind; kinds of errors stay apart | [`damage`]; exit codes: `cli/tests/it/incidents.rs` |
//! | 13 kopia #4455, #1759, restic #21977, borg #1195 | one empty file made a repository unreadable | an empty object costs what it held, and no more, and repair gives it back | [`empty`], `cli/tests/it/incidents.rs` |
//! | 14 restic #4568 | a typing error in a tag removed every snapshot | words that nothing has are errors, and no job is emptied unsaid | [`points`], `cli/tests/it/incidents.rs` |
//! | 15 kopia #1067, #3253, atlas #29, #179 | locks were asked for and not there | a lock is read back; what cannot be enforced is an error | [`stores`] |

mod caches;
pub(crate) mod clocks;
mod damage;
mod duplicates;
mod empty;
mod points;
mod stores;

use crate::proofs::rig::interrupted;
use crate::proofs::{Rig, noise};
use engine::store::Memory;
use std::path::Path;
use std::sync::Arc;

/// A repository in memory and a source of thirty small files and a large one.
fn rig(folder: &Path) -> Rig {
    let rig = Rig::new(folder, Arc::new(Memory::new()));
    fill(&rig);
    rig
}

fn fill(rig: &Rig) {
    for n in 0..30 {
        rig.write(format!("d{}/{n}", n % 3), &noise(n, 4_000));
    }
    rig.write("large", &noise(99, 1_000_000));
}

/// Every other small file, and half of the large one, are others.
fn change(rig: &Rig, seed: u64) {
    for n in (0..30).step_by(2) {
        rig.write(format!("d{}/{n}", n % 3), &noise(seed + n, 4_000));
    }
    rig.write("large", &[noise(99, 500_000), noise(seed, 500_000)].concat());
}

/// The same rig for another machine, with a job and a cache of its own.
fn elsewhere(rig: &Rig) -> Rig {
    Rig { job: "elsewhere".into(), ..rig.clone() }
}
