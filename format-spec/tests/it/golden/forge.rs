//! Forging: an object whose parts are laid by hand, with all that stands above the forged place made right again.

use super::{Shape, Vector, header, secrets, suite_name};
use format_spec::container::{Codec, HEAD_BYTES, HEADER_BYTES, Object, ObjectKind, RecordHead, Suite, Trailer};
use format_spec::fields::{CRITICAL, Fields};
use format_spec::keys::Cipher;

/// An object in its parts. [`finish`](Forge::finish) makes heads, directory and trailer from them.
pub(crate) struct Forge {
    pub(crate) header: Vec<u8>,
    pub(crate) cipher: Cipher,
    pub(crate) records: Vec<Record>,
    /// The last word on each part, after its checksums were made and before those above it.
    pub(crate) late: Late,
}

/// One record in its parts.
pub(crate) struct Record {
    pub(crate) head: RecordHead,
    pub(crate) payload: Vec<u8>,
    /// Bytes between this record and the next: there must be none.
    pub(crate) gap: Vec<u8>,
}

type Patch = Option<Box<dyn Fn(&mut Vec<u8>)>>;

/// Patches that come after the part's own checksum.
#[derive(Default)]
pub(crate) struct Late {
    pub(crate) header: Patch,
    /// The first record's head.
    pub(crate) head: Patch,
    /// The first record's payload.
    pub(crate) payload: Patch,
    /// The directory, before its CRC.
    pub(crate) directory: Patch,
    /// The trailer, before its CRC.
    pub(crate) trailer: Patch,
    /// The whole object.
    pub(crate) object: Patch,
}

impl Forge {
    /// An object of these raw plaintexts.
    pub(crate) fn new(kind: ObjectKind, suite: Suite, ordinal: u32, label: &str, records: &[(u8, Vec<u8>)]) -> Self {
        let header = header(kind, suite, ordinal, label);
        let cipher = secrets(suite).cipher(&header);
        let mut forge = Forge { header: header.encode().to_vec(), cipher, records: Vec::new(), late: Late::default() };
        records.iter().for_each(|(kind, plain)| forge.push(*kind, Codec::Raw as u8, plain.len(), plain));
        forge
    }

    /// Appends a record that claims this codec and length.
    pub(crate) fn push(&mut self, kind: u8, codec: u8, plain_bytes: usize, encoded: &[u8]) {
        let narrow = |n: usize| u32::try_from(n).unwrap();
        let stored = narrow(encoded.len() + self.cipher.overhead());
        let position = narrow(self.records.len());
        let head = RecordHead { kind, codec, stored, plain: narrow(plain_bytes), position, crc: 0 };
        let mut payload = encoded.to_vec();
        self.cipher.seal(&head, &mut payload);
        self.records.push(Record { head, payload, gap: Vec::new() });
    }

    /// Appends a raw record that is not sealed, as parity is not.
    pub(crate) fn push_clear(&mut self, kind: u8, payload: &[u8]) {
        let sealed = std::mem::replace(&mut self.cipher, Cipher::Clear);
        self.push(kind, Codec::Raw as u8, payload.len(), payload);
        self.cipher = sealed;
    }

    /// The object.
    pub(crate) fn finish(mut self) -> Vec<u8> {
        let late = std::mem::take(&mut self.late);
        let apply = |patch: &Patch, part: &mut Vec<u8>| {
            if let Some(patch) = patch {
                patch(part);
            }
        };
        let crc = crc32fast::hash(&self.header[..92]);
        self.header[92..96].copy_from_slice(&crc.to_le_bytes());
        apply(&late.header, &mut self.header);
        let (mut body, mut directory) = (self.header.clone(), Vec::new());
        let count = u32::try_from(self.records.len()).unwrap();
        for (at, record) in self.records.iter_mut().enumerate() {
            record.head.crc = crc32fast::hash(&record.payload);
            directory.extend_from_slice(&(body.len() as u64).to_le_bytes());
            let head = &record.head;
            [head.stored, head.plain, head.crc].iter().for_each(|n| directory.extend_from_slice(&n.to_le_bytes()));
            directory.extend_from_slice(&[head.kind, head.codec, 0, 0]);
            let mut head = record.head.encode().to_vec();
            if at == 0 {
                apply(&late.head, &mut head);
                apply(&late.payload, &mut record.payload);
            }
            body.extend_from_slice(&head);
            body.extend_from_slice(&record.payload);
            body.extend_from_slice(&record.gap);
        }
        apply(&late.directory, &mut directory);
        let body_hash = *blake3::hash(&body).as_bytes();
        let trailer = Trailer {
            directory_offset: body.len() as u64,
            records: count,
            seal: self.cipher.directory_seal(&self.header[..HEADER_BYTES], &body_hash, &directory),
            body_hash,
            object_bytes: (body.len() + directory.len() + 104) as u64,
            directory_crc: crc32fast::hash(&directory),
        };
        let mut trailer = trailer.encode().to_vec();
        apply(&late.trailer, &mut trailer);
        let crc = crc32fast::hash(&trailer[..96]);
        trailer[96..100].copy_from_slice(&crc.to_le_bytes());
        let mut object = [body, directory, trailer].concat();
        apply(&late.object, &mut object);
        object
    }
}

/// Sets the last four of 32 head bytes right.
pub(crate) fn mend_head(head: &mut [u8]) {
    let crc = crc32fast::hash(&head[..HEAD_BYTES - 4]);
    head[HEAD_BYTES - 4..HEAD_BYTES].copy_from_slice(&crc.to_le_bytes());
}

