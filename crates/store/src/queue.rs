//! The queue: an append-only journal of numbered records in segments under `queue/`, the truth of what goes ashore.
//!
//! Numbers have no holes. Where records were dropped at the limit, or lost to damage, a gap stands in their place and covers their numbers.
//! A record is acknowledged once its write was made durable; a new segment's name is made durable before anything is written to it.
//!
//! Where two segments could both hold a number (a refused write left bytes behind that could not be cut off), the later segment is right. The
//! one exception is a sealed segment whose header covers the later one: there a merge was cut short before the later file was deleted.

use std::io;
use std::ops::ControlFlow;
use std::sync::Arc;

use crate::disk::{Disk, DiskFile};
use crate::record::{Class, GAP_KIND, Gap, Record};
use crate::segment::{self, HEADER_BYTES, Segment, SegmentHead};

pub(crate) struct Queue {
    disk: Arc<dyn Disk>,
    epoch: u32,
    segment_bytes: u64,
    segments: Vec<Segment>,
    /// The last segment, open for appending; `None` makes the next append begin a new one.
    tail: Option<Box<dyn DiskFile>>,
    next_seq: u64,
    low_water: u64,
}

/// What finding the queue's files brought to light.
#[derive(Debug, Default)]
pub(crate) struct QueueFound {
    /// Numbers below `next_seq` that nothing sound stands for.
    pub(crate) holes: Vec<(u64, u64)>,
    pub(crate) torn_bytes: u64,
    pub(crate) damaged_places: u64,
    /// Numbers of the segments that must be written anew.
    dirty: Vec<u64>,
}

struct FoundFile {
    number: u64,
    head: Option<SegmentHead>,
    first: u64,
}

/// The epoch the newest sound segment was written under.
pub(crate) fn epoch_on_disk(disk: &dyn Disk) -> io::Result<Option<u32>> {
    for number in numbers(disk)?.into_iter().rev() {
        if let Some(head) = SegmentHead::read(disk, number)? {
            return Ok(Some(head.epoch));
        }
    }
    Ok(None)
}

fn numbers(disk: &dyn Disk) -> io::Result<Vec<u64>> {
    let mut numbers: Vec<u64> = disk.list("queue")?.iter().filter_map(|name| segment::number_of(name)).collect();
    numbers.sort_unstable();
    Ok(numbers)
}

impl Queue {
    /// Finds the segments; `low_water` is what the witness says was receipted.
    pub(crate) fn find(
        disk: Arc<dyn Disk>,
        epoch: u32,
        low_water: Option<u64>,
        segment_bytes: u64,
    ) -> io::Result<(Self, QueueFound)> {
        for name in disk.list("queue")?.iter().filter(|name| name.ends_with(".tmp")) {
            disk.remove(&format!("queue/{name}"))?;
        }
        let mut found = QueueFound::default();
        let files = present(disk.as_ref(), epoch, low_water, &mut found)?;
        let low_water = low_water.unwrap_or_else(|| files.first().map_or(1, |file| file.first)).max(1);
        let mut queue =
            Self { disk, epoch, segment_bytes, segments: Vec::new(), tail: None, next_seq: low_water, low_water };
        for (at, file) in files.iter().enumerate() {
            let limit = files.get(at + 1).map(|next| next.first);
            queue.take_in(file, limit, at == 0, &mut found)?;
        }
        Ok((queue, found))
    }

