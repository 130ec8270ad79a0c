//! What a point says of the names in one folder.

use super::{CACHE_TAG, Coverage, IGNORE_FILE, Live, Why};
use crate::error::Result;
use crate::restore_point::listing_of;
use crate::source::rules::IgnoreFiles;
use crate::tree::{EntryRef, find, map_get};
use format_spec::ledger::Exception;
use format_spec::tree::Kind;

/// A folder of the point, or one that it does not have; made once for all its names.
pub struct InFolder<'c> {
    coverage: &'c Coverage,
    path: Vec<u8>,
    /// The folder in the point.
    entry: Option<EntryRef>,
    /// Why nothing in it is covered, whatever its name.
    left: Option<Why>,
    /// What the ledger says of names that the point does not have in it.
    listing: Option<Why>,
    ignored: IgnoreFiles,
    is_cache: bool,
}

impl Coverage {
    /// What the point says of the names in a folder (a path without leading `/`).
    ///
    /// # Errors
    /// The store's, and `Damaged` where a node is.
    pub fn folder(&self, path: &[u8]) -> Result<InFolder<'_>> {
        let mut at = InFolder::root(self)?;
        for name in path.split(|byte| *byte == b'/').filter(|name| !name.is_empty()) {
            at = at.enter(name)?;
        }
        Ok(at)
    }

    /// What the ledger says of a path itself.
    pub(super) fn exception(&self, path: &[u8]) -> Result<Option<Why>> {
        let pair = map_get(self.repository.nodes(), self.point.manifest.maps.exceptions, path)?;
        let reason = |value: &[u8]| Ok(Why::Exception(Exception::decode(value)?.reason));
        pair.map(|pair| reason(&pair.value)).transpose()
    }
}

impl<'c> InFolder<'c> {
    fn root(coverage: &'c Coverage) -> Result<Self> {
        let entry = EntryRef::from(coverage.point.manifest.root.clone());
        let folder = InFolder {
            coverage,
            path: Vec::new(),
            entry: Some(entry),
            left: coverage.exception(b"")?,
            listing: None,
            ignored: IgnoreFiles::default(),
            is_cache: false,
        };
        folder.with_its_own()
    }

    /// The folder of this name in it.
    fn enter(mut self, name: &[u8]) -> Result<Self> {
        let path = joined(&self.path, name);
        if self.left.is_none() {
            // A folder on the way to a source is there for the source's sake: no rule judges it.
            let is_way = self.coverage.is_on_the_way(&path);
            self.left = if is_way { self.coverage.exception(&path)? } else { self.judge(name, &path, &FOLDER)? };
        }
        self.entry = self.child(name)?.filter(|entry| entry.kind == Kind::Folder);
        self.path = path;
        self.with_its_own()
    }

    /// Takes in what the folder itself says of its names.
    fn with_its_own(mut self) -> Result<Self> {
        (self.listing, self.is_cache) = (None, false);
        if self.left.is_some() {
            return Ok(self);
        }
        let coverage = self.coverage;
        if !self.path.is_empty() {
            self.listing = coverage.exception(&listing_of(&self.path))?;
        }
        if self.entry.is_none() || !coverage.is_below_source(&self.path) {
            return Ok(self);
        }
        self.is_cache = coverage.rules.exclude_caches && self.child(CACHE_TAG)?.is_some();
        if coverage.rules.ignore_files {
            match coverage.ignore_file(&self.path)? {
                None => {}
                // What is malformed in it leaves nothing out, as in a backup.
                Some(Some(text)) => _ = self.ignored.push(&self.path, Ok(text.to_vec())),
                Some(None) => {
                    let what = format!("its patterns in {} cannot be read", String::from_utf8_lossy(IGNORE_FILE));
                    self.left = Some(Why::Unproven(what));
                }
            }
        }
        Ok(self)
    }

    /// Whether it is a folder above the sources: the point knows the way to them, and no other name.
    pub fn is_above_sources(&self) -> bool {
        !self.coverage.is_below_source(&self.path)
    }

    /// Why the point does not cover a name in this folder, at which a caller sees `live`; `None` when it does.
    ///
    /// # Errors
    /// The store's, and `Damaged` where a node is.
    pub fn covers(&self, name: &[u8], live: &Live) -> Result<Option<Why>> {
        if let Some(why) = &self.left {
            return Ok(Some(why.clone()));
        }
        let path = joined(&self.path, name);
        if let Some(why) = self.judge(name, &path, live)? {
            return Ok(Some(why));
        }
        Ok(self.coverage.unproven.clone())
    }

    fn judge(&self, name: &[u8], path: &[u8], live: &Live) -> Result<Option<Why>> {
        let coverage = self.coverage;
        if !coverage.is_below_source(path) {
            return Ok(Some(Why::Beside));
        }
        if let Some(why) = coverage.exception(path)? {
            return Ok(Some(why));
        }
        if let Some(why) = &self.listing
            && self.child(name)?.is_none()
        {
            return Ok(Some(why.clone()));
        }
        // Rules judge what lies in a source, never a source itself.
        if coverage.is_below_source(&self.path)
            && let Some(rule) = self.rule(path, live)
        {
            return Ok(Some(Why::Rule(rule)));
        }
        let cut = coverage.point.manifest.cut;
        if live.kind != Kind::Folder && cut.is_some_and(|cut| live.modified < cut) {
            return Ok(Some(Why::AgedOut));
        }
        if live.is_mounted && self.child(name)?.is_none() {
            return Ok(Some(Why::Mounted));
        }
        Ok(None)
    }

    fn rule(&self, path: &[u8], live: &Live) -> Option<String> {
        let (rules, is_folder) = (&self.coverage.rules, live.kind == Kind::Folder);
        let is_in_cache = rules.exclude_caches && (self.is_cache || live.is_in_cache);
        let by_name = rules.leave_out(path, is_folder, is_in_cache);
        let by_name = by_name.or_else(|| self.ignored.leave_out(path, is_folder));
        by_name.or_else(|| rules.too_large(live.kind, live.bytes))
    }

    fn child(&self, name: &[u8]) -> Result<Option<EntryRef>> {
        let Some(entry) = &self.entry else { return Ok(None) };
        Ok(find(self.coverage.repository.nodes(), entry, name)?.map(|found| found.entry))
    }
}

/// A folder above the path that is asked for.
const FOLDER: Live = Live {
    kind: Kind::Folder,
    bytes: 0,
    modified: format_spec::Time { seconds: 0, nanos: 0 },
    is_mounted: false,
    is_in_cache: false,
};

/// A name in a folder, as a path.
pub(super) fn joined(folder: &[u8], name: &[u8]) -> Vec<u8> {
    if folder.is_empty() { name.to_vec() } else { [folder, b"/", name].concat() }
}
