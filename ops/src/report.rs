//! How the fields of reports are written, where their types have a form of their own.

use serde::Serializer;
use std::fmt::Display;

/// An id, a period, a class: as people read it.
pub(crate) fn text<S: Serializer>(value: &impl Display, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(value)
}
