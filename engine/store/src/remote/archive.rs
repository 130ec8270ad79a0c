//! Archives: how an object rests, asking for it, letting it rest again. In S3's words (restore) and in Azure's (tiers).

use super::answer::Operation;
use super::dates;
use super::wire::{Ask, Response, base64_sha256, sha256};
use super::{Cloud, Remote};
use crate::availability::{no_archive, some_days};
use crate::class::foreign_class;
use crate::{Asked, Availability, ObjectName, ObjectRef, Provider, RetrievalMode, StorageClass, StoreExt, TierStatus};
use base::error::{Error, Kind, Result};
use bytes::Bytes;
use reqwest::Method;

impl Remote {
    /// How an object rests, as a head of ours shows it.
    pub(super) fn tier_shown(&self, head: &Response, bytes: u64) -> TierStatus {
        let (class, availability) = match &self.cloud {
            Cloud::S3(_) => {
                // Amazon shows no class for the one that everything has.
                let class = head.header("x-amz-storage-class").unwrap_or_else(|| DEFAULT_CLASS.to_owned());
                (StorageClass::known(&class), s3_availability(head, &class))
            }
            Cloud::Azure { .. } => {
                let tier = head.header("x-ms-access-tier").unwrap_or_default();
                let status = head.header("x-ms-archive-status");
                (StorageClass::known(&tier), Availability::of_azure(&tier, status.as_deref()))
            }
        };
        TierStatus { class, availability, bytes }
    }

    /// See [`crate::Store::retrieve`].
    pub(super) fn ask_back(&self, object: ObjectRef<'_>, mode: RetrievalMode, days: u32) -> Result<Asked> {
        some_days(object.name, days)?;
        match &self.cloud {
            Cloud::S3(_) => self.restore(object, mode, days),
            Cloud::Azure { .. } => self.rehydrate(object, mode),
        }
    }

    /// See [`crate::Store::rest_again`].
    pub(super) fn send_back(&self, object: ObjectRef<'_>, class: StorageClass) -> Result<()> {
        let name = object.name;
        match &self.cloud {
            Cloud::S3(_) if class.provider() == Provider::S3 => Ok(()),
            Cloud::S3(_) => Err(foreign_class(name, class, Provider::S3)),
            Cloud::Azure { .. } => {
                let header = self.class_header(name, class)?;
                self.insist_on_newest(object)?;
                self.set_tier(name, vec![header])?.done(Operation::Retrieve, name)
            }
        }
    }

    fn restore(&self, object: ObjectRef<'_>, mode: RetrievalMode, days: u32) -> Result<Asked> {
        let ObjectRef { name, version } = object;
        let refuse = |e: Error| e.on(name);
        mode.allows(StorageClass::Glacier, 0).map_err(refuse)?;
        if mode == RetrievalMode::Expedited {
            // Not every object can be had so; the store would say it late, or take the money and not do it.
            let tier = self.tier_of(object)?;
            match (tier.availability, tier.class) {
                (Availability::Online, _) => return Ok(Asked::Ready),
                (Availability::Retrieving, _) => return Ok(Asked::Underway),
                (_, Some(class)) => mode.allows(class, tier.bytes).map_err(refuse)?,
                (_, None) => {}
            }
        }
        let body = Bytes::from(restore_xml(mode, days));
        let mut query = vec![("restore", "")];
        query.extend(self.version_query(version));
        let headers = vec![
            ("x-amz-checksum-sha256", base64_sha256(&sha256(&body))),
            ("x-amz-sdk-checksum-algorithm", "SHA256".to_owned()),
        ];
        let (verb, method, path) = (Operation::Retrieve, Method::POST, self.path(name));
        let response = self.ask(self.send(Ask { verb, method, name, path, query: &query, headers, body }))?;
        match (response.status, response.answer().code.as_deref()) {
            (200..=299, _) => Ok(Asked::Accepted),
            (_, Some("RestoreAlreadyInProgress")) => Ok(Asked::Underway),
            (_, Some("ObjectAlreadyInActiveTierError")) => Ok(Asked::Ready),
            (_, Some("InvalidObjectState")) => match self.tier_of(object)?.availability {
                Availability::Online => Ok(Asked::Ready),
                _ => Err(response.answer().error(verb, name)),
            },
            (405 | 501, _) => Err(no_archive(name).because(response.answer().error(verb, name))),
            _ => Err(response.answer().error(verb, name)),
        }
    }

