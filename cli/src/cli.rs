//! The definitions that parsing, help, completions and manual pages are all made from.

use crate::context::Context;
use crate::exit::{Exit, Result};
use crate::globals::Globals;
use crate::{exit, reserved, verbs};
use clap::{CommandFactory, Parser, Subcommand};

/// Keeps restore points: back up, look, restore, check and mount.
#[derive(Debug, Parser)]
#[command(name = "cairn", version, after_help = exit::HELP, subcommand_required = true, arg_required_else_help = true)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) globals: Globals,
    #[command(subcommand)]
    pub(crate) verb: Command,
}

/// One row per verb. `writes` says whether it changes what a repository holds; `asks` leaves the answer to the verb,
/// because a plan and a dry run only read. A verb that `reads past` can show an earlier state (`--as-of`).
macro_rules! verbs {
    ($($name:ident($verb:ty), writes $writes:ident, reads $reads:ident;)*) => {
        /// What to do.
        #[derive(Debug, Subcommand)]
        pub(crate) enum Command {
            $($name($verb),)*
        }

        impl Command {
            /// Does it.
            pub(crate) fn run(&self, context: &Context) -> Result<Exit> {
                match self {
                    $(Command::$name(verb) => verb.run(context),)*
                }
            }

            /// Whether it changes what a repository holds.
            pub(crate) fn writes(&self) -> bool {
                match self {
                    $(Command::$name(_verb) => verbs!(@writes $writes, _verb),)*
                }
            }

            /// Whether it takes `--as-of`.
            pub(crate) fn reads_the_past(&self) -> bool {
                match self {
                    $(Command::$name(_) => verbs!(@reads $reads),)*
                }
            }
        }
    };
    (@writes asks, $verb:ident) => { $verb.writes() };
    (@writes always, $verb:ident) => { true };
    (@writes never, $verb:ident) => { false };
    (@reads past) => { true };
    (@reads now) => { false };
}

verbs! {
    Init(verbs::init::Init), writes always, reads now;
    Backup(verbs::backup::Backup), writes asks, reads now;
    Points(verbs::points::Points), writes never, reads past;
    Ls(verbs::ls::Ls), writes never, reads past;
    Cat(verbs::cat::Cat), writes never, reads past;
    Find(verbs::find::Find), writes never, reads past;
    Diff(verbs::diff::Diff), writes never, reads past;
    History(verbs::history::History), writes never, reads past;
    Stats(verbs::stats::Stats), writes never, reads past;
    Restore(verbs::restore::Restore), writes asks, reads past;
    Retrieve(verbs::retrieve::Retrieve), writes asks, reads now;
    Verify(verbs::verify::Verify), writes never, reads past;
    Check(verbs::check::Check), writes never, reads past;
    Repair(verbs::repair::Repair), writes asks, reads now;
    Expire(verbs::expire::Expire), writes asks, reads now;
    Tag(verbs::tag::Tag), writes asks, reads now;
    Gc(verbs::gc::Gc), writes asks, reads now;
    Copy(verbs::copy::Copy), writes asks, reads now;
    Mount(verbs::mount::Mount), writes asks, reads past;
    Umount(verbs::umount::Umount), writes never, reads now;
    Serve(verbs::serve::Serve), writes never, reads past;
    Cache(verbs::cache::Cache), writes never, reads now;
    Known(verbs::known::Known), writes never, reads now;
    Index(verbs::index::Index), writes never, reads now;
    Immutability(verbs::immutability::Immutability), writes always, reads now;
    Key(verbs::key::Key), writes asks, reads now;
    Schedule(verbs::schedule::Schedule), writes never, reads now;
    Migrate(verbs::migrate::Migrate), writes asks, reads now;
    Completions(verbs::completions::Completions), writes never, reads now;
    Man(verbs::man::Man), writes never, reads now;
}

/// All definitions, with those that are refused until a later release.
pub(crate) fn command() -> clap::Command {
    reserved::extend(Cli::command())
}

#[cfg(test)]
mod tests {
    #[test]
    fn definitions_are_consistent() {
        super::command().debug_assert();
    }
}
