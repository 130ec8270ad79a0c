//! The layer before Azurite: versions, policies, faults.

mod signature;

use parking_lot::Mutex;
use signature::sign;
use std::collections::BTreeMap;
use std::sync::Arc;
use testkit::http::{Answer, Request, Server, http_date};

/// What shall go wrong, once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// A put is stored without its policy, and nobody says so.
    DropPolicy,
    /// A put or a policy is done, and its answer is lost in a 500.
    LoseAnswer,
    /// A policy that was set is not shown nor kept.
    IgnoreExtension,
    /// A locked version is deleted.
    DeleteLocked,
}

/// A running layer; ends when it is dropped.
pub(super) struct Layer {
    path: String,
    account: Arc<Account>,
    server: Server,
}

struct Account {
    server: String,
    name: String,
    key: String,
    blobs: Mutex<Blobs>,
    faults: Mutex<Vec<Fault>>,
}

/// Versions of each blob by its path, the oldest first; `current` names the one that plain requests see.
#[derive(Default)]
struct Blobs {
    versions: BTreeMap<String, Vec<Version>>,
    current: BTreeMap<String, String>,
    made: u64,
}

#[derive(Clone)]
struct Version {
    id: String,
    bytes: Vec<u8>,
    policy: Option<LockPolicy>,
}

/// An end in seconds, and whether it is locked for good.
#[derive(Clone, Copy)]
struct LockPolicy {
    until: i64,
    locked: bool,
}

impl Layer {
    /// Stands before the Azurite at `endpoint`, with the name and the key of its account.
    pub(super) fn before(endpoint: &str, name: String, key: String) -> Self {
        let endpoint = url::Url::parse(endpoint).unwrap();
        let server = format!("{}:{}", endpoint.host_str().unwrap(), endpoint.port().unwrap());
        let account = Arc::new(Account { server, name, key, blobs: Mutex::default(), faults: Mutex::default() });
        let serving = Arc::clone(&account);
        let server = Server::start(move |request| serving.serve(request));
        Layer { path: endpoint.path().to_owned(), account, server }
    }

    /// Where clients go in its place.
    pub(super) fn endpoint(&self) -> String {
        format!("{}{}", self.server.endpoint(), self.path)
    }

    /// Lets `fault` happen at the next chance.
    pub(super) fn inject(&self, fault: Fault) {
        self.account.faults.lock().push(fault);
    }

    /// Whether every injected fault has happened.
    pub(super) fn is_spent(&self) -> bool {
        self.account.faults.lock().is_empty()
    }
}

impl Account {
    fn serve(&self, request: &Request) -> Answer {
        let own = request.asks("versionid").is_some() || request.asks("include").is_some();
        let own = own || request.asks("comp") == Some("immutabilityPolicies");
        if own && request.header("authorization") != Some(&sign(request, &self.name, &self.key)) {
            refuse(403, "AuthenticationFailed")
        } else {
            self.answer(request)
        }
    }

    fn answer(&self, request: &Request) -> Answer {
        match (request.method.as_str(), request.asks("comp"), request.asks("versionid")) {
            ("GET", Some("list"), _) if request.asks("include") == Some("versions") => self.list(request),
            ("PUT", Some("immutabilityPolicies"), version) => self.set_policy(request, version),
            ("PUT", None, _) => self.put(request),
            ("GET" | "HEAD", None, Some(version)) => self.get(request, version),
            ("DELETE", None, Some(version)) => self.delete(request, version),
            ("DELETE", None, None) => {
                let answer = request.forward(&self.server);
                // The current version becomes an earlier one, locked or not.
                self.blobs.lock().current.remove(&request.path);
                answer
            }
            _ => self.describe(request),
        }
    }

    fn has(&self, fault: Fault) -> bool {
        let mut faults = self.faults.lock();
        let at = faults.iter().position(|f| *f == fault);
        at.map(|at| faults.remove(at)).is_some()
    }

