//! tar as GNU tar writes it: its headers, long names and sparse maps, and a PAX header before each entry for times, extended
//! attributes and access lists.
//!
//! ```text
//! [long name] [long target]  PAX header: mtime, ctime, ...  header [sparse map]  data  padding
//! ```
//!
//! Whatever was sent ends inside of a header's or a file's data ([`Steady`]), so that nothing takes a part for the whole.

use super::steady::Steady;
use super::{Archive, Content, pax};
use engine::monitor::Monitor;
use format_spec::tree::{Entry, Extent, Kind};
use std::collections::HashMap;
use std::io::{self, Read};
use tar::{EntryType, GnuExtSparseHeader, GnuHeader, GnuSparseHeader, Header};

/// How every archive begins: with the name of a PAX header.
pub(super) const FIRST: &[u8] = b"PaxHeaders";

/// A tar being written.
pub(super) struct Tar<'w> {
    out: Steady<'w>,
    /// The first path of each group of hard links; only files with several names are in it.
    groups: HashMap<[u8; 16], Vec<u8>>,
    /// The folder itself, which stands for an archive without entries: until the first entry comes.
    alone: Option<Entry>,
}

impl<'w> Tar<'w> {
    pub(super) fn new(out: Steady<'w>, folder: &Entry) -> Self {
        Tar { out, groups: HashMap::new(), alone: Some(folder.clone()) }
    }
}

impl Archive for Tar<'_> {
    fn add(
        &mut self,
        path: &[u8],
        entry: &Entry,
        content: Option<&mut Content<'_>>,
        monitor: &Monitor,
    ) -> io::Result<()> {
        let Some(kind) = entry_type(entry) else {
            monitor.warn(path, "left out: tar has no sockets");
            return Ok(());
        };
        let mut header = header(entry, kind);
        let first = entry.link_group.and_then(|group| self.groups.get(&group).cloned());
        let link = first.as_deref().or((!entry.target.is_empty()).then_some(&entry.target[..]));
        if first.is_some() {
            header.set_entry_type(EntryType::Link);
            self.headers(path, link, header, pax::records(&bare(entry)))?;
            return Ok(());
        }
        if let Some(group) = entry.link_group {
            self.groups.insert(group, path.to_vec());
        }
        let folder = [path, b"/"].concat();
        let path = if entry.kind == Kind::Folder { &folder } else { path };
        let runs = runs(entry);
        let map = if kind == EntryType::GNUSparse { sparse(&mut header, &runs, entry.size) } else { Vec::new() };
        header.set_size(runs.iter().map(|run| run.bytes).sum());
        self.headers(path, link, header, pax::records(entry))?;
        self.out.send(&map)?;
        let Some(content) = content else { return Ok(()) };
        let mut sent = 0;
        for run in &runs {
            sent += self.run(content, run)?;
        }
        self.pad(sent);
        Ok(())
    }

    fn finish(mut self: Box<Self>, monitor: &Monitor) -> io::Result<()> {
        if let Some(folder) = self.alone.take() {
            self.add(b".", &folder, None, monitor)?;
        }
        self.out.hold(&[0; 2 * BLOCK_BYTES]);
        self.out.finish()
    }
}

impl Tar<'_> {
    /// Everything before an entry's data. `path` and `link` are raw.
    fn headers(&mut self, path: &[u8], link: Option<&[u8]>, mut header: Header, records: Vec<u8>) -> io::Result<()> {
        // The very first header must be the PAX header, whose name was sent already.
        let (name_bytes, link_bytes) = (path.len(), link.map_or(0, <[u8]>::len));
        let mut long = Vec::new();
        if name_bytes > NAME_BYTES_MAX {
            long.push((EntryType::GNULongName, path));
        }
        if let Some(link) = link.filter(|_| link_bytes > NAME_BYTES_MAX) {
            long.push((EntryType::GNULongLink, link));
        }
        self.extension(EntryType::XHeader, NAME, &records)?;
        for (kind, name) in long {
            self.extension(kind, LONG_NAME, &[name, &[0]].concat())?;
        }
        fill(&mut gnu(&mut header).name, path);
        fill(&mut gnu(&mut header).linkname, link.unwrap_or_default());
        header.set_cksum();
        self.out.hold(header.as_bytes());
        self.alone = None;
        Ok(())
    }

    /// A header whose data are about the next one.
    fn extension(&mut self, kind: EntryType, name: &[u8], data: &[u8]) -> io::Result<()> {
        self.out.hold(extension(kind, name, data.len()).as_bytes());
        self.out.send(data)?;
        self.pad(data.len() as u64);
        Ok(())
    }

    /// Sends a run of data; how long it was.
    fn run(&mut self, content: &mut Content<'_>, run: &Extent) -> io::Result<u64> {
        content.go_to(run.offset);
        let (mut data, mut buffer, mut sent) = (content.take(run.bytes), vec![0; BUFFER_BYTES], 0);
        loop {
            let read = data.read(&mut buffer)?;
            let Some(part) = buffer.get(..read).filter(|part| !part.is_empty()) else { return Ok(sent) };
            self.out.send(part)?;
            sent += read as u64;
        }
    }

    /// Fills the last block of data.
    fn pad(&mut self, bytes: u64) {
        let over = usize::try_from(bytes % BLOCK_BYTES as u64).unwrap_or(0);
        if over > 0 {
            self.out.hold(&[0; BLOCK_BYTES][over..]);
        }
    }
}

