//! A removed password whose key slot is put back: what the help says of it, and the way out that the documentation gives.

use crate::support::{Home, Run, of_type, tree};

/// Two passwords; the second one's slot was removed and kept by somebody.
struct Scene {
    home: Home,
    slot: String,
    kept: Vec<u8>,
}

impl Scene {
    fn new() -> Scene {
        let home = Home::new();
        for name in ["boss", "mallory", "fresh"] {
            home.write(name, name.as_bytes());
        }
        home.write("src/a", b"before the removal");
        let scene = Scene { home, slot: String::new(), kept: Vec::new() };
        scene.run("repo", "boss", &["init"]).expect(0);
        scene.backup("repo", "boss");
        let added =
            scene.run("repo", "boss", &["key", "add", "--json", "--new-password-file", &scene.home.text("mallory")]);
        let slot = added.expect(0).last()["slot"].as_str().unwrap().to_owned();
        let kept = std::fs::read(scene.home.path(&format!("repo/keys/{slot}"))).unwrap();
        let run = scene.run("repo", "boss", &["key", "remove", &slot]).expect(0);
        assert!(run.stderr.contains("can put it back") && run.stderr.contains("key remove --help"), "{}", run.stderr);
        Scene { slot, kept, ..scene }
    }

    fn run(&self, repo: &str, password: &str, args: &[&str]) -> Run {
        let (repo, password) = (self.home.text(repo), self.home.text(password));
        self.home.run([&["--repo", &*repo, "--password-file", &*password], args].concat())
    }

    fn backup(&self, repo: &str, password: &str) {
        self.run(repo, password, &["backup", "--job", "j", &self.home.text("src")]).expect(0);
    }

    fn put_back(&self, repo: &str) {
        self.home.write(&format!("{repo}/keys/{}", self.slot), &self.kept);
    }
}

#[test]
fn a_slot_that_is_put_back_opens_again_and_the_help_says_so() {
    let scene = Scene::new();
    scene.run("repo", "mallory", &["points"]).expect(12);
    scene.put_back("repo");
    scene.run("repo", "mallory", &["points"]).expect(0);
    for verb in ["remove", "rotate"] {
        let help = scene.home.ok(["key", verb, "--help"]).out();
        let words = help.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(words.contains("put it back") || words.contains("put the slot back"), "{words}");
    }
}

/// The steps of docs/keys.md: a new repository for what comes, a rekeyed copy of what was.
#[test]
fn new_keys_and_a_rekeyed_copy_end_a_removed_password() {
    let scene = Scene::new();
    let home = &scene.home;
    scene.run("new", "fresh", &["init"]).expect(0);
    scene.run("old-points", "fresh", &["init", "--class", "copy"]).expect(0);
    let (copies, fresh) = (home.text("old-points"), home.text("fresh"));
    let copy = ["copy", "--rekey", "--all", "--to", &copies, "--to-password-file", &fresh];
    scene.run("repo", "boss", &copy).expect(0);
    home.write("src/b", b"after the removal");
    scene.backup("new", "fresh");
    let rows = scene.run("old-points", "fresh", &["points", "--json"]).expect(0).rows();
    assert_eq!(of_type(&rows, "point").len(), 1, "{rows:?}");
    for repo in ["new", "old-points"] {
        scene
            .run(repo, "fresh", &["restore", &home.place("latest", "src"), &home.text(&format!("out-{repo}"))])
            .expect(0);
        let before = tree(&home.path(repo));
        // The old slot, a slot's bytes under the new one's name, and both passwords: none of them opens anything.
        scene.put_back(repo);
        for password in ["mallory", "boss"] {
            let code = scene.run(repo, password, &["points"]).code;
            assert!(matches!(code, Some(5 | 12)), "{repo} {password}: {code:?}");
        }
        scene.run(repo, "fresh", &["points"]).expect(0);
        assert_eq!(tree(&home.path(repo)).len(), before.len() + 1);
    }
}
