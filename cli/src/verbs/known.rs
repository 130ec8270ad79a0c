//! `cairn known`: what this machine remembers of repositories.

use crate::context::Context;
use crate::exit::{Exit, Failure, Result};
use crate::face::memory;
use crate::output::table::{Side, Table};
use crate::output::{Row, human};
use crate::settings::Repo;
use clap::{Args, Subcommand};
use format_spec::Time;
use ops::known::{Folder, Record, Row as Remembered, Trouble};
use ops::local::{ForgotReport, KnownReport, KnownRow, encryption};
use std::ffi::{OsStr, OsString};

/// Show or forget what this machine remembers of repositories
///
/// For each place the repositories that were accepted there, and how far their logs went. By that a repository that was swapped, or whose log
/// lost its newest entries, is noticed. It lies in $XDG_STATE_HOME/cairn/known, or in $CAIRN_STATE_DIR/known.
#[derive(Debug, Args)]
pub(crate) struct Known {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// List every place, and the repositories that are known there
    List,
    /// Forget a place: the next command that uses it takes what it finds there
    Forget {
        /// The repository's URL, or the place as `list` shows it
        #[arg(value_name = "URL")]
        url: OsString,
    },
}

impl Known {
    pub(crate) fn run(&self, context: &Context) -> Result<Exit> {
        let folder = memory().map_err(|trouble| unusable(&trouble))?;
        match &self.action {
            Action::List => list(context, &folder),
            Action::Forget { url } => forget(context, &folder, url),
        }
    }
}

fn list(context: &Context, folder: &Folder) -> Result<Exit> {
    let left = |heading| (heading, Side::Left);
    let mut table = Table::new(&[
        left("REPOSITORY"),
        left("ENCRYPTION"),
        ("ENTRY", Side::Right),
        left("SEEN (UTC)"),
        left("PLACE"),
    ]);
    let (mut exit, mut rows) = (Exit::Done, 0);
    for record in folder.list().map_err(|trouble| unusable(&trouble))? {
        match record {
            Ok(record) => {
                rows += record.rows.len();
                record
                    .rows
                    .iter()
                    .try_for_each(|row| context.out.row(|| Row::new("known").report(&KnownRow::of(&record, row))))?;
                record.rows.iter().for_each(|row| table.push(line(&record, row)));
            }
            Err(trouble) => {
                context.out.warning(b"", &human::trouble(&trouble));
                exit = Exit::Warnings;
            }
        }
    }
    if !context.out.json && rows > 0 {
        table.lines().iter().try_for_each(|line| context.out.answer(|| Row::new("line"), || line.clone()))?;
    }
    let summary = context.summary(exit).report(&KnownReport { repositories: rows });
    context.out.summary(summary, || match rows {
        0 => "nothing is remembered".to_owned(),
        rows => format!("{} repositories are remembered", human::count(rows as u64)),
    })?;
    Ok(exit)
}

fn line(record: &Record, row: &Remembered) -> Vec<String> {
    vec![
        row.id.to_string(),
        encryption(row).to_owned(),
        row.position.to_string(),
        row.seconds.map_or_else(|| "-".to_owned(), |seconds| human::time(time(seconds))),
        record.location.clone(),
    ]
}

fn time(seconds: i64) -> Time {
    Time { seconds, nanos: 0 }
}

fn forget(context: &Context, folder: &Folder, url: &OsStr) -> Result<Exit> {
    let places = candidates(context, url)?;
    for place in &places {
        if folder.forget(place).map_err(|trouble| unusable(&trouble))? {
            let row = context.summary(Exit::Done).report(&ForgotReport { place: place.clone(), forgot: true });
            context.out.summary(row, || format!("forgot {place}"))?;
            return Ok(Exit::Done);
        }
    }
    let name = human::name(url.as_encoded_bytes());
    Err(Failure::new(Exit::Failed, "absent", format!("{name}: nothing is remembered of this place"))
        .advise("`cairn known list` shows the places; write one as it stands there"))
}

/// What the word may mean: a place as `list` shows it, or a URL under the settings of this run.
fn candidates(context: &Context, url: &OsStr) -> Result<Vec<String>> {
    let mut places: Vec<String> = url.to_str().map(str::to_owned).into_iter().collect();
    let mut settings = context.settings()?;
    settings.repo = Repo::Given(url.to_owned());
    // These settings may be those of another kind of store: then only the place as it is listed can be meant.
    places.extend(settings.of_store().and_then(|store| Ok(store.explicit()?)));
    Ok(places)
}

fn unusable(trouble: &Trouble) -> Failure {
    Failure::new(Exit::Failed, "cannot_use_state", human::trouble(trouble))
        .advise("look at the folder; CAIRN_STATE_DIR names another one")
}
