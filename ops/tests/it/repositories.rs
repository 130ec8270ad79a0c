//! From a request to a repository, and what is refused on the way.

use crate::face::{Asked, Ready, Silent};
use engine::Kind;
use engine::blob::{CacheBudgets, CachePlace};
use engine::env::{Machine, SharedEnv};
use engine::monitor::Monitor;
use engine::source::folder::FolderSource;
use engine::source::rules::Rules;
use engine::store::{Limits, Location, Patience};
use format_spec::point::Workload;
use ops::backup::{BackupReport, BackupRequest};
use ops::create::{CreateReport, CreateRequest, FirstKey, create};
use ops::face::{Accept, Face};
use ops::known::Folder;
use ops::open::{Offer, OpenRequest, Opened, Use, open};
use ops::{Error, Network, OpenStore, Reason, Secret, StoreSettings};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

const PASSWORD: &str = "a password of a test";

/// A place for a repository, and a machine with a memory.
struct Scene {
    dir: tempfile::TempDir,
    env: SharedEnv,
}

impl Scene {
    fn new() -> Scene {
        Scene { dir: tempfile::tempdir().unwrap(), env: Machine::shared() }
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.dir.path().join(name)
    }

    fn store(&self) -> StoreSettings {
        StoreSettings {
            location: Location::Folder(self.path("repository")),
            settings: BTreeMap::new(),
            network: Network::default(),
            limits: Limits::default(),
            patience: Patience::default(),
            say: None,
        }
    }

    fn memory(&self) -> Folder {
        Folder::below(&self.path("state"))
    }

    fn create(&self, state: &Path, encrypted: bool) -> ops::Result<CreateReport, Asked> {
        let request = CreateRequest { encrypted, ..CreateRequest::default() };
        let memory = Ok(Folder::below(state));
        let key = || Ok(FirstKey { secret: Secret::new(PASSWORD.as_bytes().to_vec()), file: None });
        create(&self.store(), &request, (&self.env, &memory), &*Silent::new(None), &|_| {}, key)
    }

    fn open(&self, face: &Arc<Silent>, offer: Offer, password: Option<&'static str>) -> ops::Result<Opened, Asked> {
        let request = OpenRequest {
            store: self.store(),
            usage: Use::Write,
            offer,
            env: Arc::clone(&self.env),
            host: "host".to_owned(),
            slot_bounds: Default::default(),
            cache: CachePlace::Temporary,
            budgets: CacheBudgets::default(),
            ranges: None,
            as_of: None,
            memory: Ok(self.memory()),
            configs: self.path("configs"),
        };
        let face: Arc<dyn Face> = Arc::clone(face) as Arc<dyn Face>;
        open(OpenStore::open(&request.store)?, &request, &face, &Ready(password))
    }
}

/// Why something was refused.
fn reason<T>(result: ops::Result<T, Asked>) -> Option<Reason> {
    match result {
        Err(Error::Refused(refusal)) => Some(refusal.reason),
        _ => None,
    }
}

#[test]
fn a_face_without_a_terminal_creates_opens_and_backs_up() {
    let scene = Scene::new();
    let made = serde_json::to_value(scene.create(&scene.path("state"), true).unwrap()).unwrap();
    for (key, value) in [("class", "backup"), ("retention_type", "snapshot"), ("keep", "forever")] {
        assert_eq!(made[key], value, "{made}");
    }
    assert_eq!((&made["encrypted"], &made["key_file"]), (&Value::Bool(true), &Value::Null));
    assert!(made["probed"]["create_is_atomic"].is_boolean() && made["requests"]["put"].is_u64(), "{made}");

    let face = Silent::new(None);
    let opened = scene.open(&face, Offer::Nothing, Some(PASSWORD)).unwrap();
    assert_eq!(made["repository"], opened.repo.id().to_string());
    assert!(face.kinds().is_empty(), "it was created here: {:?}", face.kinds());
    assert_eq!(std::fs::read_dir(scene.path("configs")).unwrap().count(), 1, "its config is kept");

    std::fs::create_dir(scene.path("data")).unwrap();
    std::fs::write(scene.path("data/file"), b"content").unwrap();
    let source = FolderSource::new(&[scene.path("data")], Rules::default()).unwrap();
    let request = BackupRequest {
        job: "job".to_owned(),
        workload: Workload::Folders,
        tags: Vec::new(),
        full: false,
        dry_run: false,
        drop_unreadable: false,
        shrink_max: None,
        threads: 1,
        point: None,
    };
    let monitor = Arc::new(Monitor::new());
    let summary = ops::backup::run::<Asked>(&opened.repo, &source, &request, None, &monitor).unwrap();
    let report = BackupReport::of(("job", "host", &[]), &summary, &opened.counts, monitor.warnings_total());
    assert!(report.is_clean());
    let told = serde_json::to_value(&report).unwrap();
    assert_eq!((&told["files_new"], &told["kind"]), (&Value::from(1), &Value::from("full")), "{told}");
    assert_eq!(told["bytes_source"], "content".len());
}

#[test]
fn a_place_with_a_repository_is_refused_before_anybody_is_asked() {
    let scene = Scene::new();
    scene.create(&scene.path("state"), true).unwrap();
    let request = CreateRequest::default();
    let memory = Ok(scene.memory());
    let key = || Err(Asked);
    let again = create(&scene.store(), &request, (&scene.env, &memory), &*Silent::new(None), &|_| {}, key);
    assert_eq!(again.unwrap_err().kind(), Some(Kind::Exists));
}

#[test]
fn somebody_is_asked_only_where_no_password_lies_ready() {
    let scene = Scene::new();
    scene.create(&scene.path("state"), true).unwrap();
    let face = Silent::new(None);
    assert!(matches!(scene.open(&face, Offer::Nothing, None), Err(Error::Face(Asked))));
    let wrong = scene.open(&face, Offer::Nothing, Some("another one"));
    assert_eq!(wrong.map(drop).unwrap_err().kind(), Some(Kind::WrongPassword));
}

#[test]
fn a_repository_that_was_swapped_is_refused_by_reason_until_it_is_accepted() {
    let scene = Scene::new();
    scene.create(&scene.path("state"), true).unwrap();
    std::fs::remove_dir_all(scene.path("repository")).unwrap();
    // Somebody elsewhere puts another one there, which is not encrypted.
    scene.create(&scene.path("elsewhere"), false).unwrap();
    let face = Silent::new(None);
    assert_eq!(reason(scene.open(&face, Offer::Nothing, None)), Some(Reason::OtherRepository));
    let face = Silent::new(Some(Accept::OtherRepository));
    let given = Offer::ForThis("a file".to_owned());
    assert_eq!(reason(scene.open(&face, given, Some(PASSWORD))), Some(Reason::ClearText));
    scene.open(&face, Offer::Nothing, None).unwrap();
    assert_eq!(face.kinds(), ["FirstUse"]);
}
