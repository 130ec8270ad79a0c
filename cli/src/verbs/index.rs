//! `cairn index`: the map from ids to places.

use super::cache;
use crate::context::Context;
use crate::exit::{Exit, Result};
use clap::{Args, Subcommand};

/// Rebuild the local index
#[derive(Debug, Args)]
pub(crate) struct Index {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Throw the local index away and make it again from the repository
    Rebuild,
}

impl Index {
    pub(crate) fn run(&self, context: &Context) -> Result<Exit> {
        let Action::Rebuild = self.action;
        let connection = context.connect()?;
        connection.repo.rebuild_index()?;
        let status = connection.repo.cache_status();
        let row = cache::report(context, &status, &connection);
        context.out.summary(row, || cache::text(&status))?;
        Ok(Exit::Done)
    }
}
