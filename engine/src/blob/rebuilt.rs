//! An index segment whose object is lost or damaged, made again from what its packs say about themselves.
//!
//! Which packs it mapped is told by the entry that published it, and by those of the segments that it replaced; where these are not in the log any
//! more, by a listing: packs that no other segment maps.
//!
//! Promises: a row is believed only of a pack whose directory is sealed, and whose trailer has the body hash that the log vouches for, where it
//! still does; packs that were condemned are left out; a damaged pack is healed by its parity in memory. Refuses to guess: a pack that cannot be
//! read has no rows, and its blobs are unknown until they are stored again.

use super::sealed_store::{SealedStore, lost};
use crate::error::{Error, Kind, Result};
use crate::index::SegmentBuilder;
use crate::limits::TAIL_BYTES;
use crate::log::{Log, SegmentRef};
use crate::pack::{PackTail, heal};
use crate::store::{ListOptions, Look, ObjectName, StoreExt, reread};
use format_spec::container::{DirectoryEntry, HEADER_BYTES, Header, Object, ObjectKind, kind};
use format_spec::index::{PackRow, Segment};
use format_spec::log::{Change, LogEntry, PublishedPack};
use format_spec::pack::{BlobEntry, Contents};
use format_spec::{ObjectId, names};
use std::collections::{BTreeMap, BTreeSet, HashSet};

/// A segment made again, and the packs that it lacks.
#[derive(Debug)]
pub struct Rebuilt {
    /// The rows of all packs that could be read.
    pub segment: Segment,
    /// The packs that could not.
    pub lacks: Vec<Lack>,
}

/// A pack that could not be read.
#[derive(Debug)]
pub struct Lack {
    /// The pack.
    pub id: ObjectId,
    /// Data or metadata.
    pub kind: ObjectKind,
    /// What the log says of it, where it still does.
    pub promised: Option<PublishedPack>,
    /// Why not.
    pub why: Error,
}

/// Makes a segment again from the headers, tails and contents of its packs.
///
/// # Errors
/// The store's, when it is out of reach. Damaged packs are in the answer.
pub fn rebuild_segment(sealed_store: &SealedStore, log: &Log, reference: &SegmentRef) -> Result<Rebuilt> {
    let view = log.view();
    let packs = match told_by_log(log, reference)? {
        Some(packs) => packs,
        None => told_by_listing(sealed_store, log, reference)?,
    };
    let mut builder = SegmentBuilder::new();
    let mut lacks = Vec::new();
    for (id, (kind, promised)) in packs.into_iter().filter(|(id, _)| !view.condemned.has(*id)) {
        let read =
            sealed_store.said_by_pack(id, kind, promised.as_ref()).and_then(|said| said.rows(id, promised.as_ref()));
        match read {
            Ok((row, blocks)) => {
                let blocks: Vec<_> = blocks.iter().map(|(offset, stored, b)| (*offset, *stored, &b[..])).collect();
                builder.add_pack(row, &blocks)?;
            }
            Err(why) if matches!(why.kind(), Kind::Damaged | Kind::Absent | Kind::Archived | Kind::Unsupported) => {
                lacks.push(Lack { id, kind, promised, why });
            }
            Err(e) => return Err(e),
        }
    }
    Ok(Rebuilt { segment: builder.finish(), lacks })
}

/// Packs by id: their kind, and what the log says of them.
type Packs = BTreeMap<ObjectId, (ObjectKind, Option<PublishedPack>)>;

/// Where the packs of a segment are told.
enum Source {
    Packs(u32, Vec<PublishedPack>),
    Segments(Vec<ObjectId>),
}

