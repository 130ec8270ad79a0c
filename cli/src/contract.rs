//! What `--json` prints, by types: `docs/json.md` is made from this table, and real output is held against it.
//!
//! Promises: a key that a type does not have is found in no output and on no page. Refuses to say which rows a run prints:
//! that depends on what it meets.

use crate::output::rows::{
    CouldMountReport, ErrorRow, FailedSummaryRow, LeftOutRow, ManReport, MountedReport, ProbingRow, ProgressRow,
    ScheduleReport, ScheduleRow, ServedReport, ServingRow, SummaryRow, UmountReport, WaitingRow, WarningRow,
};
use ops::backup::{BackupReport, SkippedReport};
use ops::compared::{LiveDifferenceRow, VerifyReport};
use ops::copy::CopyReport;
use ops::create::CreateReport;
use ops::findings::{CheckSummary, FindingRow, StoredSummary};
use ops::immutability::RaisedReport;
use ops::items::{DiffReport, DifferenceRow, EntryRow, FindReport, HistoryReport, LsReport, MatchRow, VersionRow};
use ops::keys::{
    ExportReport, KeyChangeRow, KeyListReport, KeySlotRow, RecoverySheetRow, RemovedReport, ReplacedRow,
    ResealedReport, SlotReport,
};
use ops::local::{CacheReport, DroppedReport, ForgotReport, KnownReport, KnownRow};
use ops::plans::expire::{self, ExpireReport, HeldRow};
use ops::plans::gc::{CollectionPlanReport, CollectionReport, FenceRow, HoldingRow, LockedRow, PackRow};
use ops::plans::migrate::{FeatureRow, MigrationReport, StepRow};
use ops::plans::opening::{OpeningPlanReport, OpeningReport};
use ops::plans::repair::{DamageRow, HealRow, RepairPlanReport, RepairReport, RightAgainRow, SupersededRow};
use ops::points::{GapRow, PointRow, PointStats, PointsReport, RepositoryStats};
use ops::restored::{ActionRow, RestoreReport};
use ops::retrieve::{
    ArrivedReport, ExtendReport, ExtendedReport, ListReport, PlanReport, RetrievalReport, StartReport, StatusReport,
};
use ops::spending::EarlyReport;
use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema};
use serde_json::{Map, Value};
use std::fmt::Write as _;

type OfType = fn() -> Schema;

/// A `type` of rows, the verbs that print it, and its keys.
struct RowKind(&'static str, &'static str, OfType);

/// Verbs, and the keys of their summaries beside those of all summaries: one set of several.
struct Summary(&'static [&'static str], &'static [OfType]);

