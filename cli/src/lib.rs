//! `cairn`: the one binary, thin; a library only so that its parsers can be fuzzed ([`fuzzing`]). It reads the command line, opens a repository, lets the engine work, and says what came of it.
//!
//! Promises: the contract of verbs, options, JSON keys and exit codes (`docs/cli.md`). stdout carries answers (with `--json`
//! one object a line, the last one a `summary`), stderr is for people. An option whose work is not there yet is refused, never
//! ignored. Refuses to: hold any knowledge of packs, keys or trees; that is the engine's.

mod archive;
mod cli;
mod connect;
mod context;
mod exit;
#[doc(hidden)]
pub mod fuzzing;
mod globals;
mod hooks;
mod interrupt;
mod later;
mod paper;
mod parse;
mod say;
mod settings;
mod verbs;

use clap::FromArgMatches;
use cli::Cli;
use exit::Exit;
use say::Output;
use std::process::ExitCode;

/// The whole program: reads the command line, does what it says, and tells how it ended.
pub fn main() -> ExitCode {
    let matches = match cli::command().try_get_matches() {
        Ok(matches) => matches,
        Err(e) => return wrong_usage(&e),
    };
    let cli = match later::refuse(&matches).map(|()| Cli::from_arg_matches(&matches)) {
        Ok(Ok(cli)) => cli,
        Ok(Err(e)) => return wrong_usage(&e),
        Err(failure) => {
            let json = matches.get_flag("json");
            return Output::plain(json).failed(&failure, 0.0).code();
        }
    };
    context::run(cli).code()
}

/// Help and version are answers; everything else that clap says is wrong usage.
fn wrong_usage(e: &clap::Error) -> ExitCode {
    // A closed pipe cannot be told anything.
    let _ = e.print();
    if !e.use_stderr() {
        return Exit::Done.code();
    }
    if std::env::args_os().any(|arg| arg == "--json") {
        let message = e.to_string();
        let first = message.lines().next().unwrap_or_default().trim_start_matches("error: ");
        Output::plain(true).failed_rows(&exit::Failure::usage(first), 0.0);
    }
    Exit::Usage.code()
}
