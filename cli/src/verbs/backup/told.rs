//! What a backup tells at its end.

use super::{Backup, Done};
use crate::connect::{self, Connection};
use crate::context::Context;
use crate::exit::{Exit, Result};
use crate::paper;
use crate::say::{Row, human};
use crate::settings::Repo;
use crate::verbs::init;
use format_spec::point::PointKind;

/// Done, or done with warnings.
pub(super) fn exit(context: &Context, done: &Done) -> Exit {
    let clean = context.interrupt.monitor().warnings_total() == 0 && done.summary.counts.complete();
    if clean { Exit::Done } else { Exit::Warnings }
}

/// A hook's failure that policy made a warning.
pub(super) fn hook(context: &Context, failure: Option<String>) {
    let Some(reason) = failure else { return };
    let monitor = context.interrupt.monitor();
    monitor.warn(b"", reason);
    monitor.take_warnings().iter().for_each(|w| context.out.warning(&w.subject, &w.reason));
}

impl Backup {
    pub(super) fn tell(&self, context: &Context, connection: &Connection, done: &Done) -> Result<Exit> {
        let exit = exit(context, done);
        let summary = &done.summary;
        context.out.summary(self.row(context, connection, done, exit), || lines(context, connection, done))?;
        let first = summary.number == 1 && paper::is_encrypted(&connection.repo);
        if first && !paper::was_exported(&connection.repo) {
            context.out.note(&init::only_key(&connection.settings.password.described()));
        }
        Ok(exit)
    }

    fn row(&self, context: &Context, connection: &Connection, done: &Done, exit: Exit) -> Row {
        let (summary, counts) = (&done.summary, &done.summary.counts);
        context
            .summary(exit)
            .set("point", summary.point.map(|id| id.to_string()))
            .set("point_number", summary.number)
            .set("job", done.job.as_str())
            .set("dry_run", self.dry_run)
            .set("kind", kind(summary.kind))
            .set("kind_reason", summary.kind_reason.as_str())
            .set("complete", counts.complete())
            .set("files_total", counts.new + counts.changed + counts.unchanged)
            .set("files_new", counts.new)
            .set("files_changed", counts.changed)
            .set("files_unchanged", counts.unchanged)
            .set("files_failed", counts.failed)
            .set("files_vanished", counts.vanished)
            .set("files_changed_while_read", counts.changed_while_read)
            .set("items_skipped", counts.skipped)
            .set("folders", counts.folders)
            .set("bytes_source", summary.bytes_source)
            .set("bytes_new", summary.bytes_new)
            .set("bytes_stored", summary.bytes_stored)
            .set("chunks_new", summary.chunks_new)
            .set("packs_written", summary.packs_written)
            .set("data_packs_written", summary.data_packs_written)
            .requests(&connection.counts)
            .set("warnings", context.interrupt.monitor().warnings_total())
    }
}

fn lines(context: &Context, connection: &Connection, done: &Done) -> String {
    let (summary, c) = (&done.summary, &done.summary.counts);
    let count = human::count;
    let (new, changed, unchanged) = (count(c.new), count(c.changed), count(c.unchanged));
    let (folders, skipped) = (count(c.folders), count(c.skipped));
    let (source, fresh) = (human::bytes(summary.bytes_source), human::bytes(summary.bytes_new));
    let (stored, packs) = (human::bytes(summary.bytes_stored), count(summary.packs_written));
    let mut lines = vec![
        format!("files: {new} new, {changed} changed, {unchanged} unchanged; folders: {folders}; left out: {skipped}"),
        format!("source: {source}; new: {fresh}; stored: {stored} in {packs} packs"),
    ];
    if !c.complete() {
        let (failed, vanished, moving) = (count(c.failed), count(c.vanished), count(c.changed_while_read));
        lines.push(format!("INCOMPLETE: {failed} could not be read, {vanished} vanished, {moving} changed while read"));
    }
    let took = human::seconds(context.seconds_elapsed());
    let Some(point) = summary.point.map(|id| id.to_string()) else {
        lines.push(format!("dry run of the job {}: nothing was stored ({took})", done.job));
        return lines.join("\n");
    };
    let (kind, reason) = (kind(summary.kind), &summary.kind_reason);
    lines.push(format!("restore point {point} of the job {} ({kind}: {reason}) in {took}", done.job));
    lines.push(format!("look into it: cairn{} mount MOUNTPOINT", repo_option(connection)));
    lines.join("\n")
}

/// What to add to a command that shall use the same repository.
fn repo_option(connection: &Connection) -> String {
    match (&connection.settings.repo, connect::location(&connection.settings)) {
        (Repo::Given(_), Ok(at)) => format!(" --repo {at}"),
        _ => String::new(),
    }
}

fn kind(kind: PointKind) -> &'static str {
    match kind {
        PointKind::Full => "full",
        PointKind::Incremental => "incremental",
    }
}
