//! From points and a layout to folders and links: first all names, then, in the order of paths, their inodes.

use super::{Given, Leading, Names, Namespace, PastJob, Placed, What, unreadable};
use crate::catalog::Unreadable;
use crate::inode::{Inode, Named};
use crate::layout::{HISTORY, Layout};
use crate::limits::HISTORY_POINTS_MAX;
use crate::names::{Moment, Sources, escape, escape_first};
use crate::template::{Template, is_alone_in_job};
use engine::restore_point::Point;
use format_spec::Time;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

const LATEST: &str = "latest";

/// The names of a namespace, without inodes.
#[derive(Default)]
pub(super) struct Plan {
    root: Folder,
    /// Where each point lies.
    paths: HashMap<u32, Vec<String>>,
    /// What each point is called among those of its job.
    names: HashMap<u32, String>,
    given: Given,
    sources: Sources,
}

#[derive(Default)]
pub(super) struct Folder {
    time: Time,
    names: BTreeMap<String, Child>,
}

pub(super) enum Child {
    Folder(Folder),
    Point(Arc<Point>),
    Link(String, Time),
    Unreadable(Unreadable),
    /// A job's newest points, oldest first.
    Past(Vec<Arc<Point>>),
}

impl Plan {
    pub(super) fn new(
        points: &[Arc<Point>],
        unread: &[Unreadable],
        layout: &Layout,
        sources: Sources,
        given: Given,
    ) -> Self {
        let mut plan = Plan { given, sources, ..Plan::default() };
        for folder in layout
            .templates
            .real()
            .into_iter()
            .chain(layout.templates.links())
            .filter_map(|template| template.own_folder())
        {
            plan.root.folder(&[folder.to_owned()]);
        }
        plan.real(points, layout);
        plan.links(points, layout);
        unreadable::lay_out(&mut plan.root, unread, layout);
        if layout.history {
            plan.history(points);
        }
        plan.root.touch();
        plan
    }

    fn real(&mut self, points: &[Arc<Point>], layout: &Layout) {
        let mut newest: BTreeMap<Vec<String>, (u32, String, Time)> = BTreeMap::new();
        let Some(template) = layout.templates.real() else { return };
        for point in in_turn(points) {
            let Some(mut path) = template.paths(&point.manifest, self.sources).pop() else { continue };
            reserve(path.first_mut(), HISTORY);
            reserve(path.last_mut(), LATEST);
            let Some(name) = path.pop() else { continue };
            let name = self.name(template, &path, &name, point);
            self.root.folder(&path).names.insert(name.clone(), Child::Point(Arc::clone(point)));
            let committed = point.place();
            let takes_the_place = newest.get(&path).is_none_or(|(place, ..)| *place < committed);
            if takes_the_place && !point.manifest.is_interim() {
                newest.insert(path.clone(), (committed, name.clone(), point.manifest.started));
            }
            path.push(name);
            self.paths.insert(point.number, path);
        }
        for (folder, (_, name, time)) in newest {
            self.root.folder(&folder).names.insert(LATEST.to_owned(), Child::Link(name, time));
        }
    }

    fn links(&mut self, points: &[Arc<Point>], layout: &Layout) {
        for template in layout.templates.links() {
            for point in in_turn(points) {
                let Some(target) = self.paths.get(&point.number).map(|path| path.join("/")) else { continue };
                for mut path in template.paths(&point.manifest, self.sources) {
                    let Some(name) = path.pop() else { continue };
                    let link = Child::Link(format!("{}{target}", "../".repeat(path.len())), point.manifest.started);
                    let name = self.name(template, &path, &name, point);
                    self.root.folder(&path).names.insert(name, link);
                }
            }
        }
    }

    /// The name of a point in a folder.
    fn name(&mut self, template: &Template, folder: &[String], name: &str, point: &Point) -> String {
        self.given.name(&folder.join("/"), name, template.needs_more(&point.manifest), &point.manifest)
    }

    fn history(&mut self, points: &[Arc<Point>]) {
        self.root.folder(&[HISTORY.to_owned()]);
        for point in in_turn(points) {
            let manifest = &point.manifest;
            let folder = [HISTORY, &escape(manifest.owner()), &self.sources.job(manifest)].join("/");
            let second = Moment::of(manifest.started).name;
            let name = self.given.name(&folder, &second, is_alone_in_job(manifest).map(|alone| !alone), manifest);
            self.names.insert(point.number, name);
        }
        for point in points.iter().rev() {
            let manifest = &point.manifest;
            let folder = self.root.folder(&[HISTORY.to_owned(), escape(manifest.owner())]);
            let job = folder.names.entry(self.sources.job(manifest)).or_insert_with(|| Child::Past(Vec::new()));
            if let Child::Past(newest) = job
                && newest.len() < HISTORY_POINTS_MAX
            {
                newest.insert(0, Arc::clone(point));
            }
        }
    }

