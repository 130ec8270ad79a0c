//! From a location to a store: the one place where layers are put over a place.

use super::local::Local;
use super::remote::Remote;
use super::{Counts, Limits, Location, MeteredStore, ObjectName, OldestVersionLayer, Options, Retry, Store, Throttled};
use base::error::{Kind, Result};
use std::sync::Arc;

/// An open store, and what is asked of it.
#[derive(Debug, Clone)]
pub struct OpenedStore {
    /// The store.
    pub store: Arc<dyn Store>,
    /// Requests as its users wish them, and their bytes, so far.
    pub counts: Arc<Counts>,
}

/// Opens the store at `location` as the place itself shows it. For S3 and Azure nothing is asked yet: a wrong key shows at the
/// first request.
///
/// # Errors
/// `NoRepository` when the folder is not there and `create` is not set, `Denied` when it may not be entered, `Input` for
/// settings that make no sense.
pub fn open(location: &Location, options: &Options) -> Result<Arc<dyn Store>> {
    let store: Arc<dyn Store> = match location {
        Location::Folder(path) => Arc::new(Local::open(path, options.create, options.shared)?),
        Location::S3 { .. } | Location::Azure { .. } => {
            let remote = Arc::new(Remote::open(location, options)?);
            Arc::new(Retry::new(remote, options.patience, Arc::clone(&options.outage)))
        }
    };
    let limited = options.limits != Limits::default();
    Ok(if limited { Arc::new(Throttled::new(store, options.limits)) } else { store })
}

/// Opens the store that a repository is kept in: this is the one place where the layers over a place are put together.
///
/// ```text
///   what a repository adds       (in the engine: ReadOnly or ObjectLockLayer, StorageClassLayer)
///   MeteredStore                 counts what the commands ask for, and not what an answer costs below
///   OldestVersionLayer           only where the place has locks: one read may need a listing
///   Throttled                    only where rates are limited: each byte pays once, and what is tried again does not pay again
///   Retry                        only remote: each request, whatever it is for, waits out an outage
///   Local, or Remote
/// ```
///
/// A place is asked whether it has locks: two requests that are not counted, and none for a folder.
///
/// # Errors
/// As [`open`], and the store's own.
pub fn open_versioned(location: &Location, options: &Options) -> Result<OpenedStore> {
    // Azure's listings begin at a folder's first name.
    let seeks = !matches!(location, Location::Azure { .. });
    let metered = MeteredStore::new(by_the_oldest(open(location, options)?, seeks)?);
    let counts = metered.counts();
    Ok(OpenedStore { store: Arc::new(metered), counts })
}

/// The store by the rule of the oldest version, if its place has locks. Where we may not ask, the versions of the config tell:
/// who hides it by a marker must not thereby hide the rule too.
fn by_the_oldest(store: Arc<dyn Store>, seeks: bool) -> Result<Arc<dyn Store>> {
    let locks = match store.capabilities() {
        Ok(capabilities) => capabilities.locks,
        Err(e) if e.kind() == Kind::Denied => match store.versions(&ObjectName::new(format_spec::names::CONFIG)?) {
            Ok(versions) => versions.iter().any(|v| v.id.as_deref().is_some_and(|id| id != "null")),
            // Whoever may not see versions cannot keep the rule, and no repository with locks was made by these rights.
            Err(e) if matches!(e.kind(), Kind::Denied | Kind::Unsupported) => false,
            Err(e) => return Err(e),
        },
        Err(e) => return Err(e),
    };
    Ok(match (locks, seeks) {
        (false, _) => store,
        (true, true) => Arc::new(OldestVersionLayer::new(store)),
        (true, false) => Arc::new(OldestVersionLayer::listing_from_start(store)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Fault, Faulty, Memory, RequestKind, StoreExt};
    use base::env::Machine;
    use bytes::Bytes;

    #[test]
    fn the_rule_holds_also_where_the_place_may_not_be_asked() {
        let (config, bytes) = (ObjectName::new(format_spec::names::CONFIG).unwrap(), Bytes::from_static(b"config"));
        let memory = Arc::new(Memory::locking(Machine::shared()));
        memory.put_new(&config, bytes.clone()).unwrap();
        memory.delete(config.object()).unwrap();
        let dumb = |call: &crate::fault::Call| {
            (call.verb == RequestKind::Head && call.name.is_empty()).then_some(Fault::Before(Kind::Denied))
        };
        let settled = by_the_oldest(Arc::new(Faulty::new(Arc::clone(&memory) as Arc<dyn Store>, dumb)), true).unwrap();
        assert_eq!(settled.get(&config).unwrap(), bytes);
        assert_eq!(by_the_oldest(memory, true).unwrap().get(&config).unwrap(), bytes);
        // And a plain store stays one.
        let plain = Arc::new(Memory::new());
        plain.put_new(&config, bytes).unwrap();
        let plain = by_the_oldest(Arc::new(Faulty::new(plain, dumb)), true).unwrap();
        plain.delete(config.object()).unwrap();
        plain.put_new(&config, Bytes::new()).unwrap();
    }

    #[test]
    fn a_remote_place_opens_anew_for_a_second_look() {
        let pairs = [("aws_access_key_id", "key"), ("aws_secret_access_key", "secret"), ("aws_region", "eu-central-1")];
        let settings = pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        let options = Options { environment: false, settings, ..Options::default() };
        let limits = Limits { download_bytes_per_second: Some(1 << 30), ..Limits::default() };
        let location = Location::S3 { bucket: "bucket".into(), prefix: "prefix".into() };
        let store = open(&location, &Options { limits, ..options }).unwrap();
        let fresh = store.fresh().unwrap().expect("connections stand between");
        assert_eq!(fresh.location(), store.location());
        // It shows nothing of what it was opened with.
        assert!(!format!("{fresh:?}").contains("\"secret\""), "{fresh:?}");
    }

    #[test]
    fn a_place_out_of_reach_is_no_place_without_locks() {
        let down = Faulty::new(Arc::new(Memory::new()), |_| Some(Fault::Before(Kind::Transient)));
        assert_eq!(by_the_oldest(Arc::new(down), true).unwrap_err().kind(), Kind::Transient);
    }
}
