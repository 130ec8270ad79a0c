//! Files that import each other in a loop: a small knot of one idea is fine, a large one is a room without doors.
//!
//! Reads `use` items and paths in code, follows names through `pub use` to the file that defines them, and looks for files that
//! reach themselves. Refuses to understand more of Rust than that: macros and `impl` blocks of another file's type are not seen.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// The most files that may form one circle.
const FILES_MAX: usize = 4;
const CRATES: [&str; 11] = [
    "format-spec/src",
    "engine/base/src",
    "engine/store/src",
    "engine/source/src",
    "engine/src",
    "view/src",
    "ops/src",
    "fusefs/src",
    "webdav/src",
    "cli/src",
    "testkit/src",
];

type Module = Vec<String>;

#[test]
fn no_circle_has_more_than_four_files() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut arrows = 0;
    for folder in CRATES {
        let house = House::read(&root.join(folder));
        let graph = house.arrows();
        arrows += graph.values().map(BTreeSet::len).sum::<usize>();
        for circle in circles(&graph) {
            let names: Vec<String> = circle.iter().map(|module| module.join("/")).collect();
            assert!(circle.len() <= FILES_MAX, "{folder}: a circle of {}: {}", circle.len(), names.join(", "));
        }
    }
    // A reader that finds nothing proves nothing.
    assert!(arrows > 1000, "only {arrows} arrows were found");
}

#[test]
fn a_circle_is_found_also_through_a_face() {
    let text = |text: &str| text.to_owned();
    let files = [
        (vec![], text("mod a; mod b; mod c;")),
        (vec!["a"], text("use crate::b::Thing;\npub struct First(Thing);")),
        (vec!["b"], text("mod inner;\npub use inner::Thing;")),
        (vec!["b", "inner"], text("// use crate::z::No;\npub struct Thing;\nfn f() { crate::c::last() }")),
        (vec!["c"], text("use crate::{a::First, b};\npub fn last() { let _: First; }")),
    ];
    let files = files.into_iter().map(|(module, text)| (module.into_iter().map(str::to_owned).collect(), text));
    let house = House { files: files.collect() };
    let found = circles(&house.arrows());
    let names: Vec<Vec<String>> = found.iter().map(|circle| circle.iter().map(|m| m.join("/")).collect()).collect();
    assert_eq!(names, [["a", "b/inner", "c"]]);
}

/// The files of one crate by their modules, without comments, tests and the inside of `pub(in ...)`.
struct House {
    files: BTreeMap<Module, String>,
}

impl House {
    fn read(folder: &Path) -> House {
        let mut files = BTreeMap::new();
        for path in rust_files(folder) {
            let inside = path.strip_prefix(folder).expect("it lies there").with_extension("");
            let mut module: Module = inside.iter().map(|name| name.to_string_lossy().into_owned()).collect();
            if module.last().is_some_and(|name| name.ends_with("tests")) {
                continue;
            }
            if module.last().is_some_and(|name| name == "mod") || module == ["lib"] {
                module.pop();
            }
            files.insert(module, code_of(&std::fs::read_to_string(&path).expect("a source file")));
        }
        House { files }
    }

    fn arrows(&self) -> BTreeMap<&Module, BTreeSet<&Module>> {
        let to = |module: &Module, text: &str| -> BTreeSet<&Module> {
            let (items, rest) = use_items(text);
            let private = items.into_iter().filter(|(is_public, _)| !is_public).flat_map(|(_, item)| expand(&item));
            let all = private.chain(inline_paths(&rest));
            let ends = all.filter_map(|path| self.resolve(self.absolute(module, &path)?, 0));
            ends.filter(|end| *end != module && !end.is_empty()).collect()
        };
        self.files.iter().map(|(module, text)| (module, to(module, text))).collect()
    }

    /// A path from the crate's root; `None` when it leads out of the crate.
    fn absolute(&self, module: &Module, path: &[String]) -> Option<Module> {
        let mut base = module.clone();
        let mut rest = path;
        match rest.first()?.as_str() {
            "crate" => return Some(rest[1..].to_vec()),
            "self" => return Some([&base, &rest[1..]].concat()),
            "super" => {
                while rest.first().is_some_and(|step| step == "super") {
                    base.pop();
                    rest = &rest[1..];
                }
                return Some([&base, rest].concat());
            }
            first => base.push(first.to_owned()),
        }
        self.files.contains_key(&base).then(|| [module, path].concat())
    }

