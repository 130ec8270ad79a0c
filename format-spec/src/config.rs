//! The repository's parameters (spec/config.md).

use crate::bytes::{Cursor, put_time};
use crate::container::{Header, Object, ObjectKind, ObjectWriter, Suite, kind};
use crate::fields::{CRITICAL, Fields, FieldsWriter};
use crate::keys::{Cipher, Secret, Secrets};
use crate::parity::PERCENT_MAX;
use crate::period::Period;
use crate::{FormatError, RepositoryId, Result, Time};
use std::num::NonZeroU32;

/// What a repository is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Class {
    /// Restore points as they are made; packs of at most 5,000,000 bytes.
    Backup = 1,
    /// Restore points copied for long keeping; packs of at most 256,000,000 bytes.
    Copy = 2,
}

impl Class {
    /// In one word.
    pub fn as_str(self) -> &'static str {
        match self {
            Class::Backup => "backup",
            Class::Copy => "copy",
        }
    }

    /// The most bytes a pack may have, trailer included.
    pub fn pack_bytes_max(self) -> u32 {
        match self {
            Class::Backup => 5_000_000,
            Class::Copy => 256_000_000,
        }
    }
}

/// Where content is cut (spec/chunk.md), in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Cutting {
    /// Content up to this length is one chunk, and no chunk of longer content is shorter, but the last.
    pub least: u32,
    /// A power of two.
    pub average: u32,
    /// No chunk is longer.
    pub most: u32,
}

/// What leaves a repository, and when ([CONF-6]).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// What leaves.
    pub kind: RetentionKind,
    /// After how long.
    pub period: Period,
}

/// What a period is held against.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum RetentionKind {
    /// A restore point leaves, by the time that it shows.
    Snapshot = 1,
    /// An item leaves every restore point, by its own modification time.
    Item = 2,
}

/// How long objects are locked ([CONF-7]).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Immutability {
    /// Who may lift locks.
    pub mode: LockMode,
    /// Days after a commit that what it needs is locked; `None` is the whole period of retention.
    pub days: Option<NonZeroU32>,
    /// Days that a lock reaches beyond what is needed, so that it need not be extended at every commit.
    pub generation_days: u32,
}

/// Who may lift a lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum LockMode {
    /// Somebody with a special permission.
    Governance = 1,
    /// Nobody.
    Compliance = 2,
}

impl Immutability {
    /// The bytes of field 13.
    pub fn encode(&self) -> [u8; 12] {
        let mut out = [0; 12];
        let days = self.days.map_or(0, NonZeroU32::get);
        out[0] = self.mode as u8;
        out[4..8].copy_from_slice(&days.to_le_bytes());
        out[8..].copy_from_slice(&self.generation_days.to_le_bytes());
        out
    }

    /// Reads field 13, of the config or of a change to it.
    ///
    /// # Errors
    /// `Unsupported` for an unknown mode, `Broken` for days that no calendar takes.
    pub fn decode(bytes: &[u8]) -> Result<Self> {
        let mut cursor = Cursor::new(bytes, "CONF-7");
        let mode = match cursor.u8()? {
            1 => LockMode::Governance,
            2 => LockMode::Compliance,
            other => return Err(FormatError::unsupported("CONF-7", "a mode of immutability", other)),
        };
        cursor.zero(3, "zero bytes of immutability")?;
        let (days, generation_days) = (cursor.u32()?, cursor.u32()?);
        cursor.end()?;
        if days.max(generation_days) > LOCK_DAYS_MAX {
            return Err(FormatError::broken("CONF-7", "days of locking", format!("at most {LOCK_DAYS_MAX}"), days));
        }
        Ok(Immutability { mode, days: NonZeroU32::new(days), generation_days })
    }
}

/// A thousand years, as of every period.
const LOCK_DAYS_MAX: u32 = 365_250;

/// Names of storage classes are a word or two.
const STORAGE_CLASS_BYTES_MAX: usize = 64;

/// The tag of [`Immutability`] in the config and in changes to it.
pub const IMMUTABILITY: u16 = 13 | CRITICAL;

impl Default for Retention {
    /// Nothing ever leaves.
    fn default() -> Self {
        Retention { kind: RetentionKind::Snapshot, period: Period::FOR_EVER }
    }
}

