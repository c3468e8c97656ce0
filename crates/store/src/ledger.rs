//! The ledger: the latest version of every finding, asset and piece of state, kept aboard after the shore has receipted it.
//!
//! ```text
//! ledger/NNNNNNNN.log:  "DWL1" | epoch u32 | sealed length u64 | sealed entries u64 | next entry u64 | CRC32C | frames
//! frame payload:        seq u64 | kind u8 | id length u8 | id | bytes        frame kind: tree, + 128 when removed
//! ```
//! One file, appended to. When it has grown past three times what is live, the live entries are written to the next number (sealed: durable
//! before the rename) and the old file is deleted; the highest number counts. The index (sled) is only ever fed from here.

use std::collections::BTreeMap;
use std::io;
use std::ops::ControlFlow;
use std::sync::Arc;

use crate::codec::{take, take_slice, take_u8, take_u32, take_u64};
use crate::disk::{Disk, DiskFile};
use crate::frame::{self, Frame, Step};
use crate::record::{Class, Record};

const MAGIC: [u8; 4] = *b"DWL1";
const HEADER_BYTES: u64 = 36;
const REMOVED: u8 = 0x80;

/// What an entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Tree {
    Findings,
    Assets,
    State,
}

impl Tree {
    pub(crate) const ALL: [Self; 3] = [Self::Findings, Self::Assets, Self::State];

    pub(crate) const fn number(self) -> u8 {
        match self {
            Self::Findings => 1,
            Self::Assets => 2,
            Self::State => 3,
        }
    }

    fn from_number(number: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|tree| tree.number() == number)
    }
}

/// What names an entry.
pub(crate) type Key = (Tree, String);

/// One version of an entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Version {
    /// Place in the stream; 0 for what is not queued.
    pub(crate) seq: u64,
    pub(crate) class: Class,
    pub(crate) kind: u8,
    pub(crate) bytes: Vec<u8>,
}

/// Where the latest version stands.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place {
    offset: u64,
    length: u32,
    /// Number of the entry in the ledger.
    pub(crate) entry: u64,
    /// Its place in the stream.
    pub(crate) seq: u64,
}

/// A write that is durable but not yet counted.
pub(crate) struct Written {
    places: Vec<(Key, Option<Place>)>,
    before: (u64, u64),
    after: (u64, u64),
}

pub(crate) struct Ledger {
    disk: Arc<dyn Disk>,
    epoch: u32,
    number: u64,
    file: Option<Box<dyn DiskFile>>,
    bytes: u64,
    next_entry: u64,
    places: BTreeMap<Key, Place>,
    live_bytes: u64,
}

/// What finding the ledger brought to light.
#[derive(Debug, Default)]
pub(crate) struct LedgerFound {
    pub(crate) fresh: bool,
    pub(crate) torn_bytes: u64,
    pub(crate) damaged_places: u64,
    pub(crate) lost_entries: u64,
    /// Findings whose numbers were asked for, as queue records.
    pub(crate) wanted: BTreeMap<u64, Record>,
    /// Highest place in the stream of any finding.
    pub(crate) highest_seq: u64,
}

struct Head {
    epoch: u32,
    sealed_to: u64,
    sealed_entries: u64,
    next_entry: u64,
}

impl Head {
    fn encode(&self) -> Vec<u8> {
        let mut out = MAGIC.to_vec();
        out.extend_from_slice(&self.epoch.to_le_bytes());
        for field in [self.sealed_to, self.sealed_entries, self.next_entry] {
            out.extend_from_slice(&field.to_le_bytes());
        }
        out.extend_from_slice(&crc32c::crc32c(&out).to_le_bytes());
        out
    }

    fn read(disk: &dyn Disk, number: u64) -> io::Result<Option<Self>> {
        Ok(Self::parse(&disk.read(&name(number), 0, usize::try_from(HEADER_BYTES).unwrap_or(0))?))
    }

    fn parse(bytes: &[u8]) -> Option<Self> {
        let (checked, mut crc) = bytes.split_at_checked(bytes.len().checked_sub(4)?)?;
        let mut fields = checked;
        if take_u32(&mut crc)? != crc32c::crc32c(checked) || take::<4>(&mut fields)? != MAGIC {
            return None;
        }
        let epoch = take_u32(&mut fields)?;
        let sealed_to = take_u64(&mut fields)?;
        Some(Self { epoch, sealed_to, sealed_entries: take_u64(&mut fields)?, next_entry: take_u64(&mut fields)? })
    }
}

