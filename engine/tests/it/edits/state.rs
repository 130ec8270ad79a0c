//! What a source writes down, and what becomes of it: copies, expiry, checks, readers.

use super::interim::put;
use super::{By, bytes, entry, expect_sound, newest, options, rig, state, toy, tree, update};
use engine::backup::edit;
use engine::monitor::Monitor;
use engine::source::PointDraft;
use engine::store::{Fault, Faulty, RequestKind};
use engine::{Kind, Result};
use format_spec::PointKind;
use format_spec::ledger::Outcome;
use format_spec::point::Workload;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use testkit::rig::{collect_all, collect_options, copy_of, expire};
use testkit::toy::Notes;

#[test]
fn only_what_changed_is_read_and_the_rest_is_taken_over() {
    let folder = tempfile::tempdir().unwrap();
    let (rig, notes) = (rig(folder.path()), Notes::default());
    let repository = rig.open().unwrap();
    notes.make("work");
    (0..50).for_each(|n| notes.write(&format!("work/{n}"), format!("note {n}").as_bytes()));
    let first = toy(&repository, &notes);
    assert_eq!((first.kind, notes.reads.swap(0, Ordering::Relaxed)), (PointKind::Full, 50));
    assert_eq!((first.counts.new, first.counts.folders, first.counts.unchanged), (50, 1, 1));
    notes.write("work/7", b"another note");
    notes.remove("work/8");
    notes.write("work/new", b"new");
    let second = toy(&repository, &notes);
    assert_eq!((second.kind, notes.reads.load(Ordering::Relaxed)), (PointKind::Incremental, 2));
    assert_eq!((second.counts.new, second.counts.changed, second.counts.unchanged), (1, 1, 50));
    assert_eq!(bytes(&repository, &entry(&repository, "work/7").unwrap()), b"another note");
    assert_eq!(entry(&repository, "work/8"), None);
    let point = newest(&repository);
    assert_eq!((point.manifest.workload, &*point.manifest.organisation), (Workload::Microsoft365, "notes"));
    assert_eq!(point.manifest.base, first.point);
    expect_sound(&rig);
}

#[test]
fn a_folder_that_moves_is_the_same_tree_and_takes_waiting_edits_along() {
    let folder = tempfile::tempdir().unwrap();
    let (rig, notes) = (rig(folder.path()), Notes::default());
    let repository = rig.open().unwrap();
    ["a", "a/b", "c"].into_iter().for_each(|folder| notes.make(folder));
    notes.write("a/b/note", b"one");
    toy(&repository, &notes);
    let before = entry(&repository, "a/b").unwrap().content;
    notes.reads.store(0, Ordering::Relaxed);
    notes.rename("a/b", "c/d");
    toy(&repository, &notes);
    assert_eq!(notes.reads.load(Ordering::Relaxed), 0);
    assert_eq!((entry(&repository, "c/d").unwrap().content, entry(&repository, "a/b")), (before, None));
    // In one session: an edit in it, the move, and another edit.
    let source = By(|draft: &dyn PointDraft| {
        put(draft, b"c/d", b"two", b"two")?;
        let moved = draft.entry(b"c/d")?.expect("it is there");
        draft.edit(b"c", vec![(b"d".to_vec(), None)])?;
        draft.edit(b"a", vec![(b"e".to_vec(), Some(moved))])?;
        put(draft, b"a/e", b"three", b"three")
    });
    update(&repository, &source).unwrap();
    let tree = tree(&repository, &newest(&repository));
    let files: Vec<_> = tree.iter().filter_map(|(path, bytes)| bytes.as_ref().map(|_| &**path)).collect();
    assert_eq!(files, ["/a/e/note", "/a/e/three", "/a/e/two"]);
    expect_sound(&rig);
}

#[test]
fn what_was_put_aside_in_an_older_point_comes_back_whole() {
    let folder = tempfile::tempdir().unwrap();
    let rig = rig(folder.path());
    let repository = rig.open().unwrap();
    let fill = By(|draft: &dyn PointDraft| {
        for n in 0..300 {
            let content = testkit::noise(n, 300_000 + usize::try_from(n).unwrap());
            put(draft, b"kept", format!("{n:03}").as_bytes(), &content)?;
        }
        Ok(())
    });
    update(&repository, &fill).unwrap();
    // It leaves with an interim point, and comes back from memory after that: the base names nothing of it any more.
    let there_and_back = By(|draft: &dyn PointDraft| {
        let kept = draft.entry(b"kept")?.expect("it is in the base");
        draft.edit(b"", vec![(b"kept".to_vec(), None)])?;
        draft.interim()?;
        assert!(draft.entry(b"kept")?.is_none());
        draft.edit(b"", vec![(b"again".to_vec(), Some(kept))])
    });
    update(&repository, &there_and_back).unwrap();
    assert_eq!(tree(&repository, &newest(&repository)).len(), 301);
    expect_sound(&rig);
    // Every point but the newest leaves, and nothing that it needs is collected.
    let points: Vec<_> = repository.points().unwrap().iter().map(|p| p.manifest.id).collect();
    expire(&repository, points.into_iter().filter(|id| *id != newest(&repository).manifest.id).collect());
    collect_all(&repository, &collect_options()).unwrap();
    expect_sound(&rig);
    assert_eq!(tree(&rig.open().unwrap(), &newest(&repository)).len(), 301);
}