/// The config's fields.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// The repository's identity.
    pub repository: RepositoryId,
    /// What the repository is for.
    pub class: Class,
    /// How its objects are sealed.
    pub suite: Suite,
    /// Where content is cut.
    pub cutting: Cutting,
    /// Plaintext bytes at which a block of small chunks is closed.
    pub block_target: u32,
    /// The most bytes of a pack.
    pub pack_bytes_max: u32,
    /// When it was created.
    pub created: Time,
    /// By what.
    pub creator: String,
    /// What the store was seen to do.
    pub probed: String,
    /// zstd level of new blocks.
    pub level: i32,
    /// Parity of new packs in percent of what it covers; 0 for none.
    pub parity_percent: u8,
    /// What leaves, and when.
    pub retention: Retention,
    /// How objects are locked, if they are.
    pub immutability: Option<Immutability>,
    /// Where data packs rest, in the store's own word; empty where the store decides ([CONF-8]).
    pub storage_class: String,
    /// The repository that this one copies from ([CONF-9]).
    pub origin: Option<RepositoryId>,
}

const KNOWN: [(u16, bool); 16] = [
    (1 | CRITICAL, false),
    (2 | CRITICAL, false),
    (3 | CRITICAL, false),
    (4 | CRITICAL, false),
    (5 | CRITICAL, false),
    (6, false),
    (7, false),
    (8, false),
    (9 | CRITICAL, false),
    (10, false),
    (11, false),
    (12, false),
    (IMMUTABILITY, false),
    (14, false),
    (15, false),
    (16, false),
];

/// Whether the fields of a Config entry could stand in a config ([LOG-19]): their values are for whoever applies them.
///
/// # Errors
/// A row that is broken, and unknown critical fields.
pub fn check_change(fields: &[u8]) -> Result<()> {
    Fields::parse(fields, &KNOWN).map(drop)
}

impl Config {
    /// The object `config`. `salt` is fresh; `secrets` are those of the new repository.
    pub fn encode(&self, secrets: &Secrets, salt: [u8; 32]) -> Vec<u8> {
        let mut fields = FieldsWriter::new();
        let c = &self.cutting;
        let mut cutting = vec![1, 0, 0, 0];
        [c.least, c.average, c.most].iter().for_each(|n| cutting.extend_from_slice(&n.to_le_bytes()));
        let mut created = Vec::new();
        put_time(&mut created, self.created);
        fields
            .put(1 | CRITICAL, &[self.class as u8])
            .put(2 | CRITICAL, &[self.suite as u8])
            .put(3 | CRITICAL, &cutting)
            .put(4 | CRITICAL, &self.block_target.to_le_bytes())
            .put(5 | CRITICAL, &self.pack_bytes_max.to_le_bytes())
            .put(6, &created)
            .put(7, self.creator.as_bytes())
            .put(8, self.probed.as_bytes());
        if self.suite == Suite::Clear {
            fields.put(9 | CRITICAL, secrets.dedup.expose());
        }
        fields.put(10, &self.level.to_le_bytes());
        if self.retention != Retention::default() {
            fields.put(11, &[self.retention.kind as u8]).put(12, &self.retention.period.encode());
        }
        if let Some(immutability) = &self.immutability {
            fields.put(IMMUTABILITY, &immutability.encode());
        }
        if self.parity_percent > 0 {
            fields.put(14, &[self.parity_percent]);
        }
        if !self.storage_class.is_empty() {
            fields.put(15, self.storage_class.as_bytes());
        }
        if let Some(origin) = &self.origin {
            fields.put(16, &origin.0);
        }
        let header = Header::new(ObjectKind::Config, Suite::Clear, self.repository, 0, 0, salt);
        let cipher = secrets.cipher(&header);
        let mut object = ObjectWriter::new(header, cipher);
        object.push_plain(kind::CONFIG, fields.as_bytes(), 3);
        object.finish().0
    }