    /// A plain request, with what Azurite leaves out.
    fn describe(&self, request: &Request) -> Answer {
        let mut answer = request.forward(&self.server);
        if request.asks("restype") == Some("container") && request.asks("comp").is_none() {
            let name = "x-ms-immutable-storage-with-versioning-enabled".to_owned();
            answer.headers.push((name, "true".to_owned()));
        }
        let blobs = self.blobs.lock();
        let current = blobs.current.get(&request.path).and_then(|id| blobs.find(&request.path, id));
        if let Some(version) = current.filter(|_| answer.status < 300) {
            answer.headers.extend(version.headers().into_iter().map(|(n, v)| (n.to_owned(), v)));
        }
        answer
    }

    fn put(&self, request: &Request) -> Answer {
        let policy = match LockPolicy::asked(request) {
            Ok(policy) => policy.filter(|_| !self.has(Fault::DropPolicy)),
            Err(refusal) => return refusal,
        };
        let mut answer = request.forward(&self.server);
        if answer.status == 201 {
            let id = self.blobs.lock().push(&request.path, request.body.clone(), policy);
            if self.has(Fault::LoseAnswer) {
                return refuse(500, "InternalError");
            }
            answer.headers.push(("x-ms-version-id".to_owned(), id));
        }
        answer
    }

    fn set_policy(&self, request: &Request, version: Option<&str>) -> Answer {
        let asked = match LockPolicy::asked(request) {
            Ok(Some(policy)) => policy,
            Ok(None) => return refuse(400, "MissingRequiredHeader"),
            Err(refusal) => return refusal,
        };
        let ignored = self.has(Fault::IgnoreExtension);
        let mut blobs = self.blobs.lock();
        let Some(id) = version.map(str::to_owned).or_else(|| blobs.current.get(&request.path).cloned()) else {
            return refuse(404, "BlobNotFound");
        };
        let versions = blobs.versions.get_mut(&request.path).into_iter().flatten();
        let Some(version) = versions.into_iter().find(|v| v.id == id) else {
            return refuse(404, "BlobNotFound");
        };
        if version.policy.is_some_and(|now| now.locked && (asked.until < now.until || !asked.locked)) {
            return refuse(409, "BlobImmutableDueToPolicy");
        }
        if !ignored {
            version.policy = Some(asked);
        }
        let headers = version.headers();
        if self.has(Fault::LoseAnswer) { refuse(500, "InternalError") } else { answer(200, headers, vec![]) }
    }

    fn get(&self, request: &Request, id: &str) -> Answer {
        let blobs = self.blobs.lock();
        let Some(version) = blobs.find(&request.path, id) else { return refuse(404, "BlobNotFound") };
        let mut headers = version.headers();
        headers.push(("etag", format!("\"{id}\"")));
        headers.push(("last-modified", http_date(now())));
        let whole = version.bytes.len();
        let range = request.header("range").or_else(|| request.header("x-ms-range"));
        let Some((start, end)) = range.and_then(|r| r.strip_prefix("bytes=")?.split_once('-')) else {
            return answer(200, headers, version.bytes.clone());
        };
        let (start, end) = (start.parse::<usize>().unwrap(), end.parse::<usize>().unwrap_or(whole).saturating_add(1));
        if start >= whole {
            return refuse(416, "InvalidRange");
        }
        let end = end.min(whole);
        headers.push(("content-range", format!("bytes {start}-{}/{whole}", end - 1)));
        answer(206, headers, version.bytes[start..end].to_vec())
    }

    fn delete(&self, request: &Request, id: &str) -> Answer {
        let mut blobs = self.blobs.lock();
        let Some(version) = blobs.find(&request.path, id) else { return refuse(404, "BlobNotFound") };
        if version.policy.is_some_and(|policy| policy.until > now()) && !self.has(Fault::DeleteLocked) {
            return refuse(409, "BlobImmutableDueToPolicy");
        }
        blobs.versions.entry(request.path.clone()).or_default().retain(|v| v.id != id);
        if blobs.current.get(&request.path).is_some_and(|current| current == id) {
            blobs.current.remove(&request.path);
            self.remove_current(request);
        }
        answer(202, vec![], vec![])
    }

    fn remove_current(&self, request: &Request) {
        let headers = [("x-ms-date", http_date(now())), ("x-ms-version", "2023-11-03".to_owned())];
        let mut headers: Vec<_> = headers.into_iter().map(|(n, v)| (n.to_owned(), v)).collect();
        headers.push(("host".to_owned(), self.server.clone()));
        let mut plain = request.plain("DELETE", headers);
        plain.headers.push(("authorization".to_owned(), sign(&plain, &self.name, &self.key)));
        assert_eq!(plain.forward(&self.server).status, 202);
    }

