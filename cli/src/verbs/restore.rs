//! `cairn restore`: a restore point, or parts of it, become files again.

use super::arriving::{Arriving, refuse_archived};
use super::selection::Selection;
use super::{browse, incomplete};
use crate::context::Context;
use crate::exit::{Exit, Failure, Result};
use crate::output::{Row, human, progress};
use crate::parse::place::{POINT_FORMS, PlaceParser};
use crate::parse::{Accept, PointPath};
use clap::{Args, ValueEnum};
use engine::repository::Repository;
use engine::restore::{Overwrite, Part as EnginePart, RestoreOptions, RestoreSummary, Tell, Told, restore};
use engine::restore_point::Point;
use ops::Traffic;
use ops::restored::{ActionRow, RestoreReport, RetrievedReport};
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Restore a restore point, or parts of it, into a folder
///
/// `restore POINT TARGET` lays full paths under TARGET; `restore POINT:/srv/a TARGET` lays what is in /srv/a directly into
/// TARGET; several places are laid under TARGET with their full paths. The same command resumes a run that was stopped. What
/// cannot be restored is a warning, and the command ends with exit 3; so does the restore of a restore point that is not complete. Owners are
/// restored by root only.
#[derive(Debug, Args)]
#[command(after_help = POINT_FORMS)]
pub(crate) struct Restore {
    /// What to restore
    #[arg(value_name = "POINT[:PATH]", value_parser = PlaceParser, required = true)]
    places: Vec<PointPath>,
    /// The folder to restore into; it is created if it is not there
    #[arg(value_name = "TARGET", required = true)]
    target: PathBuf,
    /// What to do with what is there already
    #[arg(long, value_enum, value_name = "POLICY", default_value_t = Policy::IfChanged)]
    overwrite: Policy,
    /// Remove from TARGET what the restore point does not have
    ///
    /// Only what the restore point covers: nothing beside the sources that were backed up, and nothing that a rule left out, that could not be
    /// read, that was erased or aged out. What it cannot prove is left there, listed, and the command ends with exit 3. Into / it needs
    /// --accept whole-target.
    #[arg(long, conflicts_with_all = ["include", "exclude"])]
    delete: bool,
    /// Restore only what matches, with everything below: a name (*.conf), part of a path, or a path from the root
    #[arg(long, value_name = "GLOB")]
    include: Vec<OsString>,
    /// Leave out what matches, with everything below
    #[arg(long, value_name = "GLOB")]
    exclude: Vec<OsString>,
    /// Only say what would be done, path by path
    #[arg(short = 'n', long)]
    dry_run: bool,
    /// Read everything back after writing, and compare; files that are there already as well
    #[arg(long)]
    verify: bool,
    /// Make holes of runs of zeros, also where the source had none
    #[arg(long)]
    sparse: bool,
    #[command(flatten)]
    arriving: Arriving,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Policy {
    /// Replace everything
    Always,
    /// Keep files whose size and modification time are those of the restore point
    IfChanged,
    /// Keep everything that is there
    Never,
}

/// What to restore of one point.
struct Part {
    point: Arc<Point>,
    /// A single place, as it stands.
    inside: Vec<u8>,
    /// Several places, under their full paths.
    places: Vec<Vec<u8>>,
}

impl Restore {
    /// Whether this run changes the repository.
    pub(crate) fn writes(&self) -> bool {
        self.arriving.retrieve
    }

