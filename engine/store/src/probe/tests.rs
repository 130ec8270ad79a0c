use super::*;
use crate::StoreExt;
use crate::{
    Fault, Faulty, ListOptions, Memory, MeteredStore, ObjectRef, PutOptions, Read, ReadRange, RequestKind, forward,
};
use base::env::Seeded;
use std::sync::Arc;

fn probe_memory(store: &dyn Store) -> Probed {
    probe(store, &*Seeded::shared(1), &|_| ()).unwrap()
}

fn left(store: &dyn Store) -> usize {
    let mut count = 0;
    store
        .list(&ListOptions::below(""), &mut |_| {
            count += 1;
            true
        })
        .unwrap();
    count
}

#[test]
fn an_honest_store_passes_and_nothing_is_left_in_it() {
    let store = Memory::new();
    let probed = probe_memory(&store);
    assert!(probed.create_is_atomic && probed.ranges && probed.listing_complete && probed.delete, "{probed:?}");
    assert!(!probed.checksum_enforced);
    assert_eq!((probed.versioned, probed.rounds), (None, 3));
    probed.require().unwrap();
    assert_eq!(left(&store), 0);
}

#[test]
fn a_store_that_cannot_be_reached_is_an_error_and_no_verdict() {
    let down = Faulty::new(Arc::new(Memory::new()), |_| Some(Fault::Before(Kind::Denied)));
    assert_eq!(probe(&down, &*Seeded::shared(1), &|_| ()).unwrap_err().kind(), Kind::Denied);
}

#[test]
fn lost_answers_during_the_race_prove_nothing_and_are_no_fault() {
    // Every put of the first rounds loses its answer and is retried at once: nobody wins.
    let counted = Arc::new(MeteredStore::new(Arc::new(Memory::new())));
    let faulty = Faulty::new(counted, |call| {
        (call.verb == RequestKind::Put && call.name.ends_with("/race-0")).then_some(Fault::After(Kind::Exists))
    });
    let probed = probe_memory(&faulty);
    assert!(probed.create_is_atomic, "{probed:?}");
    assert_eq!(probed.rounds, 3);
}

/// A store that lies in one way.
#[derive(Debug)]
struct Liar {
    inner: Memory,
    lie: Lie,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Lie {
    CreatesAgain,
    SaysCreatedButKeepsOther,
    CutsRanges,
    SendsWhole,
    RefusesRanges,
    ForgetsInListings,
    IgnoresAfter,
    DeletesNothing,
}

impl Store for Liar {
    forward!(inner: head, versions, extend_lock, retrieve, rest_again, now, capabilities, room, fresh);

    fn location(&self) -> String {
        "liar:".to_owned()
    }
    fn put(&self, name: &ObjectName, bytes: Bytes, options: &PutOptions) -> Result<Receipt> {
        match self.lie {
            Lie::CreatesAgain if !options.tries_checksum => self.inner.replace(name, bytes),
            Lie::SaysCreatedButKeepsOther => {
                self.inner.put(name, Bytes::from_static(b"other"), options)?;
            }
            _ => {
                self.inner.put(name, bytes, options)?;
            }
        }
        Ok(Receipt::default())
    }
    fn read(&self, object: ObjectRef<'_>, range: ReadRange) -> Result<Read> {
        let range = match (self.lie, range) {
            (Lie::SendsWhole, ReadRange::Range(_)) => ReadRange::Whole,
            (Lie::RefusesRanges, ReadRange::Range(_)) => {
                return Err(Error::new(Kind::Unsupported, "no ranges here").on(object.name));
            }
            (Lie::CutsRanges, ReadRange::Range(range)) => {
                let length = self.inner.head_of(object)?.bytes;
                ReadRange::Range(range.start.min(length)..range.end.min(length))
            }
            (_, range) => range,
        };
        self.inner.read(object, range)
    }
    fn list(&self, options: &ListOptions<'_>, visit: &mut dyn FnMut(Listed) -> bool) -> Result<()> {
        let after = if self.lie == Lie::IgnoresAfter { None } else { options.after };
        let forgets = |l: &Listed| self.lie == Lie::ForgetsInListings && l.name.as_str().ends_with("list-3");
        self.inner.list(&options.after(after), &mut |l| forgets(&l) || visit(l))
    }
    fn delete(&self, object: ObjectRef<'_>) -> Result<()> {
        if self.lie == Lie::DeletesNothing { Ok(()) } else { self.inner.delete(object) }
    }
}

#[test]
fn each_lie_is_found_and_refused_by_name() {
    let cases = [
        (Lie::CreatesAgain, "16 of 16 parallel creates of one object succeeded", "creating an object only if"),
        (Lie::SaysCreatedButKeepsOther, "another one's bytes were kept", "creating an object only if"),
        (Lie::CutsRanges, "came without an error", "ranged reads"),
        (Lie::SendsWhole, "came as 1000 other bytes", "ranged reads"),
        (Lie::RefusesRanges, "(observed: bytes 0..1 did not come (no ranges here))", "ranged reads"),
        (Lie::ForgetsInListings, "a listing showed", "complete listings"),
        (Lie::IgnoresAfter, "start after a name", "complete listings"),
        (Lie::DeletesNothing, "was still there", "deleting"),
    ];
    for (lie, observed, missing) in cases {
        let probed = probe_memory(&Liar { inner: Memory::new(), lie });
        let error = probed.require().unwrap_err();
        assert_eq!(error.kind(), Kind::Unsupported, "{lie:?}");
        let message = error.to_string();
        assert!(message.contains(observed) && message.contains(missing), "{lie:?}: {message}");
        assert!(!message.contains("probe/"), "nobody knows the probe's objects: {message}");
    }
}
