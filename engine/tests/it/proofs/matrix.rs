//! The damage matrix: action x object x later operation, with the local cache kept and dropped.
//!
//! Each cell: a clear error or a finding that names the object, never a panic, never wrong bytes, and what is undamaged is restored.

use super::damage::{ACTIONS, Action, act, kind_of};
use super::rig::{contents, copy_of, names_of, shown};
use super::{Rig, noise};
use engine::blob::CachePlace;
use engine::store::{Memory, ObjectName, StoreExt};
use engine::tree::{Flow, Placement, pieces, stored_bytes, walk};
use engine::{Error, Kind};
use format_spec::container::ObjectKind;
use format_spec::names;
use format_spec::tree::Kind as ItemKind;
use parking_lot::Mutex;
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Three points over several packs of each kind, two key slots.
fn repository(folder: &Path, seed: u64) -> Rig {
    let mut rig = Rig::new(folder, Arc::new(Memory::new()));
    rig.cache = CachePlace::Folder(folder.join("cache"));
    for n in 0..150 {
        rig.write(format!("d{}/{n}.txt", n % 6), format!("file number {n}").as_bytes());
    }
    rig.write("deep/er/a", &noise(seed, 3_000_000));
    rig.write("deep/b", &noise(seed + 1, 4_000_000));
    rig.back_up().unwrap();
    rig.write("d1/new", b"new");
    rig.write("c", &noise(seed + 2, 400_000));
    rig.back_up().unwrap();
    rig.write("d2/new", b"newer");
    rig.write("d", &noise(seed + 3, 400_000));
    rig.back_up().unwrap();
    rig.open().unwrap().add_slot(b"another one", "second", super::rig::CHEAP).unwrap();
    rig
}

struct Cell<'a> {
    rig: Rig,
    action: Action,
    name: &'a ObjectName,
    wanted: &'a BTreeMap<PathBuf, Vec<u8>>,
    /// The data packs that each file's chunks lie in.
    packs: &'a BTreeMap<PathBuf, BTreeSet<ObjectName>>,
    /// The objects that the action changed or took away.
    hurt: BTreeSet<ObjectName>,
    kept: bool,
    problems: &'a Mutex<Vec<String>>,
}

#[test]
fn every_damage_is_named_and_everything_else_comes_back() {
    let folder = tempfile::tempdir().unwrap();
    let base = repository(folder.path(), 10);
    let other = tempfile::tempdir().unwrap();
    let foreign = repository(other.path(), 20).store;
    let wanted = contents(&base.source);
    let packs = packs_of_files(&base);
    assert!(wanted.keys().all(|path| base.source.join(path).is_dir() || !packs[path].is_empty()));
    let names = some_of_each_kind(&names_of(&*base.store));
    let kinds: BTreeSet<&str> = names.iter().map(kind_of).collect();
    assert_eq!(kinds.into_iter().collect::<Vec<_>>(), ["config", "data", "index", "keys", "log", "meta", "points"]);
    let problems = Mutex::new(Vec::new());
    let plan: Vec<_> = names.iter().flat_map(|n| ACTIONS.map(|a| [(n, a, true), (n, a, false)])).flatten().collect();
    let (next, cells) = (AtomicUsize::new(0), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while let Some((name, action, kept)) = plan.get(next.fetch_add(1, Ordering::SeqCst)) {
                    let here = tempfile::tempdir().unwrap();
                    let memory = copy_of(&*base.store);
                    if !act(*action, name, &memory, &*foreign) {
                        continue;
                    }
                    let same = |n: &ObjectName| memory.get(n).ok() == base.store.get(n).ok();
                    let hurt = names_of(&*base.store).into_iter().filter(|n| !same(n)).collect();
                    let mut rig = base.over(memory);
                    rig.cache = CachePlace::Folder(here.path().join("cache"));
                    if *kept {
                        copy_folder(&folder.path().join("cache"), &here.path().join("cache"));
                    }
                    let (action, kept) = (*action, *kept);
                    let cell =
                        Cell { rig, action, name, wanted: &wanted, packs: &packs, hurt, kept, problems: &problems };
                    cells.fetch_add(cell.run(here.path()), Ordering::SeqCst);
                }
            });
        }
    });
    let problems = problems.into_inner();
    println!("{} objects, {} cells tried, {} problems", names.len(), cells.into_inner(), problems.len());
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