#[test]
fn what_cannot_be_read_keeps_its_state_with_a_line_until_it_is_settled() {
    let folder = tempfile::tempdir().unwrap();
    let (rig, notes) = (rig(folder.path()), Notes::default());
    let repository = rig.open().unwrap();
    notes.write("kept", b"good");
    let first = toy(&repository, &notes);
    notes.lock("kept", true);
    notes.write("kept", b"better");
    notes.lock("never", true);
    notes.write("never", b"seen");
    let second = toy(&repository, &notes);
    assert_eq!((second.counts.failed, second.counts.kept), (2, 1));
    let lines = lines(&repository);
    let started =
        repository.load(repository.log().view().live(&first.point.unwrap()).unwrap()).unwrap().manifest.started;
    assert_eq!(
        lines,
        [("kept".to_owned(), Outcome::Kept { as_of: started, items: 1 }), ("never".to_owned(), Outcome::Failed)]
    );
    assert_eq!(bytes(&repository, &entry(&repository, "kept").unwrap()), b"good");
    expect_sound(&rig);
    // The lines stay as long as nobody settles them, and say the same time.
    notes.write("other", b"1");
    toy(&repository, &notes);
    assert_eq!(self::lines(&repository), lines);
    ["kept", "never"].into_iter().for_each(|note| notes.lock(note, false));
    let last = toy(&repository, &notes);
    assert_eq!((last.counts.failed, last.counts.kept, self::lines(&repository).len()), (0, 0, 0));
    assert_eq!(bytes(&repository, &entry(&repository, "kept").unwrap()), b"better");
    expect_sound(&rig);
}

fn lines(repository: &engine::repository::Repository) -> Vec<(String, Outcome)> {
    let exceptions = newest(repository).manifest.maps.exceptions;
    let rows = engine::tree::MapCursor::open(repository.nodes(), exceptions);
    rows.map(|pair| {
        let pair = pair.unwrap();
        let line = format_spec::ledger::Exception::decode(&pair.value).unwrap();
        (String::from_utf8_lossy(&pair.key).into_owned(), line.outcome)
    })
    .collect()
}

#[test]
fn rows_are_found_by_prefix_whether_they_wait_or_are_stored() {
    let folder = tempfile::tempdir().unwrap();
    let rig = rig(folder.path());
    let repository = rig.open().unwrap();
    let write = |rows: &'static [(&'static str, Option<&'static str>)], expected: &'static [&'static str]| {
        let source = By(move |draft: &dyn PointDraft| {
            for (key, value) in rows {
                draft.set_state(key.as_bytes(), value.map(str::as_bytes))?;
            }
            let mut found = Vec::new();
            draft.states(b"a/", &mut |key, value| {
                found.push(format!("{}={}", String::from_utf8_lossy(key), String::from_utf8_lossy(value)));
                // A visitor may ask and write itself.
                draft.set_state(b"seen", Some(key))?;
                Ok(true)
            })?;
            assert_eq!(found, expected);
            Ok(())
        });
        update(&repository, &source).unwrap();
    };
    write(&[("a/2", Some("x")), ("b", Some("y")), ("a/1", Some("z"))], &["a/1=z", "a/2=x"]);
    write(&[("a/1", None), ("a/3", Some("3")), ("a/0", Some("0")), ("a/2", Some("2"))], &["a/0=0", "a/2=2", "a/3=3"]);
    write(&[], &["a/0=0", "a/2=2", "a/3=3"]);
    assert_eq!((state(&repository, b"b"), state(&repository, b"a/1")), (Some(b"y".to_vec()), None));
    let refused = By(|draft: &dyn PointDraft| {
        let e = draft.set_state(&[b'k'; 70_000], Some(b"")).unwrap_err();
        assert_eq!(e.kind(), Kind::Input);
        let e = draft.edit(b"nowhere", Vec::new()).unwrap_err();
        assert_eq!(e.kind(), Kind::Input);
        Ok(())
    });
    update(&repository, &refused).unwrap();
    expect_sound(&rig);
}

/// A run that dies at any call before its commit leaves the link that there was.
#[test]
fn a_link_is_visible_with_its_commit_and_not_before() {
    let folder = tempfile::tempdir().unwrap();
    let (rig, notes) = (rig(folder.path()), Notes::default());
    notes.write("a", b"1");
    toy(&rig.open().unwrap(), &notes);
    let link = |rig: &crate::proofs::Rig| state(&rig.open().unwrap(), b"link");
    assert_eq!(link(&rig), Some(1u64.to_le_bytes().to_vec()));
    notes.write("b", &testkit::noise(1, 400_000));
    for prefix in ["data/", "meta/", "index/", "points/"] {
        let dying = Faulty::new(copy_of(&*rig.store), move |call| {
            (call.verb == RequestKind::Put && call.name.starts_with(prefix)).then_some(Fault::Before(Kind::Denied))
        });
        let dying = rig.over(Arc::new(dying));
        let source = testkit::toy::ToySource { notes: &notes, interim_every: usize::MAX };
        update(&dying.open().unwrap(), &source).unwrap_err();
        assert_eq!(link(&dying), Some(1u64.to_le_bytes().to_vec()), "{prefix}");
    }
    toy(&rig.open().unwrap(), &notes);
    assert_eq!(link(&rig), Some(2u64.to_le_bytes().to_vec()));
}

#[test]
fn a_dry_run_is_refused() -> Result<()> {
    let folder = tempfile::tempdir().unwrap();
    let rig = rig(folder.path());
    let dry = engine::backup::BackupOptions { dry_run: true, ..options() };
    let done = edit(&rig.open()?, &By(|_: &dyn PointDraft| Ok(())), &dry, &Arc::new(Monitor::new()));
    assert_eq!(done.unwrap_err().kind(), Kind::Input);
    Ok(())
}
