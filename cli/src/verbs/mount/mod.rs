//! `cairn mount`: all restore points as read-only folders.

mod background;
mod look;
mod owner;

use crate::connect::{Connection, location};
use crate::context::Context;
use crate::exit::{Exit, Result};
use crate::parse::quantity;
use clap::Args;
use engine::store::Location;
use fusefs::catalog::RepositoryCatalog;
use fusefs::{MountHandle, MountOptions, limits};
use look::Look;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// Show all restore points as ordinary, read-only folders
///
/// by-job/HOST/JOB/TIME/..., by-time and by-id lead to the restore points, `latest` in each job folder to the newest, and
/// history/HOST/JOB/PATH/ to the versions of a path. New restore points show by themselves. The command returns when the mount answers; with --foreground it stays until Ctrl-C or `cairn umount`.
#[derive(Debug, Args)]
pub(crate) struct Mount {
    /// An empty folder
    #[arg(value_name = "MOUNTPOINT")]
    mountpoint: PathBuf,
    /// Let other users look, too; modes and access lists decide what they see
    #[arg(long)]
    allow_other: bool,
    #[command(flatten)]
    look: Look,
    /// Bytes of a far store that may be kept on this machine's disk; 0 for none
    #[arg(long, value_name = "SIZE", default_value = "1GiB", value_parser = quantity::size)]
    disk_cache: u64,
    /// Stay in the foreground
    #[arg(short, long)]
    foreground: bool,
}

impl Mount {
    pub(crate) fn run(&self, context: &Context) -> Result<Exit> {
        self.look.check()?;
        if !self.foreground && !background::is_child() {
            return background::start();
        }
        let connection = context.connect_to_read(limits::CACHES, self.disk_cache)?;
        let options = self.options(&connection)?;
        let handle =
            Arc::new(fusefs::mount(Arc::new(RepositoryCatalog::new(connection.repo, limits::prefetch())), &options)?);
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
        let options = MountOptions {
            source: connection.repo.location(),
            guarded,
            allow_other: self.allow_other,
            ..MountOptions::at(&self.mountpoint)
        };
        self.look.options(connection, options)
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
