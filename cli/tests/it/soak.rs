//! Four workers, one repository, random operations as processes: backups (some killed), expiry, collection, checks, restores and mounts. In the end
//! `check --read-data` is clean, and every live point is what its source was.
//!
//! `CAIRN_SOAK_MINUTES` says how long (1 if unset), `CAIRN_SEED` repeats what each worker chooses; how they meet is the machine's choice.

use crate::support::{Home, Run, noise, of_type, try_tree};
use crate::third::can_mount;
use parking_lot::{Mutex, RwLock};
use serde_json::Value;
use std::collections::{BTreeMap, HashMap};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::Path;
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

#[test]
#[ignore = "takes minutes: a rung of its own in scripts/test, an hour in scripts/nightly"]
fn random_operations_by_four_processes_leave_every_live_point_equal_to_its_source() {
    let number = |name: &str| std::env::var(name).ok().and_then(|v| v.parse::<u64>().ok());
    let seed = number("CAIRN_SEED").unwrap_or(u64::from(std::process::id()));
    let minutes = number("CAIRN_SOAK_MINUTES").unwrap_or(1);
    println!("seed {seed}: {minutes} minutes of soak begin");
    let soak = Soak {
        home: Home::with_repository(),
        seed,
        until: Instant::now() + Duration::from_secs(60 * minutes),
        has_failed: AtomicBool::new(false),
        sources: Mutex::default(),
        points: Mutex::default(),
        readers: RwLock::new(()),
        counts: Mutex::default(),
    };
    std::thread::scope(|scope| {
        for number in 0..4 {
            let soak = &soak;
            scope.spawn(move || Worker::new(soak, number).work());
        }
    });
    let live = soak.finish();
    println!("seed {seed}: {minutes} minutes of soak, {live} points are live, {:?}", soak.counts.lock());
}

struct Soak {
    home: Home,
    seed: u64,
    until: Instant,
    has_failed: AtomicBool,
    /// Every state of a job's source that a backup has tried to store. A killed backup may have committed.
    sources: Mutex<HashMap<String, Vec<u64>>>,
    /// The state that each point is known to show.
    points: Mutex<HashMap<String, u64>>,
    /// Held by who reads; a collection without grace needs it alone.
    readers: RwLock<()>,
    counts: Mutex<BTreeMap<String, u64>>,
}

impl Soak {
    fn count(&self, what: &str) {
        *self.counts.lock().entry(what.to_owned()).or_default() += 1;
    }

    fn live(&self) -> Vec<(String, String)> {
        let rows = self.home.rows(["points"]);
        let text = |row: &Value, key: &str| row[key].as_str().unwrap().to_owned();
        of_type(&rows, "point").into_iter().map(|row| (text(row, "id"), text(row, "job"))).collect()
    }

    fn is_live(&self, id: &str) -> bool {
        self.live().iter().any(|(live, _)| live == id)
    }

    /// Whether what is shown is what the point's source was; in words where it is not, or cannot be read.
    fn compare(&self, id: &str, job: &str, shown: &Path) -> Result<(), String> {
        let words = |what: String| format!("seed {}: point {id} of {job} {what}", self.seed);
        let state = state(shown).map_err(|e| words(format!("cannot be read: {e}")))?;
        let is_right = match self.points.lock().get(id) {
            Some(known) => *known == state,
            None => self.sources.lock().get(job).is_some_and(|tried| tried.contains(&state)),
        };
        if is_right { Ok(()) } else { Err(words("is not its source".to_owned())) }
    }

    /// Restores a point and compares. False when it has expired meanwhile.
    fn restore(&self, id: &str, job: &str, target: &str) -> bool {
        let run = self.home.run(["restore", &self.home.place(id, job), &self.home.text(target)]);
        if run.code == Some(0) {
            self.compare(id, job, &self.home.path(target)).unwrap();
        } else {
            assert!(!self.is_live(id), "seed {}: restore of the live point {id}: {run:?}", self.seed);
        }
        let _ = std::fs::remove_dir_all(self.home.path(target));
        run.code == Some(0)
    }

