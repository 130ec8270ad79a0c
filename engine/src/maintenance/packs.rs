//! Checking packs: there, of the promised length, whole, and holding what the index says.

use super::findings::{Findings, Subject};
use super::level::{CheckOptions, Level};
use crate::blob::{Lack, lost, rebuild_segment};
use crate::error::{Error, Kind, Result};
use crate::limits::TAIL_BYTES;
use crate::monitor::Monitor;
use crate::pack::PackTail;
use crate::repository::Repository;
use crate::store::{ListOptions, Look, ObjectName, StoreExt, reread};
use crate::threads;
use bytes::Bytes;
use crossbeam_channel::bounded;
use format_spec::container::{DirectoryEntry, Header, Object, ObjectKind, kind};
use format_spec::log::{ObjectRef, PublishedPack};
use format_spec::pack::Contents;
use format_spec::{ObjectId, names};
use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// A pack that the log has published.
#[derive(Debug, Clone)]
pub(super) struct Published {
    pub(super) id: ObjectId,
    pub(super) pack: PublishedPack,
    salt: Option<[u8; 32]>,
}

/// Every published pack that was not condemned, as its segment vouches for it. A segment that cannot be read is a finding, and its packs are what
/// the log or a listing says.
pub(super) fn published_packs(repository: &Repository, findings: &Findings) -> Result<Vec<Published>> {
    let sealed_store = repository.sealed_store();
    let view = repository.log().view();
    let mut packs: Vec<Published> = Vec::new();
    for reference in &view.segments {
        let rows = match sealed_store.segment(reference) {
            Ok(segment) => segment.packs,
            Err(e) => {
                let name = names::of_session(ObjectKind::IndexSegment, reference.id());
                findings.add(Subject::Segment(*reference), name, &e)?;
                let rebuilt = rebuild_segment(sealed_store, repository.log(), reference)?;
                let unread = |lack: Lack| Some(Published { id: lack.id, pack: lack.promised?, salt: None });
                packs.extend(rebuilt.lacks.into_iter().filter_map(unread));
                rebuilt.segment.packs
            }
        };
        packs.extend(rows.into_iter().map(|row| {
            let object = ObjectRef { ordinal: row.id.ordinal, bytes: row.bytes, body_hash: row.body_hash };
            let pack = PublishedPack { kind: row.kind, object, blobs: row.blobs };
            Published { id: row.id, pack, salt: Some(row.salt) }
        }));
    }
    packs.retain(|p| !view.condemned.has(p.id));
    packs.sort_by_key(|p| (p.id, p.salt.is_none()));
    packs.dedup_by_key(|p| p.id);
    Ok(packs)
}

pub(super) struct PackCheck<'a> {
    pub(super) repository: &'a Arc<Repository>,
    pub(super) options: &'a CheckOptions,
    /// The data packs that are read whole; `None` for all.
    pub(super) chosen: Option<HashSet<ObjectId>>,
    pub(super) findings: &'a Findings,
    pub(super) monitor: &'a Monitor,
}