    /// Walks one file and adds it to the segments. `limit` is the first number of the next file.
    fn take_in(
        &mut self,
        file: &FoundFile,
        limit: Option<u64>,
        is_first: bool,
        found: &mut QueueFound,
    ) -> io::Result<()> {
        let first = if is_first { file.first.min(self.low_water) } else { file.first };
        let mut segment = Segment::new(file.number, first);
        let mut expected = first;
        let holes_before = found.holes.len();
        let sealed = file.head.is_some_and(|head| head.sealed);
        let size = self.disk.size(&segment::name(file.number))?.unwrap_or(0);
        let sealed_to = if sealed { size } else { 0 };
        let walked = segment::walk(
            self.disk.as_ref(),
            file.number,
            HEADER_BYTES,
            sealed_to,
            self.epoch,
            &mut |frame, offset| {
                let Some(last) = segment::last_seq_of(frame).filter(|last| *last >= expected) else {
                    return ControlFlow::Continue(());
                };
                if limit.is_some_and(|limit| frame.seq >= limit) {
                    return ControlFlow::Continue(());
                }
                if frame.seq > expected {
                    found.holes.push((expected, frame.seq - 1));
                }
                segment.note(frame.seq, last, frame.class, frame.kind == GAP_KIND, offset);
                expected = last + 1;
                ControlFlow::Continue(())
            },
        )?;
        let promised = match (limit, &file.head) {
            (Some(limit), _) => limit,
            (None, Some(head)) if sealed => head.last + 1,
            (None, _) => expected,
        };
        if expected < promised {
            found.holes.push((expected, promised - 1));
            expected = promised;
        }
        segment.last = expected.saturating_sub(1);
        segment.bytes = walked.torn_at.unwrap_or(walked.length).max(HEADER_BYTES);
        let is_dirty = found.holes.len() > holes_before || file.head.is_none();
        found.damaged_places += (walked.damaged.len() as u64).max(u64::from(is_dirty));
        if is_dirty {
            found.dirty.push(file.number);
        }
        if limit.is_none() {
            found.torn_bytes += walked.torn_bytes;
            if !sealed && !is_dirty && walked.damaged.is_empty() {
                let mut tail = self.disk.open(&segment::name(file.number))?;
                if walked.torn_at.is_some() {
                    tail.truncate(segment.bytes)?;
                    tail.sync()?;
                }
                self.tail = Some(tail);
            }
        }
        self.next_seq = self.next_seq.max(expected);
        self.segments.push(segment);
        Ok(())
    }

    /// Writes the damaged segments anew: every hole is filled with what `fill` knows for its range, and a gap for the rest.
    /// Returns how many numbers were filled and how many were not.
    pub(crate) fn repair(
        &mut self,
        found: &QueueFound,
        fill: &dyn Fn(u64, u64) -> Vec<Record>,
    ) -> io::Result<(u64, u64)> {
        let mut outcome = (0, 0);
        for number in &found.dirty {
            let Some(at) = self.segments.iter().position(|segment| segment.number == *number) else { continue };
            let Some(segment) = self.segments.get(at).cloned() else { continue };
            let mut whole = Vec::new();
            for record in self.load(&segment, segment.first)? {
                match record.gap().filter(|_| found.holes.contains(&(record.seq, record.last_seq))) {
                    Some(_) => {
                        let filled = tile(record.seq, record.last_seq, fill(record.seq, record.last_seq));
                        let lost: u64 = filled.iter().filter(|one| one.kind == GAP_KIND).map(span).sum();
                        outcome = (outcome.0 + span(&record) - lost, outcome.1 + lost);
                        whole.extend(filled);
                    }
                    None => whole.push(record),
                }
            }
            let range = (segment.first, segment.last);
            let fresh = segment::rewrite(self.disk.as_ref(), *number, range, &whole, self.epoch)?;
            if at + 1 == self.segments.len() {
                self.tail = None;
            }
            if let Some(slot) = self.segments.get_mut(at) {
                *slot = fresh;
            }
        }
        if !found.dirty.is_empty() {
            self.disk.sync_dir("queue")?;
        }
        Ok(outcome)
    }

    pub(crate) fn next_seq(&self) -> u64 {
        self.next_seq
    }

    /// Goes on at `seq` without a gap on disk for what is between, there being no room for it: the next opening finds the hole and fills it.
    pub(crate) fn leave_out(&mut self, seq: u64) {
        self.next_seq = self.next_seq.max(seq);
        self.tail = None;
    }

    pub(crate) fn low_water(&self) -> u64 {
        self.low_water
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.segments.iter().map(|segment| segment.bytes).sum()
    }

    /// Number of the last segment: changes when a new one begins.
    pub(crate) fn last_segment(&self) -> u64 {
        self.segments.last().map_or(0, |segment| segment.number)
    }