    /// Collects once more with nobody beside it, and looks at everything; how many points are live.
    fn finish(&self) -> usize {
        // A lease of 0 seconds is over when the second is.
        std::thread::sleep(Duration::from_millis(2100));
        let options = ["--grace", "0", "--no-readers", "--lease", "0s"];
        let plan = self.home.summary(["gc", "plan"].iter().chain(&options));
        self.home.ok(["gc", "apply", plan["plan"].as_str().unwrap()].iter().chain(&options));
        let left = self.home.summary(["gc", "plan"].iter().chain(&options));
        assert_eq!(
            (&left["packs_dead"], &left["objects_due"], &left["sessions_silent"]),
            (&0.into(), &0.into(), &0.into())
        );
        let check = self.home.summary(["check", "--read-data"]);
        assert_eq!(check["errors"], 0, "seed {}: {check}", self.seed);
        let live = self.live();
        for (id, job) in &live {
            assert!(self.restore(id, job, "last"), "seed {}: {id}", self.seed);
        }
        live.len()
    }
}

struct Worker<'a> {
    soak: &'a Soak,
    job: String,
    /// How many choices were made.
    dice: u64,
    number: u64,
}

impl Drop for Worker<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.soak.has_failed.store(true, Ordering::SeqCst);
        }
    }
}

impl<'a> Worker<'a> {
    fn new(soak: &'a Soak, number: u64) -> Self {
        Worker { soak, job: format!("w{number}"), dice: 0, number }
    }

    fn work(mut self) {
        self.back_up(false);
        while Instant::now() < self.soak.until && !self.soak.has_failed.load(Ordering::SeqCst) {
            match self.below(20) {
                0..=6 => self.back_up(false),
                7 => self.back_up(true),
                8..=10 => self.expire(),
                11..=13 => self.collect(),
                14..=15 => self.check(),
                16..=18 => self.restore(),
                _ => self.mount(),
            }
        }
    }

    /// A number below `end`, by the seed.
    fn below(&mut self, end: u64) -> u64 {
        self.dice += 1;
        let bytes = noise(24, self.soak.seed ^ (self.number << 56) ^ (self.dice << 20));
        u64::from_le_bytes(bytes[16..].try_into().unwrap()) % end
    }

    fn change_source(&mut self) {
        for _ in 0..=self.below(6) {
            let (folder, name) = (self.below(3), self.below(10));
            let file = format!("{}/d{folder}/{name}", self.job);
            match self.below(5) {
                0 => _ = std::fs::remove_file(self.soak.home.path(&file)),
                1 => self.soak.home.write(&file, b"the same everywhere"),
                _ => {
                    let (bytes, seed) = (usize::try_from(self.below(60_000)).unwrap(), self.below(40));
                    self.soak.home.write(&file, &noise(bytes, seed));
                }
            }
        }
        // Keeps its first part: packs get sparse.
        let mut large = noise(400_000, 7);
        large.extend(noise(300_000, 1000 + self.below(8)));
        self.soak.home.write(&format!("{}/large", self.job), &large);
    }

    fn back_up(&mut self, is_killed: bool) {
        self.change_source();
        let soak = self.soak;
        let state = state(&soak.home.path(&self.job)).unwrap();
        soak.sources.lock().entry(self.job.clone()).or_default().push(state);
        let mut command = soak.home.command(["backup", "--json", "--job", &self.job, &soak.home.text(&self.job)]);
        if is_killed {
            let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
            std::thread::sleep(Duration::from_millis(20 + self.below(1500)));
            child.kill().unwrap();
            child.wait().unwrap();
            return soak.count("killed backups");
        }
        let run = Run::of(&mut command);
        let is_fenced = run.code == Some(3) && run.stderr.contains("takes its place");
        assert!(run.code == Some(0) || is_fenced, "seed {}: backup: {run:?}", soak.seed);
        soak.points.lock().insert(run.last()["point"].as_str().unwrap().to_owned(), state);
        soak.count(if is_fenced { "fenced backups" } else { "backups" });
    }

