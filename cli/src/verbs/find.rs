//! `cairn find`: where in the restore points is a name?

use super::browse;
use crate::context::Context;
use crate::exit::{Exit, Failure, Result};
use crate::output::{Row, human};
use crate::parse::job;
use crate::parse::pattern::Pattern;
use crate::parse::place::POINT_FORMS;
use clap::Args;
use engine::Kind;
use engine::repository::Repository;
use engine::restore_point::{JobName, Point, kept_as_of};
use engine::tree::{Step, Walk};
use format_spec::Time;
use format_spec::tree::Entry;
use ops::items::{EntryRow, FindReport, MatchRow};
use std::collections::HashSet;
use std::ffi::OsString;
use std::sync::Arc;

/// Find names in restore points, the newest point first
///
/// Each path is shown once, with the newest restore point that has it; --all shows it in every point. A pattern with a slash
/// is held against whole paths (/srv/**/*.conf), one without against names (*.conf).
#[derive(Debug, Args)]
#[command(after_help = POINT_FORMS)]
pub(crate) struct Find {
    /// A name or a pattern: *, ?, [a-z], {a,b} and, in paths, **
    #[arg(value_name = "PATTERN", required = true)]
    patterns: Vec<OsString>,
    /// Look into one restore point only
    #[arg(long, value_name = "POINT", conflicts_with = "job")]
    point: Option<String>,
    /// Look into the restore points of one job only: this host's, or HOST/JOB
    #[arg(long, value_name = "JOB", value_parser = job::name)]
    job: Option<JobName>,
    /// Show a path in every restore point that has it
    #[arg(long)]
    all: bool,
    /// Upper and lower case are the same
    #[arg(short, long)]
    ignore_case: bool,
}

impl Find {
    pub(crate) fn run(&self, context: &Context) -> Result<Exit> {
        let patterns =
            self.patterns.iter().map(|text| Pattern::new(text, self.ignore_case)).collect::<Result<Vec<_>, _>>();
        let patterns = patterns.map_err(Failure::usage)?;
        let connection = context.connect()?;
        let repo = &connection.repo;
        let (points, exit) = match &self.point {
            Some(point) => (vec![repo.find_point(point)?], Exit::Done),
            None => {
                let shown = browse::points(context, repo)?;
                let (mut points, exit) = (shown.points.clone(), shown.exit());
                if let Some(job) = &self.job {
                    points = repo.points_of(job, &points)?;
                }
                points.reverse();
                (points, exit)
            }
        };
        let (mut seen, mut trees) = (HashSet::new(), HashSet::new());
        let mut matches = 0u64;
        for point in &points {
            // What lies below equal roots was shown already.
            if !trees.insert(tree_of(&point.manifest.root)) && !self.all {
                continue;
            }
            let mut hit = |path: &[u8], entry: &Entry| {
                let matched = !path.is_empty() && patterns.iter().any(|pattern| pattern.matches(path));
                if matched && (self.all || seen.insert(path.to_vec())) {
                    matches += 1;
                    let kept = kept_as_of(repo.nodes(), &point.manifest, path)?;
                    return show(context, point, path, entry, kept);
                }
                Ok(())
            };
            let Err(failure) = search(context, repo, point, &mut hit) else { continue };
            match browse::gone(repo, &[point], &failure) {
                None => return Err(failure),
                Some(gone) if self.point.is_some() || gone.kind() != Kind::Absent => return Err(gone.into()),
                // What was asked about all points is answered by those that are there.
                Some(gone) => context.out.note(&format!("cairn: {gone}")),
            }
        }
        if context.out.json {
            let row = context.summary(exit).report(&FindReport { matches, points_searched: points.len() });
            context.out.summary(row, String::new)?;
        } else if matches == 0 {
            context.out.note(&format!(
                "nothing found in {}",
                human::counted(points.len() as u64, "restore point", "restore points")
            ));
        }
        Ok(exit)
    }
}

/// Visits every item of a point.
fn search(
    context: &Context,
    repo: &Repository,
    point: &Point,
    visit: &mut dyn FnMut(&[u8], &Entry) -> Result<()>,
) -> Result<()> {
    let mut walk = Walk::start(repo.nodes(), &point.manifest.root);
    while let Some(step) = walk.step()? {
        let Step::Enter(seen) = step else { continue };
        context.interrupt.monitor().check()?;
        visit(seen.path, seen.entry)?;
    }
    Ok(())
}

fn show(context: &Context, point: &Arc<Point>, path: &[u8], entry: &Entry, kept: Option<Time>) -> Result<()> {
    let m = &point.manifest;
    let id = m.id.to_string();
    let row = || {
        let entry = EntryRow::of(path, entry, kept);
        let (point, job, host) = (id.clone(), m.job.clone(), m.host.clone());
        Row::new("match").report(&MatchRow { entry, point, point_time: m.started, job, host })
    };
    let line = || {
        let size = if entry.kind == format_spec::tree::Kind::Folder { entry.totals.bytes } else { entry.size };
        let kept = kept.map_or_else(String::new, |time| format!("  (kept, as of {})", human::time(time)));
        format!("{}:/{}  {}  {}{kept}", &id[..8], human::name(path), human::bytes(size), human::time(entry.mtime))
    };
    context.out.answer(row, line)
}

fn tree_of(root: &Entry) -> Option<format_spec::ChunkId> {
    match root.content {
        format_spec::tree::Content::Tree(id) | format_spec::tree::Content::Chunk(id) => Some(id),
        format_spec::tree::Content::None => None,
    }
}
