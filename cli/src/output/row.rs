//! One JSON object of the output.

use crate::output::human;
use serde::Serialize;
use serde_json::{Map, Value};

/// A line of `--json` in the making: its `type` first, then its keys in the order in which they were set.
#[derive(Debug, Clone)]
pub(crate) struct Row(Map<String, Value>);

impl Row {
    /// An object of a type.
    pub(crate) fn new(kind: &str) -> Row {
        Row(Map::new()).set("type", kind)
    }

    /// Sets a key.
    #[must_use]
    pub(crate) fn set(mut self, key: &str, value: impl Into<Value>) -> Row {
        self.0.insert(key.to_owned(), value.into());
        self
    }

    /// Sets a raw name or path: as text, and if it is no UTF-8 also as hexadecimal digits under `<key>_hex`.
    #[must_use]
    pub(crate) fn bytes(self, key: &str, raw: &[u8]) -> Row {
        let row = self.set(key, String::from_utf8_lossy(raw).into_owned());
        match std::str::from_utf8(raw) {
            Ok(_) => row,
            Err(_) => row.set(&format!("{key}_hex"), human::hex(raw)),
        }
    }

    /// Takes the fields of a report over, each as a key.
    #[must_use]
    pub(crate) fn report(mut self, report: &impl Serialize) -> Row {
        match serde_json::to_value(report) {
            Ok(Value::Object(fields)) => self.0.extend(fields),
            other => unreachable!("a report is an object with names: {other:?}"),
        }
        self
    }

    /// Takes the keys of another row over, but its type.
    #[must_use]
    pub(crate) fn with(mut self, other: Row) -> Row {
        self.0.extend(other.0.into_iter().filter(|(key, _)| key != "type"));
        self
    }

    /// The line.
    pub(crate) fn line(self) -> String {
        Value::Object(self.0).to_string()
    }
}
