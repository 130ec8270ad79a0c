//! Locks on versions: read, read back, raised. In S3's words (object lock) and in Azure's (version-level immutability).

use super::answer::{Answer, Operation};
use super::dates;
use super::wire::{Ask, Response, base64_sha256, sha256};
use super::{Cloud, Remote};
use crate::lock::{instant, locked, no_locks, raise};
use crate::{Capabilities, HeadOptions, Info, Mode, ObjectLock, ObjectName, ObjectRef, StoreExt};
use base::error::{Error, Kind, Result};
use bytes::Bytes;
use format_spec::Time;
use reqwest::Method;

impl Remote {
    /// See [`crate::Store::extend_lock`].
    pub(super) fn raise_lock(&self, object: ObjectRef<'_>, wanted: &ObjectLock) -> Result<ObjectLock> {
        let ObjectRef { name, version } = object;
        let read = || self.lock_of(object);
        raise(name, wanted, read, |stronger| {
            let (query, body) = match &self.cloud {
                Cloud::S3(_) => (("retention", ""), Bytes::from(retention_xml(stronger))),
                Cloud::Azure { .. } => (("comp", "immutabilityPolicies"), Bytes::new()),
            };
            let headers = match &self.cloud {
                Cloud::S3(_) => vec![
                    ("x-amz-checksum-sha256", base64_sha256(&sha256(&body))),
                    ("x-amz-sdk-checksum-algorithm", "SHA256".to_owned()),
                ],
                Cloud::Azure { .. } => self.lock_headers(stronger)?,
            };
            let mut query = vec![query];
            query.extend(self.version_query(version));
            let (path, verb) = (self.path(name), Operation::Lock);
            let response =
                self.ask(self.send(Ask { verb, method: Method::PUT, name, path, query: &query, headers, body }))?;
            response.done(verb, name).map_err(|e| self.explain_refused_lock(name, &response, wanted, e))
        })
    }

    /// What a head shows of the lock of an object. S3 shows it only to who may see it; then this is asked for by its own request.
    pub(super) fn lock_shown(&self, object: ObjectRef<'_>, head: &Response) -> Result<Option<ObjectLock>> {
        let (mode, until) = match &self.cloud {
            Cloud::S3(_) => ("x-amz-object-lock-mode", "x-amz-object-lock-retain-until-date"),
            Cloud::Azure { .. } => ("x-ms-immutability-policy-mode", "x-ms-immutability-policy-until-date"),
        };
        match (head.header(mode), head.header(until)) {
            (Some(mode), Some(until)) => read_lock(object.name, &mode, &until).map(Some),
            _ if matches!(self.cloud, Cloud::S3(_)) => self.lock_by_own_request(object),
            _ => Ok(None),
        }
    }

    fn lock_by_own_request(&self, ObjectRef { name, version }: ObjectRef<'_>) -> Result<Option<ObjectLock>> {
        let mut query = vec![("retention", "")];
        query.extend(self.version_query(version));
        let (path, verb) = (self.path(name), Operation::Head);
        let (headers, body) = (Vec::new(), Bytes::new());
        let response =
            self.ask(self.send(Ask { verb, method: Method::GET, name, path, query: &query, headers, body }))?;
        let text = response.text();
        let field = |tag: &str| {
            let (_, rest) = text.split_once(&format!("<{tag}>"))?;
            Some(rest.split_once("</")?.0.to_owned())
        };
        match response.status {
            200..=299 => match (field("Mode"), field("RetainUntilDate")) {
                (Some(mode), Some(until)) => read_lock(name, &mode, &until).map(Some),
                _ => Ok(None),
            },
            // No lock on this version, or no locks in this bucket or server.
            400 | 404 | 405 | 501 => match response.answer().code.as_deref() {
                Some("NoSuchKey" | "NoSuchVersion") => Err(response.answer().error(verb, name)),
                _ => Ok(None),
            },
            _ => Err(response.answer().error(verb, name)),
        }
    }

