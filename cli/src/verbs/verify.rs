//! `cairn verify`: hold a restore point against a live tree, writing to neither.

use super::browse;
use super::excludes::Excludes;
use super::incomplete;
use super::moved::Moved;
use crate::context::Context;
use crate::exit::{Exit, Failure, Result};
use crate::output::{Row, human, progress};
use crate::parse::PointPath;
use crate::parse::place::{POINT_FORMS, PlaceParser};
use clap::Args;
use engine::maintenance::{Difference, compare};
use engine::source::Source;
use engine::source::folder::FolderSource;
use format_spec::point::{Manifest, Workload};
use ops::Traffic;
use ops::compared::{LiveDifferenceRow, VerifyReport};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// Compare a restore point with a live tree, byte for byte
///
/// Without SOURCE, each item is compared with the one at its own path. With it, what is in PATH is compared with what is in
/// SOURCE, as `restore POINT[:PATH] SOURCE` would have laid it. Differences end with exit 3, and so does a restore point that is not complete. What
/// rules left out of the restore point is not a difference.
#[derive(Debug, Args)]
#[command(after_help = POINT_FORMS)]
pub(crate) struct Verify {
    /// The restore point, or a path in it
    #[arg(value_name = "POINT[:PATH]", value_parser = PlaceParser)]
    place: PointPath,
    /// The live folder
    #[arg(value_name = "SOURCE")]
    source: Option<PathBuf>,
    #[command(flatten)]
    excludes: Excludes,
}

impl Verify {
    pub(crate) fn run(&self, context: &Context) -> Result<Exit> {
        let connection = context.connect()?;
        let repo = &connection.repo;
        let (point, _) = browse::find(context, repo, &self.place)?;
        let is_incomplete = incomplete::tell(context, repo, &point, std::slice::from_ref(&self.place.path))?;
        let live = self.live(&point.manifest)?;
        let inside = &self.place.path;
        let monitor = context.interrupt.monitor();
        let mut report =
            progress::show(&context.out, "comparing", monitor, || compare(repo, &point, inside, &*live, monitor))?;
        if inside.is_empty() {
            // Folders above the sources are in the point, but nobody asked for them; and a restore leaves its target itself as
            // it is.
            let above = |path: &[u8]| match self.source {
                Some(_) => path.is_empty(),
                None => point.manifest.paths.iter().any(|source| is_above(path, source)),
            };
            report.differences.retain(|difference| !above(&difference.path));
        }
        for Difference { path, what, .. } in &report.unproven {
            context.out.warning(&[b"/", &path[..]].concat(), what);
        }
        let differences = report.differences.len();
        for difference in &report.differences {
            let path = [b"/", &difference.path[..]].concat();
            let row = || Row::new("difference").report(&LiveDifferenceRow::from(difference));
            context.out.answer(row, || format!("{}: {}", human::name(&path), difference.what))?;
        }
        let is_doubtful = differences > 0 || is_incomplete || !report.unproven.is_empty();
        let exit = if is_doubtful { Exit::Warnings } else { Exit::Done };
        let summary = VerifyReport {
            point: point.manifest.id.to_string(),
            items: report.items,
            bytes: report.bytes,
            items_aged_out: report.aged_out,
            items_kept: report.kept,
            items_not_covered: report.not_covered,
            items_unproven: report.unproven.len(),
            complete: !is_incomplete,
            differences,
            traffic: Traffic::of(&connection.counts),
        };
        let row = context.summary(exit).report(&summary);
        context.out.summary(row, || {
            let (items, bytes) = (human::counted(report.items, "item", "items"), human::bytes(report.bytes));
            let aged_out = match report.aged_out {
                0 => String::new(),
                n => format!("; {} older than the repository keeps items", human::counted(n, "more is", "more are")),
            };
            let kept = match report.kept {
                0 => String::new(),
                n => format!(
                    "; {} not be read when the point was made, and is kept as it was",
                    human::counted(n, "item could", "items could")
                ),
            };
            let left_out = match report.not_covered {
                0 => String::new(),
                n => format!("; {} more are not part of what the restore point covers", human::count(n)),
            };
            match differences {
                0 => format!("equal: {items}, {bytes}{aged_out}{kept}{left_out}"),
                n => {
                    let differences = human::counted(n as u64, "difference", "differences");
                    format!("{differences} in {items}, {bytes}{aged_out}{kept}{left_out}")
                }
            }
        })?;
        Ok(exit)
    }

    fn live(&self, manifest: &Manifest) -> Result<Box<dyn Source>> {
        let as_path = |raw: &[u8]| PathBuf::from(OsStr::from_bytes(raw));
        let rules = self.excludes.rules()?;
        if let Some(folder) = &self.source {
            let folder = std::path::absolute(folder)
                .map_err(|e| Failure::usage(format!("{}: is no folder: {e}", human::path(folder))))?;
            let source = FolderSource::new(&[folder.join("")], rules)?;
            return Ok(Box::new(Moved::new(source, &folder, &self.place.path)));
        }
        if manifest.workload != Workload::Folders {
            return Err(Failure::usage("this restore point was not made of folders: there is no live tree of its own")
                .advise("name a folder to compare with: cairn verify POINT SOURCE"));
        }
        let roots = match self.place.path.is_empty() {
            true => manifest.paths.iter().map(|path| as_path(path)).collect(),
            false => vec![Path::new("/").join(as_path(&self.place.path))],
        };
        Ok(Box::new(FolderSource::new(&roots, rules)?))
    }
}

/// Whether the folder at `path` lies above `source`, an absolute path.
fn is_above(path: &[u8], source: &[u8]) -> bool {
    let source = source.strip_prefix(b"/").unwrap_or(source);
    match path.is_empty() {
        true => !source.is_empty(),
        false => source.strip_prefix(path).is_some_and(|rest| rest.first() == Some(&b'/')),
    }
}

#[cfg(test)]
mod tests {
    use super::is_above;

    #[test]
    fn only_proper_ancestors_lie_above() {
        assert!(is_above(b"", b"/srv/a") && is_above(b"srv", b"/srv/a"));
        assert!(!is_above(b"srv/a", b"/srv/a") && !is_above(b"sr", b"/srv/a") && !is_above(b"", b"/"));
    }
}
