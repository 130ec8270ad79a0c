//! `cairn init`: create a repository, after the store has shown what it really does.

use super::locked::in_words;
use crate::connect::{CHECKSUM_ENFORCED, Place, expect_folder, location, open_store, share_store};
use crate::context::Context;
use crate::exit::{Exit, Failure, Result};
use crate::parse::period;
use crate::parse::quantity;
use crate::say::human;
use crate::settings::password::{self, Password, Secret};
use crate::settings::{Settings, keyfile};
use clap::{Args, ValueEnum};
use engine::Kind;
use engine::immutability::{Cover, Policy, Provider, Wish};
use engine::repository::{Found, NewRepository, Repository};
use engine::store::{Location, Mode, ObjectName, Probed, StorageClass, StoreExt, probe, probe_class, probe_lock};
use format_spec::RepositoryId;
use format_spec::config::{Retention, RetentionKind};
use format_spec::container::Suite;
use format_spec::key_slot::Cost;
use format_spec::period::Period;
use std::ffi::OsString;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::sync::Arc;
use zeroize::Zeroize;

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

impl Class {
    fn of_config(self) -> format_spec::config::Class {
        match self {
            Class::Backup => format_spec::config::Class::Backup,
            Class::Copy => format_spec::config::Class::Copy,
        }
    }
}

/// What a new repository shall be.
pub(crate) struct New<'a> {
    pub(crate) class: format_spec::config::Class,
    pub(crate) encrypted: bool,
    /// What the first key slot is called.
    pub(crate) label: &'a str,
    pub(crate) retention: Retention,
    pub(crate) policy: Option<Policy>,
    pub(crate) parity_percent: u8,
    /// Shares its dedup key and its way of cutting.
    pub(crate) like: Option<&'a Repository>,
    /// Where its data packs rest.
    pub(crate) storage_class: Option<StorageClass>,
    /// Whether its folder's group shares it.
    pub(crate) shared: bool,
}

/// A repository that was just made.
pub(crate) struct Created {
    pub(crate) id: RepositoryId,
    pub(crate) place: Place,
    pub(crate) probed: Probed,
    /// The key file, if one was generated or used.
    pub(crate) key_file: Option<PathBuf>,
}

impl Init {
    pub(crate) fn run(&self, context: &Context) -> Result<Exit> {
        let settings = context.settings()?;
        let like = self.like(context)?;
        let retention = self.retention(like.as_ref())?;
        let policy = self.policy(&settings, retention)?;
        let (class, parity_percent) = (self.class.of_config(), self.parity.unwrap_or(0));
        let (encrypted, label, like) = (!self.no_encryption, &*self.label, like.as_deref());
        let (storage_class, shared) = (self.storage_class, self.shared.is_some());
        let new = New { class, encrypted, label, retention, policy, parity_percent, like, storage_class, shared };
        let created = create(context, &settings, &new)?;
        let locked = policy.map(|policy| policy.days_locked()).transpose()?;
        let (probed, location) = (&created.probed, created.place.store.location());
        let proven = serde_json::json!({
            "create_is_atomic": probed.create_is_atomic,
            "ranges": probed.ranges,
            "listing_complete": probed.listing_complete,
            "delete": probed.delete,
            "checksum_enforced": probed.checksum_enforced,
            "versioned": probed.versioned,
            "observed": probed.observed,
        });
        let row = context
            .summary(Exit::Done)
            .set("repository", created.id.to_string())
            .set("location", location.as_str())
            .set("class", class.as_str())
            .set("storage_class", storage_class.map(StorageClass::as_str))
            .set("keys_from", like.map(|like| like.id().to_string()))
            .set("encrypted", !self.no_encryption)
            .set("parity_percent", parity_percent)
            .set("retention_type", super::expire::word(retention.kind))
            .set("keep", retention.period.to_string())
            .set("immutable", policy.map(|p| p.wish().mode.as_str()))
            .set("immutable_days", policy.and_then(|p| p.field().days).map(NonZeroU32::get))
            .set("locked_days_least", locked.map(|(least, _)| least))
            .set("locked_days_most", locked.map(|(_, most)| most))
            .set("key_file", created.key_file.as_ref().map(|path| path.display().to_string()))
            .set("probed", proven)
            .requests(&created.place.counts);
        context.out.summary(row, || format!("created the repository {} at {location}", created.id))?;
        match (&created.key_file, self.no_encryption) {
            (Some(path), _) => context.out.note(&only_key(&human::path(path))),
            (None, false) => context
                .out
                .note("The password is the only key: a recovery sheet, `cairn key export --paper`, is a second one."),
            (None, true) => context.out.note("Nothing is encrypted: whoever can read the store can read everything."),
        }
        if let Some(policy) = policy {
            context.out.note(&in_words(&policy)?);
        }
        if self.class == Class::Copy && like.is_none() {
            context.out.note("It has a dedup key of its own: only `cairn copy --rekey`, which reads and cuts everything anew, can copy into it.");
        }
        Ok(Exit::Done)
    }