    /// What one request of our own tells of an object, and what the options ask for beyond.
    pub(super) fn describe(&self, object: ObjectRef<'_>, options: HeadOptions) -> Result<Info> {
        let head = self.own_head(object)?;
        let untold =
            || Error::new(Kind::Unsupported, "the store does not tell the length of an object").on(object.name);
        let bytes = head.header("content-length").and_then(|text| text.parse().ok()).ok_or_else(untold)?;
        let tier = options.tier.then(|| self.tier_shown(&head, bytes));
        let lock = if options.lock { self.lock_shown(object, &head)? } else { None };
        Ok(Info { bytes, version: head.version(), tier, lock })
    }

    /// The description of an object.
    pub(super) fn own_head(&self, ObjectRef { name, version }: ObjectRef<'_>) -> Result<Response> {
        let query: Vec<_> = self.version_query(version).into_iter().collect();
        let (path, verb) = (self.path(name), Operation::Head);
        let (headers, body) = (Vec::new(), Bytes::new());
        let ask = Ask { verb, method: Method::HEAD, name, path, query: &query, headers, body };
        let response = self.ask(self.send(ask))?;
        // A version id that is none of the store's is no version of it.
        match response.status {
            400 if version.is_some() => Err(Answer { status: Some(404), ..Answer::default() }.error(verb, name)),
            _ => response.done(verb, name).map(|()| response),
        }
    }

    /// The store's clock, from the answer to a request about nothing in particular.
    pub(super) fn clock(&self) -> Result<Time> {
        let name = ObjectName::new(format_spec::names::CONFIG)?;
        let (path, verb) = (self.path(&name), Operation::Head);
        let (headers, body) = (Vec::new(), Bytes::new());
        let ask = Ask { verb, method: Method::HEAD, name: &name, path, query: &[], headers, body };
        let response = self.ask(self.send(ask))?;
        response.time().ok_or_else(|| {
            Error::new(Kind::Unsupported, "the store's answers carry no date")
                .on(&self.location)
                .advise("locks are reckoned from the store's own clock: use a store that tells it")
        })
    }

    /// What the bucket or container says of versions and locks.
    pub(super) fn declared(&self) -> Result<Capabilities> {
        let name = ObjectName::new(format_spec::names::CONFIG)?;
        match &self.cloud {
            Cloud::S3(_) => {
                let says = |response: Response, word: &str| {
                    (200..300).contains(&response.status) && response.text().contains(word)
                };
                let locks = self.ask_place(&name, Method::GET, &[("object-lock", "")])?;
                if says(locks, "<ObjectLockEnabled>Enabled</ObjectLockEnabled>") {
                    // Not to be had without versions.
                    return Ok(Capabilities { versions: true, locks: true });
                }
                let versions = self.ask_place(&name, Method::GET, &[("versioning", "")])?;
                Ok(Capabilities { versions: says(versions, "<Status>Enabled</Status>"), locks: false })
            }
            Cloud::Azure { .. } => {
                let place = self.ask_place(&name, Method::HEAD, &[("restype", "container")])?;
                let header = place.header("x-ms-immutable-storage-with-versioning-enabled");
                let locks = header.is_some_and(|text| text.eq_ignore_ascii_case("true"));
                Ok(Capabilities { versions: locks, locks })
            }
        }
    }

