//! The end of a session that commits nothing: it shuts itself out.
//!
//! Promises: a session that ends, by its work or by an error, is not waited for by a collection. Refuses to try where nobody
//! would hear of it, or harm could come of it: a store that does not answer is not asked to take one entry more, and one that
//! did not keep what it was given would perhaps not keep this either, which would stop everybody. The lease ends such a session.

use super::replay::Log;
use crate::env::Env;
use crate::error::{Error, Kind, Result};
use format_spec::log::Change;

impl Log {
    /// Ends a session. Nothing is done where it has ended already: by a commit, or by whoever shut it out.
    ///
    /// # Errors
    /// As [`Log::append`].
    pub fn end(&self, env: &dyn Env, session: u32, reason: &str) -> Result<()> {
        let mut has_ended = false;
        let appended = self.append(env, &mut |view| {
            view.expect_session(session).inspect_err(|_| has_ended = true)?;
            Ok(Change::Fence { session, reason: reason.to_owned() })
        });
        if has_ended { Ok(()) } else { appended.map(|_| ()) }
    }

    /// Ends a session whose work ended with this error, and says what the error means: see [`Log::explain_session_error`]. `is_of_old` says
    /// that damage, if the error is one, is of what others have stored.
    pub(crate) fn end_after(&self, env: &dyn Env, session: u32, error: Error, is_of_old: bool) -> Error {
        let error = self.explain_session_error(session, error);
        let is_told = match error.kind() {
            Kind::Transient => false,
            Kind::Damaged => is_of_old,
            _ => true,
        };
        if is_told && let Err(also) = self.end(env, session, "it ended with an error") {
            tracing::warn!(session, error = %also, "the session could not be ended; a collection waits for its lease");
        }
        error
    }
}
