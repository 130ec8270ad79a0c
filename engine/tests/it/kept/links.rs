//! Files of several names: what was kept together stays together, and is not joined with what was read since.

use super::{Fails, back_up, kept, restored, rig};
use std::fs::hard_link;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

#[test]
fn kept_names_of_one_inode_stay_together_and_apart_from_those_that_were_read() {
    let folder = tempfile::tempdir().unwrap();
    let rig = rig(folder.path());
    rig.write("a/linked", b"old content");
    hard_link(rig.source.join("a/linked"), rig.source.join("a/sub/linked")).unwrap();
    hard_link(rig.source.join("a/linked"), rig.source.join("z")).unwrap();
    back_up(&rig, &[]);
    rig.write("z", b"new content");
    for _ in 0..2 {
        back_up(&rig, &[("a", Fails::Listing)]);
        let found = restored(&rig);
        for (name, bytes) in [("a/linked", "old content"), ("a/sub/linked", "old content"), ("z", "new content")] {
            assert_eq!(found[Path::new(name)], bytes.as_bytes(), "{name}");
        }
        let target = tempfile::tempdir().unwrap();
        rig.restore("latest", target.path()).0.unwrap();
        let inode = |name: &str| std::fs::metadata(target.path().join(name)).unwrap().ino();
        assert_eq!(inode("a/linked"), inode("a/sub/linked"));
        assert_ne!(inode("a/linked"), inode("z"));
    }
    assert_eq!(kept(&rig).len(), 1);
    back_up(&rig, &[]);
    let target = tempfile::tempdir().unwrap();
    rig.restore("latest", target.path()).0.unwrap();
    let inode = |name: &str| std::fs::metadata(target.path().join(name)).unwrap().ino();
    assert_eq!(inode("a/linked"), inode("z"), "once all can be read, they are one inode again");
}

#[test]
fn every_name_of_an_unreadable_inode_is_kept_as_the_point_before_has_it() {
    let folder = tempfile::tempdir().unwrap();
    let rig = rig(folder.path());
    rig.write("linked", b"content");
    hard_link(rig.source.join("linked"), rig.source.join("linked-too")).unwrap();
    back_up(&rig, &[]);
    rig.write("linked", b"other content");
    hard_link(rig.source.join("linked"), rig.source.join("linked-new")).unwrap();
    let fails = ["linked", "linked-new", "linked-too"].map(|name| (name, Fails::Reading));
    let done = back_up(&rig, &fails);
    // The third name has never been read.
    assert_eq!((done.counts.failed, done.counts.kept), (3, 2));
    let found = restored(&rig);
    assert_eq!(found[Path::new("linked")], b"content");
    assert_eq!(found[Path::new("linked-too")], b"content");
    assert!(!found.contains_key(Path::new("linked-new")));
}