    /// Gives out the inodes.
    pub(super) fn finish(self, points: &[Arc<Point>], old: Option<&Namespace>) -> Namespace {
        let sum = |of: fn(&Point) -> u64| points.iter().map(|p| of(p)).fold(0, u64::saturating_add);
        let inside = sum(|p| p.manifest.root.totals.descendants.saturating_add(1));
        let mut space = Namespace {
            nodes: HashMap::new(),
            points: HashMap::new(),
            jobs: HashMap::new(),
            given: self.given,
            unreadable: Vec::new(),
            generation: old.map_or(0, |old| old.generation + 1),
            alone: None,
            entries: 0,
            bytes: sum(|p| p.manifest.root.totals.bytes),
        };
        let (mut named, mut paths, mut called) = (Named::default(), self.paths, self.names);
        let mut open = vec![(Inode::ROOT, Inode::ROOT, String::new(), self.root)];
        while let Some((inode, parent, path, folder)) = open.pop() {
            let mut names = Vec::new();
            for (name, child) in folder.names {
                let below = if path.is_empty() { name.clone() } else { format!("{path}/{name}") };
                let number = match child {
                    Child::Folder(folder) => {
                        let number = named.inode(&below);
                        open.push((number, inode, below, folder));
                        number
                    }
                    Child::Point(point) => {
                        let number = Inode::inside(point.number, 0);
                        let path = paths.remove(&point.number).unwrap_or_default().join("/");
                        let name = called.remove(&point.number).unwrap_or_default();
                        space.points.insert(point.number, Placed { point, parent: inode, path, name });
                        number
                    }
                    Child::Link(target, time) => {
                        let number = named.inode(&below);
                        space.nodes.insert(number, Arc::new(Leading { parent: inode, time, what: What::Link(target) }));
                        number
                    }
                    Child::Unreadable(point) => {
                        let number = named.inode(&below);
                        let (time, what) = (Time::default(), What::Unreadable(point));
                        space.nodes.insert(number, Arc::new(Leading { parent: inode, time, what }));
                        number
                    }
                    Child::Past(points) => {
                        let number = Inode::past(&[below.as_bytes()]);
                        space.jobs.insert(number, Arc::new(PastJob { parent: inode, points }));
                        number
                    }
                };
                names.push((name, number));
            }
            let before = old.and_then(|old| old.leading(inode)).and_then(|old| match &old.what {
                What::Folder(names) => Some(names),
                What::Link(_) | What::Unreadable(_) => None,
            });
            let what = What::Folder(Names::new(names, before));
            space.nodes.insert(inode, Arc::new(Leading { parent, time: folder.time, what }));
        }
        space.entries = inside.saturating_add(space.nodes.len() as u64);
        space
    }
}

impl Folder {
    /// The folder at a path below, made if need be. On every path there are folders alone: of a template's names all but the
    /// last are, and several templates have nothing in common.
    pub(super) fn folder(&mut self, path: &[String]) -> &mut Folder {
        let mut here = self;
        for name in path {
            let child = here.names.entry(name.clone()).or_insert_with(|| Child::Folder(Folder::default()));
            if !matches!(child, Child::Folder(_)) {
                *child = Child::Folder(Folder::default());
            }
            here = match child {
                Child::Folder(folder) => folder,
                _ => unreachable!("it was made one above"),
            };
        }
        here
    }

    pub(super) fn insert(&mut self, name: String, child: Child) {
        self.names.insert(name, child);
    }

    /// A folder is as new as the newest point below it.
    fn touch(&mut self) -> Time {
        let times = self.names.values_mut().map(|child| match child {
            Child::Folder(folder) => folder.touch(),
            Child::Point(point) => point.manifest.started,
            Child::Link(_, time) => *time,
            Child::Unreadable(_) => Time::default(),
            Child::Past(points) => points.last().map(|p| p.manifest.started).unwrap_or_default(),
        });
        self.time = times.max().unwrap_or_default();
        self.time
    }
}

/// Those that say what their names need, then those of older programs, which make do with what is free.
fn in_turn(points: &[Arc<Point>]) -> impl Iterator<Item = &Arc<Point>> {
    let of = |says| points.iter().filter(move |point| point.manifest.naming.is_some() == says);
    of(true).chain(of(false))
}

/// Escapes a name that would take a folder's own.
fn reserve(name: Option<&mut String>, taken: &str) {
    if let Some(name) = name.filter(|name| *name == taken) {
        *name = escape_first(name);
    }
}
