//! Several users of one local repository: the rights of what is made, and runs of root.

use crate::support::{Home, Run, tree};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::Command;

const GROUP: u32 = 64_999;
/// A user of a number without a name.
const HOMELESS: u32 = 64_123;

/// A folder that a group shares, and what each user needs; `None` where users cannot be changed, which is said.
struct Scene {
    home: Home,
    repo: PathBuf,
}

impl Scene {
    fn new(mode: u32) -> Option<Scene> {
        if !rustix::process::geteuid().is_root() {
            eprintln!("skipped: changing users needs root");
            return None;
        }
        let home = Home::new();
        home.write("src/a", b"1");
        let repo = home.path("repo");
        std::fs::create_dir(&repo).unwrap();
        chown(&repo, Some(65_534), Some(GROUP)).unwrap();
        set(&repo, mode);
        set(&home.path(""), 0o755);
        Some(Scene { home, repo })
    }

    /// A run of a user of the group, with a strict umask.
    fn by(&self, user: u32, args: &[&str]) -> Run {
        Run::of(&mut self.command(user, args))
    }

    fn command(&self, user: u32, args: &[&str]) -> Command {
        let own = self.home.path(&format!("of-{user}"));
        std::fs::create_dir_all(&own).unwrap();
        std::fs::create_dir_all(own.join("tmp")).unwrap();
        for folder in [&own, &own.join("tmp")] {
            chown(folder, Some(user), Some(GROUP)).unwrap();
        }
        let inner = self.home.command(args);
        let mut command = Command::new("setpriv");
        // The program itself may lie where only root looks.
        let program = self.home.path("cairn");
        if !program.exists() {
            std::fs::copy(inner.get_program(), &program).unwrap();
            set(&program, 0o755);
        }
        let (user, group) = (user.to_string(), GROUP.to_string());
        command.args([
            "--reuid",
            &user,
            "--regid",
            &group,
            "--clear-groups",
            "sh",
            "-c",
            "umask 077; exec \"$@\"",
            "sh",
        ]);
        command.arg(program).arg("--repo").arg(&self.repo).args(args);
        command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default()).env("TMPDIR", own.join("tmp"));
        for (key, below) in
            [("HOME", ""), ("XDG_STATE_HOME", "state"), ("XDG_CACHE_HOME", "cache"), ("XDG_CONFIG_HOME", "config")]
        {
            command.env(key, own.join(below));
        }
        command.current_dir("/");
        command
    }

    /// With a repository, and a folder of temporary files that everybody shares.
    fn with_passing() -> Option<(Scene, PathBuf)> {
        let scene = Scene::new(0o2770)?;
        scene.by(65_534, &["init", "--no-encryption"]).expect(0);
        let passing = scene.home.path("passing");
        std::fs::create_dir(&passing).unwrap();
        set(&passing, 0o1777);
        Some((scene, passing))
    }

    /// A run of a user who has no home.
    fn homeless(&self, args: &[&str]) -> Run {
        let mut command = self.command(HOMELESS, args);
        for key in ["HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME"] {
            command.env_remove(key);
        }
        Run::of(command.env("TMPDIR", self.home.path("passing")))
    }

    /// Every command of such a user works, and says once that its cache lies there.
    fn lives_without_a_home(&self, below: &str) {
        let lies = format!("the cache lies in {}", self.home.path("passing").join(below).display());
        let src = self.home.text("src");
        let target = self.home.text(&format!("of-{HOMELESS}/out"));
        let place = self.home.place("latest", "src");
        let verbs: [&[&str]; 4] =
            [&["backup", "--job", "j", &src], &["points"], &["check", "--read-data"], &["restore", &place, &target]];
        for args in verbs {
            let run = self.homeless(args).expect(0);
            assert_eq!(run.stderr.matches("the cache lies in").count(), 1, "{args:?}: {}", run.stderr);
            assert!(run.stderr.contains(&lies), "{args:?}: {lies}: {}", run.stderr);
        }
        assert_eq!(tree(Path::new(&target)), tree(Path::new(&src)));
    }

    fn backup(&self, user: u32, job: &str) -> Run {
        self.by(user, &["backup", "-q", "--job", job, &self.home.text("src")])
    }
}

