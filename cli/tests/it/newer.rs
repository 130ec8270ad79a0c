//! A restore point that needs a newer release: each command says that, with its own words, count and exit code, and none calls it damage.

use crate::forge::make_newer;
use crate::support::{Home, Run, noise, of_type};
use crate::third::can_mount;

/// Three points; the first needs a newer release.
fn scene() -> (Home, Vec<String>) {
    let home = Home::with_repository();
    let mut points = Vec::new();
    for n in 0..3 {
        home.write("src/file", &noise(300_000, n + 1));
        points.push(home.backup());
    }
    make_newer_in(&home, &points[0]);
    (home, points)
}

fn make_newer_in(home: &Home, point: &str) {
    let repository = home.repository();
    let id = repository.find_point(point).unwrap().manifest.id;
    make_newer(&repository, id);
}

#[track_caller]
fn no_damage(run: &Run) {
    let said = format!("{}{}", run.out(), run.stderr);
    let words = said
        .replace("no damage", "")
        .replace("nothing is damaged that is needed", "")
        .replace("points_damaged\":0", "")
        .replace("\"damaged\":0", "");
    assert!(!words.contains("damage"), "{said}");
    assert!(!said.contains("cairn expire"), "nobody offers to let it go: {said}");
}

#[test]
fn what_looks_at_all_points_ends_with_exit_1_and_says_why() {
    let (home, points) = scene();
    let path = home.text("src/file");
    for args in
        [&["points"][..], &["stats"], &["find", "file"], &["history", &path], &["expire", "plan", "--keep-last", "9"]]
    {
        let run = home.run(args).expect(1);
        assert!(
            run.stderr.contains(&points[0]) && run.stderr.contains("it needs a newer release of cairn"),
            "{}",
            run.stderr
        );
        assert!(run.stderr.contains("(found 99)") && run.stderr.contains("cairn gc` keeps all"), "{}", run.stderr);
        no_damage(&run);
    }
    for verb in [&["points"][..], &["stats"], &["expire", "plan", "--keep-last", "9"]] {
        let run = Run::of(home.command(verb).arg("--json")).expect(1);
        let counts = ["points_damaged", "points_unsupported"].map(|key| run.last()[key].as_u64().unwrap());
        assert_eq!(counts, [0, 1], "{verb:?}");
    }
}

#[test]
fn check_and_repair_plan_tell_it_apart_from_damage() {
    let (home, _) = scene();
    for verb in [&["check"][..], &["repair", "plan"]] {
        let run = home.run(verb).expect(1);
        assert!(run.out().contains("it needs a newer release: CONT-19"), "{}", run.out());
        no_damage(&run);
        let json = Run::of(home.command(verb).arg("--json")).expect(1);
        assert_eq!(json.last()["unsupported"], 1);
        let rows = json.rows();
        assert_eq!((of_type(&rows, "unsupported").len(), of_type(&rows, "damage").len()), (1, 0));
    }
    assert!(home.run(["check"]).out().contains("no damage found, and 1 object needs a newer release"));
}

#[test]
fn real_damage_beside_it_is_still_an_alarm() {
    let (home, points) = scene();
    let manifests = std::fs::read_dir(home.path("repo/points")).unwrap();
    let mut files: Vec<_> = manifests.flat_map(|folder| std::fs::read_dir(folder.unwrap().path()).unwrap()).collect();
    files.sort_by_key(|file| file.as_ref().unwrap().path());
    // The oldest is given up; the next one is the second point's.
    std::fs::remove_file(files[1].as_ref().unwrap().path()).unwrap();
    let run = home.run(["points", "--json"]).expect(5);
    let counts = ["points", "points_damaged", "points_unsupported"].map(|key| run.last()[key].as_u64().unwrap());
    assert_eq!(counts, [1, 1, 1]);
    assert_eq!(run.rows().iter().filter(|row| row["id"] == points[2].as_str()).count(), 1);
    home.run(["check"]).expect(5);
}

