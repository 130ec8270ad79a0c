//! Credentials that end while a backup goes on.

use super::{Place, config};
use crate::support::{Run, noise};

#[test]
fn a_program_is_asked_again_before_its_credentials_end() {
    let Some(place) = Place::new("renewal") else { return };
    let (id, secret) = place.key(true);
    let script = format!(
        "echo run >> '{}'\nend=$(date -u -d '+4 seconds' +%Y-%m-%dT%H:%M:%SZ)\n\
         echo '{{\"Version\": 1, \"AccessKeyId\": \"{id}\", \"SecretAccessKey\": \"{secret}\", \"Expiration\": \"'$end'\"}}'\n",
        place.home.text("runs")
    );
    place.home.write("get", script.as_bytes());
    config(&place, &format!("credential_process = sh {}\n", place.home.text("get")));
    place.home.write("src/big", &noise(6_000_000, 3));
    let runs = || std::fs::read_to_string(place.home.path("runs")).map_or(0, |text| text.lines().count());
    Run::of(&mut place.command(&["points"])).expect(0);
    let before = runs();
    assert!(before >= 1);
    let src = place.home.text("src");
    Run::of(&mut place.command(&["backup", "--job", "j", "--limit-upload", "600k", &src])).expect(0);
    // Once at the start, and again by a request after the end of those: the backup takes ten seconds.
    assert!(runs() >= before + 2, "it was asked {} times", runs() - before);
    Run::of(&mut place.command(&["check", "--read-data"])).expect(0);
}

#[test]
fn a_program_is_asked_once_by_a_command_whose_credentials_last() {
    let Some(place) = Place::new("once") else { return };
    let (id, secret) = place.key(true);
    let script = format!(
        "echo run >> '{}'\necho '{{\"Version\": 1, \"AccessKeyId\": \"{id}\", \"SecretAccessKey\": \"{secret}\"}}'\n",
        place.home.text("runs")
    );
    place.home.write("get", script.as_bytes());
    config(&place, &format!("credential_process = sh {}\n", place.home.text("get")));
    place.home.write("src/a", b"a");
    let src = place.home.text("src");
    Run::of(&mut place.command(&["backup", "--job", "j", &src])).expect(0);
    assert_eq!(std::fs::read_to_string(place.home.path("runs")).unwrap(), "run\n");
}
