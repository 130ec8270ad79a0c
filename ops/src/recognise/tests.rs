//! Stores whose listings and answers are stale, and connections that see more.

use super::*;
use crate::Error;
use engine::env::Machine;
use engine::repository::{NewRepository, OpenOptions, Repository};
use engine::store::{HeadOptions, Info, ListOptions, Listed, Memory, ObjectName, ObjectRef, Read, ReadRange, forward};
use format_spec::config::Class;
use format_spec::log::Change;
use format_spec::names;
use parking_lot::Mutex;
use std::sync::Arc;

/// A store that does not show the log from this slot on.
#[derive(Debug)]
struct Stale(Arc<Memory>, u32);

impl Stale {
    fn hides(&self, name: &ObjectName) -> bool {
        let slot = name.as_str().strip_prefix("log/").and_then(|digits| u32::from_str_radix(digits, 16).ok());
        slot.is_some_and(|slot| slot >= self.1)
    }

    fn seen(&self, name: &ObjectName) -> engine::Result<()> {
        if self.hides(name) { Err(engine::Error::new(engine::Kind::Absent, "not yet").on(name)) } else { Ok(()) }
    }
}

impl Store for Stale {
    forward!(0: location, put, versions, delete, extend_lock, retrieve, rest_again, now, capabilities, room, fresh);

    fn read(&self, object: ObjectRef<'_>, range: ReadRange) -> engine::Result<Read> {
        self.seen(object.name).and_then(|()| self.0.read(object, range))
    }

    fn head(&self, object: ObjectRef<'_>, options: HeadOptions) -> engine::Result<Info> {
        self.seen(object.name).and_then(|()| self.0.head(object, options))
    }

    fn list(&self, options: &ListOptions<'_>, visit: &mut dyn FnMut(Listed) -> bool) -> engine::Result<()> {
        self.0.list(options, &mut |listed| self.hides(&listed.name) || visit(listed))
    }
}

/// A repository with five entries, and a machine that has seen them all.
struct Scene {
    memory: Arc<Memory>,
    dir: tempfile::TempDir,
    row: Row,
}

impl Scene {
    fn new() -> Scene {
        let memory = Arc::new(Memory::new());
        let new = NewRepository::new(Class::Backup);
        let id = Repository::create(&*memory, &new, &Machine::shared()).unwrap();
        let scene = Scene { memory, dir: tempfile::tempdir().unwrap(), row: Row::new(id, Suite::Clear) };
        let repo = scene.open(scene.memory.clone());
        let change = Change::Unknown { kind: 99, readable: true, writable: true };
        (0..5).for_each(|_| _ = repo.log().append(&**repo.env(), &mut |_| Ok(change.clone())).unwrap());
        let view = repo.log().view();
        Scene { row: Row { position: view.head, hash: view.head_hash, ..scene.row }, ..scene }
    }

    fn open(&self, store: Arc<dyn Store>) -> Arc<Repository> {
        let options = OpenOptions::new(Machine::shared(), engine::blob::CachePlace::Temporary);
        Repository::open(store, None, &options).unwrap()
    }

    fn stale(&self) -> Arc<dyn Store> {
        Arc::new(Stale(self.memory.clone(), self.row.position))
    }

    fn folder(&self) -> Folder {
        Folder::below(self.dir.path())
    }

    /// Opens over the first store; another connection is the second one.
    fn admit(&self, person: &Person, first: Arc<dyn Store>, second: Arc<dyn Store>) -> Result<(u32, Acquaintance), ()> {
        let recognised = Recognised {
            memory: Some((self.folder(), PLACE.to_owned())),
            before: Some(self.row),
            row: self.row,
            is_folder: false,
            usage: person.usage,
            is_past: false,
        };
        let again = |shows: &dyn Fn(&dyn Store) -> engine::Result<bool>| {
            Ok(if shows(&*second)? { Some(self.open(second.clone())) } else { None })
        };
        let (repo, known) = recognised.admit(&person.face(), self.open(first), |repo| repo, again)?;
        Ok((repo.log().view().head, known))
    }

    fn written(&self) -> Option<u32> {
        self.folder().read(PLACE).unwrap().map(|record| record.rows[0].position)
    }
}