/// A further name of a file, whose attributes came with the first.
fn bare(entry: &Entry) -> Entry {
    Entry { xattrs: Vec::new(), extents: None, ..entry.clone() }
}

/// The runs of data of an entry, in the order of the file.
fn runs(entry: &Entry) -> Vec<Extent> {
    match (&entry.extents, entry.kind, entry.size) {
        (_, Kind::File, 0) => Vec::new(),
        (Some(runs), Kind::File, _) => runs.clone(),
        (None, Kind::File, bytes) => vec![Extent { offset: 0, bytes }],
        _ => Vec::new(),
    }
}

/// Writes the map of a sparse file into its header, and returns what did not fit there.
fn sparse(header: &mut Header, runs: &[Extent], size: u64) -> Vec<u8> {
    let mut map: Vec<(u64, u64)> = runs.iter().map(|run| (run.offset, run.bytes)).collect();
    // A hole at the end has no run behind it: a run without bytes stands for its end, as in GNU tar's own archives.
    if map.last().is_none_or(|(offset, bytes)| offset.saturating_add(*bytes) < size) {
        map.push((size, 0));
    }
    let gnu = gnu(header);
    let (inside, rest) = map.split_at(map.len().min(gnu.sparse.len()));
    gnu.sparse.iter_mut().zip(inside).for_each(|(row, run)| describe(row, *run));
    gnu.isextended = [u8::from(!rest.is_empty())];
    number(&mut gnu.realsize, size);
    let mut further = Vec::new();
    let mut blocks = rest.chunks(GnuExtSparseHeader::new().sparse.len()).peekable();
    while let Some(runs) = blocks.next() {
        let mut block = GnuExtSparseHeader::new();
        block.sparse.iter_mut().zip(runs).for_each(|(row, run)| describe(row, *run));
        block.isextended = [u8::from(blocks.peek().is_some())];
        further.extend_from_slice(block.as_bytes());
    }
    further
}

fn describe(row: &mut GnuSparseHeader, (offset, bytes): (u64, u64)) {
    number(&mut row.offset, offset);
    number(&mut row.numbytes, bytes);
}

/// Octal digits, or, where they do not suffice, GNU tar's binary form.
fn number<const N: usize>(field: &mut [u8; N], value: u64) {
    let digits = format!("{value:0width$o}\0", width = N - 1);
    if digits.len() == N {
        field.copy_from_slice(digits.as_bytes());
        return;
    }
    let bytes = value.to_be_bytes();
    *field = [0; N];
    field.iter_mut().rev().zip(bytes.iter().rev()).for_each(|(to, from)| *to = *from);
    field[0] |= 0x80;
}

fn header(entry: &Entry, kind: EntryType) -> Header {
    let mut header = Header::new_gnu();
    header.set_entry_type(kind);
    header.set_mode(entry.mode);
    header.set_uid(entry.uid.into());
    header.set_gid(entry.gid.into());
    // Times before 1970 stand in the PAX header alone.
    header.set_mtime(u64::try_from(entry.mtime.seconds).unwrap_or(0));
    header.set_size(0);
    let gnu = gnu(&mut header);
    for (field, name) in [(&mut gnu.uname, &entry.user), (&mut gnu.gname, &entry.group)] {
        if name.len() <= pax::OWNER_BYTES_MAX {
            fill(field, name);
        }
    }
    if matches!(kind, EntryType::Char | EntryType::Block) {
        number(&mut gnu.dev_major, entry.rdev.0.into());
        number(&mut gnu.dev_minor, entry.rdev.1.into());
    }
    header
}

fn extension(kind: EntryType, name: &[u8], bytes: usize) -> Header {
    let mut header = Header::new_gnu();
    header.set_entry_type(kind);
    header.set_mode(0o644);
    header.set_size(bytes as u64);
    fill(&mut gnu(&mut header).name, name);
    header.set_cksum();
    header
}

/// As much of a text as a field takes; it need not end in NUL.
fn fill(field: &mut [u8], text: &[u8]) {
    field.fill(0);
    field.iter_mut().zip(text).for_each(|(to, from)| *to = *from);
}

fn gnu(header: &mut Header) -> &mut GnuHeader {
    header.as_gnu_mut().expect("it was made as one")
}

fn entry_type(entry: &Entry) -> Option<EntryType> {
    Some(match entry.kind {
        Kind::File if entry.extents.is_some() => EntryType::GNUSparse,
        Kind::File => EntryType::Regular,
        Kind::Folder => EntryType::Directory,
        Kind::Symlink => EntryType::Symlink,
        Kind::Fifo => EntryType::Fifo,
        Kind::CharDevice => EntryType::Char,
        Kind::BlockDevice => EntryType::Block,
        Kind::Socket => return None,
    })
}

const BLOCK_BYTES: usize = 512;
const NAME_BYTES_MAX: usize = 100;
const NAME: &[u8] = b"PaxHeaders/cairn";
const LONG_NAME: &[u8] = b"././@LongLink";
/// A few chunks: large enough to keep reads of large files in step with the engine's.
const BUFFER_BYTES: usize = 1 << 20;
