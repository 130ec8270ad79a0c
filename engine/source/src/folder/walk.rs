//! The walk over the selected parts of a file system.
//!
//! Promises: canonical order; attributes are asked for as the walk is pulled; no recursion, so depth costs memory only. What
//! vanishes is said to have vanished; a folder that cannot be listed is entered and left again, so that it is in the point.

use super::attributes::{Stat, stat_at};
use super::handle::{Folder, Pool};
use super::names::Names;
use super::opens::{Inside, Itself};
use super::owners::Owners;
use super::selection::{Part, Range, Selection};
use crate::rules::{CACHE_SIGNATURE, IGNORE_BYTES_MAX, IgnoreFiles, OwnFolder, Rules};
use crate::{Failure, Found, Opens, Outcome, Step, Walk, outcome_of};
use base::error::{Error, Result};
use format_spec::tree::Kind;
use rustix::fs::{AtFlags, OFlags};
use std::collections::VecDeque;
use std::ffi::CStr;
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::OwnedFd;
use std::sync::Arc;

/// A walk in progress.
pub(super) struct FolderWalk<'a> {
    selection: &'a Selection,
    rules: &'a Rules,
    /// What the backup writes to, as it is there when the walk begins.
    own: Vec<OwnFolder>,
    owners: &'a Arc<Owners>,
    /// From the root to the current folder.
    frames: Vec<Frame>,
    /// The current folder's path.
    path: Vec<u8>,
    ignores: IgnoreFiles,
    /// Steps that stand before what the frames yield next.
    pending: VecDeque<Step>,
    buffer: Vec<u8>,
}

/// One folder that was entered and not yet left.
struct Frame {
    folder: Arc<Folder>,
    opens: Arc<dyn Opens>,
    children: Children,
    /// Length of the parent folder's path.
    parent_path: usize,
    /// The device of the source that this folder belongs to.
    device: u64,
}

enum Children {
    /// Everything in the folder, or only the tag of a cache folder.
    Listed { names: Names, cache: bool },
    /// The way to sources.
    Chosen(Range),
}

impl<'a> FolderWalk<'a> {
    /// Starts at the file system's root.
    pub(super) fn start(selection: &'a Selection, rules: &'a Rules, owners: &'a Arc<Owners>) -> Result<Self> {
        let no_root = |e: io::Error| Error::from(e).on("/").advise("check the permissions of the file system's root");
        let (root, stat) = Folder::root(&Arc::new(Pool::default())).map_err(no_root)?;
        let mut walk = FolderWalk {
            selection,
            rules,
            own: rules.own.found(),
            owners,
            frames: Vec::new(),
            path: Vec::new(),
            ignores: IgnoreFiles::default(),
            pending: VecDeque::new(),
            buffer: Vec::with_capacity(LISTING_BYTES),
        };
        let step = match selection.whole_range() {
            Some(range) => walk.enter(root, &stat, Vec::new(), Children::Chosen(range), stat.device),
            None => {
                let fd = root.open_file(c".", OFlags::RDONLY | OFlags::DIRECTORY).map_err(no_root)?;
                walk.enter_listed(root, &stat, Vec::new(), &fd, stat.device)
            }
        };
        walk.pending.push_front(step);
        Ok(walk)
    }

    /// The next child of a folder that is walked whole.
    fn visit(&mut self, name: Vec<u8>, told: Option<bool>) -> Option<Step> {
        let frame = self.frames.last()?;
        let path = joined(&self.path, name_bytes(&name));
        let stat_now = || frame.folder.stat(c_name(&name), false);
        let mut stat = None;
        let folder = match told {
            Some(folder) => folder,
            None => match stat_now() {
                Ok(now) => stat.insert(now).kind == Kind::Folder,
                Err(e) => return Some(missing(path, &e)),
            },
        };
        let cache = matches!(frame.children, Children::Listed { cache: true, .. });
        if let Some(reason) =
            self.rules.leave_out(&path, folder, cache).or_else(|| self.ignores.leave_out(&path, folder))
        {
            return Some(skipped(path, reason));
        }
        let stat = match stat.map_or_else(stat_now, Ok) {
            Ok(stat) => stat,
            Err(e) => return Some(missing(path, &e)),
        };
        if stat.kind == Kind::Folder {
            if let Some(reason) = self.own.iter().find_map(|own| own.leaves_out(stat.device, stat.inode)) {
                return Some(skipped(path, reason));
            }
            let device = frame.device;
            return Some(self.visit_folder(name, path, &stat, Some(device)));
        }
        if let Some(reason) = self.rules.too_large(stat.kind, stat.size) {
            return Some(skipped(path, reason));
        }
        let opens = Arc::clone(&frame.opens);
        Some(Step::Item(Found { entry: stat.entry(owned_name(name)), path, opens }))
    }

