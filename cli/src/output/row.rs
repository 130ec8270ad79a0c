//! One JSON object of the output.

use serde::Serialize;
use serde_json::{Map, Value};

/// A line of `--json` in the making: its `type`, then the fields of its reports.
#[derive(Debug, Clone)]
pub(crate) struct Row(Map<String, Value>);

impl Row {
    /// An object of a type.
    pub(crate) fn new(kind: &str) -> Row {
        Row(Map::from_iter([("type".to_owned(), Value::from(kind))]))
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

    /// The line.
    pub(crate) fn line(self) -> String {
        Value::Object(self.0).to_string()
    }
}
