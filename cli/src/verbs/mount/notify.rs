//! How systemd learns that the mount answers, or goes away: a word to the socket in `NOTIFY_SOCKET`, see sd_notify(3).
//!
//! Nobody listens where the variable is not set. A listener that is gone is no reason to end a mount.

use std::ffi::OsStr;
use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};

/// The mount answers.
pub(super) fn ready(status: &str) {
    tell(&format!("READY=1\nSTATUS={}", status.replace('\n', " ")));
}

/// The mount is about to go.
pub(super) fn stopping() {
    tell("STOPPING=1\nSTATUS=unmounting; waiting for files that are still open");
}

fn tell(state: &str) {
    let Some(address) = std::env::var_os(VARIABLE).filter(|address| !address.is_empty()) else { return };
    if let Err(e) = send(&address, state) {
        tracing::warn!(?address, "nobody hears about the mount at {VARIABLE}: {e}");
    }
}

fn send(address: &OsStr, state: &str) -> io::Result<()> {
    let address = match address.as_bytes().strip_prefix(b"@") {
        Some(name) => SocketAddr::from_abstract_name(name)?,
        None => SocketAddr::from_pathname(address)?,
    };
    UnixDatagram::unbound()?.send_to_addr(state.as_bytes(), &address).map(|_| ())
}

const VARIABLE: &str = "NOTIFY_SOCKET";
