//! `cairn immutability`: what may be changed about locks, which is only to make them longer.

use super::locked::in_words;
use crate::context::Context;
use crate::exit::{Exit, Result};
use crate::output::human;
use clap::{Args, Subcommand};

use ops::Traffic;
use ops::immutability::RaisedReport;

/// Lock for more days
///
/// How a repository locks is chosen by `cairn init --immutable`. Days of locking can only be raised, never beyond the retention period;
/// `cairn points --verify-immutability` reads locks back.
#[derive(Debug, Args)]
pub(crate) struct Immutability {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Lock what restore points need for more days after their commit: those that are there, and those to come
    Raise {
        /// The new number of days
        #[arg(value_name = "DAYS")]
        days: u32,
    },
}

impl Immutability {
    pub(crate) fn run(&self, context: &Context) -> Result<Exit> {
        let Action::Raise { days } = self.action;
        let connection = context.connect()?;
        let secured = connection.repo.raise_immutable_days(days, context.interrupt.monitor())?;
        let locked = connection.repo.policy().map(|policy| policy.days_locked()).transpose()?;
        let report = RaisedReport {
            immutable_days: days,
            locked_days_least: locked.map(|(least, _)| least),
            locked_days_most: locked.map(|(_, most)| most),
            objects: secured.objects,
            locks_asked: secured.asked,
            locks_extended: secured.extended,
            traffic: Traffic::of(&connection.counts),
        };
        let row = context.summary(Exit::Done).report(&report);
        context.out.summary(row, || {
            format!(
                "everything is locked for {} after its last use; {} extended",
                human::counted(days.into(), "day", "days"),
                human::counted(secured.extended, "lock was", "locks were")
            )
        })?;
        if let Some(policy) = connection.repo.policy() {
            context.out.note(&in_words(&policy)?);
        }
        Ok(Exit::Done)
    }
}
