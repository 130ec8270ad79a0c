//! `cairn diff`: what differs between two restore points.

use super::browse;
use crate::context::Context;
use crate::exit::{Exit, Failure, Result};
use crate::output::{Row, human};
use crate::parse::PointPath;
use crate::parse::place::{POINT_FORMS, PlaceParser};
use clap::Args;
use engine::repository::Repository;
use engine::restore_point::{Point, each_kept};
use engine::tree::{Change, Flow, diff};
use format_spec::tree::{Entry, Kind};
use ops::items::{DiffReport, DifferenceRow, absolute, kind_word};

/// Show what differs between two restore points
///
/// Signs: + added, - removed, M content modified, U attributes changed (mode, owner, time, extended attributes), T became
/// another kind. Only what differs is read. The exit code is 0 whether something differs or not.
#[derive(Debug, Args)]
#[command(after_help = POINT_FORMS)]
pub(crate) struct Diff {
    /// The older one
    #[arg(value_name = "POINT[:PATH]", value_parser = PlaceParser)]
    old: PointPath,
    /// The newer one
    #[arg(value_name = "POINT[:PATH]", value_parser = PlaceParser)]
    new: PointPath,
}

impl Diff {
    pub(crate) fn run(&self, context: &Context) -> Result<Exit> {
        let connection = context.connect()?;
        let repo = &connection.repo;
        let (of_old, old) = browse::find(context, repo, &self.old)?;
        let (of_new, new) = browse::find(context, repo, &self.new)?;
        let kept = self.kept_items(repo, &of_new)?;
        let mut counts = DiffReport::default();
        let mut failure: Option<Failure> = None;
        let compared = diff(repo.nodes(), Some(&old), Some(&new), &mut |path, change| {
            context.interrupt.monitor().check()?;
            match told(path, &change, &mut counts).map_or(Ok(()), |word| self.show(context, path, &change, word)) {
                Ok(()) => Ok(Flow::Continue),
                // The engine's visitors speak engine errors; ours is kept aside.
                Err(e) => {
                    failure = Some(e);
                    Ok(Flow::Stop)
                }
            }
        });
        browse::or_gone(repo, &[&of_old, &of_new], compared.map_err(Failure::from))?;
        failure.map_or(Ok(()), Err)?;
        counts.items_kept = kept;
        let row = context.summary(Exit::Done).report(&counts);
        context.out.summary(row, || {
            format!(
                "{} added ({}), {} removed ({}), {} modified, {} with other attributes, {} of another kind",
                human::count(counts.added),
                human::bytes(counts.bytes_added),
                human::count(counts.removed),
                human::bytes(counts.bytes_removed),
                human::count(counts.modified),
                human::count(counts.metadata),
                human::count(counts.kind)
            )
        })?;
        if kept > 0 {
            let items = human::counted(kept, "item", "items");
            let (are, they, them) = if kept == 1 { ("is", "it was", "it") } else { ("are", "they were", "them") };
            context.out.note(&format!(
                "{items} of the newer point could not be read and {are} kept as {they}: what changed in {them} does not show"
            ));
        }
        Ok(Exit::Done)
    }

    /// How many items at and below the newer path are kept as they were.
    fn kept_items(&self, repo: &Repository, point: &Point) -> Result<u64> {
        let inside = &self.new.path;
        let (mut items, mut all) = (0, false);
        each_kept(repo.nodes(), &point.manifest, &mut |path, n, _| {
            if inside.is_empty() || path == &inside[..] || is_below(path, inside) {
                items += n;
            }
            if is_below(inside, path) {
                all = true;
            }
            Ok(())
        })?;
        // A line further up speaks of everything here.
        let entry = if all { browse::entry(repo, point, inside)? } else { None };
        Ok(entry.map_or(items, |entry| 1 + if entry.kind == Kind::Folder { entry.totals.descendants } else { 0 }))
    }

    fn show(&self, context: &Context, path: &[u8], change: &Change<'_>, word: &'static str) -> Result<()> {
        let (sign, old, new) = match (word, *change) {
            ("added", Change::Added(new)) => ('+', None, Some(new)),
            ("removed", Change::Removed(old)) => ('-', Some(old), None),
            (_, Change::Changed(old, new)) => (sign(word), Some(old), Some(new)),
            (_, Change::Added(new)) => ('+', None, Some(new)),
            (_, Change::Removed(old)) => ('-', Some(old), None),
        };
        let base = if old.is_some() && new.is_none() { &self.old.path } else { &self.new.path };
        let path = match (base.is_empty(), path.is_empty()) {
            (_, true) => base.clone(),
            (true, _) => path.to_vec(),
            (false, _) => [base, &b"/"[..], path].concat(),
        };
        let folder = new.or(old).is_some_and(|e| e.kind == Kind::Folder);
        let row = || {
            let kind = |e: Option<&Entry>| e.map(|e| kind_word(e.kind));
            let size = |e: Option<&Entry>| e.map(|e| e.size);
            let (path, path_hex) = absolute(&path);
            let (kind_old, kind_new, bytes_old, bytes_new) = (kind(old), kind(new), size(old), size(new));
            let row = DifferenceRow { path, path_hex, change: word, kind_old, kind_new, bytes_old, bytes_new };
            Row::new("difference").report(&row)
        };
        context.out.answer(row, || format!("{sign} /{}{}", human::name(&path), if folder { "/" } else { "" }))
    }
}

/// Whether a path lies below a folder.
fn is_below(path: &[u8], folder: &[u8]) -> bool {
    folder.is_empty() && !path.is_empty() || path.strip_prefix(folder).is_some_and(|rest| rest.first() == Some(&b'/'))
}

fn sign(word: &str) -> char {
    match word {
        "modified" => 'M',
        "kind" => 'T',
        _ => 'U',
    }
}

/// The word for a change, counted; `None` for what is told by something else (a folder whose entries changed).
fn told(path: &[u8], change: &Change<'_>, counts: &mut DiffReport) -> Option<&'static str> {
    let bytes = |entry: &Entry| if entry.kind == Kind::File { entry.size } else { 0 };
    match change {
        Change::Added(new) => {
            counts.added += 1;
            counts.bytes_added += bytes(new);
            Some("added")
        }
        Change::Removed(old) => {
            counts.removed += 1;
            counts.bytes_removed += bytes(old);
            Some("removed")
        }
        Change::Changed(old, new) if old.kind != new.kind => {
            counts.kind += 1;
            Some("kind")
        }
        Change::Changed(old, new) if old.kind != Kind::Folder && differs_in_content(old, new) => {
            counts.modified += 1;
            Some("modified")
        }
        // The root of a point made of folders is no item of the source.
        Change::Changed(old, new) if !path.is_empty() && browse::attributes_differ(old, new) => {
            counts.metadata += 1;
            Some("metadata")
        }
        Change::Changed(..) => None,
    }
}

fn differs_in_content(old: &Entry, new: &Entry) -> bool {
    old.content != new.content || old.size != new.size || old.target != new.target || old.extents != new.extents
}
