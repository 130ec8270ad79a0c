//! What the looking verbs share: finding a place, and describing an entry to scripts and to people.

use crate::context::Context;
use crate::exit::{Exit, Failure, Result};
use crate::output::human;
use crate::parse::PointPath;
use engine::repository::{Listing, Repository, Unread, Why};
use engine::restore_point::Point;
use engine::tree::{EntryRef, lookup};
use format_spec::tree::{Entry, Kind};
use std::sync::Arc;

/// The point and the entry that a place names.
///
/// # Errors
/// The engine's for the point; `absent` for a path that is not in it.
pub(super) fn find(context: &Context, repo: &Repository, place: &PointPath) -> Result<(Arc<Point>, EntryRef)> {
    let point = repo.find_point(&place.point)?;
    for passed in repo.passed_over(&place.point, &point)? {
        let (id, what) = (passed.commit.id.to_string(), passed.what());
        let instead = point.manifest.id.to_string();
        context.out.note(&format!(
            "cairn: restore point {id} cannot be read, and may be newer than {}, which stands for {}: {what}",
            &instead[..8],
            place.point
        ));
        context.out.note(passed.advice());
    }
    match or_gone(repo, &[&point], entry(repo, &point, &place.path))? {
        Some(entry) => Ok((point, entry)),
        None => {
            let (path, id) = (human::name(&place.path), point.manifest.id.to_string());
            let message = format!("/{path}: not in the restore point {}", &id[..8]);
            let advice =
                format!("`cairn ls {}` shows what is, `cairn history /{path}` in which points it was", &id[..8]);
            Err(Failure::new(Exit::Failed, "absent", message).advise(advice))
        }
    }
}

/// The restore points that can be shown, and those that cannot: these are told, and do not hide the others.
pub(super) struct Shown {
    /// In the order of their commits.
    pub(super) points: Vec<Arc<Point>>,
    unread: Vec<Unread>,
}

impl Shown {
    /// How a command ends that had to do without the others.
    pub(super) fn exit(&self) -> Exit {
        exit_without(&self.unread)
    }

    /// How many cannot be shown for this reason.
    pub(super) fn without(&self, why: Why) -> usize {
        self.unread.iter().filter(|point| point.why() == why).count()
    }
}

/// Lists the restore points, and tells of each that cannot be shown why, and what there is to do.
///
/// # Errors
/// The engine's, where the store is out of reach.
pub(super) fn points(context: &Context, repo: &Repository) -> Result<Shown> {
    let Listing { points, unread } = repo.listing()?;
    for point in &unread {
        let (id, what) = (point.commit.id.to_string(), point.what());
        context.out.warning(id.as_bytes(), &format!("this restore point is left out: {what}"));
        context.out.note(point.advice());
    }
    Ok(Shown { points, unread })
}

/// How a command ends that had to do without these points: damage is an alarm, a newer format is not.
pub(super) fn exit_without(unread: &[Unread]) -> Exit {
    match unread.iter().map(Unread::why).max() {
        None => Exit::Done,
        Some(Why::Collected) => Exit::Warnings,
        Some(Why::Unsupported) => Exit::Failed,
        Some(Why::Damaged) => Exit::Damaged,
    }
}

/// What a failure means that came while these points were read: a point that has left since is not damage.
///
/// # Errors
/// The failure's, or that a point has gone meanwhile.
pub(super) fn or_gone<T>(repo: &Repository, points: &[&Point], result: Result<T>) -> Result<T> {
    result.map_err(|failure| match gone(repo, points, &failure) {
        Some(e) => Failure::from(e),
        None => failure,
    })
}

/// Which of these points has gone meanwhile, if that is what a failure means.
pub(super) fn gone(repo: &Repository, points: &[&Point], failure: &Failure) -> Option<engine::Error> {
    repo.gone_since(failure.kind?, points.iter().copied())
}

/// The entry at a path, if the point has it.
///
/// # Errors
/// The engine's.
pub(super) fn entry(repo: &Repository, point: &Point, path: &[u8]) -> Result<Option<EntryRef>> {
    let names = path.split(|b| *b == b'/').filter(|name| !name.is_empty());
    Ok(lookup(repo.nodes(), &point.manifest.root, names)?.map(|placed| placed.entry))
}

/// `drwxr-xr-x`, as `ls` writes it.
pub(super) fn mode_text(entry: &Entry) -> String {
    let kind = match entry.kind {
        Kind::File => '-',
        Kind::Folder => 'd',
        Kind::Symlink => 'l',
        Kind::Fifo => 'p',
        Kind::Socket => 's',
        Kind::CharDevice => 'c',
        Kind::BlockDevice => 'b',
    };
    let mut text = String::from(kind);
    let special = [(0o4000, 's', 'S'), (0o2000, 's', 'S'), (0o1000, 't', 'T')];
    for (shift, (bit, set, set_only)) in [6, 3, 0].into_iter().zip(special) {
        let bits = entry.mode >> shift;
        text.push(if bits & 4 != 0 { 'r' } else { '-' });
        text.push(if bits & 2 != 0 { 'w' } else { '-' });
        text.push(match (entry.mode & bit != 0, bits & 1 != 0) {
            (true, true) => set,
            (true, false) => set_only,
            (false, true) => 'x',
            (false, false) => '-',
        });
    }
    text
}

/// Who owns it: the name where one is known, else the number.
pub(super) fn owner(name: &[u8], number: u32) -> String {
    if name.is_empty() { number.to_string() } else { human::name(name) }
}

/// How an entry's attributes differ from another's; times and inodes that no restore brings back do not count.
pub(super) fn attributes_differ(old: &Entry, new: &Entry) -> bool {
    let of = |e: &Entry| (e.mode, e.uid, e.gid, e.rdev);
    // A folder's time changes with every entry in it, which is told anyway.
    let moved = old.kind != Kind::Folder && old.mtime != new.mtime;
    of(old) != of(new) || moved || old.xattrs != new.xattrs
}

#[cfg(test)]
mod tests {
    use super::*;
    use format_spec::Time;

    fn with_mode(kind: Kind, mode: u32) -> Entry {
        Entry { mode, inode: 1, device: 1, ..Entry::new(b"a".to_vec(), kind) }
    }

    #[test]
    fn modes_read_as_ls_writes_them() {
        let cases = [
            (Kind::File, 0o644, "-rw-r--r--"),
            (Kind::Folder, 0o1777, "drwxrwxrwt"),
            (Kind::File, 0o6755, "-rwsr-sr-x"),
            (Kind::File, 0o4644, "-rwSr--r--"),
            (Kind::Symlink, 0o777, "lrwxrwxrwx"),
        ];
        for (kind, mode, text) in cases {
            assert_eq!(mode_text(&with_mode(kind, mode)), text);
        }
    }

    #[test]
    fn a_folders_time_alone_is_no_difference() {
        let (old, mut new) = (with_mode(Kind::Folder, 0o755), with_mode(Kind::Folder, 0o755));
        new.mtime = Time::new(5, 0);
        assert!(!attributes_differ(&old, &new));
        new.mode = 0o700;
        assert!(attributes_differ(&old, &new));
    }
}
