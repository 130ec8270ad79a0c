//! The whole way into an archive and back, beside a live mount: over SeaweedFS and Azurite, each behind a layer that enforces what no emulator does.
//! MiniStack restores by itself (`retrieve.rs`); here the clock is the test's.

use crate::servers::{server, unique};
use crate::support::{Home, Run, noise, tree};
use crate::thaw::Thawing;
use crate::third::can_mount;
use serde_json::Value;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

/// A retrieval takes so long by the layer's clock.
const THAW_SECONDS: i64 = 4 * 3600;
const DAY: i64 = 86_400;

/// A repository of backups in a folder, and one for copies in an archive class.
struct Scene<'a> {
    home: Home,
    repo: String,
    with: &'a dyn Fn(&mut Command),
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
}

/// An attribute of a file in the mount, once it begins so: what the store says is seen at most ten seconds late.
fn becomes(path: &Path, name: &str, wanted: &str) {
    let begun = Instant::now();
    loop {
        let mut buffer = [0; 256];
        let length = rustix::fs::getxattr(path, name, &mut buffer[..]).unwrap();
        let found = String::from_utf8_lossy(&buffer[..length]).into_owned();
        if found.starts_with(wanted) {
            return;
        }
        assert!(begun.elapsed() < Duration::from_secs(40), "{name} stays {found}, and is not {wanted}");
        std::thread::sleep(Duration::from_millis(250));
    }
}

fn into_an_archive_and_back(layer: &Thawing, repo: &str, class: &str, with: &dyn Fn(&mut Command)) {
    let scene = Scene { home: Home::with_repository(), repo: repo.to_owned(), with };
    let home = &scene.home;
    home.write("src/a.txt", b"first\n");
    home.write("src/sub/c.bin", &noise(1_200_000, 1));
    let id = home.backup();
    let from = home.text("repo");
    let init = ["init", "--no-encryption", "--class", "copy", "--from", &from, "--storage-class", class];
    assert_eq!(scene.last(&init, 0)["storage_class"], class);
    let mut copy = home.command(["copy", "--to", repo, "--json"]);
    with(&mut copy);
    assert_eq!(Run::of(&mut copy).expect(0).last()["points_copied"], 1);
    // Another machine.
    std::fs::remove_dir_all(home.path("cache")).unwrap();
    assert_eq!(scene.last(&["points"], 0)["points"], 1);
    assert_eq!(scene.last(&["find", "c.bin"], 0)["matches"], 1);
    let (src, out, mnt) = (home.place("latest", "src"), home.text("out"), home.text("mnt"));
    let refused = scene.run(&["restore", &src, &out], 4);
    assert!(refused.stderr.contains("cairn retrieve start"), "{}", refused.stderr);
    // A mount shows all of it, and says where it is.
    std::fs::create_dir(&mnt).unwrap();
    let mounted = can_mount();
    if mounted {
        Run::of(&mut scene.command(&["mount", &mnt])).expect(0);
    }
    let shown = home.path("mnt/by-id").join(&id).join(home.text("src").trim_start_matches('/')).join("sub/c.bin");
    let seen = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        let look = |state: &str, thaw: &str| {
            if mounted {
                becomes(&shown, "user.cairn.state", state);
                becomes(&shown, "user.cairn.thaw", thaw);
            }
        };
        if mounted {
            assert_eq!(std::fs::metadata(&shown).unwrap().len(), 1_200_000);
            let refused = std::fs::read(&shown).unwrap_err();
            assert_eq!(refused.raw_os_error(), Some(rustix::io::Errno::NODATA.raw_os_error()), "{refused}");
        }
        look("archived", "none");
        let started = scene.last(&["retrieve", "start", &src, "--days", "2"], 0);
        assert_eq!(started["packs_asked"], 1, "{started}");
        look("thawing", "retrieving 0/1");
        assert_eq!(scene.last(&["retrieve", "status", &src], 0)["state"], "retrieving");
        scene.run(&["restore", &src, &out], 4);
        layer.turn(THAW_SECONDS + 60);
        assert_eq!(scene.last(&["retrieve", "status", &src], 0)["state"], "retrieved");
        look("remote", "ready");
        if mounted {
            assert!(std::fs::read(&shown).unwrap() == std::fs::read(home.path("src/sub/c.bin")).unwrap());
        }
        scene.run(&["restore", &src, &out], 0);
        assert_eq!(tree(&home.path("out")), tree(&home.path("src")));
    }));
    if mounted {
        let gone = home.run(["umount", &mnt]);
        seen.unwrap();
        gone.expect(0);
    } else {
        seen.unwrap();
    }
    // The days are over: S3 forgets the copy by itself, Azure's is set back by whoever looks next.
    layer.turn(3 * DAY);
    scene.run(&["retrieve", "list"], 0);
    assert_eq!(scene.last(&["retrieve", "status", &src], 0)["state"], "archived");
    scene.run(&["restore", &src, &home.text("again")], 4);
    report(&format!("archive tests, {class}: {}", layer.tally()));
}

/// Who enforced what: into a file of the folder that `CAIRN_TEST_MOUNTS` names (`scripts/test` prints it).
fn report(line: &str) {
    let Some(folder) = std::env::var_os("CAIRN_TEST_MOUNTS") else { return };
    let file = std::fs::OpenOptions::new().create(true).append(true).open(Path::new(&folder).join("archives"));
    std::io::Write::write_all(&mut file.unwrap(), format!("{line}\n").as_bytes()).unwrap();
}

#[test]
fn a_copy_goes_into_an_archive_and_comes_back_over_seaweedfs() {
    let Some(endpoint) = server("CAIRN_TEST_S3_ENDPOINT") else { return };
    let of = |name: &str| std::env::var(name).unwrap();
    let layer = Thawing::before(&endpoint, THAW_SECONDS);
    let (here, repo) = (layer.endpoint(), format!("s3://{}/{}", of("CAIRN_TEST_S3_BUCKET"), unique("archived")));
    into_an_archive_and_back(&layer, &repo, "DEEP_ARCHIVE", &|command| {
        command
            .env("AWS_ENDPOINT", &here)
            .env("AWS_ALLOW_HTTP", "true")
            .env("AWS_ACCESS_KEY_ID", of("CAIRN_TEST_S3_KEY"))
            .env("AWS_SECRET_ACCESS_KEY", of("CAIRN_TEST_S3_SECRET"))
            .env("AWS_REGION", "us-east-1");
    });
}

#[test]
fn a_copy_goes_into_an_archive_and_comes_back_over_azurite() {
    let Some(endpoint) = server("CAIRN_TEST_AZURE_ENDPOINT") else { return };
    let of = |name: &str| std::env::var(name).unwrap();
    let layer = Thawing::before(&endpoint, THAW_SECONDS);
    let (here, repo) = (layer.endpoint(), format!("az://{}/{}", of("CAIRN_TEST_AZURE_CONTAINER"), unique("archived")));
    into_an_archive_and_back(&layer, &repo, "Archive", &|command| {
        command
            .env("AZURE_STORAGE_ACCOUNT_NAME", of("CAIRN_TEST_AZURE_ACCOUNT"))
            .env("AZURE_STORAGE_ACCOUNT_KEY", of("CAIRN_TEST_AZURE_KEY"))
            .env("AZURE_STORAGE_ENDPOINT", &here)
            .env("AZURE_ALLOW_HTTP", "true");
    });
}
