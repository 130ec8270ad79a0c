//! `cairn backup`: make a restore point.
//!
//! ```text
//! sources -> repository -> --min-free -> --if-running -> before -> backup (watched by --min-free) -> after -> summary
//!                                                          any end but exit code 0: on-failure
//! ```

mod first_use;
mod free_space;
mod naming;
mod overlap;
mod report;

use super::sources::{Chosen, Sources};
use crate::connect::{Connection, location};
use crate::context::Context;
use crate::exit::{Exit, Failure, Result};
use crate::hooks::{Hooks, When};
use crate::output::progress;
use crate::parse::{Accept, job, quantity};
use crate::settings::{Settings, xdg};
use clap::Args;
use engine::backup::BackupSummary;
use engine::restore_point::{JobId, Owner};
use engine::source::Estimation;
use engine::source::rules::OwnFolders;
use engine::store::Location;
use format_spec::point::Workload;
use ops::backup::{self, BackupRequest, Least, Rooms, Turn};
use overlap::IfRunning;
use std::sync::Arc;

/// Make a restore point of files and folders
///
/// Unchanged files are not opened. What cannot be read is a warning, and the command ends with exit 3. A run that was stopped
/// or killed is resumed by the same command. Without --repo, the default repository is created on first use.
#[derive(Debug, Args)]
pub(crate) struct Backup {
    #[command(flatten)]
    sources: Sources,
    /// The job: its restore points build on each other. Without it, a name is made of host and sources
    #[arg(long, value_name = "NAME", value_parser = job::job)]
    job: Option<String>,
    /// Read everything, whatever the restore point before says
    #[arg(long)]
    full: bool,
    /// Give the restore point a word; may be repeated
    #[arg(long, value_name = "TAG")]
    tag: Vec<String>,
    /// Let what cannot be read leave the restore point, for this run
    ///
    /// Without it, what was there before and cannot be read now is kept as the restore point before has it, and named with the time of its last
    /// good reading. Either way the restore point is incomplete.
    #[arg(long)]
    drop_unreadable: bool,
    /// Warn when the restore point lost more than this share of bytes or items against the last whole one of its job
    ///
    /// Such a point ends with exit 3, is marked as shrunken, and takes the place of no whole one when old points expire. `--accept shrink`
    /// says that it is meant.
    #[arg(long, value_name = "N%", value_parser = quantity::share, default_value = "50%")]
    shrink_max: f64,
    /// Read and count, but store nothing
    #[arg(short = 'n', long)]
    dry_run: bool,
    /// If another run of this job is under way: end at once with exit 0, or wait for its end
    ///
    /// A job of this name on another host is another job. Runs on this machine know each other by a lock in the cache folder. Of machines
    /// that share a name by --host, the repository's log tells what they have published: one that was silent for 15 minutes counts as dead. Two
    /// that start in the same moment may both run; then both make a restore point, and nothing is lost. Without this option, runs overlap.
    #[arg(long, value_enum, value_name = "WHAT", conflicts_with = "dry_run")]
    if_running: Option<IfRunning>,
    /// Begin only if so much room is left, and stop cleanly when it is no longer: 5G, or 10%
    ///
    /// Looks at the file systems of a local repository, of the cache and of temporary files. S3 and Azure tell no free space: a quota there shows
    /// when it is reached. Ends with exit 1 (no_space); the same command goes on from what was published.
    #[arg(long, value_name = "SIZE|N%", value_parser = free_space::least)]
    min_free: Option<Least>,
    #[command(flatten)]
    hooks: Hooks,
}

/// Where this backup writes to on this machine.
fn own_folders(settings: &Settings) -> Result<OwnFolders> {
    let repository = match location(settings)? {
        Location::Folder(folder) => Some(folder),
        _ => None,
    };
    Ok(OwnFolders { repository, cache: Some(settings.cache_dir.clone()), passing: Some(xdg::passing_place()) })
}

/// A backup that came to its end.
struct Done {
    job: String,
    host: String,
    /// Other hosts that have a job of this name, where this one had none.
    other_hosts: Vec<String>,
    summary: BackupSummary,
}

/// What is known of a run when it ends; hooks are told.
#[derive(Default)]
struct Known {
    repo: Option<String>,
    job: Option<String>,
    point: Option<String>,
}

impl Backup {
    /// Whether this run changes the repository.
    pub(crate) fn writes(&self) -> bool {
        !self.dry_run
    }

    pub(crate) fn run(&self, context: &Context) -> Result<Exit> {
        let mut known = Known { job: self.job.clone(), ..Known::default() };
        let ended = self.run_to_end(context, &mut known);
        self.tell_failure_hook(context, &ended, known);
        ended
    }

