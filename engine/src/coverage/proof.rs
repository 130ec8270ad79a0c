//! Whether a point names all that it lacks ([POINT-9]).

use super::Why;
use crate::error::{Kind, Result};
use crate::monitor::counted;
use crate::repository::Repository;
use crate::source::rules::Rules;
use crate::tree::MapCursor;
use format_spec::config::Class;
use format_spec::ledger::{Exception, Outcome};
use format_spec::point::{Manifest, UNNAMED_UNKNOWN};

/// The rules that were in force, and why nothing is proven, if so.
pub(super) fn of(repository: &Repository, manifest: &Manifest) -> Result<(Rules, Option<Why>)> {
    // Releases that listed no rules always heeded ignore files.
    let listed = match manifest.rules.is_empty() {
        true => Some(Rules::default()),
        false => Rules::of_point(&manifest.rules),
    };
    let unproven = match (&listed, manifest.left_out_unnamed()) {
        (None, _) => {
            Some("it was made under rules that it does not list, or that this release does not know".to_owned())
        }
        (_, UNNAMED_UNKNOWN) => Some("an older release rewrote it, and did not record what it lost".to_owned()),
        (_, unnamed @ 1..) => {
            Some(format!("{} left out of it that it does not name", counted(unnamed, "item was", "items were")))
        }
        // Such copies do not say whether their originals had been rewritten.
        (_, 0) if manifest.unnamed.is_none() && repository.config().class == Class::Copy => {
            Some("it was copied by an older release, which did not record what it lacks".to_owned())
        }
        (_, 0) => match unnamed_failures(repository, manifest) {
            Err(e) if e.kind() == Kind::Damaged => Some(format!("its ledger is damaged: {e}")),
            other => other?,
        },
    };
    Ok((listed.unwrap_or_default(), unproven.map(Why::Unproven)))
}

/// A ledger keeps so many exceptions and no more.
fn unnamed_failures(repository: &Repository, manifest: &Manifest) -> Result<Option<String>> {
    let counts = &manifest.counts;
    let all = [counts.failed, counts.vanished, counts.changed_while_read].into_iter().fold(0, u64::saturating_add);
    if all == 0 {
        return Ok(None);
    }
    let mut named = 0;
    for pair in MapCursor::open(repository.nodes(), manifest.maps.exceptions) {
        named += match Exception::decode(&pair?.value)?.outcome {
            Outcome::Failed | Outcome::Vanished | Outcome::Changed => 1,
            Outcome::Kept { items, .. } => items,
            Outcome::Skipped => 0,
        };
    }
    let unnamed = |named| counted(all - named, "item", "items");
    Ok((named < all).then(|| format!("{} failed that it does not name", unnamed(named))))
}
