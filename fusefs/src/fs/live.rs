//! Points that come and go while mounted: one thread asks the catalog now and then, and tells the kernel what it must forget.
//!
//! ```text
//! catalog --points--> View::refresh --Changes--> inval_entry(folder, name), inval_inode(folder or link)
//! ```
//!
//! The kernel is told from this thread alone and with no lock held: `inval_entry` waits for the folder's lock, which a look-up
//! under way holds until it was answered (libfuse #341). By then the view is the new one, so that whatever the kernel asks next
//! is answered with it. A poll that fails changes nothing; the next one is made as if nothing had been.

use fuser::{INodeNo, Notifier};
use parking_lot::{Condvar, Mutex};
use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::sync::Arc;
use std::time::Duration;
use view::{Changes, View};

/// The thread of one session. Dropping it ends the thread as soon as a store that is asked answers; it is not waited for.
pub(crate) struct Live {
    state: Arc<State>,
}

struct State {
    /// `None` once the session has ended: the kernel's connection must not be kept open by who only tells it things.
    notifier: Mutex<Option<Notifier>>,
    end: Condvar,
}

impl Live {
    /// Starts to ask every so often.
    pub(crate) fn start(view: Arc<View>, notifier: Notifier, every: Duration) -> io::Result<Self> {
        let state = Arc::new(State { notifier: Mutex::new(Some(notifier)), end: Condvar::new() });
        let told = Arc::clone(&state);
        std::thread::Builder::new().name("mount-live".into()).spawn(move || told.run(&view, every))?;
        Ok(Live { state })
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        *self.state.notifier.lock() = None;
        self.state.end.notify_all();
    }
}

impl State {
    fn run(&self, view: &View, every: Duration) {
        let mut fails = false;
        while self.pause(every) {
            match view.refresh() {
                Ok(changes) => {
                    if fails {
                        tracing::info!("the repository answers again");
                    }
                    fails = false;
                    self.tell(&changes);
                }
                Err(e) if fails => tracing::debug!("still cannot ask for new restore points: {e}"),
                Err(e) => {
                    fails = true;
                    tracing::warn!("cannot ask for new restore points, and tries again: {e}");
                }
            }
        }
    }

    /// Waits; false when the session has ended.
    fn pause(&self, time: Duration) -> bool {
        let mut notifier = self.notifier.lock();
        if notifier.is_some() {
            self.end.wait_for(&mut notifier, time);
        }
        notifier.is_some()
    }

    fn tell(&self, changes: &Changes) {
        let names = changes.names.iter().map(|(folder, name)| (*folder, Some(name)));
        for (inode, name) in names.chain(changes.inodes.iter().map(|inode| (*inode, None))) {
            let Some(notifier) = self.notifier.lock().clone() else { return };
            let told = match name {
                Some(name) => notifier.inval_entry(INodeNo(inode.0), OsStr::from_bytes(name)),
                None => notifier.inval_inode(INodeNo(inode.0), 0, 0),
            };
            if let Err(e) = told {
                tracing::warn!(inode = inode.0, "the kernel may show what was before for up to an hour: {e}");
            }
        }
    }
}
