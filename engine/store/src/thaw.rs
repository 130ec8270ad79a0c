//! A simulated archive for one object in memory: what stores do in hours and days, done by an injected clock.
//!
//! ```text
//!   S3      archived --retrieve--> retrieving --thaw--> ready --days--> archived
//!   Azure   archived --retrieve--> retrieving --thaw--> in Hot --rest_again--> archived
//! ```
//!
//! Pure. Promises the state machine that stores document, refusals included; refuses to know what time it is.

use super::{Asked, Availability, ObjectName, Provider, RetrievalMode, StorageClass, availability};
use base::error::Result;
use base::limits::DAY_SECONDS;
use format_spec::Time;

/// How one object rests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Rest {
    class: StorageClass,
    asked: Option<Thaw>,
}

/// A retrieval that was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Thaw {
    ready: Time,
    /// Days of S3's readable copy, counted from when it is there.
    until: Time,
}

impl Rest {
    pub(super) fn new(class: StorageClass) -> Self {
        Rest { class, asked: None }
    }

    /// The class that is shown now.
    pub(super) fn class(&self, now: Time) -> StorageClass {
        match self.asked {
            Some(thaw) if self.class == StorageClass::Archive && thaw.ready <= now => StorageClass::Hot,
            _ => self.class,
        }
    }

    pub(super) fn availability(&self, now: Time) -> Availability {
        match self.asked {
            _ if !self.class.is_archive() => Availability::Online,
            Some(thaw) if now < thaw.ready => Availability::Retrieving,
            Some(_) if self.class == StorageClass::Archive => Availability::Online,
            Some(thaw) if now < thaw.until => Availability::Ready { until: Some(thaw.until) },
            _ => Availability::Archived,
        }
    }

    /// A retrieval in `mode` for `days`; it takes `thaw_seconds`.
    pub(super) fn retrieve(
        &mut self,
        bytes: u64,
        (mode, days): (RetrievalMode, u32),
        now: Time,
        thaw_seconds: i64,
    ) -> Result<Asked> {
        let after = |time: Time, seconds: i64| Time::new(time.seconds.saturating_add(seconds), time.nanos);
        let days = i64::from(days).saturating_mul(DAY_SECONDS);
        match self.availability(now) {
            Availability::Online => Ok(Asked::Ready),
            Availability::Retrieving => Ok(Asked::Underway),
            Availability::Ready { .. } => {
                self.asked = Some(Thaw { ready: now, until: after(now, days) });
                Ok(Asked::Accepted)
            }
            Availability::Archived => {
                mode.allows(self.class, bytes)?;
                let ready = after(now, thaw_seconds);
                self.asked = Some(Thaw { ready, until: after(ready, days) });
                Ok(Asked::Accepted)
            }
        }
    }

    /// Azure's way back; S3's copies go by themselves.
    pub(super) fn rest_again(&mut self, class: StorageClass) {
        if class.provider() == Provider::Azure {
            *self = Rest::new(class);
        }
    }

    /// Lets a read through, or refuses it.
    pub(super) fn admit(&self, name: &ObjectName, now: Time) -> Result<()> {
        let availability = self.availability(now);
        if availability.is_readable() { Ok(()) } else { Err(availability::archived(name, availability)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::error::Kind;

    fn at(seconds: i64) -> Time {
        Time::new(seconds, 0)
    }

    #[test]
    fn a_copy_of_s3_comes_stays_its_days_and_goes() {
        let mut rest = Rest::new(StorageClass::Glacier);
        let (name, standard) = (ObjectName::new("data/1").unwrap(), (RetrievalMode::Standard, 2));
        assert_eq!(rest.admit(&name, at(0)).unwrap_err().kind(), Kind::Archived);
        assert_eq!(rest.retrieve(9, standard, at(0), 100).unwrap(), Asked::Accepted);
        assert_eq!(
            (rest.availability(at(99)), rest.retrieve(9, standard, at(99), 100).unwrap()),
            (Availability::Retrieving, Asked::Underway)
        );
        let end = 100 + 2 * DAY_SECONDS;
        assert_eq!(rest.availability(at(100)), Availability::Ready { until: Some(at(end)) });
        rest.admit(&name, at(end - 1)).unwrap();
        assert_eq!(rest.availability(at(end)), Availability::Archived);
        // Asked again while it is ready, its days count anew, shorter or longer.
        assert_eq!(rest.retrieve(9, (RetrievalMode::Bulk, 1), at(200), 100).unwrap(), Asked::Accepted);
        assert_eq!(rest.availability(at(300)), Availability::Ready { until: Some(at(200 + DAY_SECONDS)) });
        assert_eq!(rest.class(at(300)), StorageClass::Glacier);
    }

    #[test]
    fn a_blob_of_azure_moves_out_and_stays_until_it_is_sent_back() {
        let mut rest = Rest::new(StorageClass::Archive);
        assert_eq!(rest.retrieve(9, (RetrievalMode::Bulk, 1), at(0), 100).unwrap_err().kind(), Kind::Input);
        assert_eq!(rest.retrieve(9, (RetrievalMode::High, 1), at(0), 100).unwrap(), Asked::Accepted);
        assert_eq!((rest.availability(at(99)), rest.class(at(99))), (Availability::Retrieving, StorageClass::Archive));
        let late = at(100 * DAY_SECONDS);
        assert_eq!((rest.availability(late), rest.class(late)), (Availability::Online, StorageClass::Hot));
        assert_eq!(rest.retrieve(9, (RetrievalMode::High, 1), late, 100).unwrap(), Asked::Ready);
        rest.rest_again(StorageClass::Archive);
        assert_eq!(rest.availability(late), Availability::Archived);
    }

    #[test]
    fn what_does_not_rest_is_ready_at_once() {
        let mut rest = Rest::new(StorageClass::StandardIa);
        assert_eq!(
            (rest.availability(at(0)), rest.retrieve(9, (RetrievalMode::Bulk, 1), at(0), 9).unwrap()),
            (Availability::Online, Asked::Ready)
        );
    }
}