/// The data packs of every file of the newest point. Which files share a pack depends on how the readers raced.
fn packs_of_files(rig: &Rig) -> BTreeMap<PathBuf, BTreeSet<ObjectName>> {
    let repository = rig.open().unwrap();
    let (blobs, inside) = (repository.blobs(), rig.inside());
    let mut out = BTreeMap::new();
    walk(&**blobs, &repository.find_point("latest").unwrap().manifest.root, &mut |seen| {
        let entry = seen.entry;
        let below = seen.path.strip_prefix(&*inside).and_then(|p| p.strip_prefix(b"/"));
        if let Some(path) = below.filter(|_| entry.kind == ItemKind::File) {
            let bytes = stored_bytes(entry);
            let pack = |piece: engine::Result<Placement>| {
                let place = blobs.place(ObjectKind::DataPack, &piece?.id)?;
                ObjectName::new(names::of_session(place.pack_kind, place.pack))
            };
            let packs = pieces(&**blobs, entry.content, bytes, 0..bytes)?.map(pack).collect::<engine::Result<_>>()?;
            out.insert(PathBuf::from(OsStr::from_bytes(path)), packs);
        }
        Ok(Flow::Continue)
    })
    .unwrap();
    out
}

/// The first, a middle and the last object of each kind.
fn some_of_each_kind(all: &[ObjectName]) -> Vec<ObjectName> {
    let of = |name: &ObjectName| all.iter().filter(|n| kind_of(n) == kind_of(name)).cloned().collect::<Vec<_>>();
    let picked = |name: &ObjectName| {
        let same = of(name);
        [0, same.len() / 2, same.len() - 1].iter().any(|at| same[*at] == *name)
    };
    all.iter().filter(|n| picked(n)).cloned().collect()
}

