//! Backup copies: what is carried is equal, little is read, nothing is lost whenever it is killed.

mod carried;
mod damage;
mod ended;
mod forks;
mod full;
mod lanes;
mod large;
mod locked;
mod races;
mod refused;
mod rekeyed;
mod spool;

use crate::proofs::rig::{CHEAP, PASSWORD, Rig};
use engine::Result;
use engine::blob::CachePlace;
pub(crate) use engine::copy::Which;
use engine::copy::{CopyOptions, CopySummary, copy};
use engine::monitor::Monitor;
use engine::repository::{NewRepository, Repository};
use engine::store::{Memory, Store};
use format_spec::config::{Class, Immutability, Retention};
pub(crate) use rekeyed::strange;
use std::path::Path;
use std::sync::Arc;

/// A source with its folder, and a repository for copies of it.
pub(crate) struct Pair {
    pub(crate) source: Rig,
    pub(crate) target: Rig,
    /// Where copies fill packs.
    pub(crate) spool: std::path::PathBuf,
}

/// The password of targets.
pub(crate) const OTHER: &[u8] = b"another horse";

impl Pair {
    pub(crate) fn new(folder: &Path) -> Pair {
        Pair::over(folder, Arc::new(Memory::new()), Arc::new(Memory::new()))
    }

    pub(crate) fn over(folder: &Path, source: Arc<dyn Store>, target: Arc<dyn Store>) -> Pair {
        let source = Rig::new(folder, source);
        let target = target_of(&source, target, Retention::default());
        Pair { source, target, spool: folder.join("spool") }
    }

    /// Options as the command line gives them.
    pub(crate) fn options(&self, which: Which) -> CopyOptions {
        CopyOptions { spool: Some(self.spool.clone()), ..CopyOptions::new(which, "test") }
    }

    pub(crate) fn copy(&self, which: Which) -> Result<CopySummary> {
        self.copy_with(&self.options(which))
    }

    pub(crate) fn copy_with(&self, options: &CopyOptions) -> Result<CopySummary> {
        copy(&self.source.open()?, &self.target.open()?, options, &Arc::new(Monitor::new()))
    }

    /// The target is sound, and its newest point is what the source's folder holds.
    pub(crate) fn expect_equal(&self) {
        self.target.expect_equal();
    }

    /// Every point of the target that the source has too is equal to it: roots, counts, and the blobs that its set names.
    pub(crate) fn expect_same_points(&self) {
        let (source, target) = (self.source.open().unwrap(), self.target.open().unwrap());
        assert_eq!(self.target.check().expect("checks").errors, Vec::new());
        for copied in target.points().unwrap() {
            let original = source.find_point(&copied.manifest.id.to_string()).expect("the source has it");
            assert_eq!(copied.manifest.root, original.manifest.root);
            assert_eq!(names_in(&target, &copied), names_in(&source, &original), "{}", copied.manifest.id);
        }
    }
}

/// An empty repository for copies of this source.
pub(crate) fn target_of(source: &Rig, store: Arc<dyn Store>, retention: Retention) -> Rig {
    target_locked(source, store, retention, None)
}

/// The same, immutable if asked for.
pub(crate) fn target_locked(
    source: &Rig,
    store: Arc<dyn Store>,
    retention: Retention,
    immutability: Option<Immutability>,
) -> Rig {
    let like = source.open().unwrap();
    let new = NewRepository {
        password: Some(OTHER.to_vec()),
        cost: CHEAP,
        label: "test".into(),
        cutting: Some(like.config().cutting),
        retention,
        immutability,
        dedup: Some(like.sealed_store().secrets.dedup.clone()),
        origin: Some(like.id()),
        ..NewRepository::new(Class::Copy)
    };
    Repository::create(&*store, &new, &source.env).unwrap();
    Rig { store, password: Some(OTHER.to_vec()), cache: CachePlace::Temporary, ..source.clone() }
}

/// What a point's reference set names, by id, and how often: whatever packs it lies in.
pub(crate) fn names_in(
    repository: &Repository,
    point: &engine::restore_point::Point,
) -> std::collections::BTreeMap<format_spec::ChunkId, u32> {
    use engine::log::Moved;
    use engine::tree::map_diff;
    use format_spec::point::{PackReferences, reference_pack};
    let view = repository.log().view();
    let mut places = std::collections::BTreeMap::new();
    map_diff(repository.nodes(), None, Some(point.manifest.references), &mut |_, new| {
        let Some(pair) = new else { return Ok(()) };
        let (pack, row) = (reference_pack(&pair.key)?, PackReferences::decode(&pair.value)?);
        for blob in (0..row.blobs).filter(|b| row.names(*b)) {
            match view.condemned.translate(pack, blob) {
                Moved::Here(pack, at) => places.insert((pack, at), row.count(blob)),
                Moved::Dead => panic!("a live point needs what was given up"),
            };
        }
        Ok(())
    })
    .unwrap();
    let mut named = std::collections::BTreeMap::new();
    repository
        .blobs()
        .live_index()
        .cache()
        .for_each_place(&mut |id, place| {
            if let Some(count) = places.remove(&(place.pack, place.blob)) {
                *named.entry(*id).or_insert(0) += count;
            }
            Ok(())
        })
        .unwrap();
    assert_eq!(places.len(), 0, "the index knows all that is named");
    named
}

/// A password that tests do not mix up with the target's.
#[test]
fn source_and_target_have_passwords_of_their_own() {
    assert_ne!(PASSWORD, OTHER);
}