    /// Records by class, and gaps; those already receipted but still in a segment that waits are counted too.
    pub(crate) fn counts(&self) -> ([u64; 4], u64) {
        let mut sum = [0; 4];
        let mut gaps = 0;
        for segment in &self.segments {
            for (sum, count) in sum.iter_mut().zip(segment.counts) {
                *sum += count;
            }
            gaps += segment.gaps;
        }
        (sum, gaps)
    }

    /// Appends entries that follow each other from `next_seq`; durable on return. On an error none of them counts.
    pub(crate) fn append(&mut self, records: &[Record]) -> io::Result<()> {
        let Some(last) = records.last() else { return Ok(()) };
        let bytes: u64 = records.iter().map(|record| (record.payload.len() + crate::frame::HEADER_BYTES) as u64).sum();
        let full = self
            .segments
            .last()
            .is_none_or(|segment| !segment.is_empty() && segment.bytes + bytes > self.segment_bytes);
        if full || self.tail.is_none() {
            self.begin_segment()?;
        }
        let (Some(current), Some(tail)) = (self.segments.last_mut(), self.tail.as_mut()) else {
            return Err(io::Error::other("no segment to write to"));
        };
        let mut segment = current.clone();
        let mut frames = Vec::new();
        segment::push_all(&mut segment, records.iter(), self.epoch, &mut frames);
        if let Err(error) = tail.append(&frames) {
            // A full disk refuses the write but lets us cut off what got in: the file stays good for the next try.
            if tail.truncate(current.bytes).is_err() {
                self.tail = None;
            }
            return Err(error);
        }
        if let Err(error) = tail.sync() {
            // After a failed sync the kernel may drop the dirty pages and call the next sync a success: never trust this file's tail again.
            let _ = tail.truncate(current.bytes);
            self.tail = None;
            return Err(error);
        }
        *current = segment;
        self.next_seq = last.last_seq + 1;
        Ok(())
    }

    fn begin_segment(&mut self) -> io::Result<()> {
        let number = self.last_segment() + 1;
        let head = SegmentHead { sealed: false, epoch: self.epoch, first: self.next_seq, last: 0 };
        let name = segment::name(number);
        let begun = self.disk.create(&name).and_then(|mut file| {
            file.append(&head.encode())?;
            file.sync()?;
            self.disk.sync_dir("queue")?;
            Ok(file)
        });
        match begun {
            Ok(file) => {
                self.tail = Some(file);
                self.segments.push(Segment::new(number, self.next_seq));
                Ok(())
            }
            Err(error) => {
                let _ = self.disk.remove(&name);
                Err(error)
            }
        }
    }

    /// Reads entries from `from` on until they make `most` bytes; always one if there is one. Numbers that cannot be read come as a gap;
    /// the second value counts such places.
    pub(crate) fn read(&self, from: u64, most: usize) -> io::Result<(Vec<Record>, u64)> {
        let from = from.max(self.low_water);
        let mut out = Vec::new();
        let mut left = most;
        let mut damaged = 0;
        for segment in self.segments.iter().filter(|segment| !segment.is_empty() && segment.last >= from) {
            damaged += self.read_segment(segment, from, &mut |record| {
                let cost = record.payload.len() + crate::frame::HEADER_BYTES;
                if cost > left && !out.is_empty() {
                    left = 0;
                    return ControlFlow::Break(());
                }
                left = left.saturating_sub(cost);
                out.push(record);
                if left == 0 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            })?;
            if left == 0 {
                break;
            }
        }
        Ok((out, damaged))
    }

