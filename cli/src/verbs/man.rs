//! `cairn man`: manual pages, made from the same definitions as the parser.

use crate::context::Context;
use crate::exit::{Exit, Failure, Result};
use crate::output::human;
use crate::output::rows::ManReport;
use clap::Args;
use std::path::PathBuf;

/// Write manual pages into a folder
#[derive(Debug, Args)]
pub(crate) struct Man {
    /// The folder; it is created if it is not there
    #[arg(value_name = "DIR")]
    folder: PathBuf,
}

impl Man {
    pub(crate) fn run(&self, context: &Context) -> Result<Exit> {
        let written = std::fs::create_dir_all(&self.folder)
            .and_then(|()| clap_mangen::generate_to(context.definitions(), &self.folder))
            .and_then(|()| std::fs::read_dir(&self.folder).map(Iterator::count));
        let pages = written.map_err(|e| Failure::writing(&human::path(&self.folder), &e))?;
        let row = context.summary(Exit::Done).report(&ManReport { folder: self.folder.display().to_string(), pages });
        context.out.summary(row, || {
            format!("{} in {}", human::counted(pages as u64, "page", "pages"), human::path(&self.folder))
        })?;
        Ok(Exit::Done)
    }
}
