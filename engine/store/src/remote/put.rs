//! Puts with options: the class and the lock go in the request that creates the object.
//!
//! What was put into an archive cannot be read back to compare it when an answer was lost. So its SHA-256 goes along as metadata, in the
//! request whose bytes the store checks, and a name that is taken is looked at: the same digest means that our own put was done.

use super::answer::Operation;
use super::wire::{Response, base64_sha256, sha256};
use super::{Cloud, Remote};
use crate::class::{ADVICE_CLASS, foreign_class};
use crate::lock::no_locks;
use crate::{ObjectName, Provider, PutOptions, Receipt, StorageClass};
use base::error::{Error, Kind, Result};
use bytes::Bytes;

impl Remote {
    /// Puts in the class and with the lock of `options`. A lock is read back, and added where the store dropped it.
    pub(super) fn put_with(&self, name: &ObjectName, bytes: Bytes, options: &PutOptions) -> Result<Receipt> {
        let (length, digest) = (bytes.len() as u64, sha256(&bytes));
        let mut headers = match &self.cloud {
            Cloud::S3(_) => vec![
                ("if-none-match", "*".to_owned()),
                ("content-type", "application/octet-stream".to_owned()),
                // A put with a lock must carry a checksum.
                ("x-amz-checksum-sha256", base64_sha256(&digest)),
                ("x-amz-sdk-checksum-algorithm", "SHA256".to_owned()),
            ],
            Cloud::Azure { .. } => self.put_headers(&bytes),
        };
        let archived = options.class.is_some_and(StorageClass::is_archive);
        if let Some(class) = options.class {
            headers.push(self.class_header(name, class)?);
        }
        if archived {
            headers.push((self.digest_header(), base64_sha256(&digest)));
        }
        if let Some(lock) = &options.lock {
            headers.extend(self.lock_headers(lock)?);
        }
        let response = self.ask(self.send(self.put_ask(name, bytes, headers)))?;
        let checksum_enforced = self.checksum_enforced;
        let version = match (response.done(Operation::Put, name), &options.lock) {
            (Ok(()), _) => response.version(),
            (Err(e), _) if archived && e.kind() == Kind::Exists => self.ours(name, length, &digest, e)?,
            (Err(e), None) => return Err(refused_class(name, options.class, &response).unwrap_or(e)),
            (Err(e), Some(wanted)) => return Err(self.explain_refused_lock(name, &response, wanted, e)),
        };
        if let Some(wanted) = &options.lock {
            let version = version.as_deref().ok_or_else(|| no_locks(name).because("the put named no version"))?;
            self.raise_lock(name.at(Some(version)), wanted)?;
        }
        Ok(Receipt { version, checksum_enforced })
    }

    /// The version of an object that has our bytes already; else `taken`.
    fn ours(&self, name: &ObjectName, length: u64, digest: &[u8; 32], taken: Error) -> Result<Option<String>> {
        let head = match self.own_head(name.object()) {
            Err(e) if e.kind() == Kind::Absent => return Err(taken),
            other => other?,
        };
        let same = head.header(self.digest_header()).is_some_and(|shown| shown == base64_sha256(digest))
            && head.header("content-length").is_some_and(|text| text.parse() == Ok(length));
        if same { Ok(head.version()) } else { Err(taken) }
    }

    fn digest_header(&self) -> &'static str {
        match &self.cloud {
            Cloud::S3(_) => "x-amz-meta-sha256",
            Cloud::Azure { .. } => "x-ms-meta-sha256",
        }
    }

    /// How a class is named in a request.
    pub(super) fn class_header(&self, name: &ObjectName, class: StorageClass) -> Result<(&'static str, String)> {
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

/// The refusal of a class, if it is one: nothing else in such a request is unusual. Some stores have a code for it, Ceph says that an argument is
/// invalid, and Azure that a header is.
fn refused_class(name: &ObjectName, class: Option<StorageClass>, response: &Response) -> Option<Error> {
    let (class, code) = (class?, response.answer().code?);
    let codes = [
        "InvalidArgument",
        "InvalidHeaderValue",
        "InvalidStorageClass",
        "AccessTierNotSupportedForBlobType",
        "BlobAccessTierNotSupportedForAccountType",
    ];
    let what = format!("the store does not have the storage class {class} ({} {code})", response.status);
    codes.contains(&&*code).then(|| Error::new(Kind::Unsupported, what).on(name).advise(ADVICE_CLASS))
}
