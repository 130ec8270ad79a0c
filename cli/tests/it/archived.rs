//! The whole way into an archive and back, beside a live mount: over MiniStack, whose restores are really pending for two seconds, and over SeaweedFS and
//! Azurite, each behind a layer that enforces what no emulator does.

use crate::ministack::MiniStack;
use crate::servers::{server, unique};
use crate::support::{Home, Run, noise, of_type, tree};
use crate::thaw::Thawing;
use crate::third::can_mount;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

/// A retrieval takes so long by the layer's clock.
const THAW_SECONDS: i64 = 4 * 3600;
const DAY: i64 = 86_400;
/// As long as a mount keeps what the store says of what rests, and a little longer.
const LOOKS: Duration = Duration::from_millis(5500);

/// Where the copy rests.
enum Archive {
    /// Its clock is the test's.
    Layer(Thawing),
    /// A retrieval comes by itself, soon.
    MiniStack(MiniStack),
}

impl Archive {
    /// Whether what was asked for stays on its way until the test says otherwise.
    fn waits(&self) -> bool {
        matches!(self, Archive::Layer(_))
    }

    fn thaw(&self) {
        if let Archive::Layer(layer) = self {
            layer.turn(THAW_SECONDS + 60);
        }
    }

    /// The days of what was retrieved are over.
    fn end(&self) {
        match self {
            Archive::Layer(layer) => layer.turn(3 * DAY),
            Archive::MiniStack(server) => server.end(),
        }
    }

    /// Who did what.
    fn tally(&self) -> String {
        match self {
            Archive::Layer(layer) => layer.tally().to_string(),
            Archive::MiniStack(server) => server.tally(),
        }
    }
}

/// A repository of backups in a folder, and one for copies in an archive class.
struct Scene<'a> {
    home: Home,
    repo: String,
    archive: &'a Archive,
    with: &'a dyn Fn(&mut Command),
    /// The mounted file whose data rests, where this machine can mount.
    shown: Option<PathBuf>,
}

impl Scene<'_> {
    fn command(&self, args: &[&str]) -> Command {
        let mut command = self.home.command([args, &["--repo", &self.repo]].concat());
        (self.with)(&mut command);
        command
    }

    fn run(&self, args: &[&str], code: i32) -> Run {
        Run::of(self.command(args).arg("--json")).expect(code)
    }

    fn last(&self, args: &[&str], code: i32) -> Value {
        self.run(args, code).last()
    }

    /// Backs up, copies, and goes to another machine; the point's id.
    fn fill(&self, class: &str) -> String {
        let home = &self.home;
        home.write("src/a.txt", b"first\n");
        home.write("src/sub/c.bin", &noise(1_200_000, 1));
        let id = home.backup();
        let from = home.text("repo");
        let init = ["init", "--no-encryption", "--class", "copy", "--from", &from, "--storage-class", class];
        assert_eq!(self.last(&init, 0)["storage_class"], class);
        let mut copy = home.command(["copy", "--to", &self.repo, "--json"]);
        (self.with)(&mut copy);
        assert_eq!(Run::of(&mut copy).expect(0).last()["points_copied"], 1);
        std::fs::remove_dir_all(home.path("cache")).unwrap();
        id
    }

    /// Mounts, and knows the file; the mount point.
    fn mount(&mut self, id: &str, options: &[&str]) -> String {
        let mnt = self.home.text("mnt");
        std::fs::create_dir(&mnt).unwrap();
        Run::of(&mut self.command(&[&["mount", &mnt], options].concat())).expect(0);
        let inside = self.home.text("src").trim_start_matches('/').to_owned();
        self.shown = Some(self.home.path("mnt/by-id").join(id).join(inside).join("sub/c.bin"));
        mnt
    }

    /// The mount says so, without a remount and at most ten seconds late.
    fn look(&self, state: &str, thaw: &str) {
        if let Some(shown) = &self.shown {
            becomes("user.cairn.state", state, || value(shown, "user.cairn.state"));
            becomes("user.cairn.thaw", thaw, || value(shown, "user.cairn.thaw"));
        }
    }

    /// The command says so.
    fn becomes(&self, place: &str, state: &str) {
        becomes("retrieve status", state, || {
            self.last(&["retrieve", "status", place], 0)["state"].as_str().unwrap().to_owned()
        });
    }

    /// Asks for the data, and sees it on its way.
    fn start(&self, place: &str) {
        let asked = || {
            let started = self.last(&["retrieve", "start", place, "--days", "2"], 0);
            assert_eq!(started["packs_asked"], 1, "{started}");
        };
        if self.archive.waits() {
            asked();
            self.look("thawing", "retrieving 0/1");
            self.becomes(place, "retrieving");
            self.run(&["restore", place, &self.home.text("out")], 4);
            return;
        }
        // Two seconds are soon over: the mount must ask the store anew within them. A machine that is too slow tries again.
        for _ in 0..5 {
            std::thread::sleep(LOOKS);
            asked();
            let Some(shown) = &self.shown else { return };
            if value(shown, "user.cairn.state") == "thawing" {
                assert_eq!(value(shown, "user.cairn.thaw"), "retrieving 0/1");
                return;
            }
            self.becomes(place, "retrieved");
            self.archive.end();
            self.becomes(place, "archived");
        }
        panic!("the mount never said that it thaws");
    }
}

