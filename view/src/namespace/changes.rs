//! What differs between two namespaces: what a kernel that cached the old one must be told.

use super::{Leading, Names, Namespace, What};
use crate::Inode;
use std::collections::HashSet;

/// What changed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Changes {
    /// Names that came, went, or stand for something else: their folder and they.
    pub names: Vec<(Inode, Vec<u8>)>,
    /// Folders whose listing, links whose target, and things whose attributes are other ones or gone.
    pub inodes: Vec<Inode>,
}

impl Changes {
    pub(crate) fn between(old: &Namespace, new: &Namespace) -> Self {
        let mut changes = Changes::default();
        let nodes: HashSet<Inode> = old.nodes.keys().chain(new.nodes.keys()).copied().collect();
        for inode in nodes {
            changes.node(inode, old.leading(inode), new.leading(inode));
        }
        let gone = old.points.keys().filter(|number| !new.points.contains_key(number));
        changes.inodes.extend(gone.map(|number| old.inode(*number, 0)));
        if old.alone.is_some() && new.alone.is_none() {
            changes.inodes.push(Inode::ROOT);
        }
        changes.names.sort_unstable();
        changes.inodes.sort_unstable();
        changes.inodes.dedup();
        changes
    }

    /// Whether there is nothing to tell.
    pub fn is_empty(&self) -> bool {
        self.names.is_empty() && self.inodes.is_empty()
    }

    fn node(&mut self, inode: Inode, old: Option<&std::sync::Arc<Leading>>, new: Option<&std::sync::Arc<Leading>>) {
        if old != new {
            self.inodes.push(inode);
            let (old, new) = (names(old), names(new));
            let differ = |one: Option<&'_ Names>, other: Option<&'_ Names>| -> Vec<Vec<u8>> {
                let other = |name: &str| other.and_then(|names| names.get(name.as_bytes())).map(|name| name.inode);
                let all = one.into_iter().flat_map(Names::iter);
                all.filter(|n| other(&n.name) != Some(n.inode)).map(|n| n.name.clone().into_bytes()).collect()
            };
            let differing: HashSet<_> = differ(old, new).into_iter().chain(differ(new, old)).collect();
            self.names.extend(differing.into_iter().map(|name| (inode, name)));
        }
    }
}

fn names(of: Option<&std::sync::Arc<Leading>>) -> Option<&Names> {
    match of.map(|leading| &leading.what) {
        Some(What::Folder(names)) => Some(names),
        _ => None,
    }
}
