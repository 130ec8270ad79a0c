//! `cairn retrieve status`: whether something can be read now.

use super::target::Target;
use crate::context::Context;
use crate::exit::{Exit, Result};
use crate::output::{human, progress};
use clap::Args;
use engine::retrieval::tidy;
use ops::retrieve::{StatusReport, status};

/// Say whether something can be read now, and how much of it
#[derive(Debug, Args)]
pub(super) struct Status {
    #[command(flatten)]
    target: Target,
}

impl Status {
    pub(super) fn run(&self, context: &Context) -> Result<Exit> {
        let connection = context.connect()?;
        let (repo, monitor) = (&connection.repo, context.interrupt.monitor());
        let report = progress::show(&context.out, "looking", monitor, || {
            tidy(repo, monitor)?;
            let needed = self.target.needed(context, repo, monitor)?;
            let what = (&needed.needs, &*needed.about);
            Ok::<_, crate::exit::Failure>(status(repo, &connection.counts, what, monitor)?)
        })?;
        context.out.summary(context.summary(Exit::Done).report(&report), || in_words(&report))?;
        Ok(Exit::Done)
    }
}

fn in_words(report: &StatusReport) -> String {
    let end = report.readable_until.map_or(String::new(), |until| format!(", until {}", human::time(until)));
    format!(
        "{}: {} of {} can be read ({} of {}){end}; {} being retrieved, {} at rest",
        report.state,
        human::count(report.packs_readable),
        human::counted(report.packs, "pack", "packs"),
        human::bytes(report.bytes_readable),
        human::bytes(report.bytes),
        human::count(report.packs_retrieving),
        human::count(report.packs_archived),
    )
}
