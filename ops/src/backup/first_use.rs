//! The repository of a backup that needs none: it is created on first use.

use crate::create::{CreateReport, CreateRequest, FirstKey, create};
use crate::face::Face;
use crate::open::{OpenRequest, Opened, Passwords, open};
use crate::open_store::OpenStore;
use crate::{Error, Result};
use engine::Kind;
use std::sync::Arc;

/// Who hears what happens on first use.
pub struct Ears<'a> {
    /// Hears what is tried out.
    pub probing: &'a dyn Fn(&str),
    /// Hears of a repository that was created, before it is opened.
    pub created: &'a dyn Fn(&CreateReport),
}

/// Opens a repository; where there is none, one with nothing out of the ordinary is created first.
///
/// # Errors
/// As [`open()`] and [`create()`].
pub fn open_or_create<F>(
    request: &OpenRequest,
    face: &Arc<dyn Face>,
    passwords: &dyn Passwords<F>,
    first_key: impl FnOnce() -> std::result::Result<FirstKey, F>,
    ears: &Ears<'_>,
) -> Result<Opened, F> {
    let opened = || open(OpenStore::open(&request.store)?, request, face, passwords);
    match opened() {
        Err(e) if e.kind() == Some(Kind::NoRepository) => {}
        other => return other,
    }
    let machine = (&request.env, &request.memory);
    match create(&request.store, &CreateRequest::default(), machine, &**face, ears.probing, first_key) {
        Ok(report) => (ears.created)(&report),
        // Another first run was faster.
        Err(Error::Engine(e)) if e.kind() == Kind::Exists => {}
        Err(e) => return Err(e),
    }
    opened()
}
