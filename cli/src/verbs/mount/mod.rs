//! `cairn mount`: all restore points as read-only folders.

mod background;
mod owner;
mod patience;

use crate::connect::{Connection, location};
use crate::context::Context;
use crate::exit::{Exit, Result};
use clap::Args;
use engine::store::Location;
use fusefs::{MountHandle, MountOptions, Owner};
use owner::{owner, umask};
use patience::{Policy, archived, deadline};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// Show all restore points as ordinary, read-only folders
///
/// by-job/HOST/JOB/TIME/..., by-time and by-id lead to the restore points, `latest` in each job folder to the newest. The
/// command returns when the mount answers; with --foreground it stays until Ctrl-C or `cairn umount`.
#[derive(Debug, Args)]
pub(crate) struct Mount {
    /// An empty folder
    #[arg(value_name = "MOUNTPOINT")]
    mountpoint: PathBuf,
    /// Let other users look, too; modes and access lists decide what they see
    #[arg(long)]
    allow_other: bool,
    /// Whom things belong to: keep (as recorded), me, or UID:GID
    #[arg(long, value_name = "keep|me|UID:GID", default_value = "keep", value_parser = owner)]
    owner: Owner,
    /// Permission bits to take away from everything, octal
    #[arg(long, value_name = "MASK", default_value = "0", value_parser = umask)]
    umask: u32,
    /// How long contents may take until the answer is a timeout
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = deadline)]
    data_deadline: Duration,
    /// How long names and attributes may take
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = deadline)]
    metadata_deadline: Duration,
    /// Opening an archived file: fail, read what is not archived, or wait until it was retrieved (24h unless TIME is given)
    #[arg(long, value_name = "fail|read|wait[=TIME]", default_value = "fail", value_parser = archived)]
    archived: Policy,
    /// Stay in the foreground
    #[arg(short, long)]
    foreground: bool,
}

impl Mount {
    pub(crate) fn run(&self, context: &Context) -> Result<Exit> {
        if !self.foreground && !background::is_child() {
            return background::start();
        }
        let connection = context.connect_with(|options| patience::of_store(options, self.data_deadline))?;
        let options = self.options(&connection)?;
        let handle = Arc::new(fusefs::mount(connection.repo, &options)?);
        let place = handle.mountpoint().display().to_string();
        let row = context.summary(Exit::Done).set("mountpoint", place.as_str());
        let tell = || format!("mounted at {place}; take it away with: cairn umount {place}");
        if self.foreground {
            context.out.note(&tell());
        } else {
            context.out.summary(row.clone(), tell)?;
            background::ready()?;
        }
        wait(context, &handle)?;
        if self.foreground && context.out.json {
            context.out.summary(row, String::new)?;
        }
        Ok(Exit::Done)
    }

    fn options(&self, connection: &Connection) -> Result<MountOptions> {
        let mut guarded = vec![connection.settings.cache_dir.clone()];
        if let Location::Folder(path) = location(&connection.settings)? {
            guarded.push(path);
        }
        Ok(MountOptions {
            source: connection.repo.location(),
            guarded,
            owner: self.owner,
            umask: self.umask,
            allow_other: self.allow_other,
            metadata_deadline: self.metadata_deadline,
            data_deadline: self.data_deadline,
            archived: self.archived.0.unwrap_or_default(),
            ..MountOptions::at(&self.mountpoint)
        })
    }
}

/// Until somebody takes the mount away, or a signal asks us to.
fn wait(context: &Context, handle: &Arc<MountHandle>) -> Result<()> {
    let (monitor, stopped) = (context.interrupt.shared(), Arc::clone(handle));
    std::thread::spawn(move || {
        while monitor.check().is_ok() {
            std::thread::sleep(LOOK_EVERY);
        }
        if let Err(e) = stopped.unmount() {
            tracing::error!("the mount stays: {e}");
        }
    });
    Ok(handle.wait()?)
}

const LOOK_EVERY: Duration = Duration::from_millis(100);
