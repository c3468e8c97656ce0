//! Small durable values: counters, the next nonce, where the ship was. Each write replaces one small file; durable before it returns.
//!
//! Body: entries u32, then key length u8, key, value length u32, value.

use std::collections::BTreeMap;
use std::io;

use crate::codec::{take_slice, take_u8, take_u32};
use crate::disk::Disk;
use crate::error::Result;
use crate::record::{check_id, within};
use crate::report::SmallFile;
use crate::small_file::Replaced;

/// Most bytes of all keys and values.
pub const MAX_META_BYTES: usize = 64 * 1024;
const NAME: &str = "meta";
const MAGIC: [u8; 4] = *b"DWM1";

pub(crate) struct Meta {
    file: Replaced,
    values: BTreeMap<String, Vec<u8>>,
}

impl Meta {
    pub(crate) fn find(disk: &dyn Disk) -> io::Result<(Self, SmallFile)> {
        let (file, body, state) = Replaced::find(disk, NAME, MAGIC)?;
        let values = body.as_deref().map(parse);
        let state = if matches!(values, Some(None)) { SmallFile::Lost } else { state };
        Ok((Self { file, values: values.flatten().unwrap_or_default() }, state))
    }

    pub(crate) fn value(&self, key: &str) -> Option<&[u8]> {
        self.values.get(key).map(Vec::as_slice)
    }

    /// How often it was written.
    pub(crate) fn generation(&self) -> u64 {
        self.file.generation()
    }

    pub(crate) fn values(&self) -> &BTreeMap<String, Vec<u8>> {
        &self.values
    }

    /// What all values would be with `changes` made; an error when they would not fit.
    pub(crate) fn changed(&self, changes: &[(&str, &[u8])]) -> Result<BTreeMap<String, Vec<u8>>> {
        changed(&self.values, changes)
    }

    pub(crate) fn write(&mut self, disk: &dyn Disk, values: BTreeMap<String, Vec<u8>>) -> io::Result<()> {
        self.file.write(disk, &encode(&values))?;
        self.values = values;
        Ok(())
    }
}

/// The values with changes made, within the limit.
pub(crate) fn changed(
    values: &BTreeMap<String, Vec<u8>>,
    changes: &[(&str, &[u8])],
) -> Result<BTreeMap<String, Vec<u8>>> {
    let mut values = values.clone();
    for (key, value) in changes {
        check_id(key)?;
        values.insert((*key).to_owned(), value.to_vec());
    }
    within("meta", values.iter().map(|(key, value)| key.len() + value.len() + 5).sum(), MAX_META_BYTES)?;
    Ok(values)
}

fn encode(values: &BTreeMap<String, Vec<u8>>) -> Vec<u8> {
    let mut out = u32::try_from(values.len()).unwrap_or(u32::MAX).to_le_bytes().to_vec();
    for (key, value) in values {
        out.push(u8::try_from(key.len()).unwrap_or(u8::MAX));
        out.extend_from_slice(key.as_bytes());
        out.extend_from_slice(&u32::try_from(value.len()).unwrap_or(u32::MAX).to_le_bytes());
        out.extend_from_slice(value);
    }
    out
}

fn parse(mut body: &[u8]) -> Option<BTreeMap<String, Vec<u8>>> {
    let input = &mut body;
    let mut values = BTreeMap::new();
    for _ in 0..take_u32(input)? {
        let length = usize::from(take_u8(input)?);
        let key = str::from_utf8(take_slice(input, length)?).ok()?.to_owned();
        let length = usize::try_from(take_u32(input)?).ok()?;
        values.insert(key, take_slice(input, length)?.to_vec());
    }
    Some(values)
}
