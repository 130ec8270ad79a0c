//! mount(2) and umount2(2) by ourselves, or the setuid helper `fusermount3` for those who may not.
//!
//! By ourselves, because `fuser` 0.18 unmounts whatever is mounted at the place by then, and gives a busy mount up.

use super::MountOptions;
use super::table::TYPE;
use engine::{Error, Kind, Result};
use rustix::io::Errno;
use rustix::mount::{MountFlags, UnmountFlags};
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SocketFlags, SocketType, recvmsg, socketpair,
};
use std::ffi::CString;
use std::fs::OpenOptions;
use std::io::IoSliceMut;
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::Path;
use std::process::Command;

const DEVICE: &str = "/dev/fuse";
const HELPER: &str = "fusermount3";

/// Mounts, and gives back the end of the connection that answers.
pub(super) fn mount(place: &Path, options: &MountOptions) -> Result<OwnedFd> {
    match mount_ourselves(place, options) {
        Err(Errno::PERM | Errno::ACCESS) => mount_with_helper(place, options),
        Err(Errno::NOENT | Errno::NODEV | Errno::NXIO) => {
            let error = Error::new(Kind::Unsupported, "this kernel has no FUSE").on(DEVICE);
            Err(error
                .advise("load it with `modprobe fuse`; in a container, pass /dev/fuse and the capability SYS_ADMIN"))
        }
        Err(e) => Err(Error::new(Kind::Transient, format!("cannot mount: {e}")).on(place.display())),
        Ok(fd) => Ok(fd),
    }
}

/// Whether each session thread can have its own end of the connection, for which the device is opened once more. Those whose
/// device the helper opened often cannot.
pub(super) fn can_clone() -> bool {
    OpenOptions::new().read(true).write(true).open(DEVICE).is_ok()
}

/// Detaches what is mounted at a place: at once, even when it is busy or dead.
pub(super) fn unmount(place: &Path) -> Result<()> {
    match rustix::mount::unmount(place, UnmountFlags::DETACH | UnmountFlags::NOFOLLOW) {
        Ok(()) => Ok(()),
        Err(Errno::PERM | Errno::ACCESS) => {
            let output = Command::new(HELPER).args(["-u", "-z", "--"]).arg(place).output();
            let output = output.map_err(|e| no_helper(&e))?;
            if output.status.success() {
                return Ok(());
            }
            let why = String::from_utf8_lossy(&output.stderr).trim().to_owned();
            Err(Error::new(Kind::Denied, format!("cannot unmount: {why}")).on(place.display()))
        }
        Err(e) => Err(Error::new(Kind::Transient, format!("cannot unmount: {e}")).on(place.display())),
    }
}

fn mount_ourselves(place: &Path, options: &MountOptions) -> std::result::Result<OwnedFd, Errno> {
    let opened = OpenOptions::new().read(true).write(true).open(DEVICE);
    let device = OwnedFd::from(opened.map_err(|e| Errno::from_io_error(&e).unwrap_or(Errno::IO))?);
    let (uid, gid) = (rustix::process::getuid().as_raw(), rustix::process::getgid().as_raw());
    let fd = device.as_raw_fd();
    let mut data = format!("fd={fd},rootmode=40000,user_id={uid},group_id={gid},default_permissions");
    if options.allow_other {
        data.push_str(",allow_other");
    }
    let mut flags = MountFlags::RDONLY | MountFlags::NOATIME;
    flags.set(MountFlags::NOSUID, !options.allow_suid);
    flags.set(MountFlags::NODEV, !options.allow_dev);
    flags.set(MountFlags::NOEXEC, options.no_exec);
    let data = CString::new(data).map_err(|_| Errno::INVAL)?;
    rustix::mount::mount(harmless(&options.source), place, TYPE, flags, &*data)?;
    Ok(device)
}

/// The helper mounts for us and sends the device through a socket whose number it finds in its environment.
fn mount_with_helper(place: &Path, options: &MountOptions) -> Result<OwnedFd> {
    let refused = |why: String| {
        let error = Error::new(Kind::Denied, format!("cannot mount: {why}")).on(place.display());
        error.advise("mount as root, or see that /dev/fuse can be opened and that you own the folder")
    };
    // Not close-on-exec: the helper inherits its end.
    let (ours, theirs) = socketpair(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::empty(), None)
        .map_err(|e| refused(e.to_string()))?;
    rustix::io::fcntl_setfd(&ours, rustix::io::FdFlags::CLOEXEC).map_err(|e| refused(e.to_string()))?;
    let mut words = format!("ro,noatime,default_permissions,subtype=cairn,fsname={}", harmless(&options.source));
    for (wanted, word) in [
        (options.allow_other, ",allow_other"),
        (options.allow_suid, ",suid"),
        (options.allow_dev, ",dev"),
        (options.no_exec, ",noexec"),
    ] {
        words.push_str(if wanted { word } else { "" });
    }
    let mut helper = Command::new(HELPER);
    helper.args(["-o", &words, "--"]).arg(place).env("_FUSE_COMMFD", theirs.as_raw_fd().to_string());
    let output = helper.output().map_err(|e| no_helper(&e))?;
    drop(theirs);
    if !output.status.success() {
        return Err(refused(String::from_utf8_lossy(&output.stderr).trim().to_owned()));
    }
    receive(&ours).ok_or_else(|| refused(format!("{HELPER} sent no device")))
}

/// The file descriptor in the one message of a socket.
fn receive(socket: &OwnedFd) -> Option<OwnedFd> {
    let mut byte = [0];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    recvmsg(socket, &mut [IoSliceMut::new(&mut byte)], &mut control, RecvFlags::CMSG_CLOEXEC).ok()?;
    control.drain().find_map(|message| match message {
        RecvAncillaryMessage::ScmRights(mut fds) => fds.next(),
        _ => None,
    })
}

fn no_helper(e: &std::io::Error) -> Error {
    let error = Error::new(Kind::Denied, format!("cannot run {HELPER}: {e}"));
    error.advise("mount as root, or install the package fuse3")
}

/// A source that cannot add options of its own: the helper's options are a list with commas.
fn harmless(source: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:@+~".contains(c);
    source.chars().map(|c| if plain(c) { c } else { '_' }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mount::table;

    #[test]
    fn the_helper_mounts_and_sends_the_device() {
        let helper = Command::new(HELPER).arg("-V").output();
        if !rustix::process::geteuid().is_root() || helper.is_err() || !Path::new(DEVICE).exists() {
            println!("skipped: needs root, {DEVICE} and {HELPER}");
            return;
        }
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().canonicalize().unwrap();
        let options = MountOptions { source: "a,suid".into(), ..MountOptions::at(&place) };
        let device = mount_with_helper(&place, &options);
        let mounted = table::top(&place);
        drop(unmount(&place));
        device.unwrap();
        assert!(mounted.unwrap().is_some_and(|m| m.is_cairn()));
        assert_eq!(table::top(&place).unwrap(), None);
    }

    #[test]
    fn sources_cannot_add_options() {
        assert_eq!(harmless("s3://bucket/a,suid,dev\\ x"), "s3://bucket/a_suid_dev__x");
    }
}
