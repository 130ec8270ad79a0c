//! S3 and Azure Blob, by `object_store`, over [`line`].
//!
//! Promises: calls block the calling thread only, any number of threads at once; a refusal keeps its kind (see [`answer`]); a
//! put carries a checksum of its bytes that the store can verify (SHA-256 to S3, CRC-64 to Azure). Refuses to retry by
//! itself ([`crate::retry`] does), and to take a listing's order or a server's range for granted.

mod answer;
mod archive;
mod checksum;
pub(crate) mod credentials;
mod line;
mod locks;
mod page;
mod provider;
mod put;
mod read;
mod renewal;
mod resting;
mod runtime;
pub(super) mod settings;
mod versions;
mod wire;

use super::{
    Asked, Capabilities, Info, Listed, Location, ObjectLock, ObjectName, ObjectVersion, Options, PutOptions, Receipt,
    RetrievalMode, StorageClass, Store, TierStatus,
};
pub(crate) use answer::judge;
use answer::{Verb, classify};
use base::ending;
use base::error::{Error, Kind, Result};
use bytes::Bytes;
use format_spec::Time;
use object_store::aws::AmazonS3;
use object_store::azure::MicrosoftAzure;
use object_store::list::{PaginatedListOptions, PaginatedListStore};
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt, PutMode, PutPayload};
use renewal::Renewal;
use reqwest::Method;
use runtime::wait;
use std::ops::Range;
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
                        let of_client = || answer::of_client(&e, Verb::Get, &self.location.to_string());
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

    fn put_headers(&self, bytes: &Bytes) -> Vec<(&'static str, String)> {
        vec![
            ("x-ms-blob-type", "BlockBlob".to_owned()),
            ("x-ms-content-crc64", wire::azure_crc64(bytes)),
            ("content-type", "application/octet-stream".to_owned()),
            ("if-none-match", "*".to_owned()),
        ]
    }

    fn put_ask<'a>(&self, name: &'a ObjectName, body: Bytes, headers: Vec<(&'static str, String)>) -> Ask<'a> {
        Ask { verb: Verb::Put, method: Method::PUT, name, path: self.path(name), query: &[], headers, body }
    }
}

impl Store for Remote {
    fn location(&self) -> String {
        self.location.to_string()
    }

    fn put_new(&self, name: &ObjectName, bytes: Bytes) -> Result<Receipt> {
        let version = self.ask(async {
            match &self.cloud {
                Cloud::S3(store) => {
                    let options = object_store::PutOptions { mode: PutMode::Create, ..Default::default() };
                    let put = store.put_opts(&self.path(name), PutPayload::from_bytes(bytes), options).await;
                    put.map(|r| r.version).map_err(|e| classify(&e, Verb::Put, name))
                }
                Cloud::Azure { .. } => {
                    let headers = self.put_headers(&bytes);
                    let response = self.send(self.put_ask(name, bytes, headers)).await?;
                    response.done(Verb::Put, name)?;
                    Ok(response.header("x-ms-version-id"))
                }
            }
        })?;
        Ok(Receipt { version, checksum_enforced: self.checksum_enforced })
    }

    fn get(&self, name: &ObjectName) -> Result<Bytes> {
        Ok(self.read(name, None, None)?.0)
    }

    fn get_range(&self, name: &ObjectName, range: Range<u64>) -> Result<Bytes> {
        self.read_range(name, range, None)
    }

    fn get_tail(&self, name: &ObjectName, bytes_max: u64) -> Result<(Bytes, u64)> {
        self.read_tail(name, bytes_max)
    }

    fn head(&self, name: &ObjectName) -> Result<Info> {
        self.ask(async {
            let meta = self.cloud.objects().head(&self.path(name)).await.map_err(|e| classify(&e, Verb::Head, name))?;
            Ok(Info { bytes: meta.size, version: meta.version })
        })
    }