/// The packs of a segment as its entry tells them; `None` where that is not in the log any more.
fn told_by_log(log: &Log, reference: &SegmentRef) -> Result<Option<Packs>> {
    let mut sources = BTreeMap::new();
    // Nearly always it is the entry of its slot.
    if let Some(entry) = log.entry(reference.slot)? {
        add_source(&mut sources, &entry);
    }
    if !matches!(sources.get(&reference.id()), Some(Source::Packs(..))) {
        let read = log.for_each(&mut |entry| {
            add_source(&mut sources, entry);
            Ok(())
        });
        match read {
            Err(e) if matches!(e.kind(), Kind::Damaged | Kind::Absent | Kind::Unsupported) => return Ok(None),
            other => _ = other?,
        }
    }
    let (mut packs, mut seen, mut todo) = (Packs::new(), BTreeSet::new(), vec![reference.id()]);
    while let Some(id) = todo.pop() {
        match sources.get(&id) {
            None => return Ok(None),
            Some(Source::Segments(replaced)) => todo.extend(replaced.iter().filter(|id| seen.insert(**id))),
            Some(Source::Packs(session, published)) => packs.extend(published.iter().map(|pack| {
                let id = ObjectId { session: *session, ordinal: pack.object.ordinal };
                (id, (pack.kind, Some(*pack)))
            })),
        }
    }
    Ok(Some(packs))
}

fn add_source(sources: &mut BTreeMap<ObjectId, Source>, entry: &LogEntry) {
    match &entry.change {
        Change::Publish { session, packs, segment: Some(segment) }
        | Change::Condemn { session, packs, segment: Some(segment), .. } => {
            let id = ObjectId { session: *session, ordinal: segment.ordinal };
            sources.insert(id, Source::Packs(*session, packs.clone()));
        }
        Change::Fold { session, replaced, segments } => {
            for segment in segments {
                let id = ObjectId { session: *session, ordinal: segment.ordinal };
                sources.insert(id, Source::Segments(replaced.clone()));
            }
        }
        _ => {}
    }
}

/// Packs of the store that no other segment maps: of the segment's own session those that were stored before it, of others, which a fold may have
/// taken in, those of sessions that have ended. A pack that was never published may be among them: it is whole, and harms nobody.
fn told_by_listing(sealed_store: &SealedStore, log: &Log, reference: &SegmentRef) -> Result<Packs> {
    let view = log.view();
    let mut mapped: HashSet<ObjectId> = HashSet::new();
    for other in view.segments.iter().filter(|s| s.id() != reference.id()) {
        match sealed_store.segment(other) {
            Ok(segment) => mapped.extend(segment.packs.iter().map(|p| p.id)),
            Err(e) if matches!(e.kind(), Kind::Damaged | Kind::Absent | Kind::Unsupported) => {}
            Err(e) => return Err(e),
        }
    }
    let mut packs = Packs::new();
    for kind in [ObjectKind::DataPack, ObjectKind::MetaPack] {
        sealed_store.store.list(&ListOptions::below(names::folder(kind)), &mut |listed| {
            if let Some((_, session, ordinal)) = names::parse(listed.name.as_str()) {
                let id = ObjectId { session, ordinal };
                let may_be = if session == reference.session {
                    ordinal < reference.object.ordinal
                } else {
                    session < reference.slot && !view.sessions.contains_key(&session)
                };
                if may_be && !mapped.contains(&id) {
                    packs.insert(id, (kind, None));
                }
            }
            true
        })?;
    }
    Ok(packs)
}

/// Where a block's record begins, the length of its payload, its blobs.
type Block = (u32, u32, Vec<BlobEntry>);

/// What a pack says about itself, verified.
struct Said {
    header: Header,
    bytes: u64,
    body_hash: [u8; 32],
    entries: Vec<DirectoryEntry>,
    contents: Contents,
}

impl SealedStore {
    fn said_by_pack(&self, id: ObjectId, kind: ObjectKind, promised: Option<&PublishedPack>) -> Result<Said> {
        let name = ObjectName::new(names::of_session(kind, id))?;
        let by_tail = reread(&*self.store, |look| self.said_by_tail(look, id, kind, promised, &name));
        match (by_tail, promised) {
            (Err(e), Some(promised)) if e.kind() == Kind::Damaged => self.said_by_parity(id, promised, &name)?.ok_or(e),
            (said, _) => said,
        }
    }