    /// The repository whose dedup key is shared.
    fn like(&self, context: &Context) -> Result<Option<std::sync::Arc<Repository>>> {
        if self.from.is_some() && self.class != Class::Copy {
            return Err(Failure::usage("--from names what will be copied from: it goes with --class copy")
                .advise("write --keys-from to share the dedup key with a repository of backups"));
        }
        let Some(repo) = self.from.as_ref().or(self.keys_from.as_ref()) else { return Ok(None) };
        let like = context.connect_to_copy(repo, self.from_password_file.as_deref())?.repo;
        if self.no_encryption && like.vault().secrets.master.is_some() {
            return Err(Failure::usage(
                "without encryption the dedup key of the other repository would lie open in this one",
            )
            .advise("leave --no-encryption out"));
        }
        Ok(Some(like))
    }

    fn retention(&self, like: Option<&std::sync::Arc<Repository>>) -> Result<Retention> {
        let kind = match (self.retention_type, like) {
            (Some(RetentionType::Snapshot), _) | (None, None) => RetentionKind::Snapshot,
            (Some(RetentionType::Item), _) => RetentionKind::Item,
            // A copy must have its source's type.
            (None, Some(like)) => like.config().retention.kind,
        };
        if kind == RetentionKind::Item && self.keep.is_for_ever() {
            return Err(Failure::usage("items that are kept for ever never leave").advise("say how long: --keep 3y"));
        }
        Ok(Retention { kind, period: self.keep })
    }
}

impl Init {
    /// What is locked, and for how long: refused where it makes no sense together, before anything is asked of the store.
    fn policy(&self, settings: &Settings, retention: Retention) -> Result<Option<Policy>> {
        let Some(mode) = self.immutable else { return Ok(None) };
        let mode = match mode {
            LockMode::Compliance => Mode::Compliance,
            LockMode::Governance => Mode::Governance,
        };
        let wish = Wish {
            class: self.class.of_config(),
            retention_kind: retention.kind,
            period: Some(retention.period),
            mode,
            cover: self.immutable_days.map_or(Cover::WholePeriod, Cover::Days),
            generation_days: provider(settings)?.generation_days(),
        };
        Ok(Some(Policy::new(wish)?))
    }
}

/// A storage class, for clap; the error lists them all.
fn storage_class(text: &str) -> std::result::Result<StorageClass, String> {
    StorageClass::parse(text).map_err(|e| match e.advice() {
        Some(advice) => format!("{e}; {advice}"),
        None => e.to_string(),
    })
}

/// Whose storage it is: by the endpoint, as the store's settings and the environment name it.
fn provider(settings: &Settings) -> Result<Provider> {
    if !matches!(location(settings)?, Location::S3 { .. }) {
        return Ok(Provider::Other);
    }
    let names = ["aws_endpoint", "aws_endpoint_url", "endpoint", "endpoint_url"];
    let given =
        |name: &str| settings.store.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, v)| v.clone());
    let of_environment = |name: &str| std::env::var(name.to_ascii_uppercase()).ok();
    let endpoint = names.iter().find_map(|n| given(n)).or_else(|| names[..2].iter().find_map(|n| of_environment(n)));
    Ok(Provider::of_s3(endpoint.as_deref()))
}

