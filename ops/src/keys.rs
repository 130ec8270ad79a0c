//! Key slots and the recovery sheet, as rows and summaries.

use crate::report;
use engine::repository::{KeyEvent, Replaced, SlotInfo};
use format_spec::Time;
use format_spec::log::KeyChange;
use schemars::JsonSchema;
use serde::Serialize;

/// A key slot; `key list` prints one row per slot.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct KeySlotRow {
    /// Its id.
    pub id: String,
    /// What it was called when it was made.
    pub label: String,
    /// When it was made.
    #[serde(serialize_with = "report::time")]
    #[schemars(with = "String")]
    pub created: Time,
    /// Memory in KiB that trying a password takes; null where the slot cannot be read.
    pub memory_kib: Option<u32>,
    /// Passes over that memory; null where the slot cannot be read.
    pub passes: Option<u32>,
    /// Why it cannot be read; null where it can.
    pub damaged: Option<String>,
}

impl From<&SlotInfo> for KeySlotRow {
    fn from(slot: &SlotInfo) -> KeySlotRow {
        KeySlotRow {
            id: slot.id.clone(),
            label: slot.label.clone(),
            created: slot.created,
            memory_kib: slot.cost.map(|cost| cost.memory_kib),
            passes: slot.cost.map(|cost| cost.passes),
            damaged: slot.damaged.clone(),
        }
    }
}

/// A slot that came or went; `key list --history` prints one row per change.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct KeyChangeRow {
    /// The slot's id.
    pub id: String,
    /// `added` or `removed`.
    pub change: &'static str,
    /// When.
    #[serde(serialize_with = "report::time")]
    #[schemars(with = "String")]
    pub time: Time,
    /// The entry of the log that says so.
    pub log_entry: u32,
}

impl From<&KeyEvent> for KeyChangeRow {
    fn from(event: &KeyEvent) -> KeyChangeRow {
        let change = match event.change {
            KeyChange::Added => "added",
            KeyChange::Removed => "removed",
        };
        KeyChangeRow { id: event.slot.clone(), change, time: event.time, log_entry: event.entry }
    }
}

/// A slot that takes the place of another; `key reseal` prints one row per slot.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct ReplacedRow {
    /// The new slot.
    pub slot: String,
    /// The one that has gone.
    pub removed: String,
}

impl From<&Replaced> for ReplacedRow {
    fn from(done: &Replaced) -> ReplacedRow {
        ReplacedRow { slot: done.new.clone(), removed: done.old.clone() }
    }
}

/// The summary of `key list`.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct KeyListReport {
    /// Slots.
    pub slots: usize,
    /// Slots that cannot be read.
    pub slots_damaged: usize,
}

/// The summary of `key add`, `key rotate`, `key import` and of a `key reseal` of one slot.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct SlotReport {
    /// The slot that was made.
    pub slot: String,
    /// The one whose place it takes; null where it takes none.
    pub removed: Option<String>,
}

/// The summary of `key remove`.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct RemovedReport {
    /// The slot that has gone.
    pub removed: String,
}

/// The summary of a `key reseal` of several slots.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct ResealedReport {
    /// Slots that were sealed again.
    pub slots: usize,
}

/// A recovery sheet; `key export` prints it where no file is named.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct RecoverySheetRow {
    /// The repository.
    pub repository: String,
    /// Where it is.
    pub location: String,
    /// The lines of the keys.
    pub lines: Vec<String>,
}

/// The summary of `key export`.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct ExportReport {
    /// The repository.
    pub repository: String,
    /// The file that the sheet was written to; null where it went to stdout.
    pub file: Option<String>,
}
