//! The bytes of a folder entry ([TREE-6] to [TREE-9]).

use super::entry::{Content, Entry, Extent, Kind, Totals};
use super::node::{put_totals, take_totals};
use crate::bytes::{Cursor, put_time};
use crate::fields::{CRITICAL, Fields, FieldsWriter};
use crate::{ChunkId, FormatError, Result, Time};

const FIXED_BYTES: usize = 72;
const NAME_BYTES_MAX: usize = 4095;
const KNOWN: [(u16, bool); 8] = [
    (1, false),
    (2, false),
    (3, false),
    (4 | CRITICAL, false),
    (5 | CRITICAL, false),
    (6 | CRITICAL, true),
    (7 | CRITICAL, false),
    (8 | CRITICAL, false),
];

impl Entry {
    /// Appends the entry's bytes.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let start = out.len();
        let (content, id) = match self.content {
            Content::None => (0, None),
            Content::Chunk(id) => (1, Some(id)),
            Content::Tree(id) => (2, Some(id)),
        };
        out.extend_from_slice(&[0; 4]);
        out.extend_from_slice(&[self.kind as u8, content]);
        out.extend_from_slice(&u16::try_from(self.name.len()).expect("names are below 4 KiB").to_le_bytes());
        [self.mode, self.uid, self.gid, self.nlink].iter().for_each(|n| out.extend_from_slice(&n.to_le_bytes()));
        out.extend_from_slice(&self.size.to_le_bytes());
        out.extend_from_slice(&self.mtime.seconds.to_le_bytes());
        out.extend_from_slice(&self.ctime.seconds.to_le_bytes());
        out.extend_from_slice(&self.mtime.nanos.to_le_bytes());
        out.extend_from_slice(&self.ctime.nanos.to_le_bytes());
        out.extend_from_slice(&self.inode.to_le_bytes());
        out.extend_from_slice(&self.device.to_le_bytes());
        debug_assert_eq!(out.len() - start, FIXED_BYTES);
        out.extend_from_slice(&self.name);
        if let Some(id) = id {
            out.extend_from_slice(&id.0);
        }
        if self.kind == Kind::Folder {
            put_totals(&self.totals, out);
        }
        self.encode_fields(out);
        let length = u32::try_from(out.len() - start).expect("entries are below 1 MiB");
        out[start..start + 4].copy_from_slice(&length.to_le_bytes());
    }

    /// Reads one entry that is all of `bytes`.
    pub fn decode(bytes: &[u8]) -> Result<Self> {
        let mut cursor = Cursor::new(bytes, "TREE-5");
        let entry = Entry::decode_from(&mut cursor)?;
        cursor.end()?;
        Ok(entry)
    }

    /// Reads one entry of a folder leaf.
    pub(super) fn decode_from(outer: &mut Cursor<'_>) -> Result<Self> {
        let length = outer.u32()? as usize;
        let body = length
            .checked_sub(4)
            .ok_or_else(|| FormatError::broken("TREE-5", "length of an entry", "at least 72", length))?;
        let mut cursor = Cursor::new(outer.take(body)?, "TREE-5");
        let (kind, content) = (decode_kind(cursor.u8()?)?, cursor.u8()?);
        let name_bytes = usize::from(cursor.u16()?);
        let (mode, uid, gid, nlink) = (cursor.u32()?, cursor.u32()?, cursor.u32()?, cursor.u32()?);
        let size = cursor.u64()?;
        let (mtime_s, ctime_s, mtime_n, ctime_n) = (cursor.i64()?, cursor.i64()?, cursor.u32()?, cursor.u32()?);
        let (inode, device) = (cursor.u64()?, cursor.u64()?);
        let name = cursor.take(name_bytes)?.to_vec();
        let content = match content {
            0 => Content::None,
            1 => Content::Chunk(ChunkId(cursor.array()?)),
            2 => Content::Tree(ChunkId(cursor.array()?)),
            other => return Err(FormatError::unsupported("TREE-9", "a kind of content", other)),
        };
        let totals = if kind == Kind::Folder { take_totals(&mut cursor)? } else { Totals::default() };
        let rest = cursor.take(cursor.remaining())?;
        let mut entry = Entry {
            name,
            kind,
            mode,
            uid,
            gid,
            user: Vec::new(),
            group: Vec::new(),
            mtime: Time::new(mtime_s, mtime_n),
            ctime: Time::new(ctime_s, ctime_n),
            btime: None,
            inode,
            device,
            nlink,
            size,
            rdev: (0, 0),
            target: Vec::new(),
            xattrs: Vec::new(),
            extents: None,
            link_group: None,
            content,
            totals,
        };
        entry.decode_fields(rest)?;
        entry.check()?;
        Ok(entry)
    }

    fn encode_fields(&self, out: &mut Vec<u8>) {
        let mut fields = FieldsWriter::new();
        if !self.user.is_empty() {
            fields.put(1, &self.user);
        }
        if !self.group.is_empty() {
            fields.put(2, &self.group);
        }
        if let Some(btime) = self.btime {
            let mut bytes = Vec::new();
            put_time(&mut bytes, btime);
            fields.put(3, &bytes);
        }
        if matches!(self.kind, Kind::CharDevice | Kind::BlockDevice) {
            fields.put(4 | CRITICAL, &[self.rdev.0.to_le_bytes(), self.rdev.1.to_le_bytes()].concat());
        }
        if self.kind == Kind::Symlink {
            fields.put(5 | CRITICAL, &self.target);
        }
        for (name, value) in &self.xattrs {
            let length = u16::try_from(name.len()).expect("the kernel's names end at 255 bytes");
            fields.put(6 | CRITICAL, &[&length.to_le_bytes(), &name[..], value].concat());
        }
        if let Some(extents) = &self.extents {
            let bytes: Vec<u8> =
                extents.iter().flat_map(|e| [e.offset.to_le_bytes(), e.bytes.to_le_bytes()].concat()).collect();
            fields.put(7 | CRITICAL, &bytes);
        }
        if let Some(group) = &self.link_group {
            fields.put(8 | CRITICAL, group);
        }
        out.extend_from_slice(fields.as_bytes());
    }

    fn decode_fields(&mut self, bytes: &[u8]) -> Result<()> {
        let fields = Fields::parse(bytes, &KNOWN)?;
        let plain = |tag| fields.get(tag).map(|f| f.bytes.to_vec()).unwrap_or_default();
        (self.user, self.group) = (plain(1), plain(2));
        self.btime = fields.time(3)?;
        if matches!(self.kind, Kind::CharDevice | Kind::BlockDevice) {
            let mut cursor = fields.cursor(4 | CRITICAL, "TREE-6")?;
            self.rdev = (cursor.u32()?, cursor.u32()?);
            cursor.end()?;
        }
        if self.kind == Kind::Symlink {
            self.target = fields.need(5 | CRITICAL)?.to_vec();
        }
        for field in fields.all(6 | CRITICAL) {
            let mut cursor = Cursor::new(field, "TREE-6");
            let length = usize::from(cursor.u16()?);
            let name = cursor.take(length)?.to_vec();
            self.xattrs.push((name, cursor.take(cursor.remaining())?.to_vec()));
        }
        if let Some(field) = fields.get(7 | CRITICAL) {
            self.extents = Some(decode_extents(field.bytes)?);
        }
        for (tag, fits) in [
            (4 | CRITICAL, matches!(self.kind, Kind::CharDevice | Kind::BlockDevice)),
            (5 | CRITICAL, self.kind == Kind::Symlink),
            (7 | CRITICAL, self.kind == Kind::File),
        ] {
            if !fits && fields.get(tag).is_some() {
                return Err(FormatError::broken("TREE-6", "a field of another kind of item", "none", tag & !CRITICAL));
            }
        }
        self.link_group = fields.get(8 | CRITICAL).map(|_| fields.array(8 | CRITICAL, "TREE-6")).transpose()?;
        Ok(())
    }

    /// [TREE-6], [TREE-7], [TREE-9]: what the layout alone cannot say.
    fn check(&self) -> Result<()> {
        let bad_name = self.name.len() > NAME_BYTES_MAX
            || self.name.iter().any(|b| *b == 0 || *b == b'/')
            || matches!(&self.name[..], b"." | b"..")
            || (self.name.is_empty() && self.kind != Kind::Folder);
        if bad_name {
            return Err(FormatError::broken("TREE-7", "name", "a name", String::from_utf8_lossy(&self.name)));
        }
        if self.nlink == 0
            || self.mode > 0o7777
            || i64::try_from(self.size).is_err()
            || self.mtime.nanos > 999_999_999
            || self.ctime.nanos > 999_999_999
        {
            return Err(FormatError::broken(
                "TREE-6",
                "attributes",
                "in their ranges",
                String::from_utf8_lossy(&self.name),
            ));
        }
        if !self.xattrs.is_sorted_by(|a, b| a.0 < b.0) {
            return Err(FormatError::broken("TREE-6", "order of extended attributes", "rising", "other"));
        }
        let totals_fit = match self.totals.entries {
            0 => self.totals == Totals::default(),
            entries => self.totals.descendants >= entries && self.totals.oldest <= self.totals.newest,
        };
        if !totals_fit {
            return Err(FormatError::broken("TREE-8", "sums of a folder", "sums", format!("{:?}", self.totals)));
        }
        let stored = self.extents.as_ref().map_or(self.size, |e| e.iter().map(|x| x.bytes).sum());
        let end = self.extents.as_ref().and_then(|e| e.last()).map_or(0, |e| e.offset.saturating_add(e.bytes));
        let fits = match (self.kind, self.content) {
            (Kind::File, Content::None) => stored == 0,
            (Kind::File, _) => stored > 0,
            (Kind::Folder, Content::None) => self.totals.entries == 0,
            (Kind::Folder, Content::Tree(_)) => self.totals.entries > 0,
            (Kind::Symlink, Content::None) => self.size == self.target.len() as u64,
            (_, content) => content == Content::None,
        };
        if end > self.size {
            return Err(FormatError::broken("TREE-6", "runs of data", "inside the file", end));
        }
        if !fits {
            return Err(FormatError::broken(
                "TREE-9",
                "content",
                "what kind and size say",
                format!("{:?}", self.content),
            ));
        }
        Ok(())
    }
}

fn decode_kind(byte: u8) -> Result<Kind> {
    const ALL: [Kind; 7] =
        [Kind::File, Kind::Folder, Kind::Symlink, Kind::Fifo, Kind::Socket, Kind::CharDevice, Kind::BlockDevice];
    ALL.into_iter().find(|k| *k as u8 == byte).ok_or_else(|| FormatError::unsupported("TREE-6", "a kind of item", byte))
}

fn decode_extents(bytes: &[u8]) -> Result<Vec<Extent>> {
    let mut cursor = Cursor::new(bytes, "TREE-6");
    let mut extents: Vec<Extent> = Vec::with_capacity(bytes.len() / 16);
    let mut end = None;
    while cursor.remaining() > 0 {
        let extent = Extent { offset: cursor.u64()?, bytes: cursor.u64()? };
        let next = extent.offset.checked_add(extent.bytes);
        if extent.bytes == 0 || next.is_none() || end.is_some_and(|e| extent.offset <= e) {
            return Err(FormatError::broken("TREE-6", "runs of data", "rising, not touching", format!("{extent:?}")));
        }
        end = next;
        extents.push(extent);
    }
    Ok(extents)
}