const ROWS: &[RowKind] = &[
    RowKind("progress", "backup, restore, check, verify and other long work, each second", of::<ProgressRow>),
    RowKind("probing", "init", of::<ProbingRow>),
    RowKind("warning", "all", of::<WarningRow>),
    RowKind("error", "all, before the summary of a failure", of::<ErrorRow>),
    RowKind("left_out", "backup", of::<LeftOutRow>),
    RowKind("waiting", "backup --if-running wait", of::<WaitingRow>),
    RowKind("point", "points", of::<PointRow>),
    RowKind("point", "expire, tag", of::<expire::PointRow>),
    RowKind("held", "expire run", of::<HeldRow>),
    RowKind("gap", "points --verify-immutability", of::<GapRow>),
    RowKind("entry", "ls", of::<EntryRow>),
    RowKind("match", "find", of::<MatchRow>),
    RowKind("version", "history", of::<VersionRow>),
    RowKind("difference", "diff", of::<DifferenceRow>),
    RowKind("difference", "verify", of::<LiveDifferenceRow>),
    RowKind("item", "restore --dry-run", of::<ActionRow>),
    RowKind("arrived", "restore --archived", of::<ArrivedReport>),
    RowKind("damage", "check", of::<FindingRow>),
    RowKind("damage", "repair plan", of::<DamageRow>),
    RowKind("unsupported", "check, repair plan", of::<FindingRow>),
    RowKind("superseded", "check, repair plan", of::<SupersededRow>),
    RowKind("collected", "check --as-of", of::<FindingRow>),
    RowKind("uncommitted", "check", of::<FindingRow>),
    RowKind("right_again", "repair plan", of::<RightAgainRow>),
    RowKind("heal", "repair", of::<HealRow>),
    RowKind("pack", "gc plan", of::<PackRow>),
    RowKind("pack", "gc plan, of packs that the store keeps", of::<LockedRow>),
    RowKind("fence", "gc plan", of::<FenceRow>),
    RowKind("holding", "gc plan", of::<HoldingRow>),
    RowKind("early", "gc plan", of::<EarlyReport>),
    RowKind("feature", "migrate plan", of::<FeatureRow>),
    RowKind("step", "migrate plan", of::<StepRow>),
    RowKind("plan", "retrieve start, restore --archived", of::<PlanReport>),
    RowKind("retrieval", "retrieve list", of::<RetrievalReport>),
    RowKind("extended", "retrieve extend", of::<ExtendedReport>),
    RowKind("key_slot", "key list", of::<KeySlotRow>),
    RowKind("key_change", "key list --history", of::<KeyChangeRow>),
    RowKind("key_slot_replaced", "key reseal", of::<ReplacedRow>),
    RowKind("recovery_sheet", "key export", of::<RecoverySheetRow>),
    RowKind("known", "known list", of::<KnownRow>),
    RowKind("schedule", "schedule print", of::<ScheduleRow>),
    RowKind("mounted", "mount --foreground, when the mount answers", of::<MountedReport>),
    RowKind("serving", "serve, when it answers", of::<ServingRow>),
];

const SUMMARIES: &[Summary] = &[
    Summary(&["init"], &[of::<CreateReport>]),
    Summary(&["backup"], &[of::<BackupReport>, of::<SkippedReport>]),
    Summary(&["points"], &[of::<PointsReport>]),
    Summary(&["ls"], &[of::<LsReport>]),
    Summary(&["find"], &[of::<FindReport>]),
    Summary(&["diff"], &[of::<DiffReport>]),
    Summary(&["history"], &[of::<HistoryReport>]),
    Summary(&["stats"], &[of::<RepositoryStats>, of::<PointStats>]),
    Summary(&["restore"], &[of::<RestoreReport>]),
    Summary(&["verify"], &[of::<VerifyReport>]),
    Summary(&["check"], &[of::<CheckSummary>, of::<StoredSummary>]),
    Summary(&["repair plan"], &[of::<RepairPlanReport>, of::<OpeningPlanReport>]),
    Summary(&["repair apply"], &[of::<RepairReport>, of::<OpeningReport>]),
    Summary(&["expire plan", "expire apply", "expire run"], &[of::<ExpireReport>]),
    Summary(&["tag"], &[of::<ExpireReport>]),
    Summary(&["gc plan"], &[of::<CollectionPlanReport>]),
    Summary(&["gc apply", "gc run"], &[of::<CollectionReport>]),
    Summary(&["copy"], &[of::<CopyReport>]),
    Summary(&["retrieve start"], &[of::<StartReport>]),
    Summary(&["retrieve status"], &[of::<StatusReport>]),
    Summary(&["retrieve extend"], &[of::<ExtendReport>]),
    Summary(&["retrieve list"], &[of::<ListReport>]),
    Summary(&["migrate plan", "migrate apply"], &[of::<MigrationReport>]),
    Summary(&["immutability raise"], &[of::<RaisedReport>]),
    Summary(&["key list"], &[of::<KeyListReport>]),
    Summary(&["key add", "key rotate", "key import"], &[of::<SlotReport>]),
    Summary(&["key reseal"], &[of::<SlotReport>, of::<ResealedReport>]),
    Summary(&["key remove"], &[of::<RemovedReport>]),
    Summary(&["key export"], &[of::<ExportReport>]),
    Summary(&["known list"], &[of::<KnownReport>]),
    Summary(&["known forget"], &[of::<ForgotReport>]),
    Summary(&["cache status", "cache sync", "index rebuild"], &[of::<CacheReport>]),
    Summary(&["cache drop"], &[of::<DroppedReport>]),
    Summary(&["schedule print"], &[of::<ScheduleReport>]),
    Summary(&["mount"], &[of::<MountedReport>, of::<CouldMountReport>]),
    Summary(&["umount"], &[of::<UmountReport>]),
    Summary(&["serve webdav"], &[of::<ServedReport>]),
    Summary(&["man"], &[of::<ManReport>]),
];

