//! Rules: what of a source is left out on purpose.
//!
//! Promises: a rule judges names before anything is asked about the item, so that a hanging mount can be excluded; what a rule
//! leaves out is counted with the rule as its reason. Rules judge what lies in a source, never a source itself.
//!
//! Patterns: [`Patterns`]. A cache folder ([`Rules::exclude_caches`]) holds a file `CACHEDIR.TAG` that begins with
//! `Signature: 8a477f597d28d172789f06886806bc55`; the folder and the tag are kept, so that a restore knows it as one.

mod glob;
mod ignore_files;
mod in_force;
mod lists;
mod own;
mod patterns;

pub use lists::{Lines, Listed, paths_in_list, without_carriage_return};
pub use own::{OwnFolder, OwnFolders};
pub use patterns::Patterns;

pub use ignore_files::IgnoreFiles;

use format_spec::tree::Kind;

/// What to leave out. The default leaves out what `.cairnignore` files say and nothing else.
#[derive(Debug, Clone)]
pub struct Rules {
    /// Items by path or name (`--exclude`, `--exclude-file`).
    pub excludes: Patterns,
    /// Whether `.cairnignore` files in the sources hold.
    pub ignore_files: bool,
    /// Whether the contents of cache folders are left out (`--exclude-caches`).
    pub exclude_caches: bool,
    /// Files of more bytes are left out (`--exclude-larger-than`).
    pub exclude_larger_than: Option<u64>,
    /// Whether folders on another file system than their source are kept empty (`--one-file-system`). Single files that are
    /// mounted over others are kept: some file systems (overlays) show files under device numbers of their own.
    pub one_file_system: bool,
    /// What the backup itself writes to is left out.
    pub own: OwnFolders,
}

impl Default for Rules {
    fn default() -> Self {
        Rules {
            excludes: Patterns::default(),
            ignore_files: true,
            exclude_caches: false,
            exclude_larger_than: None,
            one_file_system: false,
            own: OwnFolders::default(),
        }
    }
}

impl Rules {
    /// Why the item at `path` is left out by its name, if it is; `in_cache` if its folder is a cache folder.
    pub fn leave_out(&self, path: &[u8], folder: bool, in_cache: bool) -> Option<String> {
        let tag = || path.rsplit(|b| *b == b'/').next() == Some(b"CACHEDIR.TAG");
        if in_cache && !tag() {
            return Some("left out with a cache folder (--exclude-caches)".to_owned());
        }
        let pattern = self.excludes.last_match(path, folder)?;
        (!pattern.negated).then(|| format!("left out by the pattern {:?} (--exclude)", pattern.text))
    }

    /// Why a file of `bytes` is left out, if it is.
    pub fn too_large(&self, kind: Kind, bytes: u64) -> Option<String> {
        let limit = self.exclude_larger_than?;
        (kind == Kind::File && bytes > limit)
            .then(|| format!("left out: {bytes} bytes are more than {limit} (--exclude-larger-than)"))
    }

    /// Why a folder on `device` is kept empty in a source on `source`, if it is; `None` for the source itself.
    pub fn other_file_system(&self, device: u64, source: Option<u64>) -> Option<String> {
        (self.one_file_system && source.is_some_and(|source| source != device))
            .then(|| "kept as an empty folder: it is on another file system (--one-file-system)".to_owned())
    }
}

/// How a tag file begins (<https://bford.info/cachedir/>).
pub const CACHE_SIGNATURE: &[u8] = b"Signature: 8a477f597d28d172789f06886806bc55";
/// Longer ignore files are a mistake.
pub const IGNORE_BYTES_MAX: usize = 1 << 20;