/// Creates the repository that the settings name.
///
/// # Errors
/// `Exists`, `Unsupported` for a store that lacks something, and the store's.
pub(crate) fn create(context: &Context, settings: &Settings, wanted: &New<'_>) -> Result<Created> {
    if !wanted.encrypted && settings.password.is_given() {
        let what = format!("a password is given ({}), and --no-encryption needs none", settings.password.described());
        return Err(Failure::usage(what).advise("leave one of the two out"));
    }
    if !wanted.encrypted && matches!(settings.password, Password::Common(_)) {
        context.out.note(&format!("Not used, as nothing is encrypted: {}.", settings.password.described()));
    }
    if wanted.shared {
        expect_folder(settings)?;
    }
    let mut place = open_store(settings, true)?;
    refuse_existing(&place)?;
    if wanted.shared {
        place = share_store(settings)?;
    }
    let (password, key_file) = match wanted.encrypted {
        true => new_password(context, &settings.password)?,
        false => (None, None),
    };
    let tell = |what: &str| context.out.probing(what);
    let probed = probe(&*place.store, &*context.env, &tell)?;
    probed.require()?;
    let mut lines = written(&probed);
    if wanted.policy.is_some() {
        let locks = probe_lock(&*place.store, &*context.env, &tell)?;
        locks.require().map_err(|e| e.on(place.store.location()))?;
        lines = [lines, locks.lines().join("\n")].join("\n");
    }
    if let Some(class) = wanted.storage_class {
        let classes = probe_class(&*place.store, &*context.env, class, &tell)?;
        classes.require().map_err(|e| e.on(place.store.location()))?;
        if class.is_archive() && !probed.checksum_enforced {
            let message = format!(
                "{}: the store verifies no checksums, and what rests in {class} cannot be read back",
                place.store.location()
            );
            return Err(Failure::new(Exit::Failed, "unsupported", message)
                .advise("choose a class that can be read at once, or a store that verifies what it is sent"));
        }
        lines = [lines, classes.lines().join("\n")].join("\n");
    }
    let like = wanted.like.map(|like| (like.config(), &like.vault().secrets));
    let mut new = NewRepository {
        class: wanted.class,
        password: password.map(|mut password| std::mem::take(&mut *password)),
        cost: Cost::DEFAULT,
        label: wanted.label.to_owned(),
        probed: lines,
        cutting: like.map(|(config, _)| config.cutting),
        block_target: like.map(|(config, _)| config.block_target),
        level: like.map(|(config, _)| config.level),
        parity_percent: wanted.parity_percent,
        retention: wanted.retention,
        immutability: wanted.policy.map(|policy| policy.field()),
        dedup: like.map(|(_, secrets)| secrets.dedup.clone()),
        storage_class: wanted.storage_class.map_or_else(String::new, |class| class.as_str().to_owned()),
        origin: wanted.like.filter(|_| wanted.class == format_spec::config::Class::Copy).map(Repository::id),
    };
    let created = Repository::create(&*place.store, &new, &context.env);
    new.password.zeroize();
    let id = created?;
    context.remember_new(settings, id, if wanted.encrypted { Suite::Aes256Gcm } else { Suite::Clear });
    Ok(Created { id, place, probed, key_file })
}

/// Before anybody is asked for a password and anything is tried.
fn refuse_existing(place: &Place) -> Result<()> {
    match place.store.head_of(&ObjectName::new(format_spec::names::CONFIG)?) {
        Ok(_) => {
            // A server that has an answer to everything has not shown that it has a repository.
            Found::look(Arc::clone(&place.store)).map(drop).or_else(|e| match e.kind() {
                Kind::Input => Err(e),
                _ => Ok(()),
            })?;
            let message = format!("{}: there is a repository already", place.store.location());
            Err(Failure::new(Exit::Failed, "exists", message).advise("use it as it is, or choose another place"))
        }
        Err(e) if e.kind() == Kind::Absent => Ok(()),
        Err(e) => Err(e.into()),
    }
}

fn new_password(context: &Context, source: &Password) -> Result<(Option<Secret>, Option<PathBuf>)> {
    if let Password::KeyFile(path) = source {
        return Ok((Some(keyfile::create(path, &context.env)?), Some(path.clone())));
    }
    let password = match source.read()? {
        Some(password) => password,
        None => password::ask("Password of the new repository", true)?,
    };
    Ok((Some(password), None))
}

/// What was proven, as the config keeps it: lines `name=value`.
fn written(probed: &Probed) -> String {
    let word = |proven: bool| if proven { "yes" } else { "no" };
    let versioned = probed.versioned.map_or("unknown", word);
    let mut lines = vec![
        format!("create_is_atomic={}", word(probed.create_is_atomic)),
        format!("ranges={}", word(probed.ranges)),
        format!("listing_complete={}", word(probed.listing_complete)),
        format!("delete={}", word(probed.delete)),
        format!("versioned={versioned}"),
        format!("rounds={}", probed.rounds),
    ];
    if probed.checksum_enforced {
        lines.push(CHECKSUM_ENFORCED.to_owned());
    }
    lines.extend(probed.observed.iter().map(|seen| format!("observed={}", seen.replace('\n', " "))));
    lines.join("\n")
}

/// Where the only key lies.
pub(crate) fn only_key(place: &str) -> String {
    format!(
        "The only key is {place}: without it nothing can be restored.\n\
         Make a recovery sheet now and keep it elsewhere: cairn key export --paper"
    )
}
