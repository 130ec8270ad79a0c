//! `cairn init`: create a repository, after the store has shown what it really does.

use super::locked::in_words;
use crate::context::Context;
use crate::exit::{Exit, Failure, Result};
use crate::face::memory;
use crate::output::human;
use crate::parse::period;
use crate::parse::quantity;
use crate::settings::password::{self, Password};
use crate::settings::{Settings, keyfile};
use clap::{Args, ValueEnum};
use engine::immutability::Cover;
use engine::repository::Repository;
use engine::store::{Mode, StorageClass};
use format_spec::config::RetentionKind;
use format_spec::period::Period;
use ops::create::{CreateReport, CreateRequest, ENDPOINTS, FirstKey, LockRequest};
use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;

/// Create a repository
///
/// Tries out what the store really does (creates with one winner, ranged reads, listings), writes down what was proven, and
/// refuses a store that lacks what is needed; locks are tried out where --immutable asks for them. Without --repo, the default repository is created, with a generated key file.
#[derive(Debug, Args)]
pub(crate) struct Init {
    /// What the repository is for
    #[arg(long, value_enum, default_value_t = Class::Backup)]
    class: Class,
    /// Share the dedup key, and the way of cutting, of the repository that will be copied from: what `cairn copy` needs
    #[arg(long, value_name = "REPO", conflicts_with = "keys_from")]
    from: Option<OsString>,
    /// The same for another repository of backups: several of one dedup key can be copied into one place
    #[arg(long, value_name = "REPO")]
    keys_from: Option<OsString>,
    /// The password of that other repository, if it is another one
    #[arg(long, value_name = "FILE")]
    from_password_file: Option<PathBuf>,
    /// Where data packs rest, as the store names it (STANDARD_IA, GLACIER, DEEP_ARCHIVE, Archive ...); all else stays readable
    #[arg(long, value_name = "CLASS", value_parser = storage_class)]
    storage_class: Option<StorageClass>,
    /// Parity of packs in percent of their length, up to 50%: heals packs whose bytes rot, for stores on a single disk
    #[arg(long, value_name = "P%", value_parser = quantity::percent)]
    parity: Option<u8>,
    /// Encrypt nothing: everybody who can read the store can read everything
    #[arg(long)]
    no_encryption: bool,
    /// What the first key slot is called
    #[arg(long, value_name = "TEXT", default_value = "first password", conflicts_with = "no_encryption")]
    label: String,
    /// What leaves: whole restore points by their time, or items by their own modification time
    #[arg(
        long,
        value_enum,
        value_name = "TYPE",
        help = "What leaves: whole restore points by their time, or items by their own modification time [default: snapshot, or that of --from]"
    )]
    retention_type: Option<RetentionType>,
    /// How long things are kept: 30d, 2w, 6m, 3y, forever; `cairn expire` lets the rest go
    #[arg(long, value_name = "PERIOD", value_parser = period::period, default_value = "forever")]
    keep: Period,
    /// Let a group use the repository's folder: it gets the set-gid bit, and all in it the rights that the group has on it
    ///
    /// The group is the folder's own: make the folder first and give it to a group with chgrp to choose another than yours. A folder that has
    /// the set-gid bit already is shared without this option.
    #[arg(long, value_enum, value_name = "WITH")]
    shared: Option<Shared>,
    /// Lock every object in the store: nobody can delete it before its time (compliance), or only somebody with a special permission (governance)
    #[arg(long, value_enum, value_name = "MODE")]
    immutable: Option<LockMode>,
    /// Lock for so many days after the last use, and 10 to 31 days more so that not every backup extends all locks, not for the whole of --keep; can only be raised later
    #[arg(long, value_name = "DAYS", requires = "immutable")]
    immutable_days: Option<u32>,
}

/// Who may use a repository besides its owner.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Shared {
    /// The folder's group
    Group,
}

/// Who may lift a lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum LockMode {
    /// Nobody
    Compliance,
    /// Somebody with a special permission
    Governance,
}

/// What a period is held against.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum RetentionType {
    /// A restore point leaves when it falls out of the period
    Snapshot,
    /// An item leaves every restore point when it was last modified before the period, and is not stored when it was already
    Item,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Class {
    /// Restore points as they are made, packs of at most 5 MB
    Backup,
    /// Backup copies that `cairn copy` makes, packs of at most 256 MB
    Copy,
}

impl RetentionType {
    fn of_config(self) -> RetentionKind {
        match self {
            RetentionType::Snapshot => RetentionKind::Snapshot,
            RetentionType::Item => RetentionKind::Item,
        }
    }
}

impl LockMode {
    fn of_store(self) -> Mode {
        match self {
            LockMode::Compliance => Mode::Compliance,
            LockMode::Governance => Mode::Governance,
        }
    }
}

