//! The terminal while it hides what is typed.
//!
//! Promises: whoever ends the process meanwhile gives the terminal back as it was ([`give_back`]), so the shell shows again what
//! is typed. Refuses to read anything itself.

use parking_lot::Mutex;
use rustix::termios::{OptionalActions, Termios, tcgetattr, tcsetattr};
use std::fs::File;

/// The terminal as it was before something was hidden, for as long as it is.
static HIDDEN: Mutex<Option<(File, Termios)>> = Mutex::new(None);

/// Runs what hides the typing, and shows it again itself where it comes to its end.
pub(crate) fn hiding<T>(read: impl FnOnce() -> T) -> T {
    let terminal = File::open("/dev/tty").ok();
    *HIDDEN.lock() = terminal.and_then(|tty| tcgetattr(&tty).ok().map(|before| (tty, before)));
    let done = read();
    *HIDDEN.lock() = None;
    done
}

/// Shows again what is typed; whether it was hidden.
pub(crate) fn give_back() -> bool {
    let Some((tty, before)) = HIDDEN.lock().take() else { return false };
    // A terminal that went away hides nothing.
    let _ = tcsetattr(&tty, OptionalActions::Now, &before);
    true
}
