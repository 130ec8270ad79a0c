//! How the fields of reports are written, where their types have a form of their own.

use format_spec::Time;
use serde::{Serialize, Serializer};
use std::fmt::Display;

/// An id, a period, a class: as people read it.
pub(crate) fn text<S: Serializer>(value: &impl Display, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(value)
}

/// Several of them.
pub(crate) fn texts<S: Serializer>(values: &[impl Display], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(values.iter().map(ToString::to_string))
}

/// A time with all its digits.
pub(crate) fn time<S: Serializer>(time: &Time, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&time_exact(*time))
}

/// The same, or null.
pub(crate) fn time_if_any<S: Serializer>(time: &Option<Time>, serializer: S) -> Result<S::Ok, S::Error> {
    time.map(time_exact).serialize(serializer)
}

/// A time in UTC with all its digits: `2026-02-27T09:15:00.123456789Z`.
pub fn time_exact(time: Time) -> String {
    match jiff::Timestamp::from_second(time.seconds) {
        Ok(t) if time.nanos > 0 => format!("{}.{:09}Z", t.strftime("%Y-%m-%dT%H:%M:%S"), time.nanos),
        Ok(t) => t.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        Err(_) => format!("{}.{:09}s", time.seconds, time.nanos),
    }
}

/// A raw name or path: as text, and exactly, as hexadecimal digits, where it is not UTF-8.
pub fn raw(bytes: &[u8]) -> (String, Option<String>) {
    let hex = || bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    (String::from_utf8_lossy(bytes).into_owned(), std::str::from_utf8(bytes).is_err().then(hex))
}
