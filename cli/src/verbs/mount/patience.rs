//! How long a mount waits: `--data-deadline`, `--metadata-deadline`, `--archived`, and what follows for the store.

use crate::parse::duration::duration;
use engine::store;
use std::time::Duration;
use view::Archived;

/// What `--archived` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Policy {
    /// What opening does, and nothing else happens.
    Only(Archived),
    /// Opening fails, and the file is brought back.
    Thaw,
}

impl Policy {
    /// How an archived file is opened.
    pub(super) fn of_files(self) -> Archived {
        if let Policy::Only(archived) = self { archived } else { Archived::Fail }
    }
}

/// What to do about archived files.
///
/// # Errors
/// What is wrong, for clap to print.
pub(super) fn archived(text: &str) -> Result<Policy, String> {
    let archived = match text.split_once('=') {
        None if text == "fail" => Archived::Fail,
        None if text == "read" => Archived::Read,
        None if text == "wait" => Archived::Wait(WAIT),
        None if text == "thaw" => return Ok(Policy::Thaw),
        Some(("wait", time)) => Archived::Wait(duration(time)?),
        _ => return Err("write fail, read, wait, wait=TIME or thaw".to_owned()),
    };
    Ok(Policy::Only(archived))
}

/// A deadline for answers.
///
/// # Errors
/// What is wrong, for clap to print.
pub(super) fn deadline(text: &str) -> Result<Duration, String> {
    match duration(text)? {
        time if time < DEADLINE_MIN => Err("a deadline is at least 100ms: disks take their time as well".to_owned()),
        time if time > DEADLINE_MAX => {
            Err("a deadline is at most 1h: nobody can be stopped while they wait".to_owned())
        }
        time => Ok(time),
    }
}

/// The mount asks again by itself until its deadline, and a request that hangs for much longer than that would only hold a
/// thread; one that is merely slow shall still come to its end, for whoever asks next.
pub(super) fn of_store(options: &mut store::Options, data_deadline: Duration) {
    options.patience.work = options.patience.work.min(RETRIED_FOR);
    options.read_timeout = options.read_timeout.min((data_deadline * 2).max(READ_TIMEOUT_MIN));
    options.connect_timeout = options.connect_timeout.min(data_deadline.max(CONNECT_TIMEOUT_MIN));
}

/// Retrievals at the usual priority take up to half a day at S3 and up to 15 hours at Azure.
const WAIT: Duration = Duration::from_secs(24 * 3600);
const DEADLINE_MIN: Duration = Duration::from_millis(100);
const DEADLINE_MAX: Duration = Duration::from_secs(3600);
/// The store of a mount is asked again by whoever asks the mount again.
const RETRIED_FOR: Duration = Duration::from_secs(1);
const READ_TIMEOUT_MIN: Duration = Duration::from_secs(10);
const CONNECT_TIMEOUT_MIN: Duration = Duration::from_secs(3);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn policies_and_deadlines_are_read_or_refused() {
        let wait = |seconds| Policy::Only(Archived::Wait(Duration::from_secs(seconds)));
        assert_eq!(archived("fail"), Ok(Policy::Only(Archived::Fail)));
        assert_eq!(archived("read"), Ok(Policy::Only(Archived::Read)));
        assert_eq!((archived("wait"), archived("wait=2m")), (Ok(wait(86_400)), Ok(wait(120))));
        assert_eq!(archived("thaw"), Ok(Policy::Thaw));
        assert_eq!(Policy::Thaw.of_files(), Archived::Fail);
        for text in ["", "wait=", "wait=x", "fail=1s", "ask"] {
            assert!(archived(text).is_err(), "{text}");
        }
        assert_eq!(deadline("3s"), Ok(Duration::from_secs(3)));
        assert!(deadline("0").is_err() && deadline("99ms").is_err() && deadline("2h").is_err());
    }

    #[test]
    fn the_store_is_not_waited_for_much_longer_than_the_mount_waits() {
        let mut options = store::Options::default();
        of_store(&mut options, Duration::from_secs(3));
        let times = [options.read_timeout, options.connect_timeout, options.patience.work, options.patience.start];
        assert_eq!(times.map(|time| time.as_secs()), [10, 3, 1, 60]);
        let mut options = store::Options::default();
        of_store(&mut options, Duration::from_secs(60));
        assert_eq!((options.read_timeout.as_secs(), options.connect_timeout.as_secs()), (60, 15));
    }
}
