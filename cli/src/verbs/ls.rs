//! `cairn ls`: list what a restore point holds.

use super::browse;
use crate::context::Context;
use crate::exit::{Exit, Result};
use crate::output::{Row, human};
use crate::parse::PointPath;
use crate::parse::place::{POINT_FORMS, PlaceParser};
use clap::Args;
use engine::repository::Repository;
use engine::restore_point::{Point, kept_as_of};
use engine::tree::{FolderCursor, Step, Walk};
use format_spec::Time;
use format_spec::tree::{Entry, Kind};
use ops::items::{EntryRow, LsReport};

/// List what a restore point holds
#[derive(Debug, Args)]
#[command(after_help = POINT_FORMS)]
pub(crate) struct Ls {
    /// A restore point, or a path in it
    #[arg(value_name = "POINT[:PATH]", value_parser = PlaceParser)]
    place: PointPath,
    /// Show modes, owners, sizes and times, and since when an item is kept that could not be read any more
    #[arg(short, long)]
    long: bool,
    /// Show everything below, with full paths
    #[arg(short = 'R', long)]
    recursive: bool,
}

impl Ls {
    pub(crate) fn run(&self, context: &Context) -> Result<Exit> {
        let connection = context.connect()?;
        let repo = &connection.repo;
        let (point, entry) = browse::find(context, repo, &self.place)?;
        let shown = browse::or_gone(repo, &[&point], self.list(context, repo, &point, &entry))?;
        if context.out.json {
            context.out.summary(context.summary(Exit::Done).report(&LsReport { entries: shown }), String::new)?;
        }
        Ok(Exit::Done)
    }

    /// Shows what is there; how many entries that are.
    fn list(&self, context: &Context, repo: &Repository, point: &Point, entry: &Entry) -> Result<u64> {
        let kept = |path: &[u8]| kept_as_of(repo.nodes(), &point.manifest, path);
        let mut shown = 0u64;
        let base = &self.place.path;
        if entry.kind != Kind::Folder {
            shown = 1;
            self.show(context, base, entry, kept(base)?)?;
        } else if self.recursive {
            let mut walk = Walk::start(repo.nodes(), entry);
            while let Some(step) = walk.step()? {
                let Step::Enter(seen) = step else { continue };
                if seen.path.is_empty() {
                    continue;
                }
                context.interrupt.monitor().check()?;
                shown += 1;
                let path = below(base, seen.path);
                self.show(context, &path, seen.entry, kept(&path)?)?;
            }
        } else {
            for found in FolderCursor::open(repo.nodes(), entry)? {
                let found = found?;
                context.interrupt.monitor().check()?;
                shown += 1;
                let path = below(base, &found.entry.name);
                self.show(context, &path, &found.entry, kept(&path)?)?;
            }
        }
        Ok(shown)
    }

    fn show(&self, context: &Context, path: &[u8], entry: &Entry, kept: Option<Time>) -> Result<()> {
        let row = || Row::new("entry").report(&EntryRow::of(path, entry, kept));
        context.out.answer(row, || self.line(path, entry, kept))
    }

    fn line(&self, path: &[u8], entry: &Entry, kept: Option<Time>) -> String {
        let name = match self.recursive {
            true => format!("/{}", human::name(path)),
            false => human::name(path.rsplit(|b| *b == b'/').next().unwrap_or(path)),
        };
        if !self.long {
            return if entry.kind == Kind::Folder { format!("{name}/") } else { name };
        }
        let size = match entry.kind {
            Kind::Folder => human::bytes(entry.totals.bytes),
            Kind::CharDevice | Kind::BlockDevice => format!("{},{}", entry.rdev.0, entry.rdev.1),
            _ => human::bytes(entry.size),
        };
        let target = match entry.kind {
            Kind::Symlink => format!(" -> {}", human::name(&entry.target)),
            _ => String::new(),
        };
        format!(
            "{} {:>3} {:<8} {:<8} {size:>8} {} {name}{target}{}",
            browse::mode_text(entry),
            entry.nlink,
            browse::owner(&entry.user, entry.uid),
            browse::owner(&entry.group, entry.gid),
            human::time(entry.mtime),
            kept.map_or_else(String::new, |time| format!(" (kept, as of {})", human::time(time)))
        )
    }
}

fn below(base: &[u8], path: &[u8]) -> Vec<u8> {
    if base.is_empty() { path.to_vec() } else { [base, &b"/"[..], path].concat() }
}
