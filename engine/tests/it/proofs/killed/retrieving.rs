//! SIGKILL at the k-th call of a retrieval: of asking, of changing its days, and of its end. What was asked for lives on in the store: MiniStack restores
//! by itself, SeaweedFS and Azurite stand behind the layer that this process runs. The next run asks for what nobody has asked for yet, and for no more.

use super::super::rig::{Rig, contents, names_of};
use super::frame::{At, Doomed, Orders, ended, kill, variable};
use crate::retrieval::shelf::{Shelf, THAW_SECONDS, needs, wish};
use crate::store::targets::{self, Target};
use crate::store::thaw::Thawing;
use bytes::Bytes;
use engine::Result;
use engine::blob::CachePlace;
use engine::env::Machine;
use engine::monitor::Monitor;
use engine::price::Budget;
use engine::retrieval::{RetrievalState, Started, Status, Tidied, extend, plan, retrievals, start, tidy};
use engine::store::{
    Availability, Faulty, ListOptions, Listed, ObjectName, PutOptions, RequestKind, RetrievalMode, StorageClass, Store,
    TierStatus, open,
};
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::sync::Arc;
use std::time::Duration;

#[test]
fn a_retrieval_killed_at_a_call_to_ministack_is_gone_on_with() {
    let Some(target) = targets::archive() else { return };
    let scene = Scene::new(Operation::Start, StorageClass::Glacier, None);
    kill(&scene, &target.location, &target.options);
}

#[test]
fn a_retrieval_killed_at_a_call_to_seaweedfs_is_gone_on_with() {
    let Some(target) = targets::s3() else { return };
    kill_each(target, "aws_endpoint", StorageClass::DeepArchive);
}

#[test]
fn a_retrieval_killed_at_a_call_to_azurite_is_gone_on_with() {
    let Some(target) = targets::azure() else { return };
    kill_each(target, "azure_storage_endpoint", StorageClass::Archive);
}

/// Each operation behind a layer of its own, as each turns the clock.
fn kill_each(mut target: Target, setting: &str, class: StorageClass) {
    let server = target.options.settings.get(setting).unwrap().clone();
    for operation in Operation::ALL {
        let layer = Thawing::before(&server, LAYER_SECONDS);
        target.options.settings.insert(setting.to_owned(), layer.endpoint());
        kill(&Scene::new(operation, class, Some(layer)), &target.location, &target.options);
    }
}

/// What is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operation {
    /// `cairn retrieve start`.
    Start,
    /// `cairn retrieve extend`.
    Extend,
    /// The end of a retrieval, by whoever looks.
    Tidy,
}

impl Operation {
    const ALL: [Operation; 3] = [Operation::Start, Operation::Extend, Operation::Tidy];

    /// Does it, upon whatever the rig's store holds.
    fn run(self, rig: &Rig) -> Result<()> {
        match self {
            Operation::Start => start_all(rig).map(drop),
            Operation::Extend => {
                let repository = rig.open()?;
                let number = *repository.log().view().retrievals.keys().next().expect("it was begun");
                extend(&repository, number, DAYS_MORE, &Monitor::new()).map(drop)
            }
            Operation::Tidy => tidy(&*rig.open()?, &Monitor::new()).map(drop),
        }
    }
}

/// Asks for everything, for [`DAYS`].
fn start_all(rig: &Rig) -> Result<Started> {
    let (repository, monitor) = (rig.open()?, Monitor::new());
    let wish = wish(RetrievalMode::Standard, DAYS);
    let plan = plan(&repository, &needs(rig, &repository, ""), &wish, None, &monitor)?;
    start(&repository, &plan, &Budget::default(), &monitor)
}

/// A repository whose three data packs rest, in an image that nobody changes.
struct Scene {
    operation: Operation,
    class: StorageClass,
    shelf: Shelf,
    image: BTreeMap<ObjectName, Bytes>,
    layer: Option<Thawing>,
}

