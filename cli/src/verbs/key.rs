//! `cairn key`: passwords and the recovery sheet. No data is touched.

use crate::connect::{Connection, open_store};
use crate::context::Context;
use crate::exit::{Exit, Failure, Result};
use crate::paper;
use crate::say::table::{Side, Table};
use crate::say::{Row, human};
use crate::settings::password;
use clap::{Args, Subcommand};
use engine::repository::{Repository, SlotInfo};
use format_spec::key_slot::Cost;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// Add, list, change and remove passwords; make and use the recovery sheet
#[derive(Debug, Args)]
pub(crate) struct Key {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// List the key slots: one for each password
    List,
    /// Add a password; the others stay
    Add(New),
    /// Replace the password of a key slot: a new slot is made, then the old one removed
    Rotate {
        /// The slot, by its id or a unique prefix of it; needed only if there are several
        #[arg(value_name = "SLOT")]
        slot: Option<String>,
        #[command(flatten)]
        new: New,
    },
    /// Remove a password; never the last one
    Remove {
        /// The slot, by its id or a unique prefix of it
        #[arg(value_name = "SLOT")]
        slot: String,
    },
    /// Make a recovery sheet: the repository and the sheet alone give everything back
    Export {
        /// The keys as text to print, with a check group in every line
        #[arg(long, required = true)]
        paper: bool,
        /// Write it to a new file (mode 600) instead of stdout
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
    /// Open the repository with a recovery sheet alone, and set a new password
    Import {
        /// The sheet, or its four lines
        #[arg(long, value_name = "FILE")]
        paper: PathBuf,
        #[command(flatten)]
        new: New,
    },
}

/// A new password.
#[derive(Debug, Args)]
struct New {
    /// Read the new password from a file; else a prompt asks
    #[arg(long, value_name = "FILE")]
    new_password_file: Option<PathBuf>,
    /// What the key slot is called
    #[arg(long, value_name = "TEXT", default_value = "")]
    label: String,
}

impl Key {
    pub(crate) fn run(&self, context: &Context) -> Result<Exit> {
        match &self.action {
            Action::List => list(context, &context.connect()?),
            Action::Add(new) => {
                let connection = context.connect()?;
                let id = new.add(&connection.repo)?;
                tell(context, &id, None, &format!("added the key slot {id}"))
            }
            Action::Rotate { slot, new } => rotate(context, slot.as_deref(), new),
            Action::Remove { slot } => {
                let removed = context.connect()?.repo.remove_slot(slot)?;
                let row = context.summary(Exit::Done).set("removed", removed.as_str());
                context.out.summary(row, || format!("removed the key slot {removed}"))?;
                Ok(Exit::Done)
            }
            Action::Export { paper: _, out } => export(context, out.as_deref()),
            Action::Import { paper, new } => import(context, paper, new),
        }
    }
}

impl New {
    fn add(&self, repo: &Repository) -> Result<String> {
        let password = match &self.new_password_file {
            Some(file) => password::read_file(file)?,
            None => password::ask("New password", true)?,
        };
        Ok(repo.add_slot(&password, &self.label, Cost::DEFAULT)?)
    }
}

fn list(context: &Context, connection: &Connection) -> Result<Exit> {
    let slots = connection.repo.slots()?;
    let damaged = slots.iter().filter(|slot| slot.damaged.is_some()).count();
    let exit = if damaged > 0 { Exit::Damaged } else { Exit::Done };
    let left = |heading| (heading, Side::Left);
    let mut table = Table::new(&[left("SLOT"), left("CREATED (UTC)"), left("LABEL")]);
    for slot in &slots {
        let label = slot.damaged.as_ref().map_or_else(|| slot.label.clone(), |why| format!("DAMAGED: {why}"));
        table.push(vec![slot.id.clone(), human::time(slot.created), human::name(label.as_bytes())]);
        context.out.row(|| row(slot))?;
    }
    if context.out.json {
        let row = context.summary(exit).set("slots", slots.len()).set("slots_damaged", damaged);
        context.out.summary(row, String::new)?;
    } else {
        table.lines().iter().try_for_each(|line| context.out.answer(|| Row::new("line"), || line.clone()))?;
    }
    Ok(exit)
}

fn row(slot: &SlotInfo) -> Row {
    Row::new("key_slot")
        .set("id", slot.id.as_str())
        .set("label", slot.label.as_str())
        .set("created", human::time_exact(slot.created))
        .set("damaged", slot.damaged.clone())
}

fn rotate(context: &Context, slot: Option<&str>, new: &New) -> Result<Exit> {
    let connection = context.connect()?;
    let slots = connection.repo.slots()?;
    let old = match (slot, &slots[..]) {
        (None, [only]) => only.id.clone(),
        (None, _) => {
            return Err(Failure::usage(format!("there are {} key slots: which one?", slots.len()))
                .advise("`cairn key list` shows them; then `cairn key rotate SLOT`"));
        }
        (Some(prefix), _) => {
            let mut matching = slots.iter().filter(|slot| slot.id.starts_with(prefix));
            match (matching.next(), matching.next()) {
                (Some(slot), None) => slot.id.clone(),
                _ => {
                    return Err(Failure::usage(format!("{prefix:?} is the beginning of no slot, or of several"))
                        .advise("`cairn key list` shows them"));
                }
            }
        }
    };
    let id = new.add(&connection.repo)?;
    connection.repo.remove_slot(&old)?;
    tell(context, &id, Some(&old), &format!("the key slot {id} takes the place of {old}"))
}

fn tell(context: &Context, slot: &str, removed: Option<&str>, text: &str) -> Result<Exit> {
    let row = context.summary(Exit::Done).set("slot", slot).set("removed", removed);
    context.out.summary(row, || text.to_owned())?;
    Ok(Exit::Done)
}

fn export(context: &Context, out: Option<&Path>) -> Result<Exit> {
    let connection = context.connect()?;
    let key = connection.repo.paper()?;
    let text = paper::sheet(&key, &human::time(context.env.now()));
    match out {
        Some(path) => write_new(path, &text).map_err(|e| Failure::writing(&path.display().to_string(), &e))?,
        None => {
            let lines = key.lines.clone();
            let sheet = || {
                Row::new("recovery_sheet")
                    .set("repository", key.repository.as_str())
                    .set("location", key.location.as_str())
                    .set("lines", lines)
            };
            context.out.answer(sheet, || text.trim_end().to_owned())?;
        }
    }
    paper::remember(&connection.repo);
    let written = out.map(|path| path.display().to_string());
    let row = context.summary(Exit::Done).set("repository", key.repository.as_str()).set("file", written.clone());
    if context.out.json {
        context.out.summary(row, String::new)?;
    } else if let Some(file) = written {
        context.out.note(&format!("the recovery sheet is in {file}: print it, keep it elsewhere, and delete the file"));
    }
    Ok(Exit::Done)
}

fn write_new(path: &Path, text: &str) -> std::io::Result<()> {
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

fn import(context: &Context, sheet: &Path, new: &New) -> Result<Exit> {
    let settings = context.settings()?;
    let text = std::fs::read_to_string(sheet)
        .map_err(|e| Failure::usage(format!("{}: the recovery sheet cannot be read: {e}", sheet.display())))?;
    let place = open_store(&settings, false)?;
    let repo = Repository::open_with_paper(place.store, &text, &context.open_options(&settings))?;
    let id = new.add(&repo)?;
    // Who used a sheet has one.
    paper::remember(&repo);
    tell(
        context,
        &id,
        None,
        &format!("the recovery sheet opened the repository; the key slot {id} has the new password"),
    )
}
