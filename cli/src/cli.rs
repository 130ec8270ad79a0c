//! The definitions that parsing, help, completions and manual pages are all made from.

use crate::globals::Globals;
use crate::{exit, later, verbs};
use clap::{CommandFactory, Parser, Subcommand};

/// Keeps restore points: back up, look, restore, check and mount.
#[derive(Debug, Parser)]
#[command(name = "cairn", version, after_help = exit::HELP, subcommand_required = true, arg_required_else_help = true)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) globals: Globals,
    #[command(subcommand)]
    pub(crate) verb: Verb,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    Init(verbs::init::Init),
    Backup(verbs::backup::Backup),
    Points(verbs::points::Points),
    Ls(verbs::ls::Ls),
    Cat(verbs::cat::Cat),
    Find(verbs::find::Find),
    Diff(verbs::diff::Diff),
    History(verbs::history::History),
    Stats(verbs::stats::Stats),
    Restore(verbs::restore::Restore),
    Retrieve(verbs::retrieve::Retrieve),
    Verify(verbs::verify::Verify),
    Check(verbs::check::Check),
    Repair(verbs::repair::Repair),
    Expire(verbs::expire::Expire),
    Tag(verbs::tag::Tag),
    Gc(verbs::gc::Gc),
    Copy(verbs::copy::Copy),
    Mount(verbs::mount::Mount),
    Umount(verbs::umount::Umount),
    Serve(verbs::serve::Serve),
    Cache(verbs::cache::Cache),
    Known(verbs::known::Known),
    Index(verbs::index::Index),
    Immutability(verbs::immutability::Immutability),
    Key(verbs::key::Key),
    Schedule(verbs::schedule::Schedule),
    Migrate(verbs::migrate::Migrate),
    Completions(verbs::completions::Completions),
    Man(verbs::man::Man),
}

impl Verb {
    /// Whether it changes what a repository holds. A plan and a dry run only read.
    pub(crate) fn writes(&self) -> bool {
        match self {
            Verb::Backup(verb) => verb.writes(),
            Verb::Restore(verb) => verb.writes(),
            Verb::Retrieve(verb) => verb.writes(),
            Verb::Repair(verb) => verb.writes(),
            Verb::Expire(verb) => verb.writes(),
            Verb::Tag(verb) => verb.writes(),
            Verb::Gc(verb) => verb.writes(),
            Verb::Copy(verb) => verb.writes(),
            Verb::Mount(verb) => verb.writes(),
            Verb::Key(verb) => verb.writes(),
            Verb::Migrate(verb) => verb.writes(),
            Verb::Init(_) | Verb::Immutability(_) => true,
            Verb::Points(_)
            | Verb::Ls(_)
            | Verb::Cat(_)
            | Verb::Find(_)
            | Verb::Diff(_)
            | Verb::History(_)
            | Verb::Stats(_)
            | Verb::Verify(_)
            | Verb::Check(_)
            | Verb::Umount(_)
            | Verb::Serve(_)
            | Verb::Cache(_)
            | Verb::Known(_)
            | Verb::Index(_)
            | Verb::Schedule(_)
            | Verb::Completions(_)
            | Verb::Man(_) => false,
        }
    }
}

/// All definitions, with those that are refused until a later release.
pub(crate) fn command() -> clap::Command {
    later::extend(Cli::command())
}

#[cfg(test)]
mod tests {
    #[test]
    fn definitions_are_consistent() {
        super::command().debug_assert();
    }
}