    pub(crate) fn run(&self, context: &Context) -> Result<Exit> {
        if self.delete && self.places.len() > 1 {
            return Err(Failure::usage("--delete with several places would remove what the others restore")
                .advise("run the command once for each place"));
        }
        self.arriving.check()?;
        self.refuse_whole_target(context)?;
        let connection = context.connect()?;
        let repo = &connection.repo;
        let parts = self.parts(context, repo)?;
        let monitor = context.interrupt.shared();
        let label = if self.dry_run { "comparing" } else { "restoring" };
        let mut sum = RestoreSummary::default();
        let mut whole = Vec::new();
        let mut is_incomplete = false;
        for Part { point, inside, places } in &parts {
            let wanted = if places.is_empty() { std::slice::from_ref(inside) } else { &places[..] };
            is_incomplete |= incomplete::tell(context, repo, point, wanted)?;
            let selection = Selection::new(&self.include, &self.exclude, places)?;
            let select = selection.resolve(repo, point, inside, &monitor)?;
            let options = RestoreOptions {
                overwrite: match self.overwrite {
                    Policy::Always => Overwrite::Always,
                    Policy::IfChanged => Overwrite::IfChanged,
                    Policy::Never => Overwrite::Never,
                },
                delete: self.delete,
                dry_run: self.dry_run,
                verify: self.verify,
                sparse: self.sparse,
                select,
                owners: rustix::process::geteuid().is_root(),
                threads: connection.settings.threads,
                tell: self.dry_run.then(|| self.teller(context)),
            };
            whole.push(EnginePart { point: point.clone(), inside: inside.clone(), options });
        }
        let mut arrived = None;
        if self.arriving.retrieve {
            let work = || self.arriving.run(context, repo, &whole, &self.target, &monitor);
            let done = progress::show(&context.out, label, &monitor, work)?;
            sum = done.restored;
            arrived = Some(done);
        } else {
            if !self.dry_run {
                refuse_archived(repo, &whole, &monitor)?;
            }
            for EnginePart { point, inside, options } in &whole {
                let done = progress::show(&context.out, label, &monitor, || {
                    restore(repo, point, inside, &self.target, options, &monitor)
                })?;
                sum += &done;
            }
        }
        let warnings = monitor.warnings_total();
        let exit = match &arrived {
            Some(arrived) if !arrived.progress.is_complete() && sum.damaged == 0 => Exit::Archived,
            _ => exit(&sum, warnings + u64::from(is_incomplete)),
        };
        let is_verified =
            self.verify && !self.dry_run && [sum.damaged, sum.archived, sum.denied, sum.differing] == [0; 4];
        let report = RestoreReport {
            points: parts.iter().map(|part| part.point.manifest.id.to_string()).collect(),
            target: self.target.display().to_string(),
            dry_run: self.dry_run,
            complete: !is_incomplete,
            verified: is_verified,
            warnings,
            arrived: arrived.as_ref().map(RetrievedReport::from),
            ..RestoreReport::of(&sum, Traffic::of(&connection.counts))
        };
        let row = context.summary(exit).report(&report);
        context.out.summary(row, || {
            let verb = if self.dry_run { "would restore" } else { "restored" };
            let left = match sum.left {
                0 => String::new(),
                n => format!(", {} left there that it does not cover", human::count(n)),
            };
            format!(
                "{verb} {} ({}), {}, {}; {} there already; {} removed{left}; in {}",
                human::counted(sum.files, "file", "files"),
                human::bytes(sum.bytes),
                human::counted(sum.folders, "folder", "folders"),
                human::counted(sum.others, "other", "others"),
                human::counted(sum.files_unchanged, "was", "were"),
                human::count(sum.deleted),
                human::seconds(context.seconds_elapsed())
            )
        })?;
        Ok(exit)
    }

    /// A slip of the target must not cost a whole machine.
    fn refuse_whole_target(&self, context: &Context) -> Result<()> {
        let is_root = std::fs::canonicalize(&self.target).is_ok_and(|target| target == Path::new("/"));
        if !self.delete || self.dry_run || !is_root || context.accepts(Accept::WholeTarget) {
            return Ok(());
        }
        let what = "--delete into / may remove from the whole machine what the restore point does not have";
        Err(Failure::usage(what).advise(format!(
            "look at it first with --dry-run; if it is meant: {}",
            context.command_accepting(Accept::WholeTarget)
        )))
    }

    /// Prints what a dry run would do, path by path.
    fn teller(&self, context: &Context) -> Tell {
        let (out, target) = (context.out.clone(), self.target.clone());
        Arc::new(move |path: &[u8], told: &Told<'_>| {
            let path = target.join(OsStr::from_bytes(path)).into_os_string().into_encoded_bytes();
            let (action, why) = match told {
                Told::Restored => ("restore", None),
                Told::Removed => ("remove", None),
                Told::Left(why) => ("leave", Some(why.to_string())),
            };
            let line = || match &why {
                Some(why) => format!("would {action} {}: {why}", human::name(&path)),
                None => format!("would {action} {}", human::name(&path)),
            };
            let row = || Row::new("item").report(&ActionRow::of(&path, action, why.clone()));
            // A reader of stdout that went away is met again at the summary.
            let _ = out.answer(row, line);
        })
    }

    fn parts(&self, context: &Context, repo: &Repository) -> Result<Vec<Part>> {
        if let [place] = &self.places[..] {
            let (point, _) = browse::find(context, repo, place)?;
            return Ok(vec![Part { point, inside: place.path.clone(), places: Vec::new() }]);
        }
        let mut parts: Vec<Part> = Vec::new();
        for place in &self.places {
            let (point, _) = browse::find(context, repo, place)?;
            match parts.iter_mut().find(|part| part.point.number == point.number) {
                Some(part) => part.places.push(place.path.clone()),
                None => parts.push(Part { point, inside: Vec::new(), places: vec![place.path.clone()] }),
            }
        }
        Ok(parts)
    }
}

/// What is damaged is worse than what has to be retrieved first, and that than what the store refuses.
fn exit(sum: &RestoreSummary, warnings: u64) -> Exit {
    match sum {
        sum if sum.damaged > 0 => Exit::Damaged,
        sum if sum.archived > 0 => Exit::Archived,
        sum if sum.denied > 0 => Exit::Failed,
        _ if warnings > 0 => Exit::Warnings,
        _ => Exit::Done,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_not_be_read_decides_the_exit_code() {
        let sum = |damaged, archived, denied| RestoreSummary { damaged, archived, denied, ..RestoreSummary::default() };
        let cases = [
            (sum(0, 0, 0), 0, Exit::Done),
            (sum(0, 0, 0), 1, Exit::Warnings),
            (sum(0, 0, 1), 1, Exit::Failed),
            (sum(0, 1, 1), 2, Exit::Archived),
            (sum(1, 1, 1), 3, Exit::Damaged),
        ];
        for (sum, warnings, wanted) in cases {
            assert_eq!(exit(&sum, warnings), wanted, "{sum:?}");
        }
    }
}
