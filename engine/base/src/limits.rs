//! The page of limits: every queue, budget and depth that bounds memory, threads or a wait of the engine, each with its reason.
//!
//! Memory of a backup is bounded by the sum of what stands here, whatever the size of the source or the repository. Not here are
//! numbers that mean something in one file alone and bound nothing that another file holds: the layout of a record, how often a loop
//! looks again, the attempts of one act, a threshold of a plan. They stand at the end of that file, with their reason. The format's own
//! limits are the format's (`format-spec`), and those of the view and of the mount stand in `view/src/limits.rs` and
//! `fusefs/src/limits.rs`.

/// Default zstd level. Blocks of 512 KiB at level 3 beat single files at level 9 in size; a higher level costs more than it saves.
pub const ZSTD_LEVEL: i32 = 3;

/// Content up to this length is one chunk and shares a block with others.
pub const CUT_LEAST: u32 = 128 * 1024;
/// Average length of chunks of larger content: a compromise of ratio, index size and the cost of a random read.
pub const CUT_AVERAGE: u32 = 512 * 1024;
/// No chunk is longer; buffers of readers are of this size.
pub const CUT_MOST: u32 = 2 * 1024 * 1024;

/// A block of small chunks is closed at this many bytes of plaintext.
pub const BLOCK_TARGET: u32 = 512 * 1024;
/// A block of tree nodes is closed at this many bytes: listing one folder should not decode half a megabyte.
pub const META_BLOCK_TARGET: usize = 128 * 1024;

/// Blocks waiting to be compressed, for each compressing thread: enough that none idles, at most 4 MiB each.
pub const BLOCKS_QUEUED_PER_THREAD: usize = 2;
/// Packs waiting to be stored, beside those on their way: 5 MB each.
pub const PACKS_QUEUED_MAX: usize = 2;
/// Packs on their way at once: hides the store's latency without holding more than 20 MB.
pub const UPLOADS_MAX: usize = 4;

/// A session publishes when this many stored bytes wait for it. In-flight packs come on top, so that 256 MB is never passed.
pub const PUBLISH_BYTES: u64 = 192_000_000;
/// The same of packs that were filled in files: four of them in one segment and one entry. Until then the files stay, so that nothing is read from
/// the source again.
pub const PUBLISH_SPOOLED_BYTES: u64 = 900_000_000;
/// The first publish of a session comes earlier: a session that ends before it has left nothing that the next one knows. 32 MB are uploaded
/// again in less than a minute over a line of 5 Mbit/s.
pub const PUBLISH_FIRST_BYTES: u64 = 32_000_000;
/// And at the latest after so many seconds, counted from the first new chunk: a resumed session may first read for long what is known.
pub const PUBLISH_FIRST_SECONDS: f64 = 30.0;
/// Or this many blobs: bounds the set of pending ids.
pub const PUBLISH_BLOBS: u64 = 1_000_000;
/// Or after this many seconds: the heartbeat that others see.
pub const PUBLISH_SECONDS: f64 = 240.0;

/// Events that the walk may be ahead of the tree builder.
pub const EVENTS_QUEUED_MAX: usize = 1024;
/// Files waiting for a reader thread.
pub const FILES_QUEUED_MAX: usize = 64;
/// Names of new nodes kept in memory before they are spooled to a temporary file: 32 bytes each.
pub const NAMES_IN_MEMORY_MAX: usize = 1 << 20;
/// Exceptions of a ledger that are kept one by one; beyond it they are only counted.
pub const EXCEPTIONS_MAX: usize = 1_000_000;
/// Rows of a ledger for what rules left out, the folders with many such items among them: some 10 MB. What goes beyond is only counted, and
/// `restore --delete` then trusts no listing of the point.
pub const LEFT_OUT_ROWS_MAX: usize = 100_000;
/// Left out items of one folder that are named one by one; of more, the folder is.
pub const LEFT_OUT_IN_FOLDER_MAX: usize = 64;
/// Items of a point's tree beyond twice those that were counted when it was made, above which it is refused: writers count each item once, and small
/// trees are walked in no time whatever they say.
pub const ITEMS_UNCOUNTED_MAX: u64 = 10_000;
/// No point has more items, whatever was counted: a million a second would take twelve days.
pub const ITEMS_MAX: u64 = 1 << 40;
/// Rules that a point lists, in bytes: manifests are read whole. Of more, it says that there were more.
pub const RULES_BYTES_MAX: usize = 256 * 1024;

/// Edits of a point that wait in memory, half a kilobyte each: beyond that they are written, and a folder may be written more than once.
pub const EDITS_WAITING_MAX: usize = 100_000;

