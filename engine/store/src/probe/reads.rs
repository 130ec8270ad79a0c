//! Ranges, listings, deletion.

use super::{Place, Probed};
use crate::{ObjectName, StoreExt};
use base::error::{Error, Kind, Result};
use base::threads;
use bytes::Bytes;

/// Ranges and tails are exact, and what reaches over the end is an error.
pub(super) fn try_ranges(place: &Place<'_>, name: &ObjectName, content: &Bytes, probed: &mut Probed) -> Result<()> {
    let (store, length) = (place.store, content.len() as u64);
    let mut wrong = Vec::new();
    if store.get(name)? != *content || store.head_of(name)?.bytes != length {
        wrong.push(("an object".to_owned(), "did not come back as it was put".to_owned()));
    }
    for range in [0..1, 100..200, length - 1..length, 0..length] {
        let expected = slice(content, range.start, range.end);
        match judge(store.get_range(name, range.clone()))? {
            Ok(bytes) if bytes == expected => {}
            Ok(bytes) => wrong.push((format!("bytes {range:?}"), format!("came as {} other bytes", bytes.len()))),
            Err(message) => wrong.push((format!("bytes {range:?}"), format!("did not come ({message})"))),
        }
    }
    for bytes_max in [10, length, length * 5] {
        let expected = slice(content, length.saturating_sub(bytes_max), length);
        match judge(store.get_tail(name, bytes_max))? {
            Ok((bytes, whole)) if bytes == expected && whole == length => {}
            Ok((bytes, _)) => {
                wrong.push((format!("the last {bytes_max} bytes"), format!("came as {} other bytes", bytes.len())));
            }
            Err(message) => wrong.push((format!("the last {bytes_max} bytes"), format!("did not come ({message})"))),
        }
    }
    for range in [length - 10..length + 10, length * 2..length * 2 + 10] {
        if judge(store.get_range(name, range.clone()))?.is_ok() {
            wrong.push((format!("bytes {range:?} of an object of {length} bytes"), "came without an error".to_owned()));
        }
    }
    probed.ranges = wrong.is_empty();
    // One of a kind is enough to name: a server that sends whole objects fails every line above.
    wrong.dedup_by(|later, first| later.1 == first.1);
    probed.observed.extend(wrong.into_iter().take(2).map(|(what, why)| format!("{what} {why}")));
    Ok(())
}

/// A listing shows what was just created by many at once, each object once, with its length, and honours where it shall start.
pub(super) fn try_listing(place: &Place<'_>, probed: &mut Probed) -> Result<()> {
    let create = |number| place.put(&place.name(&format!("list-{number}"))?, Bytes::from(vec![b'x'; number]));
    std::thread::scope(|scope| {
        let create = &create;
        let creating = (0..LISTED).map(|number| threads::scoped(scope, move || create(number)));
        let creating: Vec<_> = creating.collect::<Result<_>>()?;
        let lost = |_| Error::new(Kind::Bug, "a thread of the probe panicked");
        creating.into_iter().try_for_each(|t| t.join().map_err(lost)?.map(drop))
    })?;
    let mut made: Vec<ObjectName> = place.made.lock().iter().map(|(name, _)| name.clone()).collect();
    made.sort();
    made.dedup();
    let found = place.list(None)?;
    let middle = place.name(&format!("list-{}", LISTED / 2))?;
    let after: Vec<ObjectName> = place.list(Some(&middle))?.into_iter().map(|l| l.name).collect();
    let names: Vec<&ObjectName> = found.iter().map(|l| &l.name).collect();
    let complete = names == made.iter().collect::<Vec<_>>();
    let lengths = (0..LISTED).all(|number| {
        let last = format!("/list-{number}");
        found.iter().any(|l| l.name.as_str().ends_with(&last) && l.bytes == number as u64)
    });
    let starts = after == made.iter().filter(|n| **n > middle).cloned().collect::<Vec<_>>();
    if !complete {
        probed.observed.push(format!("a listing showed {} of {} objects just created", names.len(), made.len()));
    }
    if !lengths {
        probed.observed.push("a listing showed wrong lengths".to_owned());
    }
    if !starts {
        probed.observed.push("a listing that shall start after a name did not".to_owned());
    }
    probed.listing_complete = complete && lengths && starts;
    Ok(())
}

/// A deleted object is gone from reads and listings, and deleting it again is no error.
pub(super) fn try_delete(place: &Place<'_>, name: &ObjectName, probed: &mut Probed) -> Result<()> {
    let deleted = judge(place.store.delete(name.object()).and_then(|()| place.store.delete(name.object())))?;
    let gone = match place.store.get(name) {
        Err(e) if e.kind() == Kind::Absent => true,
        Err(e) => return Err(e),
        Ok(_) => false,
    };
    let unlisted = !place.list(None)?.iter().any(|l| l.name == *name);
    probed.delete = deleted.is_ok() && gone && unlisted;
    match deleted {
        Err(message) => probed.observed.push(format!("an object could not be deleted ({message})")),
        Ok(()) if !probed.delete => probed.observed.push("a deleted object was still there".to_owned()),
        Ok(()) => {}
    }
    Ok(())
}

/// A server's own answer, right or wrong; an error that says nothing about its abilities ends the probe.
fn judge<T>(result: Result<T>) -> Result<std::result::Result<T, String>> {
    match result {
        Ok(value) => Ok(Ok(value)),
        Err(e) if matches!(e.kind(), Kind::Unsupported | Kind::Damaged | Kind::Input | Kind::Immutable) => {
            // Nobody knows the probe's objects by their names.
            Ok(Err(e.whole()))
        }
        Err(e) => Err(e),
    }
}

fn slice(content: &Bytes, start: u64, end: u64) -> Bytes {
    let at = |n: u64| usize::try_from(n).unwrap_or(usize::MAX).min(content.len());
    content.slice(at(start)..at(end))
}

const LISTED: usize = 6;