    /// Reads the object `config`. Of an unencrypted repository the secrets come along, and the seal is verified here; of an encrypted one the caller
    /// verifies it with [`verify`](Self::verify) once a slot was opened.
    pub fn decode(bytes: &[u8]) -> Result<(Self, Option<Secrets>)> {
        let object = Object::parse(bytes)?;
        let header = object.header();
        header.expect_identity(&Header::new(ObjectKind::Config, Suite::Clear, header.repository, 0, 0, [0; 32]))?;
        let plain = object.open_only(kind::CONFIG, &Cipher::Clear)?;
        let fields = Fields::parse(&plain, &KNOWN)?;
        let class = match fields.array::<1>(1 | CRITICAL, "CONF-1")?[0] {
            1 => Class::Backup,
            2 => Class::Copy,
            other => return Err(FormatError::unsupported("CONF-1", "a repository class", other)),
        };
        let suite = Suite::from_byte(fields.array::<1>(2 | CRITICAL, "CONF-1")?[0])?;
        let config = Config {
            repository: header.repository,
            class,
            suite,
            cutting: decode_cutting(fields.cursor(3 | CRITICAL, "CONF-1")?)?,
            block_target: u32::from_le_bytes(fields.array(4 | CRITICAL, "CONF-1")?),
            pack_bytes_max: u32::from_le_bytes(fields.array(5 | CRITICAL, "CONF-1")?),
            created: fields.time(6)?.unwrap_or_default(),
            creator: fields.text(7, "CONF-1")?,
            probed: fields.text(8, "CONF-1")?,
            level: fields.get(10).map_or(Ok(3), |_| fields.array(10, "CONF-1").map(i32::from_le_bytes))?,
            parity_percent: fields.get(14).map_or(Ok(0), |_| fields.array::<1>(14, "CONF-1").map(|[n]| n))?,
            retention: decode_retention(&fields)?,
            immutability: fields.get(IMMUTABILITY).map(|f| Immutability::decode(f.bytes)).transpose()?,
            storage_class: fields.text(15, "CONF-8")?,
            origin: fields.get(16).map(|_| fields.array(16, "CONF-9").map(RepositoryId)).transpose()?,
        };
        config.check()?;
        let dedup = fields.get(9 | CRITICAL).map(|_| fields.array::<32>(9 | CRITICAL, "CONF-1")).transpose()?;
        match (suite, dedup) {
            (Suite::Aes256Gcm, None) => Ok((config, None)),
            (Suite::Clear, Some(dedup)) => {
                object.verify(&Cipher::Clear)?;
                Ok((config, Some(Secrets { master: None, dedup: Secret::new(dedup) })))
            }
            _ => Err(FormatError::broken("CONF-1", "dedup key in the config", "in clear repositories only", "other")),
        }
    }

    /// Verifies the seal of an encrypted repository's config ([CONF-4]).
    pub fn verify(bytes: &[u8], secrets: &Secrets) -> Result<()> {
        let object = Object::parse(bytes)?;
        object.verify(&secrets.cipher(object.header()))
    }

    fn check(&self) -> Result<()> {
        let c = &self.cutting;
        let ordered = 64 <= c.least && c.least <= c.average && c.average <= c.most && c.most <= 4_194_304;
        if !ordered || !c.average.is_power_of_two() {
            return Err(FormatError::broken(
                "CONF-3",
                "cutting",
                "64 <= least <= average (2^n) <= most <= 4194304",
                format!("{c:?}"),
            ));
        }
        if self.parity_percent > PERCENT_MAX {
            return Err(FormatError::broken("CONF-1", "parity in percent", "0..=50", self.parity_percent));
        }
        if self.storage_class.chars().any(char::is_control) || self.storage_class.len() > STORAGE_CLASS_BYTES_MAX {
            let expected = format!("at most {STORAGE_CLASS_BYTES_MAX} bytes without control characters");
            return Err(FormatError::broken("CONF-8", "storage class", expected, format!("{:?}", self.storage_class)));
        }
        if self.origin.is_some() && self.class != Class::Copy {
            return Err(FormatError::broken("CONF-9", "an origin", "in class copy", "class backup"));
        }
        if !(4096..=4_194_304).contains(&self.block_target) {
            return Err(FormatError::broken("CONF-3", "block target", "4096..=4194304", self.block_target));
        }
        if !(65_536..=self.class.pack_bytes_max()).contains(&self.pack_bytes_max) {
            return Err(FormatError::broken("CONF-1", "pack limit", self.class.pack_bytes_max(), self.pack_bytes_max));
        }
        Ok(())
    }
}

/// Both fields or none ([CONF-6]).
fn decode_retention(fields: &Fields<'_>) -> Result<Retention> {
    let (kind, period) = match (fields.get(11), fields.get(12)) {
        (None, None) => return Ok(Retention::default()),
        (Some(_), Some(period)) => (fields.array::<1>(11, "CONF-6")?[0], period.bytes),
        _ => return Err(FormatError::broken("CONF-6", "retention type and period", "both or none", "one")),
    };
    let kind = match kind {
        1 => RetentionKind::Snapshot,
        2 => RetentionKind::Item,
        other => return Err(FormatError::unsupported("CONF-6", "a retention type", other)),
    };
    let mut cursor = Cursor::new(period, "CONF-5");
    let period = Period::decode(&mut cursor)?;
    cursor.end()?;
    Ok(Retention { kind, period })
}

fn decode_cutting(mut cursor: Cursor<'_>) -> Result<Cutting> {
    let algorithm = cursor.u8()?;
    if algorithm != 1 {
        return Err(FormatError::unsupported("CONF-1", "a cutting algorithm", algorithm));
    }
    cursor.zero(3, "zero bytes of the cutting")?;
    let cutting = Cutting { least: cursor.u32()?, average: cursor.u32()?, most: cursor.u32()? };
    cursor.end()?;
    Ok(cutting)
}
