//! What the store refuses reaches whoever wants a folder as one stream, kind and all; and a stream that ends early is refused by
//! every unpacker that this machine has, wherever it ends.

use super::{Begun, Content, Format, Out};
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
use std::io::{self, Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

/// A repository with a point of one folder, over a store that refuses data in this way.
fn refusing(kind: Kind) -> Arc<Repository> {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("file"), b"bytes").unwrap();
    repository(folder.path(), move |store| {
        Arc::new(Faulty::new(store, move |call| call.name.starts_with("data/").then_some(Fault::Before(kind))))
    })
}

/// A repository with a point of a folder, as it is when its store is seen through `through`.
fn repository(folder: &Path, through: impl FnOnce(Arc<Memory>) -> Arc<dyn Store>) -> Arc<Repository> {
    let (store, env) = (Arc::new(Memory::new()), Machine::shared());
    let new = NewRepository { cost: Cost { memory_kib: 64, passes: 1, lanes: 1 }, ..NewRepository::new(Class::Backup) };
    Repository::create(&*store, &new, &env).unwrap();
    let open = |store: Arc<dyn Store>| {
        let options = OpenOptions::new(env.clone(), CachePlace::Temporary);
        Repository::open(store, None, &options).unwrap()
    };
    let options = BackupOptions { threads: 1, ..BackupOptions::new("j") };
    let source = FolderSource::new(&[folder.to_owned()], Rules::default()).unwrap();
    backup(&open(store.clone()), &source, &options, &Arc::new(Monitor::new())).unwrap();
    open(through(store))
}

#[test]
fn a_refusal_of_the_store_keeps_its_kind_in_every_stream() {
    for kind in [Kind::Archived, Kind::Denied] {
        let repo = refusing(kind);
        let root = repo.find_point("latest").unwrap().manifest.root.clone();
        let (mut out, monitor) = (Vec::new(), Monitor::new());
        for format in [Format::Tar, Format::Zip] {
            let archive = Begun::new(format, &mut out).unwrap();
            assert_eq!(archive.write(&repo, &root, &monitor).unwrap_err().kind(), kind);
        }
        let mut file = None;
        engine::tree::walk(repo.nodes(), &root, &mut |seen| {
            if seen.entry.kind == format_spec::tree::Kind::File {
                file = Some(format_spec::tree::Entry::clone(seen.entry));
            }
            Ok(engine::tree::Flow::Continue)
        })
        .unwrap();
        let refused: io::Error =
            Content::open(&repo, &file.unwrap(), &monitor).unwrap().read(&mut [0; 16]).unwrap_err();
        assert_eq!(refused.downcast::<Error>().unwrap().kind(), kind);
    }
}

/// Remembers where each write ended.
#[derive(Default)]
struct Cuts {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl Write for Cuts {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.bytes.extend_from_slice(bytes);
        self.ends.push(self.bytes.len());
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Out for Cuts {}

/// Commands that read all of an archive, and those that must be on every machine that runs this.
const OF_TAR: [&[&str]; 5] = [
    &["tar", "-xOf"],
    &["python3", "-c", READ_TAR],
    &["bsdtar", "-xOf"],
    &["busybox", "tar", "-xOf"],
    &["7zz", "t", "-ttar"],
];
const OF_ZIP: [&[&str]; 5] = [
    &["python3", "-m", "zipfile", "-t"],
    &["unzip", "-tqq"],
    &["bsdtar", "-xOf"],
    &["busybox", "unzip", "-p"],
    &["7zz", "t", "-tzip"],
];
const READ_TAR: &str = "import sys, tarfile
with tarfile.open(sys.argv[1]) as t:
    for m in t:
        m.isreg() and t.extractfile(m).read()";

/// Whether it takes these bytes for a whole archive; `None` where there is no such program.
fn takes(command: &[&str], archive: &Path) -> Option<bool> {
    let mut run = Command::new(command[0]);
    run.args(&command[1..]).arg(archive).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    run.status().ok().map(|status| status.success())
}

#[test]
fn what_ends_early_is_refused_by_every_unpacker_wherever_it_ends() {
    let (source, place) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let at = |name: &str| source.path().join(name);
    std::fs::create_dir_all(at("folder/empty")).unwrap();
    std::fs::write(at("folder/block"), [7; 512]).unwrap();
    std::fs::write(at("folder/byte"), b"1").unwrap();
    std::fs::write(at("nothing"), b"").unwrap();
    std::fs::write(at("large"), vec![5; 70_000]).unwrap();
    std::fs::write(at(&"long".repeat(60)), b"long name").unwrap();
    std::os::unix::fs::symlink("folder/byte", at("link")).unwrap();
    let holes = std::fs::File::create(at("sparse")).unwrap();
    for at in 1..8u64 {
        std::os::unix::fs::FileExt::write_all_at(&holes, b"data", at << 17).unwrap();
    }
    holes.set_len(2 << 20).unwrap();
    let repo = repository(source.path(), |store| store);
    let root = repo.find_point("latest").unwrap().manifest.root.clone();
    for (format, unpackers) in [(Format::Tar, OF_TAR), (Format::Zip, OF_ZIP)] {
        // It knows no sparse files.
        let is_able = |unpacker: &&[&str]| format != Format::Tar || unpacker[0] != "busybox";
        let mut cuts = Cuts::default();
        Begun::new(format, &mut cuts).unwrap().write(&repo, &root, &Monitor::new()).unwrap();
        let archive = place.path().join(format!("archive.{format:?}").to_lowercase());
        let check = |end: usize, whole: bool| {
            std::fs::write(&archive, &cuts.bytes[..end]).unwrap();
            for unpacker in unpackers {
                if let Some(taken) = takes(unpacker, &archive).filter(|_| !whole || is_able(&unpacker)) {
                    assert_eq!(taken, whole, "{unpacker:?} of the first {end} of {} bytes", cuts.bytes.len());
                }
            }
        };
        assert!(takes(unpackers[0], &archive).is_some(), "there is no {}", unpackers[0][0]);
        let (last, before) = cuts.ends.split_last().unwrap();
        check(*last, true);
        before.iter().for_each(|end| check(*end, false));
    }
}

#[test]
fn a_folder_without_entries_is_an_empty_archive() {
    let (source, place) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let repo = repository(source.path(), |store| store);
    let root = repo.find_point("latest").unwrap().manifest.root.clone();
    let mut folder = None;
    engine::tree::walk(repo.nodes(), &root, &mut |seen| {
        folder = Some(format_spec::tree::Entry::clone(seen.entry));
        Ok(engine::tree::Flow::Continue)
    })
    .unwrap();
    for (format, unpackers) in [(Format::Tar, &OF_TAR[..3]), (Format::Zip, &OF_ZIP[..1])] {
        let (mut bytes, archive) = (Vec::new(), place.path().join("archive"));
        let folder = folder.as_ref().unwrap();
        Begun::new(format, &mut bytes).unwrap().write(&repo, folder, &Monitor::new()).unwrap();
        std::fs::write(&archive, &bytes).unwrap();
        for unpacker in unpackers {
            assert_ne!(takes(unpacker, &archive), Some(false), "{unpacker:?} {format:?}");
        }
    }
}