/// A broken vector of an object; `case` is `RULE what it is`.
pub(crate) fn broken(kind: ObjectKind, suite: Suite, ordinal: u32, case: &str, bytes: Vec<u8>) -> Vector {
    let folder = format!("{}/{}", suite_name(suite), super::json::kind_name(kind));
    verdict(Vector::new(folder, Shape::Object(kind, ordinal), suite, bytes), case)
}

/// Names a vector after its case: `RULE what it is`, or `ok what it is`.
pub(crate) fn verdict(mut vector: Vector, case: &str) -> Vector {
    let (rule, why) = case.split_once(' ').expect("a case is a rule and a phrase");
    let words: String =
        why.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' }).collect();
    let group = if rule == "ok" { "good" } else { "broken" };
    vector.verdict = (rule != "ok").then(|| &*rule.to_owned().leak());
    let rule = if rule == "ok" { String::new() } else { format!("{rule}-") };
    vector.file = format!("{group}/{}/{rule}{words}.bin", vector.file);
    why.clone_into(&mut vector.why);
    vector
}

/// A row of fields that can be bent and written again.
#[derive(Clone)]
pub(crate) struct Row(pub(crate) Vec<(u16, Vec<u8>)>);

impl Row {
    /// The row of an object's only record of this kind.
    pub(crate) fn of(bytes: &[u8], record: u8, cipher: &Cipher) -> Self {
        let plain = Object::parse(bytes).and_then(|o| o.open_only(record, cipher)).expect("a good object");
        Row::parse(&plain)
    }

    pub(crate) fn parse(plain: &[u8]) -> Self {
        let known: Vec<(u16, bool)> = (0..256).flat_map(|t| [(t, true), (t | CRITICAL, true)]).collect();
        let fields = Fields::parse(plain, &known).expect("a good row");
        let mut row: Vec<(usize, u16, Vec<u8>)> =
            known.iter().filter_map(|(tag, _)| fields.get(*tag)).map(|f| (f.start, f.tag, f.bytes.to_vec())).collect();
        row.sort();
        Row(row.into_iter().map(|(_, tag, bytes)| (tag, bytes)).collect())
    }

    /// The row's bytes, in the order in which it stands.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let one = |(tag, bytes): &(u16, Vec<u8>)| {
            let length = u32::try_from(bytes.len()).unwrap();
            [&tag.to_le_bytes()[..], &[0, 0], &length.to_le_bytes(), bytes].concat()
        };
        self.0.iter().flat_map(one).collect()
    }

    /// This row with another value of a field.
    pub(crate) fn with(&self, tag: u16, bytes: &[u8]) -> Self {
        let mut row = self.clone();
        row.0.iter_mut().find(|(t, _)| *t == tag).expect("the field is there").1 = bytes.to_vec();
        row
    }

    /// This row with one bit field bent.
    pub(crate) fn bent(&self, tag: u16, bend: impl FnOnce(&mut Vec<u8>)) -> Self {
        let mut row = self.clone();
        bend(&mut row.0.iter_mut().find(|(t, _)| *t == tag).expect("the field is there").1);
        row
    }

    /// This row without a field.
    pub(crate) fn without(&self, tag: u16) -> Self {
        Row(self.0.iter().filter(|(t, _)| *t != tag).cloned().collect())
    }

    /// This row with one more field behind all others.
    pub(crate) fn and(&self, tag: u16, bytes: &[u8]) -> Self {
        let mut row = self.clone();
        row.0.push((tag, bytes.to_vec()));
        row
    }
}

/// Whether two objects say the same and differ at most in how their plaintexts were compressed.
pub(crate) fn same_plaintexts(a: &[u8], b: &[u8], suite: Suite) -> bool {
    let plain = |bytes: &[u8]| -> format_spec::Result<_> {
        let object = Object::parse(bytes)?;
        let cipher = secrets(suite).cipher(object.header());
        object.verify(&cipher)?;
        let open = |e| object.open(e, &cipher).map(|plain| (e.head.kind, plain));
        let plains = object.entries().iter().map(open).collect::<format_spec::Result<Vec<_>>>()?;
        let compressed = object.entries().iter().any(|e| e.head.codec == Codec::Zstd as u8);
        Ok((object.header().clone(), compressed, plains))
    };
    let compressed = |bytes: &[u8]| plain(bytes).is_ok_and(|p| p.1);
    (compressed(a) || compressed(b)) && matches!((plain(a), plain(b)), (Ok(a), Ok(b)) if (&a.0, &a.2) == (&b.0, &b.2))
}

/// A zstd frame of one repeated byte, laid by hand so that no compressor's version can change it.
pub(crate) fn rle_frame(byte: u8, bytes: usize) -> Vec<u8> {
    const BLOCK: usize = 131_072;
    // Magic, a descriptor without size and checksum, a window of 128 KiB.
    let mut out = vec![0x28, 0xB5, 0x2F, 0xFD, 0x00, 0x38];
    let mut rest = bytes;
    while rest > 0 {
        let length = rest.min(BLOCK);
        rest -= length;
        let block = u32::try_from(length << 3 | 1 << 1 | usize::from(rest == 0)).unwrap();
        out.extend_from_slice(&block.to_le_bytes()[..3]);
        out.push(byte);
    }
    out
}