    fn list(&self, prefix: &str, after: Option<&ObjectName>, visit: &mut dyn FnMut(Listed) -> bool) -> Result<()> {
        let full = self.full_prefix(prefix);
        let mut page_token = None;
        loop {
            let page = self.ask(async {
                let options = PaginatedListOptions {
                    // A full object name, as some servers skip whole folders for anything else.
                    offset: after.map(|after| self.path(after).to_string()),
                    page_token: page_token.clone(),
                    ..PaginatedListOptions::default()
                };
                let failed = |e: object_store::Error| {
                    answer::Answer::read(&e.to_string()).error_on(Verb::List, &format!("{}/{prefix}", self.location))
                };
                self.cloud.pages().list_paginated(Some(&full), options).await.map_err(failed)
            })?;
            for meta in page.result.objects {
                let name = meta.location.as_ref().strip_prefix(&self.prefix).and_then(|n| ObjectName::new(n).ok());
                let Some(name) = name.filter(|n| n.is_below(prefix) && after.is_none_or(|after| n > after)) else {
                    continue;
                };
                let at = meta.last_modified;
                let stored = Some(Time::new(at.timestamp(), at.timestamp_subsec_nanos()));
                if !visit(Listed { name, bytes: meta.size, stored, version: None }) {
                    return Ok(());
                }
            }
            // A server that repeats its token would keep us for ever.
            if page.page_token.is_none() || page.page_token == page_token {
                return Ok(());
            }
            page_token = page.page_token;
        }
    }

    fn delete(&self, name: &ObjectName, version: Option<&str>) -> Result<()> {
        let (path, verb) = (self.path(name), Verb::Delete);
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
            Err(e) => Err(self.explain_refused_delete(name, version, e)),
            Ok(()) => Ok(()),
        }
    }

    fn seeks(&self) -> bool {
        matches!(self.cloud, Cloud::S3(_))
    }

    fn now(&self) -> Result<Time> {
        self.clock()
    }

    fn capabilities(&self) -> Result<Capabilities> {
        self.declared()
    }

    fn put_locked(&self, name: &ObjectName, bytes: Bytes, retention: &ObjectLock) -> Result<Receipt> {
        self.put_with(name, bytes, &PutOptions::locked(retention))
    }

    fn versions(&self, name: &ObjectName) -> Result<Vec<ObjectVersion>> {
        self.versions_of(name)
    }

    fn get_version(&self, name: &ObjectName, version: &str, range: Range<u64>) -> Result<Bytes> {
        self.read_range(name, range, Some(version))
    }

    fn list_oldest(
        &self,
        prefix: &str,
        after: Option<&ObjectName>,
        visit: &mut dyn FnMut(Listed) -> bool,
    ) -> Result<()> {
        self.list_by_oldest(prefix, after, visit)
    }

    fn retention(&self, name: &ObjectName, version: Option<&str>) -> Result<Option<ObjectLock>> {
        self.lock_of(name, version)
    }

    fn extend_retention(&self, name: &ObjectName, version: Option<&str>, wanted: &ObjectLock) -> Result<ObjectLock> {
        self.raise_lock(name, version, wanted)
    }

    fn put_in(&self, name: &ObjectName, bytes: Bytes, terms: &PutOptions) -> Result<Receipt> {
        self.put_with(name, bytes, terms)
    }

    fn resting_of(&self, name: &ObjectName, version: Option<&str>) -> Result<TierStatus> {
        self.rest_of(name, version)
    }

    fn list_resting(
        &self,
        prefix: &str,
        after: Option<&ObjectName>,
        visit: &mut dyn FnMut(ObjectName, TierStatus) -> bool,
    ) -> Result<()> {
        self.list_rest(prefix, after, visit)
    }

    fn list_resting_oldest(
        &self,
        prefix: &str,
        after: Option<&ObjectName>,
        visit: &mut dyn FnMut(ObjectName, TierStatus) -> bool,
    ) -> Result<()> {
        self.list_rest_oldest(prefix, after, visit)
    }

    fn retrieve_of(&self, name: &ObjectName, version: Option<&str>, mode: RetrievalMode, days: u32) -> Result<Asked> {
        self.ask_back(name, version, mode, days)
    }

    fn rest_again_of(&self, name: &ObjectName, version: Option<&str>, class: StorageClass) -> Result<()> {
        self.send_back(name, version, class)
    }

    fn fresh(&self) -> Result<Option<Arc<dyn Store>>> {
        let options = Options { keep_connections: false, ..self.options.0.clone() };
        Ok(Some(Arc::new(Remote::open(&self.location, &options)?)))
    }

    fn refuses_wrong_checksum(&self, name: &ObjectName) -> Result<bool> {
        self.tries_checksum(name)
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
