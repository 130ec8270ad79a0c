//! Which repository may be copied into which.

use crate::error::{Error, Kind, Result};
use crate::immutability::Cover;
use crate::repository::Repository;
use crate::store::StorageClass;
use format_spec::config::Class;

/// Refuses a pair of repositories between which nothing can be copied: as it is, or with `rekey` read and cut anew.
///
/// # Errors
/// `Input`, with what to do instead.
pub fn expect_pair(source: &Repository, target: &Repository, rekey: bool) -> Result<()> {
    let refuse = |what: &str, advice: &str| Err(Error::new(Kind::Input, what).on(target.location()).advise(advice));
    if source.id() == target.id() {
        return refuse("source and target are one repository", "name another one with --to");
    }
    if target.config().class != Class::Copy {
        return refuse(
            "the target is of the class backup: copies would fill it with their own packs",
            "make one for copies: `cairn init --class copy --from SOURCE`",
        );
    }
    if let Ok(class) = StorageClass::parse(&source.config().storage_class)
        && !class.may_be_source()
    {
        return Err(Error::new(Kind::Input, format!("the source's packs rest in {class}, which is only copied to"))
            .on(source.location())
            .advise("copy from the repository of backups, or retrieve and restore what you need"));
    }
    let (of, to) = (source.config().retention, target.config().retention);
    if of.kind != to.kind {
        return refuse(
            "source and target have different types of retention: what one lets go item by item the other keeps whole",
            "make a target with the same --retention-type as the source",
        );
    }
    if let Some(policy) = target.policy()
        && matches!(policy.wish().cover, Cover::Days(_))
    {
        return refuse(
            "the target is immutable for a number of days: copies are for the whole retention period",
            "make a target without --immutable-days",
        );
    }
    if !rekey && source.sealed_store().secrets.dedup.expose() != target.sealed_store().secrets.dedup.expose() {
        return refuse(
            "the target has another dedup key: no id of the source means anything there",
            "copy with --rekey, which reads and cuts everything anew; or make a target with `cairn init --class copy --from SOURCE`",
        );
    }
    Ok(())
}

/// Refuses a repository to heal from that names its blobs by other keys.
///
/// # Errors
/// `Input`, with what to do instead.
pub(super) fn expect_healer(source: &Repository, healer: &Repository) -> Result<()> {
    if source.sealed_store().secrets.dedup.expose() == healer.sealed_store().secrets.dedup.expose() {
        return Ok(());
    }
    Err(Error::new(Kind::Input, "it does not share the source's dedup key, so its blobs have other ids")
        .on(healer.location())
        .advise("heal from a copy of the source, or copy without --heal-from"))
}
