//! `cairn umount`: take a mount away.

use crate::context::Context;
use crate::exit::{Exit, Result};
use crate::output::rows::UmountReport;
use clap::Args;
use std::path::PathBuf;

/// Take a mount away
#[derive(Debug, Args)]
pub(crate) struct Umount {
    /// Where it is mounted
    #[arg(value_name = "MOUNTPOINT")]
    mountpoint: PathBuf,
}

impl Umount {
    pub(crate) fn run(&self, context: &Context) -> Result<Exit> {
        fusefs::umount(&self.mountpoint)?;
        let place = self.mountpoint.display().to_string();
        let row = context.summary(Exit::Done).report(&UmountReport { mountpoint: place.clone() });
        context.out.summary(row, || format!("unmounted {place}"))?;
        Ok(Exit::Done)
    }
}
