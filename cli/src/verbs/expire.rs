//! `cairn expire`: let restore points, items and paths go, by plan and apply.

use super::planned::{self, Step};
use crate::context::Context;
use crate::exit::{Exit, Failure, Result};
use crate::parse::place::{InnerPath, POINT_FORMS, PathParser};
use crate::parse::{job, period};
use clap::Args;
use engine::care::retention::{Request, Rules, Scope};
use engine::repository::Repository;
use engine::restore_point::{JobId, JobName};
use format_spec::config::Retention;
use format_spec::period::Period;
use std::collections::BTreeSet;

/// Let restore points go that no rule keeps, or that are named
///
/// `plan` shows what would be done, with a hash, and does nothing; `apply HASH` does exactly that, or refuses when the
/// repository has moved on. Without rules, points and paths, the repository's own settings hold (init --keep). A point stays
/// when any rule keeps it; days, weeks, months and years are those of UTC. Space is given back by `cairn gc`.
#[derive(Debug, Args)]
#[command(
    override_usage = "cairn expire [OPTIONS] [POINT]... plan\n       cairn expire [OPTIONS] [POINT]... apply HASH",
    after_help = POINT_FORMS
)]
pub(crate) struct Expire {
    /// Keep what covers a period until now: 30d, 2w, 6m, 3y, forever
    #[arg(long, value_name = "PERIOD", value_parser = period::period)]
    keep: Option<Period>,
    /// Keep the newest N of each job
    #[arg(long, value_name = "N", value_parser = period::count)]
    keep_last: Option<u32>,
    /// Keep the newest of each of the last N days that have one
    #[arg(long, value_name = "N", value_parser = period::count)]
    keep_daily: Option<u32>,
    /// The same of weeks, Monday to Sunday
    #[arg(long, value_name = "N", value_parser = period::count)]
    keep_weekly: Option<u32>,
    /// The same of months
    #[arg(long, value_name = "N", value_parser = period::count)]
    keep_monthly: Option<u32>,
    /// The same of years
    #[arg(long, value_name = "N", value_parser = period::count)]
    keep_yearly: Option<u32>,
    /// Keep all with this tag; may be repeated
    #[arg(long, value_name = "TAG")]
    keep_tag: Vec<String>,
    /// Look at the restore points of one job only: at each host's that has one of this name, by itself; HOST/JOB names one
    #[arg(long, value_name = "JOB", value_parser = job::name)]
    job: Option<JobName>,
    /// This job may lose its last restore point: this host's, or HOST/JOB; may be repeated
    #[arg(long, value_name = "JOB", value_parser = job::name)]
    empty_job: Vec<JobName>,
    /// Erase what lies at this path from every restore point; may be repeated
    #[arg(long, value_name = "PATH", value_parser = PathParser)]
    path: Vec<InnerPath>,
    /// Restore points that are to go, whatever their age; then `plan`, or `apply` and the plan's hash
    #[arg(value_name = "WORDS", required = true)]
    words: Vec<String>,
}

impl Expire {
    /// Whether this run changes the repository.
    pub(crate) fn writes(&self) -> bool {
        Step::applies(&self.words)
    }

    pub(crate) fn run(&self, context: &Context) -> Result<Exit> {
        let (points, step) = Step::split(&self.words, "expire")?;
        let rules = self.rules();
        self.refuse_mixtures(&rules, points)?;
        let connection = context.connect()?;
        let repo = &connection.repo;
        let request = match (points, &self.path[..]) {
            ([], []) => by_rules(rules, repo.config().retention)?,
            ([], paths) => Request::Paths(paths.iter().map(|path| path.0.clone()).collect()),
            // Also one whose manifest is damaged: the log knows its id.
            (points, _) => Request::Points(points.iter().map(|s| repo.find_id(s)).collect::<Result<_, _>>()?),
        };
        let may_empty = self.may_empty(context, repo)?;
        let scope = Scope { job: self.job.clone(), may_empty, ..Scope::of(request) };
        planned::run(context, &connection, &scope, &step)
    }

    /// The jobs that may lose their last restore point. One name never means the jobs of two hosts.
    fn may_empty(&self, context: &Context, repo: &Repository) -> Result<BTreeSet<JobId>> {
        if self.empty_job.is_empty() {
            return Ok(BTreeSet::new());
        }
        let points = repo.points_and_damage();
        let jobs: Vec<JobId> = points.iter().filter_map(|(_, p)| p.as_ref().ok()).map(|p| repo.job_of(p)).collect();
        let host = context.settings()?.host;
        let found = self.empty_job.iter().map(|name| name.find(&jobs, &host));
        Ok(found.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect())
    }

    fn rules(&self) -> Rules {
        Rules {
            period: self.keep,
            last: self.keep_last,
            daily: self.keep_daily,
            weekly: self.keep_weekly,
            monthly: self.keep_monthly,
            yearly: self.keep_yearly,
            tags: self.keep_tag.iter().cloned().collect(),
        }
    }

    /// One run, one kind of request: a mixture would leave open what is meant.
    fn refuse_mixtures(&self, rules: &Rules, points: &[String]) -> Result<()> {
        let given = [
            (!rules.is_empty(), "rules (--keep...)"),
            (!points.is_empty(), "restore points"),
            (!self.path.is_empty(), "--path"),
        ];
        let given: Vec<&str> = given.iter().filter(|(is, _)| *is).map(|(_, word)| *word).collect();
        if given.len() > 1 {
            return Err(Failure::usage(format!("{} cannot be mixed", given.join(" and ")))
                .advise("plan and apply one after the other"));
        }
        if self.job.is_some() && !points.is_empty() {
            return Err(Failure::usage("restore points that are named have their job").advise("leave --job out"));
        }
        Ok(())
    }
}

/// The rules that were given, else those of the repository. What leaves, points or items, is always the repository's own.
fn by_rules(given: Rules, own: Retention) -> Result<Request> {
    if !given.is_empty() {
        return Ok(Request::Rules { rules: given, kind: own.kind });
    }
    if own.period.is_for_ever() {
        return Err(Failure::usage("no rule says what to keep, and the repository keeps everything for ever")
            .advise("give a rule: --keep 3y, --keep-last 7, --keep-daily 30"));
    }
    Ok(Request::Rules { rules: Rules::of(own), kind: own.kind })
}

/// The points that selectors mean.
pub(super) fn found(repo: &Repository, selectors: &[String]) -> Result<BTreeSet<format_spec::log::PointId>> {
    selectors.iter().map(|selector| Ok(repo.find_point(selector)?.manifest.id)).collect()
}
