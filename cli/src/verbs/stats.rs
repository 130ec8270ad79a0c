//! `cairn stats`: how much there is.

use super::browse;
use crate::context::Context;
use crate::exit::{Exit, Result};
use crate::output::human;
use crate::parse::PointPath;
use crate::parse::place::{POINT_FORMS, PlaceParser};
use clap::Args;
use engine::repository::{Repository, Why};
use engine::store::ListOptions;
use engine::tree::{Step, Walk};
use format_spec::tree::{Entry, Kind};
use ops::Traffic;
use ops::items::kind_word;
use ops::points::{ObjectSums, PointRow, PointStats, RepositoryStats};
use std::collections::BTreeMap;

/// Show how much a repository, or one restore point, holds
#[derive(Debug, Args)]
#[command(after_help = POINT_FORMS)]
pub(crate) struct Stats {
    /// One restore point, or a path in it; without it, the whole repository
    #[arg(value_name = "POINT[:PATH]", value_parser = PlaceParser)]
    place: Option<PointPath>,
}

impl Stats {
    pub(crate) fn run(&self, context: &Context) -> Result<Exit> {
        match &self.place {
            Some(place) => self.of_point(context, place),
            None => self.of_repository(context),
        }
    }

    fn of_point(&self, context: &Context, place: &PointPath) -> Result<Exit> {
        let connection = context.connect()?;
        let repo = &connection.repo;
        let (point, entry) = browse::find(context, repo, place)?;
        let mut kinds: BTreeMap<&'static str, u64> = BTreeMap::new();
        let (mut bytes, mut bytes_unique_links, mut largest) = (0u64, 0u64, (0u64, Vec::new()));
        let mut groups = std::collections::HashSet::new();
        let mut visit = |path: &[u8], seen: &Entry| {
            *kinds.entry(kind_word(seen.kind)).or_default() += 1;
            if seen.kind != Kind::File {
                return;
            }
            bytes += seen.size;
            if seen.link_group.is_none_or(|group| groups.insert(group)) {
                bytes_unique_links += seen.size;
            }
            if seen.size > largest.0 {
                largest = (seen.size, path.to_vec());
            }
        };
        browse::or_gone(repo, &[&point], each(context, repo, &entry, &mut visit))?;
        let items: u64 = kinds.values().sum();
        let report = PointStats {
            point: PointRow::of(repo, &point),
            items,
            kinds: kinds.clone(),
            bytes,
            bytes_without_hard_links: bytes_unique_links,
            largest_bytes: 0,
            largest_path: String::new(),
            largest_path_hex: None,
        };
        let row = context.summary(Exit::Done).report(&report.largest(largest.0, &largest.1));
        context.out.summary(row, || {
            let mut lines = vec![format!("items: {}", human::count(items))];
            lines.extend(kinds.iter().map(|(kind, count)| format!("  {kind}: {}", human::count(*count))));
            lines.push(format!("size: {}", human::bytes(bytes)));
            lines.push(format!("largest: {} {}", human::bytes(largest.0), human::name(&largest.1)));
            lines.join("\n")
        })?;
        Ok(Exit::Done)
    }

    fn of_repository(&self, context: &Context) -> Result<Exit> {
        let connection = context.connect()?;
        let repo = &connection.repo;
        let shown = browse::points(context, repo)?;
        let (points, exit) = (&shown.points, shown.exit());
        let mut rooms: BTreeMap<String, ObjectSums> = BTreeMap::new();
        repo.sealed_store().store.list(&ListOptions::below(""), &mut |listed| {
            let name = listed.name.as_str();
            let room = name.split_once('/').map_or(name, |(room, _)| room).to_owned();
            let sums = rooms.entry(room).or_default();
            sums.objects += 1;
            sums.bytes += listed.bytes;
            true
        })?;
        let source: u64 = points.iter().map(|point| point.manifest.root.totals.bytes).sum();
        let (objects, stored) = rooms.values().fold((0, 0), |sum, room| (sum.0 + room.objects, sum.1 + room.bytes));
        let jobs: std::collections::BTreeSet<_> = points.iter().map(|point| repo.job_of(point)).collect();
        let report = RepositoryStats {
            repository: repo.id().to_string(),
            location: repo.location(),
            points: points.len(),
            points_damaged: shown.without(Why::Damaged),
            points_unsupported: shown.without(Why::Unsupported),
            jobs: jobs.len(),
            bytes_source: source,
            bytes_stored: stored,
            objects,
            objects_by_kind: rooms.clone(),
            chunks: repo.cache_status().entries,
            traffic: Traffic::of(&connection.counts),
        };
        let row = context.summary(exit).report(&report);
        context.out.summary(row, || {
            let mut lines = vec![
                format!("repository: {} at {}", repo.id(), repo.location()),
                format!(
                    "restore points: {} of {}",
                    human::count(points.len() as u64),
                    human::counted(jobs.len() as u64, "job", "jobs")
                ),
                format!("source, all points together: {}", human::bytes(source)),
                format!("stored: {} in {}", human::bytes(stored), human::counted(objects, "object", "objects")),
            ];
            let line = |(room, ObjectSums { objects, bytes }): (&String, &ObjectSums)| {
                format!("  {room}: {} in {}", human::bytes(*bytes), human::count(*objects))
            };
            lines.extend(rooms.iter().map(line));
            lines.join("\n")
        })?;
        Ok(exit)
    }
}

/// Visits what is at and below an entry; of a folder only what is in it.
fn each(context: &Context, repo: &Repository, entry: &Entry, visit: &mut dyn FnMut(&[u8], &Entry)) -> Result<()> {
    let mut walk = Walk::start(repo.nodes(), entry);
    while let Some(step) = walk.step()? {
        let Step::Enter(seen) = step else { continue };
        context.interrupt.monitor().check()?;
        if !(seen.path.is_empty() && entry.kind == Kind::Folder) {
            visit(seen.path, seen.entry);
        }
    }
    Ok(())
}
