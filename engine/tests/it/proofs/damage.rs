//! What an adversary does to one stored object.

use super::rig::names_of;
use bytes::Bytes;
use engine::store::{Memory, ObjectName, Store, StoreExt};

/// What is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action {
    /// One bit at this share of the object's length, in thousandths.
    Flip(usize),
    /// Cut to this share, in thousandths.
    Truncate(usize),
    Delete,
    Empty,
    /// Change places with the next object of its kind.
    Swap,
    /// An object of another repository that has this name, or this kind.
    Foreign,
    /// A newer major version, with the header's checksum mended.
    Newer,
    /// Bytes after the end.
    Longer,
}

pub(crate) const ACTIONS: [Action; 15] = [
    Action::Flip(0),
    Action::Flip(5),
    Action::Flip(30),
    Action::Flip(300),
    Action::Flip(600),
    Action::Flip(950),
    Action::Flip(999),
    Action::Truncate(10),
    Action::Truncate(990),
    Action::Delete,
    Action::Empty,
    Action::Swap,
    Action::Foreign,
    Action::Newer,
    Action::Longer,
];

/// The kind of thing that has this name, for tables.
pub(crate) fn kind_of(name: &ObjectName) -> &str {
    name.as_str().split('/').next().unwrap_or_default()
}

/// Does `action` to `name` in `store`; false when it cannot be done to it (nothing to swap with).
pub(crate) fn act(action: Action, name: &ObjectName, store: &Memory, foreign: &dyn Store) -> bool {
    let old = store.get(name).unwrap();
    let at = |thousandths: usize| (old.len() * thousandths / 1000).min(old.len() - 1);
    let mut new = old.to_vec();
    match action {
        Action::Flip(place) => new[at(place)] ^= 1 << (place % 8),
        Action::Truncate(place) => new.truncate(at(place)),
        Action::Delete => {
            store.delete(name.object()).unwrap();
            return true;
        }
        Action::Empty => new.clear(),
        Action::Swap => {
            let all = names_of(store);
            let same: Vec<_> = all.iter().filter(|n| kind_of(n) == kind_of(name)).collect();
            let here = same.iter().position(|n| *n == name).unwrap();
            let other = same[(here + 1) % same.len()].clone();
            if other == *name {
                return false;
            }
            let theirs = store.get(&other).unwrap();
            store.replace(&other, old);
            new = theirs.to_vec();
        }
        Action::Foreign => {
            let all = names_of(foreign);
            let same = all.iter().find(|n| *n == name).or_else(|| all.iter().find(|n| kind_of(n) == kind_of(name)));
            let Some(same) = same else { return false };
            new = foreign.get(same).unwrap().to_vec();
        }
        Action::Newer => {
            new[8] = 2;
            let crc = crc32fast::hash(&new[..92]);
            new[92..96].copy_from_slice(&crc.to_le_bytes());
        }
        Action::Longer => new.extend_from_slice(b"more"),
    }
    assert_ne!(new, old_of(store, name, action), "the action changes something");
    store.replace(name, Bytes::from(new));
    true
}

fn old_of(store: &Memory, name: &ObjectName, _: Action) -> Vec<u8> {
    store.get(name).unwrap().to_vec()
}
