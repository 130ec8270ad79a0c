//! Listings of versions: S3's `ListObjectVersions`, Azure's listing with `include=versions`.
//!
//! S3 names the versions of one key newest first, and some servers put all markers of a page after all versions; Azure's version ids
//! are the times of their making. Names that are not ours (whatever bytes are in them) are skipped, never an error: anybody who may
//! write could end every listing otherwise.

use super::answer::Operation;
use super::page::{Entry, Page, read, time};
use super::wire::Ask;
use super::{Cloud, Remote};
use crate::{ListOptions, Listed, ObjectName, ObjectVersion};
use base::error::{Error, Kind, Result};
use bytes::Bytes;
use format_spec::Time;
use reqwest::Method;

impl Remote {
    /// See [`crate::Store::versions`].
    pub(super) fn versions_of(&self, name: &ObjectName) -> Result<Vec<ObjectVersion>> {
        let key = format!("{}{name}", self.prefix);
        let mut found = Vec::new();
        self.pages(&key, None, &mut |page| {
            // A key sorts before those that it is the beginning of.
            let more = page.entries.last().is_none_or(|last| last.key == key);
            found.extend(page.entries.into_iter().filter(|entry| entry.key == key));
            more
        })?;
        Ok(match &self.cloud {
            Cloud::S3(_) => order_s3(found),
            Cloud::Azure { .. } => order_azure(found),
        })
    }

    /// See [`crate::Store::list`].
    pub(super) fn list_oldest(&self, options: &ListOptions<'_>, visit: &mut dyn FnMut(Listed) -> bool) -> Result<()> {
        let ListOptions { prefix, after, .. } = *options;
        self.each_oldest(prefix, after, &mut |entry, _| match self.listed_name(&entry, prefix, after) {
            Some(name) => {
                let (stored, version) = (time(&entry.modified), entry.id);
                visit(Listed { name, bytes: entry.bytes, stored, version, tier: None })
            }
            None => true,
        })
    }

    /// The entry's name, if it is one of ours that a listing shall show.
    pub(super) fn listed_name(&self, entry: &Entry, prefix: &str, after: Option<&ObjectName>) -> Option<ObjectName> {
        let name = entry.key.strip_prefix(&self.prefix).and_then(|n| ObjectName::new(n).ok());
        name.filter(|n| n.is_below(prefix) && after.is_none_or(|after| n > after))
    }

    /// What all names below `prefix` begin with in the bucket.
    pub(super) fn full_prefix(&self, prefix: &str) -> String {
        let slash = if prefix.is_empty() { "" } else { "/" };
        format!("{}{prefix}{slash}", self.prefix)
    }

    /// The oldest version of each key, with the store's time, until `show` has had enough.
    pub(super) fn each_oldest(
        &self,
        prefix: &str,
        after: Option<&ObjectName>,
        show: &mut dyn FnMut(Entry, Option<Time>) -> bool,
    ) -> Result<()> {
        let full = self.full_prefix(prefix);
        let azure = matches!(self.cloud, Cloud::Azure { .. });
        let mut now = None;
        // The versions of a key stand together; the oldest seen so far of the key at hand.
        let mut oldest: Option<Entry> = None;
        let mut more = true;
        // Azure's marker is no name; there the beginning is listed and left out.
        let start = after.filter(|_| !azure).map(|after| format!("{}{after}", self.prefix));
        self.pages(&full, start, &mut |page| {
            now = page.now.or(now);
            for entry in page.entries.into_iter().filter(|entry| !entry.marker) {
                match &mut oldest {
                    Some(held) if held.key == entry.key => {
                        // S3 goes back in time; Azure tells the time.
                        if !azure || entry.id < held.id {
                            *held = entry;
                        }
                    }
                    _ => {
                        if let Some(done) = oldest.replace(entry) {
                            more = more && show(done, now);
                        }
                    }
                }
            }
            more
        })?;
        if more && let Some(last) = oldest {
            show(last, now);
        }
        Ok(())
    }

