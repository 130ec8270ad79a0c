//! Puts with terms: the class and the lock go in the request that creates the object.

use super::answer::Verb;
use super::wire::{base64_sha256, sha256};
use super::{Cloud, Remote};
use crate::error::Result;
use crate::store::class::foreign_class;
use crate::store::retention::no_locks;
use crate::store::{Name, Provider, Receipt, StorageClass, Store, Terms};
use bytes::Bytes;

impl Remote {
    /// Puts in the class and with the lock of `terms`. A lock is read back, and added where the store dropped it.
    pub(super) fn put_with(&self, name: &Name, bytes: Bytes, terms: &Terms) -> Result<Receipt> {
        if terms == &Terms::default() {
            return self.put_new(name, bytes);
        }
        let mut headers = match &self.cloud {
            Cloud::S3(_) => vec![
                ("if-none-match", "*".to_owned()),
                ("content-type", "application/octet-stream".to_owned()),
                // A put with a lock must carry a checksum.
                ("x-amz-checksum-sha256", base64_sha256(&sha256(&bytes))),
                ("x-amz-sdk-checksum-algorithm", "SHA256".to_owned()),
            ],
            Cloud::Azure { .. } => self.put_headers(&bytes),
        };
        if let Some(class) = terms.class {
            headers.push(self.class_header(name, class)?);
        }
        if let Some(retention) = &terms.retention {
            headers.extend(self.lock_headers(retention)?);
        }
        let response = self.ask(self.send(self.put_ask(name, bytes, headers)))?;
        let done = response.done(Verb::Put, name);
        let (version, checksum_enforced) = (response.version(), self.checksum_enforced);
        let Some(wanted) = &terms.retention else {
            return done.map(|()| Receipt { version, checksum_enforced });
        };
        done.map_err(|e| self.explain_refused_lock(name, &response, wanted, e))?;
        let version = version.ok_or_else(|| no_locks(name).because("the put named no version"))?;
        self.raise_lock(name, Some(&version), wanted)?;
        Ok(Receipt { version: Some(version), checksum_enforced })
    }

    /// How a class is named in a request.
    pub(super) fn class_header(&self, name: &Name, class: StorageClass) -> Result<(&'static str, String)> {
        let (here, header) = match &self.cloud {
            Cloud::S3(_) => (Provider::S3, "x-amz-storage-class"),
            Cloud::Azure { .. } => (Provider::Azure, "x-ms-access-tier"),
        };
        if class.provider() == here {
            Ok((header, class.as_str().to_owned()))
        } else {
            Err(foreign_class(name, class, here))
        }
    }
}
