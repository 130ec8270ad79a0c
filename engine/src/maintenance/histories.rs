//! Restore points of two histories of one repository, beside each other in a repository of copies.
//!
//! A repository whose files were copied and that both sides went on with has two histories under one id. Copies refuse to mix
//! them ([POINT-14]); a program that does not know the rule, or two copies in the same moment, may have. Promises: each pair of
//! histories that the points prove is named once, with a point of each. Refuses to say which one is right: both are whole.

use super::findings::Finding;
use crate::error::Result;
use crate::repository::Repository;
use crate::restore_point::{Point, manifest_name};
use format_spec::RepositoryId;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// What each slot of each repository's log was, by the points that say so.
type Told<'p> = BTreeMap<(RepositoryId, u32), BTreeMap<[u8; 32], &'p Arc<Point>>>;

/// The repositories of which points of two histories lie here.
///
/// # Errors
/// None but those of names.
pub(super) fn histories(repository: &Repository, points: &[Arc<Point>]) -> Result<Vec<Finding>> {
    let mut told = Told::new();
    for point in points {
        for row in &point.manifest.seen {
            told.entry((row.repository, row.slot)).or_default().entry(row.hash).or_insert(point);
        }
    }
    let mut named = BTreeSet::new();
    let mut found = Vec::new();
    let view = repository.log().view();
    for ((of, slot), histories) in &told {
        let [one, other, ..] = &histories.values().collect::<Vec<_>>()[..] else { continue };
        if !named.insert(*of) {
            continue;
        }
        let Some(commit) = view.live(&other.manifest.id) else { continue };
        let what = format!(
            "it and restore point {} come from two histories of repository {of}: its entry {slot} was another one for each; \
             let the points of one of them go (`cairn expire plan ID`), and copy that one into a repository of its own",
            one.manifest.id
        );
        found.push(Finding { object: manifest_name(commit)?.to_string(), what });
    }
    Ok(found)
}
