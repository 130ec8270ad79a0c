//! `cairn retrieve`: data that rests in an archive becomes readable for some days.

mod extend;
mod list;
mod start;
mod status;
pub(super) mod target;

pub(super) use start::{mode, tell};

use crate::context::Context;
use crate::exit::{Exit, Result};
use clap::{Args, Subcommand};

/// Bring archived data back for a while
///
/// What is asked for, how far it is and until when it can be read stands in the repository: another machine sees it, and running `start` again goes on
/// where it stopped. `start` shows what it takes before it asks; nothing is asked for twice. Names, sizes and trees can always be read.
#[derive(Debug, Args)]
pub(crate) struct Retrieve {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    Start(start::Start),
    Status(status::Status),
    Extend(extend::Extend),
    List(list::List),
}

impl Retrieve {
    /// Whether this run changes the repository.
    pub(crate) fn writes(&self) -> bool {
        match &self.action {
            Action::Start(start) => start.writes(),
            Action::Extend(_) => true,
            Action::Status(_) | Action::List(_) => false,
        }
    }

    pub(crate) fn run(&self, context: &Context) -> Result<Exit> {
        match &self.action {
            Action::Start(start) => start.run(context),
            Action::Status(status) => status.run(context),
            Action::Extend(extend) => extend.run(context),
            Action::List(list) => list.run(context),
        }
    }
}
