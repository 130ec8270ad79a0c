//! `cairn copy`: restore points into a repository for long keeping.

use crate::connect::SPOOL;
use crate::context::Context;
use crate::exit::{Exit, Failure, Result};
use crate::output::{human, progress};
use crate::parse::duration::duration;
use crate::parse::job;
use crate::parse::place::POINT_FORMS;
use crate::verbs::spending::{self, Spending};
use clap::{Args, ValueEnum};
use engine::Kind;
use engine::copy::{CopySummary, Which};
use engine::restore_point::JobName;
use ops::copy::{CopyRequest, Verdict, copy};
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

/// Copy restore points into a repository for long keeping
///
/// The target is made with `cairn init --class copy --from SOURCE`. Only what it lacks is read; blocks are authenticated and sealed anew for it
/// without being compressed again, in packs of up to 256 MB. Killed at any moment, the next copy goes on.
#[derive(Debug, Args)]
#[command(after_help = POINT_FORMS)]
pub(crate) struct Copy {
    /// The restore points; without any, the newest of each job
    #[arg(value_name = "POINT", conflicts_with_all = ["latest", "all"])]
    points: Vec<String>,
    /// The repository to copy into
    #[arg(long, value_name = "REPO")]
    to: OsString,
    /// Its password, if it is another one
    #[arg(long, value_name = "FILE")]
    to_password_file: Option<PathBuf>,
    /// The newest point of each job of each host; this is what happens if nothing else is said
    #[arg(long)]
    latest: bool,
    /// Every point that the target lacks and would not let go at once
    #[arg(long, conflicts_with = "latest")]
    all: bool,
    /// Only points of one job, of every host that has one of this name; HOST/JOB names one
    #[arg(long, value_name = "JOB", value_parser = job::name, conflicts_with = "points")]
    job: Option<JobName>,
    /// Read, cut and encrypt everything anew: for a target that does not share the source's dedup key
    #[arg(long, conflicts_with_all = ["regroup", "verify", "flush_after"])]
    rekey: bool,
    /// Decode everything and pack it into larger blocks, at this zstd level
    #[arg(long, value_name = "LEVEL", num_args = 0..=1, default_missing_value = "9", value_parser = clap::value_parser!(i32).range(1..=22))]
    regroup: Option<i32>,
    /// What is verified of blocks that are carried as they are
    #[arg(long, value_enum, value_name = "WHAT", default_value_t = Verify::Tags)]
    verify: Verify,
    /// Take what the source cannot read from this repository: another copy that shares the dedup key
    #[arg(long, value_name = "REPO", conflicts_with = "rekey")]
    heal_from: Option<OsString>,
    /// Its password, if it is another one
    #[arg(long, value_name = "FILE", requires = "heal_from")]
    heal_from_password_file: Option<PathBuf>,
    /// Let points wait for full packs: commit them when the oldest has waited so long; 0 commits at once
    #[arg(long, value_name = "TIME", default_value = "0", value_parser = duration)]
    flush_after: Duration,
    /// Tell what would be copied, and copy nothing
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    spending: Spending,
}

/// What is verified of a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Verify {
    /// Its checksum and its tag
    Tags,
    /// Also every chunk in it against its id
    Full,
}

impl Copy {
    /// Whether this run changes the repository.
    pub(crate) fn writes(&self) -> bool {
        !self.dry_run
    }

    pub(crate) fn run(&self, context: &Context) -> Result<Exit> {
        let source = context.connect_to_source()?;
        let target = context.connect_to_target(&self.to, self.to_password_file.as_deref())?;
        let heal_from = match &self.heal_from {
            None => None,
            Some(repo) => Some(context.open_other_readonly(repo, self.heal_from_password_file.as_deref())?.repo),
        };
        let request = CopyRequest {
            which: match (self.all, &self.points[..]) {
                (true, _) => Which::All,
                (false, []) => Which::Latest,
                (false, points) => Which::Named(points.to_vec()),
            },
            job: self.job.clone(),
            verify_full: self.verify == Verify::Full,
            rekey: self.rekey,
            regroup: self.regroup,
            flush_after: self.flush_after,
            spool: target.settings.cache_dir.join(SPOOL),
            dry_run: self.dry_run,
            budget: self.spending.budget(),
            prices: self.spending.list()?,
            threads: source.settings.threads,
        };
        let monitor = context.interrupt.shared();
        let work = || copy(source.end(), target.end(), heal_from, &request, context, &monitor);
        let report = progress::show(&context.out, "copying", &monitor, work).map_err(|e| match e.kind() {
            Some(Kind::Unrecognised) => Failure { name: "fork", ..context.stopped(e) },
            _ => context.stopped(e),
        })?;
        let done = &report.summary;
        for failed in &done.failed {
            let why = format!("not copied: {}; `cairn check --read-data` on the source says more", failed.reason);
            context.out.warning(failed.point.to_string().as_bytes(), &why);
        }
        for point in &done.expired {
            context.out.warning(point.to_string().as_bytes(), "expired in the source meanwhile, not copied");
        }
        for point in &done.incomplete {
            let items = human::counted(point.items, "item", "items");
            let why = format!("copied, and as incomplete as its original: {items} could not be stored as they were");
            context.out.warning(point.point.to_string().as_bytes(), &why);
        }
        let exit = match report.verdict {
            Verdict::Damaged => Exit::Damaged,
            Verdict::Warnings => Exit::Warnings,
            Verdict::Clean => Exit::Done,
        };
        context.out.summary(context.summary(exit).report(&report), || self.text(done))?;
        Ok(exit)
    }

    fn text(&self, done: &CopySummary) -> String {
        if self.dry_run {
            let points = human::counted(done.waiting.len() as u64, "restore point", "restore points");
            let bytes = human::bytes(done.bytes_wanted);
            let takes = done.estimate.as_ref().map_or_else(String::new, |e| format!(": {}", spending::in_words(e)));
            return format!("{points} would be copied, from packs of {bytes} together{takes}; nothing was done");
        }
        let mut text = format!(
            "copied {}: {} read from {}, {} written in {}",
            human::counted(done.copied.len() as u64, "restore point", "restore points"),
            human::bytes(done.bytes_read),
            human::counted(done.packs_read, "pack", "packs"),
            human::bytes(done.bytes_written),
            done.packs_written,
        );
        if done.present > 0 {
            text += &format!("; {} {} there", done.present, human::agree(done.present, "was", "were"));
        }
        if !done.waiting.is_empty() {
            let (number, verb) = (done.waiting.len(), human::agree(done.waiting.len() as u64, "waits", "wait"));
            text += &format!("; {number} {verb} for full packs, not in the target yet");
        }
        text
    }
}
