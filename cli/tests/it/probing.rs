//! `init` shows what it tries out: to whoever watches, and to nobody else.

use crate::servers::{Remote, unique};
use crate::support::{Home, Run};
use faultproxy::{Fault, Proxy};

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

/// Everything passes but the one put in the class, which is refused as stores without the class refuse it (Ceph, Azure).
#[test]
fn init_names_the_class_that_the_store_does_not_have() {
    let places = [
        (Remote::s3("CAIRN_TEST_S3_BUCKET"), "GLACIER", "InvalidArgument"),
        (Remote::s3("CAIRN_TEST_S3_BUCKET"), "DEEP_ARCHIVE", "InvalidStorageClass"),
        (Remote::azure(), "Archive", "InvalidHeaderValue"),
    ];
    for (remote, class, code) in places {
        let Some(remote) = remote else { return };
        let remote = remote.below(&unique("class"));
        let proxy = Proxy::start(remote.endpoint()).unwrap();
        proxy.script(move |request| {
            let is_trial = request.method == "PUT" && request.path.ends_with("/class");
            is_trial.then_some(Fault::Status { status: 400, code, retry_after: None })
        });
        let (home, remote) = (Home::new(), remote.by_way_of(proxy.endpoint()));
        let mut command = home.command(["init", "--no-encryption", "--class", "copy", "--storage-class", class]);
        remote.lead(&mut command);
        let said = Run::of(&mut command).expect(1).stderr;
        let cause = format!("the store does not have the storage class {class} (400 {code})");
        assert!(said.contains(&cause) && said.contains("try: use another storage class"), "{said}");
        assert!(!said.contains("probe/") && !said.contains("check endpoint"), "{said}");
        let tried = proxy.seen().iter().filter(|seen| seen.fault.is_some()).count();
        assert_eq!(tried, 1, "{code}");
        assert!(
            !proxy.seen().iter().any(|seen| seen.request.method == "PUT" && seen.request.path.ends_with("/config"))
        );
    }
}