impl Cell<'_> {
    fn run(&self, here: &Path) -> usize {
        let tries: [&dyn Fn(); 4] = [&|| self.list(), &|| self.restore(here), &|| self.check(), &|| self.back_up(here)];
        for one in tries {
            if std::panic::catch_unwind(std::panic::AssertUnwindSafe(one)).is_err() {
                self.problem("a panic");
            }
        }
        // Opening is part of each.
        tries.len() + 1
    }

    fn problem(&self, what: impl std::fmt::Display) {
        let line =
            format!("{:?} of {}, cache {}: {what}", self.action, self.name, if self.kept { "kept" } else { "dropped" });
        self.problems.lock().push(line);
    }

    /// The damaged object, or the one that it changed places with, or what hangs on it.
    fn named(&self, text: &str) -> bool {
        let kind = kind_of(self.name);
        text.contains(self.name.as_str())
            || self.action == Action::Swap && text.contains(&format!("{kind}/"))
            // The repository's identity is the config's: what no longer fits to it is the key slot.
            || kind == "config" && (text.contains("keys/") || text.contains("config"))
    }

    fn judge(&self, what: &str, error: &Error) {
        let good = matches!(error.kind(), Kind::Damaged | Kind::Unsupported)
            || kind_of(self.name) == "config" && self.action == Action::Delete && error.kind() == Kind::NoRepository;
        let text = format!("{} {error}", error.object().unwrap_or_default());
        // Without its own slot, a password is one that opens none.
        if self.action == Action::Delete && kind_of(self.name) == "keys" && error.kind() == Kind::WrongPassword {
            return;
        }
        let place = kind_of(self.name) == "config" && error.kind() == Kind::NoRepository;
        if !good || !(self.named(&text) || place) {
            self.problem(format!("{what} gives {}", shown(error)));
        }
        if self.action == Action::Newer
            && error.kind() != Kind::Unsupported
            && kind_of(self.name) != "data"
            && kind_of(self.name) != "meta"
        {
            self.problem(format!("{what} does not say that the format is newer: {}", shown(error)));
        }
    }

    fn list(&self) {
        match self.rig.open() {
            Err(e) => self.judge("open", &e),
            Ok(repository) => {
                for (_, point) in repository.points_and_damage() {
                    if let Err(e) = point {
                        self.judge("list", &e);
                    }
                }
            }
        }
    }

    fn restore(&self, here: &Path) {
        let target = here.join("out");
        let (done, warnings) = self.rig.restore("latest", &target);
        if let Err(e) = &done {
            self.judge("restore", e);
        }
        for warning in &warnings {
            if !self.named(warning) {
                self.problem(format!("restore warns {warning}"));
            }
        }
        let found = if target.exists() { contents(&target) } else { BTreeMap::new() };
        let newest = kind_of(self.name) != "points" && kind_of(self.name) != "log";
        for (path, bytes) in &found {
            if newest && self.wanted.get(path) != Some(bytes) {
                self.problem(format!("restore wrote wrong bytes into {}", path.display()));
            }
        }
        let left_out: Vec<_> = self.wanted.keys().filter(|p| !found.contains_key(*p)).collect();
        let missing = left_out.len();
        if kind_of(self.name) == "data" {
            let is_hurt = |path: &PathBuf| self.packs.get(path).is_some_and(|packs| !packs.is_disjoint(&self.hurt));
            if let Some(whole) = left_out.iter().find(|path| !is_hurt(path)) {
                self.problem(format!("restore left {} out, whose packs are whole", whole.display()));
            }
            let all = self.wanted.keys().filter(|path| is_hurt(path)).count();
            if done.is_err() || missing > warnings.len() || self.action == Action::Delete && missing != all {
                self.problem(format!("restore left {missing} of {all} out, {} warnings, {done:?}", warnings.len()));
            }
        }
        if kind_of(self.name) == "data" && !warnings.is_empty() && missing == 0 {
            self.problem(format!("nothing is missing, but {warnings:?}"));
        }
    }

    fn check(&self) {
        // A last entry that went away is an older copy of the repository: nobody can know. So is a key slot.
        let unseen = self.action == Action::Delete
            && (kind_of(self.name) == "keys"
                || names_of(&*self.rig.store).iter().all(|n| kind_of(n) != "log" || n < self.name));
        match self.rig.check() {
            Err(e) => self.judge("check", &e),
            Ok(report) if report.errors.is_empty() && report.unsupported.is_empty() && !unseen => {
                self.problem("check finds nothing");
            }
            Ok(report) => {
                if self.action == Action::Newer && !report.errors.is_empty() && report.unsupported.is_empty() {
                    self.problem(format!("check calls damage what is newer: {:?}", report.errors));
                }
                let all = report.errors.iter().chain(&report.unsupported);
                let text: Vec<_> = all.map(|f| format!("{}: {}", f.object, f.what)).collect();
                if !text.is_empty() && !text.iter().any(|t| self.named(t)) {
                    self.problem(format!("check names {text:?}"));
                }
            }
        }
    }

    /// A backup succeeds, or says what is damaged; and a point that it made is whole where nothing was damaged before.
    fn back_up(&self, here: &Path) {
        let before: Vec<_> =
            names_of(&*self.rig.store).into_iter().map(|n| (n.clone(), self.rig.store.get(&n).unwrap())).collect();
        match self.rig.back_up() {
            Err(e) => self.judge("backup", &e),
            Ok(_) => {
                let (done, warnings) = self.rig.restore("latest", &here.join("again"));
                let found = if here.join("again").exists() { contents(&here.join("again")) } else { BTreeMap::new() };
                for (path, bytes) in &found {
                    if self.wanted.get(path) != Some(bytes) {
                        self.problem(format!("after a backup, restore wrote wrong bytes into {}", path.display()));
                    }
                }
                let missing = self.wanted.keys().filter(|p| !found.contains_key(*p)).count();
                if kind_of(self.name) != "data" && missing > 0 {
                    self.problem(format!("after a backup, restore left {missing} out: {done:?} {warnings:?}"));
                }
            }
        }
        for (name, bytes) in before {
            if self.rig.store.get(&name).ok().as_ref() != Some(&bytes) {
                self.problem(format!("a backup changed {name}"));
            }
        }
    }
}

fn copy_folder(from: &Path, to: &Path) {
    let done = std::process::Command::new("cp").arg("-a").arg(from).arg(to).status().unwrap();
    assert!(done.success());
}
