//! S3 and Azure Blob, by `object_store`, over [`line`].
//!
//! Promises: calls block the calling thread only, any number of threads at once; a refusal keeps its kind (see [`answer`]); a
//! put carries a checksum of its bytes that the store can verify (SHA-256 to S3, CRC-64 to Azure). Refuses to retry by
//! itself ([`crate::retry`] does), and to take a listing's order or a server's range for granted.

mod answer;
mod archive;
mod checksum;
pub(crate) mod credentials;
mod dates;
mod line;
mod list;
mod locks;
mod page;
mod provider;
mod put;
mod read;
mod renewal;
mod resting;
mod runtime;
pub(super) mod settings;
pub(crate) mod sign;
mod versions;
mod wire;

use super::{
    Asked, Capabilities, HeadOptions, Info, ListOptions, Listed, Location, ObjectLock, ObjectName, ObjectRef,
    ObjectVersion, Options, PutOptions, Read, ReadRange, Receipt, RetrievalMode, Room, StorageClass, Store,
};
pub(crate) use answer::judge;
use answer::{Operation, classify};
use base::ending;
use base::error::{Error, Kind, Result};
use bytes::Bytes;
use format_spec::Time;
use object_store::aws::AmazonS3;
use object_store::azure::MicrosoftAzure;
use object_store::list::PaginatedListStore;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt, PutMode, PutPayload};
use renewal::Renewal;
use reqwest::Method;
use runtime::wait;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use tokio::sync::Semaphore;
use wire::{Ask, Response, Wire};

/// A prefix of a bucket or container.
#[derive(Debug)]
pub(super) struct Remote {
    cloud: Cloud,
    wire: Wire,
    renewal: Arc<dyn Renewal>,
    location: Location,
    prefix: String,
    slots: Semaphore,
    checksum_enforced: bool,
    options: Secretive,
    /// Whether listings tell what was restored.
    tells_restores: AtomicBool,
}

#[derive(Debug)]
enum Cloud {
    S3(AmazonS3),
    Azure { store: MicrosoftAzure, account: String, address: String },
}

/// How it was opened: its credentials are not shown.
struct Secretive(Options);

impl std::fmt::Debug for Secretive {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Options { .. }")
    }
}

impl Remote {
    /// A client for `location`, which must not be a folder; asks nothing yet.
    pub(super) fn open(location: &Location, options: &Options) -> Result<Self> {
        let (cloud, connections, prefix, tells_restores) = match location {
            Location::S3 { bucket, prefix } => {
                let (store, connections, amazon) = settings::s3(bucket, options).map_err(|e| e.on(location))?;
                (Cloud::S3(store), connections, prefix, amazon)
            }
            Location::Azure { container, prefix } => {
                let (store, connections, account, address) =
                    settings::azure(container, options).map_err(|e| e.on(location))?;
                (Cloud::Azure { store, account, address }, connections, prefix, true)
            }
            Location::Folder(_) => return Err(Error::new(Kind::Bug, "a folder is no remote store").on(location)),
        };
        Ok(Remote {
            cloud,
            wire: Wire::connect(&connections.line, &connections.client)?,
            renewal: connections.renewal,
            location: location.clone(),
            prefix: if prefix.is_empty() { String::new() } else { format!("{prefix}/") },
            slots: Semaphore::new(options.requests_max.clamp(1, Semaphore::MAX_PERMITS)),
            checksum_enforced: options.checksum_enforced,
            options: Secretive(options.clone()),
            tells_restores: AtomicBool::new(tells_restores),
        })
    }

    fn path(&self, name: &ObjectName) -> Path {
        Path::from(format!("{}{name}", self.prefix))
    }

    /// Runs one request when there is room for it. One whose credentials were refused ends as `Transient` when others have come.
    fn ask<T>(&self, work: impl Future<Output = Result<T>>) -> Result<T> {
        wait(async {
            let closed = |e| Error::new(Kind::Bug, format!("the store was closed: {e}"));
            let _slot = self.slots.acquire().await.map_err(closed)?;
            let (seen, has_answered) = (self.renewal.count(), self.options.0.outage.has_answered());
            line::listening(has_answered, async {
                let done = work.await;
                if let (Some(lack), Err(_)) = (self.lack(has_answered), &done) {
                    return Err(lack);
                }
                if !line::heard().refuses_credentials {
                    return done;
                }
                match self.renewal.renew(seen).await {
                    Ok(true) => Err(renewal::renewed()),
                    Ok(false) => done,
                    Err(e) => {
                        let of_client = || answer::of_client(&e, Operation::Get, &self.location.to_string());
                        let away = self.lack(has_answered).unwrap_or_else(of_client);
                        if away.kind() == Kind::Transient { Err(away) } else { done }
                    }
                }
            })
            .await
        })
    }

    /// Why there are no credentials to ask with: then nothing was asked of the store, and its own words are
    /// of another request. A stop that ended all is none.
    fn lack(&self, has_answered: bool) -> Option<Error> {
        let lack = line::heard().lack.filter(|_| !ending::is_over())?;
        Some(lack.error(has_answered).on(&self.location))
    }

    /// One request of our own.
    async fn send(&self, ask: Ask<'_>) -> Result<Response> {
        match &self.cloud {
            Cloud::S3(store) => self.wire.s3(store, ask).await,
            Cloud::Azure { store, account, address } => self.wire.azure(store, account, address, ask).await,
        }
    }