    /// Pages of a few, so that paging is tried too. The marker is the number of the next line.
    fn list(&self, request: &Request) -> Answer {
        let container = format!("{}/", request.path.trim_end_matches('/'));
        let prefix = format!("{container}{}", request.asks("prefix").unwrap_or_default());
        let blobs = self.blobs.lock();
        let mut lines = Vec::new();
        for (path, versions) in blobs.versions.iter().filter(|(path, _)| path.starts_with(&prefix)) {
            for version in versions {
                let (name, length) = (path.strip_prefix(&container).unwrap(), version.bytes.len());
                lines.push(format!(
                    "<Blob><Name>{name}</Name><VersionId>{}</VersionId><Properties><Last-Modified>{}</Last-Modified>\
                     <Content-Length>{length}</Content-Length></Properties></Blob>",
                    version.id,
                    http_date(now())
                ));
            }
        }
        let start: usize = request.asks("marker").map_or(0, |m| m.parse().unwrap());
        let end = lines.len().min(start + PAGE);
        let next = if end < lines.len() { end.to_string() } else { String::new() };
        let body = format!(
            "\u{feff}<?xml version=\"1.0\" encoding=\"utf-8\"?><EnumerationResults><Blobs>{}</Blobs>\
             <NextMarker>{next}</NextMarker></EnumerationResults>",
            lines[start..end].concat()
        );
        answer(200, vec![("content-type", "application/xml".to_owned())], body.into_bytes())
    }
}

impl Blobs {
    fn find(&self, path: &str, id: &str) -> Option<&Version> {
        self.versions.get(path)?.iter().find(|v| v.id == id)
    }

    fn push(&mut self, path: &str, bytes: Vec<u8>, policy: Option<LockPolicy>) -> String {
        self.made += 1;
        let id = format!("2026-01-01T00:00:00.{:07}Z", self.made);
        self.versions.entry(path.to_owned()).or_default().push(Version { id: id.clone(), bytes, policy });
        self.current.insert(path.to_owned(), id.clone());
        id
    }
}

impl Version {
    fn headers(&self) -> Vec<(&'static str, String)> {
        let mut headers = vec![("x-ms-version-id", self.id.clone())];
        if let Some(policy) = self.policy {
            let mode = if policy.locked { "locked" } else { "unlocked" };
            headers.push(("x-ms-immutability-policy-mode", mode.to_owned()));
            headers.push(("x-ms-immutability-policy-until-date", http_date(policy.until)));
        }
        headers
    }
}

impl LockPolicy {
    /// What the headers ask for; a date that has passed is refused.
    fn asked(request: &Request) -> Result<Option<Self>, Answer> {
        let Some(until) = request.header("x-ms-immutability-policy-until-date") else { return Ok(None) };
        let refusal = || refuse(400, "InvalidHeaderValue");
        let until = jiff::fmt::rfc2822::parse(until).map_err(|_| refusal())?.timestamp().as_second();
        let locked = match request.header("x-ms-immutability-policy-mode") {
            Some("Locked") => true,
            Some("Unlocked") | None => false,
            Some(_) => return Err(refusal()),
        };
        if until > now() { Ok(Some(LockPolicy { until, locked })) } else { Err(refusal()) }
    }
}

/// An answer of the layer's own.
fn answer(status: u16, headers: Vec<(&str, String)>, body: Vec<u8>) -> Answer {
    let mut answer = Answer::new(status);
    headers.iter().for_each(|(name, value)| answer.set(name, value));
    answer.set("content-length", &body.len().to_string());
    answer.set("date", &http_date(now()));
    Answer { body, ..answer }
}

/// A refusal, as Azure words it.
fn refuse(status: u16, code: &str) -> Answer {
    let body = format!("\u{feff}<?xml version=\"1.0\"?><Error><Code>{code}</Code><Message>No.</Message></Error>");
    answer(status, vec![("x-ms-error-code", code.to_owned())], body.into_bytes())
}

fn now() -> i64 {
    jiff::Timestamp::now().as_second()
}

const PAGE: usize = 20;
