//! `cairn retrieve extend`: what was brought back stays longer.

use super::start::days;
use super::target::Target;
use crate::context::Context;
use crate::exit::{Exit, Failure, Result};
use crate::output::{Row, human, progress};
use clap::Args;
use engine::repository::Repository;
use engine::retrieval::covering;
use ops::retrieve::{ExtendReport, extend};

/// Let what was brought back stay readable for so many days from now
#[derive(Debug, Args)]
pub(super) struct Extend {
    #[command(flatten)]
    target: Target,
    /// A retrieval by its number, as `cairn retrieve list` shows it
    #[arg(long, value_name = "N", conflicts_with_all = ["places", "find"])]
    retrieval: Option<u32>,
    /// For how many days from now
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=366))]
    days: u32,
}

impl Extend {
    pub(super) fn run(&self, context: &Context) -> Result<Exit> {
        let connection = context.connect()?;
        let (repo, monitor) = (&connection.repo, context.interrupt.monitor());
        let retrievals = self.retrievals(context, repo)?;
        let mut extended = Vec::new();
        for retrieval in retrievals {
            let work = || extend(repo, retrieval, self.days, monitor);
            let done = progress::show(&context.out, "extending", monitor, work)?;
            context.out.row(|| Row::new("extended").report(&done))?;
            extended.push(done);
        }
        let report = ExtendReport::of(&extended, self.days, &connection.counts);
        let row = context.summary(Exit::Done).report(&report);
        context.out.summary(row, || {
            let which = report.retrievals.iter().map(u32::to_string).collect::<Vec<_>>().join(", ");
            format!(
                "retrieval {which}: readable for {} from now ({} asked for)",
                days(self.days),
                human::counted(report.packs_asked, "pack", "packs")
            )
        })?;
        Ok(Exit::Done)
    }

    fn retrievals(&self, context: &Context, repo: &Repository) -> Result<Vec<u32>> {
        if let Some(retrieval) = self.retrieval {
            return Ok(vec![retrieval]);
        }
        let needed = self.target.needed(context, repo, context.interrupt.monitor())?;
        let found = covering(repo, &needed.needs);
        if found.is_empty() {
            return Err(Failure::new(
                Exit::Failed,
                "absent",
                format!("{}: no retrieval that goes on has any of it", needed.about),
            )
            .advise("`cairn retrieve list` shows those that go on; `cairn retrieve start` begins one"));
        }
        Ok(found)
    }
}
