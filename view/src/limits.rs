//! Every bound of the view, with its reason.

use engine::blob::CacheBudgets;
use engine::reader::PrefetchLimits;
use std::time::Duration;

/// How long names and attributes may take.
pub const METADATA_DEADLINE: Duration = Duration::from_secs(30);
/// How long contents may take.
pub const DATA_DEADLINE: Duration = Duration::from_secs(60);

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
