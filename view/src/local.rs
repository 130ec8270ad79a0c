//! Users and groups by name: what was recorded under a name belongs to who has that name here.
//!
//! Names are asked of the C library, so that directories behind it (LDAP, sssd) count as much as `/etc/passwd`; that may wait, so
//! with [`Fetch::CachedOnly`] only names that were asked before are known. A name that nobody has here keeps its recorded number.

use super::attributes::Attributes;
use super::{Failure, Fetch};
use crate::limits::LOCAL_NAMES;
use format_spec::tree::Entry;
use nix::unistd::{Group, User};
use quick_cache::sync::Cache;

/// The local numbers of names.
pub(super) struct LocalNames {
    users: Cache<Vec<u8>, Option<u32>>,
    groups: Cache<Vec<u8>, Option<u32>>,
}

impl LocalNames {
    pub(super) fn new() -> Self {
        LocalNames { users: Cache::new(LOCAL_NAMES), groups: Cache::new(LOCAL_NAMES) }
    }

    /// The attributes with the local numbers of the entry's user and group.
    ///
    /// # Errors
    /// `WouldBlock`.
    pub(super) fn map(&self, fetch: Fetch, entry: &Entry, shown: Attributes) -> Result<Attributes, Failure> {
        let user = |name: &str| User::from_name(name).map(|user| user.map(|user| user.uid.as_raw()));
        let group = |name: &str| Group::from_name(name).map(|group| group.map(|group| group.gid.as_raw()));
        let uid = number(&self.users, fetch, &entry.user, user)?.unwrap_or(shown.uid);
        let gid = number(&self.groups, fetch, &entry.group, group)?.unwrap_or(shown.gid);
        Ok(Attributes { uid, gid, ..shown })
    }
}

fn number(
    known: &Cache<Vec<u8>, Option<u32>>,
    fetch: Fetch,
    name: &[u8],
    ask: impl FnOnce(&str) -> nix::Result<Option<u32>>,
) -> Result<Option<u32>, Failure> {
    let Ok(text) = std::str::from_utf8(name) else { return Ok(None) };
    if text.is_empty() || text.contains('\0') {
        return Ok(None);
    }
    if let Some(number) = known.get(name) {
        return Ok(number);
    }
    if fetch == Fetch::CachedOnly {
        return Err(Failure::WouldBlock);
    }
    match ask(text) {
        Ok(number) => {
            known.insert(name.to_vec(), number);
            Ok(number)
        }
        Err(e) => {
            // Not remembered: who knows the names may be back soon.
            tracing::debug!(name = text, "the system cannot say who has this name: {e}");
            Ok(None)
        }
    }
}
