//! Extended attributes: the source's own, and what Cairn knows itself, which can be read but is never listed: tools that copy
//! all attributes would carry it along.

use super::acl::ACCESS_LIST;
use super::item::{Inside, Item};
use super::names::hex;
use super::namespace::What;
use super::nodes::{Fetch, Reached};
use super::trouble::content_id;
use super::{Failure, Inode, View, acl};
use crate::catalog::Unreadable;
use crate::limits::REST_ENTRIES;
use engine::repository::Why;
use engine::restore_point::kept_as_of;
use engine::retrieval::Rest;
use engine::tree::{self, EntryRef, Step, Walk};
use format_spec::Time;
use format_spec::tree::{Entry, Kind};
use jiff::Timestamp;
use std::sync::atomic::Ordering;

const VIRTUAL: &[u8] = b"user.cairn.";
const STATE: &[u8] = b"user.cairn.state";
/// What a point that cannot be read says of itself.
const SAID: [&[u8]; 2] = [b"user.cairn.state\0", b"user.cairn.why\0"];
const DEFAULT_LIST: &[u8] = b"system.posix_acl_default";

impl View {
    /// The value of an attribute.
    ///
    /// # Errors
    /// `NoAttribute`; `NoNamespace` for kinds of attributes that nothing in the mount has (programs then stop asking); and as
    /// [`View::attributes`].
    pub fn xattr(&self, fetch: Fetch, inode: Inode, name: &[u8]) -> Result<Vec<u8>, Failure> {
        let inside = match self.item(fetch, inode)? {
            Item::Inside(inside) => inside,
            // Nothing else here has been read that could be damaged or archived.
            Item::Leading(leading) => {
                let known = match &leading.what {
                    What::Unreadable(point) => of_unreadable(point, name),
                    _ => (name == STATE).then(|| self.place().into()),
                };
                return known.ok_or_else(|| self.none_of(name));
            }
            Item::Past(_) if name == STATE => return Ok(self.place().into()),
            Item::Past(_) => return Err(self.none_of(name)),
        };
        let entry = &inside.entry;
        if let Ok(at) = entry.xattrs.binary_search_by(|(n, _)| n[..].cmp(name)) {
            let value = entry.xattrs.get(at).map(|(_, value)| value.clone()).unwrap_or_default();
            let follows = name == ACCESS_LIST && self.shown.changes_modes();
            return Ok(if follows { acl::with_mode(&value, self.shown.mode(entry)) } else { value });
        }
        match name.strip_prefix(VIRTUAL) {
            Some(known) => self.known(fetch, &inside, known)?.ok_or(Failure::NoAttribute),
            None => Err(self.none_of(name)),
        }
    }

