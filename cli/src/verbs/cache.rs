//! `cairn cache`: the local cache, which can always be made again.

use crate::connect::{Connection, open_store};
use crate::context::Context;
use crate::exit::{Exit, Failure, Result};
use crate::output::{Row, human};
use clap::{Args, Subcommand};
use engine::repository::CacheStatus;
use engine::store::{ObjectName, StoreExt};
use format_spec::config::Config;
use ops::Traffic;
use ops::local::{CacheReport, DroppedReport};

/// Show, renew or drop the local cache
#[derive(Debug, Args)]
pub(crate) struct Cache {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Show where the cache lies and how far it reaches
    Status,
    /// Bring the cache up to the repository's newest entry
    Sync,
    /// Delete the cache of this repository; the next command makes it again
    Drop,
}

impl Cache {
    pub(crate) fn run(&self, context: &Context) -> Result<Exit> {
        match self.action {
            Action::Drop => drop_cache(context),
            // Opening brings the cache up to the head: what is left is to say so.
            Action::Status | Action::Sync => {
                let connection = context.connect()?;
                connection.repo.refresh()?;
                let status = connection.repo.cache_status();
                let row = report(context, &status, &connection);
                context.out.summary(row, || text(&status))?;
                Ok(Exit::Done)
            }
        }
    }
}

/// Without a password: the repository's id stands in its config, readable by everybody.
fn drop_cache(context: &Context) -> Result<Exit> {
    let settings = context.settings()?;
    let place = open_store(&settings)?;
    let object = place.store.get(&ObjectName::new(format_spec::names::CONFIG)?).map_err(|e| match e.kind() {
        engine::Kind::Absent => Failure::new(
            Exit::NoRepository,
            "no_repository",
            format!("{}: there is no Cairn repository here", place.store.location()),
        ),
        _ => e.into(),
    })?;
    let (config, _) = Config::decode(&object).map_err(engine::Error::from)?;
    let folder = settings.cache_dir.join(config.repository.to_string());
    let existed = match std::fs::remove_dir_all(&folder) {
        Ok(()) => true,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => false,
        Err(e) => {
            let message = format!("{}: the cache cannot be deleted: {e}", human::path(&folder));
            return Err(Failure::new(Exit::Failed, "cannot_write", message));
        }
    };
    let row =
        context.summary(Exit::Done).report(&DroppedReport { folder: folder.display().to_string(), dropped: existed });
    context.out.summary(row, || match existed {
        true => format!("dropped the cache in {}", human::path(&folder)),
        false => format!("there was no cache in {}", human::path(&folder)),
    })?;
    Ok(Exit::Done)
}

/// The summary of what the cache holds.
pub(super) fn report(context: &Context, status: &CacheStatus, connection: &Connection) -> Row {
    context.summary(Exit::Done).report(&CacheReport::of(status, Traffic::of(&connection.counts)))
}

pub(super) fn text(status: &CacheStatus) -> String {
    format!(
        "{}\n  reaches log entry {} of {}\n  {} in {}, {}",
        human::path(&status.folder),
        status.position,
        status.head,
        human::counted(status.entries, "id", "ids"),
        human::counted(status.segments, "segment", "segments"),
        human::bytes(status.bytes)
    )
}
