//! Made names: what they look like, and that no two sets of sources share one.

use super::*;
use proptest::prelude::*;

fn path(text: &str) -> Named {
    Named::Path(text.as_bytes().to_vec())
}

#[test]
fn names_are_made_of_host_and_sources() {
    let name = |paths: &[&str]| made("web-1", &paths.iter().map(|p| path(p)).collect::<Vec<_>>());
    assert_eq!(name(&["/srv/data-old"]), "web-1,srv,data-old");
    assert_eq!(name(&["/srv/data/old"]), "web-1,srv,data,old");
    assert_eq!(name(&["/srv/a:b", "/home"]), "web-1,home+,srv,a%3Ab");
    assert_eq!(name(&["/home", "/srv/a:b"]), "web-1,home+,srv,a%3Ab");
    assert_eq!(name(&["/"]), "web-1,");
    assert_eq!(name(&["/root"]), "web-1,root");
    assert_eq!(name(&["/a b\n", "/ü"]), "web-1,a%20b%0A+,ü");
    assert_eq!(made("h", &[Named::Path(vec![b'/', 0xff, b',', b'+'])]), "h,%FF%2C%2B");
    assert_eq!(made("h", &[Named::List(b"/etc/list".to_vec()), path("/srv")]), "h,srv+@,etc,list");
    assert_eq!(made("h", &[Named::Stream(b"dump.sql".to_vec())]), "h=dump.sql");
}

#[test]
fn a_long_name_is_cut_and_stays_apart() {
    let name = |last: &str| made("h", &[path(&format!("/{}{last}", "a".repeat(300)))]);
    assert_eq!(name("x").len(), MADE_BYTES_MAX);
    assert_ne!(name("x"), name("y"));
    assert!(name("x").starts_with("h,aaaa") && is_made("h", &name("x")));
    assert!(made("h", &[path(&"/ü".repeat(200))]).len() <= MADE_BYTES_MAX);
}

#[test]
fn a_made_name_is_known_by_its_host() {
    assert!(is_made("web-1", &made("web-1", &[path("/srv")])));
    assert!(is_made("a,b", &made("a,b", &[path("/srv")])));
    assert!(!is_made("web-1", "nightly") && !is_made("web-1", "web-1-srv") && !is_made("web", "web-1,srv"));
}

/// What earlier releases made is looked for in repositories, so it never changes.
#[test]
fn names_of_earlier_releases_are_remembered() {
    let name = |paths: &[&str]| made_before("h", &paths.iter().map(|p| p.as_bytes().to_vec()).collect::<Vec<_>>());
    assert_eq!(name(&["/srv/a"]), "h-srv-a");
    assert_eq!(name(&["/srv/a:b", "/home"]), "h-srv-a-b+home");
    assert_eq!((name(&["/"]), name(&["/a b\n"])), ("h-root".to_owned(), "h-a-b-".to_owned()));
    assert_eq!(name(&["/srv/data-old"]), name(&["/srv/data/old"]));
    let long = |last: &str| name(&[&format!("/{}{last}", "a".repeat(300))]);
    assert_eq!((long("x").len(), long("x") == long("y")), (BEFORE_BYTES_MAX, false));
}

/// Few letters, so that what is different looks alike as often as may be.
fn word() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(prop::sample::select(b"ab-,+%~=@: 2C\xff".to_vec()), 1..5)
}

fn source() -> impl Strategy<Value = Named> {
    let absolute = || {
        prop::collection::vec(word(), 0..4).prop_map(|steps| match steps.is_empty() {
            true => b"/".to_vec(),
            false => steps.iter().flat_map(|step| [b"/".as_slice(), step].concat()).collect(),
        })
    };
    prop_oneof![
        4 => absolute().prop_map(Named::Path),
        1 => absolute().prop_map(Named::List),
        1 => word().prop_map(Named::Stream),
    ]
}

fn sources() -> impl Strategy<Value = Vec<Named>> {
    prop::collection::vec(source(), 1..4)
}

fn host() -> impl Strategy<Value = String> {
    "[a,@=+%~-]{0,4}"
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4096, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_made_name_tells_its_host_and_sources(a in (host(), sources()), b in (host(), sources())) {
        let set = |sources: &[Named]| sources.iter().cloned().collect::<BTreeSet<_>>();
        let is_same = a.0 == b.0 && set(&a.1) == set(&b.1);
        prop_assert_eq!(made(&a.0, &a.1) == made(&b.0, &b.1), is_same, "{:?} {:?}", a, b);
        let mut turned = a.1.clone();
        turned.reverse();
        prop_assert_eq!(made(&a.0, &a.1), made(&a.0, &turned));
    }

    #[test]
    fn a_made_name_is_a_name(host in any::<String>(), sources in sources()) {
        let name = made(&host, &sources);
        prop_assert!(name.len() <= MADE_BYTES_MAX && !name.is_empty());
        prop_assert!(!name.chars().any(|c| matches!(c, ':' | '/') || c.is_control() || c.is_whitespace()), "{}", name);
        prop_assert!(is_made(&host, &name), "{}", name);
    }
}
