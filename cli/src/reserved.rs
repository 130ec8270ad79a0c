//! What belongs to the contract but comes with a later release: known, parsed, and refused with exit 2.
//!
//! Promises: nothing in this table is ever accepted and ignored, and nobody is told "unknown option" about a word of the
//! contract. Refuses to do more: a line leaves the table when its work is there.

use crate::exit::{Failure, Result};
use clap::{Arg, ArgMatches, Command};
use std::ffi::OsString;

/// Adds the verbs of the table to the definitions, hidden from help.
pub(crate) fn extend(mut command: Command) -> Command {
    for verb in VERBS {
        command = match verb.split_once(' ') {
            Some((verb, sub)) => command.mut_subcommand(verb, |verb| verb.subcommand(whole(sub))),
            None => command.subcommand(whole(verb)),
        };
    }
    command
}

/// A verb that takes anything, as all of it is refused.
fn whole(verb: &'static str) -> Command {
    let anything = Arg::new("anything")
        .num_args(0..)
        .trailing_var_arg(true)
        .allow_hyphen_values(true)
        .value_parser(clap::value_parser!(OsString));
    Command::new(verb).about(format!("{COMES_LATER}.")).hide(true).disable_help_flag(true).arg(anything)
}

/// Refuses what the tables name.
///
/// # Errors
/// Wrong usage, with the word and that it comes later.
pub(crate) fn refuse(matches: &ArgMatches) -> Result<()> {
    let Some((verb, inside)) = matches.subcommand() else { return Ok(()) };
    let path = match inside.subcommand() {
        Some((sub, _)) => format!("{verb} {sub}"),
        None => verb.to_owned(),
    };
    if let Some(late) = VERBS.iter().find(|late| **late == verb || **late == path) {
        return Err(later(&format!("`cairn {late}`")));
    }
    Ok(())
}

fn later(what: &str) -> Failure {
    Failure { name: "comes_later", ..Failure::usage(format!("{what} {COMES_LATER}; nothing was done")) }
        .advise("leave it out, or watch the changelog")
}

const COMES_LATER: &str = "comes with a later release";

const VERBS: &[&str] =
    &["copy-job", "job", "lab", "m365", "proxy", "proxy-pool", "repository", "retrieval", "server", "session"];
