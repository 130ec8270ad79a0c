//! Whose the objects of a folder are, and who else may read and write them.
//!
//! ```text
//! the repository's folder        objects           folders below it
//! rwx------, rwxr-xr-x           rw------- owner   rwx------
//! rwxrws---  (set-gid, group)    rw-rw---- group   rwxrws---
//! rwxr-s---                      rw-r----- group   rwxr-s---
//! ```
//! The set-gid bit of the folder says that a group shares it: what is made in there belongs to the group, and the group may do
//! with it what it may do with the folder, whatever the umask of one of its members is. Everybody else never gets a right.
//! What root makes is given to the folder's owner, so that one run by root does not lock him out. Refuses to take any right
//! away from what is there already.

use super::error::classify;
use base::error::Result;
use rustix::fd::{AsFd, OwnedFd};
use rustix::fs::{Gid, Mode, OFlags, Uid};
use rustix::io::Errno;
use std::sync::atomic::{AtomicBool, Ordering};

/// What new objects and folders get beyond what their maker's umask leaves.
#[derive(Debug)]
pub(super) struct Rights {
    /// The group and its bits on objects, where one shares the folder.
    group: Option<(Gid, Mode)>,
    /// The owner to give what root makes.
    owner: Option<(Uid, Gid)>,
    warned: AtomicBool,
}

impl Rights {
    /// As the folder says.
    ///
    /// # Errors
    /// When it cannot be looked at.
    pub(super) fn of(root: &OwnedFd) -> Result<Rights> {
        let stat = rustix::fs::fstat(root).map_err(|e| classify(e, "cannot look at the folder"))?;
        let mode = Mode::from_raw_mode(stat.st_mode);
        let is_roots = stat.st_uid == 0 && stat.st_gid == 0;
        Ok(Rights {
            group: mode.contains(Mode::SGID).then_some((Gid::from_raw(stat.st_gid), mode & (Mode::RGRP | Mode::WGRP))),
            owner: (rustix::process::geteuid().is_root() && !is_roots)
                .then(|| (Uid::from_raw(stat.st_uid), Gid::from_raw(stat.st_gid))),
            warned: AtomicBool::new(false),
        })
    }

    /// Gives a new file what it shall have; nobody can open it by its name yet.
    ///
    /// # Errors
    /// When the group could not read what it shares.
    pub(super) fn apply_to_file(&self, file: impl AsFd) -> Result<()> {
        self.give(&file);
        let Some((_, group)) = self.group else { return Ok(()) };
        self.set(&file, Mode::RUSR | Mode::WUSR | group)
    }

    /// The same for a new folder.
    ///
    /// # Errors
    /// As [`apply_to_file`](Self::apply_to_file).
    pub(super) fn apply_to_folder(&self, root: &OwnedFd, folder: &str) -> Result<()> {
        if self.group.is_none() && self.owner.is_none() {
            return Ok(());
        }
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let made = match rustix::fs::openat(root, folder, flags, Mode::empty()) {
            Ok(made) => made,
            // Taken away again, as the probe's folders are.
            Err(Errno::NOENT) => return Ok(()),
            Err(e) => return Err(classify(e, &format!("cannot open the new folder {folder:?}"))),
        };
        self.give(&made);
        let Some((_, group)) = self.group else { return Ok(()) };
        self.set(&made, Mode::RWXU | group | Mode::XGRP | Mode::SGID)
    }

    fn set(&self, made: impl AsFd, mode: Mode) -> Result<()> {
        match rustix::fs::fchmod(made, mode) {
            Ok(()) => Ok(()),
            // A share that has no modes of its own says who may do what.
            Err(Errno::PERM | Errno::OPNOTSUPP | Errno::INVAL) => {
                self.warn("the group that shares the repository's folder may not be able to use what was just made");
                Ok(())
            }
            Err(e) => Err(classify(e, "cannot let the group use what was made")),
        }
    }