    fn rehydrate(&self, object: ObjectRef<'_>, mode: RetrievalMode) -> Result<Asked> {
        let name = object.name;
        mode.allows(StorageClass::Archive, 0).map_err(|e| e.on(name))?;
        // Asked first: to set the tier of what does not rest would move it, and cost.
        let availability = self.tier_of(object)?.availability;
        match (availability, mode) {
            (Availability::Online | Availability::Ready { .. }, _) => return Ok(Asked::Ready),
            (Availability::Retrieving, RetrievalMode::Standard) => return Ok(Asked::Underway),
            // Its priority can be raised on the way.
            _ => self.insist_on_newest(object)?,
        }
        let priority = if mode == RetrievalMode::High { "High" } else { "Standard" };
        let header = self.class_header(name, StorageClass::Hot)?;
        let response = self.set_tier(name, vec![header, ("x-ms-rehydrate-priority", priority.to_owned())])?;
        match (response.status, response.answer().code.as_deref()) {
            (200..=299, _) if availability == Availability::Retrieving => Ok(Asked::Underway),
            (202, _) => Ok(Asked::Accepted),
            (200..=299, _) => Ok(Asked::Ready),
            (_, Some("BlobBeingRehydrated")) => Ok(Asked::Underway),
            _ => Err(response.answer().error(Operation::Retrieve, name)),
        }
    }

    fn set_tier(&self, name: &ObjectName, headers: Vec<(&'static str, String)>) -> Result<Response> {
        let (verb, method, path) = (Operation::Retrieve, Method::PUT, self.path(name));
        let (query, body) = ([("comp", "tier")], Bytes::new());
        self.ask(self.send(Ask { verb, method, name, path, query: &query, headers, body }))
    }

    /// Azure moves only the newest version out of its archive; an earlier one can but be copied.
    fn insist_on_newest(&self, ObjectRef { name, version }: ObjectRef<'_>) -> Result<()> {
        let Some(version) = version else { return Ok(()) };
        let newest = match self.own_head(name.object()) {
            Ok(head) => head.version(),
            Err(e) if e.kind() == Kind::Absent => None,
            Err(e) => return Err(e),
        };
        if newest.as_deref() == Some(version) {
            return Ok(());
        }
        Err(Error::new(Kind::Unsupported, "the store moves only the newest version of an object out of its archive")
            .on(name)
            .advise("somebody deleted or overwrote this object: make its first version the newest one again"))
    }
}

fn s3_availability(head: &Response, class: &str) -> Availability {
    let restore = head.header("x-amz-restore");
    let ongoing = restore.as_deref().and_then(|text| Some(quoted(text, "ongoing-request")? == "true"));
    let until = restore.as_deref().and_then(|text| dates::read(quoted(text, "expiry-date")?));
    // A class that moves objects by itself tells in which of its archives one is.
    match (ongoing, head.header("x-amz-archive-status")) {
        (None, Some(_)) => Availability::Archived,
        _ => Availability::of_s3(class, ongoing, until, head.time()),
    }
}

/// The value of `name="value"`.
fn quoted<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(name)?;
    let (value, _) = rest.trim_start().strip_prefix('=')?.trim_start().strip_prefix('"')?.split_once('"')?;
    Some(value)
}

fn restore_xml(mode: RetrievalMode, days: u32) -> String {
    let tier = match mode {
        RetrievalMode::Expedited => "Expedited",
        RetrievalMode::Bulk => "Bulk",
        RetrievalMode::Standard | RetrievalMode::High => "Standard",
    };
    format!(
        "<RestoreRequest xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Days>{days}</Days>\
         <GlacierJobParameters><Tier>{tier}</Tier></GlacierJobParameters></RestoreRequest>"
    )
}

pub(super) const DEFAULT_CLASS: &str = "STANDARD";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_header_of_a_restore_is_read() {
        let text = "ongoing-request=\"false\", expiry-date=\"Fri, 21 Dec 2012 00:00:00 GMT\"";
        assert_eq!(quoted(text, "ongoing-request"), Some("false"));
        assert_eq!(quoted(text, "expiry-date").and_then(dates::read).map(|t| t.seconds), Some(1_356_048_000));
        assert_eq!(quoted("ongoing-request=\"true\"", "expiry-date"), None);
        assert_eq!(quoted("ongoing-request=true", "ongoing-request"), None);
    }

    #[test]
    fn a_request_names_days_and_tier() {
        let text = restore_xml(RetrievalMode::Bulk, 7);
        assert!(text.contains("<Days>7</Days><GlacierJobParameters><Tier>Bulk</Tier>"), "{text}");
    }
}
