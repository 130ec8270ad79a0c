//! `cairn backup`: make a restore point.

mod first_use;
mod told;

use super::sources::{Chosen, Sources};
use crate::connect::Connection;
use crate::context::Context;
use crate::exit::{Exit, Result};
use crate::hooks::{Hooks, When};
use crate::parse::job;
use crate::say::progress;
use clap::Args;
use engine::backup::{BackupOptions, BackupSummary, backup};
use engine::source::Estimation;
use format_spec::point::Workload;
use std::sync::Arc;

/// Make a restore point of files and folders
///
/// Unchanged files are not opened. What cannot be read is a warning, and the command ends with exit 3. A run that was stopped
/// or killed is resumed by the same command. Without --repo, the default repository is created on first use.
#[derive(Debug, Args)]
pub(crate) struct Backup {
    #[command(flatten)]
    sources: Sources,
    /// The job: its restore points build on each other (default: made of host and sources)
    #[arg(long, value_name = "NAME", value_parser = job::job)]
    job: Option<String>,
    /// Read everything, whatever the restore point before says
    #[arg(long)]
    full: bool,
    /// Give the restore point a word; may be repeated
    #[arg(long, value_name = "TAG")]
    tag: Vec<String>,
    /// Read and count, but store nothing
    #[arg(short = 'n', long)]
    dry_run: bool,
    #[command(flatten)]
    hooks: Hooks,
}

/// A backup that came to its end.
struct Done {
    job: String,
    summary: BackupSummary,
}

impl Backup {
    pub(crate) fn run(&self, context: &Context) -> Result<Exit> {
        // Sources that are not there are told before a repository is made for them; but a hook may yet bring them.
        let early = if self.hooks.before.is_none() { Some(self.sources.open(&context.env)?) } else { None };
        let connection = self.connect(context)?;
        let mut variables = vec![("CAIRN_REPO", connection.repo.location())];
        variables.extend(self.job.clone().map(|job| ("CAIRN_JOB", job)));
        told::hook(context, self.hooks.run(When::Before, &variables)?);
        let done = match early {
            Some(chosen) => self.make(context, &connection, chosen),
            None => self.sources.open(&context.env).and_then(|chosen| self.make(context, &connection, chosen)),
        };
        let (exit, point) = match &done {
            Ok(done) => (told::exit(context, done), done.summary.point.map(|id| id.to_string())),
            Err(failure) => (failure.exit, None),
        };
        if let Ok(done) = &done {
            variables.push(("CAIRN_JOB", done.job.clone()));
        }
        variables.push(("CAIRN_POINT", point.unwrap_or_default()));
        variables.push(("CAIRN_STATUS", exit.status().to_owned()));
        variables.push(("CAIRN_EXIT_CODE", (exit as u8).to_string()));
        let after = self.hooks.run(When::After, &variables);
        let done = done.inspect_err(|_| {
            // A failed backup is the graver news; that of the hook must not get lost.
            if let Err(hook) = &after {
                context.out.warning(b"", &hook.message);
            }
        })?;
        told::hook(context, after?);
        self.tell(context, &connection, &done)
    }

    fn make(&self, context: &Context, connection: &Connection, chosen: Chosen) -> Result<Done> {
        let Chosen { source, workload } = chosen;
        let job = self.job.clone().unwrap_or_else(|| {
            let about = source.about();
            job::made(&about.host, &about.paths)
        });
        let options = BackupOptions {
            job: job.clone(),
            tags: self.tag.clone(),
            full: self.full,
            dry_run: self.dry_run,
            workload,
            threads: connection.settings.threads,
        };
        let monitor = context.interrupt.shared();
        // Counted beside the backup, so that a bar can say how much is left. A pipe cannot be walked twice.
        let counted = workload == Workload::Folders && context.out.shows_progress();
        let estimation = counted.then(|| Estimation::start(Arc::clone(&source), Arc::clone(&monitor)));
        let label = if self.dry_run { "reading" } else { "backing up" };
        let made =
            progress::show(&context.out, label, &monitor, || backup(&connection.repo, &*source, &options, &monitor));
        if let Some(estimation) = estimation {
            estimation.stop();
        }
        Ok(Done { job, summary: made? })
    }
}
