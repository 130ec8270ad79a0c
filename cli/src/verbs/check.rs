//! `cairn check`: prove that the repository can give back what it promises.

use crate::context::Context;
use crate::exit::{Exit, Result};
use crate::parse::quantity;
use crate::say::{Row, human, progress};
use clap::{Args, ValueEnum};
use engine::care::{CheckOptions, Level, check};

/// Validate the repository: log, index, trees, packs
///
/// Reads only. Damage ends with exit 5, and every finding names its object.
#[derive(Debug, Args)]
pub(crate) struct Check {
    /// Only what this restore point needs
    #[arg(value_name = "POINT")]
    point: Option<String>,
    /// How deep to look
    #[arg(long, value_enum, value_name = "LEVEL", default_value_t = Depth::Tails)]
    level: Depth,
    /// Read and decode all data, or a share of the packs (--read-data=5%); the same as --level full
    #[arg(long, value_name = "N%", num_args = 0..=1, require_equals = true, default_missing_value = "100%")]
    #[arg(value_parser = quantity::share, conflicts_with = "level")]
    read_data: Option<f64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Depth {
    /// Every object is there, with the promised length
    List,
    /// And trees are read whole, and the directories of packs agree with the index
    Tails,
    /// And every stored byte matches its checksum
    Stored,
    /// And every chunk decodes to its id
    Full,
}

impl Check {
    pub(crate) fn run(&self, context: &Context) -> Result<Exit> {
        let connection = context.connect()?;
        let repo = &connection.repo;
        let point = self.point.as_ref().map(|point| repo.find_point(point)).transpose()?;
        let level = match (self.read_data, self.level) {
            (Some(_), _) | (None, Depth::Full) => Level::Full,
            (None, Depth::List) => Level::List,
            (None, Depth::Tails) => Level::Tails,
            (None, Depth::Stored) => Level::Stored,
        };
        // All of it is no share: 100% means that nothing is drawn by lot.
        let share = self.read_data.filter(|share| *share < 1.0);
        let options = CheckOptions { level, share, point, threads: connection.settings.threads };
        let monitor = context.interrupt.monitor();
        let report = progress::show(&context.out, "checking", monitor, || check(repo, &options, monitor))?;
        for finding in &report.errors {
            let row = || Row::new("damage").set("object", finding.object.as_str()).set("what", finding.what.as_str());
            context.out.answer(row, || format!("{}: {}", finding.object, finding.what))?;
        }
        let errors = report.errors.len();
        let exit = match (errors, monitor.warnings_total()) {
            (1.., _) => Exit::Damaged,
            (0, 1..) => Exit::Warnings,
            (0, 0) => Exit::Done,
        };
        let level = match level {
            Level::List => "list",
            Level::Tails => "tails",
            Level::Stored => "stored",
            Level::Full => "full",
        };
        let row = context
            .summary(exit)
            .set("level", level)
            .set("share", self.read_data)
            .set("packs", report.packs)
            .set("packs_read", report.packs_read)
            .set("chunks", report.chunks)
            .set("points", report.points)
            .set("bytes_read", report.bytes_read)
            .set("errors", errors)
            .requests(&connection.counts);
        context.out.summary(row, || {
            let verdict = match errors {
                0 => "no damage".to_owned(),
                n => format!("{} FINDINGS", human::count(n as u64)),
            };
            format!(
                "{verdict}: {} restore points, {} packs ({} read whole), {} chunks, {} read, level {level}",
                human::count(report.points),
                human::count(report.packs),
                human::count(report.packs_read),
                human::count(report.chunks),
                human::bytes(report.bytes_read)
            )
        })?;
        Ok(exit)
    }
}
