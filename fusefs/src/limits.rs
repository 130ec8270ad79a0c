//! Every bound of the mount, with its reason. What a mount can be told otherwise stands in [`crate::MountOptions`].

use std::time::Duration;
pub use view::limits::{DATA_DEADLINE, METADATA_DEADLINE, REFRESH_EVERY};

/// Threads that read requests from the kernel. Each holds a buffer of 16 MiB that is touched as needed; two keep up with
/// more clients than two cores can serve, because no handler waits.
pub const SESSION_THREADS: usize = 2;
/// Workers for answers that need tree nodes from the store, of which one user has at most three quarters.
pub const METADATA_WORKERS: usize = 14;
/// Workers for answers that need contents, of which one user has at most three quarters: enough for the gates on random readers. Apart
/// from the others, so that stuck reads never hold up listings.
pub const DATA_WORKERS: usize = 40;
/// Threads for names and attributes, those included whose question is over its deadline and may be stuck for ever.
pub const METADATA_THREADS_MAX: usize = 16;
/// The same for contents. With the probes all threads that can be stuck at the store are 64.
pub const DATA_THREADS_MAX: usize = 44;
/// Probes of a store that is out of reach, at once.
pub const PROBES_MAX: usize = 4;
/// Requests that may wait for a worker, of each kind. Beyond that the store is plainly out of reach and the answer is ETIMEDOUT.
pub const QUEUE_MAX: usize = 16_384;
/// The same for one user.
pub const QUEUE_OF_ONE_MAX: usize = 8_192;
/// Readahead requests that the kernel may have under way. It lets the others wait in one line for all users, so there must be room for
/// two of each reader of a flood.
pub const BACKGROUND_REQUESTS: u16 = 512;

/// Questions in a row without an answer by their deadline, after which the store is out of reach. One or two may be one object's trouble.
pub const BREAKER_FAILURES: u32 = 3;
/// Failures further apart than this are not of one outage. Five deadlines of a reader that asks for one thing at a time.
pub const BREAKER_WINDOW: Duration = Duration::from_secs(300);
/// How long nobody tries, between the probes of a store that is out of reach.
pub const BREAKER_PAUSE: Duration = Duration::from_secs(5);
/// How long a read that had no answer in time is answered at once when it is asked for again: as long as the kernel needs to do so.
pub const SILENCE: Duration = Duration::from_secs(1);
/// Such reads that are remembered.
pub const SILENT_READS: usize = 256;
/// How long a damaged piece of a file is not looked at again.
pub const DAMAGED_FOR: Duration = Duration::from_secs(10);
/// Such pieces that are remembered.
pub const DAMAGED_PIECES: usize = 256;
/// Pauses before a store that could not answer is asked again, first and longest; within the deadline.
pub const TRANSIENT_PAUSES: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(2));
/// Pauses between looks whether an archived file can be read by now, first and longest.
pub const ARCHIVED_PAUSES: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60));
/// How long an unmount waits for files that are still open.
pub const DRAIN: Duration = Duration::from_secs(10);

/// Inside a restore point nothing ever changes: the kernel need not ask again.
pub const TTL_INSIDE: Duration = Duration::from_secs(365 * 24 * 3600);
/// The folders that lead to the points.
pub const TTL_NAMESPACE: Duration = Duration::from_secs(3600);
/// One read request. The kernel asks for at most 1 MiB unless its own limit was raised; more than this is refused, because a
/// shorter answer would be filled up with zeros.
pub const READ_BYTES_MAX: u32 = 16 << 20;
/// Extended attributes of one file, as the kernel limits them too.
pub const XATTR_BYTES_MAX: usize = 65_536;
/// How long the kernel may keep what `/history` says: as long as a new point takes to show.
pub const TTL_HISTORY: Duration = REFRESH_EVERY;
