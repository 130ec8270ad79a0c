//! Checking a repository: log, index, packs, trees, reference sets.
//!
//! | level | log, manifests, segments | every tree node decoded | data packs |
//! |---|---|---|---|
//! | list | yes | no | there, with the promised length |
//! | tails | yes | yes | and their directory and contents agree with the index |
//! | stored | yes | yes | and every stored byte matches its checksums (needs no keys) |
//! | full | yes | yes | and every chunk decodes to its id |

use super::packs::{PackCheck, published_packs};
use super::trees::TreeCheck;
use crate::error::{Error, Kind, Result};
use crate::monitor::Monitor;
use crate::repository::Repository;
use crate::restore_point::Point;
use parking_lot::Mutex;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// How deep to look into packs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// Objects are there, with the promised length.
    List,
    /// And their tails are read and compared with the index.
    Tails,
    /// And every stored byte is read and matches its checksums.
    Stored,
    /// And every chunk is decoded and matches its id.
    Full,
}

/// What to check.
#[derive(Debug, Clone)]
pub struct CheckOptions {
    /// How deep.
    pub level: Level,
    /// The share of data packs that are read (0 to 1); others are listed. `None` reads all.
    pub share: Option<f64>,
    /// Only what this point needs.
    pub point: Option<Arc<Point>>,
    /// Threads that read and decode.
    pub threads: usize,
}

/// Something that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    /// The object's name.
    pub object: String,
    /// What is wrong with it.
    pub what: String,
}

/// What was checked and found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CheckReport {
    /// Packs looked at.
    pub packs: u64,
    /// Packs among them that were read whole.
    pub packs_read: u64,
    /// Chunks whose bytes were verified against their ids, tree nodes included.
    pub chunks: u64,
    /// Restore points whose trees were walked.
    pub points: u64,
    /// Stored bytes read.
    pub bytes_read: u64,
    /// What is wrong; empty means clean.
    pub errors: Vec<Finding>,
}

/// Findings and counters that the parts of a check share.
#[derive(Default)]
pub(super) struct Findings {
    pub(super) packs: AtomicU64,
    pub(super) packs_read: AtomicU64,
    pub(super) chunks: AtomicU64,
    pub(super) bytes_read: AtomicU64,
    found: Mutex<Vec<Finding>>,
}

/// Findings kept; a repository with more is lost anyway, and the count would tell no more.
const FINDINGS_MAX: usize = 100_000;

impl Findings {
    /// Records a finding. Errors that are no damage end the check instead: what is out of reach is not known to be broken.
    pub(super) fn add(&self, object: impl std::fmt::Display, error: &Error) -> Result<()> {
        match error.kind() {
            Kind::Damaged | Kind::Absent | Kind::Unsupported | Kind::Archived => {
                let mut found = self.found.lock();
                if found.len() < FINDINGS_MAX {
                    found.push(Finding { object: object.to_string(), what: error.to_string() });
                }
                Ok(())
            }
            kind => Err(Error::new(kind, error.to_string()).advise(error.advice().unwrap_or("try again").to_owned())),
        }
    }
}

/// Checks a repository.
///
/// # Errors
/// What keeps the check from being done: the store is out of reach, or a stop. Damage is in the report.
pub fn check(repository: &Arc<Repository>, options: &CheckOptions, monitor: &Monitor) -> Result<CheckReport> {
    repository.refresh()?;
    let findings = Findings::default();
    let mut points = Vec::new();
    for (commit, point) in repository.points_and_damage() {
        match point {
            Ok(point) if options.point.as_ref().is_none_or(|p| p.slot == point.slot) => points.push(point),
            Ok(_) => {}
            Err(e) => findings.add(crate::restore_point::manifest_name(&commit)?, &e)?,
        }
    }
    let mut packs = published_packs(repository, &findings)?;
    let mut trees = TreeCheck::new(repository, &findings, monitor);
    if options.level >= Level::Tails {
        for point in &points {
            trees.point(point)?;
        }
    }
    if options.point.is_some() {
        let needed = trees.needed_packs(&points)?;
        packs.retain(|p| needed.contains(&p.id));
    }
    PackCheck { repository, options, findings: &findings, monitor }.run(&packs)?;
    let nodes = trees.nodes;
    drop(trees);
    let mut errors = findings.found.into_inner();
    errors.sort();
    errors.dedup();
    let read = |n: AtomicU64| n.load(Ordering::Relaxed);
    Ok(CheckReport {
        packs: read(findings.packs),
        packs_read: read(findings.packs_read),
        chunks: read(findings.chunks) + nodes,
        points: points.len() as u64,
        bytes_read: read(findings.bytes_read),
        errors,
    })
}
