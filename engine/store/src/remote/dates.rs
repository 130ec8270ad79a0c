//! Dates as HTTP writes them: `Sun, 06 Nov 1994 08:49:37 GMT`.

use base::error::{Error, Kind, Result};
use format_spec::Time;

/// The date of a response; `None` for anything else.
pub(super) fn read(text: &str) -> Option<Time> {
    jiff::fmt::rfc2822::parse(text).ok().map(|zoned| Time::new(zoned.timestamp().as_second(), 0))
}

/// The end of a lock, for a request.
///
/// # Errors
/// `Input` for a time beyond the calendar.
pub(super) fn write(time: Time) -> Result<String> {
    let far = |e: jiff::Error| Error::new(Kind::Input, format!("a lock cannot end at {}s", time.seconds)).because(e);
    let stamp = jiff::Timestamp::from_second(time.seconds).map_err(far)?;
    jiff::fmt::rfc2822::DateTimePrinter::new().timestamp_to_rfc9110_string(&stamp).map_err(far)
}
