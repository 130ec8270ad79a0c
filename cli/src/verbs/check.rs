//! `cairn check`: prove that the repository can give back what it promises.

use crate::connect::{Connection, open_store};
use crate::context::Context;
use crate::exit::{Exit, Failure, Result};
use crate::output::{Row, human, progress};
use crate::parse::place::POINT_FORMS;
use crate::parse::quantity;
use crate::settings::Settings;
use clap::{Args, ValueEnum};
use engine::maintenance::{CheckOptions, Finding, Level, check, check_stored};
use engine::repository::Found;
use format_spec::container::Suite;
use ops::findings::{CheckSummary, FindingRow, StoredSummary};
use ops::recognise::Rollback;
use ops::{OpenStore, Traffic};
use std::sync::Arc;

/// Validate the repository: log, index, trees, packs
///
/// Reads only. Damage ends with exit 5, and every finding names its object. What needs a newer release is no damage: it is named, and ends with
/// exit 1. Damaged objects of which everything that is needed has a sound
/// place elsewhere are told on stderr and end with exit 0.
#[derive(Debug, Args)]
#[command(after_help = POINT_FORMS)]
pub(crate) struct Check {
    /// Only what this restore point needs
    #[arg(value_name = "POINT")]
    point: Option<String>,
    /// How deep to look
    #[arg(long, value_enum, value_name = "LEVEL", default_value_t = Depth::Tails)]
    level: Depth,
    /// Read and decode all data, or a share of the packs (--read-data=5%), other ones each time; the same as --level full
    #[arg(long, value_name = "N%", num_args = 0..=1, require_equals = true, default_missing_value = "100%")]
    #[arg(value_parser = quantity::share, conflicts_with = "level")]
    read_data: Option<f64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Depth {
    /// Every object is there, with the promised length
    List,
    /// And trees are read whole, and the directories of packs agree with the index
    Tails,
    /// And every stored byte matches its checksum; without a password this alone is verified
    Stored,
    /// And every chunk decodes to its id
    Full,
}

impl Check {
    pub(crate) fn run(&self, context: &Context) -> Result<Exit> {
        if self.level == Depth::Stored && self.point.is_none() {
            let settings = context.settings()?;
            if settings.password.read()?.is_none() {
                let place = open_store(&settings)?;
                if let Some(found) = sealed(&place) {
                    context.expect_recognised(&settings, &place, &found)?;
                    context.out.note(NO_PASSWORD);
                    return without_keys(context, &settings, &place, Vec::new());
                }
            }
        }
        // A check goes on where other commands stop: what it goes on without is a finding.
        let (as_far, settings) = match context.connect_as_far(Vec::new()) {
            Err(failure) if failure.exit == Exit::Damaged => return as_stored(context, failure),
            other => other?,
        };
        let (missing, advice) = (as_far.findings(), as_far.advice());
        let Some(opened) = as_far.opened else {
            let (settings, place) = place_of(context)?;
            context.out.note("Without the config nothing can be decoded: every stored byte is verified, but not which objects must be there.");
            let exit = without_keys(context, &settings, &place, missing);
            advice.iter().for_each(|advice| context.out.note(advice));
            return exit;
        };
        let connection = Connection::of(opened, settings);
        let repo = &connection.repo;
        connection.known.tell_twins(repo, context)?;
        let point = self.point.as_ref().map(|point| repo.find_point(point)).transpose()?;
        let level = match (self.read_data, self.level) {
            (Some(_), _) => Level::Full,
            (None, depth) => depth.level(),
        };
        // All of it is no share: 100% means that nothing is left out.
        let share = self.read_data.filter(|share| *share < 1.0);
        let remember = Some(connection.settings.cache_dir.join(CHECKED));
        let options = CheckOptions { level, share, remember, point, threads: connection.settings.threads };
        let monitor = context.interrupt.monitor();
        let mut report = progress::show(&context.out, "checking", monitor, || check(repo, &options, monitor))?;
        report.errors.splice(0..0, missing);
        let rolled_back = connection.known.rolled_back.as_ref().map(Rollback::finding);
        told(context, rolled_back.as_slice())?;
        told(context, &report.errors)?;
        tell_unsupported(context, &report.unsupported)?;
        tell_collected(context, &report.collected)?;
        tell_uncommitted(context, &report.uncommitted)?;
        for finding in &report.superseded {
            let row = || Row::new("superseded").report(&FindingRow::from(finding));
            context.out.row(row)?;
            context.out.warning(finding.object.as_bytes(), &format!("{}; nobody needs it any more", finding.what));
        }
        let errors = report.errors.len() + rolled_back.iter().len();
        let exit = match (errors, report.packs_archived, monitor.warnings_total()) {
            (1.., ..) => Exit::Damaged,
            _ if !report.unsupported.is_empty() => Exit::Failed,
            (0, 1.., _) => Exit::Archived,
            (0, 0, 1..) => Exit::Warnings,
            (0, 0, 0) if !report.collected.is_empty() => Exit::Warnings,
            (0, 0, 0) => Exit::Done,
        };
        let asked = (Depth::of(level), self.read_data);
        let summary = CheckSummary::of(asked, &report, errors, Traffic::of(&connection.counts));
        let row = context.summary(exit).report(&summary);
        context.out.summary(row, || {
            format!(
                "{}: {}, {} ({} read whole), {}, {} read, level {}",
                verdict(errors, report.unsupported.len()),
                human::counted(report.points, "restore point", "restore points"),
                human::counted(report.packs, "pack", "packs"),
                human::count(report.packs_read),
                human::counted(report.chunks, "chunk", "chunks"),
                human::bytes(report.bytes_read),
                Depth::of(level)
            )
        })?;
        archived(context, report.packs_archived);
        advice.iter().for_each(|advice| context.out.note(advice));
        if !report.errors.is_empty() && advice.is_empty() {
            context.out.note("`cairn repair plan` tells what it takes away and what can give it back.");
        }
        Ok(exit)
    }
}

impl Depth {
    pub(super) fn level(self) -> Level {
        match self {
            Depth::List => Level::List,
            Depth::Tails => Level::Tails,
            Depth::Stored => Level::Stored,
            Depth::Full => Level::Full,
        }
    }