    /// Hands out the entries of one segment that reach `from` or beyond, gaps standing for what cannot be read.
    fn read_segment(
        &self,
        segment: &Segment,
        from: u64,
        take: &mut dyn FnMut(Record) -> ControlFlow<()>,
    ) -> io::Result<u64> {
        let mut expected = from.max(segment.first);
        let mut damaged = 0;
        let mut stopped = false;
        let start = segment.offset_before(expected);
        let durable = segment.bytes;
        let mut visit = |frame: &crate::frame::Frame<'_>, offset: u64| {
            if offset >= durable || frame.seq > segment.last {
                return ControlFlow::Break(());
            }
            let Some(record) = segment::record_of(frame).filter(|record| record.last_seq >= expected) else {
                return ControlFlow::Continue(());
            };
            if record.seq > expected {
                damaged += 1;
                if take(Gap::lost(expected, record.seq - 1).into_record()).is_break() {
                    stopped = true;
                    return ControlFlow::Break(());
                }
            }
            expected = record.last_seq + 1;
            let step = take(record);
            stopped = step.is_break();
            step
        };
        segment::walk(self.disk.as_ref(), segment.number, start, durable, self.epoch, &mut visit)?;
        if !stopped && expected <= segment.last {
            damaged += 1;
            let _ = take(Gap::lost(expected, segment.last).into_record());
        }
        Ok(damaged)
    }

    fn load(&self, segment: &Segment, from: u64) -> io::Result<Vec<Record>> {
        let mut records = Vec::new();
        if !segment.is_empty() {
            self.read_segment(segment, from, &mut |record| {
                records.push(record);
                ControlFlow::Continue(())
            })?;
        }
        Ok(records)
    }

    /// Lets everything below `below` go. The caller has made `below` durable in the witness.
    pub(crate) fn release(&mut self, below: u64) -> io::Result<()> {
        self.low_water = self.low_water.max(below);
        while self.segments.get(1).is_some_and(|next| next.first <= self.low_water) {
            if let Some(first) = self.segments.first() {
                self.disk.remove(&segment::name(first.number))?;
            }
            self.segments.remove(0);
        }
        Ok(())
    }

    /// Drops records, lowest class first, within a class oldest first, down to `lowest_kept`'s class, until the queue is at most
    /// `target` bytes. Whole segments are written anew without the class, so a little more goes than must. Adds to `dropped` by class.
    pub(crate) fn shed(&mut self, target: u64, lowest_kept: Option<Class>, dropped: &mut [u64; 4]) -> io::Result<()> {
        for class in Class::ALL {
            if lowest_kept.is_some_and(|kept| class >= kept) {
                break;
            }
            let slot = usize::from(class.number());
            let mut at = 0;
            while at < self.segments.len() && self.bytes() > target {
                let holds = self.segments.get(at).and_then(|segment| segment.counts.get(slot)).copied().unwrap_or(0);
                if holds == 0 {
                    at += 1;
                    continue;
                }
                if at + 1 == self.segments.len() {
                    self.begin_segment()?;
                }
                let (merged, count) = self.rewrite_without(at, class)?;
                if let Some(sum) = dropped.get_mut(slot) {
                    *sum += count;
                }
                at += usize::from(!merged);
            }
        }
        Ok(())
    }

    /// Writes a segment anew with gaps for the records of `class`, into the segment before it if both fit in one. Says whether it was
    /// merged, and how many records went.
    fn rewrite_without(&mut self, at: usize, class: Class) -> io::Result<(bool, u64)> {
        let Some(segment) = self.segments.get(at).cloned() else { return Ok((false, 0)) };
        let first = segment.first.max(self.low_water);
        let mut kept: Vec<Record> = Vec::new();
        let mut count = 0;
        for record in self.load(&segment, first)? {
            let gap = if record.kind == GAP_KIND {
                record.gap()
            } else if record.class == class {
                count += 1;
                Some(Gap::dropped(record.seq, record.class, record.kind))
            } else {
                None
            };
            let Some(gap) = gap else {
                kept.push(record);
                continue;
            };
            push_gap(&mut kept, gap);
        }
        let bytes: usize = kept.iter().map(|record| record.payload.len() + crate::frame::HEADER_BYTES).sum();
        let before = at.checked_sub(1).and_then(|before| self.segments.get(before)).cloned();
        if let Some(before) = before.filter(|before| before.bytes + bytes as u64 <= self.segment_bytes) {
            let start = before.first.max(self.low_water);
            let mut all = self.load(&before, start)?;
            for record in kept {
                match record.gap() {
                    Some(gap) => push_gap(&mut all, gap),
                    None => all.push(record),
                }
            }
            let range = (start, segment.last);
            let fresh = segment::rewrite(self.disk.as_ref(), before.number, range, &all, self.epoch)?;
            if let Some(slot) = self.segments.get_mut(at - 1) {
                *slot = fresh;
            }
            self.segments.remove(at);
            self.disk.sync_dir("queue")?;
            self.disk.remove(&segment::name(segment.number))?;
            return Ok((true, count));
        }
        let fresh = segment::rewrite(self.disk.as_ref(), segment.number, (first, segment.last), &kept, self.epoch)?;
        if let Some(slot) = self.segments.get_mut(at) {
            *slot = fresh;
        }
        self.disk.sync_dir("queue")?;
        Ok((false, count))
    }

    /// Walks every segment: sound records, gaps, damaged places.
    pub(crate) fn check(&self) -> io::Result<(u64, u64, u64)> {
        let (mut records, mut gaps, mut damaged) = (0, 0, 0);
        for segment in self.segments.iter().filter(|segment| !segment.is_empty()) {
            damaged += self.read_segment(segment, segment.first, &mut |record| {
                if record.kind == GAP_KIND {
                    gaps += 1
                } else {
                    records += 1
                }
                ControlFlow::Continue(())
            })?;
        }
        Ok((records, gaps, damaged))
    }
}

