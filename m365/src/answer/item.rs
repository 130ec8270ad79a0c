//! One entry of a collection: an object with an id, and whatever else came with it.

use serde_json::{Map, Value};

/// An entry as it came. Only what is used is typed; all of it is kept.
#[derive(Debug, Clone, PartialEq)]
pub struct Item {
    id: String,
    all: Map<String, Value>,
}

impl Item {
    /// An entry from its JSON.
    ///
    /// # Errors
    /// What is missing: an entry is an object whose `id` is a text with something in it.
    pub fn new(value: Value) -> Result<Self, String> {
        let Value::Object(all) = value else { return Err("an entry that is not an object".to_owned()) };
        match all.get("id") {
            Some(Value::String(id)) if !id.is_empty() => Ok(Item { id: id.clone(), all }),
            Some(Value::String(_)) => Err("an entry whose id is empty".to_owned()),
            Some(_) => Err("an entry whose id is not a text".to_owned()),
            None => Err("an entry without an id".to_owned()),
        }
    }

    /// The id: opaque, and no two that differ in case are one.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// All of it.
    pub fn all(&self) -> &Map<String, Value> {
        &self.all
    }

    /// A property that is a text. `null`, another type and none are the same.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.all.get(name).and_then(Value::as_str)
    }

    /// A property of a property that is a text.
    pub fn text_in(&self, outer: &str, name: &str) -> Option<&str> {
        self.all.get(outer).and_then(|value| value.get(name)).and_then(Value::as_str)
    }

    /// A whole number, which may come as a number or as a text of digits.
    pub fn number(&self, name: &str) -> Option<u64> {
        self.all.get(name).and_then(whole)
    }

    /// Whether there is such a facet: an object, be it empty.
    pub fn has(&self, name: &str) -> bool {
        self.all.get(name).is_some_and(Value::is_object)
    }

    /// Whether the feed says that it is gone, as mail (`@removed`) or drives (`deleted`) say it.
    pub fn is_removed(&self) -> bool {
        self.has("@removed") || self.has("deleted")
    }

    /// Takes over what a later entry of the same item says. A feed may tell some properties only:
    /// what it does not name stays as it is.
    pub fn merge(&mut self, later: Item) {
        for (name, value) in later.all {
            self.all.insert(name, value);
        }
    }

    /// Its JSON, one line.
    pub fn to_json(&self) -> Vec<u8> {
        Value::Object(self.all.clone()).to_string().into_bytes()
    }
}

/// A whole number of JSON, or a text of its digits.
fn whole(value: &Value) -> Option<u64> {
    match value {
        Value::Number(number) => number.as_u64(),
        Value::String(text) if text.bytes().all(|b| b.is_ascii_digit()) => text.parse().ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn item(value: Value) -> Item {
        Item::new(value).expect("an item")
    }

    #[test]
    fn numbers_come_as_numbers_or_as_text() {
        let item = item(json!({"id": "a", "n": 12, "t": "12", "w": "twelve", "f": 1.5, "m": -1, "e": ""}));
        assert_eq!(
            ["n", "t", "w", "f", "m", "e", "none"].map(|name| item.number(name)),
            [Some(12), Some(12), None, None, None, None, None]
        );
    }

    #[test]
    fn an_entry_is_an_object_with_an_id() {
        for value in [json!(null), json!([]), json!({}), json!({"id": ""}), json!({"id": 7}), json!({"id": null})] {
            assert!(Item::new(value.clone()).is_err(), "{value}");
        }
    }

    #[test]
    fn a_partial_entry_takes_nothing_away() {
        let mut mail = item(json!({"id": "a", "subject": "hello", "isRead": false, "changeKey": "1"}));
        mail.merge(item(json!({"id": "a", "isRead": true, "parentFolderId": "inbox"})));
        assert_eq!(
            Value::Object(mail.all().clone()),
            json!({"id": "a", "subject": "hello", "isRead": true, "changeKey": "1", "parentFolderId": "inbox"})
        );
    }
}
