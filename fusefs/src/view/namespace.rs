//! The folders and symlinks that lead to restore points. Pure: made from a list of points, then never changed.
//!
//! ```text
//! /by-job/<organisation or host>/<job>/<2026-11-22T00-37-49Z>/    the one real tree
//!                                     /latest                     -> <2026-11-22T00-37-49Z>
//! /by-time/<year>/<month>/<day>/<time>--<host>--<job>             -> ../../../../by-job/...
//! /by-id/<id>                                                     -> ../by-job/...
//! ```
//!
//! Everything but `by-job` is a relative symlink, so that `find`, `du` and `tar` see each file once, and bind mounts and
//! exports still resolve. Two points of one name: the later one gets the suffix `-<id8>`, so that no new point renames an old one.

use super::inode::{Inode, NameOf, Named};
use super::names::{Moment, escape, hex};
use engine::restore_point::Point;
use format_spec::Time;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

/// The leading folders of one set of points.
#[derive(Debug)]
pub(crate) struct Namespace {
    nodes: HashMap<Inode, Leading>,
    points: HashMap<u32, Placed>,
    /// Points' entries and bytes, for `statfs`.
    pub(crate) entries: u64,
    pub(crate) bytes: u64,
}

/// One folder or symlink that leads to points.
#[derive(Debug)]
pub(crate) struct Leading {
    pub(crate) parent: Inode,
    /// The newest start of a point below.
    pub(crate) time: Time,
    pub(crate) what: What,
}

#[derive(Debug)]
pub(crate) enum What {
    /// In the order of names.
    Folder(Vec<(String, Inode)>),
    Link(String),
}

/// A point and the job folder that it lies in.
#[derive(Debug, Clone)]
pub(crate) struct Placed {
    pub(crate) point: Arc<Point>,
    pub(crate) parent: Inode,
}

impl Namespace {
    /// Lays out `points`, oldest first.
    pub(crate) fn new(points: &[Arc<Point>]) -> Self {
        let mut plan = Plan::default();
        let places: Vec<Place> = points.iter().map(|p| plan.place(p)).collect();
        plan.folders(&places);
        plan.links(&places);
        plan.finish(&places)
    }

    /// What stands under a leading inode.
    pub(crate) fn leading(&self, inode: Inode) -> Option<&Leading> {
        self.nodes.get(&inode)
    }

    /// The point of this number.
    pub(crate) fn point(&self, number: u32) -> Option<&Placed> {
        self.points.get(&number)
    }
}

impl Leading {
    /// The inode of a name in a folder.
    pub(crate) fn child(&self, name: &[u8]) -> Option<Inode> {
        let What::Folder(entries) = &self.what else { return None };
        let at = entries.binary_search_by(|(n, _)| n.as_bytes().cmp(name)).ok()?;
        entries.get(at).map(|(_, inode)| *inode)
    }
}

/// Where one point goes.
struct Place {
    point: Arc<Point>,
    moment: Moment,
    host: String,
    job: String,
    /// Its name in the job folder.
    name: String,
}

impl Place {
    fn id(&self) -> String {
        hex(&self.point.manifest.id.0)
    }

    fn path(&self) -> String {
        format!("by-job/{}/{}/{}", self.host, self.job, self.name)
    }
}

type Names = BTreeMap<String, Inode>;

#[derive(Default)]
struct Plan {
    folders: HashMap<Inode, (Inode, Time, Names)>,
    links: HashMap<Inode, Leading>,
    points: HashMap<u32, Placed>,
    /// Names that were given in job folders and day folders.
    given: HashSet<String>,
}

impl Plan {
    fn place(&mut self, point: &Arc<Point>) -> Place {
        let manifest = &point.manifest;
        let owner = if manifest.organisation.is_empty() { &manifest.host } else { &manifest.organisation };
        let (host, job, moment) = (escape(owner), escape(&manifest.job), Moment::of(manifest.started));
        let name = self.unique(&format!("by-job/{host}/{job}/"), &moment.name, &hex(&manifest.id.0));
        Place { point: Arc::clone(point), moment, host, job, name }
    }

    /// The name, or the name and the beginning of the id, or all of it.
    fn unique(&mut self, folder: &str, name: &str, id: &str) -> String {
        let short = id.get(..8).unwrap_or(id);
        let names = [name.to_owned(), format!("{name}-{short}"), format!("{name}-{id}")];
        let free = names.iter().find(|n| !self.given.contains(&format!("{folder}{n}")));
        let name = free.unwrap_or(&names[2]).clone();
        self.given.insert(format!("{folder}{name}"));
        name
    }

