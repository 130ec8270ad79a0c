//! `cairn points`: list restore points.

use crate::context::Context;
use crate::exit::{Exit, Result};
use crate::paper;
use crate::say::human;
use crate::say::row::Row;
use crate::say::table::{Side, Table};
use clap::Args;
use engine::restore_point::Point;
use format_spec::point::{PointKind, Workload};
use std::collections::BTreeMap;
use std::sync::Arc;

/// List restore points, oldest first
#[derive(Debug, Args)]
pub(crate) struct Points {
    /// Only those of one job
    #[arg(long, value_name = "JOB")]
    job: Option<String>,
    /// Only the newest of each job
    #[arg(long)]
    latest: bool,
}

impl Points {
    pub(crate) fn run(&self, context: &Context) -> Result<Exit> {
        let connection = context.connect()?;
        let repo = &connection.repo;
        let mut points = Vec::new();
        let mut damaged = 0u64;
        for (commit, point) in repo.points_and_damage() {
            match point {
                Ok(point) => points.push(point),
                Err(e) => {
                    damaged += 1;
                    context
                        .out
                        .warning(b"", &format!("the restore point of log entry {} cannot be shown: {e}", commit.slot));
                }
            }
        }
        points.retain(|point| self.job.as_ref().is_none_or(|job| *job == point.manifest.job));
        if self.latest {
            points = newest_of_each(points);
        }
        self.list(context, &points)?;
        let exit = if damaged > 0 { Exit::Damaged } else { Exit::Done };
        let exported = paper::was_exported(repo);
        let row = context
            .summary(exit)
            .set("points", points.len())
            .set("points_damaged", damaged)
            .set("recovery_sheet_exported", exported);
        if context.out.json {
            context.out.summary(row, String::new)?;
        }
        if !exported {
            context.out.note(paper::REMINDER);
        }
        Ok(exit)
    }

    fn list(&self, context: &Context, points: &[Arc<Point>]) -> Result<()> {
        if context.out.json {
            return points.iter().try_for_each(|point| context.out.row(|| row(point)));
        }
        if points.is_empty() {
            context.out.note("no restore points yet: make one with `cairn backup`");
            return Ok(());
        }
        let mut table = Table::new(&[
            ("POINT", Side::Left),
            ("TIME (UTC)", Side::Left),
            ("KIND", Side::Left),
            ("SIZE", Side::Right),
            ("FILES", Side::Right),
            ("JOB", Side::Left),
            ("STATE", Side::Left),
            ("TAGS", Side::Left),
        ]);
        points.iter().for_each(|point| table.push(cells(point)));
        table.lines().iter().try_for_each(|line| context.out.answer(|| Row::new("line"), || line.clone()))
    }
}

fn cells(point: &Point) -> Vec<String> {
    let m = &point.manifest;
    let state = if m.counts.complete() { "complete" } else { "incomplete" };
    vec![
        m.id.to_string().chars().take(8).collect(),
        human::time(m.started),
        kind(m.kind).to_owned(),
        human::bytes(m.root.totals.bytes),
        human::count(m.counts.new + m.counts.changed + m.counts.unchanged),
        human::name(m.job.as_bytes()),
        state.to_owned(),
        human::name(m.tags.join(",").as_bytes()),
    ]
}

/// The line of `--json`; `stats` and `history` use it too.
pub(super) fn row(point: &Point) -> Row {
    let m = &point.manifest;
    let origin = if m.organisation.is_empty() { ("host", &m.host) } else { ("organisation", &m.organisation) };
    let paths: Vec<_> = m.paths.iter().map(|path| String::from_utf8_lossy(path).into_owned()).collect();
    let workload = match m.workload {
        Workload::Folders => "folders",
        Workload::Stream => "stream",
    };
    Row::new("point")
        .set("id", m.id.to_string())
        .set("number", point.number)
        .set("time", human::time_exact(m.started))
        .set("finished", human::time_exact(m.finished))
        .set("job", m.job.as_str())
        .set("kind", kind(m.kind))
        .set("kind_reason", m.kind_reason.as_str())
        .set("workload", workload)
        .set(origin.0, origin.1.as_str())
        .set("paths", paths)
        .set("files_total", m.counts.new + m.counts.changed + m.counts.unchanged)
        .set("bytes_source", m.root.totals.bytes)
        .set("bytes_stored", m.bytes[2])
        .set("complete", m.counts.complete())
        .set("tags", m.tags.clone())
        // Locks and archive tiers come later; until then every point is unlocked and online, and says so.
        .set("locked_until", serde_json::Value::Null)
        .set("state", "online")
}

fn kind(kind: PointKind) -> &'static str {
    match kind {
        PointKind::Full => "full",
        PointKind::Incremental => "incremental",
    }
}

fn newest_of_each(points: Vec<Arc<Point>>) -> Vec<Arc<Point>> {
    let mut newest: BTreeMap<String, Arc<Point>> = BTreeMap::new();
    for point in points {
        let held = newest.get(&point.manifest.job);
        if held.is_none_or(|held| (held.manifest.started, held.number) <= (point.manifest.started, point.number)) {
            newest.insert(point.manifest.job.clone(), point);
        }
    }
    let mut points: Vec<_> = newest.into_values().collect();
    points.sort_by_key(|point| (point.manifest.started, point.number));
    points
}
