//! zstd with contexts that are made once a thread, and decoding that is bounded by the length the record promised.

use crate::container::Codec;
use crate::{FormatError, Result};
use std::cell::RefCell;
use zstd::bulk::{Compressor, Decompressor};

thread_local! {
    static DECODER: RefCell<Option<Decompressor<'static>>> = const { RefCell::new(None) };
    static ENCODER: RefCell<Option<(i32, Compressor<'static>)>> = const { RefCell::new(None) };
}

/// Encodes a plaintext: zstd at `level` where it saves at least 1/64, raw otherwise ([CONT-11]).
pub fn encode(plain: &[u8], level: i32) -> (Codec, Vec<u8>) {
    let mut out = vec![0; zstd::zstd_safe::compress_bound(plain.len())];
    let length = ENCODER.with_borrow_mut(|slot| {
        if slot.as_ref().is_none_or(|(l, _)| *l != level) {
            *slot = Compressor::new(level).ok().map(|c| (level, c));
        }
        slot.as_mut().and_then(|(_, encoder)| encoder.compress_to_buffer(plain, &mut out[..]).ok())
    });
    match length {
        Some(length) if length <= plain.len() - plain.len() / 64 && length < plain.len() => {
            out.truncate(length);
            (Codec::Zstd, out)
        }
        _ => (Codec::Raw, plain.to_vec()),
    }
}

/// Decodes to exactly `plain_bytes` bytes, whatever the bytes claim ([CONT-11]).
pub fn decode(codec: Codec, encoded: &[u8], plain_bytes: usize) -> Result<Vec<u8>> {
    let wrong = |found: String| FormatError::broken("CONT-11", "decoded length", plain_bytes, found);
    match codec {
        Codec::Raw if encoded.len() == plain_bytes => Ok(encoded.to_vec()),
        Codec::Raw => Err(wrong(encoded.len().to_string())),
        Codec::Zstd => {
            // The decoder itself takes any row of frames, skippable ones too; one plaintext has one encoding here.
            let frame = zstd::zstd_safe::find_frame_compressed_size(encoded);
            if frame != Ok(encoded.len()) {
                return Err(wrong("no frame, or more than one".to_owned()));
            }
            let mut out = Vec::with_capacity(plain_bytes);
            let length = DECODER.with_borrow_mut(|slot| -> Result<usize> {
                if slot.is_none() {
                    *slot = Some(Decompressor::new().map_err(|e| wrong(e.to_string()))?);
                }
                let decoder = slot.as_mut().expect("was just made");
                decoder.decompress_to_buffer(encoded, &mut out).map_err(|e| wrong(format!("no zstd frame: {e}")))
            })?;
            if length != plain_bytes {
                return Err(wrong(length.to_string()));
            }
            Ok(out)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_pay_is_stored_raw() {
        let noise: Vec<u8> = (0..64u32).flat_map(|i| *blake3::hash(&i.to_le_bytes()).as_bytes()).collect();
        assert_eq!(encode(&noise, 3).0, Codec::Raw);
        let (codec, bytes) = encode(&[7; 4096], 3);
        assert_eq!(codec, Codec::Zstd);
        assert_eq!(decode(codec, &bytes, 4096).expect("decodes"), [7; 4096]);
    }

    #[test]
    fn a_frame_longer_or_shorter_than_promised_is_refused() {
        let (codec, bytes) = encode(&[7; 4096], 3);
        for promised in [1, 4095, 4097] {
            assert!(decode(codec, &bytes, promised).is_err(), "{promised}");
        }
    }

    #[test]
    fn more_than_one_frame_is_refused() {
        let (_, first) = encode(&[7; 4096], 3);
        let (_, second) = encode(&[8; 4096], 3);
        assert!(decode(Codec::Zstd, &[&first[..], &second].concat(), 8192).is_err(), "two frames");
        let skippable = [0x50, 0x2A, 0x4D, 0x18, 4, 0, 0, 0, 1, 2, 3, 4];
        assert!(decode(Codec::Zstd, &[&skippable[..], &first].concat(), 4096).is_err(), "a skippable frame before");
        assert!(decode(Codec::Zstd, &[&first[..], &skippable].concat(), 4096).is_err(), "a skippable frame behind");
        assert!(decode(Codec::Zstd, &[&first[..], &[0]].concat(), 4096).is_err(), "a byte behind");
    }
}