    fn said_by_tail(
        &self,
        look: &Look<'_>,
        id: ObjectId,
        kind: ObjectKind,
        promised: Option<&PublishedPack>,
        name: &ObjectName,
    ) -> Result<Said> {
        let lost = |e: Error| lost(e, name);
        let (mut tail, bytes) = look.get_tail(name, TAIL_BYTES).map_err(lost)?;
        let differs = |e: format_spec::FormatError| Error::from(e).on(name);
        promised.map_or(Ok(()), |p| p.object.expect_length(bytes)).map_err(differs)?;
        let needed = PackTail::bytes_needed(&tail, bytes)?;
        if needed > tail.len() as u64 {
            tail = look.get_tail(name, needed).map_err(lost)?.0;
        }
        let parsed = PackTail::parse(&tail, bytes)?;
        let body_hash = parsed.trailer.body_hash;
        promised.map_or(Ok(()), |p| p.object.expect(bytes, &body_hash)).map_err(differs)?;
        let header = Header::decode(&look.get_range(name, 0..HEADER_BYTES as u64).map_err(lost)?)?;
        header.expect_identity(&self.expected(id, kind))?;
        let record = look.get_range(name, parsed.contents_entry()?.range()).map_err(lost)?;
        let contents = parsed.contents(&header, &self.secrets.cipher(&header), &record).map_err(|e| e.on(name))?;
        Ok(Said { header, bytes, body_hash, entries: parsed.entries, contents })
    }

    /// What it would say if it were whole; `None` where its parity cannot tell.
    fn said_by_parity(&self, id: ObjectId, promised: &PublishedPack, name: &ObjectName) -> Result<Option<Said>> {
        let found = match self.store.get(name) {
            Err(e) if matches!(e.kind(), Kind::Absent | Kind::Damaged) => return Ok(None),
            other => other?,
        };
        let Ok(whole) = heal(&found, &promised.object, Some(&self.secrets)) else { return Ok(None) };
        let (object, cipher) = Object::parse_as(&whole, &self.expected(id, promised.kind), |h| self.secrets.cipher(h))?;
        let contents = Contents::decode(&object.open_only(kind::CONTENTS, &cipher)?, object.entries())?;
        let (header, entries) = (object.header().clone(), object.entries().to_vec());
        Ok(Some(Said { header, bytes: whole.len() as u64, body_hash: object.trailer().body_hash, entries, contents }))
    }

    fn expected(&self, id: ObjectId, kind: ObjectKind) -> Header {
        Header::new(kind, self.secrets.suite(), self.repository, id.session, id.ordinal, [0; 32])
    }
}

impl Said {
    fn rows(self, id: ObjectId, promised: Option<&PublishedPack>) -> Result<(PackRow, Vec<Block>)> {
        let damaged = |what: &str| Error::new(Kind::Damaged, what.to_owned()).on(id);
        let Said { header, bytes, body_hash, entries, contents } = self;
        let entries = entries.into_iter().filter(|e| e.head.kind == kind::BLOCK);
        let block = |(entry, blobs): (DirectoryEntry, Vec<BlobEntry>)| {
            let offset = u32::try_from(entry.offset).map_err(|_| damaged("a block lies beyond any pack's end"))?;
            Ok((offset, entry.head.stored, blobs))
        };
        let blocks = entries.zip(contents.blocks).map(block).collect::<Result<Vec<Block>>>()?;
        let blobs = u32::try_from(blocks.iter().map(|(_, _, b)| b.len()).sum::<usize>()).unwrap_or(u32::MAX);
        if promised.is_some_and(|p| p.blobs != blobs) {
            return Err(damaged("it does not hold as many blobs as the log promises"));
        }
        Ok((PackRow { id, bytes, blobs, kind: header.kind, salt: header.salt, body_hash }, blocks))
    }
}
