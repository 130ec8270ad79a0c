//! A point in time as the format keeps it: seconds and nanoseconds, far beyond what 64 bits of nanoseconds hold.

/// Time since 1970-01-01T00:00:00Z. Ordered; nanoseconds always count forward, also before 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Time {
    /// Whole seconds, negative before 1970.
    pub seconds: i64,
    /// Nanoseconds after `seconds`, 0..=999_999_999.
    pub nanos: u32,
}

impl Time {
    /// A time from seconds and nanoseconds.
    pub fn new(seconds: i64, nanos: u32) -> Self {
        Time { seconds, nanos }
    }
}
