//! `cairn key`: passwords and the recovery sheet. No data is touched.

use crate::connect::Connection;
use crate::context::Context;
use crate::exit::{Exit, Failure, Result};
use crate::output::table::{Side, Table};
use crate::output::{Row, human};
use crate::parse::quantity;
use crate::recovery_sheet;
use crate::settings::password::{self, Password};
use crate::settings::{Settings, keyfile};
use clap::{Args, Subcommand};
use engine::Kind;
use engine::repository::{Replaced, Repository};
use format_spec::key_slot::Cost;
use ops::keys::{
    ExportReport, KeyChangeRow, KeyListReport, KeySlotRow, RecoverySheetRow, RemovedReport, ReplacedRow,
    ResealedReport, SlotReport,
};
use ops::{Secret, durable};
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// Add, list, change and remove passwords; make and use the recovery sheet
#[derive(Debug, Args)]
pub(crate) struct Key {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// List the key slots: one for each password
    List {
        /// Also what came and went, on all machines, as far as the log reaches back; reads every entry of it
        #[arg(long)]
        history: bool,
    },
    /// Add a password; the others stay
    Add(New),
    /// Replace the password of a key slot: a new slot is made, then the old one removed
    ///
    /// The key file of the default repository is kept in step if it opened the old slot. The keys themselves stay: whoever kept a copy of the
    /// old slot and knows its password can put it back. `cairn key remove --help` says how to end that.
    Rotate {
        /// The slot, by its id or a unique prefix of it; needed only if there are several
        #[arg(value_name = "SLOT")]
        slot: Option<String>,
        #[command(flatten)]
        new: New,
    },
    /// Remove a password; never the last one, nor the one that this command was given
    ///
    /// The keys themselves stay. Whoever can write to the store, kept a copy of the slot and knows its password can put the slot back, and the
    /// password opens the repository again, with everything that was backed up since. To end that, back up into a new repository, which has new
    /// keys, and bring the old restore points over with `cairn copy --rekey --all`; docs/keys.md has the steps.
    Remove {
        /// The slot, by its id or a unique prefix of it
        #[arg(value_name = "SLOT")]
        slot: String,
    },
    /// Seal a key slot anew under the same password: new salt, today's cost of trying a password
    ///
    /// The slot is the one that the password of this command opens. The keys themselves stay, so no data is touched. A new slot is made first,
    /// then the old one removed.
    Reseal {
        /// The slot, by its id or a unique prefix of it (default: every slot that the password opens)
        #[arg(value_name = "SLOT")]
        slot: Option<String>,
        /// Memory that trying a password takes
        #[arg(long, value_name = "SIZE", default_value = "32MiB", value_parser = memory)]
        memory: u32,
        /// Passes over that memory
        #[arg(long, value_name = "N", default_value_t = Cost::DEFAULT.passes, value_parser = clap::value_parser!(u32).range(1..=64))]
        passes: u32,
    },
    /// Make a recovery sheet: the repository and the sheet alone give everything back
    Export {
        /// The keys as text to print, with a check group in every line
        #[arg(long, alias = "paper", required = true)]
        recovery_sheet: bool,
        /// Write it to a new file (mode 600) instead of stdout
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
    /// Open the repository with a recovery sheet alone, and set a new password
    Import {
        /// The sheet, or its four lines
        #[arg(long, alias = "paper", value_name = "FILE")]
        recovery_sheet: PathBuf,
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
    /// What the key slot is called (default: nothing; of a slot that takes another one's place, what that one was called)
    #[arg(long, value_name = "TEXT")]
    label: Option<String>,
}

impl Key {
    /// Whether this run changes the repository.
    pub(crate) fn writes(&self) -> bool {
        !matches!(self.action, Action::List { .. } | Action::Export { .. })
    }

    pub(crate) fn run(&self, context: &Context) -> Result<Exit> {
        match &self.action {
            Action::List { history } => list(context, &context.connect()?, *history),
            Action::Add(new) => {
                let connection = context.connect()?;
                let id = new.add(&connection.repo)?;
                tell(context, &id, None, &format!("added the key slot {id}"))
            }
            Action::Rotate { slot, new } => rotate(context, slot.as_deref(), new),
            Action::Remove { slot } => remove(context, slot),
            Action::Reseal { slot, memory, passes } => {
                let cost = Cost { memory_kib: *memory, passes: *passes, lanes: 1 };
                reseal(context, slot.as_deref(), cost)
            }
            Action::Export { recovery_sheet: _, out } => export(context, out.as_deref()),
            Action::Import { recovery_sheet, new } => import(context, recovery_sheet, new),
        }
    }
}

impl New {
    fn add(&self, repo: &Repository) -> Result<String> {
        self.add_password(repo, &self.password()?)
    }

    fn add_password(&self, repo: &Repository, password: &[u8]) -> Result<String> {
        Ok(repo.add_slot(password, self.label.as_deref().unwrap_or_default(), Cost::DEFAULT)?)
    }

    fn password(&self) -> Result<Secret> {
        match &self.new_password_file {
            Some(file) => password::read_file(file),
            None => password::ask("New password", true),
        }
    }
}

fn list(context: &Context, connection: &Connection, with_history: bool) -> Result<Exit> {
    let slots = connection.repo.slots()?;
    let damaged = slots.iter().filter(|slot| slot.damaged.is_some()).count();
    let exit = if damaged > 0 { Exit::Damaged } else { Exit::Done };
    let left = |heading| (heading, Side::Left);
    let mut table = Table::new(&[left("SLOT"), left("CREATED (UTC)"), left("COST"), left("LABEL")]);
    for slot in &slots {
        let label = slot.damaged.as_ref().map_or_else(|| slot.label.clone(), |why| format!("DAMAGED: {why}"));
        let cost =
            slot.cost.map_or_else(String::new, |cost| format!("{} MiB x {}", cost.memory_kib / 1024, cost.passes));
        table.push(vec![slot.id.clone(), human::time(slot.created), cost, human::name(label.as_bytes())]);
        context.out.row(|| Row::new("key_slot").report(&KeySlotRow::from(slot)))?;
    }
    if !context.out.json {
        table.lines().iter().try_for_each(|line| context.out.answer(|| Row::new("line"), || line.clone()))?;
    }
    if with_history {
        history(context, connection)?;
    }
    if context.out.json {
        let row = context.summary(exit).report(&KeyListReport { slots: slots.len(), slots_damaged: damaged });
        context.out.summary(row, String::new)?;
    }
    Ok(exit)
}

fn history(context: &Context, connection: &Connection) -> Result<()> {
    for event in connection.repo.key_history()? {
        let change = KeyChangeRow::from(&event);
        let row = || Row::new("key_change").report(&change);
        context.out.answer(row, || format!("{}  {}  {}", human::time(event.time), event.slot, change.change))?;
    }
    Ok(())
}

fn rotate(context: &Context, slot: Option<&str>, new: &New) -> Result<Exit> {
    let connection = context.connect()?;
    let old = match slot {
        Some(prefix) => connection.repo.slot(prefix)?.id,
        None => match &connection.repo.slots()?[..] {
            [only] => only.id.clone(),
            slots => {
                return Err(Failure::usage(format!("there are {} key slots: which one?", slots.len()))
                    .advise("`cairn key list` shows them; then `cairn key rotate SLOT`"));
            }
        },
    };
    let password = new.password()?;
    let key_file = keyfile::that_opens(&old, &connection.repo, &connection.settings)?;
    let mut follow = || match &key_file {
        None => Ok(()),
        Some(path) => keyfile::keep(path, &password).map_err(|failure| {
            engine::Error::new(Kind::Denied, failure.message).advise(
                "make the folder of the key file writable; both slots open the repository until the old one is removed",
            )
        }),
    };
    let (label, cost) = (new.label.as_deref(), Cost::DEFAULT);
    let done = connection.repo.replace_slot_after(&old, &password, label, cost, &mut follow)?;
    if let Some(path) = &key_file {
        context.out.note(&format!("the key file {} holds the new password", human::path(path)));
    }
    tell_replaced(context, &done)
}

fn remove(context: &Context, slot: &str) -> Result<Exit> {
    let connection = context.connect()?;
    let repo = &connection.repo;
    let slots = repo.slots()?;
    let id = repo.slot(slot)?.id;
    // Of the last one that works the engine says so.
    if slots.iter().any(|other| other.id != id && other.damaged.is_none()) {
        expect_other_slot(&connection, &id)?;
    }
    let removed = repo.remove_slot(&id)?;
    let row = context.summary(Exit::Done).report(&RemovedReport { removed: removed.clone() });
    context.out.summary(row, || format!("removed the key slot {removed}"))?;
    context.out.note(
        "The keys stay the same: whoever kept a copy of that slot can put it back, and its password opens the repository again.\n\
         `cairn key remove --help` says how to end that.",
    );
    Ok(Exit::Done)
}

/// Refuses to take away what the password in use, or the key file of the default repository, opens: nobody knows that another password is at hand.
fn expect_other_slot(connection: &Connection, id: &str) -> Result<()> {
    let refuse = |what: String| Failure::new(Exit::Usage, "slot_in_use", format!("{id}: {what}"));
    if connection.repo.slot_in_use().as_deref() == Some(id) {
        let described = connection.settings.password.described();
        return Err(refuse(format!("the password in use ({described}) opened this key slot")).advise(
            "give the password of a slot that stays, with --password-file: that shows that it is known; or `cairn key rotate` this one",
        ));
    }
    match keyfile::that_opens(id, &connection.repo, &connection.settings)? {
        None => Ok(()),
        Some(path) => {
            let what =
                format!("the key file {} opens it, which the default repository is opened with", human::path(&path));
            Err(refuse(what).advise("`cairn key rotate` the slot, which keeps the key file in step"))
        }
    }
}

fn reseal(context: &Context, slot: Option<&str>, cost: Cost) -> Result<Exit> {
    let settings = context.settings()?;
    // The password is needed twice: to open the repository, and to seal with.
    let password = match settings.password.read()? {
        Some(password) => password,
        None => password::ask("Password of the key slot", false)?,
    };
    let opened = context.connect_by(settings, |found, options| found.open(Some(password.as_slice()), options))?;
    if !opened.repo.slot_bounds().allow(cost) {
        return Err(Failure::usage("a slot of this cost would not be tried: it is above the bounds of --key-cost-max")
            .advise("choose less, or raise the bounds for this command and for every later one on every machine"));
    }
    let done = opened.repo.reseal_slots(&password, slot, cost)?;
    for one in &done {
        context.out.row(|| Row::new("key_slot_replaced").report(&ReplacedRow::from(one)))?;
    }
    match &done[..] {
        [only] => tell_replaced(context, only),
        several => {
            let row = context.summary(Exit::Done).report(&ResealedReport { slots: several.len() });
            context.out.summary(row, || format!("{} key slots were sealed anew", several.len()))?;
            Ok(Exit::Done)
        }
    }
}

fn tell_replaced(context: &Context, done: &Replaced) -> Result<Exit> {
    let Replaced { old, new } = done;
    tell(context, new, Some(old), &format!("the key slot {new} takes the place of {old}"))
}

/// At least what argon2id takes for one lane, at most what the format allows [KEY-2].
fn memory(text: &str) -> Result<u32, String> {
    let kib = quantity::size(text)?.div_ceil(1024);
    let wanted = || "between 8MiB and 4GiB".to_owned();
    u32::try_from(kib).ok().filter(|kib| (8_192..=4_194_304).contains(kib)).ok_or_else(wanted)
}

fn tell(context: &Context, slot: &str, removed: Option<&str>, text: &str) -> Result<Exit> {
    let row =
        context.summary(Exit::Done).report(&SlotReport { slot: slot.to_owned(), removed: removed.map(str::to_owned) });
    context.out.summary(row, || text.to_owned())?;
    Ok(Exit::Done)
}

fn export(context: &Context, out: Option<&Path>) -> Result<Exit> {
    let connection = context.connect()?;
    let key = connection.repo.recovery_sheet()?;
    let text = recovery_sheet::sheet(&key, &human::time(context.env.now()));
    match out {
        Some(path) => {
            durable::create(path, text.as_bytes()).map_err(|e| Failure::writing(&human::path(path), &e))?;
        }
        None => {
            let sheet = || {
                let (repository, location) = (key.repository.clone(), key.location.clone());
                Row::new("recovery_sheet").report(&RecoverySheetRow { repository, location, lines: key.lines.to_vec() })
            };
            context.out.answer(sheet, || text.trim_end().to_owned())?;
        }
    }
    recovery_sheet::remember(&connection.repo);
    let written = out.map(human::path);
    let row =
        context.summary(Exit::Done).report(&ExportReport { repository: key.repository.clone(), file: written.clone() });
    if context.out.json {
        context.out.summary(row, String::new)?;
    } else if let Some(file) = written {
        context.out.note(&format!("the recovery sheet is in {file}: print it, keep it elsewhere, and delete the file"));
    }
    Ok(Exit::Done)
}

fn import(context: &Context, sheet: &Path, new: &New) -> Result<Exit> {
    let settings = context.settings()?;
    let text = std::fs::read_to_string(sheet)
        .map(Zeroizing::new)
        .map_err(|e| Failure::usage(format!("{}: the recovery sheet cannot be read: {e}", human::path(sheet))))?;
    // The password of these options is not the one that opens it here, and need not be there yet.
    let settings = Settings { password: Password::Ask, ..settings };
    let opened = context.connect_by(settings, |found, options| found.open_with_paper(&text, options))?;
    let (repo, password) = (&opened.repo, new.password()?);
    let id = new.add_password(repo, &password)?;
    if let Some(done) = keyfile::keep_after_import(repo, &opened.settings, &password)? {
        context.out.note(&done);
    }
    // Who used a sheet has one.
    recovery_sheet::remember(repo);
    tell(
        context,
        &id,
        None,
        &format!("the recovery sheet opened the repository; the key slot {id} has the new password"),
    )
}
