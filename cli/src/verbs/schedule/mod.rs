//! `cairn schedule print`: what makes systemd or cron run a command regularly, printed only.
//!
//! Promises: the command was parsed before it is printed, and runs as if it was typed here: same folder, same repository. Refuses to install
//! anything, and to write a secret into what it prints.

mod cron;
mod systemd;

use crate::context::Context;
use crate::exit::{Exit, Failure, Result};
use crate::output::Row;
use crate::output::rows::{ScheduleReport, ScheduleRow};
use crate::reserved;
use crate::settings::xdg;
use clap::parser::ValueSource;
use clap::{Args, Subcommand, ValueEnum};
use std::path::PathBuf;

/// Print a systemd timer and service, and a line for cron
#[derive(Debug, Args)]
pub(crate) struct Schedule {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Print what runs a command regularly; nothing is installed
    ///
    /// For example: cairn schedule print --every daily -- backup --if-running skip /srv. The command runs in the folder that this one was
    /// called in, with the repository, config file and password file that hold now. Passwords and credentials of stores are not printed: they
    /// belong into /etc/cairn/NAME.env, as lines NAME=value.
    Print(Print),
}

#[derive(Debug, Args)]
struct Print {
    /// How often: hourly, daily, weekly, monthly, or a calendar expression of systemd such as "Mon..Fri 22:30"
    #[arg(long, value_name = "WHEN", default_value = "daily", value_parser = every)]
    every: Every,
    /// What the units are called: cairn-NAME.service and cairn-NAME.timer
    #[arg(long, value_name = "NAME", default_value = "backup", value_parser = unit_name)]
    name: String,
    /// Print only this part, to be redirected into a file
    #[arg(long, value_enum, value_name = "PART")]
    only: Option<Part>,
    /// A command of cairn with its options, without `cairn` itself
    #[arg(last = true, required = true, value_name = "COMMAND")]
    command: Vec<String>,
}

/// How often a command runs.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Every {
    Hourly,
    Daily,
    Weekly,
    Monthly,
    /// In systemd's own words.
    Calendar(String),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    /// The systemd service
    Service,
    /// The systemd timer
    Timer,
    /// The line for cron
    Cron,
}

/// What is to be run, and how.
struct Job {
    name: String,
    every: Every,
    /// The program and its arguments.
    command: Vec<String>,
    /// The folder that it runs in.
    folder: String,
    /// What is set for it.
    variables: Vec<(&'static str, String)>,
}

impl Schedule {
    pub(crate) fn run(&self, context: &Context) -> Result<Exit> {
        let Action::Print(print) = &self.action;
        let job = print.job(context)?;
        let cron = cron::line(&job);
        let parts = [
            (Part::Service, format!("/etc/systemd/system/cairn-{}.service", job.name), Some(systemd::service(&job))),
            (Part::Timer, format!("/etc/systemd/system/cairn-{}.timer", job.name), Some(systemd::timer(&job))),
            (Part::Cron, format!("/etc/cron.d/cairn-{}", job.name), cron),
        ];
        let wanted = |part: Part| print.only.is_none_or(|only| only == part);
        let mut printed = 0;
        for (part, file, text) in parts.iter().filter(|(part, ..)| wanted(*part)) {
            let Some(text) = text else {
                let why = "this calendar expression cannot be said to cron: there is no line for it";
                if print.only.is_some() {
                    return Err(Failure::usage(why).advise("use --every hourly, daily, weekly or monthly"));
                }
                context.out.note(&format!("cairn: {why}"));
                continue;
            };
            let headed = || if print.only.is_some() { text.trim_end().to_owned() } else { format!("# {file}\n{text}") };
            let row = || {
                Row::new("schedule").report(&ScheduleRow {
                    part: part.as_str(),
                    file: file.clone(),
                    text: text.clone(),
                })
            };
            context.out.answer(row, headed)?;
            printed += 1;
        }
        if context.out.json {
            context.out.summary(context.summary(Exit::Done).report(&ScheduleReport { parts: printed }), String::new)?;
        }
        if job.command.iter().any(|word| word == "backup")
            && !job.command.iter().any(|word| word.starts_with("--if-running"))
        {
            context
                .out
                .note("cairn: two runs may overlap; `backup --if-running skip` leaves the turn to the one that runs");
        }
        Ok(Exit::Done)
    }
}

impl Print {
    fn job(&self, context: &Context) -> Result<Job> {
        let wrong = |why: String| Failure::usage(format!("the command after `--`: {why}"));
        let words = std::iter::once("cairn").chain(self.command.iter().map(String::as_str));
        let matches = context.definitions().try_get_matches_from(words).map_err(|e| {
            let text = e.to_string();
            wrong(text.lines().next().unwrap_or_default().trim_start_matches("error: ").to_owned())
        })?;
        reserved::refuse(&matches)?;
        if matches.value_source("accept") == Some(ValueSource::CommandLine) {
            return Err(wrong("--accept is a person's answer after a look, and cannot be given in advance".to_owned()));
        }
        if self.command.iter().any(|word| word.chars().any(char::is_control)) {
            return Err(wrong("a control character cannot stand in a unit or in a crontab".to_owned()));
        }
        let said = |id: &str| matches.value_source(id) == Some(ValueSource::CommandLine);
        let variables = context.given().into_iter().filter(|(id, ..)| !said(id)).map(|(_, name, value)| (name, value));
        let state =
            xdg::given_state_dir().map(|dir| ("CAIRN_STATE_DIR", text(std::path::absolute(&dir).unwrap_or(dir))));
        let program = std::env::current_exe().map_or_else(|_| "/usr/bin/cairn".into(), text);
        let folder = std::env::current_dir().map_or_else(|_| "/".into(), text);
        Ok(Job {
            name: self.name.clone(),
            every: self.every.clone(),
            command: std::iter::once(program).chain(self.command.iter().cloned()).collect(),
            folder,
            variables: variables.chain(state).collect(),
        })
    }
}

impl Part {
    fn as_str(self) -> &'static str {
        match self {
            Part::Service => "service",
            Part::Timer => "timer",
            Part::Cron => "cron",
        }
    }
}

fn text(path: PathBuf) -> String {
    path.to_string_lossy().into_owned()
}

fn every(text: &str) -> Result<Every, String> {
    Ok(match text {
        "hourly" => Every::Hourly,
        "daily" => Every::Daily,
        "weekly" => Every::Weekly,
        "monthly" => Every::Monthly,
        other if other.trim().is_empty() || other.chars().any(char::is_control) => {
            return Err("write hourly, daily, weekly, monthly or a calendar expression of systemd".to_owned());
        }
        other => Every::Calendar(other.trim().to_owned()),
    })
}

/// What systemd and cron take as a part of a file's name (cron ignores files with a dot).
fn unit_name(text: &str) -> Result<String, String> {
    let good = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
    if (1..=100).contains(&text.len()) && text.bytes().all(good) {
        return Ok(text.to_owned());
    }
    Err("a name has 1 to 100 letters, digits, `-` and `_`".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_are_no_part_of_a_unit_are_refused() {
        assert_eq!(unit_name("nightly_2"), Ok("nightly_2".to_owned()));
        for text in ["", "a/b", "a.b", "a b", "ä", "@"] {
            assert!(unit_name(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn times_are_words_or_what_systemd_says() {
        assert_eq!(every("daily"), Ok(Every::Daily));
        assert_eq!(every(" Mon..Fri 22:30 "), Ok(Every::Calendar("Mon..Fri 22:30".to_owned())));
        assert!(every("").is_err() && every("daily\nUser=root").is_err());
    }
}
