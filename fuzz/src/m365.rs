//! One function a reader of `m365`: whatever the service, a state or a person says, it is read or refused. Each says whether it was read.

use super::replay::Target;
use m365::answer::{Item, batch_answer, page, service_error, token_answer};
use m365::fold::{Change, Fold};
use m365::names;
use m365::rows::{CursorRow, ItemRow, ObjectRow, RetryRow, Row, key, parts};
use m365::scope::{Candidate, Scope};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::fmt::Debug;

/// Name and function of every target; each has a file in `fuzz_targets` and an archive in `corpus`.
pub const TARGETS: [Target; 8] = [
    ("graph_page", graph_page),
    ("graph_error", graph_error),
    ("delta_fold", delta_fold),
    ("batch_answer", batch),
    ("graph_names", graph_names),
    ("token_answer", token),
    ("scope_file", scope_file),
    ("state_row", state_row),
];

/// A page: its entries have ids, its links are texts, and none of them is shown.
pub fn graph_page(bytes: &[u8]) -> bool {
    let Ok(page) = page(bytes) else { return false };
    assert!(page.items.iter().all(|item| !item.id().is_empty()));
    let shown = format!("{page:?}");
    assert!(
        page.next.iter().chain(&page.delta).all(|link| !link.is_empty() && (link.len() < 40 || !shown.contains(link)))
    );
    true
}

/// The status (2 bytes), the length of a `Retry-After` (1 byte), that, and a body: told in one line. Whether a code was found.
pub fn graph_error(bytes: &[u8]) -> bool {
    let Some((head, rest)) = bytes.split_first_chunk::<3>() else { return false };
    let (after, body) = rest.split_at_checked(usize::from(head[2])).unwrap_or((&[], rest));
    let status = u16::from_le_bytes([head[0], head[1]]) % 600;
    let error = service_error(status, std::str::from_utf8(after).ok(), body);
    assert!(!error.to_string().contains(['\n', '\r']) && error.to_string().len() < 4096);
    assert!(error.after.is_none_or(|after| after.as_secs() <= 86_400));
    !error.code.is_empty()
}

/// A round of a feed: the fold is the map of the last words.
pub fn delta_fold(bytes: &[u8]) -> bool {
    let Ok(page) = page(bytes) else { return false };
    let (mut fold, mut model) = (Fold::default(), BTreeMap::<String, Option<Map<String, Value>>>::new());
    for item in page.items {
        let known = model.entry(item.id().to_owned()).or_insert(None);
        match item.is_removed() {
            true => *known = None,
            false => known.get_or_insert_default().extend(item.all().clone()),
        }
        fold.take(item);
    }
    let all = |change: Change| match change {
        Change::There(item) => Some(item.all().clone()),
        Change::Gone => None,
    };
    let folded: BTreeMap<_, _> = fold.into_changes().into_iter().map(|(id, change)| (id, all(change))).collect();
    assert_eq!(folded, model);
    true
}

/// A batch of three: three parts, or an error.
pub fn batch(bytes: &[u8]) -> bool {
    match batch_answer(bytes, &["1", "2", "3"]) {
        Ok(parts) => {
            assert_eq!(parts.len(), 3);
            assert!(parts.iter().all(|part| (100..600).contains(&part.status)));
            true
        }
        Err(_) => false,
    }
}

/// An id, a line feed, and a name: any gives names that can be stored and that are safe already. Whether nothing had to be changed.
pub fn graph_names(bytes: &[u8]) -> bool {
    let text = String::from_utf8_lossy(bytes);
    let (id, name) = text.split_once('\n').unwrap_or(("id", &text));
    let file = names::of_file(Some(name), id);
    let made = [
        file.clone(),
        names::of_item(Some("2026-02-27 09.15.03"), Some(name), id, "eml"),
        names::of_user(Some(name), Some(name), id),
    ];
    for name in made {
        assert!(!name.is_empty() && name.len() <= names::NAME_BYTES_MAX && !name.contains(['/', '\0']));
        assert!(name != "." && name != "..");
        assert_eq!(names::of_file(Some(&name), id), name);
    }
    file == name
}

/// A token: what is read is not shown.
pub fn token(bytes: &[u8]) -> bool {
    let Ok(Ok(token)) = token_answer(200, bytes) else { return false };
    assert!(token.bearer().len() < 20 || !format!("{token:?}").contains(token.bearer()));
    assert!(token.lasts.as_secs() <= 86_400);
    true
}

/// A scope file: it is refused in words, or says of any object whether it is in scope.
pub fn scope_file(bytes: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(bytes) else { return false };
    match Scope::parse(text) {
        Ok(scope) => {
            let ada = Candidate { id: "1", upn: "ada@contoso.com", mail: "", display_name: "Ada Lovelace" };
            assert!(!scope.covers(ada) || !scope.include.is_empty());
            true
        }
        Err(why) => {
            assert!(!why.is_empty());
            false
        }
    }
}

/// The letter of a kind and a row: what is read is written as it was meant. Or a key: it is taken apart as it was made.
pub fn state_row(bytes: &[u8]) -> bool {
    let Some((kind, row)) = bytes.split_first() else { return false };
    match kind {
        b'c' => reads_back::<CursorRow>(row),
        b'i' => reads_back::<ItemRow>(row),
        b'o' => reads_back::<ObjectRow>(row),
        b'r' => reads_back::<RetryRow>(row),
        b'k' => parts(row).is_some_and(|(object, part)| {
            assert_eq!(parts(&key::<ItemRow>(&object, &part)), Some((object, part)));
            true
        }),
        _ => keeps(row),
    }
}

fn reads_back<R: Row + PartialEq + Debug>(bytes: &[u8]) -> bool {
    let Ok(row) = R::decode(bytes) else { return false };
    assert_eq!(R::decode(&row.encode()).as_ref(), Ok(&row));
    true
}

/// An entry of a page is kept as it came.
fn keeps(bytes: &[u8]) -> bool {
    let Ok(value) = serde_json::from_slice::<Value>(bytes) else { return false };
    let Ok(item) = Item::new(value.clone()) else { return false };
    assert_eq!(serde_json::from_slice::<Value>(&item.to_json()).ok(), Some(value));
    true
}
