//! Key slots: the secrets, wrapped by one password (spec/keys.md).

use crate::bytes::{Cursor, put_time};
use crate::container::{HEADER_BYTES, Header, Object, ObjectKind, ObjectWriter, Suite, kind};
use crate::fields::{CRITICAL, Fields, FieldsWriter};
use crate::keys::{Cipher, Secret, Secrets, aes_key};
use crate::{FormatError, RepositoryId, Result, Time};
use aws_lc_rs::aead::{Aad, Nonce};
use zeroize::Zeroizing;

/// Cost of the key derivation: argon2id ([KEY-2]).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cost {
    /// Memory in KiB.
    pub memory_kib: u32,
    /// Passes over it.
    pub passes: u32,
    /// Lanes.
    pub lanes: u32,
}

impl Cost {
    /// 32 MiB, 5 passes: about a fifth of a second of one core, and below the memory of everything else that a backup does.
    pub const DEFAULT: Cost = Cost { memory_kib: 32_768, passes: 5, lanes: 1 };
}

/// A slot as it stands in the repository.
#[derive(Debug, Clone)]
pub struct KeySlot {
    /// The slot's random id, its name.
    pub id: [u8; 8],
    /// What people call it.
    pub label: String,
    /// When it was made.
    pub created: Time,
    cost: Cost,
    salt: [u8; 16],
    wrapped: [u8; 80],
    associated: Vec<u8>,
}

const KNOWN: [(u16, bool); 7] = [
    (1 | CRITICAL, false),
    (2 | CRITICAL, false),
    (3 | CRITICAL, false),
    (4 | CRITICAL, false),
    (5, false),
    (6, false),
    (7 | CRITICAL, false),
];

/// What a new slot is made of besides the password and the secrets.
#[derive(Debug, Clone)]
pub struct NewSlot<'a> {
    /// The repository.
    pub repository: RepositoryId,
    /// Eight fresh random bytes.
    pub id: [u8; 8],
    /// What people call it.
    pub label: &'a str,
    /// Now.
    pub created: Time,
    /// The derivation's cost.
    pub cost: Cost,
    /// 32 fresh random bytes for the header.
    pub header_salt: [u8; 32],
    /// 16 fresh random bytes for the derivation.
    pub salt: [u8; 16],
}

impl KeySlot {
    /// The object `keys/<id>`.
    ///
    /// # Errors
    /// When the cost is out of bounds, or there is no master key to wrap.
    pub fn encode(new: &NewSlot<'_>, password: &[u8], secrets: &Secrets) -> Result<Vec<u8>> {
        let Some(master) = &secrets.master else {
            return Err(FormatError::broken("KEY-1", "a key slot", "an encrypted repository", "a clear one"));
        };
        let header = Header::new(ObjectKind::KeySlot, Suite::Clear, new.repository, 0, 0, new.header_salt);
        let mut fields = FieldsWriter::new();
        let mut cost = Vec::new();
        [new.cost.memory_kib, new.cost.passes, new.cost.lanes]
            .iter()
            .for_each(|n| cost.extend_from_slice(&n.to_le_bytes()));
        let mut created = Vec::new();
        put_time(&mut created, new.created);
        fields
            .put(1 | CRITICAL, &new.id)
            .put(2 | CRITICAL, &[1])
            .put(3 | CRITICAL, &cost)
            .put(4 | CRITICAL, &new.salt)
            .put(5, new.label.as_bytes())
            .put(6, &created);
        let associated = [&header.encode()[..], fields.as_bytes()].concat();
        let slot_key = derive(password, &new.salt, new.cost)?;
        let mut wrapped = Zeroizing::new(Vec::with_capacity(80));
        wrapped.extend_from_slice(master.expose());
        wrapped.extend_from_slice(secrets.dedup.expose());
        aes_key(&*slot_key)
            .seal_in_place_append_tag(Nonce::assume_unique_for_key([0; 12]), Aad::from(&associated), &mut *wrapped)
            .expect("64 bytes can be sealed");
        fields.put(7 | CRITICAL, &wrapped);
        let mut object = ObjectWriter::new(header, Cipher::Clear);
        object.push_plain(kind::KEY_SLOT, fields.as_bytes(), 3);
        Ok(object.finish().0)
    }