    /// As it is written on the command line.
    pub(super) fn word(self) -> &'static str {
        Depth::of(self.level())
    }

    fn of(level: Level) -> &'static str {
        match level {
            Level::List => "list",
            Level::Tails => "tails",
            Level::Stored => "stored",
            Level::Full => "full",
        }
    }
}

/// What rests is neither damaged nor sound, as far as anybody can see.
fn archived(context: &Context, packs: u64) {
    if packs > 0 {
        context.out.note(&format!(
            "{} in an archive class, not looked into: `cairn retrieve start POINT` brings back what a point needs, and --level list checks without it",
            human::counted(packs, "pack rests", "packs rest")
        ));
    }
}

const NEWER: &str = "That is no damage: check it with the release that wrote it, or a newer one. `cairn gc` keeps all that such a restore point needs.";
const NO_PASSWORD: &str = "No password was given: every stored byte is verified, but not which objects must be there.";

fn place_of(context: &Context) -> Result<(Settings, OpenStore)> {
    let settings = context.settings()?;
    let place = open_store(&settings)?;
    Ok((settings, place))
}

/// Stored bytes alone, as no key slot opens: those that are damaged are named.
fn as_stored(context: &Context, failure: Failure) -> Result<Exit> {
    let (settings, place) = place_of(context)?;
    context.out.note("No key slot opens: every stored byte is verified, but not which objects must be there.");
    let (object, what) = failure.message.split_once(": ").unwrap_or(("keys", &failure.message));
    let finding = Finding { object: object.to_owned(), what: what.to_owned() };
    let exit = without_keys(context, &settings, &place, vec![finding])?;
    failure.advice.iter().for_each(|advice| context.out.note(advice));
    Ok(exit)
}

