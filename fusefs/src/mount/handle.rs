//! A running mount in the hands of who made it.

use super::{kernel, table};
use crate::fs::{Live, PointsFs};
use engine::{Error, Kind, Result};
use fuser::Session;
use parking_lot::{Condvar, Mutex};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// A running mount. Can be shared: one thread waits, another unmounts. Dropping it unmounts.
#[derive(Debug)]
pub struct MountHandle {
    place: PathBuf,
    device: Option<table::Mounted>,
    drain: Duration,
    is_drained: AtomicBool,
    state: Arc<State>,
}

#[derive(Debug, Default)]
struct State {
    ended: Mutex<Option<std::result::Result<(), End>>>,
    end: Condvar,
}

/// Why serving ended though nobody unmounted.
#[derive(Debug)]
enum End {
    /// The connection was aborted; the mount is still there, dead.
    Aborted,
    Failed(String),
}

impl MountHandle {
    /// Serves a session that was mounted at `place`, and ends what keeps it up to date with it.
    pub(super) fn start(place: &Path, session: Session<PointsFs>, live: Live, drain: Duration) -> io::Result<Self> {
        let state = Arc::new(State::default());
        let told = Arc::clone(&state);
        let device = table::top(place).ok().flatten();
        let (at, mounted) = (place.to_owned(), device.clone());
        let serve = move || {
            let result = session.run().or_else(|e| {
                // Somebody aborted the connection: it may have been ourselves.
                let errno = rustix::io::Errno::from_io_error(&e);
                if errno == Some(rustix::io::Errno::CONNABORTED) { Ok(()) } else { Err(End::Failed(e.to_string())) }
            });
            drop(live);
            let is_left = table::at(&at).is_ok_and(|here| here.iter().any(|m| Some(m) == mounted.as_ref()));
            *told.ended.lock() = Some(result.and(if is_left { Err(End::Aborted) } else { Ok(()) }));
            told.end.notify_all();
        };
        std::thread::Builder::new().name("mount".into()).spawn(serve)?;
        Ok(MountHandle { place: place.to_owned(), device, drain, is_drained: AtomicBool::new(false), state })
    }

    /// Where it is mounted.
    pub fn mountpoint(&self) -> &Path {
        &self.place
    }

    /// Waits until it is unmounted, by whomever.
    ///
    /// # Errors
    /// `Transient` when the connection was aborted under the mount, which then stays as a dead one; `Bug` when serving ended for
    /// another reason.
    pub fn wait(&self) -> Result<()> {
        let mut ended = self.state.ended.lock();
        loop {
            match &*ended {
                None => self.state.end.wait(&mut ended),
                Some(Ok(())) => return Ok(()),
                Some(Err(End::Aborted)) => {
                    let error = Error::new(Kind::Transient, "somebody aborted the connection of the mount");
                    return Err(error
                        .on(self.place.display())
                        .advise("mount it again, or take it away with `cairn umount`"));
                }
                Some(Err(End::Failed(why))) => {
                    return Err(Error::new(Kind::Bug, format!("the mount ended: {why}")).on(self.place.display()));
                }
            }
        }
    }

    /// Takes the mount away at once, also a dead one; files that are still open can be read until [`MountOptions::drain`] is over. Does nothing
    /// when it is gone already, and leaves alone what somebody else has mounted at its place.
    ///
    /// [`MountOptions::drain`]: crate::MountOptions::drain
    ///
    /// # Errors
    /// `Input` when something else is mounted on top, `Denied` when the system refuses.
    pub fn unmount(&self) -> Result<()> {
        let is_gone = matches!(&*self.state.ended.lock(), Some(Ok(())));
        if is_gone || self.is_drained.load(Ordering::Relaxed) {
            return Ok(());
        }
        let here = table::at(&self.place)?;
        let ours = here.iter().position(|m| Some(m) == self.device.as_ref());
        match ours {
            Some(at) if at + 1 < here.len() => {
                let error = Error::new(Kind::Input, "something else is mounted on top").on(self.place.display());
                return Err(error.advise("unmount that first"));
            }
            Some(_) => kernel::unmount(&self.place)?,
            None => {}
        }
        if !self.wait_for(self.drain) && self.abort() {
            self.wait_for(ABORT);
        }
        self.is_drained.store(true, Ordering::Relaxed);
        Ok(())
    }

    fn has_ended(&self) -> bool {
        self.state.ended.lock().is_some()
    }

    /// Waits for at most `patience` until it is unmounted, by whomever; whether it is.
    pub fn wait_for(&self, patience: Duration) -> bool {
        let until = Instant::now() + patience;
        let mut ended = self.state.ended.lock();
        while ended.is_none() {
            if self.state.end.wait_until(&mut ended, until).timed_out() {
                return ended.is_some();
            }
        }
        true
    }

    /// Ends the connection under those who still hold files open; they get ECONNABORTED. Where that cannot be asked for, the
    /// end of the process does it.
    fn abort(&self) -> bool {
        let Some(connection) = self.device.as_ref().and_then(table::Mounted::connection) else { return false };
        let file = format!("/sys/fs/fuse/connections/{connection}/abort");
        let aborted = std::fs::write(&file, "1");
        if let Err(e) = &aborted {
            tracing::warn!(file, "some files are still open, and the mount cannot be aborted: {e}");
        }
        aborted.is_ok()
    }
}

/// How long serving may take to notice that the connection was aborted.
const ABORT: Duration = Duration::from_secs(5);

impl Drop for MountHandle {
    /// What died stays, and says so: an empty folder would look like an empty mount.
    fn drop(&mut self) {
        if self.has_ended() {
            return;
        }
        if let Err(e) = self.unmount() {
            tracing::warn!("cannot unmount: {e}");
        }
    }
}
