//! A plan's hash: BLAKE3 over parts that each stand behind their length, so that no two plans read the same.

use super::cut::Rewritten;
use super::rules::{Request, Scope};
use crate::restore_point::{JobId, Owner};
use format_spec::period::Period;

/// A hash in the making.
pub(super) struct Canon(blake3::Hasher);

impl Scope {
    /// What was asked for, in one row of bytes.
    pub(super) fn canonical(&self) -> [u8; 32] {
        let mut canon = Canon::new();
        canon.scope(self);
        canon.finish()
    }
}

impl Canon {
    pub(super) fn new() -> Self {
        Canon(blake3::Hasher::new_derive_key("cairn 1 expire plan"))
    }

    /// Takes one part in.
    pub(super) fn put(&mut self, part: &[u8]) -> &mut Self {
        self.0.update(&(part.len() as u64).to_le_bytes());
        self.0.update(part);
        self
    }

    /// Takes a list in, with its length.
    fn list<P: AsRef<[u8]>>(&mut self, parts: impl ExactSizeIterator<Item = P>) -> &mut Self {
        self.put(&(parts.len() as u64).to_le_bytes());
        parts.for_each(|part| _ = self.put(part.as_ref()));
        self
    }

    /// Takes in which job is meant.
    pub(super) fn job(&mut self, job: &JobId) {
        self.put(job.to_string().as_bytes()).put(&[u8::from(matches!(job.owner, Owner::Organisation(_)))]);
        self.put(job.source.as_ref().map_or(&[], |source| &source.0[..]));
        self.list(job.paths.iter());
    }

    fn scope(&mut self, scope: &Scope) {
        self.list(scope.job.iter().map(ToString::to_string));
        self.put(&(scope.may_empty.len() as u64).to_le_bytes());
        scope.may_empty.iter().for_each(|job| self.job(job));
        if !scope.spared.is_empty() {
            self.put(b"spared").put(&(scope.spared.len() as u64).to_le_bytes());
            scope.spared.iter().for_each(|job| self.job(job));
        }
        match &scope.request {
            Request::Rules { rules, kind } => {
                self.put(&[1, *kind as u8]).put(&rules.period.map(Period::encode).unwrap_or_default());
                for count in [rules.last, rules.daily, rules.weekly, rules.monthly, rules.yearly] {
                    self.put(&count.unwrap_or(0).to_le_bytes());
                }
                self.list(rules.tags.iter());
            }
            Request::Points(ids) => {
                self.put(&[2]).list(ids.iter().map(|id| id.0));
            }
            Request::Paths(paths) => {
                self.put(&[3]).list(paths.iter());
            }
            Request::Tags { points, add, remove } => {
                self.put(&[4]).list(points.iter().map(|id| id.0));
                for tags in [add, remove] {
                    self.list(tags.iter());
                }
            }
        }
    }

    pub(super) fn change(&mut self, change: Option<&Rewritten>) {
        let Some(change) = change else {
            self.put(&[]);
            return;
        };
        let mut root = Vec::new();
        change.root.encode(&mut root);
        self.put(&root);
        for id in [change.maps.links, change.maps.exceptions, change.maps.state] {
            self.put(id.as_ref().map_or(&[], |id| &id.0[..]));
        }
        self.list(change.tags.iter());
    }

    pub(super) fn finish(&self) -> [u8; 32] {
        *self.0.finalize().as_bytes()
    }
}
