//! What the log remembers of locks ([LOG-17]), and how it changes their length ([CONF-7]).

use super::view::LogView;
use format_spec::Time;
use format_spec::config::{IMMUTABILITY, Immutability};
use format_spec::container::ObjectKind;
use format_spec::log::{ObjectRange, ObjectRow};

impl LogView {
    /// Until when the store keeps an object at least; `None` when the log remembers no lock of it.
    pub fn locked_until(&self, row: &ObjectRow) -> Option<Time> {
        self.locks.iter().filter(|lock| has(&lock.objects, row)).map(|lock| lock.until).max()
    }

    /// The objects that are remembered to be locked at least until then.
    pub fn locked_beyond(&self, until: Time) -> impl Fn(&ObjectRow) -> Option<Time> {
        let locks: Vec<_> = self.locks.iter().filter(|lock| lock.until >= until).collect();
        move |row| locks.iter().filter(|lock| has(&lock.objects, row)).map(|lock| lock.until).max()
    }
}

fn has(ranges: &[ObjectRange], row: &ObjectRow) -> bool {
    let key = |kind: ObjectKind, session: u32, ordinal: u32| (kind as u8, session, ordinal);
    let sought = key(row.kind, row.id.session, row.id.ordinal);
    let after = ranges.partition_point(|r| key(r.kind, r.first.session, r.first.ordinal) <= sought);
    let range = after.checked_sub(1).and_then(|at| ranges.get(at));
    range.is_some_and(|r| {
        r.kind == row.kind
            && r.first.session == row.id.session
            && row.id.ordinal.checked_sub(r.first.ordinal).is_some_and(|n| n < r.count)
    })
}

/// Whether a Config entry may put `new` in the place of `old` ([LOG-19]): days of locking are only ever raised, and nothing else changes.
pub(super) fn may_replace(tag: u16, old: Option<&[u8]>, new: &[u8]) -> bool {
    if tag != IMMUTABILITY {
        return false;
    }
    let days = |bytes: &[u8]| Immutability::decode(bytes).ok().map(|i| (i.mode, i.generation_days, i.days));
    match (old.and_then(days), days(new)) {
        (_, None) => false,
        (None, Some(_)) => true,
        (Some(old), Some(new)) => old.0 == new.0 && old.1 == new.1 && new.2 > old.2,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::LockRef;
    use format_spec::ObjectId;
    use std::sync::Arc;

    fn row(kind: ObjectKind, session: u32, ordinal: u32) -> ObjectRow {
        ObjectRow { kind, id: ObjectId { session, ordinal } }
    }

    #[test]
    fn an_object_is_locked_as_long_as_the_longest_lock_of_it_says() {
        let lock = |seconds, kind, session, first, count| {
            let first = ObjectId { session, ordinal: first };
            LockRef { until: Time::new(seconds, 0), objects: [ObjectRange { kind, first, count }].as_slice().into() }
        };
        let (data, points) = (ObjectKind::DataPack, ObjectKind::RestorePoint);
        let locks = vec![lock(50, data, 1, 4, 3), lock(90, data, 1, 6, 1), lock(70, points, 1, 0, u32::MAX)];
        let view = LogView { locks: Arc::new(locks), ..LogView::default() };
        let until = |row| view.locked_until(&row).map(|t| t.seconds);
        assert_eq!([3, 4, 5, 6, 7].map(|n| until(row(data, 1, n))), [None, Some(50), Some(50), Some(90), None]);
        assert_eq!((until(row(data, 2, 4)), until(row(points, 1, 9))), (None, Some(70)));
        let beyond = view.locked_beyond(Time::new(60, 0));
        assert_eq!((beyond(&row(data, 1, 4)), beyond(&row(data, 1, 6)).map(|t| t.seconds)), (None, Some(90)));
    }

    #[test]
    fn days_of_locking_are_only_raised() {
        let field = |mode: u8, days: u8| [mode, 0, 0, 0, days, 0, 0, 0, 10, 0, 0, 0];
        let may = |old: Option<[u8; 12]>, new: [u8; 12]| may_replace(IMMUTABILITY, old.as_ref().map(|o| &o[..]), &new);
        assert!(may(None, field(2, 30)) && may(Some(field(2, 30)), field(2, 31)));
        assert!(!may(Some(field(2, 30)), field(2, 29)) && !may(Some(field(2, 30)), field(2, 0)));
        assert!(!may(Some(field(2, 30)), field(1, 60)) && !may(None, field(9, 30)));
        assert!(!may_replace(12, None, &[3, 1, 0, 0, 0]) && !may_replace(10, Some(&[3]), &[1]), "nothing else changes");
    }
}
