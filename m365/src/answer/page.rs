//! A page of a collection, or of a change feed.

use super::{Item, Unexpected};
use serde_json::Value;

/// Entries, and where it goes on.
#[derive(Clone, PartialEq)]
pub struct Page {
    /// The entries, in the order of the page.
    pub items: Vec<Item>,
    /// Where the next page is.
    pub next: Option<String>,
    /// Where the next round begins: only on the last page of a change feed.
    pub delta: Option<String>,
}

/// Links are as good as a key, so they are not shown.
impl std::fmt::Debug for Page {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Page { items, next, delta } = self;
        write!(f, "Page({} items, next: {}, delta: {})", items.len(), next.is_some(), delta.is_some())
    }
}

/// Reads a page.
///
/// # Errors
/// Bytes that are not JSON, JSON that is not a page, and a page that has an entry which is not an
/// item: whoever took the others would set its cursor behind what it has not seen.
pub fn page(body: &[u8]) -> Result<Page, Unexpected> {
    let value: Value = serde_json::from_slice(body).map_err(|e| Unexpected::new(format!("not JSON ({e})")))?;
    let Value::Object(mut all) = value else { return Err(Unexpected::new("not an object")) };
    let Some(Value::Array(entries)) = all.remove("value") else {
        return Err(Unexpected::new("no list of entries (`value`)"));
    };
    let of_the_page = |(at, entry)| Item::new(entry).map_err(|what| Unexpected::new(format!("{what}, at {at}")));
    let items = entries.into_iter().enumerate().map(of_the_page).collect::<Result<_, _>>()?;
    let mut link = |name: &str| match all.remove(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(link)) if !link.is_empty() => Ok(Some(link)),
        Some(_) => Err(Unexpected::new(format!("a link `{name}` that is not a text"))),
    };
    Ok(Page { items, next: link("@odata.nextLink")?, delta: link("@odata.deltaLink")? })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: &str) -> Result<Page, Unexpected> {
        page(body.as_bytes())
    }

    #[test]
    fn a_page_has_entries_and_links() {
        let found = read(
            r#"{"@odata.context":"x","value":[{"id":"a"},{"id":"b","@removed":{"reason":"deleted"}}],"@odata.deltaLink":"https://g/d"}"#,
        );
        let found = found.expect("a page");
        assert_eq!(
            found.items.iter().map(|i| (i.id(), i.is_removed())).collect::<Vec<_>>(),
            [("a", false), ("b", true)]
        );
        assert_eq!((found.next.as_deref(), found.delta.as_deref()), (None, Some("https://g/d")));
        assert!(!format!("{found:?}").contains("https"));
        assert!(read(r#"{"value":[],"@odata.nextLink":"n"}"#).expect("an empty page").items.is_empty());
    }

    #[test]
    fn what_is_no_page_is_an_error_of_the_page() {
        for body in [
            "",
            "<html>",
            "[]",
            "{}",
            r#"{"value":{}}"#,
            r#"{"value":null}"#,
            r#"{"value":[{"id":"a"},null]}"#,
            r#"{"value":[{"name":"no id"}]}"#,
            r#"{"value":[],"@odata.nextLink":7}"#,
            r#"{"value":[],"@odata.deltaLink":""}"#,
        ] {
            assert!(read(body).is_err(), "{body}");
        }
    }
}
