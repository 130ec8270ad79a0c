//! Rolling checks: which data packs a partial check reads this time.
//!
//! Promises: with a memory, packs that were never read come first, then those that were read longest ago, and runs of a share read exactly that share
//! of the packs in the long run: twenty runs of 5% read each pack once. Without one, the day decides: a window over all packs moves on by the
//! share each day. The memory is a file in the local cache folder, named after the repository; losing it costs a second reading, nothing else.

use crate::error::Result;
use format_spec::{ObjectId, RepositoryId};
use std::collections::HashMap;
use std::io::Write;
use std::path::{Path, PathBuf};

/// Parts in a whole share.
pub(super) const WHOLE: u64 = 1_000_000;

/// What was read when.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Memory {
    /// Runs so far.
    runs: u64,
    /// Millionths of a pack that earlier runs have left to this one.
    left: u64,
    /// The run in which a pack was last read.
    read: HashMap<ObjectId, u64>,
}

/// A share as millionths.
pub(super) fn millionths(share: f64) -> u64 {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 1,000,000")]
    let parts = (share.clamp(0.0, 1.0) * 1e6).round() as u64;
    parts
}

/// Packs of this day, where nothing is remembered: each falls into the window once while it goes round.
pub(super) fn of_the_day(packs: &[ObjectId], share: u64, day: u64) -> Vec<ObjectId> {
    let start = day.wrapping_mul(share) % WHOLE;
    let chosen = |id: &&ObjectId| (spread(**id) % WHOLE + WHOLE - start) % WHOLE < share;
    packs.iter().filter(chosen).copied().collect()
}

impl Memory {
    /// The packs of the next run, and the memory as it is once they were read. Packs that are gone are forgotten.
    pub(super) fn next(&self, packs: &[ObjectId], share: u64) -> (Vec<ObjectId>, Memory) {
        let parts = self.left + packs.len() as u64 * share;
        let quota = usize::try_from(parts / WHOLE).unwrap_or(usize::MAX);
        let mut order: Vec<ObjectId> = packs.to_vec();
        // Never read is before run 1.
        order.sort_by_cached_key(|id| (self.read.get(id).copied().unwrap_or(0), spread(*id)));
        order.truncate(quota);
        let runs = self.runs + 1;
        let mut read: HashMap<ObjectId, u64> = packs.iter().filter_map(|id| Some((*id, *self.read.get(id)?))).collect();
        read.extend(order.iter().map(|id| (*id, runs)));
        (order, Memory { runs, left: parts % WHOLE, read })
    }

    /// Reads the memory of a repository; what is not there or cannot be trusted is forgotten.
    pub(super) fn load(folder: &Path, repository: RepositoryId) -> Self {
        let bytes = std::fs::read(path(folder, repository)).unwrap_or_default();
        Memory::decode(&bytes, repository).unwrap_or_default()
    }

    /// Writes it in place of the one before.
    ///
    /// # Errors
    /// The file system's.
    pub(super) fn save(&self, folder: &Path, repository: RepositoryId) -> Result<()> {
        std::fs::create_dir_all(folder)?;
        let mut file = tempfile::NamedTempFile::new_in(folder)?;
        file.write_all(&self.encode(repository))?;
        file.persist(path(folder, repository)).map_err(|e| e.error)?;
        Ok(())
    }

    fn encode(&self, repository: RepositoryId) -> Vec<u8> {
        let mut out = MAGIC.to_vec();
        out.extend_from_slice(&repository.0);
        out.extend_from_slice(&self.runs.to_le_bytes());
        out.extend_from_slice(&self.left.to_le_bytes());
        for (id, run) in &self.read {
            out.extend_from_slice(&id.session.to_le_bytes());
            out.extend_from_slice(&id.ordinal.to_le_bytes());
            out.extend_from_slice(&run.to_le_bytes());
        }
        let crc = crc32fast::hash(&out);
        out.extend_from_slice(&crc.to_le_bytes());
        out
    }

