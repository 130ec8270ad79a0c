//! Saying that a restore point is not complete, to whoever is about to rely on it.

use crate::context::Context;
use crate::exit::Result;
use crate::output::human;
use engine::repository::Repository;
use engine::restore_point::{IN_PART, Point};
use engine::tree::MapCursor;
use format_spec::ledger::{Exception, Outcome};

/// Warns of what a restore point does not have as it should at these places (paths without a leading slash; the empty one is everything).
/// Whether there is something.
///
/// # Errors
/// The engine's, from reading the ledger.
pub(super) fn tell(context: &Context, repo: &Repository, point: &Point, places: &[Vec<u8>]) -> Result<bool> {
    let manifest = &point.manifest;
    if manifest.counts.complete() {
        return Ok(false);
    }
    let (mut named, mut concerned) = (0u64, Vec::new());
    for pair in MapCursor::open(repo.nodes(), manifest.maps.exceptions) {
        let pair = pair?;
        let exception = Exception::decode(&pair.value).map_err(engine::Error::from)?;
        named = match exception.outcome {
            Outcome::Skipped => continue,
            Outcome::Kept { items, .. } => named.saturating_add(items),
            Outcome::Failed | Outcome::Vanished | Outcome::Changed => named.saturating_add(1),
        };
        if places.iter().any(|place| is_at_or_below(&pair.key, place) || is_at_or_below(place, &pair.key)) {
            concerned.push((pair.key.clone(), why(&exception)));
        }
    }
    let counts = &manifest.counts;
    let counted = counts.failed.saturating_add(counts.vanished).saturating_add(counts.changed_while_read);
    let unnamed = counted.saturating_sub(named);
    if concerned.is_empty() && unnamed == 0 {
        return Ok(false);
    }
    let id = manifest.id.to_string();
    let items = (concerned.len() as u64).saturating_add(unnamed);
    let what = format!(
        "the restore point is not complete: {} of what is asked for could not be read as {} should",
        human::counted(items, "item", "items"),
        human::agree(items, "it", "they"),
    );
    context.out.warning(id.as_bytes(), &what);
    for (path, why) in concerned.iter().take(TOLD_MAX) {
        context.out.warning(&[b"/", &path[..]].concat(), why);
    }
    if concerned.len() > TOLD_MAX {
        context.out.warning(id.as_bytes(), &format!("and {} more", human::count((concerned.len() - TOLD_MAX) as u64)));
    }
    Ok(true)
}

fn why(exception: &Exception) -> String {
    let outcome = match exception.outcome {
        Outcome::Vanished => "vanished before it was read".to_owned(),
        Outcome::Changed => "changed while it was read".to_owned(),
        Outcome::Kept { as_of, .. } => format!("could not be read, kept as of {}", human::time(as_of)),
        Outcome::Failed | Outcome::Skipped => "was not stored".to_owned(),
    };
    let reason = &exception.reason;
    if exception.outcome == Outcome::Failed && reason.starts_with(IN_PART) {
        return format!("was {reason}");
    }
    if reason.is_empty() { outcome } else { format!("{outcome}: {reason}") }
}

/// Whether `path` is `folder` or lies in it.
fn is_at_or_below(path: &[u8], folder: &[u8]) -> bool {
    folder.is_empty() || path.strip_prefix(folder).is_some_and(|rest| rest.is_empty() || rest.first() == Some(&b'/'))
}

/// So many paths are told one by one.
const TOLD_MAX: usize = 20;
