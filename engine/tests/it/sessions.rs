//! One session object: who may append in it, how it names its objects, and how several processes share it.

use crate::proofs::rig::{Rig, noise};
use engine::Kind;
use engine::backup::{BackupOptions, backup};
use engine::blob::WriterOptions;
use engine::env::with_threads;
use engine::monitor::Monitor;
use engine::repository::Repository;
use engine::session::{LateWriteSession, Opening, WriteSession, fence};
use engine::source::folder::FolderSource;
use engine::source::rules::Rules;
use engine::store::{Memory, ObjectRef, Read, ReadRange, Store, forward};
use format_spec::log::{Change, PointId, Purpose};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

const OPENING: Opening<'_> = Opening { job: "shared", host: "h", purpose: Purpose::Backup, base: None };

fn rig(folder: &std::path::Path) -> Rig {
    Rig::new(folder, Arc::new(Memory::new()))
}

/// Stores one chunk in this session and publishes it.
fn publish(session: &WriteSession, seed: u64) {
    let how = WriterOptions { threads: 1, ..WriterOptions::default() };
    let writer = session.writer(how, &Arc::new(Monitor::new())).unwrap();
    let chunk = noise(seed, 20_000);
    writer.put_chunk(session.repository().sealed_store().ids.chunk(&chunk), chunk).unwrap();
    writer.flush().unwrap();
}

#[test]
fn two_processes_share_a_session_with_ranges_of_their_own() {
    let folder = tempfile::tempdir().unwrap();
    let rig = rig(folder.path());
    let (here, there) = (rig.open().unwrap(), rig.open().unwrap());
    let session = WriteSession::open(&here, OPENING).unwrap();
    let range = session.reserve(8).unwrap();
    let joined = WriteSession::join(&there, session.number(), range.clone()).unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| publish(&session, 1));
        scope.spawn(|| publish(&joined, 2));
    });
    here.refresh().unwrap();
    let segments = here.log().view().segments.clone();
    assert_eq!(segments.len(), 2);
    assert!(segments.iter().all(|segment| segment.session == session.number()));
    let of_range = segments.iter().filter(|segment| range.contains(&segment.object.ordinal)).count();
    assert_eq!(of_range, 1, "the one that joined names its objects out of its range");
    // What both published is there for everybody.
    for seed in [1, 2] {
        let id = here.sealed_store().ids.chunk(&noise(seed, 20_000));
        assert!(here.chunk(&id).is_ok(), "{seed}");
    }
}

#[test]
fn a_range_that_is_used_up_names_nothing_more() {
    let folder = tempfile::tempdir().unwrap();
    let rig = rig(folder.path());
    let repository = rig.open().unwrap();
    let session = WriteSession::open(&repository, OPENING).unwrap();
    let joined = WriteSession::join(&repository, session.number(), session.reserve(1).unwrap()).unwrap();
    joined.take().unwrap();
    assert_eq!(joined.take().unwrap_err().kind(), Kind::Conflict);
}

/// LOG-7: ordinals are published once.
#[test]
fn an_ordinal_is_not_published_twice() {
    let folder = tempfile::tempdir().unwrap();
    let rig = rig(folder.path());
    let repository = rig.open().unwrap();
    let session = WriteSession::open(&repository, OPENING).unwrap();
    publish(&session, 1);
    let before = repository.log().view().head;
    let segment = repository.log().view().segments[0].object;
    let publish_again = |_: &engine::log::LogView| {
        Ok(Change::Publish { session: session.number(), packs: vec![], segment: Some(segment) })
    };
    let refused = session.append(&mut { publish_again }).unwrap_err();
    assert_eq!(refused.kind(), Kind::Conflict);
    assert!(refused.to_string().contains("LOG-7"), "{refused}");
    // Neither by one that has read the whole log anew, nor by one that begins with a checkpoint.
    let other = rig.open().unwrap();
    let joined = WriteSession::join(&other, session.number(), 100..200).unwrap();
    assert_eq!(joined.append(&mut { publish_again }).unwrap_err().kind(), Kind::Conflict);
    repository.log().checkpoint(&*rig.env).unwrap();
    let summed = rig.open().unwrap();
    let joined = WriteSession::join(&summed, session.number(), 200..300).unwrap();
    assert_eq!(joined.append(&mut { publish_again }).unwrap_err().kind(), Kind::Conflict);
    assert_eq!(rig.open().unwrap().log().view().head, before, "nothing was appended");
}

