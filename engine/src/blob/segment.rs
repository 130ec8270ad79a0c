//! Storing an index segment: sealed, decoded again and compared, then stored for good.

use super::durable::put_again;
use super::sealed_store::SealedStore;
use crate::env::Env;
use crate::error::{Error, Kind, Result};
use crate::monitor::Monitor;
use crate::store::ObjectName;
use bytes::Bytes;
use format_spec::container::{Header, ObjectKind};
use format_spec::index::Segment;
use format_spec::log::ObjectRef;
use format_spec::{ObjectId, names};

/// Stores a segment under an id that only we can have, and says what an entry of the log vouches for. `take` gives the id, and another one when
/// the store did not keep what was stored under the first.
///
/// # Errors
/// `Bug` when it does not decode to what was written; the store's.
pub fn store_segment(
    sealed_store: &SealedStore,
    env: &dyn Env,
    monitor: &Monitor,
    take: &mut dyn FnMut() -> Result<ObjectId>,
    segment: &Segment,
) -> Result<(ObjectId, ObjectRef)> {
    put_again(&*sealed_store.store, monitor, &mut || {
        let id = take()?;
        let mut salt = [0; 32];
        env.random(&mut salt)?;
        let secrets = &sealed_store.secrets;
        let header = Header::new(
            ObjectKind::IndexSegment,
            secrets.suite(),
            sealed_store.repository,
            id.session,
            id.ordinal,
            salt,
        );
        let (bytes, body_hash) = segment.encode(header.clone(), secrets);
        if Segment::decode(&bytes, &header, secrets)? != *segment {
            return Err(Error::new(Kind::Bug, "an index segment does not decode to what was written").on(id));
        }
        let vouched = ObjectRef { ordinal: id.ordinal, bytes: bytes.len() as u64, body_hash };
        Ok((ObjectName::new(names::of_session(ObjectKind::IndexSegment, id))?, Bytes::from(bytes), (id, vouched)))
    })
}
