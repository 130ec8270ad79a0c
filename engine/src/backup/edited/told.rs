//! The ledger of an edited point: the lines of its base, as far as they were not settled, and new ones.

use super::pending::{Pending, value};
use crate::error::{Error, Result};
use crate::tree::{NodeSink, NodeSource};
use format_spec::ChunkId;
use format_spec::ledger::{Exception, Outcome};
use format_spec::point::{LedgerCounts, Manifest};
use parking_lot::Mutex;

/// Lines and what they add up to.
pub(super) struct Told {
    inner: Mutex<Inner>,
}

struct Inner {
    lines: Pending,
    /// Of these only what lines speak of is kept: failed, vanished, changed while read, skipped, kept.
    counts: LedgerCounts,
}

impl Told {
    /// What the base says.
    pub(super) fn over(base: Option<&Manifest>) -> Self {
        let lines = Pending::over(base.and_then(|base| base.maps.exceptions));
        let counts = base.map(|base| base.counts).unwrap_or_default();
        let LedgerCounts { skipped, failed, vanished, changed_while_read, kept, .. } = counts;
        let counts = LedgerCounts { skipped, failed, vanished, changed_while_read, kept, ..LedgerCounts::default() };
        Told { inner: Mutex::new(Inner { lines, counts }) }
    }

    /// The line of a path.
    ///
    /// # Errors
    /// Those of the nodes; `Damaged` for a line that cannot be read.
    pub(super) fn line(&self, path: &[u8], nodes: &dyn NodeSource) -> Result<Option<Exception>> {
        let root = match self.inner.lock().lines.look(path) {
            (Some(edit), _) => return edit.as_deref().map(|line| decode(path, line)).transpose(),
            (None, root) => root,
        };
        value(nodes, root, path)?.map(|line| decode(path, &line)).transpose()
    }

    /// The lines of everything below a path, and of itself.
    ///
    /// # Errors
    /// As [`Told::line`].
    pub(super) fn lines_within(&self, path: &[u8], nodes: &dyn NodeSource) -> Result<Vec<(Vec<u8>, Exception)>> {
        let mut found: Vec<_> = self.line(path, nodes)?.map(|line| (path.to_vec(), line)).into_iter().collect();
        let below = if path.is_empty() { Vec::new() } else { [path, b"/"].concat() };
        let shown = self.inner.lock().lines.show(&below);
        shown.each(nodes, &below, &mut |key, line| {
            if key != path {
                found.push((key.to_vec(), decode(key, line)?));
            }
            Ok(true)
        })?;
        Ok(found)
    }

    /// Puts a line in the place of another one, or of none.
    ///
    /// # Errors
    /// `Input` for a line that is too long.
    pub(super) fn put(&self, path: &[u8], before: Option<&Exception>, now: Option<&Exception>) -> Result<()> {
        let mut inner = self.inner.lock();
        inner.lines.set(path, now.map(Exception::encode))?;
        for (line, adds) in [(before, false), (now, true)] {
            line.into_iter().for_each(|line| count(&mut inner.counts, line.outcome, adds));
        }
        Ok(())
    }

    /// Writes the lines; the map's root, and the counts of what lines speak of.
    ///
    /// # Errors
    /// Those of the nodes.
    pub(super) fn close(
        &self,
        nodes: &dyn NodeSource,
        sink: &mut dyn NodeSink,
    ) -> Result<(Option<ChunkId>, LedgerCounts)> {
        let mut inner = self.inner.lock();
        let root = inner.lines.close(nodes, sink)?;
        Ok((root, inner.counts))
    }
}

fn count(counts: &mut LedgerCounts, outcome: Outcome, adds: bool) {
    let change = |number: &mut u64, by: u64| {
        *number = if adds { number.saturating_add(by) } else { number.saturating_sub(by) };
    };
    match outcome {
        Outcome::Failed => change(&mut counts.failed, 1),
        Outcome::Vanished => change(&mut counts.vanished, 1),
        Outcome::Changed => change(&mut counts.changed_while_read, 1),
        Outcome::Skipped => change(&mut counts.skipped, 1),
        Outcome::Kept { items, .. } => {
            change(&mut counts.failed, items);
            change(&mut counts.kept, items);
        }
    }
}

fn decode(path: &[u8], line: &[u8]) -> Result<Exception> {
    Exception::decode(line).map_err(|e| Error::from(e).on(String::from_utf8_lossy(path)))
}