#[test]
fn naming_it_is_refused_as_unsupported() {
    let (home, points) = scene();
    for args in [&["ls", &points[0]][..], &["expire", "plan", &points[0]], &["restore", &points[0], &home.text("t")]] {
        let run = Run::of(home.command(args).arg("--json")).expect(1);
        let rows = run.rows();
        assert_eq!(of_type(&rows, "error")[0]["error"], "unsupported", "{args:?}");
        assert!(run.stderr.contains("newer release"), "{}", run.stderr);
    }
}

#[test]
fn the_other_points_are_used_as_ever_and_its_packs_stay() {
    let (home, points) = scene();
    home.ok(["restore", "latest", &home.text("target")]);
    home.backup();
    let plan = home.run(["expire", "plan", &points[1], "--json"]).expect(1).last();
    home.run(["expire", "apply", plan["plan"].as_str().unwrap(), &points[1]]).expect(1);
    let options = ["--grace", "0", "--no-readers", "--lease", "0"];
    let plan = home.summary(["gc", "plan"].iter().chain(&options));
    home.ok(["gc", "apply", plan["plan"].as_str().unwrap()].iter().chain(&options));
    let packs = home.run(["check", "--read-data"]).expect(1);
    no_damage(&packs);
    let repository = home.path("repo/data");
    let bytes: u64 = crate::support::tree(&repository).iter().map(|(_, bytes)| bytes.len() as u64).sum();
    assert!(bytes > 600_000 && bytes < 800_000, "those of the first and the third, of three: {bytes}");
}

#[test]
fn latest_says_that_a_point_is_passed_over() {
    let (home, points) = scene();
    home.write("src/file", &noise(300_000, 9));
    let newest = home.backup();
    make_newer_in(&home, &newest);
    let run = home.ok(["ls", "latest"]);
    assert!(
        run.stderr.contains(&format!(
            "{newest} cannot be read, and may be newer than {}, which stands for latest",
            &points[2][..8]
        )),
        "{}",
        run.stderr
    );
    assert!(run.stderr.contains("it needs a newer release of cairn"), "{}", run.stderr);
    assert!(!home.ok(["ls", &points[2]]).stderr.contains("cannot be read"), "an id means one point");
}

#[test]
fn a_copy_of_all_passes_it_over_with_a_warning() {
    let (home, points) = scene();
    let target = home.text("copy");
    home.ok(["init", "--no-encryption", "--repo", &target, "--class", "copy", "--from", &home.text("repo")]);
    let run = home.run(["copy", "--to", &target, "--all"]).expect(3);
    assert!(
        run.stderr.contains(&points[0]) && run.stderr.contains("it needs a newer release of cairn"),
        "{}",
        run.stderr
    );
    no_damage(&run);
    assert_eq!(home.summary(["--repo", &target, "points"])["points"], 2);
}

#[test]
fn a_mount_shows_it_as_not_supported() {
    if !can_mount() {
        return;
    }
    let (home, points) = scene();
    std::fs::create_dir(home.path("mnt")).unwrap();
    let mnt = home.text("mnt");
    home.ok(["mount", &mnt]);
    let seen = std::panic::catch_unwind(|| {
        let point = home.path("mnt/by-job/%unsupported").join(&points[0]);
        let mut why = [0u8; 500];
        let length = rustix::fs::getxattr(&point, "user.cairn.why", &mut why).unwrap();
        let listed = std::fs::read_dir(&point).and_then(|names| names.collect::<Result<Vec<_>, _>>());
        (listed.unwrap_err().raw_os_error(), String::from_utf8_lossy(&why[..length]).into_owned())
    });
    home.run(["umount", &mnt]);
    let (code, why) = seen.unwrap();
    assert_eq!(code, Some(rustix::io::Errno::OPNOTSUPP.raw_os_error()));
    assert!(why.contains("it needs a newer release of cairn") && !why.contains("damage"), "{why}");
}
