//! `cairn ls`: list what a restore point holds.

use super::look;
use crate::context::Context;
use crate::exit::{Exit, Result};
use crate::parse::Place;
use crate::parse::place::PlaceParser;
use crate::say::human;
use clap::Args;
use engine::tree::{FolderCursor, Step, Walk};
use format_spec::tree::{Entry, Kind};

/// List what a restore point holds
#[derive(Debug, Args)]
pub(crate) struct Ls {
    /// A restore point and a path in it: an id or a unique prefix of one, latest, latest:JOB, or a time (the newest at or before)
    #[arg(value_name = "POINT[:PATH]", value_parser = PlaceParser)]
    place: Place,
    /// Show modes, owners, sizes and times
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
        let (_, entry) = look::find(repo, &self.place)?;
        let mut shown = 0u64;
        let base = &self.place.path;
        if entry.kind != Kind::Folder {
            shown = 1;
            self.show(context, base, &entry)?;
        } else if self.recursive {
            let mut walk = Walk::start(repo.nodes(), &entry);
            while let Some(step) = walk.step()? {
                let Step::Enter(seen) = step else { continue };
                if seen.path.is_empty() {
                    continue;
                }
                context.interrupt.monitor().check()?;
                shown += 1;
                self.show(context, &below(base, seen.path), seen.entry)?;
            }
        } else {
            for found in FolderCursor::open(repo.nodes(), &entry)? {
                let found = found?;
                context.interrupt.monitor().check()?;
                shown += 1;
                self.show(context, &below(base, &found.entry.name), &found.entry)?;
            }
        }
        if context.out.json {
            context.out.summary(context.summary(Exit::Done).set("entries", shown), String::new)?;
        }
        Ok(Exit::Done)
    }

    fn show(&self, context: &Context, path: &[u8], entry: &Entry) -> Result<()> {
        context.out.answer(|| look::row("entry", path, entry), || self.line(path, entry))
    }

    fn line(&self, path: &[u8], entry: &Entry) -> String {
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
            "{} {:>3} {:<8} {:<8} {size:>8} {} {name}{target}",
            look::mode_text(entry),
            entry.nlink,
            look::owner(&entry.user, entry.uid),
            look::owner(&entry.group, entry.gid),
            human::time(entry.mtime)
        )
    }
}

fn below(base: &[u8], path: &[u8]) -> Vec<u8> {
    if base.is_empty() { path.to_vec() } else { [base, &b"/"[..], path].concat() }
}
