//! Random edits by id against a plain map: the tree that edits give is the tree that building from nothing gives.
//!
//! A service names items by ids, and tells of each session the items that changed, in any order. The
//! source keeps the place of each id as a row of its state, takes all that moved out of the tree,
//! deepest first, and puts it in again from the top.

use super::{By, expect_sound, newest, rig, state, update};
use engine::Result;
use engine::source::PointDraft;
use engine::tree::{FolderBuilder, NodeSink};
use format_spec::ChunkId;
use format_spec::keys::IdKeys;
use format_spec::tree::{Content, Entry, Kind, Totals};
use parking_lot::Mutex;
use std::collections::{BTreeMap, BTreeSet};

const ROOT: u32 = 0;
const SESSIONS: usize = 100;
const EDITS: usize = 1_000;

/// An item of the service. Folders have no text.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Item {
    parent: u32,
    name: String,
    text: Option<String>,
}

/// The service: what there is, and what changed since somebody asked.
#[derive(Default)]
struct Service {
    items: BTreeMap<u32, Item>,
    changed: BTreeSet<u32>,
    next: u32,
    dice: u64,
}

impl Service {
    fn roll(&mut self, sides: usize) -> usize {
        self.dice = self.dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.dice >> 33).unwrap() % sides
    }

    fn any(&mut self, is_folder: bool) -> Option<u32> {
        let found: Vec<u32> =
            self.items.iter().filter(|(_, item)| item.text.is_none() == is_folder).map(|(id, _)| *id).collect();
        if found.is_empty() { None } else { Some(found[self.roll(found.len())]) }
    }

    fn any_folder(&mut self) -> u32 {
        if self.roll(4) == 0 { ROOT } else { self.any(true).unwrap_or(ROOT) }
    }

    fn is_free(&self, parent: u32, name: &str) -> bool {
        !self.items.values().any(|item| item.parent == parent && item.name == name)
    }

    fn is_within(&self, mut id: u32, folder: u32) -> bool {
        while id != folder && id != ROOT {
            id = self.items[&id].parent;
        }
        id == folder
    }

    fn remove(&mut self, id: u32) {
        let below: Vec<u32> = self.items.iter().filter(|(_, item)| item.parent == id).map(|(id, _)| *id).collect();
        below.into_iter().for_each(|id| self.remove(id));
        self.items.remove(&id);
        self.changed.insert(id);
    }

    fn edit(&mut self) {
        let name = format!("n{}", self.roll(40));
        match self.roll(20) {
            0..=7 => {
                let (parent, is_folder) = (self.any_folder(), self.roll(5) == 0);
                if self.is_free(parent, &name) && self.items.len() < 3_000 {
                    self.next += 1;
                    let text = (!is_folder).then(|| format!("text {}", self.next % 50));
                    self.items.insert(self.next, Item { parent, name, text });
                    self.changed.insert(self.next);
                }
            }
            8..=10 => {
                if let Some(id) = self.any(false) {
                    let text = format!("text {}", self.roll(500));
                    self.items.get_mut(&id).unwrap().text = Some(text);
                    self.changed.insert(id);
                }
            }
            11..=14 => {
                let (is_folder, parent) = (self.roll(2) == 0, self.any_folder());
                if let Some(id) = self.any(is_folder)
                    && self.is_free(parent, &name)
                    && !self.is_within(parent, id)
                {
                    let item = self.items.get_mut(&id).unwrap();
                    (item.parent, item.name) = (parent, name);
                    self.changed.insert(id);
                }
            }
            15..=16 => {
                // Two change places, folders and items alike.
                let kind = self.roll(2) == 0;
                if let (Some(a), Some(b)) = (self.any(kind), self.any(!kind))
                    && !self.is_within(a, b)
                    && !self.is_within(b, a)
                {
                    let (one, two) = (self.items[&a].clone(), self.items[&b].clone());
                    let place = |item: &mut Item, of: Item| (item.parent, item.name) = (of.parent, of.name);
                    place(self.items.get_mut(&a).unwrap(), two);
                    place(self.items.get_mut(&b).unwrap(), one);
                    self.changed.extend([a, b]);
                }
            }
            17..=18 => {
                if let Some(id) = self.any(false) {
                    self.remove(id);
                }
            }
            _ => {
                // A folder goes, and one of the same name is there at once.
                if self.items.len() > 500
                    && let Some(id) = self.any(true)
                {
                    let Item { parent, name, .. } = self.items[&id].clone();
                    self.remove(id);
                    self.next += 1;
                    self.items.insert(self.next, Item { parent, name, text: None });
                    self.changed.insert(self.next);
                }
            }
        }
    }
}

fn key(id: u32) -> Vec<u8> {
    format!("id/{id}").into_bytes()
}

/// Where an item stands: the parent's id and the name.
fn place(draft: &dyn PointDraft, id: u32) -> Result<Option<(u32, String)>> {
    let Some(row) = draft.state(&key(id))? else { return Ok(None) };
    let row = String::from_utf8(row).unwrap();
    let (parent, name) = row.split_once(' ').unwrap();
    Ok(Some((parent.parse().unwrap(), name.to_owned())))
}

fn path(draft: &dyn PointDraft, id: u32) -> Result<Vec<u8>> {
    let (mut names, mut at) = (Vec::new(), id);
    while at != ROOT {
        let (parent, name) = place(draft, at)?.expect("every parent has a row");
        names.push(name);
        at = parent;
    }
    names.reverse();
    Ok(names.join("/").into_bytes())
}