fn set(path: &Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

/// Mode, owner and group of everything below a folder.
fn rights(folder: &Path) -> Vec<(PathBuf, u32, u32, u32)> {
    let mut found = Vec::new();
    for item in std::fs::read_dir(folder).unwrap() {
        let path = item.unwrap().path();
        let meta = std::fs::symlink_metadata(&path).unwrap();
        found.push((path.clone(), meta.mode() & 0o7777, meta.uid(), meta.gid()));
        if meta.is_dir() {
            found.extend(rights(&path));
        }
    }
    found
}

#[test]
fn a_group_shares_a_folder_with_the_set_gid_bit_whatever_the_umask() {
    let Some(scene) = Scene::new(0o2770) else { return };
    scene.by(65_534, &["init", "--no-encryption"]).expect(0);
    scene.backup(65_534, "one").expect(0);
    scene.by(2, &["points"]).expect(0);
    scene.backup(2, "two").expect(0);
    scene.by(65_534, &["check", "--read-data"]).expect(0);
    let all = rights(&scene.repo);
    assert!(all.len() > 5);
    for (path, mode, _, group) in all {
        assert_eq!((mode, group), (if path.is_dir() { 0o2770 } else { 0o660 }, GROUP), "{}", path.display());
    }
}

#[test]
fn a_cache_folder_of_another_user_is_a_note() {
    let Some(scene) = Scene::new(0o2770) else { return };
    scene.by(65_534, &["init", "--no-encryption"]).expect(0);
    scene.backup(65_534, "one").expect(0);
    let cache = scene.home.path("of-2/cache");
    std::fs::create_dir_all(&cache).unwrap();
    set(&cache, 0o700);
    for args in [&["points"][..], &["check", "--read-data"], &["backup", "--job", "two", &scene.home.text("src")]] {
        let run = scene.by(2, args).expect(0);
        assert_eq!(run.stderr.matches("the cache cannot be used").count(), 1, "{args:?}: {}", run.stderr);
    }
    assert_eq!(std::fs::read_dir(&cache).unwrap().count(), 0);
}

/// A user of a number without a name, as in containers.
#[test]
fn a_user_without_a_home_has_a_cache_among_passing_files() {
    let Some((scene, passing)) = Scene::with_passing() else { return };
    scene.lives_without_a_home("cairn-64123/cache");
    assert!(passing.join("cairn-64123/cache").is_dir());
}

/// Who was there first: somebody else, a link, a file, or this user with a folder that others can write to.
#[test]
fn a_user_without_a_home_whose_passing_folder_is_taken_has_a_cache_for_each_run() {
    let ways: [fn(&Path); 4] = [
        |folder| std::fs::create_dir(folder).unwrap(),
        |folder| {
            let behind = folder.with_file_name("behind");
            std::fs::create_dir(&behind).unwrap();
            chown(&behind, Some(HOMELESS), None).unwrap();
            std::os::unix::fs::symlink(&behind, folder).unwrap();
        },
        |folder| std::fs::write(folder, b"").unwrap(),
        |folder| {
            std::fs::create_dir(folder).unwrap();
            chown(folder, Some(HOMELESS), None).unwrap();
            set(folder, 0o777);
        },
    ];
    for take in ways {
        let Some((scene, passing)) = Scene::with_passing() else { return };
        take(&passing.join("cairn-64123"));
        let before = tree(&passing);
        scene.lives_without_a_home("cairn-cache-");
        assert_eq!(tree(&passing), before, "nothing is left, and nothing was written to what is taken");
    }
}

#[test]
fn a_temporary_cache_is_for_its_user_alone() {
    let Some((scene, passing)) = Scene::with_passing() else { return };
    std::fs::write(passing.join("cairn-64123"), b"").unwrap();
    let seen = scene.home.path("seen");
    std::fs::write(&seen, b"").unwrap();
    set(&seen, 0o666);
    let before = format!("stat -c '%a %u' '{}'/cairn-cache-* > '{}'", passing.display(), seen.display());
    scene.homeless(&["backup", "--job", "j", "--before", &before, &scene.home.text("src")]).expect(0);
    assert_eq!(std::fs::read_to_string(seen).unwrap(), "700 64123\n");
}

#[test]
fn a_group_that_may_only_read_only_reads() {
    let Some(scene) = Scene::new(0o2750) else { return };
    scene.by(65_534, &["init", "--no-encryption"]).expect(0);
    scene.backup(65_534, "one").expect(0);
    scene.by(2, &["points"]).expect(0);
    assert_ne!(scene.backup(2, "two").code, Some(0));
}

#[test]
fn a_run_by_root_does_not_lock_the_owner_out() {
    for mode in [0o700, 0o2770] {
        let Some(scene) = Scene::new(mode) else { return };
        scene.by(65_534, &["init", "--no-encryption"]).expect(0);
        scene.backup(65_534, "one").expect(0);
        let (repo, src) = (scene.repo.to_str().unwrap(), scene.home.text("src"));
        scene.home.ok(["--repo", repo, "backup", "-q", "--job", "root", &src]);
        for (path, _, owner, _) in rights(&scene.repo).iter().filter(|(path, ..)| !path.ends_with("+staged")) {
            assert_eq!(*owner, 65_534, "{}", path.display());
        }
        let points = scene.by(65_534, &["points", "--json"]).expect(0);
        assert_eq!(points.last()["points"], 2);
        scene.by(65_534, &["check", "--read-data"]).expect(0);
    }
}

#[test]
fn init_shares_a_folder_that_has_no_such_bit_yet() {
    let home = Home::new();
    let repo = home.text("repo");
    home.ok(["--repo", &repo, "init", "--no-encryption", "--shared", "group"]);
    let mode = |path: &Path| std::fs::metadata(path).unwrap().mode() & 0o7777;
    assert_eq!(mode(&home.path("repo")) & 0o2770, 0o2770);
    for (path, mode, ..) in rights(&home.path("repo")) {
        assert_eq!(mode, if path.is_dir() { 0o2770 } else { 0o660 }, "{}", path.display());
    }
    let run = home.run(["--repo", "s3://bucket/prefix", "init", "--no-encryption", "--shared", "group"]).expect(2);
    assert!(run.stderr.contains("repositories in folders"), "{}", run.stderr);
    // What is there already is not shared in passing.
    let alone = home.text("alone");
    home.ok(["--repo", &alone, "init", "--no-encryption"]);
    let before = (mode(&home.path("alone")), tree(&home.path("alone")));
    home.run(["--repo", &alone, "init", "--no-encryption", "--shared", "group"]).expect(1);
    assert_eq!((mode(&home.path("alone")), tree(&home.path("alone"))), before);
}
