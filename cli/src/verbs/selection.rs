//! Which items of a restore point are restored: `--include`, `--exclude`, and several places at once.
//!
//! An item is wanted when it, or a folder above it, is included (everything is, if nothing was said) and none is excluded. A
//! folder on the way to something wanted is restored too, and no other: one walk over the tree finds them beforehand.

use crate::exit::{Failure, Result};
use crate::parse::pattern::Pattern;
use engine::monitor::Monitor;
use engine::repository::Repository;
use engine::restore::Select;
use engine::restore_point::Point;
use engine::tree::{Step, Walk};
use format_spec::tree::{Entry, Kind};
use std::collections::HashSet;
use std::ffi::OsString;
use std::sync::Arc;

/// What was asked for.
#[derive(Debug, Clone)]
pub(super) struct Selection {
    includes: Vec<Pattern>,
    excludes: Vec<Pattern>,
    /// Paths without a leading slash; empty for everything.
    places: Vec<Vec<u8>>,
}

impl Selection {
    /// Compiles the patterns.
    ///
    /// # Errors
    /// Wrong usage for one that is none.
    pub(super) fn new(includes: &[OsString], excludes: &[OsString], places: &[Vec<u8>]) -> Result<Selection> {
        let compile = |texts: &[OsString]| {
            texts.iter().map(|text| Pattern::new(text, false)).collect::<Result<Vec<_>, _>>().map_err(Failure::usage)
        };
        let everything = places.iter().any(Vec::is_empty);
        let places = if everything { Vec::new() } else { places.to_vec() };
        Ok(Selection { includes: compile(includes)?, excludes: compile(excludes)?, places })
    }

    /// The predicate for one point.
    ///
    /// # Errors
    /// The engine's, from the walk.
    pub(super) fn resolve(&self, repo: &Repository, point: &Point, inside: &[u8], monitor: &Monitor) -> Result<Select> {
        let ways = match self.includes.is_empty() && self.places.is_empty() {
            true => HashSet::new(),
            false => self.ways(repo, point, inside, monitor)?,
        };
        let selection = self.clone();
        Ok(Arc::new(move |path: &[u8], entry: &Entry| {
            selection.wants(path) || (entry.kind == Kind::Folder && ways.contains(path))
        }))
    }

    fn wants(&self, path: &[u8]) -> bool {
        let included = self.includes.is_empty() || self.includes.iter().any(|pattern| pattern.covers(path));
        let placed = self.places.is_empty() || self.places.iter().any(|place| is_below(path, place));
        included && placed && !self.excludes.iter().any(|pattern| pattern.covers(path))
    }

    /// The folders above what is wanted.
    fn ways(&self, repo: &Repository, point: &Point, inside: &[u8], monitor: &Monitor) -> Result<HashSet<Vec<u8>>> {
        let mut ways = HashSet::from([Vec::new()]);
        let mut walk = Walk::start(repo.nodes(), &point.manifest.root);
        loop {
            let skip = match walk.step()? {
                None => return Ok(ways),
                Some(Step::Leave(_)) => false,
                Some(Step::Enter(seen)) => {
                    monitor.check()?;
                    let path = seen.path;
                    let wanted = !path.is_empty() && self.wants(path);
                    if wanted {
                        let ends = path.iter().enumerate().filter(|(_, b)| **b == b'/').map(|(at, _)| at);
                        ways.extend(ends.filter_map(|end| path.get(..end).map(<[u8]>::to_vec)));
                    }
                    // Below something wanted everything is, but what is excluded; neither leads to new folders.
                    wanted || !leads_to(path, inside)
                }
            };
            if skip {
                walk.skip();
            }
        }
    }
}

/// Whether `path` is `folder` or lies in it.
fn is_below(path: &[u8], folder: &[u8]) -> bool {
    folder.is_empty() || path.strip_prefix(folder).is_some_and(|rest| rest.is_empty() || rest.first() == Some(&b'/'))
}

/// Whether what lies at or below `path` can lie in `inside`.
fn leads_to(path: &[u8], inside: &[u8]) -> bool {
    is_below(path, inside) || is_below(inside, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn selection(includes: &[&str], excludes: &[&str], places: &[&str]) -> Selection {
        let texts = |list: &[&str]| list.iter().map(OsString::from).collect::<Vec<_>>();
        let places: Vec<_> = places.iter().map(|p| p.as_bytes().to_vec()).collect();
        Selection::new(&texts(includes), &texts(excludes), &places).unwrap()
    }

    #[test]
    fn everything_is_wanted_unless_something_was_said() {
        assert!(selection(&[], &[], &[]).wants(b"a/b"));
        assert!(selection(&[], &[], &["", "a"]).wants(b"b"));
    }

    #[test]
    fn included_folders_bring_everything_below_but_what_is_excluded() {
        let s = selection(&["/srv/a", "*.conf"], &["*.tmp"], &[]);
        assert!(s.wants(b"srv/a") && s.wants(b"srv/a/x/y") && s.wants(b"etc/x.conf"));
        assert!(!s.wants(b"srv/a/x.tmp") && !s.wants(b"srv/ab") && !s.wants(b"srv"));
    }

    #[test]
    fn places_are_whole_names() {
        let s = selection(&[], &[], &["srv/a"]);
        assert!(s.wants(b"srv/a") && s.wants(b"srv/a/b"));
        assert!(!s.wants(b"srv/ab") && !s.wants(b"srv"));
        assert!(leads_to(b"srv", b"srv/a") && leads_to(b"srv/a/b", b"srv/a") && !leads_to(b"etc", b"srv/a"));
    }
}
