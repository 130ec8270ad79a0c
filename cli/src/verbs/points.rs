//! `cairn points`: list restore points.

use super::browse;
use crate::context::Context;
use crate::exit::{Exit, Result};
use crate::output::human;
use crate::output::row::Row;
use crate::output::table::{Side, Table};
use crate::parse::job;
use crate::recovery_sheet;
use clap::Args;
use engine::immutability::Verified;
use engine::repository::{Repository, Why};
use engine::restore_point::{JobName, Oddity, Owner, Point, newest_of_each, oddities};
use format_spec::RepositoryId;
use ops::backup::kind_word;
use ops::points::{GapRow, PointRow, PointsReport, locked_until};
use std::collections::BTreeSet;
use std::sync::Arc;

/// List restore points, oldest first
#[derive(Debug, Args)]
pub(crate) struct Points {
    /// Only those of one job, of every host that has one of this name; HOST/JOB names one
    #[arg(long, value_name = "JOB", value_parser = job::name)]
    job: Option<JobName>,
    /// Only the newest of each job
    #[arg(long)]
    latest: bool,
    /// Read back from the store how long everything that they need is locked; a lock that falls short is damage (exit 5)
    #[arg(long)]
    verify_immutability: bool,
}

impl Points {
    pub(crate) fn run(&self, context: &Context) -> Result<Exit> {
        let connection = context.connect()?;
        let repo = &connection.repo;
        let mut shown = browse::points(context, repo)?;
        let mut points = std::mem::take(&mut shown.points);
        points.retain(|point| self.job.as_ref().is_none_or(|job| job.covers(&repo.job_of(point))));
        if self.latest {
            points = newest_of_each(&points, |point| repo.job_of(point));
        }
        let odd = oddities(&points, |point| repo.job_of(point), context.env.now());
        for (point, oddity) in &odd {
            let (id, dated) = (point.manifest.id.to_string(), human::time(point.manifest.started));
            let why = match oddity {
                Oddity::Future => format!(
                    "dated in the future ({dated}): no keep rule counts it, and it stays until then or until it is named"
                ),
                Oddity::OutOfOrder => {
                    format!("its date ({dated}) contradicts the order of commits, which `latest` and keep rules follow")
                }
            };
            context.out.warning(&id.as_bytes()[..8], &why);
        }
        self.list(context, repo, &points)?;
        let verified = if self.verify_immutability { Some(verify(context, repo, &points)?) } else { None };
        let gaps = verified.as_ref().map_or(0, |v| v.gaps.len());
        let exit = if gaps > 0 { Exit::Damaged } else { shown.exit() };
        let exported = recovery_sheet::was_exported(repo);
        let report = PointsReport {
            points: points.len(),
            points_damaged: shown.without(Why::Damaged),
            points_unsupported: shown.without(Why::Unsupported),
            points_collected: shown.without(Why::Collected),
            points_misdated: odd.len(),
            recovery_sheet_exported: exported,
            objects_verified: verified.as_ref().map(|v| v.objects),
            points_over: verified.as_ref().map(|v| v.points_over),
            gaps: verified.as_ref().map(|v| v.gaps.len()),
        };
        let row = context.summary(exit).report(&report);
        if context.out.json {
            context.out.summary(row, String::new)?;
        }
        if let Some(verified) = verified.filter(|_| !context.out.json) {
            context.out.answer(|| Row::new("line"), || in_words(&verified))?;
        }
        if !exported {
            context.out.note(recovery_sheet::REMINDER);
        }
        Ok(exit)
    }

