//! Every bound of the mount, with its reason. What a mount can be told otherwise stands in [`crate::MountOptions`].

use engine::blob::CacheBudgets;
use engine::reader::PrefetchLimits;
use std::time::Duration;

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

/// How long names and attributes may take.
pub const METADATA_DEADLINE: Duration = Duration::from_secs(30);
/// How long contents may take.
pub const DATA_DEADLINE: Duration = Duration::from_secs(60);
/// How long an unmount waits for files that are still open.
pub const DRAIN: Duration = Duration::from_secs(10);

/// Inside a restore point nothing ever changes: the kernel need not ask again.
pub const TTL_INSIDE: Duration = Duration::from_secs(365 * 24 * 3600);
/// The folders that lead to the points.
pub const TTL_NAMESPACE: Duration = Duration::from_secs(3600);

/// Decoded tree nodes that are kept.
pub const NODE_CACHE_BYTES: u64 = 48 << 20;
/// Link groups whose first name is known.
pub const LINK_CACHE_ENTRIES: usize = 65_536;
/// Contents whose trouble is remembered for `user.cairn.state`.
pub const TROUBLE_ENTRIES: usize = 4_096;
/// How long a content that was out of reach is said to be so, if it is not asked for again.
pub const UNREACHABLE_FOR: Duration = Duration::from_secs(10);
/// Entries prepared for one readdir answer. The kernel's buffer of 32 KiB takes about 190.
pub const LIST_ENTRIES: usize = 192;
/// One read request. The kernel asks for at most 1 MiB unless its own limit was raised; more than this is refused, because a
/// shorter answer would be filled up with zeros.
pub const READ_BYTES_MAX: u32 = 16 << 20;
/// Extended attributes of one file, as the kernel limits them too.
pub const XATTR_BYTES_MAX: usize = 65_536;

/// How often the log is asked for new and expired points: one small request to the store.
pub const REFRESH_EVERY: Duration = Duration::from_secs(10);

/// How old an answer about what rests in an archive may be: one listing, a request for a thousand packs, and only when somebody asks.
pub const REST_LOOKS: Duration = Duration::from_secs(5);
/// Entries below a folder that are looked at for how it rests: some tens of nodes, far within the deadline.
pub const REST_ENTRIES: usize = 10_000;

/// Points of a job that `/history` looks at, newest first: three months of daily ones. A look-up costs at most as many.
pub const HISTORY_POINTS_MAX: usize = 100;
/// Names of a folder that are in older points only and are listed in `/history`; further ones can be looked up. Also how many
/// differences between a folder's states are remembered.
pub const HISTORY_NAMES_MAX: usize = 4_096;
/// Folders of `/history` whose states are kept, each at most some 500 KiB, mostly less than one.
pub const HISTORY_FOLDERS: usize = 64;
/// Paths of `/history` whose inode numbers are known: some 80,000.
pub const HISTORY_PATH_BYTES: usize = 16 << 20;
/// How long the kernel may keep what `/history` says: as long as a new point takes to show.
pub const TTL_HISTORY: Duration = REFRESH_EVERY;

/// Path templates of one mount, and folders in each: more than anybody can look through.
pub const TEMPLATES_MAX: usize = 8;
/// Folders in one path template.
pub const TEMPLATE_DEPTH_MAX: usize = 16;
/// Users and groups whose local number is remembered.
pub const LOCAL_NAMES: usize = 4_096;

/// Longest name before a suffix with a whole id, in bytes.
pub const NAME_BYTES_MAX: usize = 255 - 33;
/// Longest host or job in a name, in bytes: two of them, a time and an id fit into 255.
pub const COMPONENT_BYTES_MAX: usize = 100;

/// What a repository that is mounted may keep: decoded blocks for readers at random, and the few nodes of contents. Folders are kept by the
/// view, under [`NODE_CACHE_BYTES`].
pub const CACHES: CacheBudgets = CacheBudgets { blocks: 96 << 20, nodes: 8 << 20 };

/// What is read ahead of those who read forward. Sixteen requests hide the latency of a store far away; two decoders are added to for each
/// further pair of cores.
pub fn prefetch() -> PrefetchLimits {
    let cores = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
    PrefetchLimits { windows: 96 << 20, window: 64 << 20, fetchers: 16, decoders: cores.clamp(2, 8) }
}
/// Files opened one after the other until those behind them are fetched too.
pub const OPENED_IN_ORDER: u32 = 2;
/// Files that are fetched ahead of one who opens them in order.
pub const FILES_AHEAD: usize = 128;