impl PackCheck<'_> {
    /// Checks every pack on a few threads.
    pub(super) fn run(&self, packs: &[Published]) -> Result<()> {
        if self.options.level == Level::List {
            return self.listed(packs);
        }
        let read: u64 = packs.iter().filter(|p| self.is_read(p)).map(|p| p.pack.object.bytes).sum();
        self.monitor.counters.items_total.store(packs.len() as u64, Ordering::Relaxed);
        self.monitor.counters.bytes_total.store(read, Ordering::Relaxed);
        let (jobs_in, jobs_out) = bounded::<&Published>(2 * self.options.threads.max(1));
        std::thread::scope(|scope| {
            let workers: Vec<_> = (0..self.options.threads.max(1))
                .map(|_| {
                    let jobs = jobs_out.clone();
                    threads::scoped(scope, move || jobs.iter().try_for_each(|pack| self.one(pack)))
                })
                .collect::<Result<_>>()?;
            drop(jobs_out);
            for pack in packs {
                // A worker that ended early has an error, which is returned below.
                if jobs_in.send(pack).is_err() {
                    break;
                }
            }
            drop(jobs_in);
            let lost = |_| Error::new(Kind::Bug, "a checking thread died");
            workers.into_iter().try_for_each(|w| w.join().map_err(lost)?)
        })
    }

    /// Metadata packs are always read whole where data is: they are few, and everything depends on them.
    fn is_read(&self, pack: &Published) -> bool {
        let is_chosen = || self.chosen.as_ref().is_none_or(|chosen| chosen.contains(&pack.id));
        self.options.level >= Level::Stored && (pack.pack.kind != ObjectKind::DataPack || is_chosen())
    }

    fn one(&self, pack: &Published) -> Result<()> {
        self.monitor.check()?;
        let name = ObjectName::new(names::of_session(pack.pack.kind, pack.id))?;
        self.findings.packs.fetch_add(1, Ordering::Relaxed);
        let checked = if self.is_read(pack) {
            self.findings.packs_read.fetch_add(1, Ordering::Relaxed);
            self.whole(pack, &name)
        } else {
            self.tail(pack, &name)
        };
        self.monitor.done(1, 0);
        // Data may rest in an archive; metadata that does was put there by somebody else, and keeps everybody from looking.
        if checked.as_ref().is_err_and(|e| e.kind() == Kind::Archived) && pack.pack.kind == ObjectKind::DataPack {
            self.findings.packs_read.fetch_sub(u64::from(self.is_read(pack)), Ordering::Relaxed);
            self.findings.archived.fetch_add(1, Ordering::Relaxed);
            self.findings.unread.lock().insert(pack.id);
            return Ok(());
        }
        checked.or_else(|e| self.findings.add(Subject::Pack(pack.id), &name, &lost(e, &name)))
    }

    /// One listing of each folder against what the log promises.
    fn listed(&self, packs: &[Published]) -> Result<()> {
        for kind in [ObjectKind::DataPack, ObjectKind::MetaPack] {
            let mut promised: Vec<(&Published, Option<u64>)> =
                packs.iter().filter(|p| p.pack.kind == kind).map(|p| (p, None)).collect();
            if promised.is_empty() {
                continue;
            }
            promised.sort_unstable_by_key(|(p, _)| p.id);
            let store = &self.repository.sealed_store().store;
            store.list(&ListOptions::below(names::folder(kind)), &mut |listed| {
                if let Some((_, session, ordinal)) = names::parse(listed.name.as_str())
                    && let Ok(at) = promised.binary_search_by_key(&ObjectId { session, ordinal }, |(p, _)| p.id)
                {
                    promised[at].1 = Some(listed.bytes);
                }
                self.monitor.check().is_ok()
            })?;
            self.monitor.check()?;
            for (pack, found) in promised {
                let name = ObjectName::new(names::of_session(kind, pack.id))?;
                self.findings.packs.fetch_add(1, Ordering::Relaxed);
                self.monitor.done(1, 0);
                let is_promised = |bytes: u64| pack.pack.object.expect_length(bytes).map_err(Error::from);
                // A listing may be stale, and shows what is not a plain file as empty: what it does not show as promised is asked for by its name.
                let checked = match found.map(is_promised) {
                    Some(Ok(())) => Ok(()),
                    _ => store.head_of(&name).and_then(|info| is_promised(info.bytes)),
                };
                let named = |e: Error| self.findings.add(Subject::Pack(pack.id), &name, &lost(e, &name));
                checked.or_else(named)?;
            }
        }
        Ok(())
    }

    fn tail(&self, pack: &Published, name: &ObjectName) -> Result<()> {
        reread(&*self.repository.sealed_store().store, |look| self.look_at_tail(look, pack, name))
    }

    fn look_at_tail(&self, look: &Look<'_>, pack: &Published, name: &ObjectName) -> Result<()> {
        let lost = |e: Error| lost(e, name);
        let (mut tail, bytes) = look.get_tail(name, TAIL_BYTES).map_err(lost)?;
        pack.pack.object.expect_length(bytes)?;
        let needed = PackTail::bytes_needed(&tail, bytes)?;
        if needed > tail.len() as u64 {
            tail = look.get_tail(name, needed).map_err(lost)?.0;
        }
        self.findings.bytes_read.fetch_add(tail.len() as u64, Ordering::Relaxed);
        let parsed = PackTail::parse(&tail, bytes)?;
        pack.pack.object.expect(bytes, &parsed.trailer.body_hash)?;
        let entry = *parsed.contents_entry()?;
        let record = look.get_range(name, entry.range()).map_err(lost)?;
        let Some(salt) = pack.salt else { return Ok(()) };
        let header = self.header(pack, salt);
        let contents = parsed.contents(&header, &self.repository.sealed_store().secrets.cipher(&header), &record)?;
        self.compare_with_index(pack, &contents, &parsed.entries)
    }

    fn whole(&self, pack: &Published, name: &ObjectName) -> Result<()> {
        reread(&*self.repository.sealed_store().store, |look| self.look_at_whole(look, pack, name))
    }

    fn look_at_whole(&self, look: &Look<'_>, pack: &Published, name: &ObjectName) -> Result<()> {
        let bytes = look.get(name).map_err(|e| lost(e, name))?;
        self.findings.bytes_read.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        self.monitor.done(0, bytes.len() as u64);
        pack.pack.object.expect_length(bytes.len() as u64)?;
        let object = Object::parse(&bytes)?;
        pack.pack.object.expect_object(&object)?;
        format_spec::parity::verify(&object)?;
        if self.options.level < Level::Full {
            return Ok(());
        }
        self.decode(pack, &bytes)
    }

    /// Every chunk decodes to its id, and the index knows it here.
    fn decode(&self, pack: &Published, bytes: &Bytes) -> Result<()> {
        let sealed_store = self.repository.sealed_store();
        let expected = self.header(pack, [0; 32]);
        let (object, cipher) = Object::parse_as(bytes, &expected, |h| sealed_store.secrets.cipher(h))?;
        let contents = Contents::decode(&object.open_only(kind::CONTENTS, &cipher)?, object.entries())?;
        let blocks = object.entries().iter().filter(|e| e.head.kind == kind::BLOCK);
        for (entry, blobs) in blocks.zip(&contents.blocks) {
            let plain = object.open(entry, &cipher)?;
            let mut rest = &plain[..];
            for blob in blobs {
                let (chunk, after) = rest
                    .split_at_checked(blob.bytes as usize)
                    .ok_or_else(|| Error::new(Kind::Damaged, "a block is shorter than its chunks"))?;
                if sealed_store.ids.blob(pack.pack.kind, chunk) != blob.id {
                    return Err(Error::new(Kind::Damaged, format!("the bytes of blob {} do not have its id", blob.id)));
                }
                rest = after;
                self.findings.chunks.fetch_add(1, Ordering::Relaxed);
            }
        }
        self.compare_with_index(pack, &contents, object.entries())
    }

    fn compare_with_index(&self, pack: &Published, contents: &Contents, entries: &[DirectoryEntry]) -> Result<()> {
        let live_index = self.repository.blobs().live_index();
        let mut number = 0;
        let blocks = entries.iter().filter(|e| e.head.kind == kind::BLOCK);
        for (entry, blobs) in blocks.zip(&contents.blocks) {
            let mut offset = 0;
            for blob in blobs {
                let known = live_index.places(&blob.id)?.into_iter().any(|p| {
                    p.pack == pack.id
                        && (u64::from(p.block_offset), p.blob, p.offset, p.bytes)
                            == (entry.offset, number, offset, blob.bytes)
                });
                if !known {
                    return Err(Error::new(
                        Kind::Damaged,
                        format!("the index does not know blob {} in this pack", blob.id),
                    ));
                }
                (number, offset) = (number + 1, offset + blob.bytes);
            }
        }
        Ok(())
    }

    fn header(&self, pack: &Published, salt: [u8; 32]) -> Header {
        let sealed_store = self.repository.sealed_store();
        Header::new(
            pack.pack.kind,
            sealed_store.secrets.suite(),
            sealed_store.repository,
            pack.id.session,
            pack.id.ordinal,
            salt,
        )
    }
}
