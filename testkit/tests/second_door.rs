//! The second door of `source`, used by a toy and without an engine.

#![allow(clippy::unwrap_used, reason = "a test ends where it fails")]

use base::monitor::Monitor;
use format_spec::PointKind;
use format_spec::ledger::Outcome;
use std::sync::atomic::Ordering;
use testkit::draft::Shelf;
use testkit::toy::{Notes, ToySource};

fn update(shelf: &mut Shelf, notes: &Notes) -> PointKind {
    shelf.update(&ToySource { notes, interim_every: usize::MAX }, &Monitor::new()).unwrap().kind
}

#[test]
fn only_what_changed_is_read() {
    let (notes, mut shelf) = (Notes::default(), Shelf::default());
    notes.make("work");
    for n in 0..50 {
        notes.write(&format!("work/{n}"), format!("note {n}").as_bytes());
    }
    assert_eq!(update(&mut shelf, &notes), PointKind::Full);
    assert_eq!(notes.reads.swap(0, Ordering::Relaxed), 50);
    assert_eq!(update(&mut shelf, &notes), PointKind::Incremental);
    assert_eq!(notes.reads.load(Ordering::Relaxed), 0, "nothing changed, and nothing was read");
    notes.write("work/7", b"another note");
    notes.remove("work/8");
    update(&mut shelf, &notes);
    assert_eq!(notes.reads.load(Ordering::Relaxed), 1);
    assert_eq!(shelf.bytes(b"work/7").unwrap(), b"another note");
    assert!(shelf.entry(b"work/8").is_none());
    assert_eq!(shelf.bytes(b"work/9").unwrap(), b"note 9");
}

#[test]
fn a_folder_moves_with_all_that_is_in_it_and_nothing_is_read() {
    let (notes, mut shelf) = (Notes::default(), Shelf::default());
    ["a", "a/b", "c"].into_iter().for_each(|folder| notes.make(folder));
    notes.write("a/b/note", b"one");
    update(&mut shelf, &notes);
    let before = shelf.entry(b"a/b").unwrap().content;
    notes.reads.store(0, Ordering::Relaxed);
    notes.rename("a/b", "c/d");
    update(&mut shelf, &notes);
    assert_eq!(notes.reads.load(Ordering::Relaxed), 0);
    assert_eq!(shelf.bytes(b"c/d/note").unwrap(), b"one");
    assert_eq!(shelf.entry(b"c/d").unwrap().content, before, "it is the same tree");
    assert!(shelf.entry(b"a/b").is_none());
}

#[test]
fn what_cannot_be_read_keeps_its_last_good_state_and_is_tried_again() {
    let (notes, mut shelf) = (Notes::default(), Shelf::default());
    notes.write("kept", b"good");
    update(&mut shelf, &notes);
    notes.lock("kept", true);
    notes.write("kept", b"better");
    notes.lock("never", true);
    notes.write("never", b"seen");
    update(&mut shelf, &notes);
    let ledger = |shelf: &Shelf, path: &[u8]| shelf.newest.as_ref().unwrap().ledger.get(path).map(|f| f.outcome);
    assert_eq!(shelf.bytes(b"kept").unwrap(), b"good");
    assert!(matches!(ledger(&shelf, b"kept"), Some(Outcome::Kept { items: 1, .. })));
    assert_eq!((shelf.entry(b"never"), ledger(&shelf, b"never")), (None, Some(Outcome::Failed)));
    // The service tells nothing new, and both are tried again.
    ["kept", "never"].into_iter().for_each(|note| notes.lock(note, false));
    update(&mut shelf, &notes);
    assert_eq!(shelf.bytes(b"kept").unwrap(), b"better");
    assert_eq!(shelf.bytes(b"never").unwrap(), b"seen");
    assert!(shelf.newest.as_ref().unwrap().ledger.is_empty());
}

