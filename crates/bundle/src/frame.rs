//! The frame `DWB1`: header, body, signature. Byte for byte in this crate's `README.md`.
//!
//! Profile 1 (signed) is for every carrier that takes a hundred bytes: IP links, files, mail. The sealed short profile for 340-byte satellite
//! messages is not written yet; its profile number is refused.

use std::borrow::Cow;

use dogwatch_model::TimeSource;

use crate::BundleError;
use crate::body::{pack, unpack};
use crate::codes::Code as _;
use crate::keys::{PublicKey, SigningKey, sha256};
use crate::record::Record;
use crate::tables::{Definition, EntryRef, Tables};
use crate::wire::{Reader, put_varint};

/// Most records in one bundle.
pub const MAX_RECORDS: usize = 4096;
/// Largest body, before compression.
pub const MAX_BODY_BYTES: usize = 256 << 10;

const MAGIC: [u8; 4] = *b"DWB1";
const PROFILE_SIGNED: u8 = 1;
const COMPRESSED: u8 = 1 << 4;
const CLOCK_SHIFT: u32 = 5;
const SIGNATURE_BYTES: usize = 64;
/// zstd's slowest ordinary level: bundles are small and rare, bytes are dear.
const ZSTD_LEVEL: i32 = 19;

/// What the sender says of a bundle beside its records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Meta {
    /// Stream the records belong to: random, new whenever the queue is created anew.
    pub epoch: u32,
    /// When the bundle was made: milliseconds since 1970, ship's clock. Cut to 48 bits.
    pub created_ms: u64,
    /// Where that clock gets its time from.
    pub clock: TimeSource,
    /// First eight bytes of the hash of the last bundle whose receipt the ship holds; zeros at the start of a stream.
    pub previous: [u8; 8],
}

/// The header of a bundle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// Short number of the key that signed it; see [`PublicKey::key_id`].
    pub key_id: u16,
    /// Table generation of the body.
    pub generation: u16,
    /// Sequence number of the first record.
    pub first_seq: u64,
    /// Number of records.
    pub count: usize,
    /// The rest.
    pub meta: Meta,
}

/// A bundle ready to send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Encoded {
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// SHA-256 of them: what the receipt names.
    pub hash: [u8; 32],
    /// Table entries it defines: to be confirmed when the receipt comes.
    pub defined: Vec<EntryRef>,
    /// Bytes of the body before compression.
    pub raw_body_bytes: usize,
}

/// Makes a bundle of `records` (ascending sequence numbers) and signs it.
///
/// What cannot be carried is left out first, see [`Record::as_carried`]. The bundle is read back before it is signed: nothing goes out that
/// the other end could not rebuild.
///
/// # Errors
/// [`BundleError::TooLarge`] when fewer records must be packed; any other error means one of the records cannot be packed at all.
pub fn encode(
    records: &[(u64, Record)],
    meta: &Meta,
    tables: &mut Tables,
    key: &SigningKey,
) -> Result<Encoded, BundleError> {
    if records.len() > MAX_RECORDS {
        return Err(BundleError::TooLarge { what: "number of records" });
    }
    let carried: Vec<(u64, Record)> = records.iter().map(|(seq, record)| (*seq, record.as_carried())).collect();
    let created_ms = meta.created_ms & 0xffff_ffff_ffff;
    let packed = pack(&carried, created_ms as i64, tables)?;
    if packed.body.len() > MAX_BODY_BYTES {
        return Err(BundleError::TooLarge { what: "body" });
    }
    let first_seq = records.first().map_or(0, |(seq, _)| *seq);
    let read = unpack(&packed.body, first_seq, records.len(), created_ms as i64, tables)?;
    if read.records != carried {
        return Err(BundleError::Malformed { what: "a record that does not come back as it was" });
    }
    let squeezed = zstd::bulk::compress(&packed.body, ZSTD_LEVEL).ok().filter(|small| small.len() < packed.body.len());
    let mut bytes = Vec::with_capacity(128);
    bytes.extend(MAGIC);
    let compressed = if squeezed.is_some() { COMPRESSED } else { 0 };
    bytes.push(PROFILE_SIGNED | compressed | meta.clock.code() << CLOCK_SHIFT);
    bytes.extend(key.public().key_id().to_be_bytes());
    bytes.extend(meta.epoch.to_be_bytes());
    bytes.extend(tables.generation().to_be_bytes());
    bytes.extend(created_ms.to_be_bytes().iter().skip(2));
    bytes.extend(meta.previous);
    put_varint(&mut bytes, first_seq);
    put_varint(&mut bytes, records.len() as u64);
    let raw_body_bytes = packed.body.len();
    let body = squeezed.unwrap_or(packed.body);
    put_varint(&mut bytes, body.len() as u64);
    bytes.extend(body);
    let signature = key.sign(&bytes);
    bytes.extend(signature);
    let hash = sha256(&bytes);
    Ok(Encoded { bytes, hash, defined: packed.defined, raw_body_bytes })
}

