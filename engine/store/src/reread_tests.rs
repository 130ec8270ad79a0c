use super::*;
use crate::StoreExt;
use crate::{Fault, Faulty, Memory};
use std::sync::Arc;

fn name() -> ObjectName {
    ObjectName::new("a/b").unwrap()
}

/// Eight zeros, and a reader that takes nothing else.
fn zeros(plan: impl Fn(u64) -> Option<Fault> + Send + Sync + 'static) -> Arc<Faulty> {
    let memory = Arc::new(Memory::new());
    memory.put_new(&name(), Bytes::from_static(&[0; 8])).unwrap();
    Arc::new(Faulty::new(memory, move |call| plan(call.number)))
}

fn read(look: &Look<'_>) -> Result<Bytes> {
    let bytes = look.get(&name())?;
    if bytes[..] == [0; 8] { Ok(bytes) } else { Err(Error::new(Kind::Damaged, "not zeros").on(name())) }
}

#[test]
fn sound_bytes_are_read_once() {
    let store = zeros(|_| None);
    assert_eq!(reread(&*store, read).unwrap(), [0; 8][..]);
    assert_eq!(store.calls(), 1);
}

#[test]
fn what_is_right_the_second_time_is_used() {
    let store = zeros(|call| (call == 1).then_some(Fault::Corrupt(3)));
    assert_eq!(reread(&*store, read).unwrap(), [0; 8][..]);
    assert_eq!(store.calls(), 2);
}

#[test]
fn the_same_wrong_bytes_twice_are_damage() {
    let store = zeros(|_| Some(Fault::Corrupt(3)));
    assert_eq!(reread(&*store, read).unwrap_err().kind(), Kind::Damaged);
    assert_eq!(store.calls(), 2, "never a third look");
}

#[test]
fn two_looks_that_differ_are_the_fault_of_the_way() {
    let store = zeros(|call| Some(Fault::Corrupt(if call == 1 { 3 } else { 12 })));
    let error = reread(&*store, read).unwrap_err();
    assert_eq!((error.kind(), error.object()), (Kind::Transient, Some("a/b")), "{error}");
    assert!(error.to_string().contains("different bytes"), "{error}");
}

#[test]
fn what_cannot_be_asked_again_is_not_called_damage() {
    let store = zeros(|call| Some(if call == 1 { Fault::Corrupt(3) } else { Fault::Before(Kind::Transient) }));
    assert_eq!(reread(&*store, read).unwrap_err().kind(), Kind::Transient);
}

#[test]
fn a_record_of_a_longer_request_is_looked_at_alone() {
    let store = zeros(|_| None);
    let error = Error::new(Kind::Damaged, "not zeros");
    let looked = SecondLook::after(&Bytes::from_static(&[1; 8]), error).over(&*store, read);
    assert_eq!(looked.unwrap(), [0; 8][..]);
    assert_eq!(store.calls(), 1);
}

#[test]
fn a_second_look_goes_over_a_connection_of_its_own() {
    /// Spoils each read of its first connection in the same way.
    #[derive(Debug)]
    struct Line(Arc<Memory>, bool);
    impl Store for Line {
        crate::forward!(0: location, put, head, list, versions, delete, extend_lock, retrieve, rest_again, now, capabilities, room);

        fn read(&self, object: crate::ObjectRef<'_>, range: crate::ReadRange) -> Result<crate::Read> {
            let read = self.0.read(object, range)?;
            Ok(if self.1 { read } else { crate::Read { bytes: Bytes::from_static(&[1; 8]), ..read } })
        }
        fn fresh(&self) -> Result<Option<Arc<dyn Store>>> {
            Ok(Some(Arc::new(Line(self.0.clone(), true))))
        }
    }
    let memory = Arc::new(Memory::new());
    memory.put_new(&name(), Bytes::from_static(&[0; 8])).unwrap();
    // Through every decorator that stands between an open repository and its place.
    let line: Arc<dyn Store> = Arc::new(Line(memory, false));
    let counted = crate::MeteredStore::new(line);
    let retried = crate::Retry::new(Arc::new(counted), Default::default(), Default::default());
    let limits = crate::Limits { upload_bytes_per_second: None, download_bytes_per_second: Some(1 << 40) };
    let placed = crate::StorageClassLayer::new(
        Arc::new(crate::Throttled::new(Arc::new(retried), limits)) as Arc<dyn Store>,
        crate::StorageClass::Glacier,
    );
    assert_eq!(reread(&placed, read).unwrap(), [0; 8][..]);
}