/// Stored bytes alone, without keys; `missing` was found on the way here.
fn without_keys(context: &Context, settings: &Settings, place: &OpenStore, missing: Vec<Finding>) -> Result<Exit> {
    let monitor = context.interrupt.monitor();
    let work = || check_stored(&*place.store, settings.threads, monitor);
    let mut report = progress::show(&context.out, "checking", monitor, work)?;
    report.errors.retain(|error| !missing.iter().any(|m| m.object == error.object));
    report.errors.splice(0..0, missing);
    told(context, &report.errors)?;
    let errors = report.errors.len();
    let exit = match (errors, report.packs_archived) {
        (1.., _) => Exit::Damaged,
        (0, 1..) => Exit::Archived,
        (0, 0) => Exit::Done,
    };
    let row = context.summary(exit).report(&StoredSummary::of(&report, Traffic::of(&place.counts)));
    context.out.summary(row, || {
        format!(
            "{}: {}, {} ({} with parity), {} read, level stored without keys",
            verdict(errors, 0),
            human::counted(report.objects, "object", "objects"),
            human::counted(report.packs, "pack", "packs"),
            human::count(report.packs_with_parity),
            human::bytes(report.bytes_read)
        )
    })?;
    Ok(exit)
}

fn told(context: &Context, findings: &[Finding]) -> Result<()> {
    for finding in findings {
        let row = || Row::new("damage").report(&FindingRow::from(finding));
        context.out.answer(row, || format!("{}: {}", finding.object, finding.what))?;
    }
    Ok(())
}

/// What is whole and needs a newer release: neither damaged nor proven sound.
pub(super) fn tell_unsupported(context: &Context, findings: &[Finding]) -> Result<()> {
    for finding in findings {
        let row = || Row::new("unsupported").report(&FindingRow::from(finding));
        context
            .out
            .answer(row, || format!("{}: not checked, it needs a newer release: {}", finding.object, finding.what))?;
    }
    if !findings.is_empty() {
        context.out.note(NEWER);
    }
    Ok(())
}

/// What the log does not commit: no damage by itself, and all there is to see of entries that are lost.
/// What was there at the position that the log is read at, and was given up since.
fn tell_collected(context: &Context, findings: &[Finding]) -> Result<()> {
    for finding in findings {
        let Finding { object, what } = finding;
        let row = || Row::new("collected").report(&FindingRow::from(finding));
        context.out.answer(row, || format!("{object}: collected since then: {what}"))?;
    }
    if !findings.is_empty() {
        context.out.note("That is no damage: leave --as-of out to check what is needed now.");
    }
    Ok(())
}

fn tell_uncommitted(context: &Context, findings: &[Finding]) -> Result<()> {
    for finding in findings {
        let Finding { object, what } = finding;
        context.out.row(|| Row::new("uncommitted").report(&FindingRow::from(finding)))?;
        context.out.note(&format!("cairn: {object}: {what}"));
    }
    Ok(())
}

fn verdict(errors: usize, unsupported: usize) -> String {
    let newer = || human::counted(unsupported as u64, "object needs", "objects need");
    match (errors, unsupported) {
        (0, 0) => "no damage".to_owned(),
        (0, _) => format!("no damage found, and {} a newer release", newer()),
        (n, 0) => human::counted(n as u64, "FINDING", "FINDINGS"),
        (n, _) => format!("{}, and {} a newer release", human::counted(n as u64, "FINDING", "FINDINGS"), newer()),
    }
}

/// The repository, if it is encrypted, as far as its config can be read.
fn sealed(place: &OpenStore) -> Option<Found> {
    Found::look(Arc::clone(&place.store)).ok().filter(|found| found.suite() != Suite::Clear)
}

/// Where it is remembered which packs were read, below the cache folder.
const CHECKED: &str = "checked";
