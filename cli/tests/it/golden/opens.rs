//! What a release left is read whole: by this program, and by the independent reader.

use super::listing::expect_contents;
use super::release::{ALL, Golden, SECOND_PASSWORD};
use crate::reader::{python, read};
use crate::support::Run;

#[test]
fn golden_repositories_open_list_their_points_and_check_clean() {
    for name in ALL {
        let golden = Golden::open(name);
        let live = golden.live();
        let told: Vec<_> = golden.points.iter().map(|point| &point.row["id"]).collect();
        assert_eq!(live.iter().map(|row| &row["id"]).collect::<Vec<_>>(), told, "{name}");
        for (row, point) in live.iter().zip(&golden.points) {
            for key in ["job", "host", "time", "tags", "complete"] {
                assert_eq!(row[key], point.row[key], "{name} {}: {key}", point.id);
            }
        }
        golden.expect_clean();
    }
}

#[test]
fn golden_repositories_give_back_every_point_as_its_source_was() {
    for name in ALL {
        let golden = Golden::open(name);
        for point in &golden.points {
            golden.expect_restores(point);
        }
    }
}

/// One password was replaced, a second one was added, a third one taken away.
#[test]
fn a_golden_repository_opens_with_each_password_that_is_left_and_with_no_other() {
    let golden = Golden::open("sealed");
    for (password, code) in [("correct horse", 0), (SECOND_PASSWORD, 0), ("the first one", 12), ("gone again", 12)] {
        golden.home.write("password", password.as_bytes());
        golden.run(["points"]).expect(code);
    }
}

#[test]
fn the_independent_reader_verifies_golden_repositories_and_restores_from_them() {
    let Some(python) = python() else { return };
    for name in ALL {
        let golden = Golden::open(name);
        let (repo, password) = (golden.home.path("repo"), golden.home.path("password"));
        let key = golden.is_sealed().then_some(&*password);
        let reader = |args: &[&str]| -> Run { read(&python, &repo, key, args) };
        assert_eq!(reader(&["points"]).expect(0).out().lines().count(), golden.points.len(), "{name}");
        reader(&["verify"]).expect(0);
        let point = golden.points.last().unwrap();
        reader(&["restore", &point.id, &golden.home.text("out")]).expect(0);
        expect_contents(&golden.home.path("out"), &point.items);
    }
}