/// Verbs whose stdout is the data itself: they refuse `--json`.
const WITHOUT: [&str; 2] = ["cat", "completions"];

fn of<T: JsonSchema>() -> Schema {
    let settings = SchemaSettings::draft2020_12().for_serialize().with(|settings| settings.inline_subschemas = true);
    settings.into_generator().into_root_schema_for::<T>()
}

/// The verbs with a summary, each word of them as it is written, and those that refuse `--json`.
pub fn verbs() -> Vec<&'static str> {
    SUMMARIES.iter().flat_map(|summary| summary.0).copied().chain(WITHOUT).collect()
}

/// Holds a printed line against the types; `verb` as [`verbs`] has it.
///
/// # Errors
/// What does not fit.
pub fn hold(verb: &str, line: &str) -> Result<(), String> {
    let Ok(Value::Object(mut row)) = serde_json::from_str(line) else { return Err(format!("no object: {line}")) };
    let Some(Value::String(kind)) = row.remove("type") else { return Err(format!("no type: {line}")) };
    if kind != "summary" {
        let kinds: Vec<&RowKind> = ROWS.iter().filter(|row| row.0 == kind).collect();
        return fits_one(&kind, &row, &kinds.iter().map(|kind| kind.2).collect::<Vec<_>>());
    }
    if row.contains_key("error") {
        return fits_one(&kind, &row, &[of::<FailedSummaryRow>]);
    }
    let heads = keys_of(&of::<SummaryRow>());
    for head in heads {
        row.remove(&head.name).ok_or_else(|| format!("a summary without {}: {line}", head.name))?;
    }
    let Some(summary) = SUMMARIES.iter().find(|s| s.0.contains(&verb)) else {
        return Err(format!("no such verb: {verb}"));
    };
    fits_one(verb, &row, summary.1)
}

fn fits_one(what: &str, row: &Map<String, Value>, types: &[OfType]) -> Result<(), String> {
    let misfits: Vec<String> = types.iter().filter_map(|of| misfit(row, &keys_of(&of()))).collect();
    match misfits.len() == types.len() {
        true => Err(format!("{what}: {row:?} fits none of {} types: {}", types.len(), misfits.join("; "))),
        false => Ok(()),
    }
}

fn misfit(row: &Map<String, Value>, keys: &[Key]) -> Option<String> {
    let unknown = row.keys().find(|key| keys.iter().all(|known| known.name != **key));
    let lacking = keys.iter().find(|key| key.is_always && !row.contains_key(&key.name));
    unknown.map(|key| format!("{key} is unknown")).or_else(|| lacking.map(|key| format!("{} is missing", key.name)))
}

/// One key of a type.
struct Key {
    name: String,
    kind: String,
    meaning: String,
    /// Whether each row has it.
    is_always: bool,
}

