//! `cairn history`: the versions of one path.

use super::browse;
use crate::context::Context;
use crate::exit::{Exit, Failure, Result};
use crate::output::table::{Side, Table};
use crate::output::{Row, human};
use crate::parse::job;
use crate::parse::place::{InnerPath, PathParser};
use clap::Args;
use engine::restore_point::{JobName, Point};
use engine::tree::EntryRef;
use format_spec::tree::Kind;
use ops::items::{HistoryReport, VersionRow, absolute};
use std::sync::Arc;

/// Show the versions of one path, oldest first
#[derive(Debug, Args)]
pub(crate) struct History {
    /// The path, from the root
    #[arg(value_name = "PATH", value_parser = PathParser)]
    path: InnerPath,
    /// Only in the restore points of one job: this host's, or HOST/JOB
    #[arg(long, value_name = "JOB", value_parser = job::name)]
    job: Option<JobName>,
    /// A line for every restore point, also where nothing changed
    #[arg(long)]
    all: bool,
}

/// What a run of restore points says of the path.
struct Version {
    first: Arc<Point>,
    last: Arc<Point>,
    points: u64,
    entry: Option<EntryRef>,
}

impl History {
    pub(crate) fn run(&self, context: &Context) -> Result<Exit> {
        let connection = context.connect()?;
        let repo = &connection.repo;
        let shown = browse::points(context, repo)?;
        let (mut points, exit) = (shown.points.clone(), shown.exit());
        if let Some(job) = &self.job {
            points = repo.points_of(job, &points)?;
        }
        let mut versions: Vec<Version> = Vec::new();
        for point in points {
            context.interrupt.monitor().check()?;
            let entry = match browse::entry(repo, &point, &self.path.0) {
                Ok(entry) => entry,
                // A point that has left meanwhile has no version any more.
                Err(failure) => match browse::gone(repo, &[&point], &failure) {
                    None => return Err(failure),
                    Some(gone) if gone.kind() != engine::Kind::Absent => return Err(gone.into()),
                    Some(gone) => {
                        context.out.note(&format!("cairn: {gone}"));
                        continue;
                    }
                },
            };
            match versions.last_mut() {
                Some(last) if !self.all && same(last.entry.as_ref(), entry.as_ref()) => {
                    last.points += 1;
                    last.last = point;
                }
                _ => versions.push(Version { first: Arc::clone(&point), last: point, points: 1, entry }),
            }
        }
        if !versions.iter().any(|version| version.entry.is_some()) {
            let message = format!("/{}: in none of the restore points", human::name(&self.path.0));
            return Err(Failure::new(Exit::Failed, "absent", message).advise("look for it: cairn find NAME"));
        }
        self.tell(context, &versions, exit)?;
        Ok(exit)
    }

    fn tell(&self, context: &Context, versions: &[Version], exit: Exit) -> Result<()> {
        let present = versions.iter().filter(|version| version.entry.is_some()).count();
        if context.out.json {
            versions
                .iter()
                .try_for_each(|version| context.out.row(|| Row::new("version").report(&self.row(version))))?;
            return context
                .out
                .summary(context.summary(exit).report(&HistoryReport { versions: present }), String::new);
        }
        let left = |heading| (heading, Side::Left);
        let mut table = Table::new(&[
            left("POINT"),
            left("FROM"),
            left("TO"),
            ("SIZE", Side::Right),
            left("MODIFIED"),
            left("JOB"),
        ]);
        for version in versions {
            let size = match &version.entry {
                None => "absent".to_owned(),
                Some(entry) if entry.kind == Kind::Folder => human::bytes(entry.totals.bytes),
                Some(entry) => human::bytes(entry.size),
            };
            table.push(vec![
                version.last.manifest.id.to_string().chars().take(8).collect(),
                human::time(version.first.manifest.started),
                human::time(version.last.manifest.started),
                size,
                version.entry.as_ref().map_or_else(String::new, |entry| human::time(entry.mtime)),
                human::name(version.last.manifest.job.as_bytes()),
            ]);
        }
        table.lines().iter().try_for_each(|line| context.out.answer(|| Row::new("line"), || line.clone()))
    }

    fn row(&self, version: &Version) -> VersionRow {
        let (path, path_hex) = absolute(&self.path.0);
        let (first, last) = (&version.first.manifest, &version.last.manifest);
        VersionRow {
            path,
            path_hex,
            item: VersionRow::item_of(version.entry.as_deref()),
            present: version.entry.is_some(),
            point: last.id.to_string(),
            first_point: first.id.to_string(),
            time_first: first.started,
            time_last: last.started,
            points: version.points,
            job: last.job.clone(),
            host: last.host.clone(),
        }
    }
}

/// Whether two points hold the same version: nothing that a restore brings back differs.
fn same(old: Option<&EntryRef>, new: Option<&EntryRef>) -> bool {
    match (old, new) {
        (None, None) => true,
        (Some(old), Some(new)) => {
            let of = |e: &EntryRef| (e.kind, e.content, e.size);
            of(old) == of(new) && old.target == new.target && !browse::attributes_differ(old, new)
        }
        _ => false,
    }
}