    /// A folder to be walked whole: in a source on `device`, or a source itself.
    fn visit_folder(&mut self, name: Vec<u8>, path: Vec<u8>, stat: &Stat, device: Option<u64>) -> Step {
        let Some(frame) = self.frames.last() else { return Step::Leave };
        let opens = Arc::clone(&frame.opens);
        let closed = |walk: &mut Self, stat: &Stat, failure: Step| {
            walk.pending.extend([failure, Step::Leave]);
            Step::Enter(Found { entry: stat.entry(name_bytes(&name).to_vec()), path: path.clone(), opens })
        };
        if let Some(reason) = self.rules.other_file_system(stat.device, device) {
            return closed(self, stat, skipped(path.clone(), reason));
        }
        match Folder::list(&frame.folder, c_name(&name)) {
            Ok((folder, now, fd)) => match self.rules.other_file_system(now.device, device) {
                Some(reason) => closed(self, &now, skipped(path.clone(), reason)),
                None => self.enter_listed(folder, &now, owned_name(name), &fd, device.unwrap_or(now.device)),
            },
            Err(e) if outcome_of(&e) == Outcome::Vanished => missing(path, &e),
            Err(e) => closed(self, stat, not_listed(path.clone(), &e)),
        }
    }

    /// A source, or a folder on the way to one.
    fn visit_part(&mut self, part: Part) -> Option<Step> {
        let frame = self.frames.last()?;
        match part {
            Part::Source { mut name, follow } => {
                let path = joined(&self.path, &name);
                name.push(0);
                let stat = match frame.folder.stat(c_name(&name), follow) {
                    Ok(stat) => stat,
                    Err(e) => return Some(missing(path, &e)),
                };
                if stat.kind == Kind::Folder && follow {
                    return Some(self.visit_followed(name, path));
                }
                if stat.kind == Kind::Folder {
                    return Some(self.visit_folder(name, path, &stat, None));
                }
                let opens = Arc::clone(&frame.opens);
                Some(Step::Item(Found { entry: stat.entry(owned_name(name)), path, opens }))
            }
            Part::Way { mut name, below } => {
                let path = joined(&self.path, &name);
                name.push(0);
                match Folder::reach(&frame.folder, c_name(&name), true) {
                    Ok((folder, stat)) => {
                        Some(self.enter(folder, &stat, owned_name(name), Children::Chosen(below), stat.device))
                    }
                    Err(e) => Some(missing(path, &e)),
                }
            }
        }
    }

    /// A source that ends in a slash, which may be a symlink to a folder.
    fn visit_followed(&mut self, name: Vec<u8>, path: Vec<u8>) -> Step {
        let Some(frame) = self.frames.last() else { return Step::Leave };
        let (folder, stat) = match Folder::reach(&frame.folder, c_name(&name), true) {
            Ok(reached) => reached,
            Err(e) => return missing(path, &e),
        };
        match folder.open_file(c".", OFlags::RDONLY | OFlags::DIRECTORY) {
            Ok(fd) => self.enter_listed(folder, &stat, owned_name(name), &fd, stat.device),
            Err(e) => {
                self.pending.push_back(not_listed(path, &e));
                let children = Children::Listed { names: Names::default(), cache: false };
                self.enter(folder, &stat, owned_name(name), children, stat.device)
            }
        }
    }