fn name(number: u64) -> String {
    format!("ledger/{number:08}.log")
}

fn numbers(disk: &dyn Disk) -> io::Result<Vec<u64>> {
    let names = disk.list("ledger")?;
    let mut numbers: Vec<u64> = names.iter().filter_map(|name| name.strip_suffix(".log")?.parse().ok()).collect();
    numbers.sort_unstable();
    Ok(numbers)
}

/// The epoch the newest ledger was written under.
pub(crate) fn epoch_on_disk(disk: &dyn Disk) -> io::Result<Option<u32>> {
    for number in numbers(disk)?.into_iter().rev() {
        if let Some(head) = Head::read(disk, number)? {
            return Ok(Some(head.epoch));
        }
    }
    Ok(None)
}

/// Writes the payload of an entry's frame.
pub(crate) fn encode(id: &str, version: &Version) -> Vec<u8> {
    let mut out = version.seq.to_le_bytes().to_vec();
    out.push(version.kind);
    out.push(u8::try_from(id.len()).unwrap_or(u8::MAX));
    out.extend_from_slice(id.as_bytes());
    out.extend_from_slice(&version.bytes);
    out
}

/// Reads it back: id and version.
pub(crate) fn decode(class: u8, mut input: &[u8]) -> Option<(String, Version)> {
    let seq = take_u64(&mut input)?;
    let kind = take_u8(&mut input)?;
    let length = usize::from(take_u8(&mut input)?);
    let id = str::from_utf8(take_slice(&mut input, length)?).ok()?.to_owned();
    Some((id, Version { seq, class: Class::from_number(class), kind, bytes: input.to_vec() }))
}

impl Ledger {
    /// Finds the ledger and reads where everything stands; versions whose place in the stream `is_wanted` are handed out.
    pub(crate) fn find(
        disk: Arc<dyn Disk>,
        epoch: u32,
        is_wanted: &dyn Fn(u64) -> bool,
    ) -> io::Result<(Self, LedgerFound)> {
        for name in disk.list("ledger")?.iter().filter(|name| name.ends_with(".tmp")) {
            disk.remove(&format!("ledger/{name}"))?;
        }
        let mut numbers = numbers(disk.as_ref())?;
        let mut found = LedgerFound::default();
        let Some(number) = numbers.pop() else {
            found.fresh = true;
            let ledger = Self {
                disk,
                epoch,
                number: 0,
                file: None,
                bytes: 0,
                next_entry: 1,
                places: BTreeMap::new(),
                live_bytes: 0,
            };
            return Ok((ledger, found));
        };
        let mut ledger =
            Self { disk, epoch, number, file: None, bytes: 0, next_entry: 1, places: BTreeMap::new(), live_bytes: 0 };
        ledger.take_in(is_wanted, &mut found)?;
        for older in numbers {
            ledger.disk.remove(&name(older))?;
        }
        Ok((ledger, found))
    }

    fn take_in(&mut self, is_wanted: &dyn Fn(u64) -> bool, found: &mut LedgerFound) -> io::Result<()> {
        let head = Head::read(self.disk.as_ref(), self.number)?.filter(|head| head.epoch == self.epoch);
        let sealed_to = head.as_ref().map_or(HEADER_BYTES, |head| head.sealed_to);
        let mut expected = head.as_ref().map_or(0, |head| head.next_entry);
        let mut sealed_entries = 0;
        let mut places = std::mem::take(&mut self.places);
        let disk = Arc::clone(&self.disk);
        let path = name(self.number);
        let walked = frame::walk(disk.as_ref(), &path, HEADER_BYTES, sealed_to, self.epoch, &mut |frame, offset| {
            if offset < sealed_to {
                sealed_entries += 1;
            } else {
                if head.is_some() {
                    found.lost_entries += frame.seq.saturating_sub(expected);
                    expected = frame.seq + 1;
                }
            }
            self.next_entry = self.next_entry.max(frame.seq + 1);
            let is_removed = frame.kind & REMOVED != 0;
            if let Some((id, version)) = decode(frame.class, frame.payload)
                && let Some(tree) = Tree::from_number(frame.kind & !REMOVED)
            {
                let key = (tree, id);
                if is_removed {
                    places.remove(&key);
                    return ControlFlow::Continue(());
                }
                let Version { seq, class, kind, .. } = version;
                let length = u32::try_from(frame.payload.len()).unwrap_or(u32::MAX);
                places.insert(key, Place { offset, length, entry: frame.seq, seq });
                found.highest_seq = found.highest_seq.max(seq);
                if seq > 0 && is_wanted(seq) {
                    let record = Record { seq, last_seq: seq, class, kind, payload: version.bytes };
                    found.wanted.insert(seq, record);
                }
            }
            ControlFlow::Continue(())
        })?;
        self.places = places;
        self.live_bytes = self.places.values().map(Place::bytes).sum();
        self.next_entry = self.next_entry.max(expected);
        self.bytes = walked.torn_at.unwrap_or(walked.length);
        found.torn_bytes = walked.torn_bytes;
        found.damaged_places = walked.damaged.len() as u64 + u64::from(head.is_none());
        if let Some(head) = &head {
            found.lost_entries += head.sealed_entries.saturating_sub(sealed_entries);
        }
        found.lost_entries = found.lost_entries.max(u64::from(found.damaged_places > 0 && head.is_some()));
        if found.damaged_places == 0 {
            let mut file = self.disk.open(&path)?;
            if walked.torn_at.is_some() {
                file.truncate(self.bytes)?;
                file.sync()?;
            }
            self.file = Some(file);
        }
        Ok(())
    }

