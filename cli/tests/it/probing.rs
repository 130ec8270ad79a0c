//! `init` shows what it tries out: to whoever watches, and to nobody else.

use crate::support::Home;

const PROBES: [&str; 5] = [
    "creating one object from many sides at once",
    "reading parts of an object",
    "listing",
    "sending a wrong checksum",
    "deleting",
];

/// What was probed, by these lines.
fn told(text: &str) -> Vec<&str> {
    text.lines().filter_map(|line| line.trim_end().strip_prefix("probing: ")).collect()
}

#[test]
fn init_says_what_it_is_probing_on_a_terminal_and_when_asked_to_say_more() {
    let init = |args: &[&str]| {
        let home = Home::new();
        home.ok([&["init", "--no-encryption"], args].concat()).stderr
    };
    assert!(told(&init(&[])).is_empty(), "a pipe is not a terminal");
    assert_eq!(told(&init(&["--verbose"])), PROBES);
    assert!(told(&Home::new().on_a_terminal("init --no-encryption --quiet")).is_empty());
    assert_eq!(told(&Home::new().on_a_terminal("init --no-encryption")), PROBES);
}

#[test]
fn init_tells_programs_what_it_is_probing() {
    let probing = |args: &[&str]| {
        let home = Home::new();
        let rows = home.rows([&["init", "--no-encryption"], args].concat());
        assert_eq!(rows.last().unwrap()["type"], "summary");
        let probing = rows.iter().filter(|row| row["type"] == "probing");
        probing.map(|row| row["what"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(probing(&[]), PROBES);
    assert!(probing(&["--no-progress"]).is_empty());
}
