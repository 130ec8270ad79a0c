//! `cairn mount`: all restore points as read-only folders.

mod background;
pub(crate) mod helper;
mod look;
mod notify;
mod owner;
mod patience;
mod thaw;

use crate::connect::{Connection, location};
use crate::context::Context;
use crate::exit::{Exit, Failure, Result};
use crate::output::Row;
use crate::output::rows::{CouldMountReport, MountedReport};
use crate::parse::place::POINT_FORMS;
use crate::parse::quantity;
use clap::Args;
use engine::repository::Repository;
use engine::store::{self, Location};
use fusefs::{MountHandle, MountOptions};
use look::Look;
use patience::{Policy, archived, deadline};
use signal_hook::consts::SIGHUP;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use thaw::Thaw;
use view::catalog::RepositoryCatalog;

/// Show all restore points as ordinary, read-only folders
///
/// by-job/HOST/JOB/TIME/..., by-time and by-id lead to the restore points, `latest` in each job folder to the newest, and
/// history/HOST/JOB/PATH/ to the versions of a path. New restore points show by themselves. The command returns when the mount
/// answers; with --foreground it stays until Ctrl-C or `cairn umount`.
#[derive(Debug, Args)]
#[command(after_help = POINT_FORMS)]
pub(crate) struct Mount {
    /// An empty folder
    #[arg(value_name = "MOUNTPOINT")]
    mountpoint: PathBuf,
    /// Let other users look, too; modes and access lists decide what they see
    #[arg(long)]
    allow_other: bool,
    #[command(flatten)]
    look: Look,
    /// Let set-id bits count; only for points whose sources are trusted
    #[arg(long)]
    allow_suid: bool,
    /// Let device nodes be opened; only for points whose sources are trusted
    #[arg(long)]
    allow_dev: bool,
    /// Let nothing be run from the mount
    #[arg(long)]
    no_exec: bool,
    /// Bytes of a far store that may be kept on this machine's disk; 0 for none
    #[arg(long, value_name = "SIZE", default_value = "1GiB", value_parser = quantity::size)]
    disk_cache: u64,
    /// Check repository, password and folder, and mount nothing
    #[arg(long)]
    dry_run: bool,
    /// How long contents may take until the answer is a timeout
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = deadline)]
    data_deadline: Duration,
    /// How long names and attributes may take
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = deadline)]
    metadata_deadline: Duration,
    /// Opening an archived file: fail, read what is not archived, wait until it was retrieved (24h unless TIME is given), or thaw: fail, and ask for
    /// its retrieval
    #[arg(long, value_name = "fail|read|wait[=TIME]|thaw", default_value = "fail", value_parser = archived)]
    archived: Policy,
    /// Stay in the foreground
    #[arg(short, long)]
    foreground: bool,
    #[command(flatten)]
    thaw: Thaw,
}

impl Mount {
    /// Whether this run changes the repository.
    pub(crate) fn writes(&self) -> bool {
        self.archived == Policy::Thaw
    }

    pub(crate) fn run(&self, context: &Context) -> Result<Exit> {
        self.look.check()?;
        self.thaw.check(self.archived == Policy::Thaw, context.as_of().is_some())?;
        if !self.foreground && !self.dry_run && !background::is_child() {
            return background::start(context);
        }
        let inherited = background::Inherited::now();
        background::take_password()?;
        let patience = |options: &mut store::Options| patience::of_store(options, self.data_deadline);
        let connection =
            context.connect_to_read(view::limits::CACHES, if self.dry_run { 0 } else { self.disk_cache }, patience)?;
        let options = self.options(&connection)?;
        let catalog = self.catalog(connection.repo)?;
        if self.dry_run {
            fusefs::check(&options)?;
            let row = context.summary(Exit::Done).report(&CouldMountReport { dry_run: true });
            context.out.summary(row, || "could be mounted; nothing was done".to_owned())?;
            return Ok(Exit::Done);
        }
        context
            .interrupt
            .says("unmounting; files that are still open can be read for some seconds. Again to stop at once.");
        context.interrupt.serves();
        ignore_hangups()?;
        let handle = fusefs::mount(catalog, &options)?;
        let place = handle.mountpoint().display().to_string();
        let report = MountedReport { mountpoint: place.clone(), pid: std::process::id() };
        let tell = || format!("mounted at {place}; take it away with: cairn umount {place}");
        if self.foreground {
            context.out.note(&tell());
            context.out.row(|| Row::new("mounted").report(&report))?;
            notify::ready(&tell());
        } else {
            context.out.summary(context.summary(Exit::Done).report(&report), tell)?;
            background::ready(inherited)?;
        }
        serve(context, &handle)?;
        if self.foreground && context.out.json {
            context.out.summary(context.summary(Exit::Done).report(&report), String::new)?;
        }
        Ok(Exit::Done)
    }

    fn catalog(&self, repo: Arc<Repository>) -> Result<Arc<RepositoryCatalog>> {
        let catalog = RepositoryCatalog::new(repo, view::limits::prefetch())?;
        if self.archived != Policy::Thaw {
            return Ok(Arc::new(catalog));
        }
        Ok(Arc::new(catalog.bringing_back(self.thaw.terms()?)?))
    }

    fn options(&self, connection: &Connection) -> Result<MountOptions> {
        let mut guarded = vec![connection.settings.cache_dir.clone()];
        if let Location::Folder(path) = location(&connection.settings)? {
            guarded.push(path);
        }
        let options = MountOptions {
            source: connection.repo.location(),
            guarded,
            allow_other: self.allow_other,
            allow_suid: self.allow_suid,
            allow_dev: self.allow_dev,
            no_exec: self.no_exec,
            metadata_deadline: self.metadata_deadline,
            data_deadline: self.data_deadline,
            archived: self.archived.of_files(),
            ..MountOptions::at(&self.mountpoint)
        };
        self.look.options(connection, options)
    }
}

/// Until somebody takes the mount away, or a signal asks us to.
fn serve(context: &Context, handle: &MountHandle) -> Result<()> {
    let monitor = context.interrupt.shared();
    while !handle.wait_for(LOOK_EVERY) {
        if monitor.check().is_err() {
            notify::stopping();
            // Nobody used the command wrongly.
            return handle.unmount().map_err(|e| Failure { exit: Exit::Failed, ..Failure::from(e) });
        }
    }
    Ok(handle.wait()?)
}

/// A terminal that goes away is no reason to leave a dead mount behind.
fn ignore_hangups() -> Result<()> {
    let caught = signal_hook::flag::register(SIGHUP, Arc::default());
    caught.map(|_| ()).map_err(|e| Failure::new(Exit::Failed, "bug", format!("SIGHUP cannot be caught: {e}")))
}

const LOOK_EVERY: Duration = Duration::from_millis(100);
