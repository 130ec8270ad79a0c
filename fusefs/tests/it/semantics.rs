//! SEMANTICS.md and the tests hold each other: what it names is there, and what the tests quote stands in it.

use std::fs;
use std::path::{Path, PathBuf};

fn project() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The sources of all tests and of the view, as one text.
fn sources() -> String {
    let mut out = String::new();
    let mut folders = [
        "fusefs/src",
        "fusefs/tests",
        "cli/tests",
        "cli/src",
        "webdav/tests",
        "webdav/src",
        "engine/tests",
        "engine/src",
    ]
    .map(|folder| project().join(folder))
    .to_vec();
    while let Some(folder) = folders.pop() {
        for item in fs::read_dir(&folder).unwrap() {
            let path = item.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "rs") {
                out.push_str(&fs::read_to_string(&path).unwrap());
            }
        }
    }
    out
}

/// White space and the case of a quote's first letter do not count.
fn plain(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase()
}

#[test]
fn every_test_that_the_semantics_name_is_there() {
    let (text, sources) = (fs::read_to_string(project().join("fusefs/SEMANTICS.md")).unwrap(), sources());
    let words = text.split('`').skip(1).step_by(2);
    let is_test = |word: &&str| {
        *word != "name_to_handle_at"
            && word.matches('_').count() >= 3
            && word.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
    };
    let named: Vec<&str> = words.filter(is_test).collect();
    assert!(named.len() > 80, "{} tests", named.len());
    let missing: Vec<_> = named.iter().filter(|name| !sources.contains(&format!("fn {name}("))).collect();
    assert!(missing.is_empty(), "SEMANTICS.md names tests that are not there: {missing:?}");
}

#[test]
fn every_quote_of_the_semantics_stands_in_them() {
    let text = plain(&fs::read_to_string(project().join("fusefs/SEMANTICS.md")).unwrap());
    let sources = sources();
    let mut quotes = 0;
    let mut wrong = Vec::new();
    let mut lines = sources.lines().peekable();
    while let Some(line) = lines.next() {
        let Some(first) = line.trim().strip_prefix("/// SEMANTICS") else { continue };
        let mut doc = first.to_owned();
        while let Some(more) = lines.next_if(|l| l.trim().starts_with("///")) {
            doc.push(' ');
            doc.push_str(more.trim().trim_start_matches("///").trim());
        }
        let Some((_, quoted)) = doc.split_once(" \"") else { continue };
        // Up to the last quotation mark: a quote may hold others.
        let quoted = quoted.rsplit_once('"').map_or(quoted, |(quote, _)| quote);
        quotes += 1;
        // Two quotes in one comment stand apart.
        let quoted = [", and ", ", ", " and ", "; "]
            .iter()
            .fold(quoted.to_owned(), |q, joint| q.replace(&format!("\"{joint}\""), "[]"));
        // What stands in brackets is the test's own, or left out.
        for quote in quoted.split('[').map(|q| q.split_once(']').map_or(q, |(_, rest)| rest)) {
            let quote = quote.trim_matches(|c: char| c.is_whitespace() || ".,;:".contains(c));
            if !text.contains(&plain(quote)) {
                wrong.push(quote.to_owned());
            }
        }
    }
    assert!(quotes > 50, "{quotes} quotes");
    assert!(wrong.is_empty(), "not in SEMANTICS.md: {wrong:#?}");
}