    /// To the folder's owner, if root makes it, and to the group that shares it. A share that refuses has rules of its own.
    fn give(&self, made: impl AsFd) {
        if let (None, Some((group, _))) = (self.owner, self.group) {
            // Below a folder that is shared it has the group already.
            let _ = rustix::fs::fchown(&made, None, Some(group));
        }
        let Some((owner, group)) = self.owner else { return };
        if rustix::fs::fchown(&made, Some(owner), Some(group)).is_err() {
            self.warn("root made something that could not be given to the owner of the repository's folder, who may not be able to read it");
        }
    }

    fn warn(&self, what: &str) {
        if !self.warned.swap(true, Ordering::Relaxed) {
            tracing::error!("{what}");
        }
    }
}

/// Says of a folder that its group shares it.
///
/// # Errors
/// When it belongs to somebody else.
pub(super) fn share(root: &OwnedFd) -> Result<()> {
    let failed = |e| classify(e, "cannot share the folder with its group");
    let before = Mode::from_raw_mode(rustix::fs::fstat(root).map_err(failed)?.st_mode);
    let mode = (before & (Mode::RWXU | Mode::RWXG | Mode::RWXO | Mode::SVTX)) | Mode::RWXU | Mode::RWXG | Mode::SGID;
    rustix::fs::fchmod(root, mode).map_err(failed)?;
    let after = Mode::from_raw_mode(rustix::fs::fstat(root).map_err(failed)?.st_mode);
    // The bit is dropped without a word for who is not of the group.
    if after.contains(Mode::SGID) {
        Ok(())
    } else {
        Err(failed(Errno::PERM).advise("choose a group that you are in: chgrp GROUP FOLDER"))
    }
}

#[cfg(test)]
mod tests {
    use super::super::Local;
    use crate::{ObjectName, StoreExt};
    use bytes::Bytes;
    use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
    use std::path::Path;

    fn stored(folder: &Path) {
        let local = Local::open(folder, false, false).unwrap();
        local.put_new(&ObjectName::new("packs/0/7").unwrap(), Bytes::from_static(b"x")).unwrap();
    }

    fn mode(path: &Path) -> u32 {
        std::fs::metadata(path).unwrap().permissions().mode() & 0o7777
    }

    fn set(path: &Path, mode: u32) {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn modes_follow_a_folder_that_a_group_shares_and_no_other() {
        for (folder, file, below) in [
            (0o700, 0o600, 0o700),
            (0o755, 0o600, 0o700),
            (0o777, 0o600, 0o700),
            (0o2770, 0o660, 0o2770),
            (0o2775, 0o660, 0o2770),
            (0o2750, 0o640, 0o2750),
        ] {
            let dir = tempfile::tempdir().unwrap();
            set(dir.path(), folder);
            stored(dir.path());
            assert_eq!(mode(&dir.path().join("packs/0/7")), file, "{folder:o}");
            for made in ["packs", "packs/0", "+staged"] {
                assert_eq!(mode(&dir.path().join(made)), below, "{folder:o} {made}");
            }
        }
    }

    #[test]
    fn a_folder_is_shared_when_the_repository_is_made() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("new");
        Local::open(&folder, true, true).unwrap();
        assert_eq!(mode(&folder), 0o2770, "nobody else gets a right");
        let private = dir.path().join("below/private");
        Local::open(&private, true, false).unwrap();
        assert_eq!(mode(&private), 0o700);
        assert_ne!(mode(&dir.path().join("below")), 0o700, "only the repository's folder is Cairn's");
    }

    #[test]
    fn what_root_makes_is_the_owners() {
        if !rustix::process::geteuid().is_root() {
            return;
        }
        let dir = tempfile::tempdir().unwrap();
        chown(dir.path(), Some(65_534), Some(65_533)).unwrap();
        stored(dir.path());
        for made in ["packs", "packs/0", "packs/0/7", "+staged"] {
            let meta = std::fs::metadata(dir.path().join(made)).unwrap();
            assert_eq!((meta.uid(), meta.gid()), (65_534, 65_533), "{made}");
        }
    }
}