    fn decode(bytes: &[u8], repository: RepositoryId) -> Option<Self> {
        let (rest, crc) = bytes.split_last_chunk::<4>()?;
        let rows = rest.strip_prefix(MAGIC)?.strip_prefix(&repository.0)?;
        if crc32fast::hash(rest) != u32::from_le_bytes(*crc) {
            return None;
        }
        let (runs, rows) = rows.split_first_chunk::<8>()?;
        let (left, rows) = rows.split_first_chunk::<8>()?;
        let (rows, []) = rows.as_chunks::<16>() else { return None };
        let row = |row: &[u8; 16]| {
            let (session, rest) = row.split_first_chunk::<4>()?;
            let (ordinal, run) = rest.split_first_chunk::<4>()?;
            let id = ObjectId { session: u32::from_le_bytes(*session), ordinal: u32::from_le_bytes(*ordinal) };
            Some((id, u64::from_le_bytes(run.try_into().ok()?)))
        };
        let read = rows.iter().map(row).collect::<Option<_>>()?;
        Some(Memory { runs: u64::from_le_bytes(*runs), left: u64::from_le_bytes(*left) % WHOLE, read })
    }
}

fn path(folder: &Path, repository: RepositoryId) -> PathBuf {
    folder.join(format!("{repository}.checked"))
}

/// A steady number of a pack, so that what is read in one run lies all over the repository.
fn spread(id: ObjectId) -> u64 {
    let hash = blake3::hash(&[id.session.to_le_bytes(), id.ordinal.to_le_bytes()].concat());
    let first = hash.as_bytes().first_chunk::<8>().copied().unwrap_or_default();
    u64::from_le_bytes(first)
}

const MAGIC: &[u8] = b"cairn rolling 1\n";

#[cfg(test)]
mod tests {
    use super::*;

    const REPOSITORY: RepositoryId = RepositoryId([7; 16]);

    fn packs(count: u32) -> Vec<ObjectId> {
        (0..count).map(|ordinal| ObjectId { session: 1 + ordinal / 10, ordinal }).collect()
    }

    #[test]
    fn twenty_runs_of_five_percent_read_each_pack_once_whatever_their_number() {
        for count in [1, 19, 20, 37, 400] {
            let (packs, mut memory, mut read) = (packs(count), Memory::default(), Vec::new());
            for _ in 0..20 {
                let (chosen, after) = memory.next(&packs, millionths(0.05));
                read.extend(chosen);
                memory = Memory::decode(&after.encode(REPOSITORY), REPOSITORY).unwrap();
                assert_eq!(memory, after);
            }
            read.sort_unstable();
            assert_eq!(read, packs, "{count}");
        }
    }

    #[test]
    fn new_packs_come_first_and_gone_ones_are_forgotten() {
        let old = packs(100);
        let (_, memory) = Memory::default().next(&old, WHOLE);
        let mut all = old.clone();
        let new = ObjectId { session: 999, ordinal: 1 };
        all.push(new);
        let (chosen, after) = memory.next(&all, millionths(0.01));
        assert_eq!(chosen, [new]);
        let (_, later) = after.next(&[new], WHOLE);
        assert_eq!(later.read.len(), 1);
    }

    #[test]
    fn without_a_memory_twenty_days_cover_each_pack_once() {
        let packs = packs(400);
        let mut read: Vec<ObjectId> =
            (19_000..19_020).flat_map(|day| of_the_day(&packs, millionths(0.05), day)).collect();
        read.sort_unstable();
        assert_eq!(read, packs);
        let of_a_third: std::collections::BTreeSet<ObjectId> =
            (5..9).flat_map(|day| of_the_day(&packs, millionths(0.3), day)).collect();
        assert_eq!(of_a_third.len(), 400);
    }

    #[test]
    fn a_memory_that_is_damaged_or_of_another_repository_is_forgotten() {
        let (_, memory) = Memory::default().next(&packs(9), WHOLE);
        let bytes = memory.encode(REPOSITORY);
        assert_eq!(Memory::decode(&bytes, RepositoryId([8; 16])), None);
        for at in 0..bytes.len() {
            let mut bent = bytes.clone();
            bent[at] ^= 1;
            assert_eq!(Memory::decode(&bent, REPOSITORY), None, "{at}");
            assert_eq!(Memory::decode(&bytes[..at], REPOSITORY), None, "{at}");
        }
    }
}
