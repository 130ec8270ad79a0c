//! A folder of a million entries: what one new entry writes, what a lookup, a page and a comparison read.

use super::memory::{Memory, file_of, folder};
use engine::tree::{Change, Flow, FolderBuilder, FolderCursor, diff, edit_folder, entry_at_preorder, find, lookup};
use format_spec::ChunkId;
use format_spec::tree::Entry;

const ENTRIES: u64 = 1_000_000;
const NEW_BYTES_MAX: u64 = 256 * 1024;

/// A mail in a folder: even numbers are there from the start.
fn mail(n: u64, content: u64) -> Entry {
    let mut entry = file_of("", content);
    entry.name = format!("message-{n:09}.eml").into_bytes();
    entry.content = format_spec::tree::Content::Chunk(ChunkId([7; 32]));
    entry
}

fn build(nodes: &mut Memory, mails: impl Iterator<Item = Entry>) -> Entry {
    let mut builder = FolderBuilder::new();
    for mail in mails {
        builder.push(&mail, nodes).unwrap();
    }
    folder("", builder.finish(nodes).unwrap())
}

#[test]
fn one_new_mail_in_a_million_costs_kilobytes_and_reads_follow_the_height() {
    let mut nodes = Memory::default();
    let clock = std::time::Instant::now();
    let old = build(&mut nodes, (0..ENTRIES).map(|n| mail(2 * n, 3)));
    println!("built {} nodes of {} bytes in {:?}", nodes.new_nodes, nodes.new_bytes, clock.elapsed());
    assert_eq!(old.totals.descendants, ENTRIES);

    // Into the middle, as a connector does that is told what is new: the listing is not read.
    nodes.take_reads();
    let (clock, arrived, mut added) = (std::time::Instant::now(), mail(2 * 654_321 + 1, 9), Memory::default());
    let edits = [(arrived.name.clone(), Some(arrived.clone()))];
    let new = folder("", edit_folder(&nodes, &old, edits, &mut added).unwrap());
    let reads = nodes.take_reads();
    let (count, bytes) = (added.new_nodes, added.new_bytes);
    println!("one new mail: {reads} nodes read, {count} nodes of {bytes} bytes written in {:?}", clock.elapsed());
    assert!(bytes < NEW_BYTES_MAX && count < 12 && reads < 12);
    assert_eq!(new.totals.descendants, ENTRIES + 1);
    nodes.nodes.extend(added.nodes);

    nodes.take_reads();
    let mut seen = Vec::new();
    diff(&nodes, Some(&old), Some(&new), &mut |path, change| {
        seen.push((path.to_vec(), matches!(change, Change::Added(_))));
        Ok(Flow::Continue)
    })
    .unwrap();
    let reads = nodes.take_reads();
    println!("comparing reads {reads} nodes");
    assert_eq!(seen, [(Vec::new(), false), (arrived.name, true)]);
    assert!(reads < 30);

    let name = mail(2 * 765_432, 3).name;
    assert_eq!(find(&nodes, &old, &name).unwrap().unwrap().position, 765_432);
    assert_eq!(lookup(&nodes, &old, [&name[..]]).unwrap().unwrap().index, 765_433);
    assert_eq!(entry_at_preorder(&nodes, &old, 765_433).unwrap().unwrap()[0].entry.name, name);
    let reads = nodes.take_reads();
    println!("three lookups read {reads} nodes");
    assert!(reads <= 3 * 5);

    let mut cursor = FolderCursor::open(&nodes, &old).unwrap();
    cursor.seek_index(500_000).unwrap();
    let page: Vec<u64> = cursor.take(100).map(|f| f.unwrap().position).collect();
    assert_eq!(page, (500_000..500_100).collect::<Vec<_>>());
    let reads = nodes.take_reads();
    println!("a page of 100 from the middle reads {reads} nodes");
    assert!(reads <= 10);
}