    /// A request about the bucket or container itself. What the store does not know is no failure here; what it does not allow is.
    fn ask_place(&self, name: &ObjectName, method: Method, query: &[(&'static str, &str)]) -> Result<Response> {
        let (path, verb) = (object_store::path::Path::default(), Operation::List);
        let ask = Ask { verb, method, name, path, query, headers: Vec::new(), body: Bytes::new() };
        let response = self.ask(self.send(ask))?;
        let answer = response.answer();
        let gone = matches!(answer.code.as_deref(), Some("NoSuchBucket" | "ContainerNotFound"));
        match response.status {
            300..=399 | 401 | 403 | 429 | 500 | 502..=599 => Err(answer.error_on(verb, &self.location.to_string())),
            404 if gone => Err(answer.error_on(verb, &self.location.to_string())),
            _ => Ok(response),
        }
    }

    /// A refused delete says whether a lock was the reason: some stores tell no more than that permission is denied.
    pub(super) fn explain_refused_delete(&self, object: ObjectRef<'_>, error: Error) -> Error {
        let name = object.name;
        if !matches!(error.kind(), Kind::Denied | Kind::Immutable) || object.version.is_none() {
            return error;
        }
        let retention = self.lock_of(object).ok().flatten();
        let holds = retention.is_some_and(|r| self.clock().is_ok_and(|now| r.until > now));
        match error.kind() {
            Kind::Immutable => locked(name, retention.as_ref()),
            _ if holds => locked(name, retention.as_ref()),
            _ => error,
        }
    }

    /// A refusal of the lock itself, not of the bytes: its end has passed already, or the bucket has no object lock.
    pub(super) fn explain_refused_lock(
        &self,
        name: &ObjectName,
        response: &Response,
        wanted: &ObjectLock,
        error: Error,
    ) -> Error {
        let code = response.answer().code.unwrap_or_default();
        let none = [
            "InvalidBucketObjectLockConfiguration",
            "ObjectLockConfigurationNotFoundError",
            "VersionLevelImmutabilityNotEnabled",
            "FeatureNotSupportedForAccount",
        ];
        if none.contains(&code.as_str()) || error.kind() == Kind::Unsupported {
            return no_locks(name).because(error);
        }
        if response.status != 400 {
            return error;
        }
        if self.clock().is_ok_and(|now| wanted.until <= now) {
            let what = format!("a lock must end in the future, by the store's clock ({wanted})");
            return Error::new(Kind::Input, what).on(name).because(error);
        }
        if self.declared().is_ok_and(|place| !place.locks) { no_locks(name).because(error) } else { error }
    }

    pub(super) fn lock_headers(&self, wanted: &ObjectLock) -> Result<Vec<(&'static str, String)>> {
        Ok(match (&self.cloud, wanted.mode) {
            (Cloud::S3(_), _) => vec![
                ("x-amz-object-lock-mode", s3_mode(wanted.mode).to_owned()),
                ("x-amz-object-lock-retain-until-date", instant(wanted.until)),
            ],
            (Cloud::Azure { .. }, mode) => vec![
                ("x-ms-immutability-policy-mode", azure_mode(mode).to_owned()),
                ("x-ms-immutability-policy-until-date", dates::write(wanted.until)?),
            ],
        })
    }

    /// How a version is named in a request.
    pub(super) fn version_query<'a>(&self, version: Option<&'a str>) -> Option<(&'static str, &'a str)> {
        let key = if matches!(self.cloud, Cloud::S3(_)) { "versionId" } else { "versionid" };
        version.map(|version| (key, version))
    }
}

fn s3_mode(mode: Mode) -> &'static str {
    match mode {
        Mode::Compliance => "COMPLIANCE",
        Mode::Governance => "GOVERNANCE",
    }
}

fn azure_mode(mode: Mode) -> &'static str {
    match mode {
        Mode::Compliance => "Locked",
        Mode::Governance => "Unlocked",
    }
}

fn retention_xml(retention: &ObjectLock) -> String {
    format!(
        "<Retention xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Mode>{}</Mode><RetainUntilDate>{}</RetainUntilDate></Retention>",
        s3_mode(retention.mode),
        instant(retention.until)
    )
}

/// A lock as a store shows it. One that cannot be read is an error: taking it for none, or for a longer one, would both be wrong.
fn read_lock(name: &ObjectName, mode: &str, until: &str) -> Result<ObjectLock> {
    let unread = || {
        Error::new(Kind::Unsupported, format!("the store shows a lock that cannot be read: {mode:?} until {until:?}"))
            .on(name)
            .advise("use a newer release of cairn")
    };
    let mode = match mode.to_ascii_lowercase().as_str() {
        "compliance" | "locked" => Mode::Compliance,
        "governance" | "unlocked" => Mode::Governance,
        _ => return Err(unread()),
    };
    // Parts of a second are cut, not rounded up: a lock is taken to end no later than it does.
    let stamp = until.parse::<jiff::Timestamp>().ok().map(|t| Time::new(t.as_second(), 0));
    Ok(ObjectLock { mode, until: stamp.or_else(|| dates::read(until)).ok_or_else(unread)? })
}
