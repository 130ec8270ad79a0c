//! What a backup tells at its end.

use super::{Backup, Chosen, Done, Known};
use crate::connect::{self, Connection};
use crate::context::Context;
use crate::exit::{Exit, Failure, Result};
use crate::output::rows::{ForeignEnd, LeftOutRow};
use crate::output::{Row, human};
use crate::parse::Accept;
use crate::recovery_sheet;
use crate::settings::Repo;
use crate::verbs::init;
use engine::source::command::CommandEnd;
use engine::source::rules::OwnFolders;
use format_spec::point::Workload;
use ops::backup::{BackupReport, kind_word};
use ops::report::raw;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

/// What came of it so far.
fn report(context: &Context, connection: &Connection, done: &Done) -> BackupReport {
    let warnings = context.interrupt.monitor().warnings_total();
    BackupReport::of((&done.job, &done.host, &done.other_hosts), &done.summary, &connection.counts, warnings)
}

/// Done, or done with warnings.
pub(super) fn exit(context: &Context, connection: &Connection, done: &Done) -> Exit {
    if report(context, connection, done).is_clean() { Exit::Done } else { Exit::Warnings }
}

/// A command that did not end well, with its status for scripts.
pub(super) fn command_failed(failure: Failure, end: CommandEnd) -> Failure {
    let (command_exit_code, command_signal) = match end {
        CommandEnd::NotStarted => (None, None),
        CommandEnd::Code(code) => (Some(code), None),
        CommandEnd::Signal(signal) => (None, Some(signal)),
    };
    let ended = ForeignEnd { command_exit_code, command_signal };
    let Failure { message, advice, .. } = failure;
    Failure { advice, ended, ..Failure::new(Exit::Failed, "command_failed", message) }
}

/// A hook's failure that policy made a warning.
pub(super) fn hook(context: &Context, failure: Option<String>) {
    let Some(reason) = failure else { return };
    let monitor = context.interrupt.monitor();
    monitor.warn(b"", reason);
    monitor.take_warnings().iter().for_each(|w| context.out.warning(&w.subject, &w.reason));
}

/// Names what the backup itself writes to, where that lies in a source.
pub(super) fn own_folders(context: &Context, chosen: &Chosen, own: &OwnFolders) -> Result<()> {
    if chosen.workload != Workload::Folders {
        return Ok(());
    }
    let paths = chosen.source.about().paths;
    let sources: Vec<_> =
        paths.iter().filter_map(|path| Path::new(OsStr::from_bytes(path)).canonicalize().ok()).collect();
    for folder in own.found().iter().filter(|folder| sources.iter().any(|source| folder.path.starts_with(source))) {
        context.out.note(&format!("cairn: {} is {}: it is left out", human::path(&folder.path), folder.what));
        if context.out.json {
            let (path, path_hex) = raw(folder.path.as_os_str().as_bytes());
            let row = || Row::new("left_out").report(&LeftOutRow { path, path_hex, what: folder.what });
            context.out.answer(row, String::new)?;
        }
    }
    Ok(())
}

