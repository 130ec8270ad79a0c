//! Whether the store holds a checksum against the bytes that come with it: tried with one that is not theirs.

use super::answer::Operation;
use super::{Cloud, Remote, wire};
use crate::{ObjectName, Receipt, Store, StoreExt};
use base::error::{Kind, Result};
use bytes::Bytes;

impl Remote {
    /// See [`crate::PutOptions::tries_checksum`].
    pub(super) fn try_checksum(&self, name: &ObjectName) -> Result<Receipt> {
        let refuses = |checksum_enforced| Receipt { version: None, checksum_enforced };
        let put = |wrong: bool| {
            let body = Bytes::from_static(CHECKSUM_BODY);
            let headers = match &self.cloud {
                Cloud::S3(_) => {
                    let digest = if wrong { &[7; 32] } else { &CHECKSUM_SHA256 };
                    vec![("x-amz-checksum-sha256", wire::base64_sha256(digest))]
                }
                Cloud::Azure { .. } if wrong => self.put_headers(&Bytes::from_static(b"other bytes")),
                Cloud::Azure { .. } => self.put_headers(&body),
            };
            self.ask(self.send(self.put_ask(name, body, headers)))
        };
        let wrong = put(true)?;
        match wrong.status {
            200..=299 => return Ok(refuses(false)),
            400 if self.head_of(name).is_err_and(|e| e.kind() == Kind::Absent) => {}
            _ => return Err(wrong.answer().error(Operation::Put, name)),
        }
        // A server that refuses the right one too has refused something else.
        let right = put(false)?;
        if !(200..=299).contains(&right.status) {
            return Ok(refuses(false));
        }
        let version = right.version();
        self.delete(name.at(version.as_deref()))?;
        Ok(refuses(true))
    }
}

const CHECKSUM_BODY: &[u8] = b"these bytes are sent twice, once with a checksum that is not theirs";
/// The SHA-256 of these bytes.
const CHECKSUM_SHA256: [u8; 32] = [
    0x30, 0x7f, 0x8e, 0x86, 0x9b, 0xcf, 0xb8, 0xa0, 0x9a, 0x2c, 0x3c, 0x21, 0xaa, 0x3c, 0x73, 0x0b, 0xe5, 0xc3, 0xf8,
    0x64, 0x1f, 0x40, 0x45, 0x17, 0x3b, 0xd1, 0x65, 0x5b, 0x6b, 0xc3, 0xcb, 0x56,
];