#[test]
fn a_session_that_was_fenced_appends_nothing_and_cannot_be_joined() {
    let folder = tempfile::tempdir().unwrap();
    let rig = rig(folder.path());
    let (repository, other) = (rig.open().unwrap(), rig.open().unwrap());
    let session = WriteSession::open(&repository, OPENING).unwrap();
    let refuse = |_: &engine::log::LogView| Err(engine::Error::new(Kind::Conflict, "it is alive"));
    assert!(fence(&other, session.number(), "test", &refuse).is_err());
    assert!(repository.log().refresh().unwrap().sessions.contains_key(&session.number()), "what is refused stays open");
    fence(&other, session.number(), "test", &|_| Ok(())).unwrap();
    let beat =
        |_: &engine::log::LogView| Ok(Change::Publish { session: session.number(), packs: vec![], segment: None });
    assert_eq!(session.append(&mut { beat }).unwrap_err().kind(), Kind::Conflict);
    assert_eq!(WriteSession::join(&repository, session.number(), 0..1).unwrap_err().kind(), Kind::Conflict);
    assert_eq!(fence(&other, session.number(), "again", &|_| Ok(())).unwrap_err().kind(), Kind::Conflict);
    session.end("it has ended already, and that is no error").unwrap();
}

#[test]
fn a_late_session_leaves_no_entry_when_nothing_needs_it() {
    let folder = tempfile::tempdir().unwrap();
    let rig = rig(folder.path());
    let repository = rig.open().unwrap();
    let before = repository.log().view().head;
    LateWriteSession::new(&repository, OPENING).end("done").unwrap();
    assert_eq!(repository.log().refresh().unwrap().head, before);
    let mut late = LateWriteSession::new(&repository, OPENING);
    let (first, second) = (late.take().unwrap(), late.take().unwrap());
    assert_eq!((first.session, first.ordinal, second.ordinal), (second.session, 0, 1));
    assert_eq!(repository.log().refresh().unwrap().head, before + 1, "one entry opens it");
    late.end("done").unwrap();
    assert!(repository.log().refresh().unwrap().sessions.is_empty());
}

/// A store that is slow, and knows how many asked it at once.
#[derive(Debug)]
struct Busy {
    inner: Arc<dyn Store>,
    now: AtomicUsize,
    most: AtomicUsize,
}

impl Store for Busy {
    forward!(inner: location, put, head, list, versions, delete, extend_lock, retrieve, rest_again, now, capabilities, room, fresh);

    fn read(&self, object: ObjectRef<'_>, range: ReadRange) -> engine::Result<Read> {
        self.most.fetch_max(self.now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        std::thread::sleep(Duration::from_millis(20));
        let read = self.inner.read(object, range);
        self.now.fetch_sub(1, Ordering::SeqCst);
        read
    }
}

/// What `--threads` says: no more ask the store beside each other, although that would be faster.
#[test]
fn manifests_are_read_by_no_more_threads_than_are_allowed() {
    let folder = tempfile::tempdir().unwrap();
    let busy = Arc::new(Busy { inner: Arc::new(Memory::new()), now: AtomicUsize::new(0), most: AtomicUsize::new(0) });
    let rig = Rig::new(folder.path(), busy.clone());
    rig.write("a", b"one");
    (0..12).for_each(|_| _ = rig.back_up().unwrap());
    for (allowed, seen) in [(None, 4..=16), (Some(2), 2..=2)] {
        let env = match allowed {
            Some(most) => with_threads(rig.env.clone(), most),
            None => rig.env.clone(),
        };
        let repository = Rig { env, ..rig.clone() }.open().unwrap();
        busy.most.store(0, Ordering::SeqCst);
        assert_eq!(repository.points().unwrap().len(), 12);
        let most = busy.most.load(Ordering::SeqCst);
        assert!(seen.contains(&most), "{most} asked at once, allowed {allowed:?}");
    }
}

#[test]
fn the_caller_may_name_the_point() {
    let folder = tempfile::tempdir().unwrap();
    let rig = rig(folder.path());
    rig.write("a", b"one");
    let repository = rig.open().unwrap();
    let (source, id) =
        (FolderSource::new(std::slice::from_ref(&rig.source), Rules::default()).unwrap(), PointId([5; 16]));
    let named = |repository: &Arc<Repository>| {
        let options = BackupOptions { point: Some(id), ..rig.options() };
        backup(repository, &source, &options, &Arc::new(Monitor::new()))
    };
    assert_eq!(named(&repository).unwrap().point, Some(id));
    assert_eq!(named(&repository).unwrap_err().kind(), Kind::Exists, "an id is of one point");
    assert_eq!(repository.points().unwrap().len(), 1);
}
