//! Unlocking: which key slots a password is tried on, in which order, and how much that may cost.
//!
//! ```text
//! the slot that opened last on this machine -> the others, by rising cost -> those above the bounds: never
//! ```
//! Whoever can write to the store can plant key slots, and a slot names its own cost. So slots are bounded in memory, in
//! passes and in number ([`SlotBounds`]), and the cheap ones go first: a planted slot costs nothing where an honest one
//! opens. Promises: a key is derived on a thread of its own, so that who waits can give up at any moment; a slot that is
//! slow is named. Refuses to end at one bad slot: what cannot be read or derived is passed over, and told if nothing opens.

use super::slots::{SlotsRead, read_slot, read_slots};
use crate::error::{Error, Kind, Result};
use crate::limits::{KEY_MEMORY_KIB_MAX, KEY_PASSES_MAX, KEY_SLOTS_MAX};
use crate::store::{ObjectName, Store};
use format_spec::key_slot::{Cost, KeySlot};
use format_spec::keys::Secrets;
use format_spec::{RepositoryId, names};
use std::fmt;
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;
use zeroize::Zeroizing;

/// A slot's id, as it stands in the slot.
pub type SlotId = [u8; 8];

/// How much trying a password may cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SlotBounds {
    /// Memory in KiB that one slot may take.
    pub memory_kib: u32,
    /// Passes over it that one slot may take.
    pub passes: u32,
    /// Slots that are read and tried.
    pub slots: usize,
}

impl Default for SlotBounds {
    fn default() -> Self {
        SlotBounds { memory_kib: KEY_MEMORY_KIB_MAX, passes: KEY_PASSES_MAX, slots: KEY_SLOTS_MAX }
    }
}

impl SlotBounds {
    /// Whether a slot of this cost is tried.
    pub fn allow(&self, cost: Cost) -> bool {
        cost.memory_kib <= self.memory_kib && cost.passes <= self.passes
    }
}

/// Who waits while keys are derived.
pub trait Watch: Send + Sync {
    /// Asked some twenty times a second; an error gives the derivation up.
    ///
    /// # Errors
    /// `Interrupted`, when nobody wants the key any more.
    fn check(&self) -> Result<()>;

    /// A derivation takes long: what is tried, and at what cost.
    fn slow(&self, what: &str);
}

/// Nobody waits, and nobody gives up.
pub(super) struct Unwatched;

impl Watch for Unwatched {
    fn check(&self) -> Result<()> {
        Ok(())
    }

    fn slow(&self, what: &str) {
        tracing::info!("{what}");
    }
}

/// How passwords are tried.
#[derive(Clone)]
pub struct Trying {
    /// How much that may cost.
    pub bounds: SlotBounds,
    /// The slot that opened last, where that is remembered.
    pub first: Option<SlotId>,
    /// Who waits.
    pub watch: Arc<dyn Watch>,
}

impl Default for Trying {
    fn default() -> Self {
        Trying { bounds: SlotBounds::default(), first: None, watch: Arc::new(Unwatched) }
    }
}

impl fmt::Debug for Trying {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Trying").field("bounds", &self.bounds).field("first", &self.first).finish_non_exhaustive()
    }
}

impl Trying {
    /// Tries a password on one slot, whatever it costs.
    ///
    /// # Errors
    /// The watch's; the format's for a cost that argon2id does not take.
    pub(super) fn open(&self, slot: &KeySlot, password: &[u8]) -> Result<Option<Secrets>> {
        let (id, cost) = (names::key_slot(slot.id), slot.cost());
        let what = format!("trying the password on {id}, which takes {}", shown(cost));
        let (slot, password) = (slot.clone(), Zeroizing::new(password.to_vec()));
        derived(&*self.watch, &what, move || Ok(slot.unwrap_secrets(&password)?)).map_err(|e| e.on(&id))
    }
}

/// What a derivation gives, made on a thread that is left behind when the watch gives up: it holds nothing but memory, and ends with the process
/// or its last pass.
///
/// # Errors
/// The watch's, and those of `derive`.
pub(super) fn derived<T: Send + 'static>(
    watch: &dyn Watch,
    what: &str,
    derive: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    watch.check()?;
    let (done, result) = channel();
    // Whoever gave up does not listen any more.
    let work = move || drop(done.send(derive()));
    std::thread::Builder::new().name("key".to_owned()).spawn(work).map_err(Error::from)?;
    for look in 1u32.. {
        match result.recv_timeout(LOOK_EVERY) {
            Ok(result) => return result,
            Err(RecvTimeoutError::Timeout) => watch.check()?,
            Err(RecvTimeoutError::Disconnected) => break,
        }
        if look == LOOKS_UNTIL_NAMED {
            watch.slow(what);
        }
    }
    Err(Error::new(Kind::Bug, "the thread that derives a key ended without one"))
}