fn keys_of(schema: &Schema) -> Vec<Key> {
    let required: Vec<&str> =
        schema.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
    let properties = schema.get("properties").and_then(Value::as_object);
    let key = |(name, schema): (&String, &Value)| Key {
        name: name.clone(),
        kind: kind_of(schema),
        meaning: schema.get("description").and_then(Value::as_str).unwrap_or_default().replace('\n', " "),
        is_always: required.contains(&name.as_str()),
    };
    properties.into_iter().flatten().map(key).collect()
}

/// `text`, `number`, `true or false`, a list or an object, and whether it may be null.
fn kind_of(schema: &Value) -> String {
    let word = |name: &str| match name {
        "string" => "text",
        "integer" | "number" => "number",
        "boolean" => "true or false",
        "array" => "list",
        "object" => "object",
        other => panic!("no word for {other}"),
    };
    let any = schema.get("anyOf").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let names: Vec<&str> = match schema.get("type") {
        Some(Value::String(name)) => vec![name],
        Some(Value::Array(names)) => names.iter().filter_map(Value::as_str).collect(),
        _ => any.iter().filter_map(|one| one.get("type").and_then(Value::as_str)).collect(),
    };
    let words: Vec<&str> = names.iter().filter(|name| **name != "null").map(|name| word(name)).collect();
    if names.contains(&"null") { format!("{}, or null", words.join(", ")) } else { words.join(", ") }
}

/// The page `docs/json.md`.
pub fn page() -> String {
    let mut page = INTRO.to_owned();
    page.push_str("\n## Rows\n");
    for RowKind(name, by, of) in ROWS {
        _ = write!(page, "\n### `{name}` ({by})\n");
        described(&mut page, &of());
    }
    page.push_str("\n## Summaries\n\nEvery summary has these keys:\n");
    table(&mut page, &of::<SummaryRow>());
    page.push_str("\nThe summary of a failure has these in their place:\n");
    table(&mut page, &of::<FailedSummaryRow>());
    page.push_str("\nAnd each verb adds its own:\n");
    for Summary(verbs, types) in SUMMARIES {
        for (n, of) in types.iter().enumerate() {
            let verbs: Vec<String> = verbs.iter().map(|verb| format!("`{verb}`")).collect();
            _ = write!(page, "\n### {}{}\n", verbs.join(", "), if n == 0 { "" } else { ", in the other case" });
            described(&mut page, &of());
        }
    }
    page.push_str(ERRORS);
    page
}

fn described(page: &mut String, schema: &Schema) {
    if let Some(text) = schema.get("description").and_then(Value::as_str) {
        _ = write!(page, "\n{text}\n");
    }
    table(page, schema);
}

fn table(page: &mut String, schema: &Schema) {
    page.push_str("\n| key | is | meaning |\n|---|---|---|\n");
    for Key { name, kind, meaning, is_always } in keys_of(schema) {
        let often = if is_always { "" } else { " (not in every row)" };
        _ = writeln!(page, "| `{name}` | {kind} | {}{often} |", meaning.replace('|', "\\|"));
    }
}

const INTRO: &str = "# What `--json` prints

This page is made from the types that are printed; a test holds it, and the output of every verb,
against them.

One object per line on stdout, each with a `type`. The last line is always the `summary`, also of a
failure. stderr is for people. Numbers are bytes, seconds and counts, with the unit in the key. Times
are UTC. A path that is not UTF-8 stands in `path` with replacement characters and, exactly, as
hexadecimal digits in `path_hex`. `cat` and `completions` write data to stdout and refuse `--json`.
";

const ERRORS: &str = "
## Names in `error`

`absent` `exists` `damaged` `archived` `immutable` `denied` `transient` `no_space` `input`
`wrong_password` `no_password` `no_repository` `unsupported` `conflict` `interrupted` `bug`
`wrong_usage` `comes_later` `before_hook_failed` `after_hook_failed` `command_failed` `cannot_write`
`cannot_use_state` `slot_in_use` `plan_changed` `unrecognised`; with exit code 13 `other_repository` `clear_text`
`rollback` `fork` `clock` ([known.md](known.md)).
";
