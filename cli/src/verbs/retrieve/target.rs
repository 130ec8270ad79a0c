//! What is to be brought back: places in restore points, paths in a mount, or names that match.

use super::super::browse;
use crate::context::Context;
use crate::exit::{Exit, Failure, Result};
use crate::output::human;
use crate::parse::PointPath;
use crate::parse::pattern::Pattern;
use crate::parse::place::POINT_FORMS;
use clap::Args;
use engine::monitor::Monitor;
use engine::repository::{Listing, Repository};
use engine::retrieval::Needs;
use format_spec::tree::Kind;
use parking_lot::Mutex;
use std::collections::HashSet;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// Flattened into the actions.
#[derive(Debug, Args)]
#[command(after_help = POINT_FORMS)]
pub(super) struct Target {
    /// Places in restore points, or paths in a mount (these begin with a slash or a dot)
    #[arg(value_name = "POINT[:PATH]|MOUNTED_PATH")]
    places: Vec<OsString>,
    /// Files that match (*.conf, or /srv/**/*.conf), with everything below folders that do; of all restore points each path in the newest that has it
    #[arg(long, value_name = "PATTERN")]
    find: Vec<OsString>,
}

/// What a target needs, and its name for people.
pub(super) struct Needed {
    pub(super) needs: Needs,
    pub(super) about: String,
}

impl Target {
    /// Whether nothing was named.
    pub(super) fn is_empty(&self) -> bool {
        self.places.is_empty() && self.find.is_empty()
    }

    /// The packs that the target needs.
    ///
    /// # Errors
    /// The engine's; wrong usage for what names nothing.
    pub(super) fn needed(&self, context: &Context, repo: &Repository, monitor: &Monitor) -> Result<Needed> {
        if self.is_empty() {
            return Err(Failure::usage("say what: POINT[:PATH], a path in a mount, or --find PATTERN"));
        }
        let patterns = self.find.iter().map(|text| Pattern::new(text, false)).collect::<Result<Vec<_>, _>>();
        let patterns = patterns.map_err(Failure::usage)?;
        let mut needs = Needs::default();
        // A path counts once, in the newest point that has it.
        let seen = Mutex::new(HashSet::new());
        let matches = |path: &[u8], kind: Kind| {
            kind == Kind::Folder || patterns.is_empty() || patterns.iter().any(|pattern| pattern.covers(path))
        };
        let mut names = Vec::new();
        for text in &self.places {
            let place = place(text)?;
            let (point, _) = browse::find(context, repo, &place)?;
            needs.add(repo, &point, &place.path, &|path, entry| matches(path, entry.kind), monitor)?;
            let id = point.manifest.id.to_string();
            names.push(format!("{}:/{}", &id[..8], human::name(&place.path)));
        }
        if self.places.is_empty() {
            let Listing { mut points, unread } = repo.listing()?;
            for point in &unread {
                let why = format!("this restore point is left out: {}; {}", point.what(), point.advice());
                monitor.warn(point.commit.id.to_string().as_bytes(), why);
            }
            points.sort_by_key(|point| (point.manifest.started, point.number));
            for point in points.iter().rev() {
                let first = |path: &[u8], kind: Kind| kind == Kind::Folder || seen.lock().insert(path.to_vec());
                let select = |path: &[u8], entry: &format_spec::tree::Entry| {
                    matches(path, entry.kind) && first(path, entry.kind)
                };
                needs.add(repo, point, b"", &select, monitor)?;
            }
        }
        names.extend(self.find.iter().map(|text| format!("--find {}", human::name(text.as_bytes()))));
        if needs.damaged > 0 {
            let files = human::counted(needs.damaged, "file", "files");
            let reason = format!("of {files} the index does not know all data: run `cairn check`");
            monitor.warn(b"", reason);
        }
        Ok(Needed { needs, about: names.join(" ") })
    }
}

/// A place in a restore point, or what a path in a mount stands for.
///
/// # Errors
/// Wrong usage for what is neither.
pub(super) fn place(text: &OsStr) -> Result<PointPath> {
    let raw = text.as_bytes();
    // No restore point begins so.
    if raw.starts_with(b"/") || raw.starts_with(b".") {
        return mounted(Path::new(text));
    }
    PointPath::parse(text).map_err(Failure::usage)
}

/// The mount itself says which point and path it shows there.
fn mounted(path: &Path) -> Result<PointPath> {
    let shown = human::path(path);
    let whole = path.canonicalize().map_err(|e| Failure::new(Exit::Failed, "absent", format!("{shown}: {e}")))?;
    let foreign = || {
        Failure::usage(format!("{shown}: no restore point is shown there"))
            .advise("name a file or folder of a restore point below a mount of `cairn mount`, or write POINT:PATH")
    };
    let value = |name: &str| -> Result<Vec<u8>> {
        let mut buffer = vec![0; PATH_BYTES_MAX];
        let length = rustix::fs::getxattr(&whole, name, &mut buffer[..]).map_err(|e| match e {
            rustix::io::Errno::NODATA | rustix::io::Errno::OPNOTSUPP => foreign(),
            e => Failure::new(Exit::Failed, "absent", format!("{shown}: {e}")),
        })?;
        buffer.truncate(length);
        Ok(buffer)
    };
    let point = String::from_utf8(value("user.cairn.point")?).map_err(|_| foreign())?;
    let path = value("user.cairn.path")?;
    Ok(PointPath { point, path: path.strip_prefix(b"/").unwrap_or(&path).to_vec() })
}

/// As long as an attribute can be.
const PATH_BYTES_MAX: usize = 65_536;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_of_the_file_system_must_lie_in_a_mount() {
        let place = |text: &str| place(OsStr::new(text));
        assert_eq!(place("latest:/a/b").unwrap().path, b"a/b");
        for elsewhere in ["/", ".", "./"] {
            let failure = place(elsewhere).unwrap_err();
            assert!(failure.message.contains("no restore point is shown there"), "{}", failure.message);
        }
        assert_eq!(place("/surely/not/there").unwrap_err().exit, Exit::Failed);
    }
}
