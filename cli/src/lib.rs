//! `cairn`: the one binary, thin; a library only so that its parsers can be fuzzed ([`fuzzing`]) and its output held against its types ([`contract`]). It turns the command line
//! into requests, lets `ops` and the engine work, and says what came of it.
//!
//! Promises: the contract of verbs, options, JSON keys and exit codes (`docs/cli.md`). stdout carries answers (with `--json`
//! one object a line, the last one a `summary`), stderr is for people. An option whose work is not there yet is refused, never
//! ignored. Refuses to: hold any knowledge of packs, keys or trees, which is the engine's, and the policies of opening, creating,
//! backing up, copying and retrieving, which are those of `ops`.

mod archive;
mod cli;
mod clock;
mod connect;
mod context;
#[doc(hidden)]
pub mod contract;
mod dispatch;
mod exit;
mod face;
#[doc(hidden)]
pub mod fuzzing;
mod globals;
mod hooks;
mod interrupt;
mod old_order;
mod output;
mod parse;
mod recovery_sheet;
mod reserved;
mod settings;
mod terminal;
mod verbs;

use clap::{ArgMatches, FromArgMatches};
use cli::Cli;
use exit::Exit;
use output::Output;
use std::ffi::OsString;
use std::process::ExitCode;
use verbs::mount::helper;

/// The whole program: reads the command line, does what it says, and tells how it ended.
pub fn main() -> ExitCode {
    let args: Vec<OsString> = std::env::args_os().collect();
    if helper::is_called(args.first()) {
        return mount_helper(args);
    }
    match parse(args) {
        Ok((cli, args)) => dispatch::run(cli, args).code(),
        Err(exit) => exit.code(),
    }
}

/// The command line, and its words as they were taken; unless it was answered with help or a refusal.
fn parse(args: Vec<OsString>) -> Result<(Cli, Vec<OsString>), Exit> {
    let (matches, args) = matches(args).map_err(|e| wrong_usage(&e))?;
    match reserved::refuse(&matches).map(|()| Cli::from_arg_matches(&matches)) {
        Ok(Ok(cli)) => Ok((cli, args)),
        Ok(Err(e)) => Err(wrong_usage(&e)),
        Err(failure) => {
            let json = matches.get_flag("json");
            Err(Output::plain(json).failed(&failure, 0.0))
        }
    }
}

/// What the words mean, also in the order of earlier releases: then that is said.
fn matches(args: Vec<OsString>) -> Result<(ArgMatches, Vec<OsString>), clap::Error> {
    let command = cli::command();
    let refused = match command.clone().try_get_matches_from(&args) {
        Ok(matches) => return Ok((matches, args)),
        Err(refused) => refused,
    };
    let Some(ordered) = old_order::in_order_of_now(&args).filter(|_| refused.use_stderr()) else { return Err(refused) };
    let matches = command.try_get_matches_from(&ordered)?;
    if !matches.get_flag("quiet") {
        output::to_stderr(&old_order::note(&ordered));
    }
    Ok((matches, ordered))
}

/// Called as `mount.cairn`, by mount(8): with its arguments, and with its exit codes.
fn mount_helper(args: Vec<OsString>) -> ExitCode {
    let out = Output::plain(false);
    let request = match helper::translate(args.into_iter().skip(1), &cli::command()) {
        Ok(request) => request,
        Err(failure) => {
            out.failed(&failure, 0.0);
            return helper::WRONG_USAGE.into();
        }
    };
    request.notes.iter().for_each(|note| out.note(&format!("cairn: {note}")));
    match parse(request.args) {
        Ok((cli, args)) => helper::exit_code(dispatch::run(cli, args)).into(),
        Err(_) => helper::WRONG_USAGE.into(),
    }
}

/// Help and version are answers; everything else that clap says is wrong usage.
fn wrong_usage(e: &clap::Error) -> Exit {
    if !e.use_stderr() {
        // A closed pipe cannot be told anything.
        let _ = e.print();
        return Exit::Done;
    }
    // It repeats what was typed.
    output::to_stderr(e.render().to_string().trim_end_matches('\n'));
    if std::env::args_os().any(|arg| arg == "--json") {
        let message = e.to_string();
        let first = message.lines().next().unwrap_or_default().trim_start_matches("error: ");
        Output::plain(true).failed_rows(&exit::Failure::usage(first), 0.0);
    }
    Exit::Usage
}
