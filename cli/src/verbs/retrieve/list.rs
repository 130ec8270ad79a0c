//! `cairn retrieve list`: what was brought back, and how far it is.

use crate::context::Context;
use crate::exit::{Exit, Result};
use crate::say::table::{Side, Table};
use crate::say::{Row, human, progress};
use clap::Args;
use engine::retrieval::{Status, retrievals, tidy};

/// List the retrievals that go on, and end those whose days are over
#[derive(Debug, Args)]
pub(super) struct List {}

impl List {
    pub(super) fn run(&self, context: &Context) -> Result<Exit> {
        let connection = context.connect()?;
        let (repo, monitor) = (&connection.repo, context.interrupt.monitor());
        let (found, tidied) = progress::show(&context.out, "looking", monitor, || {
            // Told as they were found: one whose days are over is shown once more, as removing or expired.
            let found = retrievals(repo, monitor)?;
            Ok::<_, engine::Error>((found, tidy(repo, monitor)?))
        })?;
        if context.out.json {
            found.iter().try_for_each(|status| context.out.row(|| row_of(status)))?;
        } else if !found.is_empty() {
            table(&found).lines().into_iter().try_for_each(|line| context.out.answer(|| Row::new("line"), || line))?;
        }
        let row = context
            .summary(Exit::Done)
            .set("retrievals", found.len())
            .set("ended", tidied.ended.clone())
            .set("packs_rested", tidied.packs_rested)
            .requests(&connection.counts);
        if context.out.json {
            context.out.summary(row, String::new)?;
        } else if found.is_empty() {
            context.out.note("nothing is being retrieved");
        }
        Ok(Exit::Done)
    }
}

fn table(found: &[Status]) -> Table {
    let mut table = Table::new(&[
        ("NUMBER", Side::Right),
        ("STATE", Side::Left),
        ("PACKS", Side::Right),
        ("BYTES", Side::Right),
        ("MODE", Side::Left),
        ("UNTIL", Side::Left),
        ("WHAT", Side::Left),
    ]);
    for status in found {
        let of = |here: String, all: String| format!("{here}/{all}");
        table.push(vec![
            status.retrieval.to_string(),
            status.state.as_str().to_owned(),
            of(human::count(status.readable.packs), human::count(status.packs.packs)),
            of(human::bytes(status.readable.bytes), human::bytes(status.packs.bytes)),
            status.mode().as_str().to_owned(),
            human::time(status.until),
            human::name(status.told.about.as_bytes()),
        ]);
    }
    table
}

fn row_of(status: &Status) -> Row {
    Row::new("retrieval")
        .set("retrieval", status.retrieval)
        .set("state", status.state.as_str())
        .set("about", status.told.about.as_str())
        .set("mode", status.mode().as_str())
        .set("days", status.told.days)
        .set("begun", human::time_exact(status.told.begun))
        .set("changed", human::time_exact(status.told.changed))
        .set("packs", status.packs.packs)
        .set("bytes", status.packs.bytes)
        .set("packs_readable", status.readable.packs)
        .set("bytes_readable", status.readable.bytes)
        .set("packs_retrieving", status.retrieving.packs)
        .set("readable_until", human::time_exact(status.until))
}
