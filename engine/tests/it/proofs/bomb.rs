//! A point of few nodes and a thousand million items, made by somebody with the keys: each level names its child a thousand times.

use super::Rig;
use super::rig::{restore_options, shown};
use engine::Kind;
use engine::blob::WriterOptions;
use engine::monitor::Monitor;
use engine::repository::{Grounds, NameOf};
use engine::restore_point::{NewNodes, PointSink, ReferenceChange, reference_set, roots_of};
use engine::session::{Opening, WriteSession};
use engine::store::Memory;
use engine::tree::FolderBuilder;
use format_spec::log::{PointId, Purpose};
use format_spec::point::{Manifest, Maps};
use format_spec::tree::{Content, Entry};
use std::sync::Arc;

/// Commits a point whose tree has so many levels of a thousand names each, and counts as many items as the point before it.
fn commit_bomb(rig: &Rig, levels: u32) -> PointId {
    let repository = rig.open().unwrap();
    let good = repository.points().unwrap().pop().unwrap();
    let before = repository.before();
    let opening = Opening { job: "bomb", host: "h", purpose: Purpose::Backup, base: None };
    let session = WriteSession::open(&repository, opening).unwrap();
    let monitor = Arc::new(Monitor::new());
    let writer = session.writer(WriterOptions { threads: 1, ..WriterOptions::default() }, &monitor).unwrap();
    let new_nodes = NewNodes::default();
    let ids = &repository.sealed_store().ids;
    let mut sink = PointSink::new(&writer, ids, &new_nodes);
    let mut root = Entry { content: Content::None, totals: Default::default(), ..good.manifest.root.clone() };
    for _ in 0..levels {
        let mut folder = FolderBuilder::new();
        for n in 0..1000 {
            folder.push(&Entry { name: format!("{n:03}").into_bytes(), ..root.clone() }, &mut sink).unwrap();
        }
        (root.content, root.totals) = folder.finish(&mut sink).unwrap();
    }
    writer.flush().unwrap();
    let roots = roots_of(&root, Maps::default());
    let change = ReferenceChange {
        base: None,
        base_roots: Vec::new(),
        roots,
        new_nodes: &new_nodes,
        blobs: repository.blobs(),
        log: repository.log().view(),
    };
    let references = reference_set(change, &mut PointSink::unaccounted(&writer, ids)).unwrap();
    writer.flush().unwrap();
    let (id, known) = (PointId([9; 16]), repository.log().view().head);
    let exceptions = None;
    let manifest = Manifest {
        id,
        root,
        references,
        maps: Maps { exceptions, ..Maps::default() },
        base: None,
        ..good.manifest.clone()
    };
    let grounds = Grounds::new(known, NameOf::Made(before));
    let done = session.commit(&manifest, grounds, &monitor);
    assert!(done.unwrap_or_else(|e| panic!("{}", shown(&e))).number.is_some());
    id
}

#[test]
fn a_tree_that_names_each_child_a_thousand_times_ends_every_walk_with_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let rig = Rig::new(folder.path(), Arc::new(Memory::new()));
    rig.write("a", b"a");
    rig.back_up().unwrap();
    let bomb = commit_bomb(&rig, 3).to_string();
    let repository = rig.open().unwrap();
    // The one door through which all who walk get a point: ls, find, stats, restore, copy, mount.
    let error = repository.find_point(&bomb).unwrap_err();
    assert_eq!(error.kind(), Kind::Damaged, "{}", shown(&error));
    assert!(error.to_string().contains("its tree has 1001001000 items"), "{error}");
    let target = tempfile::tempdir().unwrap();
    let (done, _) = rig.restore_with(&bomb, target.path(), &restore_options(), &Arc::new(Monitor::new()));
    assert_eq!(done.unwrap_err().kind(), Kind::Damaged);
    let report = rig.check().unwrap();
    assert!(report.errors.iter().any(|finding| finding.what.contains("were counted")), "{:?}", report.errors);
    // The others are as they were.
    assert_eq!(repository.points_and_damage().iter().filter(|(_, point)| point.is_ok()).count(), 1);
    rig.back_up().unwrap();
    rig.restore("latest", target.path()).0.unwrap();
}

#[test]
fn a_few_more_items_than_were_counted_are_no_reason_to_refuse_a_point() {
    let folder = tempfile::tempdir().unwrap();
    let rig = Rig::new(folder.path(), Arc::new(Memory::new()));
    rig.write("a", b"a");
    rig.back_up().unwrap();
    let point = commit_bomb(&rig, 1).to_string();
    assert_eq!(rig.open().unwrap().find_point(&point).unwrap().manifest.root.totals.descendants, 1000);
    assert_eq!(rig.check().unwrap().errors, Vec::new());
}
