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

/// What Config entries may raise in a repository that is locked for some days ([CONF-7]).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Raises {
    /// Field 13 of the config itself: its mode and generation stay, and its days are the fewest.
    pub first: Immutability,
    /// The days that its period of retention has.
    pub days_max: u32,
}

/// Whether a Config entry may put `new` in the place of `old`, or of what the config says ([LOG-19]): days of locking are only ever raised, and
/// nothing else changes. What may not is not kept either: it would stand in the way of those that may.
pub(super) fn may_replace(tag: u16, raises: Option<&Raises>, old: Option<&[u8]>, new: &[u8]) -> bool {
    let (Some(raises), IMMUTABILITY) = (raises, tag) else { return false };
    let decode = |bytes: &[u8]| Immutability::decode(bytes).ok();
    let (Some(now), Some(new)) = (old.and_then(decode).or(Some(raises.first)), decode(new)) else { return false };
    let is_same = (new.mode, new.generation_days) == (raises.first.mode, raises.first.generation_days);
    is_same && now.days.is_some() && new.days > now.days && new.days.is_some_and(|days| days.get() <= raises.days_max)
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
        let field = |mode: u8, days: u8, generation: u8| [mode, 0, 0, 0, days, 0, 0, 0, generation, 0, 0, 0];
        let of = |first: [u8; 12]| Raises { first: Immutability::decode(&first).unwrap(), days_max: 90 };
        let first = of(field(2, 20, 10));
        let may = |old: Option<[u8; 12]>, new: [u8; 12]| {
            may_replace(IMMUTABILITY, Some(&first), old.as_ref().map(|o| &o[..]), &new)
        };
        let thirty = Some(field(2, 30, 10));
        assert!(may(None, field(2, 21, 10)) && may(thirty, field(2, 31, 10)) && may(thirty, field(2, 90, 10)));
        for old in [None, thirty] {
            let (fewer, none, more) = (field(2, 20, 10), field(2, 0, 10), field(2, 91, 10));
            let (mode, unknown, generation) = (field(1, 60, 10), field(9, 60, 10), field(2, 60, 30));
            for refused in [fewer, none, more, mode, unknown, generation] {
                assert!(!may(old, refused), "{old:?} {refused:?}");
            }
        }
        let (whole, sixty) = (of(field(2, 0, 10)), field(2, 60, 10));
        assert!(!may_replace(IMMUTABILITY, Some(&whole), None, &sixty), "the whole period is not a number of days");
        assert!(!may_replace(IMMUTABILITY, None, None, &sixty), "what is not locked stays so");
        let other = |tag, old, new: &[u8]| may_replace(tag, Some(&first), old, new);
        assert!(!other(12, None, &[3, 1, 0, 0, 0]) && !other(10, Some(&[3]), &[1]), "nothing else changes");
    }
}
