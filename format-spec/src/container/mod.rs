//! The one container of every object: header, records, directory, trailer (spec/container.md).
//!
//! ```text
//! header (96) | record | record | ... | directory | trailer (104)
//! ```
//!
//! Promises: bytes of any origin are parsed without a panic and without an allocation that they could inflate; what `parse`
//! accepts is whole. Refuses to do I/O.

mod directory;
mod header;
mod object;
mod record;
mod version;
mod writer;

pub use crate::ObjectKind;
pub use crate::has_magic;
pub use directory::{DirectoryEntry, ENTRY_BYTES, RECORDS_MAX, TRAILER_BYTES, Trailer};
pub use header::{HEADER_BYTES, Header, Suite};
pub use object::{Object, open_record};
pub use record::{Codec, HEAD_BYTES, PLAIN_BYTES_MAX, RecordHead, STORED_BYTES_MAX, TAG_BYTES, kind};
pub use version::Version;
pub use writer::{ObjectWriter, complete};
