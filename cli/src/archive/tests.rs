//! What the store refuses reaches whoever wants a folder as one stream, kind and all.

use super::{Content, write_tar, write_zip};
use engine::backup::{BackupOptions, backup};
use engine::blob::CachePlace;
use engine::env::Machine;
use engine::monitor::Monitor;
use engine::repository::{NewRepository, OpenOptions, Repository};
use engine::source::folder::FolderSource;
use engine::source::rules::Rules;
use engine::store::{Fault, Faulty, Memory, Store};
use engine::{Error, Kind};
use format_spec::config::Class;
use format_spec::key_slot::Cost;
use format_spec::point::Workload;
use std::io::{self, Read};
use std::sync::Arc;

/// A repository with a point of one folder, over a store that refuses data in this way.
fn refusing(kind: Kind) -> Arc<Repository> {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("file"), b"bytes").unwrap();
    let (store, env) = (Arc::new(Memory::new()), Machine::shared());
    let new = NewRepository {
        class: Class::Backup,
        password: None,
        cost: Cost { memory_kib: 64, passes: 1, lanes: 1 },
        label: String::new(),
        probed: String::new(),
        cutting: None,
        block_target: None,
        level: None,
        parity_percent: 0,
        retention: Default::default(),
        immutability: None,
        dedup: None,
        storage_class: String::new(),
        origin: None,
    };
    Repository::create(&*store, &new, &env).unwrap();
    let open = |store: Arc<dyn Store>| {
        let (cache, budgets) = (CachePlace::Temporary, Default::default());
        let options = OpenOptions { env: env.clone(), cache, budgets, ranges: None, as_of: None };
        Repository::open(store, None, &options).unwrap()
    };
    let options = BackupOptions {
        job: "j".to_owned(),
        tags: Vec::new(),
        full: false,
        dry_run: false,
        workload: Workload::Folders,
        threads: 1,
        original: None,
        drop_unreadable: false,
        shrink_max: None,
    };
    let source = FolderSource::new(&[folder.path().to_owned()], Rules::default()).unwrap();
    backup(&open(store.clone()), &source, &options, &Arc::new(Monitor::new())).unwrap();
    let faulty = Faulty::new(store, move |call| call.name.starts_with("data/").then_some(Fault::Before(kind)));
    open(Arc::new(faulty))
}

#[test]
fn a_refusal_of_the_store_keeps_its_kind_in_every_stream() {
    for kind in [Kind::Archived, Kind::Denied] {
        let repo = refusing(kind);
        let root = repo.find_point("latest").unwrap().manifest.root.clone();
        let (mut out, monitor) = (Vec::new(), Monitor::new());
        assert_eq!(write_tar(&repo, &root, &mut out, &monitor).unwrap_err().kind(), kind);
        assert_eq!(write_zip(&repo, &root, &mut out, &monitor).unwrap_err().kind(), kind);
        let mut file = None;
        engine::tree::walk(repo.nodes(), &root, &mut |seen| {
            if seen.entry.kind == format_spec::tree::Kind::File {
                file = Some(format_spec::tree::Entry::clone(seen.entry));
            }
            Ok(engine::tree::Flow::Continue)
        })
        .unwrap();
        let refused: io::Error = Content::open(&repo, &file.unwrap()).unwrap().read(&mut [0; 16]).unwrap_err();
        assert_eq!(refused.downcast::<Error>().unwrap().kind(), kind);
    }
}