    fn expire(&mut self) {
        let keep = (1 + self.below(4)).to_string();
        let job = format!("w{}", self.below(4));
        let mut request = vec!["expire", "--keep-last", &keep];
        if self.below(2) == 0 {
            request.extend(["--job", &job]);
        }
        self.plan_and_apply("expire", &request, &[]);
    }

    fn collect(&mut self) {
        let lease = format!("{}s", 20 + self.below(60));
        let grace = format!("{}s", 5 + self.below(20));
        let soak = self.soak;
        match soak.readers.try_write() {
            Some(_alone) => {
                self.plan_and_apply("gc alone", &["gc"], &["--grace", "0", "--no-readers", "--lease", &lease]);
            }
            None => self.plan_and_apply("gc beside readers", &["gc"], &["--grace", &grace, "--lease", &lease]),
        }
    }

    /// A plan that another worker has made old is refused; everything else succeeds.
    fn plan_and_apply(&self, what: &str, request: &[&str], options: &[&str]) {
        let soak = self.soak;
        let run = |words: &[&str]| {
            let (verb, request) = request.split_at(1);
            let line = verb.iter().chain(words).chain(request).chain(options);
            Run::of(&mut soak.home.command(line.chain(&["--json"])))
        };
        let planned = run(&["plan"]);
        // A job that has no point yet.
        if planned.code == Some(2) && request.contains(&"--job") {
            return;
        }
        let hash = planned.expect(0).last()["plan"].as_str().unwrap().to_owned();
        let applied = run(&["apply", &hash]);
        if applied.code == Some(1) && applied.last()["error"] == "conflict" {
            return soak.count(&format!("{what}, refused"));
        }
        assert_eq!(applied.code, Some(0), "seed {}: {what}: {applied:?}", soak.seed);
        soak.count(what);
    }

    fn check(&self) {
        let _reads = self.soak.readers.read();
        let run = Run::of(&mut self.soak.home.command(["check", "--read-data", "--json"]));
        assert_eq!(run.code, Some(0), "seed {}: check: {run:?} {}", self.soak.seed, run.out());
        self.soak.count("checks");
    }

    fn restore(&mut self) {
        let _reads = self.soak.readers.read();
        let Some((id, job)) = self.any_point() else { return };
        let target = format!("out-{}", self.job);
        let is_done = self.soak.restore(&id, &job, &target);
        self.soak.count(if is_done { "restores" } else { "restores of what expired" });
    }

    fn mount(&mut self) {
        if !can_mount() {
            return;
        }
        let soak = self.soak;
        let _reads = soak.readers.read();
        let Some((id, job)) = self.any_point() else { return };
        let below = format!("mnt-{}", self.job);
        std::fs::create_dir_all(soak.home.path(&below)).unwrap();
        soak.home.ok(["mount", &soak.home.text(&below)]);
        let shown = soak.home.path(&below).join("by-id").join(&id);
        let shown = shown.join(soak.home.text(&job).trim_start_matches('/'));
        let seen = soak.compare(&id, &job, &shown);
        let unmounted = soak.home.run(["umount", &soak.home.text(&below)]);
        match seen {
            Ok(()) => soak.count("mounts"),
            Err(why) if soak.is_live(&id) => panic!("{why}"),
            Err(_) => soak.count("mounts of what expired"),
        }
        unmounted.expect(0);
    }

    fn any_point(&mut self) -> Option<(String, String)> {
        let mut live = self.soak.live();
        let at = usize::try_from(self.below(live.len().max(1) as u64)).unwrap();
        (at < live.len()).then(|| live.swap_remove(at))
    }
}

/// A number for everything below a folder.
fn state(folder: &Path) -> std::io::Result<u64> {
    let mut hasher = DefaultHasher::new();
    try_tree(folder)?.hash(&mut hasher);
    Ok(hasher.finish())
}