/// Applies what changed.
fn apply(service: &Mutex<Service>, draft: &dyn PointDraft) -> Result<()> {
    let (changed, items) = {
        let mut service = service.lock();
        (std::mem::take(&mut service.changed), service.items.clone())
    };
    // What moved or went, deepest first: what is in it and moves elsewhere has left it by then.
    let mut old = Vec::new();
    for id in &changed {
        if let Some((parent, name)) = place(draft, *id)?
            && items.get(id).is_none_or(|item| (item.parent, &item.name) != (parent, &name))
        {
            old.push((path(draft, *id)?, path(draft, parent)?, name, *id));
        }
    }
    old.sort_by_key(|(path, ..)| std::cmp::Reverse(path.iter().filter(|b| **b == b'/').count()));
    let mut aside = BTreeMap::new();
    for (path, parent, name, id) in old {
        aside.insert(id, draft.entry(&path)?.expect("it stands where its row says"));
        draft.edit(&parent, vec![(name.into_bytes(), None)])?;
    }
    for id in changed.iter().filter(|id| !items.contains_key(id)) {
        draft.set_state(&key(*id), None)?;
    }
    let there: Vec<u32> = changed.iter().copied().filter(|id| items.contains_key(id)).collect();
    for id in &there {
        let item = &items[id];
        draft.set_state(&key(*id), Some(format!("{} {}", item.parent, item.name).as_bytes()))?;
    }
    // From the top: what something is put into stands there already.
    let depth = |mut id: u32| {
        let mut depth = 0;
        while id != ROOT {
            (id, depth) = (items[&id].parent, depth + 1);
        }
        depth
    };
    let mut there: Vec<(u32, u32)> = there.into_iter().map(|id| (depth(id), id)).collect();
    there.sort_unstable();
    for (_, id) in there {
        let item = &items[&id];
        let name = item.name.clone().into_bytes();
        let entry = match (&item.text, aside.remove(&id)) {
            (None, Some(folder)) => folder,
            (None, None) => match draft.entry(&path(draft, id)?)? {
                // A folder that was told of and has not changed.
                Some(_) => continue,
                None => Entry::new(&*name, Kind::Folder),
            },
            (Some(text), _) => {
                let stored = draft.store(&mut text.as_bytes())?.unwrap();
                Entry { size: stored.bytes, content: stored.content, ..Entry::new(&*name, Kind::File) }
            }
        };
        draft.edit(&path(draft, item.parent)?, vec![(name, Some(entry))])?;
    }
    Ok(())
}

struct Named<'a>(&'a IdKeys);

impl NodeSink for Named<'_> {
    fn put_node(&mut self, bytes: Vec<u8>, _: &engine::tree::Names) -> Result<ChunkId> {
        Ok(self.0.node(&bytes))
    }
}

/// The folder as it is built from nothing.
fn built(items: &BTreeMap<u32, Item>, folder: u32, ids: &IdKeys) -> (Content, Totals) {
    let mut names: Vec<(&String, u32)> =
        items.iter().filter(|(_, item)| item.parent == folder).map(|(id, item)| (&item.name, *id)).collect();
    names.sort();
    let mut builder = FolderBuilder::new();
    for (name, id) in names {
        let entry = match &items[&id].text {
            None => {
                let (content, totals) = built(items, id, ids);
                Entry { content, totals, ..Entry::new(name.as_bytes(), Kind::Folder) }
            }
            Some(text) => Entry {
                size: text.len() as u64,
                content: Content::Chunk(ids.chunk(text.as_bytes())),
                ..Entry::new(name.as_bytes(), Kind::File)
            },
        };
        builder.push(&entry, &mut Named(ids)).unwrap();
    }
    builder.finish(&mut Named(ids)).unwrap()
}

#[test]
fn a_hundred_thousand_edits_by_id_give_the_tree_that_is_built_from_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let rig = rig(folder.path());
    let repository = rig.open().unwrap();
    let service = Mutex::new(Service { dice: 12, ..Service::default() });
    let (mut made, mut applied) = (0, 0);
    for session in 0..SESSIONS {
        {
            let mut service = service.lock();
            (0..EDITS).for_each(|_| service.edit());
            made += EDITS;
            applied += service.changed.len();
        }
        let source = By(|draft: &dyn PointDraft| {
            apply(&service, draft)?;
            // Now and then in two steps, with an interim point between them.
            if session % 10 == 3 {
                draft.interim()?;
                (0..EDITS).for_each(|_| service.lock().edit());
                apply(&service, draft)?;
            }
            Ok(())
        });
        update(&repository, &source).unwrap();
        let items = service.lock().items.clone();
        let root = &newest(&repository).manifest.root;
        let (content, totals) = built(&items, ROOT, &repository.sealed_store().ids);
        assert_eq!((root.content, root.totals), (content, totals), "after session {session}");
        if session % 25 == 0 {
            expect_sound(&rig);
        }
    }
    assert!(made >= 100_000 && applied > 10_000, "{made} edits, {applied} items told");
    println!("{made} edits, {applied} items told in {SESSIONS} sessions");
    assert!(state(&repository, &key(1)).is_none() || service.lock().items.contains_key(&1));
    expect_sound(&rig);
}