/// An attribute of a file in the mount.
fn value(path: &Path, name: &str) -> String {
    let mut buffer = [0; 256];
    let length = rustix::fs::getxattr(path, name, &mut buffer[..]).unwrap();
    String::from_utf8_lossy(&buffer[..length]).into_owned()
}

fn becomes(what: &str, wanted: &str, found: impl Fn() -> String) {
    let begun = Instant::now();
    loop {
        let found = found();
        if found.starts_with(wanted) {
            return;
        }
        assert!(begun.elapsed() < Duration::from_secs(40), "{what} stays {found}, and is not {wanted}");
        std::thread::sleep(Duration::from_millis(250));
    }
}

fn into_an_archive_and_back(archive: &Archive, repo: &str, class: &str, with: &dyn Fn(&mut Command)) {
    let mut scene = Scene { home: Home::with_repository(), repo: repo.to_owned(), archive, with, shown: None };
    let id = scene.fill(class);
    assert_eq!(scene.last(&["points"], 0)["points"], 1);
    assert_eq!(scene.last(&["find", "c.bin"], 0)["matches"], 1);
    let src = scene.home.place("latest", "src");
    let refused = scene.run(&["restore", &src, &scene.home.text("out")], 4);
    assert!(refused.stderr.contains("cairn retrieve start"), "{}", refused.stderr);
    // A mount shows all of it, and says where it is.
    let mnt = if can_mount() { scene.mount(&id, &[]) } else { String::new() };
    let seen = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| there_and_back(&scene, &src)));
    if scene.shown.is_some() {
        let gone = scene.home.run(["umount", &mnt]);
        seen.unwrap();
        gone.expect(0);
    } else {
        seen.unwrap();
    }
    report(&format!("archive tests, {class}:\n{}", archive.tally()));
}

fn there_and_back(scene: &Scene<'_>, src: &str) {
    let home = &scene.home;
    if let Some(shown) = &scene.shown {
        assert_eq!(std::fs::metadata(shown).unwrap().len(), 1_200_000);
        let refused = std::fs::read(shown).unwrap_err();
        assert_eq!(refused.raw_os_error(), Some(rustix::io::Errno::NODATA.raw_os_error()), "{refused}");
    }
    scene.look("archived", "none");
    scene.start(src);
    scene.archive.thaw();
    scene.becomes(src, "retrieved");
    scene.look("remote", "ready");
    if let Some(shown) = &scene.shown {
        assert!(std::fs::read(shown).unwrap() == std::fs::read(home.path("src/sub/c.bin")).unwrap());
    }
    scene.run(&["restore", src, &home.text("out")], 0);
    assert_eq!(tree(&home.path("out")), tree(&home.path("src")));
    // The days are over: S3 forgets the copy by itself, Azure's is set back by whoever looks next.
    scene.archive.end();
    scene.run(&["retrieve", "list"], 0);
    scene.becomes(src, "archived");
    scene.look("archived", "none");
    scene.run(&["restore", src, &home.text("again")], 4);
}

/// Who enforced what: into a file of the folder that `CAIRN_TEST_MOUNTS` names (`scripts/test` prints it).
fn report(line: &str) {
    let Some(folder) = std::env::var_os("CAIRN_TEST_MOUNTS") else { return };
    let file = std::fs::OpenOptions::new().create(true).append(true).open(Path::new(&folder).join("archives"));
    std::io::Write::write_all(&mut file.unwrap(), format!("{line}\n").as_bytes()).unwrap();
}

fn of(name: &str) -> String {
    std::env::var(name).unwrap()
}

/// What an S3 at an endpoint needs.
fn s3(endpoint: &str) -> impl Fn(&mut Command) {
    move |command| {
        command
            .env("AWS_ENDPOINT", endpoint)
            .env("AWS_ALLOW_HTTP", "true")
            .env("AWS_ACCESS_KEY_ID", of("CAIRN_TEST_S3_KEY"))
            .env("AWS_SECRET_ACCESS_KEY", of("CAIRN_TEST_S3_SECRET"))
            .env("AWS_REGION", "us-east-1");
    }
}

