//! What belongs to the contract but comes with a later release: known, parsed, and refused with exit 2.
//!
//! Promises: nothing in these tables is ever accepted and ignored, and nobody is told "unknown option" about a word of the
//! contract. Refuses to do more: a line leaves a table when its work is there.

use crate::exit::{Failure, Result};
use clap::{Arg, ArgAction, ArgMatches, Command};
use std::ffi::OsString;

/// An option of a verb (of all, if the verb is empty) that is not there yet.
#[derive(Debug, Clone, Copy)]
struct Late {
    verb: &'static str,
    long: &'static str,
    takes: Takes,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Takes {
    Value,
    /// An option that is there, with a value that is not.
    Just(&'static str),
}

/// Adds the options and verbs of the tables to the definitions, hidden from help.
pub(crate) fn extend(mut command: Command) -> Command {
    for option in OPTIONS.iter().filter(|option| !matches!(option.takes, Takes::Just(_))) {
        let arg = Arg::new(option.long).long(option.long).hide(true);
        let arg = arg.action(ArgAction::Set).value_name("VALUE").value_parser(clap::value_parser!(OsString));
        command = match option.verb {
            "" => command.arg(arg.global(true)),
            verb => command.mut_subcommand(verb, |verb| verb.arg(arg)),
        };
    }
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
    for option in OPTIONS.iter().filter(|option| option.verb.is_empty() || option.verb == verb) {
        let given = match option.takes {
            Takes::Value => inside.contains_id(option.long),
            Takes::Just(value) => {
                let raw = inside.get_raw(option.long).into_iter().flatten();
                raw.into_iter().any(|given| given == value)
            }
        };
        match option.takes {
            _ if !given => {}
            Takes::Just(value) => return Err(later(&format!("`cairn {verb} --{} {value}`", option.long))),
            _ if option.verb.is_empty() => return Err(later(&format!("the option `--{}`", option.long))),
            _ => return Err(later(&format!("`cairn {verb} --{}`", option.long))),
        }
    }
    Ok(())
}

fn later(what: &str) -> Failure {
    Failure { name: "comes_later", ..Failure::usage(format!("{what} {COMES_LATER}; nothing was done")) }
        .advise("leave it out, or watch the changelog")
}

const COMES_LATER: &str = "comes with a later release";

const fn value(verb: &'static str, long: &'static str) -> Late {
    Late { verb, long, takes: Takes::Value }
}

const OPTIONS: &[Late] =
    &[value("init", "storage-class"), Late { verb: "mount", long: "archived", takes: Takes::Just("thaw") }];

const VERBS: &[&str] =
    &["copy-job", "job", "lab", "m365", "proxy", "proxy-pool", "repository", "retrieval", "server", "session"];