    /// The names of the source's attributes, each ended by a zero byte. `trusted.` names are for the privileged.
    ///
    /// # Errors
    /// As [`View::attributes`].
    pub fn xattr_names(&self, fetch: Fetch, inode: Inode, privileged: bool) -> Result<Vec<u8>, Failure> {
        let inside = match self.item(fetch, inode)? {
            Item::Inside(inside) => inside,
            // Nothing can be copied from there, and whoever lists them is to find what is wrong.
            Item::Leading(leading) if matches!(leading.what, What::Unreadable(_)) => return Ok(SAID.concat()),
            Item::Leading(_) | Item::Past(_) => return Ok(Vec::new()),
        };
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
    fn known(&self, fetch: Fetch, inside: &Inside, name: &[u8]) -> Result<Option<Vec<u8>>, Failure> {
        let shown = matches!(inside.entry.kind, Kind::File | Kind::Folder);
        Ok(match name {
            b"state" if shown => {
                // A store that cannot say now is what the state tells then.
                let rest = match self.rest(fetch, inside) {
                    Err(Failure::Store(_)) => None,
                    other => other?,
                };
                Some(self.state(&inside.entry, rest.as_ref()).into())
            }
            b"thaw" if shown => {
                let rest = self.rest(fetch, inside)?.unwrap_or_default();
                let rests = !rest.is_readable() && rest.retrieving == 0;
                let why = if rests { self.catalog.refused(&inside.entry) } else { None };
                Some(why.map_or_else(|| thaw(&rest), |why| format!("refused: {why}")).into_bytes())
            }
            b"tier" => self.rest(fetch, inside)?.and_then(|rest| tier(&rest)),
            b"path" => Some(self.path(fetch, inside)?),
            b"kept" => self.kept(fetch, inside)?.map(String::into_bytes),
            name => known_at_once(inside, name),
        })
    }

    /// How a file rests, or a folder's files together, where that is worth asking. A store that cannot say so now says so to whoever reads.
    fn rest(&self, fetch: Fetch, inside: &Inside) -> Result<Option<Rest>, Failure> {
        if !matches!(inside.entry.kind, Kind::File | Kind::Folder) || !self.catalog.may_rest() {
            return Ok(None);
        }
        if fetch == Fetch::CachedOnly {
            return Err(Failure::WouldBlock);
        }
        let files = match inside.entry.kind {
            Kind::Folder => self.ask(fetch, &inside.point, |nodes| files_below(nodes, &inside.entry))?,
            _ => vec![inside.entry.clone()],
        };
        match self.catalog.rest(&files) {
            Err(e) if e.kind() == engine::Kind::Damaged => Ok(None),
            other => other.map_err(|e| self.failure(&inside.point, e)),
        }
    }

    /// When it was last read, if the point holds it as it was then.
    fn kept(&self, fetch: Fetch, inside: &Inside) -> Result<Option<String>, Failure> {
        let manifest = &inside.point.manifest;
        if manifest.counts.kept == 0 {
            return Ok(None);
        }
        let path = self.path(fetch, inside)?;
        let path = path.strip_prefix(b"/").unwrap_or(&path);
        let as_of = self.ask(fetch, &inside.point, |nodes| kept_as_of(nodes, manifest, path))?;
        Ok(as_of.and_then(stamp))
    }

    /// Where it is in its restore point, from the point's root: what `cairn` takes behind `POINT:`.
    fn path(&self, fetch: Fetch, inside: &Inside) -> Result<Vec<u8>, Failure> {
        let top = &inside.point.manifest.root;
        let way = self.ask(fetch, &inside.point, |nodes| tree::entry_at_preorder(nodes, top, inside.index))?;
        let mut path = Vec::new();
        for placed in way.ok_or(Failure::Gone)? {
            path.push(b'/');
            path.extend_from_slice(&placed.entry.name);
        }
        Ok(if path.is_empty() { b"/".to_vec() } else { path })
    }
}

/// The files below a folder, of the first [`REST_ENTRIES`] entries.
fn files_below(nodes: &Reached<'_>, folder: &Entry) -> engine::Result<Vec<EntryRef>> {
    let mut files = Vec::new();
    let mut walk = Walk::start(nodes, folder);
    let mut entries = 0;
    while entries <= REST_ENTRIES
        && let Some(step) = walk.step()?
    {
        let Step::Enter(seen) = step else { continue };
        entries += 1;
        if seen.entry.kind == Kind::File {
            files.push(seen.entry.clone());
        }
    }
    Ok(files)
}

/// What there is to know of a point that cannot be read: why, and what to do.
fn of_unreadable(point: &Unreadable, name: &[u8]) -> Option<Vec<u8>> {
    let value = match name.strip_prefix(VIRTUAL)? {
        b"state" => Why::of(point.kind).unwrap_or(Why::Damaged).word().to_owned(),
        b"why" => point.told(),
        b"point" => hex(&point.id.0),
        _ => return None,
    };
    Some(value.into_bytes())
}

/// What is known without asking anybody.
fn known_at_once(inside: &Inside, name: &[u8]) -> Option<Vec<u8>> {
    let entry = &inside.entry;
    let value = match name {
        b"id" => hex(&content_id(entry)?.0),
        b"complete" => if inside.point.manifest.counts.complete() { "yes" } else { "no" }.to_owned(),
        b"point" => hex(&inside.point.manifest.id.0),
        b"btime" => stamp(entry.btime?)?,
        b"source" => format!("device={} inode={}", entry.device, entry.inode),
        _ => return None,
    };
    Some(value.into_bytes())
}

/// What `user.cairn.thaw` says: `none`, `retrieving 3/10` (packs that are here, of those that are needed), `ready`, `ready until TIME`; and `refused: WHY`
/// where a mount was told to ask and could not.
fn thaw(rest: &Rest) -> String {
    match rest.until.and_then(stamp) {
        _ if rest.retrieving > 0 => format!("retrieving {}/{}", rest.readable, rest.packs),
        _ if rest.retrieved == 0 || !rest.is_readable() => "none".to_owned(),
        Some(until) => format!("ready until {until}"),
        None => "ready".to_owned(),
    }
}

/// The storage classes of its packs.
fn tier(rest: &Rest) -> Option<Vec<u8>> {
    let tiers: Vec<&str> = rest.tiers.iter().copied().collect();
    (!tiers.is_empty()).then(|| tiers.join(",").into_bytes())
}

/// A time to the nanosecond, in UTC, with all its digits as the command's JSON has them.
fn stamp(time: Time) -> Option<String> {
    let nanos = i32::try_from(time.nanos).ok()?;
    let instant = Timestamp::new(time.seconds, nanos).ok()?;
    Some(if nanos == 0 { instant.to_string() } else { format!("{instant:.9}") })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_has_all_its_digits_or_none() {
        let stamps = [0, 10, 625_941_890].map(|nanos| stamp(Time::new(1_795_307_869, nanos)));
        let wanted = ["2026-11-22T00:37:49Z", "2026-11-22T00:37:49.000000010Z", "2026-11-22T00:37:49.625941890Z"];
        assert_eq!(stamps, wanted.map(|text| Some(text.to_owned())));
    }
}
