//! The commands of `docs/stores.md`, run as they stand there against the servers of which it says
//! so; ports and names are those of the tests.

use crate::servers::{server, unique};
use crate::support::Home;
use std::path::Path;
use std::process::Command;

fn page() -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/stores.md")).unwrap()
}

/// The commands of a section.
fn commands(section: &str) -> String {
    let page = page();
    let (_, rest) = page.split_once(&format!("\n## {section}\n")).unwrap_or_else(|| panic!("no section {section}"));
    let (_, rest) = rest.split_once("```sh\n").expect("a section has commands");
    rest.split_once("```").expect("an end of the commands").0.to_owned()
}

/// A section, and what takes the place of words in it.
type Section = (&'static str, Vec<(&'static str, String)>);

/// What a section says, and what it is here. Nothing where there are no servers.
fn here() -> Option<Vec<Section>> {
    let keys = || {
        Some([
            ("=key ", format!("={} ", server("CAIRN_TEST_S3_KEY")?)),
            ("=secret\n", format!("={}\n", server("CAIRN_TEST_S3_SECRET")?)),
        ])
    };
    let place = |scheme: &str, variable: &str| Some(format!("{scheme}://{}/{}/", server(variable)?, unique("docs")));
    let bucket = |variable: &str| Some(("s3://bucket/", place("s3", variable)?));
    let seaweed = [("http://127.0.0.1:8333", server("CAIRN_TEST_S3_ENDPOINT")?), bucket("CAIRN_TEST_S3_BUCKET")?];
    let ministack =
        [("http://127.0.0.1:4566", server("CAIRN_TEST_ARCHIVE_ENDPOINT")?), bucket("CAIRN_TEST_ARCHIVE_BUCKET")?];
    let moto = [
        ("http://127.0.0.1:5000", server("CAIRN_TEST_MOTO_ENDPOINT")?),
        ("s3://bucket/", format!("s3://cairn/{}/", unique("docs"))),
    ];
    let azurite = [
        ("http://127.0.0.1:10000/devstoreaccount1", server("CAIRN_TEST_AZURE_ENDPOINT")?),
        ("az://container/", place("az", "CAIRN_TEST_AZURE_CONTAINER")?),
    ];
    Some(vec![
        ("SeaweedFS", seaweed.into_iter().chain(keys()?).collect()),
        ("MiniStack", ministack.into_iter().chain(keys()?).collect()),
        ("moto", moto.into()),
        ("Azurite", azurite.into()),
    ])
}

#[test]
fn the_commands_of_each_section_make_a_repository_where_the_server_is_here() {
    for (section, words) in here().unwrap_or_default() {
        let mut script = commands(section);
        for (there, here) in words {
            // What does not stand there is a mistake of this test or of the page.
            assert_eq!(script.matches(there).count(), 1, "{section}: {there}");
            script = script.replace(there, &here);
        }
        let home = Home::new();
        let mut shell = Command::new("bash");
        for (name, value) in home.command(["init"]).get_envs() {
            match value {
                Some(value) => shell.env(name, value),
                None => shell.env_remove(name),
            };
        }
        let folder = Path::new(env!("CARGO_BIN_EXE_cairn")).parent().unwrap();
        let path = format!("{}:{}", folder.display(), std::env::var("PATH").unwrap());
        let output = shell.args(["-euc", &script]).env("PATH", path).env("CAIRN_PASSWORD", "p").output().unwrap();
        assert!(output.status.success(), "{section}: {}", String::from_utf8_lossy(&output.stderr));
    }
}

#[test]
fn the_page_lists_every_name_that_is_looked_for() {
    let page = page();
    let home = Home::new();
    let said = |repo: &str| {
        let mut command = home.command(["--repo", repo, "points"]);
        command
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .env("AZURE_STORAGE_ACCOUNT", "a")
            .env("IDENTITY_ENDPOINT", "http://127.0.0.1:1");
        String::from_utf8(command.output().unwrap().stderr).unwrap()
    };
    let told = said("s3://bucket/x") + &said("az://box/x");
    let is_name = |word: &str| word.starts_with("AWS_") || word.starts_with("AZURE_");
    let names: Vec<_> = told
        .split(|c: char| !c.is_ascii_uppercase() && !c.is_ascii_digit() && c != '_')
        .filter(|word| is_name(word))
        .collect();
    assert!(names.len() > 15, "{told}");
    for name in names {
        assert!(page.contains(name), "{name} is not in docs/stores.md");
    }
}
