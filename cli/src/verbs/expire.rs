//! `cairn expire`: let restore points, items and paths go, by plan and apply, or by a run within a bound.

use super::plan_apply::{self, Step};
use crate::context::Context;
use crate::exit::{Exit, Failure, Result};
use crate::parse::place::{InnerPath, POINT_FORMS, PathParser};
use crate::parse::{job, period, quantity};
use clap::{Args, Subcommand};
use engine::maintenance::PlanHash;
use engine::maintenance::retention::{Bound, Request, Rules, Scope, UNLIMITED};
use engine::repository::Repository;
use engine::restore_point::{JobId, JobName};
use format_spec::config::Retention;
use format_spec::period::Period;
use std::collections::BTreeSet;
use std::ffi::OsString;

/// Let restore points go that no rule keeps, or that are named
///
/// `plan` shows what would be done, with a hash, and does nothing; `apply HASH` does exactly that, or refuses when the
/// repository has moved on; `run` is both in one step for nights without a person, within a bound. Without rules, points and
/// paths, the repository's own settings hold (init --keep). A point stays when any rule keeps it; days, weeks, months and years
/// are those of UTC. Space is given back by `cairn gc`.
#[derive(Debug, Args)]
pub(crate) struct Expire {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Show what would be done, with its hash; changes nothing
    #[command(after_help = POINT_FORMS)]
    Plan(Asked),
    /// Carry out exactly the plan with this hash
    #[command(after_help = POINT_FORMS)]
    Apply {
        /// The hash that `cairn expire plan` has shown, before all points
        #[arg(value_name = "HASH")]
        hash: PlanHash,
        #[command(flatten)]
        asked: Asked,
    },
    /// Plan and apply in one step what rules do not keep, each job within a bound
    ///
    /// Each job may lose as many restore points as were added since the last plan that took points of it, and N% of its points
    /// besides. A job that would lose more loses nothing, and the command that plans for it is printed; the others go on, and
    /// the exit code is 3. A point that stays and would lose more than N% of its items counts as one that leaves.
    Run {
        #[command(flatten)]
        policy: Policy,
        /// How much of each job may go beyond what was added since the last plan; at least one restore point
        #[arg(long, value_name = "N%", default_value = "20%", value_parser = quantity::share)]
        max_expire: f64,
    },
}

/// What is to leave.
#[derive(Debug, Args)]
struct Asked {
    #[command(flatten)]
    policy: Policy,
    /// Erase what lies at this path from every restore point; may be repeated
    #[arg(long, value_name = "PATH", value_parser = PathParser)]
    path: Vec<InnerPath>,
    /// Restore points that are to go, whatever their age
    #[arg(value_name = "POINT")]
    points: Vec<String>,
}

/// The rules, and whose points they are about.
#[derive(Debug, Args)]
struct Policy {
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
}

impl Expire {
    /// Whether this run changes the repository.
    pub(crate) fn writes(&self) -> bool {
        !matches!(self.action, Action::Plan(_))
    }

    pub(crate) fn run(&self, context: &Context) -> Result<Exit> {
        let (policy, asked, step) = match &self.action {
            Action::Plan(asked) => (&asked.policy, Some(asked), Step::Plan),
            Action::Apply { hash, asked } => (&asked.policy, Some(asked), Step::Apply(*hash)),
            Action::Run { policy, max_expire } => (policy, None, Step::Run(Bound { share: *max_expire })),
        };
        asked.map_or(Ok(()), Asked::refuse_mixtures)?;
        let connection = context.connect()?;
        let repo = &connection.repo;
        let request = match asked {
            None => policy.request(repo.config().retention)?,
            Some(asked) => asked.request(repo)?,
        };
        let may_empty = policy.may_empty(context, repo)?;
        let scope = Scope { job: policy.job.clone(), may_empty, ..Scope::of(request) };
        plan_apply::run(context, &connection, scope, step, |job| context.command(policy.planning(job)))
    }
}

impl Asked {
    fn request(&self, repo: &Repository) -> Result<Request> {
        Ok(match (&self.points[..], &self.path[..]) {
            ([], []) => self.policy.request(repo.config().retention)?,
            ([], paths) => Request::Paths(paths.iter().map(|path| path.0.clone()).collect()),
            // Also one whose manifest is damaged: the log knows its id.
            (points, _) => Request::Points(points.iter().map(|s| repo.find_id(s)).collect::<Result<_, _>>()?),
        })
    }

    /// One run, one kind of request: a mixture would leave open what is meant.
    fn refuse_mixtures(&self) -> Result<()> {
        let given = [
            (!self.policy.rules().is_empty(), "rules (--keep...)"),
            (!self.points.is_empty(), "restore points"),
            (!self.path.is_empty(), "--path"),
        ];
        let given: Vec<&str> = given.iter().filter(|(is, _)| *is).map(|(_, word)| *word).collect();
        if given.len() > 1 {
            return Err(Failure::usage(format!("{} cannot be mixed", given.join(" and ")))
                .advise("plan and apply one after the other"));
        }
        if self.policy.job.is_some() && !self.points.is_empty() {
            return Err(Failure::usage("restore points that are named have their job").advise("leave --job out"));
        }
        Ok(())
    }
}

impl Policy {
    /// The rules that were given, else those of the repository. What leaves, points or items, is always the repository's own.
    fn request(&self, own: Retention) -> Result<Request> {
        let given = self.rules();
        if !given.is_empty() {
            return Ok(Request::Rules { rules: given, kind: own.kind });
        }
        if own.period.is_for_ever() {
            return Err(Failure::usage("no rule says what to keep, and the repository keeps everything for ever")
                .advise("give a rule: --keep 3y, --keep-last 7, --keep-daily 30"));
        }
        Ok(Request::Rules { rules: Rules::of(own), kind: own.kind })
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

    /// The words that plan for one job by these rules.
    fn planning(&self, job: &str) -> Vec<OsString> {
        let counts = [
            ("--keep-last", self.keep_last),
            ("--keep-daily", self.keep_daily),
            ("--keep-weekly", self.keep_weekly),
            ("--keep-monthly", self.keep_monthly),
            ("--keep-yearly", self.keep_yearly),
        ];
        let count = |count: u32| if count == UNLIMITED { "unlimited".to_owned() } else { count.to_string() };
        let mut words = vec!["expire".to_owned(), "plan".to_owned()];
        words.extend(self.keep.iter().flat_map(|period| ["--keep".to_owned(), period.to_string()]));
        for (option, given) in counts {
            words.extend(given.into_iter().flat_map(|n| [option.to_owned(), count(n)]));
        }
        words.extend(self.keep_tag.iter().flat_map(|tag| ["--keep-tag".to_owned(), tag.clone()]));
        words.extend(["--job".to_owned(), job.to_owned()]);
        words.extend(self.empty_job.iter().flat_map(|job| ["--empty-job".to_owned(), job.to_string()]));
        words.into_iter().map(OsString::from).collect()
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
}