    fn run_to_end(&self, context: &Context, known: &mut Known) -> Result<Exit> {
        self.refuse_unnamed_job()?;
        // Sources that are not there are told before a repository is made for them; but a hook may yet bring them.
        let settings = context.settings()?;
        let (host, own) = (settings.host.clone(), own_folders(&settings)?);
        if self.job.is_none() {
            self.sources.refuse_passing_lists()?;
        }
        let stop = context.interrupt.shared();
        let open = || self.sources.open(&context.env, &host, &own, &stop);
        let early = if self.hooks.before.is_none() { Some(open()?) } else { None };
        let connection = self.connect(context)?;
        known.repo = Some(connection.repo.location());
        known.job = match &early {
            Some(chosen) => Some(self.job_of(&connection.repo, chosen)?),
            None => self.job.clone(),
        };
        let rooms = self.min_free.map(|least| free_space::rooms(context, &connection, least)).transpose()?;
        rooms.as_ref().map_or(Ok(()), Rooms::check::<Failure>)?;
        let turn = match &known.job {
            Some(job) if !self.dry_run => {
                let own = JobId::new(Owner::new(&host, ""), job, &[]);
                overlap::take_turn(context, &connection, &own, self.if_running)?
            }
            _ => Turn::Ours(None),
        };
        let _running = match turn {
            Turn::Ours(running) => running,
            Turn::Skip(other) => {
                let why = overlap::in_words(known.job.as_deref().unwrap_or_default(), &other);
                return self.tell_skipped(context, known, &why);
            }
        };
        let mut variables = vec![("CAIRN_REPO", connection.repo.location())];
        variables.extend(self.job.clone().map(|job| ("CAIRN_JOB", job)));
        report::hook(context, self.hooks.run(&context.interrupt, When::Before, &variables)?);
        let make = |chosen| {
            report::own_folders(context, &chosen, &own)?;
            self.make(context, &connection, chosen, rooms.as_ref())
        };
        let done = match early {
            Some(chosen) => make(chosen),
            None => open().and_then(make),
        };
        let done = done.map_err(|failure| report::what_is_left(context, failure));
        let exit = match &done {
            Ok(done) => report::exit(context, &connection, done),
            Err(failure) => failure.exit,
        };
        if let Ok(done) = &done {
            variables.push(("CAIRN_JOB", done.job.clone()));
            known.job = Some(done.job.clone());
            known.point = done.summary.point.map(|id| id.to_string());
        }
        variables.push(("CAIRN_POINT", known.point.clone().unwrap_or_default()));
        variables.extend(report::outcome(exit));
        let after = self.hooks.run(&context.interrupt, When::After, &variables);
        let done = done.inspect_err(|_| {
            // A failed backup is the graver news; that of the hook must not get lost.
            if let Err(hook) = &after {
                context.out.warning(b"", &hook.message);
            }
        })?;
        report::hook(context, after?);
        self.tell(context, &connection, &done)
    }

    /// With a hook before it, the sources may not be there yet, and a job's name is made of them.
    fn refuse_unnamed_job(&self) -> Result<()> {
        if self.if_running.is_none() || self.hooks.before.is_none() || self.job.is_some() {
            return Ok(());
        }
        Err(Failure::usage("--if-running asks about a job, and with --before the job has no name yet")
            .advise("name it with --job"))
    }

    fn make(&self, context: &Context, connection: &Connection, chosen: Chosen, rooms: Option<&Rooms>) -> Result<Done> {
        let job = self.job_of(&connection.repo, &chosen)?;
        let other_hosts = naming::tell_other_hosts(context, connection, &job, &chosen)?;
        let Chosen { source, workload, command, .. } = chosen;
        let request = BackupRequest {
            job: job.clone(),
            workload,
            tags: self.tag.clone(),
            full: self.full,
            dry_run: self.dry_run,
            drop_unreadable: self.drop_unreadable,
            point: None,
            shrink_max: Some(self.shrink_max).filter(|_| !context.accepts(Accept::Shrink)),
            threads: connection.settings.threads,
        };
        let monitor = context.interrupt.shared();
        // Counted beside the backup, so that a bar can say how much is left. A pipe cannot be walked twice.
        let counted = workload == Workload::Folders && context.out.shows_progress();
        let estimation = counted.then(|| Estimation::start(Arc::clone(&source), Arc::clone(&monitor)));
        let label = if self.dry_run { "reading" } else { "backing up" };
        let made = progress::show(&context.out, label, &monitor, || {
            backup::run::<Failure>(&connection.repo, &*source, &request, rooms, &monitor).map_err(Failure::from)
        });
        if let Some(estimation) = estimation {
            estimation.stop();
        }
        // Whatever else ended the backup has ended the command, too: then its status says nothing.
        let made = made.map_err(|failure| match command.and_then(|command| command.failure()) {
            Some(end) if failure.name == "input" => report::command_failed(failure, end),
            _ => failure,
        });
        Ok(Done { job, host: source.about().host, other_hosts, summary: made? })
    }
}
