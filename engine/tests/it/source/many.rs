//! Deep trees, large folders, and how fast they are walked.

use super::{Seen, content, folder};
use engine::monitor::Monitor;
use engine::source::folder::FolderSource;
use engine::source::rules::Rules;
use engine::source::{Estimate, Estimation, Source, Step};
use rustix::fs::{AtFlags, CWD, Mode, OFlags, mkdirat, openat, unlinkat};
use std::fs;
use std::io::Write;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

#[test]
fn a_tree_of_a_thousand_long_names_is_walked_and_read() {
    let (_kept, top) = folder();
    let name = "d".repeat(200);
    let depth = 1200;
    let folders = lay_deep(&top, &name, depth);
    let seen = Seen::of(&top, Rules::default());
    assert!(seen.failures.is_empty(), "{:?}", seen.failures.first());
    assert_eq!(seen.found.len(), depth * 2 + 1);
    assert!(open_descriptors(&top) <= 256 + depth, "the test itself holds {depth}");
    // After the walk most folders were closed again; their items are still within reach.
    for (path, found) in seen.found.iter().filter(|(_, f)| f.entry.name == b"file").step_by(100) {
        assert_eq!(content(found), path.len().to_string().as_bytes());
    }
    seen.filled(&seen.found[seen.found.len() - 1].0);
    drop(seen);
    for (n, folder) in folders.iter().enumerate().rev() {
        let _ = unlinkat(folder, "file", AtFlags::empty());
        if n + 1 < folders.len() {
            unlinkat(folder, name.as_str(), AtFlags::REMOVEDIR).unwrap();
        }
    }
}

#[test]
fn items_of_many_folders_in_a_queue_keep_few_folders_open() {
    let (_kept, top) = folder();
    for n in 0..1500 {
        fs::create_dir(top.join(format!("{n:04}"))).unwrap();
        fs::write(top.join(format!("{n:04}/f")), n.to_string()).unwrap();
    }
    let seen = Seen::of(&top, Rules::default());
    let open = open_descriptors(&top);
    assert!(open <= 256, "{open} folders are open");
    for n in (0..1500).rev() {
        assert_eq!(content(seen.get(format!("{n:04}/f"))), n.to_string().as_bytes());
    }
}

#[test]
fn a_folder_replaced_while_its_items_wait_is_not_read_in_its_place() {
    let (_kept, top) = folder();
    for n in 0..400 {
        fs::create_dir(top.join(format!("{n:03}"))).unwrap();
        fs::write(top.join(format!("{n:03}/f")), "old").unwrap();
    }
    let seen = Seen::of(&top, Rules::default());
    fs::rename(top.join("000"), top.join("moved")).unwrap();
    fs::create_dir(top.join("000")).unwrap();
    fs::write(top.join("000/f"), "new").unwrap();
    let found = seen.get("000/f");
    let Err(e) = found.opens.open(&found.entry) else { panic!("it was opened") };
    assert_eq!(e.kind(), std::io::ErrorKind::NotFound);
}

#[test]
fn a_count_adds_up_and_can_be_stopped() {
    let (_kept, top) = folder();
    for n in 0..50 {
        fs::write(top.join(n.to_string()), [0; 10]).unwrap();
    }
    let source: Arc<dyn Source> = Arc::new(FolderSource::new(std::slice::from_ref(&top), Rules::default()).unwrap());
    let above = top.components().count() as u64;
    let expected = Estimate { items: 50 + above, bytes: 500 };
    assert_eq!(Estimate::count(&*source, &AtomicBool::new(false)).unwrap(), Some(expected));
    assert_eq!(Estimate::count(&*source, &AtomicBool::new(true)).unwrap(), None);
    let monitor = Arc::new(Monitor::new());
    Estimation::start(Arc::clone(&source), Arc::clone(&monitor)).wait();
    assert_eq!(monitor.counters.items_total.load(Ordering::Relaxed), expected.items);
    assert_eq!(monitor.counters.bytes_total.load(Ordering::Relaxed), expected.bytes);
}

/// Not a gate, a measurement: `cargo nextest run -p engine --run-ignored only walk_speed --no-capture`, on the folder in
/// `CAIRN_WALK` or on a made one.
#[test]
#[ignore = "a measurement"]
fn walk_speed() {
    let (_kept, made) = folder();
    let top = std::env::var_os("CAIRN_WALK").map_or_else(
        || {
            let files: usize = std::env::var("CAIRN_FILES").ok().and_then(|n| n.parse().ok()).unwrap_or(100_000);
            for n in 0..files {
                fs::File::create(made.join(format!("a mail with number {n:08}.eml"))).unwrap();
            }
            made.clone()
        },
        Into::into,
    );
    let source = FolderSource::new(&[top], Rules::default()).unwrap();
    for _ in 0..3 {
        let before = memory_peak();
        let (start, cpu) = (std::time::Instant::now(), cpu_seconds());
        let (mut items, mut walk) = (0u32, source.walk().unwrap());
        while let Some(step) = walk.next() {
            items += u32::from(matches!(step, Step::Item(_) | Step::Enter(_)));
        }
        let (wall, cpu) = (start.elapsed().as_secs_f64(), cpu_seconds() - cpu);
        let rate = f64::from(items) / cpu;
        println!("{items} items: {wall:.3} s, {cpu:.3} CPU s, {rate:.0} items/CPU s; {before} -> {}", memory_peak());
    }
}

/// What this thread has used; on a busy machine the wall clock measures the others.
fn cpu_seconds() -> f64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    std::time::Duration::try_from(now).unwrap().as_secs_f64()
}

/// A chain of folders, each with a small file that tells the length of its path from `top`.
fn lay_deep(top: &Path, name: &str, depth: usize) -> Vec<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile);
    let more = rustix::process::Rlimit { current: limit.maximum, maximum: limit.maximum };
    rustix::process::setrlimit(rustix::process::Resource::Nofile, more).unwrap();
    let mut folders = vec![openat(CWD, top, flags, Mode::empty()).unwrap()];
    for n in 1..=depth {
        let parent = folders.last().unwrap();
        mkdirat(parent, name, Mode::RWXU).unwrap();
        let folder = openat(parent, name, flags, Mode::empty()).unwrap();
        let create = OFlags::WRONLY | OFlags::CREATE | OFlags::CLOEXEC;
        let mut file = fs::File::from(openat(&folder, "file", create, Mode::RUSR).unwrap());
        write!(file, "{}", n * (name.len() + 1) + 4).unwrap();
        folders.push(folder);
    }
    folders
}

/// How many descriptors of this process lie in `top`.
fn open_descriptors(top: &Path) -> usize {
    let links = fs::read_dir("/proc/self/fd").unwrap().filter_map(|e| fs::read_link(e.ok()?.path()).ok());
    links.filter(|link| link.starts_with(top)).count()
}

fn memory_peak() -> String {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    status.lines().find(|l| l.starts_with("VmHWM")).unwrap_or_default().to_owned()
}
