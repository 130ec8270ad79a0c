//! The life of a mount: refusals, mounting, serving, unmounting.
//!
//! Promises: every error that can be known is known before [`mount`] returns; only what Cairn mounted is unmounted; a mount
//! whose process died says ENOTCONN and does not look empty (so there is no `auto_unmount`: a mirror made from an empty
//! folder would be emptied), and the next mount at its place puts it away first.
//! Refuses to: handle signals and to become a daemon; both are the program's concern.

mod handle;
mod kernel;
mod refusals;
mod table;

pub use handle::MountHandle;

use crate::fs::{Live, Patience, PointsFs};
use crate::limits::{DATA_DEADLINE, DRAIN, METADATA_DEADLINE, REFRESH_EVERY, SESSION_THREADS};
use engine::{Error, Kind, Result};
use fuser::{Config, Session, SessionACL};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use view::catalog::PointCatalog;
use view::{Archived, Layout, Owner, Shown, View};

/// What to mount where, and how it is shown.
#[derive(Debug, Clone)]
pub struct MountOptions {
    /// An empty folder.
    pub mountpoint: PathBuf,
    /// What `mount` and `df` show as the source: the repository's location.
    pub source: String,
    /// Folders that must not disappear under the mount nor be mounted over: a local repository and its cache.
    pub guarded: Vec<PathBuf>,
    /// Whom things belong to.
    pub owner: Owner,
    /// Whether, with [`Owner::Keep`], recorded names of users and groups count more than their numbers.
    pub map_names: bool,
    /// Permission bits taken away from everything, `& 0o777`.
    pub umask: u32,
    /// Those taken away from all but folders, instead of the umask.
    pub fmask: Option<u32>,
    /// Those taken away from folders, instead of the umask.
    pub dmask: Option<u32>,
    /// What is shown where.
    pub layout: Layout,
    /// How often new and expired points are looked for.
    pub refresh_every: Duration,
    /// Whether other users may look; modes and access lists decide what they see.
    pub allow_other: bool,
    /// Whether set-id bits count. Off unless the points are trusted.
    pub allow_suid: bool,
    /// Whether device nodes can be opened. Off unless the points are trusted.
    pub allow_dev: bool,
    /// Whether nothing can be run from the mount.
    pub no_exec: bool,
    /// How long an unmount waits for files that are still open, before they say ECONNABORTED.
    pub drain: Duration,
    /// How long names and attributes may take until the answer is ETIMEDOUT.
    pub metadata_deadline: Duration,
    /// How long contents may take.
    pub data_deadline: Duration,
    /// What to do about files that rest in an archive.
    pub archived: Archived,
}

impl MountOptions {
    /// The defaults for a place.
    pub fn at(mountpoint: impl Into<PathBuf>) -> Self {
        MountOptions {
            mountpoint: mountpoint.into(),
            source: "cairn".into(),
            guarded: Vec::new(),
            owner: Owner::default(),
            map_names: false,
            umask: 0,
            fmask: None,
            dmask: None,
            layout: Layout::default(),
            refresh_every: REFRESH_EVERY,
            allow_other: false,
            allow_suid: false,
            allow_dev: false,
            no_exec: false,
            drain: DRAIN,
            metadata_deadline: METADATA_DEADLINE,
            data_deadline: DATA_DEADLINE,
            archived: Archived::default(),
        }
    }
}

/// Mounts all points of a catalog. When this returns, the mount answers.
///
/// # Errors
/// `Input` for a mount point that is refused (the message says why), `Denied` and `Unsupported` when the system does not let
/// us mount, and the catalog's.
pub fn mount(catalog: Arc<dyn PointCatalog>, options: &MountOptions) -> Result<MountHandle> {
    let place = refusals::prepare(&options.mountpoint, &options.guarded)?;
    let me = (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw());
    let MountOptions { owner, map_names, umask, fmask, dmask, .. } = *options;
    let shown = Shown { owner, map_names, umask, fmask, dmask, me };
    let view = Arc::new(View::open(catalog, shown, options.layout.clone())?);
    let failed = |what: &str, e: std::io::Error| {
        Error::new(Kind::Transient, format!("{what}: {e}")).on(place.display()).advise("try again")
    };
    let patience = Patience { metadata: options.metadata_deadline, data: options.data_deadline };
    let fs = PointsFs::new(Arc::clone(&view), patience, options.archived)
        .map_err(|e| failed("cannot start the mount's threads", e))?;
    let fd = kernel::mount(&place, options)?;
    let mut config = Config::default();
    (config.n_threads, config.clone_fd) = (Some(SESSION_THREADS), kernel::can_clone());
    let acl = if options.allow_other { SessionACL::All } else { SessionACL::Owner };
    let started = Session::from_fd(fs, fd, acl, config).and_then(|session| {
        let live = Live::start(view, session.notifier(), options.refresh_every)?;
        MountHandle::start(&place, session, live, options.drain)
    });
    started.map_err(|e| {
        _ = kernel::unmount(&place);
        failed("the kernel and the mount could not agree", e)
    })
}

/// Refuses what [`mount`] would refuse of a mount point, and mounts nothing. A dead Cairn mount stays where it is.
///
/// # Errors
/// `Input` for a mount point that is refused, `Absent` when it is not there.
pub fn check(options: &MountOptions) -> Result<()> {
    refusals::check(&options.mountpoint, &options.guarded).map(|_| ())
}

/// Takes away the Cairn mount at a path, whoever made it. Files that are open stay readable until they are closed.
///
/// # Errors
/// `Input` when no Cairn mount is there, `Denied` when it belongs to somebody else.
pub fn umount(path: &Path) -> Result<()> {
    let place = refusals::resolve(path)?;
    if !table::top(&place)?.is_some_and(|m| m.is_cairn()) {
        let error = Error::new(Kind::Input, "no cairn mount is here").on(place.display());
        return Err(error.advise("look with `findmnt -t fuse.cairn`"));
    }
    kernel::unmount(&place)
}
