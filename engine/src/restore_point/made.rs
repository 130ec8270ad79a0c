//! Names of jobs that nobody has named: made of the host and what is backed up.
//!
//! Promises: [`made`] is an injective function of host and sources, in whichever order they are given, so two sets of
//! sources never share a job by accident. What stands between the parts (`,` for `/`, `+` between sources, `@` before a
//! list, `=` before a stream) stands nowhere else in a name: there it is written `%XX`. A long name is cut, and ends in
//! `~` and 128 bits of BLAKE3 over all of it.
//!
//! ```text
//!  web-1 ,srv,data-old +,home            the folders /srv/data-old and /home of web-1
//!  web-1 @,etc,cairn,list                what the list /etc/cairn/list names
//!  web-1 =dump.sql                       a stream
//! ```
//!
//! Refuses to look at the file system: paths are what their text says.

use std::collections::BTreeSet;
use std::fmt::Write;

/// One thing that is backed up, as a name is made of it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Named {
    /// A file or folder, by its absolute path.
    Path(Vec<u8>),
    /// A list of sources, by its own absolute path.
    List(Vec<u8>),
    /// A stream, by the name of its file.
    Stream(Vec<u8>),
}

/// The name of a job: the same for the same host and sources, another one for any other.
pub fn made(host: &str, sources: &[Named]) -> String {
    let sources: BTreeSet<&Named> = sources.iter().collect();
    let parts: Vec<String> = sources.into_iter().map(part).collect();
    let whole = escaped(host.as_bytes(), b",@=+%~") + &parts.join("+");
    if whole.len() <= MADE_BYTES_MAX {
        return whole;
    }
    let hash = blake3::hash(whole.as_bytes()).to_hex();
    // All of it is ASCII but for letters of other scripts, which are not cut in two.
    let end = (0..MADE_BYTES_MAX - HASH_DIGITS).rev().find(|end| whole.is_char_boundary(*end)).unwrap_or(0);
    format!("{}~{}", &whole[..end], &hash[..HASH_DIGITS])
}

/// Whether a job of this host has a name that was made, as far as the name shows.
pub fn is_made(host: &str, job: &str) -> bool {
    let host = escaped(host.as_bytes(), b",@=+%~");
    let is_cut = || host.len() + char::MAX.len_utf8() > MADE_BYTES_MAX - HASH_DIGITS && job.contains('~');
    job.strip_prefix(&host).is_some_and(|rest| rest.starts_with([',', '@', '='])) || is_cut()
}

/// The name that earlier releases made. Different sources may share it, as it wrote `/`, `:` and spaces alike.
pub fn made_before(host: &str, paths: &[Vec<u8>]) -> String {
    let part = |path: &Vec<u8>| {
        let text = String::from_utf8_lossy(path);
        let text = text.trim_matches('/');
        if text.is_empty() { "root".to_owned() } else { text.to_owned() }
    };
    let plain = |c: char| if matches!(c, ':' | '/') || c.is_control() || c.is_whitespace() { '-' } else { c };
    let sources: Vec<String> = paths.iter().map(part).collect();
    let whole: String = format!("{host}-{}", sources.join("+")).chars().map(plain).collect();
    if whole.len() <= BEFORE_BYTES_MAX {
        return whole;
    }
    let mut end = BEFORE_BYTES_MAX - BEFORE_HASH_DIGITS - 1;
    while !whole.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}-{:016x}", &whole[..end], fnv(&whole))
}

/// FNV-1a: names must stay the same for ever, so no hash that may change with a library.
pub fn fnv(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

fn part(source: &Named) -> String {
    let (mark, bytes) = match source {
        Named::Path(path) => ("", path),
        Named::List(path) => ("@", path),
        Named::Stream(name) => ("=", name),
    };
    let steps: Vec<String> = bytes.split(|b| *b == b'/').map(|step| escaped(step, b",+%~")).collect();
    // The root alone is a comma; every other absolute path begins with one.
    format!("{mark}{}", steps.join(","))
}

/// Writes bytes so that none of `marks`, nothing that a job's name may not hold, and no blank is left.
fn escaped(bytes: &[u8], marks: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len());
    let hex = |out: &mut String, bytes: &[u8]| {
        bytes.iter().for_each(|b| write!(out, "%{b:02X}").expect("a string takes all that is written"));
    };
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            let is_mark = u8::try_from(c).is_ok_and(|b| marks.contains(&b) || matches!(b, b':' | b'/'));
            if is_mark || c.is_control() || c.is_whitespace() {
                hex(&mut out, c.encode_utf8(&mut [0; 4]).as_bytes());
            } else {
                out.push(c);
            }
        }
        hex(&mut out, chunk.invalid());
    }
    out
}

/// What still reads well in a table, with room for the hash of a long one.
const MADE_BYTES_MAX: usize = 80;
const HASH_DIGITS: usize = 32;
const BEFORE_BYTES_MAX: usize = 64;
const BEFORE_HASH_DIGITS: usize = 16;

#[cfg(test)]
#[path = "made_tests.rs"]
mod tests;