    /// Reads the object `keys/<id>`.
    pub fn decode(bytes: &[u8], repository: RepositoryId) -> Result<Self> {
        let expected = Header::new(ObjectKind::KeySlot, Suite::Clear, repository, 0, 0, [0; 32]);
        let (object, cipher) = Object::parse_as(bytes, &expected, |_| Cipher::Clear)?;
        let plain = object.open_only(kind::KEY_SLOT, &cipher)?;
        let fields = Fields::parse(&plain, &KNOWN)?;
        let derivation = fields.array::<1>(2 | CRITICAL, "KEY-2")?[0];
        if derivation != 1 {
            return Err(FormatError::unsupported("KEY-2", "a key derivation", derivation));
        }
        let mut cursor = fields.cursor(3 | CRITICAL, "KEY-2")?;
        let cost = Cost { memory_kib: cursor.u32()?, passes: cursor.u32()?, lanes: cursor.u32()? };
        cursor.end()?;
        let before = fields.get(7 | CRITICAL).map_or(0, |f| f.start);
        Ok(KeySlot {
            id: fields.array(1 | CRITICAL, "KEY-2")?,
            label: fields.text(5, "KEY-2")?,
            created: fields.time(6)?.unwrap_or_default(),
            cost,
            salt: fields.array(4 | CRITICAL, "KEY-2")?,
            wrapped: fields.array(7 | CRITICAL, "KEY-2")?,
            associated: [&bytes[..HEADER_BYTES], &plain[..before]].concat(),
        })
    }

    /// What trying a password costs.
    pub fn cost(&self) -> Cost {
        self.cost
    }

    /// Tries a password ([KEY-3]): `None` when it does not open this slot.
    pub fn unwrap_secrets(&self, password: &[u8]) -> Result<Option<Secrets>> {
        let slot_key = derive(password, &self.salt, self.cost)?;
        let mut bytes = Zeroizing::new(self.wrapped.to_vec());
        let nonce = Nonce::assume_unique_for_key([0; 12]);
        let Ok(plain) = aes_key(&*slot_key).open_in_place(nonce, Aad::from(&self.associated), &mut bytes) else {
            return Ok(None);
        };
        let mut cursor = Cursor::new(plain, "KEY-3");
        let (master, dedup) = (cursor.array()?, cursor.array()?);
        Ok(Some(Secrets { master: Some(Secret::new(master)), dedup: Secret::new(dedup) }))
    }
}

fn derive(password: &[u8], salt: &[u8; 16], cost: Cost) -> Result<Zeroizing<[u8; 32]>> {
    if cost.memory_kib > 4_194_304 || cost.passes > 64 || cost.lanes > 64 {
        return Err(FormatError::broken(
            "KEY-2",
            "cost of the key derivation",
            "4194304 KiB, 64, 64 at most",
            format!("{cost:?}"),
        ));
    }
    let refused =
        |e: argon2::Error| FormatError::broken("KEY-2", "cost of the key derivation", "what argon2id takes", e);
    let params = argon2::Params::new(cost.memory_kib, cost.passes, cost.lanes, Some(32)).map_err(refused)?;
    let argon = argon2::Argon2::new(argon2::Algorithm::Argon2id, argon2::Version::V0x13, params);
    let mut key = Zeroizing::new([0; 32]);
    let blocks = argon.params().block_count();
    let mut memory = Vec::new();
    memory.try_reserve_exact(blocks).map_err(|_| {
        FormatError::broken(
            "KEY-3",
            "memory for the key derivation",
            format!("{} KiB", cost.memory_kib),
            "less that this machine gives",
        )
    })?;
    memory.resize(blocks, argon2::Block::default());
    argon.hash_password_into_with_memory(password, salt, &mut *key, &mut memory).map_err(refused)?;
    Ok(key)
}