    /// Every page of a listing of versions whose keys begin with `prefix`, until `visit` has had enough.
    fn pages(&self, prefix: &str, start: Option<String>, visit: &mut dyn FnMut(Page) -> bool) -> Result<()> {
        let (mut key, mut version) = (start.unwrap_or_default(), String::new());
        loop {
            let mut page = self.page(prefix, &key, &version)?;
            let next = (page.next_key.take().unwrap_or_default(), page.next_version.take().unwrap_or_default());
            // A server that repeats its place would keep us for ever.
            let last = !page.truncated || next.0.is_empty() || next == (key.clone(), version.clone());
            if !visit(page) || last {
                return Ok(());
            }
            (key, version) = next;
        }
    }

    fn page(&self, prefix: &str, key: &str, version: &str) -> Result<Page> {
        let mut query = match &self.cloud {
            // Encoded, as a key may hold what no XML can.
            Cloud::S3(_) => {
                vec![("versions", ""), ("encoding-type", "url"), ("key-marker", key), ("version-id-marker", version)]
            }
            Cloud::Azure { .. } => {
                vec![("restype", "container"), ("comp", "list"), ("include", "versions"), ("marker", key)]
            }
        };
        query.push(("prefix", prefix));
        self.page_of(prefix, query)
    }

    /// One page of a listing; what has no value in `query` is left out.
    pub(super) fn page_of(&self, prefix: &str, mut query: Vec<(&'static str, &str)>) -> Result<Page> {
        query.retain(|(name, value)| *name == "versions" || !value.is_empty());
        let (path, verb) = (object_store::path::Path::default(), Operation::List);
        // The name is for messages only, which speak of the place here.
        let name = ObjectName::new(format_spec::names::CONFIG)?;
        let headers = match &self.cloud {
            // Otherwise a listing does not tell what was restored; who does not know this leaves it unread.
            Cloud::S3(_) => vec![("x-amz-optional-object-attributes", "RestoreStatus".to_owned())],
            Cloud::Azure { .. } => Vec::new(),
        };
        let (method, body, name) = (Method::GET, Bytes::new(), &name);
        let response = self.ask(self.send(Ask { verb, method, name, path, query: &query, headers, body }))?;
        if !(200..300).contains(&response.status) {
            return Err(response.answer().error_on(verb, &format!("{}/{prefix}", self.location)));
        }
        let unread = |what| {
            Error::new(Kind::Transient, format!("a listing cannot be read: {what}"))
                .on(format!("{}/{prefix}", self.location))
                .advise("try again; if it stays, this server does not list as S3 or Azure do")
        };
        let mut page = read(&response.text()).map_err(unread)?;
        page.now = response.time();
        Ok(page)
    }
}

/// The oldest first. Versions keep the order in which the store names them; markers find their place by their time.
fn order_s3(found: Vec<Entry>) -> Vec<ObjectVersion> {
    let (markers, versions): (Vec<_>, Vec<_>) = found.into_iter().rev().partition(|entry| entry.marker);
    let mut markers = markers.into_iter().peekable();
    let mut ordered = Vec::new();
    for version in versions {
        while let Some(marker) = markers.next_if(|marker| marker.modified < version.modified) {
            ordered.push(marker.into());
        }
        ordered.push(version.into());
    }
    ordered.extend(markers.map(ObjectVersion::from));
    ordered
}

fn order_azure(mut found: Vec<Entry>) -> Vec<ObjectVersion> {
    found.sort_by(|a, b| a.id.cmp(&b.id));
    found.into_iter().map(ObjectVersion::from).collect()
}

impl From<Entry> for ObjectVersion {
    fn from(entry: Entry) -> Self {
        ObjectVersion { id: entry.id, bytes: entry.bytes, marker: entry.marker }
    }
}

#[cfg(test)]
#[path = "versions_tests.rs"]
mod tests;
