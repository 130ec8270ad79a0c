//! Owners, modes, extended attributes and times, in the order in which the kernel keeps them.
//!
//! ```text
//! owner -> what the point does not have goes -> attributes -> mode -> ACLs -> time
//! ```
//!
//! Changing the owner clears set-id bits and capabilities, an ACL refines the mode, and the time comes last because
//! everything before could change it. Only what differs is set: what is right already keeps its change time.
//!
//! Promises: set-id bits and capabilities are given only to an item that has the point's owner and group afterwards, so that
//! a program never runs as somebody it was not made for. What cannot be set is told.

use super::item::Item;
use format_spec::tree::{Entry, Kind};
use rustix::fs::Stat;
use rustix::io::{Errno, Result};

/// Sets everything; returns what could not be set.
pub(super) fn set(item: Item<'_>, entry: &Entry, owners: bool) -> Vec<String> {
    let mut problems = Vec::new();
    set_noting(item, entry, owners, &mut |problem| problems.push(problem)).unwrap_or_else(|e| {
        problems.push(format!("its attributes could not be looked at: {e}"));
    });
    problems
}

fn set_noting(item: Item<'_>, entry: &Entry, owners: bool, problem: &mut dyn FnMut(String)) -> Result<()> {
    let mut stat = item.stat()?;
    if owners && !is_owned(&stat, entry) {
        note(problem, "the owner", item.set_owner(entry.uid, entry.gid));
        stat = item.stat()?;
    }
    let may_rise = is_owned(&stat, entry);
    let changes = Changes::of(item, entry, may_rise)?;
    if !may_rise && (has_mode(entry) && entry.mode & SET_ID != 0 || capability(entry).is_some()) {
        problem(
            "its set-id bits or capabilities were left away: its owner and group are not those of the restore point"
                .into(),
        );
    }
    if changes.is_any() && has_mode(entry) && stat.st_mode & 0o200 == 0 {
        // Its owner may change attributes only of what the mode lets him write. Failing is seen below.
        let _ = item.set_mode(stat.st_mode & 0o7777 | 0o200);
        stat = item.stat()?;
    }
    for name in &changes.remove {
        note(problem, &format!("the attribute {}", text(name)), item.remove_attribute(name));
    }
    changes.set.iter().filter(|(name, _)| !is_acl(name)).for_each(|row| set_attribute(item, row, problem));
    if has_mode(entry) {
        set_mode(item, entry, may_rise, &stat, !changes.remove.is_empty(), problem)?;
    }
    changes.set.iter().filter(|(name, _)| is_acl(name)).for_each(|row| set_attribute(item, row, problem));
    let stat = item.stat()?;
    if stat.st_mtime != entry.mtime.seconds || stat.st_mtime_nsec != u64::from(entry.mtime.nanos) {
        note(problem, "the times", item.set_mtime(entry.mtime));
    }
    Ok(())
}

fn set_mode(
    item: Item<'_>,
    entry: &Entry,
    may_rise: bool,
    stat: &Stat,
    lost_acl: bool,
    problem: &mut dyn FnMut(String),
) -> Result<()> {
    let wanted = if may_rise { entry.mode } else { entry.mode & !SET_ID };
    if stat.st_mode & 0o7777 == wanted && !lost_acl {
        return Ok(());
    }
    note(problem, "the mode", item.set_mode(wanted));
    // The kernel leaves a set-group bit away without an error where the caller is not in the group.
    if wanted & SET_ID != 0 && item.stat()?.st_mode & SET_ID != wanted & SET_ID {
        problem("its set-id bits could not be set".into());
    }
    Ok(())
}

/// What has to change about extended attributes.
struct Changes<'e> {
    remove: Vec<Vec<u8>>,
    set: Vec<&'e (Vec<u8>, Vec<u8>)>,
}

impl<'e> Changes<'e> {
    fn of(item: Item<'_>, entry: &'e Entry, may_rise: bool) -> Result<Self> {
        let wanted = |name: &[u8]| may_rise || name != CAPABILITY;
        let has = |name: &[u8]| entry.xattrs.iter().any(|(own, _)| own == name && wanted(name));
        let present = match item.attributes() {
            // Without /proc, attributes of pipes and devices are out of reach: what the point has is tried, and told.
            Err(Errno::NOENT) => Vec::new(),
            present => present?,
        };
        let set = entry
            .xattrs
            .iter()
            .filter(|(name, value)| wanted(name) && !(present.contains(name) && item.has_attribute(name, value)));
        let set = set.collect();
        Ok(Changes { remove: present.into_iter().filter(|name| is_removed(name) && !has(name)).collect(), set })
    }

    fn is_any(&self) -> bool {
        !self.remove.is_empty() || !self.set.is_empty()
    }
}

/// What a restore takes away where the point does not have it. Labels of the target's own security modules stay.
fn is_removed(name: &[u8]) -> bool {
    name.starts_with(b"user.") || name.starts_with(b"trusted.") || is_acl(name) || name == CAPABILITY
}

fn is_acl(name: &[u8]) -> bool {
    matches!(name, b"system.posix_acl_access" | b"system.posix_acl_default")
}

fn capability(entry: &Entry) -> Option<&[u8]> {
    entry.xattrs.iter().find(|(name, _)| name == CAPABILITY).map(|(_, value)| &value[..])
}

fn is_owned(stat: &Stat, entry: &Entry) -> bool {
    stat.st_uid == entry.uid && stat.st_gid == entry.gid
}

/// Nobody can set a symlink's mode.
fn has_mode(entry: &Entry) -> bool {
    entry.kind != Kind::Symlink
}

fn set_attribute(item: Item<'_>, (name, value): &(Vec<u8>, Vec<u8>), problem: &mut dyn FnMut(String)) {
    note(problem, &format!("the attribute {}", text(name)), item.set_attribute(name, value));
}

fn note(problem: &mut dyn FnMut(String), what: &str, done: Result<()>) {
    if let Err(e) = done {
        problem(format!("{what} could not be set: {e}"));
    }
}

fn text(name: &[u8]) -> String {
    String::from_utf8_lossy(name).into_owned()
}

const SET_ID: u32 = 0o6000;
const CAPABILITY: &[u8] = b"security.capability";
