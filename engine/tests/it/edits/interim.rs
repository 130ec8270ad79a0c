//! Interim points: what a killed run leaves, and what becomes of them.

use super::{By, entry, expect_sound, newest, options, rig, state, tree, update};
use engine::backup::{BackupOptions, edit};
use engine::monitor::Monitor;
use engine::source::{PointDraft, Stored};
use engine::{Error, Kind, Result};
use format_spec::log::PointId;
use format_spec::tree::{Entry, Kind as ItemKind};
use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// Stores a file in a folder of the root, which is made where it is missing.
pub(super) fn put(draft: &dyn PointDraft, folder: &[u8], name: &[u8], bytes: &[u8]) -> Result<()> {
    if draft.entry(folder)?.is_none() {
        draft.edit(b"", vec![(folder.to_vec(), Some(Entry::new(folder, ItemKind::Folder)))])?;
    }
    let stored = draft.store(&mut &bytes[..])?.unwrap();
    draft.edit(folder, vec![(name.to_vec(), Some(file(name, stored)))])
}

fn file(name: &[u8], stored: Stored) -> Entry {
    let mtime = format_spec::Time::new(engine::env::Machine::shared().now().seconds, 0);
    Entry { size: stored.bytes, content: stored.content, mtime, ..Entry::new(name, ItemKind::File) }
}

#[test]
fn the_last_commit_bears_the_id_and_lets_interim_points_go() {
    let folder = tempfile::tempdir().unwrap();
    let rig = rig(folder.path());
    let repository = rig.open().unwrap();
    let source = By(|draft: &dyn PointDraft| {
        let mut ids = Vec::new();
        for n in 0..3 {
            put(draft, b"box", format!("{n}").as_bytes(), format!("note {n}").as_bytes())?;
            draft.set_state(b"cursor", Some(&[n]))?;
            ids.push(draft.interim()?);
            let live = repository.points()?;
            let interim: Vec<_> = live.iter().filter(|p| p.manifest.is_interim()).map(|p| p.manifest.id).collect();
            assert_eq!(interim, ids);
            assert_eq!(state(&repository, b"cursor"), Some(vec![n]));
        }
        put(draft, b"box", b"last", b"one")
    });
    let id = PointId([7; 16]);
    let options = BackupOptions { point: Some(id), tags: vec!["nightly".into()], ..options() };
    let done = edit(&repository, &source, &options, &Arc::new(Monitor::new())).unwrap();
    assert_eq!((done.point, done.counts.new, done.counts.folders), (Some(id), 4, 1));
    let points = repository.points().unwrap();
    assert_eq!(points.iter().map(|p| p.manifest.id).collect::<Vec<_>>(), [id]);
    assert_eq!(points[0].manifest.tags, ["nightly"]);
    assert_eq!(tree(&repository, &points[0]).len(), 5);
    assert_eq!(done.bytes_new, 3 * 6 + 3, "what all sessions of the run have stored");
    expect_sound(&rig);
}

#[test]
fn a_killed_run_goes_on_from_the_newest_interim_point_and_all_of_them_leave_with_the_next() {
    let folder = tempfile::tempdir().unwrap();
    let rig = rig(folder.path());
    let repository = rig.open().unwrap();
    let killed = By(|draft: &dyn PointDraft| {
        for n in 0..2 {
            put(draft, b"box", format!("{n}").as_bytes(), b"stored")?;
            draft.set_state(b"done", Some(&[n]))?;
            draft.interim()?;
        }
        put(draft, b"box", b"lost", b"not committed")?;
        Err(Error::new(Kind::Transient, "the service has gone"))
    });
    update(&repository, &killed).unwrap_err();
    assert_eq!(repository.points().unwrap().len(), 2);
    assert_eq!((state(&repository, b"done"), entry(&repository, "box/lost")), (Some(vec![1]), None));
    // Nobody who does not name it gets one of them.
    assert_eq!(repository.find_point("latest").unwrap_err().kind(), Kind::Absent);
    let next = By(|draft: &dyn PointDraft| {
        assert_eq!(draft.state(b"done")?, Some(vec![1]));
        assert!(draft.entry(b"box/1")?.is_some() && draft.entry(b"box/lost")?.is_none());
        put(draft, b"box", b"2", b"stored")
    });
    let done = update(&repository, &next).unwrap();
    assert_eq!(repository.points().unwrap().len(), 1);
    assert_eq!(repository.find_point("latest").unwrap().manifest.id, done.point.unwrap());
    assert_eq!(tree(&repository, &newest(&repository)).len(), 4);
    expect_sound(&rig);
}

/// A reader that waits in the middle of its content until it is told to go on.
struct Slow<'a> {
    given: usize,
    bytes: &'a [u8],
    go_on: &'a AtomicUsize,
}

impl Read for Slow<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.given >= self.bytes.len() / 2 {
            while self.go_on.load(Ordering::SeqCst) == 0 {
                std::thread::sleep(Duration::from_millis(1));
            }
        }
        let n = buffer.len().min(self.bytes.len() - self.given).min(100_000);
        buffer[..n].copy_from_slice(&self.bytes[self.given..self.given + n]);
        self.given += n;
        Ok(n)
    }
}

#[test]
fn a_slow_content_holds_no_commit_back_and_is_whole_in_the_point_after_it() {
    let folder = tempfile::tempdir().unwrap();
    let rig = rig(folder.path());
    let repository = rig.open().unwrap();
    let bytes = testkit::noise(5, 6_000_000);
    let source = By(|draft: &dyn PointDraft| {
        let go_on = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            let slow = scope.spawn(|| draft.store(&mut Slow { given: 0, bytes: &bytes, go_on: &go_on }));
            let begun = Instant::now();
            for n in 0..20 {
                put(draft, b"box", format!("{n}").as_bytes(), b"quick")?;
                draft.interim()?;
            }
            assert!(begun.elapsed() < Duration::from_secs(60), "nobody waited for the slow one");
            go_on.store(1, Ordering::SeqCst);
            let stored = slow.join().unwrap()?.unwrap();
            draft.edit(b"box", vec![(b"slow".to_vec(), Some(file(b"slow", stored)))])
        })
    });
    update(&repository, &source).unwrap();
    let tree = tree(&repository, &newest(&repository));
    assert_eq!(tree["/box/slow"].as_deref(), Some(&bytes[..]));
    assert_eq!(tree.len(), 22);
    expect_sound(&rig);
}

#[test]
fn sixty_four_threads_store_and_edit_folders_of_their_own() {
    let folder = tempfile::tempdir().unwrap();
    let rig = rig(folder.path());
    let repository = rig.open().unwrap();
    let source = By(|draft: &dyn PointDraft| {
        std::thread::scope(|scope| {
            let run = |user: u64| {
                let folder = format!("user {user}").into_bytes();
                for n in 0..20 {
                    put(draft, &folder, format!("{n}").as_bytes(), &testkit::noise(user * 100 + n, 5_000))?;
                    if user == 7 && n % 5 == 0 {
                        draft.interim()?;
                    }
                }
                Ok(())
            };
            let threads: Vec<_> = (0..64).map(|user| scope.spawn(move || run(user))).collect();
            threads.into_iter().try_for_each(|thread| thread.join().unwrap())
        })
    });
    update(&repository, &source).unwrap();
    assert_eq!(tree(&repository, &newest(&repository)).len(), 64 * 21);
    expect_sound(&rig);
}
