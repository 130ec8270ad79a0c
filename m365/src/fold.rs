//! A round of a change feed: what was last said of each item.
//!
//! A feed repeats items, tells them in any order, and may tell some of their properties only. So a
//! round is folded before anything is done: the last word on an item counts, and adds to what was
//! said before.

use crate::answer::Item;
use std::collections::HashMap;

/// What a round says of one item.
#[derive(Debug, Clone, PartialEq)]
pub enum Change {
    /// It is there, with these properties.
    There(Item),
    /// It is gone from here. It may be elsewhere.
    Gone,
}

/// A round in the making.
#[derive(Debug, Default)]
pub struct Fold {
    /// Where each item stands in `changes`.
    at: HashMap<String, usize>,
    /// In the order in which items were first met.
    changes: Vec<(String, Change)>,
}

impl Fold {
    /// Takes one entry in.
    pub fn take(&mut self, item: Item) {
        let is_gone = item.is_removed();
        let known = self.at.get(item.id()).and_then(|at| self.changes.get_mut(*at));
        match known {
            Some((_, change)) if is_gone => *change = Change::Gone,
            Some((_, Change::There(before))) => before.merge(item),
            // Gone, and there again: what was said before it went is not of this one.
            Some((_, change)) => *change = Change::There(item),
            None => {
                let id = item.id().to_owned();
                self.at.insert(id.clone(), self.changes.len());
                self.changes.push((id, if is_gone { Change::Gone } else { Change::There(item) }));
            }
        }
    }

    /// How many items the round is about.
    pub fn len(&self) -> usize {
        self.changes.len()
    }

    /// Whether the round says nothing.
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// What the round says of an item.
    pub fn get(&self, id: &str) -> Option<&Change> {
        self.at.get(id).and_then(|at| self.changes.get(*at)).map(|(_, change)| change)
    }

    /// The changes, in the order in which items were first met.
    pub fn into_changes(self) -> Vec<(String, Change)> {
        self.changes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::{Map, Value, json};
    use std::collections::BTreeMap;

    fn item(value: Value) -> Item {
        Item::new(value).expect("an item")
    }

    #[test]
    fn the_last_word_counts_and_adds() {
        let mut fold = Fold::default();
        for value in [
            json!({"id": "a", "name": "one", "size": 1}),
            json!({"id": "b", "name": "b"}),
            json!({"id": "a", "size": 2}),
            json!({"id": "b", "@removed": {"reason": "deleted"}}),
            json!({"id": "c", "deleted": {"state": "deleted"}}),
            json!({"id": "c", "name": "back"}),
        ] {
            fold.take(item(value));
        }
        let changes = fold.into_changes();
        assert_eq!(changes.len(), 3);
        let Change::There(a) = &changes[0].1 else { panic!("{changes:?}") };
        assert_eq!((a.text("name"), a.number("size")), (Some("one"), Some(2)));
        assert_eq!(changes[1], ("b".to_owned(), Change::Gone));
        assert_eq!(changes[2].1, Change::There(item(json!({"id": "c", "name": "back"}))));
    }

    proptest! {
        /// Against a map of what each item is.
        #[test]
        fn a_fold_is_a_map_of_last_words(
            entries in prop::collection::vec((0u8..6, 0u8..4, prop::option::of(0u8..9), prop::option::of(0u8..9)), 0..60)
        ) {
            let (mut fold, mut model) = (Fold::default(), BTreeMap::<String, Option<Map<String, Value>>>::new());
            for (id, fate, name, size) in entries {
                let id = format!("id{id}");
                let mut all = Map::new();
                all.insert("id".into(), id.clone().into());
                name.into_iter().for_each(|name| _ = all.insert("name".into(), name.into()));
                size.into_iter().for_each(|size| _ = all.insert("size".into(), size.into()));
                if fate == 0 {
                    all.insert("@removed".into(), json!({}));
                    model.insert(id, None);
                } else {
                    let there = model.entry(id).or_insert(None).get_or_insert_default();
                    there.extend(all.clone());
                }
                fold.take(item(Value::Object(all)));
            }
            let folded: BTreeMap<_, _> = fold.into_changes().into_iter().map(|(id, change)| (id, match change {
                Change::There(item) => Some(item.all().clone()),
                Change::Gone => None,
            })).collect();
            prop_assert_eq!(folded, model);
        }
    }
}
