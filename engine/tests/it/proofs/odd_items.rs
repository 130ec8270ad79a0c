//! Sources that misbehave: odd names, depth, growing, shrinking and vanishing files, holes.

use super::rig::contents;
use super::{Rig, noise};
use engine::monitor::Monitor;
use engine::source::folder::FolderSource;
use engine::source::rules::Rules;
use engine::source::{About, Source, Step, Walk};
use engine::store::Memory;
use std::fs::{self, File};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

fn rig(folder: &Path) -> Rig {
    Rig::new(folder, Arc::new(Memory::new()))
}

#[test]
fn odd_names_and_deep_folders_come_back() {
    let folder = tempfile::tempdir().unwrap();
    let rig = rig(folder.path());
    let long = [b'x'; 255];
    let names: [&[u8]; 12] = [
        b"new\nline",
        b"\xff\xfe",
        b" ",
        b"\xc3\xa9",
        b"-rf *",
        &long,
        b"\\",
        b"\x01\x7f",
        b"...",
        b"..a",
        b"~",
        b"\"'$(x)",
    ];
    for name in names {
        rig.write(name, name);
        rig.write([b"f/", name].concat(), name);
        rig.write([b"in/", name, b"/", name].concat(), name);
    }
    let mut deep = rig.source.clone();
    for _ in 0..1000 {
        deep.push("d");
    }
    fs::create_dir_all(&deep).unwrap();
    fs::write(deep.join("bottom"), b"deep").unwrap();
    rig.expect_healthy();
    fs::write(deep.join("bottom"), b"changed").unwrap();
    rig.expect_healthy();
}

#[test]
fn a_file_that_grows_for_ever_ends_and_what_is_stored_was_once_there() {
    let folder = tempfile::tempdir().unwrap();
    let rig = rig(folder.path());
    rig.write("log", b"0\n");
    rig.write("still", b"still");
    let end = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let file = File::options().append(true).open(rig.source.join("log")).unwrap();
            let line = noise(3, 10_000);
            while !end.load(Ordering::Relaxed) && file.metadata().unwrap().len() < 400_000_000 {
                std::io::Write::write_all(&mut &file, &line).unwrap();
            }
        });
        for _ in 0..4 {
            let monitor = Arc::new(Monitor::new());
            rig.back_up_with(&monitor).unwrap();
            assert_eq!(rig.check().unwrap().errors, Vec::new());
        }
        end.store(true, Ordering::Relaxed);
    });
    let target = tempfile::tempdir().unwrap();
    let (done, warnings) = rig.restore("latest", target.path());
    done.unwrap();
    assert_eq!(warnings, Vec::<String>::new());
    let (stored, live) = (fs::read(target.path().join("log")).unwrap(), fs::read(rig.source.join("log")).unwrap());
    assert!(live.starts_with(&stored) && stored.len() > 2);
    fs::remove_file(rig.source.join("log")).unwrap();
    rig.expect_healthy();
}

#[test]
fn a_source_in_uproar_never_ends_a_backup() {
    let folder = tempfile::tempdir().unwrap();
    let rig = rig(folder.path());
    for n in 0..300 {
        rig.write(format!("d{}/{n}", n % 10), &noise(n, 3000));
    }
    let end = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut n = 0u64;
            while !end.load(Ordering::Relaxed) {
                n += 1;
                let path = rig.source.join(format!("d{}/{}", n % 10, n % 300));
                let moved = rig.source.join(format!("d{}", (n + 3) % 10));
                // Files vanish, shrink, grow, become folders and links, and folders change places: whatever succeeds.
                let _ = match n % 9 {
                    0 => fs::remove_file(&path),
                    1 => fs::write(&path, noise(n, 5000)),
                    2 => fs::write(&path, b""),
                    3 => fs::remove_file(&path).and_then(|()| fs::create_dir(&path)),
                    4 => fs::remove_file(&path).and_then(|()| std::os::unix::fs::symlink("/", &path)),
                    5 => fs::rename(&moved, rig.source.join("moved")),
                    6 => fs::rename(rig.source.join("moved"), &moved),
                    7 => File::options().write(true).open(&path).and_then(|f| f.set_len(n % 2000)),
                    _ => fs::create_dir_all(&moved),
                };
            }
        });
        // Also when a round fails: the other thread would go on for ever.
        let _ends = Ending(&end);
        for round in 0..12 {
            let summary = rig.back_up().unwrap_or_else(|e| panic!("round {round}: {e}"));
            assert!(summary.point.is_some());
            assert_eq!(rig.check().unwrap().errors, Vec::new(), "round {round}");
        }
    });
    std::thread::sleep(std::time::Duration::from_millis(100));
    rig.expect_healthy();
}

struct Ending<'a>(&'a AtomicBool);

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Symlinks that go, or become files, between the walk's look at them and the reading of their targets.
struct Vanishing(FolderSource, PathBuf);

