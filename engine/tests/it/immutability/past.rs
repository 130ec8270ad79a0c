use super::place::{in_memory, open_as_of};
use crate::proofs::rig::{contents, restore_options};
use engine::Kind;
use engine::monitor::Monitor;
use engine::repository::AsOf;
use engine::restore::restore;
use std::sync::Arc;

#[test]
fn the_repository_is_read_as_it_was_and_not_written() {
    let folder = tempfile::tempdir().unwrap();
    let (rig, _, clock) = in_memory(folder.path(), Some(5));
    rig.write("a", b"first");
    rig.back_up().unwrap();
    let then = rig.open().unwrap().log().view().head;
    let before = contents(&rig.source);
    let time = engine::env::Env::now(&*clock);
    clock.turn_days(1);
    rig.write("a", b"second");
    rig.back_up().unwrap();
    for as_of in [AsOf::Entry(then), AsOf::Time(time), AsOf::parse(&then.to_string()).unwrap()] {
        let past = open_as_of(&rig, as_of).unwrap();
        assert_eq!((past.log().view().head, past.points().unwrap().len()), (then, 1));
        let target = tempfile::tempdir().unwrap();
        let point = past.find_point("latest").unwrap();
        let monitor = Arc::new(Monitor::new());
        restore(&past, &point, &rig.inside(), target.path(), &restore_options(), &monitor).unwrap();
        assert_eq!(contents(target.path()), before);
        let refused = past.add_slot(b"another", "x", crate::proofs::rig::CHEAP).unwrap_err();
        assert_eq!(refused.kind(), Kind::Input, "{refused}");
        assert!(!past.refresh().unwrap(), "it stays as it was");
    }
    assert_eq!(rig.open().unwrap().points().unwrap().len(), 2);
    assert_eq!(open_as_of(&rig, AsOf::Entry(0)).unwrap().points().unwrap().len(), 0);
    assert_eq!(open_as_of(&rig, AsOf::Entry(1000)).unwrap_err().kind(), Kind::Absent);
    let old = AsOf::parse("2001-01-01").unwrap();
    assert_eq!(open_as_of(&rig, old).unwrap_err().kind(), Kind::Absent);
    assert_eq!(AsOf::parse("yesterday").unwrap_err().kind(), Kind::Input);
}
