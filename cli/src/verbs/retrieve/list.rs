//! `cairn retrieve list`: what was brought back, and how far it is.

use crate::context::Context;
use crate::exit::{Exit, Result};
use crate::output::table::{Side, Table};
use crate::output::{Row, human, progress};
use clap::Args;
use ops::retrieve::{RetrievalReport, list};

/// List the retrievals that go on, and end those whose days are over
#[derive(Debug, Args)]
pub(super) struct List {}

impl List {
    pub(super) fn run(&self, context: &Context) -> Result<Exit> {
        let connection = context.connect()?;
        let (repo, monitor) = (&connection.repo, context.interrupt.monitor());
        let work = || list(repo, &connection.counts, monitor);
        let (found, summary) = progress::show(&context.out, "looking", monitor, work)?;
        if context.out.json {
            found.iter().try_for_each(|status| context.out.row(|| Row::new("retrieval").report(status)))?;
        } else if !found.is_empty() {
            table(&found).lines().into_iter().try_for_each(|line| context.out.answer(|| Row::new("line"), || line))?;
        }
        let row = context.summary(Exit::Done).report(&summary);
        if context.out.json {
            context.out.summary(row, String::new)?;
        } else if found.is_empty() {
            context.out.note("nothing is being retrieved");
        }
        Ok(Exit::Done)
    }
}

fn table(found: &[RetrievalReport]) -> Table {
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
            status.state.to_owned(),
            of(human::count(status.packs_readable), human::count(status.packs)),
            of(human::bytes(status.bytes_readable), human::bytes(status.bytes)),
            status.mode.to_owned(),
            human::time(status.readable_until),
            human::name(status.about.as_bytes()),
        ]);
    }
    table
}