#[test]
fn a_copy_goes_into_an_archive_and_comes_back_over_ministack() {
    let Some(endpoint) = server("CAIRN_TEST_ARCHIVE_ENDPOINT") else { return };
    let (bucket, prefix) = (of("CAIRN_TEST_ARCHIVE_BUCKET"), unique("archived"));
    let repo = format!("s3://{bucket}/{prefix}");
    let archive = Archive::MiniStack(MiniStack::new(&endpoint, &bucket, &prefix));
    into_an_archive_and_back(&archive, &repo, "GLACIER", &s3(&endpoint));
}

#[test]
fn a_copy_goes_into_an_archive_and_comes_back_over_seaweedfs() {
    let Some(endpoint) = server("CAIRN_TEST_S3_ENDPOINT") else { return };
    let layer = Thawing::before(&endpoint, THAW_SECONDS);
    let (here, repo) = (layer.endpoint(), format!("s3://{}/{}", of("CAIRN_TEST_S3_BUCKET"), unique("archived")));
    into_an_archive_and_back(&Archive::Layer(layer), &repo, "DEEP_ARCHIVE", &s3(&here));
}

#[test]
fn a_copy_goes_into_an_archive_and_comes_back_over_azurite() {
    let Some(endpoint) = server("CAIRN_TEST_AZURE_ENDPOINT") else { return };
    let layer = Thawing::before(&endpoint, THAW_SECONDS);
    let (here, repo) = (layer.endpoint(), format!("az://{}/{}", of("CAIRN_TEST_AZURE_CONTAINER"), unique("archived")));
    into_an_archive_and_back(&Archive::Layer(layer), &repo, "Archive", &|command| {
        command
            .env("AZURE_STORAGE_ACCOUNT_NAME", of("CAIRN_TEST_AZURE_ACCOUNT"))
            .env("AZURE_STORAGE_ACCOUNT_KEY", of("CAIRN_TEST_AZURE_KEY"))
            .env("AZURE_STORAGE_ENDPOINT", &here)
            .env("AZURE_ALLOW_HTTP", "true");
    });
}

#[test]
fn a_mount_that_was_told_to_asks_for_what_is_opened() {
    let Some(endpoint) = server("CAIRN_TEST_ARCHIVE_ENDPOINT") else { return };
    if !can_mount() {
        return;
    }
    let (bucket, prefix) = (of("CAIRN_TEST_ARCHIVE_BUCKET"), unique("thawed"));
    let repo = format!("s3://{bucket}/{prefix}");
    let archive = Archive::MiniStack(MiniStack::new(&endpoint, &bucket, &prefix));
    let with = s3(&endpoint);
    let mut scene = Scene { home: Home::with_repository(), repo, archive: &archive, with: &with, shown: None };
    let id = scene.fill("DEEP_ARCHIVE");
    let mnt =
        scene.mount(&id, &["--archived=thaw", "--mode=bulk", "--days=3", "--prices=aws-us-east-1", "--max-cost=1"]);
    let seen = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        let shown = scene.shown.as_ref().unwrap();
        let refused = std::fs::read(shown).unwrap_err();
        assert_eq!(refused.raw_os_error(), Some(rustix::io::Errno::NODATA.raw_os_error()), "{refused}");
        scene.look("remote", "ready");
        assert!(std::fs::read(shown).unwrap() == std::fs::read(scene.home.path("src/sub/c.bin")).unwrap());
        let listed = scene.run(&["retrieve", "list"], 0).rows();
        let told = of_type(&listed, "retrieval");
        assert_eq!(told.len(), 1, "{listed:?}");
        assert_eq!((&told[0]["mode"], &told[0]["days"]), (&"bulk".into(), &3.into()), "{listed:?}");
        assert_eq!(told[0]["about"], "opened in a mount: c.bin");
    }));
    let gone = scene.home.run(["umount", &mnt]);
    seen.unwrap();
    gone.expect(0);
}

#[test]
fn a_mount_does_not_promise_what_it_will_not_do() {
    let home = Home::with_repository();
    let mnt = home.text("mnt");
    for (args, what) in [
        (&["--days", "2"][..], "--archived=thaw"),
        (&["--mode", "bulk"], "--archived=thaw"),
        (&["--max-requests", "5"], "--archived=thaw"),
        (&["--archived=thaw", "--max-cost", "5"], "--prices"),
        (&["--archived=thaw", "--days", "0"], "0"),
        (&["--archived=melt"], "thaw"),
        (&["--archived=thaw", "--as-of", "1"], "--as-of"),
    ] {
        let run = home.run([&["mount", &mnt][..], args].concat()).expect(2);
        assert!(run.stderr.contains(what), "{args:?}: {}", run.stderr);
    }
}
