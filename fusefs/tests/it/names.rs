//! Names of points: none is ever given to another point.

use crate::memory::Memory;
use crate::place::START;
use engine::restore_point::Point;
use format_spec::RepositoryId;
use format_spec::point::{Alone, Manifest, Naming};
use std::path::PathBuf;
use std::sync::Arc;
use view::{Failure, Fetch, Inode, Layout, Shown, Sources, Template, Templates, View};

const SECOND: &str = "2026-11-22T00-37-49Z";

/// A source of one file, and points of it in memory.
struct Points {
    folder: tempfile::TempDir,
    catalog: Arc<Memory>,
}

impl Points {
    fn new() -> Self {
        Points { folder: tempfile::tempdir().unwrap(), catalog: Arc::new(Memory::default()) }
    }

    /// A point of this second whose file holds `text`.
    fn back_up(&self, job: &str, text: &str, alone: Option<Alone>) -> Arc<Point> {
        std::fs::write(self.file(), text).unwrap();
        let naming = alone.map(|alone| Naming { alone, latest: START });
        self.catalog.back_up_with(self.folder.path(), "host", job, START, |m| m.naming = naming)
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("file")
    }

    fn view(&self, templates: &[&str]) -> View {
        let mut layout = Layout::default();
        if !templates.is_empty() {
            let all = templates.iter().map(|text| Template::parse(text).unwrap()).collect();
            layout.templates = Templates::new(all).unwrap();
        }
        View::open(Arc::clone(&self.catalog) as Arc<_>, Shown::default(), layout).unwrap()
    }
}

fn find(view: &View, path: &str) -> Result<Inode, Failure> {
    let names = path.split('/').filter(|name| !name.is_empty());
    names.into_iter().try_fold(Inode::ROOT, |at, name| Ok(view.lookup(Fetch::MayBlock, at, name.as_bytes())?.inode))
}

fn listed(view: &View, path: &str) -> Vec<String> {
    let names = view.list(Fetch::MayBlock, find(view, path).unwrap(), 0).unwrap();
    let mut names: Vec<String> = names.into_iter().map(|l| String::from_utf8(l.name).unwrap()).collect();
    names.sort();
    names
}

/// SEMANTICS: Namespace. "A name that was given to a point is never given to another one, whatever expires".
#[test]
fn a_name_is_never_given_to_another_point() {
    for alone in [[None; 2], [Some(Alone::InJob), Some(Alone::Nowhere)]] {
        let points = Points::new();
        let first = points.back_up("job", "alice", alone[0]);
        points.back_up("job", "bob", alone[1]);
        let view = points.view(&[]);
        let (job, longer) = ("by-job/host/job", format!("{SECOND}-02020202"));
        assert_eq!(listed(&view, job), [SECOND, &longer, "latest"]);
        let by_time = format!("by-time/2026/11/22/{SECOND}--host--job");
        let below = points.file().to_str().unwrap().to_owned();
        let versions = format!("history/host/job{below}");
        assert_eq!(listed(&view, &versions), [SECOND, &longer]);
        let before = [job, &by_time, &versions].map(|path| find(&view, path).map(|_| ()).is_ok());
        assert_eq!(before, [true; 3]);
        let kept = find(&view, &format!("{job}/{longer}")).unwrap();
        points.catalog.expire(&first);
        view.refresh().unwrap();
        assert_eq!(listed(&view, job), [&longer, "latest"]);
        assert_eq!(listed(&view, &versions), std::slice::from_ref(&longer));
        assert_eq!(find(&view, &format!("{job}/{longer}")).unwrap(), kept, "and its number stays");
        for path in [format!("{job}/{SECOND}"), by_time, format!("{versions}/{SECOND}")] {
            assert!(matches!(find(&view, &path), Err(Failure::NoSuchName)), "{path}");
            let names: Vec<&[u8]> = path.split('/').map(str::as_bytes).collect();
            assert!(view.was_given(&names), "{path}");
        }
        assert!(!view.was_given(&[b"by-job", b"host", b"job", b"2026-11-22T00-37-50Z"]));
        assert!(!view.was_given(&[b"by-job", b"host", b"other"]));
    }
}

/// SEMANTICS: Namespace. "from its commit on and in every mount".
#[test]
fn a_name_that_a_point_records_is_the_same_in_every_mount() {
    let points = Points::new();
    let first = points.back_up("job", "alice", Some(Alone::InJob));
    points.back_up("job", "bob", Some(Alone::Nowhere));
    points.back_up("other", "carol", Some(Alone::InRepository));
    let longer = format!("{SECOND}-02020202");
    assert_eq!(listed(&points.view(&[]), "by-job/host/job"), [SECOND, &longer, "latest"]);
    points.catalog.expire(&first);
    assert_eq!(listed(&points.view(&[]), "by-job/host/job"), [&longer, "latest"]);
    assert_eq!(listed(&points.view(&[]), "by-job/host/other"), [SECOND, "latest"]);
    // Where the name says less than second, host and job, less can suffice.
    let name = |text: &str| listed(&points.view(&[text]), "").into_iter().filter(|n| n != "latest").collect::<Vec<_>>();
    assert_eq!(name("p-{time}"), ["history", &format!("p-{SECOND}"), &format!("p-{longer}")]);
    assert_eq!(name("d-{day}"), ["d-22-02020202", "d-22-03030303", "history"]);
    assert_eq!(name("i-{id8}"), ["history", "i-02020202", "i-03030303"]);
}