    fn enter_listed(&mut self, folder: Arc<Folder>, stat: &Stat, name: Vec<u8>, fd: &OwnedFd, device: u64) -> Step {
        let (names, listed) = Names::list(fd, self.buffer.spare_capacity_mut());
        let path = if self.frames.is_empty() { Vec::new() } else { joined(&self.path, &name) };
        if let Err(e) = listed {
            let reason = format!("the folder was listed in part only: {e}");
            let failure = Failure { path: path.clone(), outcome: Outcome::Failed, reason };
            self.pending.push_back(Step::Unlisted { failure, in_part: true });
        }
        if self.rules.ignore_files && names.has(IGNORE_FILE.to_bytes()) {
            let read = read_small(&folder, IGNORE_FILE, IGNORE_BYTES_READ);
            for reason in self.ignores.push(&path, read) {
                let path = joined(&path, IGNORE_FILE.to_bytes());
                self.pending.push_back(Step::Failed(Failure { path, outcome: Outcome::Failed, reason }));
            }
        }
        let cache = self.rules.exclude_caches
            && names.has(CACHE_TAG.to_bytes())
            && read_small(&folder, CACHE_TAG, CACHE_SIGNATURE.len() as u64).is_ok_and(|head| head == CACHE_SIGNATURE);
        self.enter(folder, stat, name, Children::Listed { names, cache }, device)
    }

    fn enter(&mut self, folder: Arc<Folder>, stat: &Stat, name: Vec<u8>, children: Children, device: u64) -> Step {
        let parent_path = self.path.len();
        if !self.frames.is_empty() {
            self.path = joined(&self.path, &name);
        }
        let owners = self.owners;
        let itself = Itself { folder: Arc::clone(&folder), owners: Arc::clone(owners) };
        let opens: Arc<dyn Opens> = Arc::new(Inside { folder: Arc::clone(&folder), owners: Arc::clone(owners) });
        self.frames.push(Frame { folder, opens, children, parent_path, device });
        Step::Enter(Found { entry: stat.entry(name), path: self.path.clone(), opens: Arc::new(itself) })
    }

    fn leave(&mut self) -> Option<Step> {
        let frame = self.frames.pop()?;
        self.ignores.leave(&self.path);
        self.path.truncate(frame.parent_path);
        Some(Step::Leave)
    }
}

impl Walk for FolderWalk<'_> {
    fn next(&mut self) -> Option<Step> {
        if let Some(step) = self.pending.pop_front() {
            return Some(step);
        }
        match &mut self.frames.last_mut()?.children {
            Children::Listed { names, .. } => match names.next() {
                Some((name, told)) => {
                    let name = name.to_bytes_with_nul().to_vec();
                    self.visit(name, told)
                }
                None => self.leave(),
            },
            Children::Chosen(range) => match self.selection.next(range) {
                Some(part) => self.visit_part(part),
                None => self.leave(),
            },
        }
    }
}

/// A small file of the folder, at most `bytes_max` of it; anything but a regular file is refused.
fn read_small(folder: &Folder, name: &CStr, bytes_max: u64) -> io::Result<Vec<u8>> {
    let fd = folder.open_file(name, OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK)?;
    if stat_at(&fd, c"", AtFlags::EMPTY_PATH)?.kind != Kind::File {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no regular file"));
    }
    let mut bytes = Vec::new();
    File::from(fd).take(bytes_max).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// A name as the listing laid it, with its NUL.
fn c_name(name: &[u8]) -> &CStr {
    CStr::from_bytes_until_nul(name).unwrap_or_default()
}

fn name_bytes(name: &[u8]) -> &[u8] {
    c_name(name).to_bytes()
}

fn owned_name(mut name: Vec<u8>) -> Vec<u8> {
    name.pop();
    name
}

fn joined(folder: &[u8], name: &[u8]) -> Vec<u8> {
    let mut path = Vec::with_capacity(folder.len() + 1 + name.len());
    path.extend_from_slice(folder);
    if !folder.is_empty() {
        path.push(b'/');
    }
    path.extend_from_slice(name);
    path
}

fn skipped(path: Vec<u8>, reason: String) -> Step {
    Step::Failed(Failure { path, outcome: Outcome::Skipped, reason })
}

fn missing(path: Vec<u8>, e: &io::Error) -> Step {
    Step::Missing(Failure::of(path, e))
}

fn not_listed(path: Vec<u8>, e: &io::Error) -> Step {
    let failure = Failure { path, outcome: Outcome::Failed, reason: format!("the folder cannot be listed: {e}") };
    Step::Unlisted { failure, in_part: false }
}

/// One read of a listing; larger ones save system calls in large folders, and 64 KiB holds some two thousand names.
const LISTING_BYTES: usize = 64 << 10;
const IGNORE_FILE: &CStr = c".cairnignore";
/// Larger ignore files are a mistake; one byte more is read to notice it.
const IGNORE_BYTES_READ: u64 = IGNORE_BYTES_MAX as u64 + 1;
const CACHE_TAG: &CStr = c"CACHEDIR.TAG";