/// Appends a gap, joined with one that ends where it begins.
fn push_gap(records: &mut Vec<Record>, gap: Gap) {
    if let Some(mut before) = records.last().and_then(Record::gap)
        && before.join(&gap)
    {
        records.pop();
        records.push(before.into_record());
    } else {
        records.push(gap.into_record());
    }
}

/// How many numbers an entry stands for.
fn span(record: &Record) -> u64 {
    record.last_seq.saturating_sub(record.seq) + 1
}

/// Lays `known` records (in order) over `first..=last`, gaps between.
pub(crate) fn tile(first: u64, last: u64, known: Vec<Record>) -> Vec<Record> {
    let mut out = Vec::new();
    let mut expected = first;
    for record in known {
        if record.seq < expected || record.seq > last {
            continue;
        }
        if record.seq > expected {
            out.push(Gap::lost(expected, record.seq - 1).into_record());
        }
        expected = record.last_seq + 1;
        out.push(record);
    }
    if expected <= last {
        out.push(Gap::lost(expected, last).into_record());
    }
    out
}

/// The files that count, in order: leftovers of a merge, of a segment never begun and of what was receipted are removed.
fn present(disk: &dyn Disk, epoch: u32, low_water: Option<u64>, found: &mut QueueFound) -> io::Result<Vec<FoundFile>> {
    let mut files: Vec<FoundFile> = Vec::new();
    let numbers = numbers(disk)?;
    for &number in &numbers {
        let head = SegmentHead::read(disk, number)?.filter(|head| head.epoch == epoch);
        let mut first = head.map(|head| head.first);
        if first.is_none() {
            segment::walk(disk, number, HEADER_BYTES, 0, epoch, &mut |frame, _| {
                first = Some(frame.seq);
                ControlFlow::Break(())
            })?;
        }
        let Some(first) = first else {
            // Cut off while it was begun: nothing was ever acknowledged from it. Anything longer once held something.
            let was_begun = disk.size(&segment::name(number))?.unwrap_or(0) > HEADER_BYTES;
            found.damaged_places += u64::from(was_begun || numbers.last() != Some(&number));
            disk.remove(&segment::name(number))?;
            continue;
        };
        let covered = files.last().and_then(|before| before.head).is_some_and(|head| head.sealed && head.last >= first);
        if covered {
            disk.remove(&segment::name(number))?;
        } else {
            files.push(FoundFile { number, head, first });
        }
    }
    if let Some(low_water) = low_water {
        let released = files.iter().skip(1).take_while(|next| next.first <= low_water).count();
        for file in files.drain(..released) {
            disk.remove(&segment::name(file.number))?;
        }
    }
    Ok(files)
}