/// A bundle as it came: header read, nothing believed yet.
#[derive(Debug, Clone, Copy)]
pub struct Frame<'a> {
    header: Header,
    compressed: bool,
    body: &'a [u8],
    signed: &'a [u8],
    signature: &'a [u8],
    hash: [u8; 32],
}

/// The content of a bundle.
#[derive(Debug, Clone, PartialEq)]
pub struct Decoded {
    /// Records with their sequence numbers, ascending.
    pub records: Vec<(u64, Record)>,
    /// Table entries it defines, all consistent with the tables it was read with.
    pub definitions: Vec<Definition>,
}

impl<'a> Frame<'a> {
    /// Reads the header; the bytes must be one bundle, whole, and nothing else.
    ///
    /// # Errors
    /// When they are not.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, BundleError> {
        let mut reader = Reader::new(bytes);
        if reader.array::<4>("the header")? != MAGIC {
            return Err(BundleError::Malformed { what: "the first four bytes" });
        }
        let kind = reader.byte("the header")?;
        if kind & 0x0f != PROFILE_SIGNED {
            return Err(BundleError::Malformed { what: "a profile this version does not know" });
        }
        let clock = TimeSource::word(u64::from(kind >> CLOCK_SHIFT))?;
        let key_id = u16::from_be_bytes(reader.array("the header")?);
        let epoch = u32::from_be_bytes(reader.array("the header")?);
        let generation = u16::from_be_bytes(reader.array("the header")?);
        let [a, b, c, d, e, f] = reader.array("the header")?;
        let created_ms = u64::from_be_bytes([0, 0, a, b, c, d, e, f]);
        let previous = reader.array("the header")?;
        let first_seq = reader.varint("the header")?;
        let count = reader.count(MAX_RECORDS, "number of records")?;
        let body = reader.bytes(MAX_BODY_BYTES, "the body")?;
        let signed = bytes.get(..bytes.len().saturating_sub(reader.rest().len())).unwrap_or(&[]);
        let signature = reader.take(SIGNATURE_BYTES, "the signature")?;
        if !reader.is_empty() {
            return Err(BundleError::Malformed { what: "bytes after the signature" });
        }
        let meta = Meta { epoch, created_ms, clock, previous };
        let header = Header { key_id, generation, first_seq, count, meta };
        Ok(Self { header, compressed: kind & COMPRESSED != 0, body, signed, signature, hash: sha256(bytes) })
    }

    /// The header.
    #[must_use]
    pub const fn header(&self) -> &Header {
        &self.header
    }

    /// SHA-256 of the whole bundle.
    #[must_use]
    pub const fn hash(&self) -> &[u8; 32] {
        &self.hash
    }

    /// Checks the signature.
    ///
    /// # Errors
    /// [`BundleError::BadSignature`] when `key` did not sign these bytes.
    pub fn verify(&self, key: &PublicKey) -> Result<(), BundleError> {
        key.verify(self.signed, self.signature)
    }

    /// Rebuilds the records with the tables of the sender's stream. Call [`Frame::verify`] first: this trusts nothing, but costs more.
    ///
    /// # Errors
    /// [`BundleError::UnknownEntry`] and [`BundleError::ConflictingEntry`] ask for a new table generation; the others mean a damaged or
    /// hostile bundle.
    pub fn decode(&self, tables: &Tables) -> Result<Decoded, BundleError> {
        let body: Cow<'_, [u8]> = if self.compressed {
            // The capacity is a hard limit: a body that unpacks to more is an error, not memory.
            let body = zstd::bulk::decompress(self.body, MAX_BODY_BYTES);
            Cow::Owned(body.map_err(|_| BundleError::Malformed { what: "compressed body" })?)
        } else {
            Cow::Borrowed(self.body)
        };
        let Header { first_seq, count, meta, .. } = self.header;
        unpack(&body, first_seq, count, meta.created_ms as i64, tables)
    }
}
