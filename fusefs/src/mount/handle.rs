//! A running mount in the hands of who made it.

use super::{kernel, table};
use crate::fs::PointsFs;
use engine::{Error, Kind, Result};
use fuser::Session;
use parking_lot::{Condvar, Mutex};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A running mount. Can be shared: one thread waits, another unmounts. Dropping it unmounts.
#[derive(Debug)]
pub struct MountHandle {
    place: PathBuf,
    device: Option<table::Mounted>,
    drain: Duration,
    state: Arc<State>,
}

#[derive(Debug, Default)]
struct State {
    ended: Mutex<Option<std::result::Result<(), String>>>,
    end: Condvar,
}

impl MountHandle {
    /// Serves a session that was mounted at `place`.
    pub(super) fn start(place: &Path, session: Session<PointsFs>, drain: Duration) -> io::Result<Self> {
        let state = Arc::new(State::default());
        let told = Arc::clone(&state);
        let serve = move || {
            let result = session.run().or_else(|e| {
                // Somebody aborted the connection: an end like others.
                let errno = rustix::io::Errno::from_io_error(&e);
                if errno == Some(rustix::io::Errno::CONNABORTED) { Ok(()) } else { Err(e.to_string()) }
            });
            *told.ended.lock() = Some(result);
            told.end.notify_all();
        };
        std::thread::Builder::new().name("mount".into()).spawn(serve)?;
        let device = table::top(place).ok().flatten();
        Ok(MountHandle { place: place.to_owned(), device, drain, state })
    }

    /// Where it is mounted.
    pub fn mountpoint(&self) -> &Path {
        &self.place
    }

    /// Waits until it is unmounted, by whomever.
    ///
    /// # Errors
    /// `Bug` when serving ended for another reason.
    pub fn wait(&self) -> Result<()> {
        let mut ended = self.state.ended.lock();
        loop {
            match &*ended {
                None => self.state.end.wait(&mut ended),
                Some(Ok(())) => return Ok(()),
                Some(Err(why)) => {
                    return Err(Error::new(Kind::Bug, format!("the mount ended: {why}")).on(self.place.display()));
                }
            }
        }
    }

    /// Takes the mount away at once; files that are still open can be read until [`MountOptions::drain`] is over. Does nothing
    /// when it is gone already, and leaves alone what somebody else has mounted at its place.
    ///
    /// [`MountOptions::drain`]: crate::MountOptions::drain
    ///
    /// # Errors
    /// `Input` when something else is mounted on top, `Denied` when the system refuses.
    pub fn unmount(&self) -> Result<()> {
        if self.has_ended() {
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
    fn drop(&mut self) {
        if let Err(e) = self.unmount() {
            tracing::warn!("cannot unmount: {e}");
        }
    }
}