impl Class {
    fn of_config(self) -> format_spec::config::Class {
        match self {
            Class::Backup => format_spec::config::Class::Backup,
            Class::Copy => format_spec::config::Class::Copy,
        }
    }
}

impl Init {
    pub(crate) fn run(&self, context: &Context) -> Result<Exit> {
        let settings = context.settings()?;
        let like = self.like(context)?;
        let endpoint = environments_endpoint();
        let request = CreateRequest {
            class: self.class.of_config(),
            encrypted: !self.no_encryption,
            label: &self.label,
            retention_kind: self.retention_type.map(RetentionType::of_config),
            keep: self.keep,
            lock: self.immutable.map(|mode| LockRequest {
                mode: mode.of_store(),
                cover: self.immutable_days.map_or(Cover::WholePeriod, Cover::Days),
                endpoint: endpoint.as_deref(),
            }),
            parity_percent: self.parity.unwrap_or(0),
            like: like.as_deref(),
            storage_class: self.storage_class,
            shared: self.shared.is_some(),
        };
        let created = create(context, &settings, &request)?;
        let row = context.summary(Exit::Done).report(&created);
        let (id, location) = (created.repository, &created.location);
        context.out.summary(row, || format!("created the repository {id} at {location}"))?;
        match (&created.key_file, self.no_encryption) {
            (Some(path), _) => context.out.note(&only_key(&human::path(path))),
            (None, false) => context.out.note(
                "The password is the only key: a recovery sheet, `cairn key export --recovery-sheet`, is a second one.",
            ),
            (None, true) => context.out.note("Nothing is encrypted: whoever can read the store can read everything."),
        }
        if let Some(policy) = &created.policy {
            context.out.note(&in_words(policy)?);
        }
        if self.class == Class::Copy && like.is_none() {
            context.out.note("It has a dedup key of its own: only `cairn copy --rekey`, which reads and cuts everything anew, can copy into it.");
        }
        Ok(Exit::Done)
    }

    /// The repository whose dedup key is shared.
    fn like(&self, context: &Context) -> Result<Option<Arc<Repository>>> {
        if self.from.is_some() && self.class != Class::Copy {
            return Err(Failure::usage("--from names what will be copied from: it goes with --class copy")
                .advise("write --keys-from to share the dedup key with a repository of backups"));
        }
        let Some(repo) = self.from.as_ref().or(self.keys_from.as_ref()) else { return Ok(None) };
        Ok(Some(context.open_other_readonly(repo, self.from_password_file.as_deref())?.repo))
    }
}

/// A storage class, for clap; the error lists them all.
fn storage_class(text: &str) -> std::result::Result<StorageClass, String> {
    StorageClass::parse(text).map_err(|e| match e.advice() {
        Some(advice) => format!("{e}; {advice}"),
        None => e.to_string(),
    })
}

/// The endpoint of S3 that the environment names.
fn environments_endpoint() -> Option<String> {
    let names = ENDPOINTS.iter().filter(|name| name.starts_with("aws_"));
    names.map(|name| name.to_ascii_uppercase()).find_map(|name| std::env::var(name).ok())
}

/// Creates the repository that the settings name, with a password of theirs.
///
/// # Errors
/// `Exists`, `Unsupported` for a store that lacks something, and the store's.
pub(crate) fn create(context: &Context, settings: &Settings, request: &CreateRequest<'_>) -> Result<CreateReport> {
    if !request.encrypted && settings.password.is_given() {
        let what = format!("a password is given ({}), and --no-encryption needs none", settings.password.described());
        return Err(Failure::usage(what).advise("leave one of the two out"));
    }
    if !request.encrypted && matches!(settings.password, Password::Common(_)) {
        context.out.note(&format!("Not used, as nothing is encrypted: {}.", settings.password.described()));
    }
    let probing = |what: &str| context.out.probing(what);
    let password = || first_key(context, &settings.password);
    let (store, machine) = (settings.of_store()?, (&context.env, &memory()));
    Ok(ops::create::create(&store, request, machine, context, &probing, password)?)
}

/// The first password of a repository: as the settings name it, or generated into the key file of the default one.
///
/// # Errors
/// When it cannot be read or written, and nobody can be asked.
pub(crate) fn first_key(context: &Context, source: &Password) -> Result<FirstKey> {
    if let Password::KeyFile(path) = source {
        return Ok(FirstKey { secret: keyfile::create(path, &context.env)?, file: Some(path.clone()) });
    }
    let secret = match source.read()? {
        Some(password) => password,
        None => password::ask("Password of the new repository", true)?,
    };
    Ok(FirstKey { secret, file: None })
}

/// Where the only key lies.
pub(crate) fn only_key(place: &str) -> String {
    format!(
        "The only key is {place}: without it nothing can be restored.\n\
         Make a recovery sheet now and keep it elsewhere: cairn key export --recovery-sheet"
    )
}
