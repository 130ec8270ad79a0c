//! Cairn
fn main() {}
