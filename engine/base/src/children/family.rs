//! Who belongs to whom among the processes of this machine, as `/proc` shows it in one look.
//!
//! Promises: what has ended counts as ended, whether somebody has heard of it or not. Refuses to
//! signal anybody.

use rustix::process::Pid;
use std::fs::{self, DirEntry};

/// The processes that run, and those of whose end nobody has heard yet.
#[derive(Debug)]
pub(super) struct Seen {
    running: Vec<Line>,
    ended: Vec<Line>,
}

#[derive(Debug, Clone, Copy)]
struct Line {
    pid: Pid,
    parent: i32,
    group: i32,
    has_ended: bool,
}

impl Seen {
    /// Looks.
    pub(super) fn now() -> Seen {
        let lines = fs::read_dir("/proc").into_iter().flatten().flatten().filter_map(line);
        let (ended, running) = lines.partition(|line| line.has_ended);
        Seen { running, ended }
    }

    /// Those that have not ended.
    pub(super) fn running(&self, pids: impl Iterator<Item = Pid>) -> Vec<Pid> {
        pids.filter(|pid| self.running.iter().any(|line| line.pid == *pid)).collect()
    }

    /// The children of a process.
    pub(super) fn children_of(&self, parent: Pid) -> impl Iterator<Item = Pid> {
        let parent = parent.as_raw_nonzero().get();
        self.running.iter().filter(move |line| line.parent == parent).map(|line| line.pid)
    }

    /// The children of a process that are not in this group.
    pub(super) fn children_outside(&self, parent: Pid, group: Pid) -> impl Iterator<Item = Pid> {
        outside(&self.running, parent, group)
    }

    /// The same of those that have ended.
    pub(super) fn ended_outside(&self, parent: Pid, group: Pid) -> impl Iterator<Item = Pid> {
        outside(&self.ended, parent, group)
    }

    /// These and all that descend from them.
    pub(super) fn with_descendants(&self, mut family: Vec<Pid>) -> Vec<Pid> {
        let mut at = 0;
        while let Some(parent) = family.get(at).copied() {
            let children: Vec<Pid> = self.children_of(parent).filter(|pid| !family.contains(pid)).collect();
            family.extend(children);
            at += 1;
        }
        family
    }
}

fn outside(lines: &[Line], parent: Pid, group: Pid) -> impl Iterator<Item = Pid> {
    let (parent, group) = (parent.as_raw_nonzero().get(), group.as_raw_nonzero().get());
    lines.iter().filter(move |line| line.parent == parent && line.group != group).map(|line| line.pid)
}

/// A process of `/proc`: `pid (name) state parent group ..`, where the name may be anything.
fn line(item: DirEntry) -> Option<Line> {
    let pid = item.file_name().to_str()?.parse().ok().and_then(Pid::from_raw)?;
    let stat = fs::read(item.path().join("stat")).ok()?;
    let end = stat.iter().rposition(|byte| *byte == b')')?;
    let mut rest = std::str::from_utf8(stat.get(end + 1..)?).ok()?.split_whitespace();
    let has_ended = matches!(rest.next()?, "Z" | "X" | "x");
    let (parent, group) = (rest.next()?.parse().ok()?, rest.next()?.parse().ok()?);
    Some(Line { pid, parent, group, has_ended })
}