impl Scene {
    fn new(operation: Operation, class: StorageClass, layer: Option<Thawing>) -> Scene {
        let shelf = Shelf::new(class);
        // Its own archive gives back what is put into others.
        for pack in shelf.packs() {
            shelf.store.retrieve(pack.object(), RetrievalMode::Standard, 1).unwrap();
        }
        shelf.clock.turn_seconds(i64::from(THAW_SECONDS));
        let image =
            names_of(&*shelf.store).into_iter().map(|name| (name.clone(), shelf.read(&name).unwrap())).collect();
        Scene { operation, class, shelf, image, layer }
    }

    /// Until everything that was asked for is here.
    fn thaw(&self, rig: &Rig) {
        if let Some(layer) = &self.layer {
            return layer.turn(LAYER_SECONDS);
        }
        for _ in 0..100 {
            if rests(rig).values().all(|resting| resting.availability != Availability::Retrieving) {
                return;
            }
            std::thread::sleep(Duration::from_millis(200));
        }
        panic!("the restore never ends");
    }

    /// The next run asks the store for these packs and no others, each once.
    fn run_again(&self, rig: &Rig, place: &str, due: impl Fn(&TierStatus) -> bool) {
        let due: BTreeMap<String, u32> =
            rests(rig).into_iter().filter(|(_, resting)| due(resting)).map(|(name, _)| (name, 1)).collect();
        let asked: Arc<Mutex<BTreeMap<String, u32>>> = Arc::default();
        let seen = asked.clone();
        let store = Faulty::new(rig.store.clone(), move |call| {
            if call.verb == RequestKind::Retrieve {
                *seen.lock().entry(call.name.clone()).or_default() += 1;
            }
            None
        });
        self.operation.run(&rig.over(Arc::new(store))).unwrap_or_else(|e| panic!("{place}: the next run: {e}"));
        let asked = asked.lock();
        // What the killed one has sent may have come there after we looked.
        assert!(asked.iter().all(|(name, times)| due.get(name) == Some(times)), "{place}: {asked:?} of {due:?}");
    }

    fn expect_started(&self, rig: &Rig, place: &str) {
        self.run_again(rig, place, |resting| resting.availability == Availability::Archived);
        let known = only(rig, place);
        let states = [RetrievalState::Retrieving, RetrievalState::Retrieved];
        let states = if self.layer.is_some() { &states[..1] } else { &states };
        assert!(states.contains(&known.state), "{place}: {known:?}");
        assert_eq!((known.packs.packs, known.told.days, &*known.told.about), (3, DAYS, "a test"), "{place}");
        assert!(rests(rig).values().all(|resting| resting.availability != Availability::Archived), "{place}");
        let again = start_all(rig).unwrap();
        let found = (again.retrieval, again.resumed, again.packs_asked);
        assert_eq!(found, (Some(known.retrieval), true, 0), "{place}");
        self.thaw(rig);
        let here = only(rig, place);
        assert_eq!((here.state, here.readable.packs), (RetrievalState::Retrieved, 3), "{place}");
        expect_restored(rig, place);
    }

    fn expect_extended(&self, rig: &Rig, place: &str) {
        let now = rig.store.now().unwrap().seconds;
        let end = now + i64::from(DAYS_MORE) * DAY_SECONDS;
        let is_short = |resting: &TierStatus| {
            let Availability::Ready { until: Some(until) } = resting.availability else { return false };
            until.seconds < end
        };
        self.run_again(rig, place, is_short);
        let known = only(rig, place);
        assert_eq!(
            (known.state, known.told.days, known.packs.packs),
            (RetrievalState::Retrieved, DAYS_MORE, 3),
            "{place}"
        );
        assert_eq!(rests(rig).values().filter(|resting| is_short(resting)).count(), 0, "{place}");
        expect_restored(rig, place);
    }

    fn expect_ended(&self, rig: &Rig, place: &str) {
        self.run_again(rig, place, |resting| resting.availability == Availability::Online);
        let repository = rig.open().unwrap();
        assert_eq!(retrievals(&repository, &Monitor::new()).unwrap(), [], "{place}");
        assert!(
            rests(rig).values().all(|resting| resting.availability == Availability::Archived),
            "{place}: {:?}",
            rests(rig)
        );
        assert_eq!(tidy(&repository, &Monitor::new()).unwrap(), Tidied::default(), "{place}");
        assert_eq!(rig.check().unwrap().errors, Vec::new(), "{place}");
    }
}