    pub(crate) fn next_entry(&self) -> u64 {
        self.next_entry
    }

    /// Leaves out entry numbers that may have been used by what was lost.
    pub(crate) fn skip_to(&mut self, entry: u64) {
        self.next_entry = self.next_entry.max(entry);
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    pub(crate) fn live_bytes(&self) -> u64 {
        self.live_bytes
    }

    pub(crate) fn places(&self) -> &BTreeMap<Key, Place> {
        &self.places
    }

    pub(crate) fn count(&self, tree: Tree) -> u64 {
        self.ids(tree).count() as u64
    }

    /// Ids of one tree, in order.
    pub(crate) fn ids(&self, tree: Tree) -> impl Iterator<Item = (&str, Place)> {
        let from = (tree, String::new());
        self.places
            .range(from..)
            .take_while(move |((at, _), _)| *at == tree)
            .map(|((_, id), place)| (id.as_str(), *place))
    }

    /// Reads a version from the file; `None` when it is damaged.
    pub(crate) fn read(&self, place: &Place) -> io::Result<Option<(u8, Vec<u8>)>> {
        let length = usize::try_from(place.bytes()).unwrap_or(usize::MAX);
        let bytes = self.disk.read(&name(self.number), place.offset, length)?;
        Ok(match frame::step(&bytes, self.epoch) {
            Step::Frame(frame, _) if frame.seq == place.entry => Some((frame.class, frame.payload.to_vec())),
            _ => None,
        })
    }

    /// Makes changes durable; they count once [`accept`](Self::accept)ed. `None` removes.
    pub(crate) fn write(&mut self, changes: &[(Key, Option<Version>)], rescue: Rescue<'_>) -> io::Result<Written> {
        if self.file.is_none() {
            self.compact(rescue)?;
        }
        let Some(file) = self.file.as_mut() else { return Err(io::Error::other("no ledger to write to")) };
        let mut frames = Vec::new();
        let mut places = Vec::with_capacity(changes.len());
        let mut entry = self.next_entry;
        for ((tree, id), version) in changes {
            let offset = self.bytes + frames.len() as u64;
            let removed = Version { seq: 0, class: Class::Bulk, kind: 0, bytes: Vec::new() };
            let kind = if version.is_some() { tree.number() } else { tree.number() | REMOVED };
            let version = version.as_ref().unwrap_or(&removed);
            let payload = encode(id, version);
            Frame::push(kind, version.class.number(), entry, &payload, self.epoch, &mut frames);
            let length = u32::try_from(payload.len()).unwrap_or(u32::MAX);
            let place = (kind & REMOVED == 0).then_some(Place { offset, length, entry, seq: version.seq });
            places.push(((*tree, id.clone()), place));
            entry += 1;
        }
        if let Err(error) = file.append(&frames) {
            // A full disk refuses the write but lets us cut off what got in: the file stays good for the next try.
            if file.truncate(self.bytes).is_err() {
                self.file = None;
            }
            return Err(error);
        }
        if let Err(error) = file.sync() {
            // After a failed sync the kernel may drop the dirty pages and call the next sync a success: never trust this file's tail again.
            let _ = file.truncate(self.bytes);
            self.file = None;
            return Err(error);
        }
        let before = (self.bytes, self.next_entry);
        Ok(Written { places, before, after: (self.bytes + frames.len() as u64, entry) })
    }

    /// Counts a write.
    pub(crate) fn accept(&mut self, written: Written) {
        (self.bytes, self.next_entry) = written.after;
        for (key, place) in written.places {
            let old = match place {
                Some(place) => {
                    self.live_bytes += place.bytes();
                    self.places.insert(key, place)
                }
                None => self.places.remove(&key),
            };
            self.live_bytes = self.live_bytes.saturating_sub(old.as_ref().map_or(0, Place::bytes));
        }
    }

    /// Takes a write back, as far as the disk lets us: what it belonged to failed.
    pub(crate) fn undo(&mut self, written: &Written) {
        let (bytes, _) = written.before;
        let cut = self.file.as_mut().is_some_and(|file| file.truncate(bytes).and_then(|()| file.sync()).is_ok());
        if !cut {
            self.file = None;
        }
    }

    /// Whether rewriting would give back much: at least two thirds of the file, beyond `spare_bytes` that are not worth it.
    pub(crate) fn is_sparse(&self, spare_bytes: u64) -> bool {
        self.bytes > 3 * self.live_bytes + spare_bytes
    }

    /// Writes the live entries to the next file and switches to it. Returns how many could not be read anywhere and are dropped.
    pub(crate) fn compact(&mut self, rescue: Rescue<'_>) -> io::Result<u64> {
        let number = self.number + 1;
        let beside = format!("ledger/{number:08}.tmp");
        let written = self.write_live(&beside, rescue);
        let (file, places, bytes, lost) = match written {
            Ok(written) => written,
            Err(error) => {
                let _ = self.disk.remove(&beside);
                return Err(error);
            }
        };
        self.disk.rename(&beside, &name(number))?;
        // From here on the new file may be the one a reopening finds: the old one must not be written to again.
        let old = std::mem::replace(&mut self.number, number);
        self.file = Some(file);
        self.places = places;
        self.bytes = bytes;
        self.live_bytes = self.places.values().map(Place::bytes).sum();
        if let Err(error) = self.disk.sync_dir("ledger") {
            self.file = None;
            return Err(error);
        }
        if old > 0 {
            self.disk.remove(&name(old))?;
        }
        Ok(lost)
    }

    fn write_live(&self, path: &str, rescue: Rescue<'_>) -> io::Result<LiveWritten> {
        const BLOCK_BYTES: usize = 1 << 18;
        let mut live = Vec::new();
        let mut lost = 0;
        let mut offset = HEADER_BYTES;
        for (key, place) in &self.places {
            let readable = self.read(place)?.is_some() || rescue(key, place).is_some();
            if readable {
                live.push((key, place, Place { offset, ..*place }));
                offset += place.bytes();
            } else {
                lost += 1;
            }
        }
        let head = Head {
            epoch: self.epoch,
            sealed_to: offset,
            sealed_entries: live.len() as u64,
            next_entry: self.next_entry,
        };
        let mut file = self.disk.create(path)?;
        let mut block = head.encode();
        let mut places = BTreeMap::new();
        for (key, from, place) in live {
            let version = match self.read(from)? {
                Some(version) => Some(version),
                None => rescue(key, from),
            };
            let Some((class, payload)) = version else { return Err(io::Error::other("an entry became unreadable")) };
            let mut one = Vec::new();
            Frame::push(key.0.number(), class, place.entry, &payload, self.epoch, &mut one);
            block.extend_from_slice(&one);
            places.insert(key.clone(), place);
            if block.len() >= BLOCK_BYTES {
                file.append(&block)?;
                block.clear();
            }
        }
        file.append(&block)?;
        file.sync()?;
        Ok((file, places, offset, lost))
    }
}

/// Asks another holder (the index) for a version the ledger cannot read: class and frame payload.
pub(crate) type Rescue<'a> = &'a dyn Fn(&Key, &Place) -> Option<(u8, Vec<u8>)>;

type LiveWritten = (Box<dyn DiskFile>, BTreeMap<Key, Place>, u64, u64);

impl Place {
    fn bytes(&self) -> u64 {
        frame::HEADER_BYTES as u64 + u64::from(self.length)
    }
}
