//! Extended attributes: the source's own, and what Cairn knows itself, which can be read but is never listed: tools that copy
//! all attributes would carry it along.

use super::item::{Inside, Item};
use super::names::hex;
use super::nodes::Reach;
use super::trouble::content_id;
use super::{Failure, Inode, View, acl};
use format_spec::Time;
use format_spec::tree::Kind;
use jiff::Timestamp;
use std::sync::atomic::Ordering;

const VIRTUAL: &[u8] = b"user.cairn.";
const STATE: &[u8] = b"user.cairn.state";
const ACCESS_LIST: &[u8] = b"system.posix_acl_access";
const DEFAULT_LIST: &[u8] = b"system.posix_acl_default";

impl View {
    /// The value of an attribute.
    ///
    /// # Errors
    /// `NoAttribute`; `NoNamespace` for kinds of attributes that nothing in the mount has (programs then stop asking); and as
    /// [`View::attributes`].
    pub fn xattr(&self, reach: Reach, inode: Inode, name: &[u8]) -> Result<Vec<u8>, Failure> {
        let inside = match self.item(reach, inode)? {
            Item::Inside(inside) => inside,
            // Nothing here has been read that could be damaged or archived.
            Item::Leading(_) | Item::Past(_) if name == STATE => return Ok(self.place().into()),
            Item::Leading(_) | Item::Past(_) => return Err(self.none_of(name)),
        };
        let entry = &inside.entry;
        if let Ok(at) = entry.xattrs.binary_search_by(|(n, _)| n[..].cmp(name)) {
            let value = entry.xattrs.get(at).map(|(_, value)| value.clone()).unwrap_or_default();
            let follows = name == ACCESS_LIST && self.shown.changes_modes();
            return Ok(if follows { acl::with_mode(&value, self.shown.mode(entry)) } else { value });
        }
        match name.strip_prefix(VIRTUAL) {
            Some(known) => self.known(&inside, known).ok_or(Failure::NoAttribute),
            None => Err(self.none_of(name)),
        }
    }

    /// The names of the source's attributes, each ended by a zero byte. `trusted.` names are for the privileged.
    ///
    /// # Errors
    /// As [`View::attributes`].
    pub fn xattr_names(&self, reach: Reach, inode: Inode, privileged: bool) -> Result<Vec<u8>, Failure> {
        let Item::Inside(inside) = self.item(reach, inode)? else { return Ok(Vec::new()) };
        let names = inside.entry.xattrs.iter().map(|(name, _)| &name[..]);
        let listed = names.filter(|n| privileged || !n.starts_with(b"trusted."));
        Ok(listed.flat_map(|n| n.iter().copied().chain([0])).collect())
    }

    fn none_of(&self, name: &[u8]) -> Failure {
        let has = |prefix: &[u8]| name.starts_with(prefix);
        let kept = has(b"user.")
            || name == ACCESS_LIST
            || name == DEFAULT_LIST
            || has(b"security.") && self.nodes.seen_security.load(Ordering::Relaxed)
            || has(b"trusted.") && self.nodes.seen_trusted.load(Ordering::Relaxed);
        if kept { Failure::NoAttribute } else { Failure::NoNamespace }
    }

    fn place(&self) -> &'static str {
        if self.catalog.is_local() { "local" } else { "remote" }
    }

    /// What Cairn knows itself about an entry.
    fn known(&self, inside: &Inside, name: &[u8]) -> Option<Vec<u8>> {
        let entry = &inside.entry;
        let value = match name {
            b"state" if matches!(entry.kind, Kind::File | Kind::Folder) => self.state(entry).to_owned(),
            // Nothing can be asked out of an archive yet.
            b"thaw" if matches!(entry.kind, Kind::File | Kind::Folder) => "none".to_owned(),
            b"id" => hex(&content_id(entry)?.0),
            b"complete" => if inside.point.manifest.counts.complete() { "yes" } else { "no" }.to_owned(),
            b"point" => hex(&inside.point.manifest.id.0),
            b"btime" => stamp(entry.btime?)?,
            b"source" => format!("device={} inode={}", entry.device, entry.inode),
            _ => return None,
        };
        Some(value.into_bytes())
    }
}

/// A time to the nanosecond, in UTC.
fn stamp(time: Time) -> Option<String> {
    let nanos = i32::try_from(time.nanos).ok()?;
    Timestamp::new(time.seconds, nanos).ok().map(|t| t.to_string())
}
