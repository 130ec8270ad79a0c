//! Who may see a folder of `/history`: the strictest of all states of its path.
//!
//! Promises: a permission is granted only if every state grants it to everybody whom it is granted to here. So of states with several
//! owners none is the owner, and a class has no permission that the class before it lacks. An access list may shut out anybody: a
//! path that had one is its owner's alone. Refuses to grant more than a state did, even to whoever could read each of them.

use super::past::{Past, State};
use crate::acl::ACCESS_LIST;
use crate::inode::Inode;
use crate::nodes::Fetch;
use crate::{Failure, View};
use format_spec::tree::{Entry, Kind};

/// Permission bits and whom they are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Rights {
    /// To list a folder and to go through it; nothing is ever written.
    pub(super) mode: u32,
    pub(super) uid: u32,
    pub(super) gid: u32,
}

impl View {
    /// The strictest rights of all states; `None` where there is none.
    pub(super) fn rights(&self, fetch: Fetch, inode: Inode, past: &Past) -> Result<Option<Rights>, Failure> {
        let mut strictest: Option<Rights> = None;
        for run in &past.runs {
            let (State::Folder(entry) | State::Other(entry)) = &run.state else { continue };
            let shown = self.of_entry(fetch, entry, inode)?;
            let rights = Rights { mode: to_look(entry, shown.mode), uid: shown.uid, gid: shown.gid };
            strictest = Some(strictest.map_or(rights, |before| before.and(rights)));
        }
        Ok(strictest)
    }
}

impl Rights {
    /// What both grant.
    fn and(self, other: Rights) -> Rights {
        let mode = self.mode & other.mode;
        let (is_owned, is_grouped) = (self.uid == other.uid, self.gid == other.gid);
        let group = if is_grouped { mode & 0o050 } else { (mode & 0o005) << 3 };
        Rights {
            mode: mode & 0o505 | group,
            uid: if is_owned { self.uid } else { ROOT },
            gid: if is_grouped { self.gid } else { ROOT },
        }
    }
}

/// The permissions of one state: of a folder to list it and to go through it; of anything else, which is a folder of versions here, both to
/// whoever may read it.
fn to_look(entry: &Entry, mode: u32) -> u32 {
    let class = |shift: u32| match mode >> shift & 0o5 {
        bits if entry.kind == Kind::Folder => bits,
        bits if bits & 0o4 != 0 => 0o5,
        _ => 0,
    };
    let owner = class(6);
    if entry.xattrs.iter().any(|(name, _)| name == ACCESS_LIST) {
        return owner << 6;
    }
    let group = class(3) & owner;
    owner << 6 | group << 3 | class(0) & group
}

/// Owns what has had several owners: whom no permission keeps out anyway.
const ROOT: u32 = 0;

#[cfg(test)]
mod tests {
    use super::*;

    fn rights(mode: u32, uid: u32, gid: u32) -> Rights {
        Rights { mode, uid, gid }
    }

    #[test]
    fn the_strictest_bits_of_one_owner_hold() {
        assert_eq!(rights(0o555, 7, 8).and(rights(0o500, 7, 8)), rights(0o500, 7, 8));
        assert_eq!(rights(0o550, 7, 8).and(rights(0o511, 7, 8)), rights(0o510, 7, 8));
    }

    #[test]
    fn of_several_owners_and_groups_none_counts() {
        assert_eq!(rights(0o500, 7, 8).and(rights(0o500, 9, 8)), rights(0o500, ROOT, 8));
        assert_eq!(rights(0o550, 7, 8).and(rights(0o550, 7, 9)), rights(0o500, 7, ROOT));
        assert_eq!(rights(0o555, 7, 8).and(rights(0o555, 9, 9)), rights(0o555, ROOT, ROOT));
    }
}