const PLACE: &str = "s3://bucket?endpoint=http://a&region=r";
const WRITER: Person = Person { usage: Use::Beside, accepts: None };

/// Who uses the repository, and what they accept.
struct Person {
    usage: Use,
    accepts: Option<Accept>,
}

impl Person {
    fn face(&self) -> Arc<dyn Face> {
        Arc::new(Ears { accepts: self.accepts, heard: Mutex::default() })
    }
}

/// A face that writes down what it hears.
struct Ears {
    accepts: Option<Accept>,
    heard: Mutex<Vec<String>>,
}

impl Face for Ears {
    fn accepts(&self, what: Accept) -> bool {
        self.accepts == Some(what)
    }

    fn hear(&self, note: &Note<'_>) {
        self.heard.lock().push(format!("{note:?}"));
    }

    fn check(&self) -> engine::Result<()> {
        Ok(())
    }
}

/// Why something was refused.
fn reason<T>(result: Result<T, ()>) -> Option<Reason> {
    match result {
        Err(Error::Refused(refusal)) => Some(refusal.reason),
        _ => None,
    }
}

#[test]
fn a_stale_listing_is_no_rollback_where_another_connection_shows_the_entry() {
    let scene = Scene::new();
    let (head, known) = scene.admit(&WRITER, scene.stale(), scene.memory.clone()).unwrap();
    assert_eq!((head, known.rolled_back.is_none(), scene.written()), (5, true, Some(5)));
}

#[test]
fn an_entry_that_no_connection_shows_is_lost() {
    let scene = Scene::new();
    let refused = scene.admit(&WRITER, scene.stale(), scene.stale());
    assert_eq!((reason(refused), scene.written()), (Some(Reason::Rollback), None));
    let reader = Person { usage: Use::Read, ..WRITER };
    let (head, known) = scene.admit(&reader, scene.stale(), scene.stale()).unwrap();
    assert_eq!((head, known.rolled_back.map(|r| r.slot), scene.written()), (4, Some(5), None));
}

/// The slot is there by name, and the one before it is not: nobody may write into the gap.
#[test]
fn an_entry_behind_a_gap_is_no_end_of_the_log() {
    let scene = Scene::new();
    scene.memory.delete(ObjectName::new(names::log(4)).unwrap().object()).unwrap();
    let shorter: Arc<dyn Store> = Arc::new(Stale(scene.memory.clone(), 4));
    let again = |shows: &dyn Fn(&dyn Store) -> engine::Result<bool>| {
        assert!(shows(&*scene.memory)?);
        Ok(Some(scene.open(shorter.clone())))
    };
    let (before, row, usage) = (Some(scene.row), scene.row, Use::Beside);
    let recognised = Recognised { memory: None, before, row, is_folder: false, usage, is_past: false };
    let opened = scene.open(shorter.clone());
    let refused = recognised.admit(&WRITER.face(), opened, |repo| repo, again);
    assert_eq!(reason(refused), Some(Reason::Rollback));
}

#[test]
fn what_is_accepted_sets_the_row_back_and_the_next_entry_moves_it_on() {
    let scene = Scene::new();
    scene.folder().update(PLACE, |record| _ = record.row_mut(scene.row)).unwrap();
    scene.admit(&Person { accepts: Some(Accept::Rollback), ..WRITER }, scene.stale(), scene.stale()).unwrap();
    assert_eq!(scene.written(), Some(4));
    let recognised = Recognised {
        memory: Some((scene.folder(), PLACE.to_owned())),
        before: None,
        row: Row::new(scene.row.id, Suite::Clear),
        is_folder: true,
        usage: Use::Beside,
        is_past: false,
    };
    let opened = scene.open(scene.memory.clone());
    let none = |_: &dyn Fn(&dyn Store) -> engine::Result<bool>| Ok::<_, Error<()>>(None);
    let (repo, _) = recognised.admit(&WRITER.face(), opened, |repo| repo, none).unwrap();
    assert_eq!(scene.written(), Some(5));
    let change = Change::Unknown { kind: 99, readable: true, writable: true };
    repo.log().append(&**repo.env(), &mut |_| Ok(change.clone())).unwrap();
    assert_eq!(scene.written(), Some(6));
    assert!(scene.folder().read(PLACE).unwrap().unwrap().rows[0].seconds.is_some());
}