#[test]
fn a_session_that_is_stopped_goes_on_at_its_last_interim_point() {
    let (notes, mut shelf) = (Notes::default(), Shelf::default());
    for n in 0..10 {
        notes.write(&format!("{n}"), b"note");
    }
    let monitor = Monitor::new();
    /// Stops the work after so many reads.
    struct Stopping<'a>(ToySource<'a>, &'a Monitor);
    impl source::ChangedSource for Stopping<'_> {
        fn about(&self) -> source::About {
            self.0.about()
        }
        fn update(&self, draft: &dyn source::PointDraft) -> base::Result<source::Closing> {
            self.1.stop();
            self.0.update(draft)
        }
    }
    // Stopped at once: nothing is lost, and nothing is there.
    assert!(shelf.update(&Stopping(ToySource { notes: &notes, interim_every: 4 }, &monitor), &monitor).is_err());
    assert!(shelf.newest.is_none());
    // A note that ends the service's patience in the middle.
    let cut = Cut { toy: ToySource { notes: &notes, interim_every: 4 }, reads_max: 6 };
    assert!(shelf.update(&cut, &Monitor::new()).is_err());
    assert!(shelf.entry(b"3").is_some() && shelf.entry(b"5").is_none(), "what the interim point has, and no more");
    notes.reads.store(0, Ordering::Relaxed);
    update(&mut shelf, &notes);
    assert_eq!(notes.reads.load(Ordering::Relaxed), 6, "it went on after the fourth");
    assert!((0..10).all(|n| shelf.bytes(n.to_string().as_bytes()).unwrap() == b"note"));
}

/// A toy whose stop is pressed by the seventh change.
struct Cut<'a> {
    toy: ToySource<'a>,
    reads_max: u64,
}

impl source::ChangedSource for Cut<'_> {
    fn about(&self) -> source::About {
        self.toy.about()
    }

    fn update(&self, draft: &dyn source::PointDraft) -> base::Result<source::Closing> {
        self.toy.update(&Watched { draft, toy: &self.toy, reads_max: self.reads_max })
    }
}

/// A draft that ends the session after so many reads.
struct Watched<'a> {
    draft: &'a dyn source::PointDraft,
    toy: &'a ToySource<'a>,
    reads_max: u64,
}

impl source::PointDraft for Watched<'_> {
    fn store(&self, content: &mut dyn std::io::Read) -> base::Result<std::io::Result<source::Stored>> {
        if self.toy.notes.reads.load(Ordering::Relaxed) > self.reads_max {
            return Err(base::Error::new(base::Kind::Interrupted, "stopped"));
        }
        self.draft.store(content)
    }
    fn base(&self) -> Option<source::Base> {
        self.draft.base()
    }
    fn state(&self, key: &[u8]) -> base::Result<Option<Vec<u8>>> {
        self.draft.state(key)
    }
    fn states(&self, prefix: &[u8], visit: &mut source::Visit<'_>) -> base::Result<()> {
        self.draft.states(prefix, visit)
    }
    fn set_state(&self, key: &[u8], value: Option<&[u8]>) -> base::Result<()> {
        self.draft.set_state(key, value)
    }
    fn entry(&self, path: &[u8]) -> base::Result<Option<format_spec::tree::Entry>> {
        self.draft.entry(path)
    }
    fn edit(&self, folder: &[u8], edits: Vec<(Vec<u8>, Option<format_spec::tree::Entry>)>) -> base::Result<()> {
        self.draft.edit(folder, edits)
    }
    fn fail(&self, failure: &source::Failure) -> base::Result<()> {
        self.draft.fail(failure)
    }
    fn settle(&self, path: &[u8]) -> base::Result<()> {
        self.draft.settle(path)
    }
    fn interim(&self) -> base::Result<format_spec::PointId> {
        self.draft.interim()
    }
    fn stored_from(&self) -> Option<i64> {
        self.draft.stored_from()
    }
    fn monitor(&self) -> &Monitor {
        self.draft.monitor()
    }
}
