//! The config as it is read: once, bounded in size, and with a word on what stands in its place.

use crate::error::{Error, Kind, Result};
use crate::limits::SMALL_OBJECT_BYTES_MAX;
use crate::store::{ListOptions, Look, ObjectName, Store, StoreExt, reread};
use bytes::Bytes;
use format_spec::config::Config;
use format_spec::names;

/// Reads and decodes the config.
///
/// # Errors
/// `NoRepository` where there is none, `Input` where something else stands there, `Damaged`, the store's.
pub(super) fn read_config(store: &dyn Store) -> Result<(Config, Bytes)> {
    let name = ObjectName::new(names::CONFIG)?;
    match reread(store, |look| look_at_config(look, store, &name)) {
        Err(e) if e.kind() == Kind::Damaged && is_of_others(store, &name)? => Err(Error::new(
            Kind::Input,
            "what stands here is not an object of Cairn, and nothing else of a repository is there",
        )
        .on(&name)
        .advise("check the URL and the endpoint: this is another program's place, or not a store")),
        Err(e) if e.kind() == Kind::Damaged => Err(e.advise_instead(NO_CONFIG)),
        other => other,
    }
}

/// Whether what stands in the place of a config was never Cairn's. It is only damage if it begins as our objects do, or if other objects say that a
/// repository is here.
fn is_of_others(store: &dyn Store, name: &ObjectName) -> Result<bool> {
    match store.get(name) {
        Ok(object) => Ok(!format_spec::container::has_magic(&object) && !has_remains(store)?),
        Err(e) if e.kind() == Kind::Absent => Ok(false),
        Err(e) => Err(e),
    }
}

fn look_at_config(look: &Look<'_>, store: &dyn Store, name: &ObjectName) -> Result<(Config, Bytes)> {
    let object = match look.get(name) {
        Err(e) if e.kind() == Kind::Absent && has_remains(store)? => {
            let what = "the config is missing, though there are other objects of a repository";
            return Err(Error::new(Kind::Damaged, what).on(names::CONFIG).advise(NO_CONFIG));
        }
        Err(e) if e.kind() == Kind::Absent => {
            return Err(Error::new(Kind::NoRepository, "there is no Cairn repository here")
                .on(store.location())
                .advise("check the URL, or create one with `cairn init --repo URL`"));
        }
        other => other?,
    };
    decode_config(object)
}

/// The config in these bytes, and the bytes.
///
/// # Errors
/// `Damaged`; `Unsupported` for newer formats.
pub(super) fn decode_config(object: Bytes) -> Result<(Config, Bytes)> {
    if object.len() as u64 > SMALL_OBJECT_BYTES_MAX {
        return Err(Error::new(Kind::Damaged, "it is longer than any config").on(names::CONFIG));
    }
    let (config, _) = Config::decode(&object).map_err(|e| Error::from(e).on(names::CONFIG))?;
    Ok((config, object))
}

/// Whether a place without a config was a repository: nothing but one has key slots or a log.
pub(crate) fn has_remains(store: &dyn Store) -> Result<bool> {
    let mut found = false;
    for folder in ["keys", "log", "checkpoint"] {
        if !found {
            let listed = store.list(&ListOptions::below(folder), &mut |listed| {
                found |= names::parse(listed.name.as_str()).is_some();
                !found
            });
            // Something that answers so to a listing holds nothing.
            listed.or_else(|e| if e.kind() == Kind::Absent { Ok(()) } else { Err(e) })?;
        }
    }
    Ok(found)
}

const NO_CONFIG: &str = "`cairn repair plan` gives it back from what a machine that used the repository has kept of it, or from a copy of the repository: --from COPY";
