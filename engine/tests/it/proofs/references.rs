//! Reference sets are exact after many random edits, and every old point still restores to what the source was.

use super::rig::contents;
use super::{Rig, noise};
use engine::monitor::Monitor;
use engine::source::{About, Found, ItemReader, Opens, Source, Step, Walk};
use engine::store::Memory;
use format_spec::config::Cutting;
use format_spec::tree::{Entry, Extent, Kind};
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

/// A small generator: the same edits for the same seed.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }
}

fn folder_of(rig: &Rig, dice: &mut Dice) -> PathBuf {
    let mut path = rig.source.clone();
    for _ in 0..dice.roll(4) {
        path.push(format!("f{}", dice.roll(3)));
    }
    path
}

fn edit(rig: &Rig, dice: &mut Dice) {
    let folder = folder_of(rig, dice);
    if fs::create_dir_all(&folder).is_err() {
        return;
    }
    let path = folder.join(format!("n{}", dice.roll(12)));
    let other = folder_of(rig, dice).join(format!("n{}", dice.roll(12)));
    // What cannot be done (no such file, a folder in the way) is no edit.
    let _ = match dice.roll(12) {
        0..=3 => fs::write(&path, noise(dice.roll(6), 1 + usize::try_from(dice.roll(3000)).unwrap())),
        // Few seeds: many duplicates, some of them large.
        4 => fs::write(&path, noise(dice.roll(3), 900_000)),
        5 => fs::remove_file(&path),
        6 => fs::rename(&path, &other),
        7 => fs::hard_link(&path, &other),
        8 => fs::remove_dir_all(&folder).and_then(|()| fs::create_dir_all(&rig.source)),
        9 => std::os::unix::fs::symlink("nowhere", &path),
        10 => copy_folder(&folder, &rig.source.join(format!("copy{}", dice.roll(3)))),
        _ => fs::rename(&folder, rig.source.join(format!("moved{}", dice.roll(4))))
            .and_then(|()| fs::create_dir_all(&rig.source)),
    };
}

/// An identical folder: the same names, bytes and times.
fn copy_folder(from: &std::path::Path, to: &std::path::Path) -> std::io::Result<()> {
    if to.starts_with(from) || from.starts_with(to) {
        return Ok(());
    }
    let done = std::process::Command::new("cp").arg("-a").arg(from).arg(to).output()?;
    assert!(done.status.success() || !done.stderr.is_empty());
    Ok(())
}

fn random_edits(seed: u64, backups: usize) {
    let folder = tempfile::tempdir().unwrap();
    let rig = Rig::new(folder.path(), Arc::new(Memory::new()));
    let mut dice = Dice(seed);
    let mut recorded = Vec::new();
    for round in 0..backups {
        for _ in 0..=dice.roll(12) {
            edit(&rig, &mut dice);
        }
        if dice.roll(3) == 0 {
            std::thread::sleep(std::time::Duration::from_millis(60));
        }
        let summary = rig.back_up().unwrap_or_else(|e| panic!("seed {seed}, round {round}: {e}"));
        assert!(summary.counts.complete(), "seed {seed}, round {round}: {summary:?}");
        let report = rig.check().unwrap();
        assert_eq!(report.errors, Vec::new(), "seed {seed}, round {round}");
        recorded.push((summary.point.unwrap().to_string(), contents(&rig.source)));
    }
    for (round, (point, wanted)) in recorded.iter().enumerate() {
        let target = tempfile::tempdir().unwrap();
        let (done, warnings) = rig.restore(point, target.path());
        done.unwrap();
        assert_eq!(warnings, Vec::<String>::new());
        assert_eq!(&contents(target.path()), wanted, "seed {seed}, round {round}");
    }
}

#[test]
fn random_edits_keep_references_exact_and_old_points_whole() {
    random_edits(1, 40);
}

#[test]
fn other_random_edits_do_too() {
    random_edits(2, 40);
}

#[test]
fn sources_that_become_empty_and_full_again_do_too() {
    let folder = tempfile::tempdir().unwrap();
    let rig = Rig::new(folder.path(), Arc::new(Memory::new()));
    for round in 0..4 {
        rig.expect_healthy();
        rig.write(format!("a/b{round}/c"), b"x");
        rig.write("big", &noise(round, 3_000_000));
        rig.expect_healthy();
        fs::remove_dir_all(&rig.source).unwrap();
        fs::create_dir(&rig.source).unwrap();
    }
}

/// A source of one long file that fails after many chunks: its nodes were put, and nobody names them.
struct Failing {
    bytes: u64,
}

struct FailingReader {
    left: u64,
    seed: u64,
}

impl ItemReader for FailingReader {
    fn extents(&mut self) -> std::io::Result<Option<Vec<Extent>>> {
        Ok(None)
    }

    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        if self.left == 0 {
            return Err(std::io::Error::other("the disk has a bad spot here"));
        }
        let n = buffer.len().min(usize::try_from(self.left).unwrap());
        self.seed += 1;
        buffer[..n].copy_from_slice(&noise(self.seed, n));
        self.left -= n as u64;
        Ok(n)
    }

    fn changed(&mut self) -> std::io::Result<Option<String>> {
        Ok(None)
    }
}

struct FailingOpens(u64);

impl Opens for FailingOpens {
    fn fill(&self, _: &mut Entry) -> std::io::Result<Vec<String>> {
        Ok(Vec::new())
    }

    fn open(&self, _: &Entry) -> std::io::Result<Box<dyn ItemReader>> {
        Ok(Box::new(FailingReader { left: self.0, seed: 0 }))
    }
}

impl Source for Failing {
    fn about(&self) -> About {
        About::default()
    }

    fn walk(&self) -> engine::Result<Box<dyn Walk + '_>> {
        let opens: Arc<dyn Opens> = Arc::new(FailingOpens(self.bytes));
        let found = |entry: Entry| Found { path: entry.name.clone(), entry, opens: opens.clone() };
        let root = entry(b"", Kind::Folder, 0);
        let file = entry(b"file", Kind::File, self.bytes * 2);
        Ok(Box::new(Steps(vec![Step::Leave, Step::Item(found(file)), Step::Enter(found(root))])))
    }
}

fn entry(name: &[u8], kind: Kind, size: u64) -> Entry {
    Entry { mode: 0o755, inode: 1, device: 1, size, ..Entry::new(name.to_vec(), kind) }
}

/// Steps, the next one last.
struct Steps(Vec<Step>);

impl Walk for Steps {
    fn next(&mut self) -> Option<Step> {
        self.0.pop()
    }
}

#[test]
fn nodes_of_a_file_that_failed_late_are_not_referenced() {
    let folder = tempfile::tempdir().unwrap();
    let cutting = Cutting { least: 64, average: 256, most: 1024 };
    let rig = Rig::cut(folder.path(), Arc::new(Memory::new()), Some(cutting));
    // Long enough for several leaves of its content tree.
    let source = Failing { bytes: 2_000_000 };
    let repository = rig.open().unwrap();
    let monitor = Arc::new(Monitor::new());
    let summary = engine::backup::backup(&repository, &source, &rig.options(), &monitor).unwrap();
    assert_eq!(summary.counts.failed, 1, "{summary:?}");
    assert_eq!(monitor.take_warnings().len(), 1);
    assert_eq!(rig.check().unwrap().errors, Vec::new());
}