impl Source for Vanishing {
    fn about(&self) -> About {
        self.0.about()
    }

    fn walk(&self) -> engine::Result<Box<dyn Walk + '_>> {
        Ok(Box::new(Seen(self.0.walk()?, &self.1)))
    }
}

struct Seen<'a>(Box<dyn Walk + 'a>, &'a Path);

impl Walk for Seen<'_> {
    fn next(&mut self) -> Option<Step> {
        let step = self.0.next();
        if let Some(Step::Item(found)) = &step {
            match &found.entry.name[..] {
                b"gone" => _ = fs::remove_file(self.1.join("gone")),
                b"replaced" => {
                    fs::remove_file(self.1.join("replaced")).unwrap();
                    fs::write(self.1.join("replaced"), b"a file").unwrap();
                }
                _ => {}
            }
        }
        step
    }
}

#[test]
fn a_symlink_that_goes_before_its_target_is_read_is_left_out_and_the_rest_stored() {
    let folder = tempfile::tempdir().unwrap();
    let rig = rig(folder.path());
    rig.write("file", b"text");
    for name in ["gone", "replaced", "stays"] {
        std::os::unix::fs::symlink("file", rig.source.join(name)).unwrap();
    }
    let source = FolderSource::new(std::slice::from_ref(&rig.source), Rules::default()).unwrap();
    let source = Vanishing(source, rig.source.clone());
    let monitor = Arc::new(Monitor::new());
    let summary = engine::backup::backup(&rig.open().unwrap(), &source, &rig.options(), &monitor).unwrap();
    let told: Vec<_> = monitor.take_warnings().into_iter().map(|w| String::from_utf8(w.subject).unwrap()).collect();
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(told[0].ends_with("gone") && told[1].ends_with("replaced"), "{told:?}");
    assert_eq!(summary.counts.new, 2, "{summary:?}");
    assert_eq!(rig.check().unwrap().errors, Vec::new());
    // The next backup finds the file that took the place.
    rig.expect_healthy();
}

#[test]
fn a_tebibyte_of_holes_stays_holes() {
    let folder = tempfile::tempdir().unwrap();
    let rig = rig(folder.path());
    let path = rig.source.join("sparse");
    let file = File::create(&path).unwrap();
    if file.set_len(1 << 40).is_err() {
        println!("this file system has no files of 1 TiB: not tried");
        return;
    }
    for (at, text) in [(0u64, "start"), (1 << 33, "middle"), ((1 << 40) - 3, "end")] {
        file.write_all_at(text.as_bytes(), at).unwrap();
    }
    let all_hole = File::create(rig.source.join("hole")).unwrap();
    all_hole.set_len(5_000_000).unwrap();
    rig.write("empty", b"");
    let summary = rig.back_up().unwrap();
    assert!(summary.bytes_new < 1_000_000, "{summary:?}");
    assert_eq!(rig.check().unwrap().errors, Vec::new());
    let target = tempfile::tempdir().unwrap();
    let (done, warnings) = rig.restore("latest", target.path());
    done.unwrap();
    assert_eq!(warnings, Vec::<String>::new());
    let restored = File::open(target.path().join("sparse")).unwrap();
    let facts = restored.metadata().unwrap();
    assert_eq!(facts.len(), 1 << 40);
    assert!(facts.blocks() <= file.metadata().unwrap().blocks() + 64, "{} blocks", facts.blocks());
    let mut text = [0; 6];
    restored.read_exact_at(&mut text, 1 << 33).unwrap();
    assert_eq!(&text, b"middle");
    restored.read_exact_at(&mut text[..3], (1 << 40) - 3).unwrap();
    assert_eq!(&text[..3], b"end");
    assert_eq!(fs::metadata(target.path().join("hole")).unwrap().blocks(), 0);
    assert_eq!(fs::read(target.path().join("hole")).unwrap(), vec![0; 5_000_000]);
    assert_eq!(fs::read(target.path().join("empty")).unwrap(), b"");
}

#[test]
fn what_cannot_be_read_is_a_warning_and_the_rest_is_stored() {
    let folder = tempfile::tempdir().unwrap();
    let rig = rig(folder.path());
    rig.write("good", b"good");
    rig.write("bad", b"bad");
    let locked = std::os::unix::fs::PermissionsExt::from_mode(0o000);
    fs::set_permissions(rig.source.join("bad"), locked).unwrap();
    if File::open(rig.source.join("bad")).is_ok() {
        println!("root reads everything: the failing file is that of the source's own tests");
        return;
    }
    let monitor = Arc::new(Monitor::new());
    let summary = rig.back_up_with(&monitor).unwrap();
    assert_eq!((summary.counts.failed, monitor.take_warnings().len()), (1, 1));
    let target = tempfile::tempdir().unwrap();
    rig.restore("latest", target.path()).0.unwrap();
    assert_eq!(contents(target.path()).len(), 1);
}