    fn list(&self, context: &Context, repo: &Repository, points: &[Arc<Point>]) -> Result<()> {
        if context.out.json {
            return points
                .iter()
                .try_for_each(|point| context.out.row(|| Row::new("point").report(&PointRow::of(repo, point))));
        }
        if points.is_empty() {
            context.out.note("no restore points yet: make one with `cairn backup`");
            return Ok(());
        }
        let mut headings = vec![
            ("POINT", Side::Left),
            ("TIME (UTC)", Side::Left),
            ("KIND", Side::Left),
            ("SIZE", Side::Right),
            ("FILES", Side::Right),
            ("JOB", Side::Left),
            ("STATE", Side::Left),
            ("LOCKED UNTIL", Side::Left),
            ("TAGS", Side::Left),
        ];
        let owners: Vec<_> = points.iter().map(|point| repo.job_of(point)).map(|job| (job.owner, job.source)).collect();
        let several = owners.iter().collect::<BTreeSet<_>>().len() > 1;
        if several {
            headings.insert(HOST_AT, ("HOST", Side::Left));
        }
        let mut table = Table::new(&headings);
        let is_copied = owners.iter().map(|(_, source)| source).collect::<BTreeSet<_>>().len() > 1;
        for (point, (owner, source)) in points.iter().zip(owners) {
            let mut cells = cells(repo, point);
            if several {
                cells.insert(HOST_AT, host(&owner, source.filter(|_| is_copied)));
            }
            table.push(cells);
        }
        table.lines().iter().try_for_each(|line| context.out.answer(|| Row::new("line"), || line.clone()))
    }
}

/// Where the column of hosts stands: before that of jobs.
const HOST_AT: usize = 5;

/// The host or organisation, behind the repository that it was copied from where there are several.
fn host(owner: &Owner, source: Option<RepositoryId>) -> String {
    let host = human::name(owner.name().as_bytes());
    source.map_or_else(
        || host.clone(),
        |source| format!("{}/{host}", source.to_string().chars().take(8).collect::<String>()),
    )
}

fn cells(repo: &Repository, point: &Point) -> Vec<String> {
    let m = &point.manifest;
    let state = match &m.shrunken {
        _ if m.counts.kept > 0 => format!("incomplete, {} kept", human::count(m.counts.kept)),
        _ if !m.counts.complete() => "incomplete".to_owned(),
        Some(_) => "shrunken".to_owned(),
        None => "complete".to_owned(),
    };
    vec![
        m.id.to_string().chars().take(8).collect(),
        human::time(m.started),
        kind_word(m.kind).to_owned(),
        human::bytes(m.root.totals.bytes),
        human::count(m.counts.new + m.counts.changed + m.counts.unchanged),
        human::name(m.job.as_bytes()),
        state,
        locked_until(repo, point).map(human::time).unwrap_or_default(),
        human::name(m.tags.join(",").as_bytes()),
    ]
}

/// Reads the locks back and tells each that falls short.
fn verify(context: &Context, repo: &Repository, points: &[Arc<Point>]) -> Result<Verified> {
    let view = repo.log().view();
    let commit = |point: &Arc<Point>| view.live(&point.manifest.id).map(|commit| (*commit, point.manifest.finished));
    let commits: Vec<_> = points.iter().filter_map(commit).collect();
    let verified = repo.verify_immutability(&commits, context.interrupt.monitor())?;
    for gap in &verified.gaps {
        let found = match &gap.found {
            _ if gap.is_absent => "it is gone".to_owned(),
            Some(found) => format!("found: {found}"),
            None => "found: no lock".to_owned(),
        };
        let row = || Row::new("gap").report(&GapRow::from(gap));
        context.out.answer(row, || format!("{}: wanted: {}; {found}", gap.object, gap.wanted))?;
    }
    Ok(verified)
}

fn in_words(verified: &Verified) -> String {
    let objects = human::counted(verified.objects, "object was", "objects were");
    let gaps = human::counted(verified.gaps.len() as u64, "is", "are");
    let over = match verified.points_over {
        0 => String::new(),
        n => format!("; {} older than their lock", human::counted(n, "point is", "points are")),
    };
    format!("{objects} looked at: {gaps} not locked as agreed{over}")
}