/// The secrets, and the slot that the password opened.
///
/// # Errors
/// `WrongPassword` where there is none, or it opens no slot within the bounds; `Damaged` where slots cannot be read; the store's.
pub(super) fn unlock(
    store: &dyn Store,
    repository: RepositoryId,
    password: Option<&[u8]>,
    trying: &Trying,
) -> Result<(Secrets, SlotId)> {
    let Some(password) = password else {
        return Err(Error::new(Kind::WrongPassword, "the repository is encrypted and no password was given")
            .on(store.location())
            .advise("set --password-file or CAIRN_PASSWORD"));
    };
    let first = by_first(store, repository, password, trying)?;
    let was_tried = first.is_some();
    if let Some(Some(opened)) = first {
        return Ok(opened);
    }
    let SlotsRead { slots, more } = read_slots(store, repository, trying.bounds.slots)?;
    let mut missed = Missed { count: slots.len(), more, ..Missed::default() };
    let mut tried = Vec::new();
    for (_, slot) in slots {
        match slot {
            Ok(slot) if trying.bounds.allow(slot.cost()) => tried.push(slot),
            Ok(slot) => missed.costly.push(slot),
            Err(e) => missed.damaged = Some(e),
        }
    }
    by_rising_cost(&mut tried);
    for slot in tried.iter().filter(|slot| !was_tried || Some(slot.id) != trying.first) {
        match trying.open(slot, password) {
            Ok(Some(secrets)) => return Ok((secrets, slot.id)),
            Ok(None) => {}
            Err(e) if e.kind() == Kind::Damaged => missed.damaged = Some(e),
            Err(e) => return Err(e),
        }
    }
    Err(missed.told(store, repository))
}

/// By the slot that opened last: one request, and one derivation. `None` where it could not be tried.
fn by_first(
    store: &dyn Store,
    repository: RepositoryId,
    password: &[u8],
    trying: &Trying,
) -> Result<Option<Option<(Secrets, SlotId)>>> {
    let Some(id) = trying.first else { return Ok(None) };
    // What is wrong with it, if it is still there, comes up among the others.
    let Ok(slot) = read_slot(store, repository, &ObjectName::new(names::key_slot(id))?) else { return Ok(None) };
    if !trying.bounds.allow(slot.cost()) {
        return Ok(None);
    }
    match trying.open(&slot, password) {
        Ok(secrets) => Ok(Some(secrets.map(|secrets| (secrets, id)))),
        Err(e) if e.kind() == Kind::Damaged => Ok(None),
        Err(e) => Err(e),
    }
}

/// Sorts slots by what trying them takes: work, then memory.
pub(super) fn by_rising_cost(slots: &mut [KeySlot]) {
    slots.sort_by_key(|slot| {
        let cost = slot.cost();
        (u64::from(cost.memory_kib) * u64::from(cost.passes), cost.memory_kib, slot.id)
    });
}

/// A cost in words.
pub(super) fn shown(cost: Cost) -> String {
    format!("{} MiB of memory and {} passes", cost.memory_kib.div_ceil(1024), cost.passes)
}

/// Why nothing opened.
#[derive(Default)]
struct Missed {
    /// Slots that were read.
    count: usize,
    /// Whether there are others.
    more: bool,
    damaged: Option<Error>,
    costly: Vec<KeySlot>,
}

impl Missed {
    fn told(self, store: &dyn Store, repository: RepositoryId) -> Error {
        let Missed { count, more, damaged, mut costly } = self;
        by_rising_cost(&mut costly);
        if let Some(cheapest) = costly.first() {
            let cost = cheapest.cost();
            let what = format!(
                "the password opens none of the key slots that may be tried; {} more would take too much, the cheapest {}",
                costly.len(),
                shown(cost)
            );
            return Error::new(Kind::WrongPassword, what).on(names::key_slot(cheapest.id)).advise(format!(
                "check the password; if this slot is yours, allow its cost: --key-cost-max {}KiBx{}; a slot that nobody knows was planted: `cairn key remove` it",
                cost.memory_kib, cost.passes
            ));
        }
        if more {
            let what = format!("the password opens none of the first {count} key slots, and there are more");
            return Error::new(Kind::WrongPassword, what).on(store.location()).advise(format!(
                "`cairn key list` with another password shows them; --key-cost-max {}KiBx{}x{} tries more of them",
                KEY_MEMORY_KIB_MAX,
                KEY_PASSES_MAX,
                count.saturating_mul(16)
            ));
        }
        match damaged {
            Some(e) if matches!(e.kind(), Kind::Damaged | Kind::Unsupported) => {
                let what = "the password opens none of the key slots that can be read, and this one cannot";
                let object = e.object().unwrap_or("keys").to_owned();
                Error::new(e.kind(), what).on(object).because(e).advise(
                    "use the password of another key slot, or `cairn key import --recovery-sheet FILE` with the recovery sheet, which adds a slot; then `cairn key remove` this one",
                )
            }
            Some(e) => e,
            None if count == 0 => {
                Error::new(Kind::Damaged, format!("the repository {repository} is encrypted and has no key slot"))
                    .on("keys")
                    .advise("restore the key slot, or open it with the recovery sheet: `cairn key import`")
            }
            None => Error::new(Kind::WrongPassword, format!("the password opens none of {count} key slots"))
                .on(store.location())
                .advise("check the password, or use the recovery sheet: `cairn key import`"),
        }
    }
}

const LOOK_EVERY: Duration = Duration::from_millis(50);
/// Two seconds: ten times what a slot of our own takes.
const LOOKS_UNTIL_NAMED: u32 = 40;
