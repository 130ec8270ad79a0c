//! Healing a pack by its own parity: the original bytes, bit by bit, or nothing.
//!
//! Promises: what is returned has the length and the body hash that the log names. Damage may lie anywhere: in blocks, parity, directory, trailer,
//! or at an end that was cut off. Refuses to guess: more damage than the parity stands for is an error that says how much more.

use crate::error::{Error, Kind, Result};
use format_spec::container::{Codec, Header, Object, ObjectWriter, Trailer, complete};
use format_spec::keys::{Cipher, Secrets};
use format_spec::log::ObjectRef;
use format_spec::parity::Table;

/// The pack as it was written, from what is left of it. Without `secrets` an encrypted pack is healed as long as its trailer holds: the
/// trailer's seal is keyed.
///
/// # Errors
/// `Damaged` when the pack has no parity, or too much of it is damaged; `Input` when only the keys are missing.
pub fn heal(damaged: &[u8], promised: &ObjectRef, secrets: Option<&Secrets>) -> Result<Vec<u8>> {
    let is_promised = |bytes: &[u8]| {
        promised.expect_length(bytes.len() as u64).is_ok()
            && Object::parse(bytes).is_ok_and(|object| promised.expect_object(&object).is_ok())
    };
    if is_promised(damaged) {
        return Ok(damaged.to_vec());
    }
    let none = || Error::new(Kind::Damaged, "it has no parity that could be read").advise(ELSEWHERE);
    let table = Table::find(damaged).ok_or_else(none)?;
    let covered = table.restore(damaged).map_err(|beyond| {
        let what = format!(
            "{} of its parts of {} bytes are damaged, and its parity can give back {}",
            beyond.damaged, beyond.shard_bytes, beyond.sound_recovery
        );
        Error::new(Kind::Damaged, what).advise(ELSEWHERE)
    })?;
    let header = Header::decode(&covered)?;
    let trailer = usize::try_from(promised.bytes).ok().and_then(|end| damaged.get(..end));
    let trailer = trailer.and_then(|whole| Trailer::decode(whole, promised.bytes).ok());
    let kept_seal = trailer.filter(|t| t.body_hash == promised.body_hash).map(|t| t.seal);
    let cipher = secrets.map_or(Cipher::Clear, |s| s.cipher(&header));
    if kept_seal.is_none() && secrets.is_none() && header.suite != format_spec::container::Suite::Clear {
        return Err(Error::new(Kind::Input, "its trailer is damaged too, and only the keys can seal a new one")
            .advise("repair it with the repository's password"));
    }
    let seal = |header: &[u8], directory: &[u8], hash: &[u8; 32]| {
        kept_seal.unwrap_or_else(|| cipher.directory_seal(header, hash, directory))
    };
    let healed = complete(with_parity(&header, covered, &table)?, seal)?;
    if is_promised(&healed) {
        return Ok(healed);
    }
    Err(Error::new(Kind::Damaged, "what its parity gives back is not what the log promises").advise(ELSEWHERE))
}

/// The covered bytes with their parity records behind them.
fn with_parity(header: &Header, covered: Vec<u8>, table: &Table) -> Result<Vec<u8>> {
    let payloads = table.geometry.encode(&covered)?;
    let object = ObjectWriter::resume(header.clone(), Cipher::Clear, covered)?;
    let with = |mut object: ObjectWriter, payload: &Vec<u8>| {
        object.push(format_spec::container::kind::PARITY, Codec::Raw, payload.len(), payload.clone());
        object
    };
    Ok(payloads.iter().fold(object, with).into_body())
}

const ELSEWHERE: &str = "heal it from a copy of the repository, or let the next backup store its data again";