impl Doomed for Scene {
    const OTHER_PROCESS: &'static str = "proofs::killed::retrieving::the_retrieval_that_is_killed";
    /// The log, and each pack.
    const LAST_CALLS: u64 = 5;
    type Filled = Rig;

    fn name(&self) -> String {
        format!("Retrieve{:?}{}", self.operation, self.class)
    }

    fn told(&self) -> Vec<(&'static str, OsString)> {
        vec![(OPERATION, format!("{:?}", self.operation).into()), (SOURCE, self.shelf.rig.source.clone().into())]
    }

    fn fill(&self, at: &At<'_>) -> Rig {
        let rig = rig(&self.shelf.rig.source, open(&at.place, at.options).unwrap(), at.cache.clone());
        for (name, bytes) in &self.image {
            let class = name.as_str().starts_with("data/").then_some(self.class);
            rig.store.put(name, bytes.clone(), &PutOptions { class, ..PutOptions::default() }).unwrap();
        }
        if self.operation != Operation::Start {
            assert_eq!(start_all(&rig).unwrap().packs_asked, 3);
            self.thaw(&rig);
        }
        if self.operation == Operation::Tidy {
            let layer = self.layer.as_ref().expect("only a layer's clock can be turned");
            layer.turn(i64::from(DAYS + 1) * DAY_SECONDS);
        }
        rig
    }

    fn expect_whole(&self, rig: &Rig, place: &str) {
        match self.operation {
            Operation::Start => self.expect_started(rig, place),
            Operation::Extend => self.expect_extended(rig, place),
            Operation::Tidy => self.expect_ended(rig, place),
        }
    }
}

fn rig(source: &std::path::Path, store: Arc<dyn Store>, cache: std::path::PathBuf) -> Rig {
    Rig {
        source: source.to_owned(),
        store,
        cache: CachePlace::Folder(cache),
        env: Machine::shared(),
        password: Some(super::super::rig::PASSWORD.to_vec()),
        job: "test".into(),
    }
}

/// How the data packs rest, by name.
fn rests(rig: &Rig) -> BTreeMap<String, TierStatus> {
    let mut found = BTreeMap::new();
    let mut visit = |listed: Listed| found.insert(listed.name.to_string(), listed.tier()).is_none();
    rig.store.list(&ListOptions::below("data").with_tiers(), &mut visit).unwrap();
    assert_eq!(found.len(), 3);
    found
}

/// The only retrieval that the log knows.
fn only(rig: &Rig, place: &str) -> Status {
    let mut known = retrievals(&rig.open().unwrap(), &Monitor::new()).unwrap();
    assert_eq!(known.len(), 1, "{place}: {known:?}");
    known.remove(0)
}

fn expect_restored(rig: &Rig, place: &str) {
    let target = tempfile::tempdir().unwrap();
    let (done, warnings) = rig.restore("latest", target.path());
    assert_eq!((done.expect(place).archived, warnings), (0, Vec::new()), "{place}");
    assert!(contents(target.path()) == contents(&rig.source), "{place}: it is not its source");
}

#[test]
#[ignore = "the other process of the tests beside it"]
fn the_retrieval_that_is_killed() {
    let Some(orders) = Orders::heard() else { return };
    let operation = Operation::ALL.into_iter().find(|o| format!("{o:?}") == variable(OPERATION)).unwrap();
    let store = orders.over(open(&orders.place, &orders.options).unwrap());
    operation.run(&rig(variable(SOURCE).as_ref(), store.clone(), orders.cache)).unwrap();
    ended(&store);
}

const OPERATION: &str = "CAIRN_KILLED_OPERATION";
const SOURCE: &str = "CAIRN_KILLED_SOURCE";
const DAYS: u32 = 2;
const DAYS_MORE: u32 = 10;
const DAY_SECONDS: i64 = 86_400;
/// A retrieval takes so long by the layer's clock.
const LAYER_SECONDS: i64 = 60;
