//! Config entries that may not change anything ([LOG-19], [CONF-7]): they are not kept, and stand in the way of none that may.

use super::place::{in_memory, verified};
use engine::immutability::Cover;
use engine::monitor::Monitor;
use format_spec::config::{IMMUTABILITY, Immutability, LockMode};
use format_spec::fields::FieldsWriter;
use format_spec::log::Change;
use std::num::NonZeroU32;

/// [CONF-7] The repository is locked for 5 days of 30, in compliance, with generations of 10.
#[test]
fn an_entry_of_another_kind_of_locking_counts_for_nothing_and_blocks_no_later_one() {
    let field = |mode, days, generation_days| Immutability { mode, days: NonZeroU32::new(days), generation_days };
    let strange = [
        ("mode", field(LockMode::Governance, 20, 10)),
        ("generation", field(LockMode::Compliance, 20, 30)),
        ("fewer days", field(LockMode::Compliance, 4, 10)),
        ("the whole period", field(LockMode::Compliance, 0, 10)),
        ("more days than the period has", field(LockMode::Compliance, 31, 10)),
    ];
    for (what, strange) in strange {
        let folder = tempfile::tempdir().unwrap();
        let (rig, _, clock) = in_memory(folder.path(), Some(5));
        rig.write("a", b"a");
        rig.back_up().unwrap();
        let repository = rig.open().unwrap();
        let write = |field: Immutability| {
            let mut fields = FieldsWriter::new();
            fields.put(IMMUTABILITY, &field.encode());
            let change = Change::Config { fields: fields.as_bytes().to_vec() };
            repository.log().append(&*rig.env, &mut |_| Ok(change.clone())).unwrap();
            repository.refresh().unwrap();
        };
        write(strange);
        let days = || rig.open().unwrap().policy().unwrap().wish().cover;
        assert_eq!((days(), repository.log().view().settings.len()), (Cover::Days(5), 0), "{what}");
        repository.raise_immutable_days(10, &Monitor::new()).unwrap();
        assert_eq!(days(), Cover::Days(10), "{what}");
        write(strange);
        assert_eq!(days(), Cover::Days(10), "{what}");
        // Whoever begins with a checkpoint knows the same.
        repository.log().checkpoint(&*rig.env).unwrap().unwrap();
        assert_eq!((days(), rig.open().unwrap().log().view().settings.len()), (Cover::Days(10), 1), "{what}");
        repository.raise_immutable_days(30, &Monitor::new()).unwrap();
        clock.turn_days(1);
        rig.write("a", b"b");
        rig.back_up().unwrap();
        assert_eq!((days(), verified(&rig).gaps), (Cover::Days(30), Vec::new()), "{what}");
    }
}
