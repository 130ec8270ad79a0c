//! Shutting a session out that others own: it can append nothing from then on.

use crate::error::Result;
use crate::log::LogView;
use crate::repository::Repository;
use format_spec::log::Change;

/// Fences a session. `expect` is asked about the log as it is at the fence's slot; what it refuses
/// keeps the session open.
///
/// # Errors
/// `Conflict` when the session has ended already; what `expect` refuses; the log's.
pub fn fence(
    repository: &Repository,
    session: u32,
    reason: &str,
    expect: &dyn Fn(&LogView) -> Result<()>,
) -> Result<()> {
    let appended = repository.log().append(&**repository.env(), &mut |view| {
        expect(view)?;
        view.expect_session(session)?;
        Ok(Change::Fence { session, reason: reason.to_owned() })
    });
    appended.map(|_| ())
}