    /// The file that defines what a path names, through at most a few faces.
    fn resolve(&self, path: Module, depth: usize) -> Option<&Module> {
        let module_bytes = (0..=path.len()).rev().find(|n| self.files.contains_key(&path[..*n]))?;
        let (module, text) = self.files.get_key_value(&path[..module_bytes])?;
        let Some(name) = path.get(module_bytes) else { return Some(module) };
        if defines(text, name) || depth > 6 {
            return Some(module);
        }
        let handed_on = use_items(text).0.into_iter().filter(|(is_public, _)| *is_public);
        let handed_on = handed_on.flat_map(|(_, item)| expand(&item)).find(|path| path.last() == Some(name));
        let beyond = handed_on.and_then(|path| self.resolve(self.absolute(module, &path)?, depth + 1));
        beyond.or(Some(module))
    }
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|e| e == "rs") {
            files.push(path);
        }
    }
    files
}

/// The text before its own tests, without comments and without `(in path)`.
fn code_of(text: &str) -> String {
    let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    let lines = text.lines().map(|line| line.split("//").next().unwrap_or_default());
    let mut code = lines.collect::<Vec<_>>().join("\n");
    while let Some(start) = code.find("pub(in ") {
        let end = code[start..].find(')').map_or(code.len(), |end| start + end + 1);
        code.replace_range(start..end, "pub");
    }
    code
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !(c.is_alphanumeric() || c == '_')).filter(|word| !word.is_empty())
}

fn defines(text: &str, name: &str) -> bool {
    const KINDS: [&str; 9] = ["struct", "enum", "trait", "type", "fn", "const", "static", "union", "macro_rules"];
    words(text).zip(words(text).skip(1)).any(|(kind, word)| word == name && KINDS.contains(&kind))
}

/// What stands behind `use`, with whether it is handed on, and the text without these items.
fn use_items(text: &str) -> (Vec<(bool, String)>, String) {
    let (mut items, mut rest) = (Vec::new(), String::new());
    for statement in text.split_inclusive(';') {
        let before = statement.rfind("use ").filter(|at| {
            let is_word = statement[..*at].chars().next_back().is_none_or(char::is_whitespace);
            is_word && !statement[*at..].contains(['(', '=', '"'])
        });
        let Some(at) = before else {
            rest.push_str(statement);
            continue;
        };
        let is_public =
            statement[..at].trim_end().rsplit(char::is_whitespace).next().is_some_and(|w| w.starts_with("pub"));
        items.push((is_public, statement[at + 4..].trim_end_matches(';').to_owned()));
        rest.push_str(&statement[..at]);
    }
    (items, rest)
}

/// `a::{b, c::d as e}` as `a::b` and `a::c::d`.
fn expand(item: &str) -> Vec<Vec<String>> {
    let item = item.trim();
    let split = |path: &str| path.split("::").map(|step| step.trim().to_owned()).filter(|s| !s.is_empty()).collect();
    let Some((head, list)) = item.split_once('{') else {
        return vec![split(item.split(" as ").next().unwrap_or_default())];
    };
    let head: Vec<String> = split(head);
    let list = list.trim_end().strip_suffix('}').unwrap_or(list);
    let (mut depth, mut start, mut paths) = (0_i32, 0, Vec::new());
    for (at, c) in list.char_indices().chain([(list.len(), ',')]) {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                let inner = expand(&list[start..at]).into_iter().filter(|path| !path.is_empty());
                paths.extend(inner.map(|path| {
                    let path = if path == ["self"] { Vec::new() } else { path };
                    [&head[..], &path].concat()
                }));
                start = at + 1;
            }
            _ => {}
        }
    }
    paths
}

/// Paths in code that begin with `crate`, `super` or `self`.
fn inline_paths(text: &str) -> Vec<Vec<String>> {
    let tokens = text.split(|c: char| !(c.is_alphanumeric() || c == '_' || c == ':'));
    let paths = tokens.map(|token| token.split("::").map(str::to_owned).collect::<Vec<_>>());
    paths.filter(|p| p.len() > 1 && matches!(p[0].as_str(), "crate" | "super" | "self")).collect()
}

/// The sets of files that reach each other, larger than one.
fn circles<'a>(graph: &BTreeMap<&'a Module, BTreeSet<&'a Module>>) -> Vec<Vec<&'a Module>> {
    let reach = |from: &'a Module| {
        let (mut seen, mut todo) = (BTreeSet::new(), vec![from]);
        while let Some(module) = todo.pop() {
            todo.extend(graph.get(module).into_iter().flatten().copied().filter(|next| seen.insert(*next)));
        }
        seen
    };
    let reached: BTreeMap<&Module, BTreeSet<&Module>> = graph.keys().map(|module| (*module, reach(module))).collect();
    let mut found: Vec<Vec<&Module>> = Vec::new();
    for (module, ends) in &reached {
        let circle: Vec<&Module> = ends.iter().copied().filter(|end| reached[end].contains(module)).collect();
        if circle.len() > 1 && !found.contains(&circle) {
            found.push(circle);
        }
    }
    found
}
