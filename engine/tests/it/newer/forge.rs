//! A restore point that a newer release has made: its manifest has a critical field that no release knows.

use bytes::Bytes;
use engine::repository::Repository;
use engine::restore_point::manifest_name;
use engine::store::{ObjectName, StoreExt};
use format_spec::container::{Header, Object, ObjectKind, ObjectWriter, kind};
use format_spec::log::{Change, ObjectRef, PointId, Purpose};
use format_spec::{ObjectId, names};

/// Field 99, critical and empty ([CONT-19]).
const UNKNOWN: [u8; 8] = [99, 0x80, 0, 0, 0, 0, 0, 0];

/// Gives a live point another manifest as a newer release would; all else of it stays.
pub(crate) fn make_newer(repository: &Repository, id: PointId) {
    let (env, log, sealed_store) = (repository.env(), repository.log(), repository.sealed_store());
    let commit = *log.view().live(&id).expect("the point is live");
    let open = |_: &engine::log::LogView| {
        Ok(Change::Open { job: "newer".into(), host: String::new(), base: None, purpose: Purpose::Care })
    };
    let session = log.append(&**env, &mut { open }).expect("opens");
    let bytes = newer(repository, &manifest_name(&commit).expect("has a name"), session, [7; 32]);
    let body_hash = Object::parse(&bytes).expect("parses").trailer().body_hash;
    let point = ObjectRef { ordinal: 0, bytes: bytes.len() as u64, body_hash };
    let name = names::of_session(ObjectKind::RestorePoint, ObjectId { session, ordinal: 0 });
    sealed_store.store.put_new(&ObjectName::new(name).expect("a name"), bytes).expect("is stored");
    let mut rewrite = |_: &engine::log::LogView| {
        Ok(Change::Rewrite { session, point, id, references: commit.references, reason: "newer".into() })
    };
    log.append(&**env, &mut rewrite).expect("rewrites");
    let mut end = |_: &engine::log::LogView| Ok(Change::Fence { session, reason: "it is done".into() });
    log.append(&**env, &mut end).expect("ends");
}

/// The manifest of this name as a newer release would have written it in `session`.
pub(crate) fn newer(repository: &Repository, name: &ObjectName, session: u32, salt: [u8; 32]) -> Bytes {
    let sealed_store = repository.sealed_store();
    let old = sealed_store.store.get(name).expect("the manifest is there");
    let object = Object::parse(&old).expect("the manifest is whole");
    let plain = object.open_only(kind::MANIFEST, &sealed_store.secrets.cipher(object.header())).expect("it opens");
    let header =
        Header::new(ObjectKind::RestorePoint, sealed_store.secrets.suite(), sealed_store.repository, session, 0, salt);
    let cipher = sealed_store.secrets.cipher(&header);
    let mut writer = ObjectWriter::new(header, cipher);
    writer.push_plain(kind::MANIFEST, &[&plain[..], &UNKNOWN].concat(), 3);
    Bytes::from(writer.finish().0)
}