/// SEMANTICS: Namespace. Points that record what their name needs come first, whenever they were committed.
#[test]
fn a_point_of_an_older_program_makes_do_with_what_is_free() {
    let points = Points::new();
    points.back_up("job", "old", None);
    points.back_up("job", "new", Some(Alone::InJob));
    let view = points.view(&[]);
    assert_eq!(listed(&view, "by-job/host/job"), [SECOND, &format!("{SECOND}-01010101"), "latest"]);
    assert_eq!(
        view.target(Fetch::MayBlock, find(&view, "by-job/host/job/latest").unwrap()).unwrap(),
        SECOND.as_bytes()
    );
}

/// SEMANTICS: Namespace. "In a repository of copies the job of another source than its origin says whose it is".
#[test]
fn jobs_of_one_name_and_host_of_two_sources_stay_apart_whatever_expires() {
    let (origin, other) = (RepositoryId([7; 16]), RepositoryId([0xAB; 16]));
    let points = Points::new();
    points.catalog.set_sources(Sources { of_copies: true, origin: Some(origin) });
    let copied = |text: &str, second: i64, source| {
        std::fs::write(points.file(), text).unwrap();
        let naming =
            Some(Naming { alone: if source == Some(other) { Alone::Nowhere } else { Alone::InJob }, latest: START });
        let change = |m: &mut Manifest| (m.source, m.naming) = (source, naming);
        points.catalog.back_up_with(points.folder.path(), "host", "job", START + second, change)
    };
    // A copy of an older program does not say where it comes from: it is the origin's.
    let ours = [copied("alice", 0, Some(origin)), copied("alice", 1, None)];
    copied("bob", 0, Some(other));
    let theirs = format!("job%of-{}", "ab".repeat(8));
    let below = points.file().to_str().unwrap().to_owned();
    let texts = |view: &View, job: &str| -> Vec<String> {
        let at = |at: String| find(view, &at).and_then(|inode| view.target(Fetch::MayBlock, inode));
        let latest = String::from_utf8(at(format!("by-job/host/{job}/latest")).unwrap()).unwrap();
        let versions = listed(view, &format!("history/host/{job}{below}"));
        assert!(find(view, &format!("by-job/host/{job}/{latest}{below}")).is_ok());
        versions
    };
    for view in [points.view(&[]), points.view(&[])] {
        assert_eq!(listed(&view, "by-job/host"), ["job", &theirs]);
        assert_eq!(listed(&view, "history/host"), ["job", &theirs]);
        assert_eq!(listed(&view, "by-job/host/job").len(), 3, "two points and latest");
        assert_eq!(listed(&view, &format!("by-job/host/{theirs}")), [&format!("{SECOND}-03030303"), "latest"]);
        assert_eq!(texts(&view, "job"), [SECOND, "2026-11-22T00-37-50Z"]);
        assert_eq!(texts(&view, &theirs), [format!("{SECOND}-03030303")]);
    }
    // What was the origin's job is nobody's when its points have gone.
    let old = points.view(&[]);
    ours.iter().for_each(|point| points.catalog.expire(point));
    old.refresh().unwrap();
    for view in [old, points.view(&[])] {
        assert_eq!(listed(&view, "by-job/host"), std::slice::from_ref(&theirs));
        assert_eq!(listed(&view, "history/host"), std::slice::from_ref(&theirs));
        assert!(matches!(find(&view, "by-job/host/job"), Err(Failure::NoSuchName)));
    }
    // A job that somebody called so is another one.
    let named = points.catalog.back_up_with(points.folder.path(), "host", &theirs, START, |m| m.source = Some(origin));
    assert_eq!(named.manifest.job, theirs);
    assert_eq!(listed(&points.view(&[]), "by-job/host"), [theirs.replace('%', "%25"), theirs]);
}

/// Where points are made no source stands in names, whatever a manifest says.
#[test]
fn a_repository_of_backups_has_plain_names() {
    let points = Points::new();
    std::fs::write(points.file(), "text").unwrap();
    let change = |m: &mut Manifest| m.source = Some(RepositoryId([1; 16]));
    points.catalog.back_up_with(points.folder.path(), "host", "job", START, change);
    assert_eq!(listed(&points.view(&[]), "by-job/host"), ["job"]);
}