/// Decoded blocks kept for readers.
pub const DECODED_BYTES_MAX: u64 = 24 * 1024 * 1024;
/// Decoded tree nodes kept, by the length of their bytes.
pub const NODES_BYTES_MAX: u64 = 16 * 1024 * 1024;
/// Plaintext that a restore reads ahead of its writers.
pub const READ_AHEAD_BYTES: u64 = 12 * 1024 * 1024;
/// Adjacent blocks are fetched in one request up to this length.
pub const COALESCED_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// One tail read lists nearly every pack of class backup.
pub const TAIL_BYTES: u64 = 256 * 1024;
/// Log entries fetched at once when catching up.
pub const LOG_FETCH_THREADS: usize = 8;
/// Slots at the log's end that are set aside together: a power cut damages a few, and each of them is looked at.
pub const SET_ASIDE_MAX: u32 = 256;
/// The log is summed up when it has grown by so many entries: an open reads at most about as many, and a checkpoint costs less than they do.
pub const CHECKPOINT_ENTRIES: u32 = 128;
/// Hashes of entries that a checkpoint lists, 32 bytes each: how far back a local cache or a paused writer may have stopped and still be
/// recognised. Twenty machines that back up every day take a month to append so many.
pub const CHECKPOINT_HASHES: usize = 2048;
/// Checkpoints are refused beyond this length: half a million points, segments and condemned packs stay below.
pub const CHECKPOINT_BYTES_MAX: u64 = 68 * 1024 * 1024;
/// Kept in a folder for entries that make room (`keep_reserve` of a store): one that condemns a hundred thousand packs has 2 MB,
/// and those that shut a session out or tell of what was deleted come on top.
pub const RESERVE_BYTES: u64 = 4_000_000;
/// Small objects (config, key slots, log entries, manifests) are refused beyond this length before they are read whole.
pub const SMALL_OBJECT_BYTES_MAX: u64 = 16 * 1024 * 1024;
/// Attempts at one call whose failure is transient, on top of the store's own.
pub const TRANSIENT_ATTEMPTS: u32 = 4;

/// A reader that goes forward has this much read ahead at first; the window doubles while it goes on.
pub const WINDOW_FIRST: u64 = 2 * 1024 * 1024;
/// Between two blocks of one request: reading over a gap costs less than another request.
pub const COALESCED_GAP_MAX: u64 = 256 * 1024;
/// Blocks that are fetched at once for files or folders that will be opened next: 8 MiB of plaintext.
pub const WARM_BLOCKS_MAX: usize = 16;
/// Findings that a check without keys keeps: a store with more is lost anyway.
pub const STORED_FINDINGS_MAX: usize = 100_000;
/// A data pack of a copy is closed at this length: expedited retrieval is offered up to 250 MB, and one Azure request takes it.
pub const COPY_PACK_FILL: u32 = 249_000_000;
/// A metadata pack of a copy is closed at this length.
pub const COPY_META_PACK_FILL: u32 = 64_000_000;
/// Plaintext of a block of small chunks where a copy packs everything anew: the format's limit for a block.
pub const REGROUPED_BLOCK_TARGET: u32 = 4 * 1024 * 1024;
/// Threads of one kind that a command may ask for: the largest machines have fewer processors, and each thread takes some megabytes.
pub const THREADS_MAX: usize = 1024;
/// Threads of an operation that nobody gives a number: one computes while another waits for the store.
pub const THREADS: usize = 2;
/// Memory in KiB that trying a password on one key slot may take: thirty times what our own slots take, and what a small machine has.
pub const KEY_MEMORY_KIB_MAX: u32 = 1 << 20;
/// Passes over that memory: with all of it a quarter of a minute.
pub const KEY_PASSES_MAX: u32 = 16;
/// Key slots that a password is tried on: a person has a handful, and whoever plants slots shall not choose how many are read.
pub const KEY_SLOTS_MAX: usize = 64;
/// Manifests asked for at once: a thousand points of a store that is far away cost some sixty waits.
pub const MANIFEST_READERS_MAX: usize = 16;
/// Locks asked for, or extended, at once: each is a small request, and the store is what takes the time.
pub const LOCK_REQUESTS_MAX: usize = 8;

/// Seconds of a day.
pub const DAY_SECONDS: i64 = 86_400;
/// The share of a job's points that a run of `expire` may take beyond those that were added since the last one: a job
/// whose rules are as they were loses about as much as was added.
pub const EXPIRE_SHARE: f64 = 0.2;
/// Manifests of points that left which a run reads, from the newest on, to learn when a job last lost points: those of a
/// night of twenty jobs that run each quarter of an hour.
pub const GIVEN_UP_MANIFESTS_READ_MAX: usize = 2000;
/// The most that the clocks of a store and of a writer may differ: with more, locks would end at the wrong time.
pub const STORE_SKEW_SECONDS_MAX: i64 = 300;
/// The most that the clocks of machines differ that are kept right: time zones that were mistaken for each other differ by more.
pub const MACHINE_SKEW_SECONDS_MAX: i64 = 3600;