    fn folders(&mut self, places: &[Place]) {
        for (inode, name) in [(Inode::BY_JOB, "by-job"), (Inode::BY_TIME, "by-time"), (Inode::BY_ID, "by-id")] {
            self.folder(inode, Inode::ROOT, name);
        }
        // In the order of names, not of points: a hash that is taken must go to the same name after every remount.
        let mut named = Named::default();
        let jobs: BTreeMap<(&str, &str), Vec<&Place>> = places.iter().fold(BTreeMap::new(), |mut jobs, p| {
            jobs.entry((&p.host[..], &p.job[..])).or_insert_with(Vec::new).push(p);
            jobs
        });
        let mut hosts: HashMap<&str, Inode> = HashMap::new();
        for ((host, job), points) in &jobs {
            let names = [host.as_bytes(), job.as_bytes()];
            let above = *hosts.entry(host).or_insert_with(|| named.inode(NameOf::Host, &names[..1]));
            let folder = named.inode(NameOf::Job, &names);
            self.folder(above, Inode::BY_JOB, host);
            self.folder(folder, above, job);
            for place in points {
                self.enter(folder, &place.name, Inode::inside(place.point.number, 0));
                let placed = Placed { point: Arc::clone(&place.point), parent: folder };
                self.points.insert(place.point.number, placed);
                self.touch(folder, place.point.manifest.started);
            }
            if let Some(newest) = points.last() {
                let (latest, time) = (named.inode(NameOf::Latest, &names), newest.point.manifest.started);
                self.link(latest, folder, "latest", newest.name.clone(), time);
            }
        }
    }

    fn links(&mut self, places: &[Place]) {
        for place in places {
            let (number, time) = (place.point.number, place.point.manifest.started);
            let Moment { year, month, day, name } = &place.moment;
            let (y, m) = (Inode::date(*year, 0, 0), Inode::date(*year, *month, 0));
            let d = Inode::date(*year, *month, *day);
            self.folder(y, Inode::BY_TIME, &format!("{year:04}"));
            self.folder(m, y, &format!("{month:02}"));
            self.folder(d, m, &format!("{day:02}"));
            let long = format!("{name}--{}--{}", place.host, place.job);
            let long = self.unique(&format!("by-time/{year}/{month}/{day}/"), &long, &place.id());
            self.link(Inode::time_link(number), d, &long, format!("../../../../{}", place.path()), time);
            self.link(Inode::id_link(number), Inode::BY_ID, &place.id(), format!("../{}", place.path()), time);
        }
    }

    fn folder(&mut self, inode: Inode, parent: Inode, name: &str) {
        self.folders.entry(inode).or_insert_with(|| (parent, Time::default(), Names::new()));
        self.enter(parent, name, inode);
    }

    fn link(&mut self, inode: Inode, parent: Inode, name: &str, target: String, time: Time) {
        self.links.insert(inode, Leading { parent, time, what: What::Link(target) });
        self.enter(parent, name, inode);
        self.touch(parent, time);
    }

    fn enter(&mut self, folder: Inode, name: &str, inode: Inode) {
        let root = || (Inode::ROOT, Time::default(), Names::new());
        self.folders.entry(folder).or_insert_with(root).2.insert(name.to_owned(), inode);
    }

    /// A folder is as new as the newest point below it.
    fn touch(&mut self, mut folder: Inode, time: Time) {
        while let Some((parent, newest, _)) = self.folders.get_mut(&folder) {
            *newest = time.max(*newest);
            if *parent == folder {
                return;
            }
            folder = *parent;
        }
    }

    fn finish(self, places: &[Place]) -> Namespace {
        let mut nodes = self.links;
        nodes.extend(self.folders.into_iter().map(|(inode, (parent, time, names))| {
            (inode, Leading { parent, time, what: What::Folder(names.into_iter().collect()) })
        }));
        let sum = |of: fn(&Point) -> u64| places.iter().map(|p| of(&p.point)).fold(0, u64::saturating_add);
        let entries = sum(|p| p.manifest.root.totals.descendants.saturating_add(1));
        let leading = nodes.len() as u64;
        let bytes = sum(|p| p.manifest.root.totals.bytes);
        Namespace { nodes, points: self.points, entries: entries.saturating_add(leading), bytes }
    }
}