/// What hooks are told about the end.
pub(super) fn outcome(exit: Exit) -> [(&'static str, String); 2] {
    [("CAIRN_STATUS", exit.status().to_owned()), ("CAIRN_EXIT_CODE", (exit as u8).to_string())]
}

/// Of a backup that found no room: what is left to do.
pub(super) fn what_is_left(context: &Context, failure: Failure) -> Failure {
    if failure.name != "no_space" {
        return failure;
    }
    let counters = &context.interrupt.monitor().counters;
    let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
    let (items, bytes) = (human::counted(read(&counters.items), "item", "items"), human::bytes(read(&counters.bytes)));
    failure.advise(format!(
        "free some space or raise the quota, then run the same command: what was read ({items}, {bytes}) makes no restore point, and what was \
         published is not stored again until a collection takes it; `cairn gc plan` says what can go"
    ))
}

impl Backup {
    /// Runs the hook of `--on-failure` when the command does not end with exit 0.
    pub(super) fn tell_failure_hook(&self, context: &Context, ended: &Result<Exit>, known: Known) {
        let exit = match ended {
            Ok(exit) => *exit,
            // SIGTERM and Ctrl-C end with codes of their own.
            Err(failure) if failure.exit == Exit::Interrupted => context.interrupt.exit().unwrap_or(failure.exit),
            Err(failure) => failure.exit,
        };
        if exit == Exit::Done {
            return;
        }
        let mut variables = outcome(exit).to_vec();
        variables.push(("CAIRN_REPO", known.repo.unwrap_or_default()));
        variables.push(("CAIRN_JOB", known.job.unwrap_or_default()));
        variables.push(("CAIRN_POINT", known.point.unwrap_or_default()));
        let failure = ended.as_ref().err();
        variables.push(("CAIRN_ERROR", failure.map_or("warnings", |f| f.name).to_owned()));
        let counted = || human::counted(context.interrupt.monitor().warnings_total(), "warning", "warnings");
        variables.push(("CAIRN_MESSAGE", failure.map_or_else(counted, |f| f.message.clone())));
        variables.push(("CAIRN_ADVICE", failure.and_then(|f| f.advice.clone()).unwrap_or_default()));
        match self.hooks.run_on_failure(&context.interrupt, &variables) {
            None => {}
            Some(reason) if ended.is_err() => context.out.warning(b"", &reason),
            // The summary was the last line of JSON; what comes now is for people.
            Some(reason) => context.out.note(&format!("cairn: warning: {reason}")),
        }
    }

    pub(super) fn tell(&self, context: &Context, connection: &Connection, done: &Done) -> Result<Exit> {
        let exit = exit(context, connection, done);
        let summary = &done.summary;
        let row = context.summary(exit).report(&report(context, connection, done));
        context.out.summary(row, || lines(context, connection, done))?;
        let first = summary.number == 1 && recovery_sheet::is_encrypted(&connection.repo);
        if first && !recovery_sheet::was_exported(&connection.repo) {
            context.out.note(&init::only_key(&connection.settings.password.described()));
        }
        Ok(exit)
    }
}

fn lines(context: &Context, connection: &Connection, done: &Done) -> String {
    let accepting = context.command_accepting(Accept::Shrink);
    let (summary, c) = (&done.summary, &done.summary.counts);
    let count = human::count;
    let (new, changed, unchanged) = (count(c.new), count(c.changed), count(c.unchanged));
    let (folders, skipped) = (count(c.folders), count(c.skipped));
    let (source, fresh) = (human::bytes(summary.bytes_source), human::bytes(summary.bytes_new));
    let stored = human::bytes(summary.bytes_stored);
    let packs = human::counted(summary.packs_written, "pack", "packs");
    let mut lines = vec![
        format!("files: {new} new, {changed} changed, {unchanged} unchanged; folders: {folders}; left out: {skipped}"),
        format!("source: {source}; new: {fresh}; stored: {stored} in {packs}"),
    ];
    if !c.complete() {
        let (failed, vanished, moving) = (count(c.failed), count(c.vanished), count(c.changed_while_read));
        let kept = match c.kept {
            0 => String::new(),
            kept => format!(" ({} kept as they were)", count(kept)),
        };
        lines.push(format!(
            "INCOMPLETE: {failed} could not be read{kept}, {vanished} vanished, {moving} changed while read"
        ));
    }
    if let Some(then) = &summary.shrunken {
        let (bytes, items, id) = (human::bytes(then.bytes), count(then.items), then.than.to_string());
        lines.push(format!("SHRUNKEN: point {} has {bytes} in {items} items; if that is meant: {accepting}", &id[..8]));
    }
    let took = human::seconds(context.seconds_elapsed());
    let Some(point) = summary.point.map(|id| id.to_string()) else {
        lines.push(format!("dry run of the job {}: nothing was stored ({took})", done.job));
        return lines.join("\n");
    };
    let (kind, reason) = (kind_word(summary.kind), &summary.kind_reason);
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