    /// Puts without class and lock.
    fn put_plain(&self, name: &ObjectName, bytes: Bytes) -> Result<Receipt> {
        let version = self.ask(async {
            match &self.cloud {
                Cloud::S3(store) => {
                    let options = object_store::PutOptions { mode: PutMode::Create, ..Default::default() };
                    let put = store.put_opts(&self.path(name), PutPayload::from_bytes(bytes), options).await;
                    put.map(|r| r.version).map_err(|e| classify(&e, Operation::Put, name))
                }
                Cloud::Azure { .. } => {
                    let headers = self.put_headers(&bytes);
                    let response = self.send(self.put_ask(name, bytes, headers)).await?;
                    response.done(Operation::Put, name)?;
                    Ok(response.header("x-ms-version-id"))
                }
            }
        })?;
        Ok(Receipt { version, checksum_enforced: self.checksum_enforced })
    }

    fn put_headers(&self, bytes: &Bytes) -> Vec<(&'static str, String)> {
        vec![
            ("x-ms-blob-type", "BlockBlob".to_owned()),
            ("x-ms-content-crc64", wire::azure_crc64(bytes)),
            ("content-type", "application/octet-stream".to_owned()),
            ("if-none-match", "*".to_owned()),
        ]
    }

    fn put_ask<'a>(&self, name: &'a ObjectName, body: Bytes, headers: Vec<(&'static str, String)>) -> Ask<'a> {
        Ask { verb: Operation::Put, method: Method::PUT, name, path: self.path(name), query: &[], headers, body }
    }
}

impl Store for Remote {
    fn location(&self) -> String {
        self.location.to_string()
    }

    fn put(&self, name: &ObjectName, bytes: Bytes, options: &PutOptions) -> Result<Receipt> {
        match options {
            PutOptions { tries_checksum: true, .. } => self.try_checksum(name),
            PutOptions { class: None, lock: None, .. } => self.put_plain(name, bytes),
            _ => self.put_with(name, bytes, options),
        }
    }

    fn read(&self, object: ObjectRef<'_>, range: ReadRange) -> Result<Read> {
        match range {
            ReadRange::Whole => self.fetch(object, None),
            ReadRange::Range(range) => self.read_range(object, range),
            ReadRange::Tail(bytes_max) => self.read_tail(object, bytes_max),
        }
    }

    fn head(&self, object: ObjectRef<'_>, options: HeadOptions) -> Result<Info> {
        let name = object.name;
        if object.version.is_some() || options != HeadOptions::default() {
            return self.describe(object, options);
        }
        self.ask(async {
            let meta =
                self.cloud.objects().head(&self.path(name)).await.map_err(|e| classify(&e, Operation::Head, name))?;
            Ok(Info::new(meta.size, meta.version))
        })
    }

    fn list(&self, options: &ListOptions<'_>, visit: &mut dyn FnMut(Listed) -> bool) -> Result<()> {
        match options {
            ListOptions { oldest: false, tiers: false, .. } => self.list_plain(options, visit),
            ListOptions { oldest: true, tiers: false, .. } => self.list_oldest(options, visit),
            ListOptions { oldest: false, tiers: true, .. } => self.list_tiers(options, visit),
            ListOptions { oldest: true, tiers: true, .. } => self.list_tiers_oldest(options, visit),
        }
    }

    fn versions(&self, name: &ObjectName) -> Result<Vec<ObjectVersion>> {
        self.versions_of(name)
    }

    fn delete(&self, object: ObjectRef<'_>) -> Result<()> {
        let (name, version) = (object.name, object.version);
        let (path, verb) = (self.path(name), Operation::Delete);
        let query: Vec<_> = self.version_query(version).into_iter().collect();
        let deleted = self.ask(async {
            match &self.cloud {
                Cloud::S3(store) if version.is_none() => {
                    store.delete(&path).await.map_err(|e| classify(&e, verb, name))
                }
                _ => {
                    let (headers, body) = (Vec::new(), Bytes::new());
                    let ask = Ask { verb, method: Method::DELETE, name, path, query: &query, headers, body };
                    self.send(ask).await?.done(verb, name)
                }
            }
        });
        match deleted {
            Err(e) if e.kind() == Kind::Absent => Ok(()),
            Err(e) => Err(self.explain_refused_delete(object, e)),
            Ok(()) => Ok(()),
        }
    }

    fn extend_lock(&self, object: ObjectRef<'_>, wanted: &ObjectLock) -> Result<ObjectLock> {
        self.raise_lock(object, wanted)
    }

    fn retrieve(&self, object: ObjectRef<'_>, mode: RetrievalMode, days: u32) -> Result<Asked> {
        self.ask_back(object, mode, days)
    }

    fn rest_again(&self, object: ObjectRef<'_>, class: StorageClass) -> Result<()> {
        self.send_back(object, class)
    }

    fn now(&self) -> Result<Time> {
        self.clock()
    }

    fn capabilities(&self) -> Result<Capabilities> {
        self.declared()
    }

    fn room(&self) -> Option<&dyn Room> {
        None
    }

    fn fresh(&self) -> Result<Option<Arc<dyn Store>>> {
        let options = Options { keep_connections: false, ..self.options.0.clone() };
        Ok(Some(Arc::new(Remote::open(&self.location, &options)?)))
    }
}

impl Cloud {
    fn objects(&self) -> &dyn ObjectStore {
        match self {
            Cloud::S3(store) => store,
            Cloud::Azure { store, .. } => store,
        }
    }

    fn pages(&self) -> &dyn PaginatedListStore {
        match self {
            Cloud::S3(store) => store,
            Cloud::Azure { store, .. } => store,
        }
    }
}
