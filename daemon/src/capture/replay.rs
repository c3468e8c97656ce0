//! Files into the pipeline's kind of frames: every interface of every file is a source of its own.

use std::path::{Path, PathBuf};

use dogwatch_flow::{Frame, LinkType};
use dogwatch_model::{CaptureTime, SourceId};

use super::file::{CaptureFile, OpenError, RawFrame};
use super::{Damage, SourceInfo};

/// What came of reading a set of files.
#[derive(Debug, Default)]
pub struct Replayed {
    /// Frames read, as Wireshark counts them: records without a frame are among them.
    pub frames: u64,
    /// Records that are numbered like frames but hold none.
    pub records_without_frame: u64,
    /// Where files stopped making sense.
    pub damaged: Vec<Damage>,
}

/// Who takes the frames.
pub trait FrameSink {
    /// A source appeared.
    fn add_source(&mut self, info: SourceInfo) -> SourceId;
    /// A frame; its number is that within its file.
    fn frame(&mut self, frame: &Frame<'_>);
}

/// Files open at the same time; further ones wait until one is read to its end.
const MOST_OPEN: usize = 64;

/// Reads the files into `sink` in the order of their time: those that were captured beside each other (a bus and a network, two mirror ports) are
/// merged frame by frame, those that follow each other are read one after the other. Within a file the order is the file's, whatever its clock does.
///
/// # Errors
/// When a file cannot be opened as a capture. Damage inside a file ends that file only and is reported in the answer.
pub fn replay(files: &[PathBuf], sink: &mut impl FrameSink) -> Result<Replayed, OpenError> {
    let mut answer = Replayed::default();
    if let [only] = files {
        Reading::of(only, files)?.until(None, sink, &mut answer);
        return Ok(answer);
    }
    let mut waiting = Vec::new();
    for (order, path) in files.iter().enumerate() {
        // what has no first frame has nothing to wait for
        let first = CaptureFile::open(path)?.next_frame().ok().flatten().map_or(CaptureTime(i64::MIN), |raw| raw.at);
        waiting.push((first, order, path));
    }
    waiting.sort_unstable();
    let mut waiting = waiting.into_iter().peekable();
    let mut open: Vec<(usize, Reading)> = Vec::new();
    loop {
        let next = open.iter().enumerate().min_by_key(|(_, (order, reading))| (reading.at(), *order));
        let next = next.map(|(place, (_, reading))| (place, reading.at()));
        let has_room = open.len() < MOST_OPEN;
        let is_due = |first: CaptureTime| has_room && next.is_none_or(|(_, at)| first <= at);
        if let Some((_, order, path)) = waiting.next_if(|(first, ..)| is_due(*first)) {
            open.push((order, Reading::of(path, files)?));
            continue;
        }
        let Some((place, _)) = next else { return Ok(answer) };
        let others = open.iter().enumerate().filter(|(other, _)| *other != place).map(|(_, (_, reading))| reading.at());
        let limit = others.chain(waiting.peek().filter(|_| has_room).map(|(first, ..)| *first)).min();
        if let Some((_, reading)) = open.get_mut(place)
            && !reading.until(limit, sink, &mut answer)
        {
            open.remove(place);
        }
    }
}

/// A file being read, with the frame it stands before.
struct Reading {
    /// What it is called among the others.
    name: String,
    file: CaptureFile,
    /// What the sink calls each interface.
    sources: Vec<Option<SourceId>>,
    /// The frame that waits for its turn, and its bytes.
    waiting: Option<Waiting>,
    bytes: Vec<u8>,
}

#[derive(Clone, Copy)]
struct Waiting {
    interface: usize,
    number: u64,
    at: CaptureTime,
    link: LinkType,
    original_length: u32,
}

impl Reading {
    fn of(path: &Path, all: &[PathBuf]) -> Result<Self, OpenError> {
        let (name, file) = (name_among(path, all), CaptureFile::open(path)?);
        Ok(Self { name, file, sources: Vec::new(), waiting: None, bytes: Vec::new() })
    }

    /// When its next frame was captured; the beginning of time for a file that was not looked into yet.
    fn at(&self) -> CaptureTime {
        self.waiting.map_or(CaptureTime(i64::MIN), |waiting| waiting.at)
    }

    /// Hands over frames as long as none is later than `limit`; says whether there are more. Only a frame that has to wait is copied.
    fn until(&mut self, limit: Option<CaptureTime>, sink: &mut impl FrameSink, answer: &mut Replayed) -> bool {
        let is_late = |at: CaptureTime| limit.is_some_and(|limit| at > limit);
        loop {
            if let Some(waiting) = self.waiting {
                if is_late(waiting.at) {
                    return true;
                }
                self.waiting = None;
                let source = self.source(waiting.interface, sink);
                let Waiting { number, at, link, original_length, .. } = waiting;
                sink.frame(&Frame { at, source, number, link, original_length, bytes: &self.bytes });
            }
            while self.waiting.is_none() {
                let raw = match self.file.next_frame() {
                    Ok(Some(raw)) => raw,
                    ended => {
                        answer.damaged.extend(ended.err());
                        answer.frames += self.file.records_without_frame();
                        answer.records_without_frame += self.file.records_without_frame();
                        return false;
                    }
                };
                answer.frames += 1;
                let RawFrame { number, interface, at, link, original_length, bytes } = raw;
                match self.sources.get(interface).copied().flatten().filter(|_| !is_late(at)) {
                    Some(source) => sink.frame(&Frame { at, source, number, link, original_length, bytes }),
                    // the name of a new interface is asked for when the frame no longer borrows the file
                    None => {
                        self.bytes.clear();
                        self.bytes.extend_from_slice(bytes);
                        self.waiting = Some(Waiting { interface, number, at, link, original_length });
                    }
                }
            }
        }
    }

    /// What the sink calls an interface of this file.
    fn source(&mut self, interface: usize, sink: &mut impl FrameSink) -> SourceId {
        if let Some(source) = self.sources.get(interface).copied().flatten() {
            return source;
        }
        let source = sink.add_source(source_info(self.name.clone(), &self.file, interface));
        if self.sources.len() <= interface {
            self.sources.resize(interface.saturating_add(1), None);
        }
        if let Some(slot) = self.sources.get_mut(interface) {
            *slot = Some(source);
        }
        source
    }
}

/// What a file is called: its name, or its whole path where another one has the same name (a folder for each day).
fn name_among(path: &Path, all: &[PathBuf]) -> String {
    let is_shared = all.iter().any(|other| other != path && other.file_name() == path.file_name());
    match path.file_name() {
        Some(name) if !is_shared => name.to_string_lossy().into_owned(),
        _ => path.display().to_string(),
    }
}

fn source_info(name: String, file: &CaptureFile, interface: usize) -> SourceInfo {
    match file.interface_name(interface) {
        Some(interface) => SourceInfo { label: format!("{name}:{interface}"), interface: Some(interface.to_owned()) },
        None if interface == 0 => SourceInfo { label: name, interface: None },
        // interfaces without a name are told apart by their number, as Wireshark counts them
        None => SourceInfo { label: format!("{name}:#{interface}"), interface: None },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What arrives: source and second of each frame.
    #[derive(Default)]
    struct Log {
        sources: Vec<String>,
        frames: Vec<(u16, i64, u64)>,
    }

    impl FrameSink for Log {
        fn add_source(&mut self, info: SourceInfo) -> SourceId {
            self.sources.push(info.label);
            SourceId(u16::try_from(self.sources.len() - 1).unwrap())
        }

        fn frame(&mut self, frame: &Frame<'_>) {
            self.frames.push((frame.source.0, frame.at.seconds(), frame.number));
        }
    }

    /// A little-endian pcap of empty Ethernet frames at these seconds.
    fn capture(folder: &Path, name: &str, seconds: &[u32]) -> PathBuf {
        let mut bytes = Vec::new();
        for word in [0xa1b2_c3d4_u32, 0x0004_0002, 0, 0, 65_535, 1] {
            bytes.extend(word.to_le_bytes());
        }
        for second in seconds {
            for word in [*second, 0, 14, 14] {
                bytes.extend(word.to_le_bytes());
            }
            bytes.extend([0; 14]);
        }
        let path = folder.join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    }

    fn read(files: &[PathBuf]) -> (Vec<String>, Vec<(u16, i64, u64)>) {
        let mut log = Log::default();
        let answer = replay(files, &mut log).unwrap();
        assert!(answer.damaged.is_empty() && answer.frames == log.frames.len() as u64);
        (log.sources, log.frames)
    }

    #[test]
    fn files_of_the_same_time_are_merged() {
        let folder = tempfile::tempdir().unwrap();
        let bus = capture(folder.path(), "bus", &[100, 102, 104]);
        let network = capture(folder.path(), "network", &[101, 102, 103]);
        let (sources, frames) = read(&[bus, network]);
        assert_eq!(sources, ["bus", "network"]);
        // at the same moment the file that is being read goes on
        let seconds: Vec<_> = frames.iter().map(|(source, second, _)| (*source, *second)).collect();
        assert_eq!(seconds, [(0, 100), (1, 101), (1, 102), (0, 102), (1, 103), (0, 104)]);
        let numbers: Vec<_> = frames.iter().filter(|(source, ..)| *source == 0).map(|(.., number)| *number).collect();
        assert_eq!(numbers, [1, 2, 3], "frames keep their numbers");
    }

    #[test]
    fn files_that_follow_each_other_come_in_the_order_of_their_time() {
        let folder = tempfile::tempdir().unwrap();
        let later = capture(folder.path(), "later", &[200, 201]);
        let earlier = capture(folder.path(), "earlier", &[100, 101]);
        let empty = capture(folder.path(), "empty", &[]);
        let (sources, frames) = read(&[later, empty, earlier]);
        assert_eq!(sources, ["earlier", "later"]);
        assert_eq!(frames, [(0, 100, 1), (0, 101, 2), (1, 200, 1), (1, 201, 2)]);
    }

    #[test]
    fn files_of_one_name_are_told_apart_by_their_folders() {
        let folder = tempfile::tempdir().unwrap();
        let [monday, tuesday] = ["monday", "tuesday"].map(|day| folder.path().join(day));
        for day in [&monday, &tuesday] {
            std::fs::create_dir(day).unwrap();
        }
        let files =
            [capture(&monday, "bridge", &[100]), capture(&tuesday, "bridge", &[200]), capture(&tuesday, "bus", &[300])];
        let (sources, _) = read(&files);
        assert_eq!(sources, [files[0].display().to_string(), files[1].display().to_string(), "bus".to_owned()]);
    }

    #[test]
    fn a_clock_that_goes_back_reorders_nothing_within_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let jumps = capture(folder.path(), "jumps", &[100, 200, 90, 91]);
        let steady = capture(folder.path(), "steady", &[95, 150, 250]);
        let (sources, frames) = read(&[jumps, steady]);
        assert_eq!(sources, ["steady", "jumps"]);
        let jumps: Vec<_> = frames.iter().filter(|(source, ..)| *source == 1).map(|(_, second, _)| *second).collect();
        assert_eq!(jumps, [100, 200, 90, 91]);
        let steady: Vec<_> = frames.iter().filter(|(source, ..)| *source == 0).map(|(_, second, _)| *second).collect();
        assert_eq!(steady, [95, 150, 250]);
    }

    #[test]
    fn more_files_than_may_be_open() {
        let folder = tempfile::tempdir().unwrap();
        let count = u32::try_from(MOST_OPEN).unwrap() + 6;
        let files: Vec<_> =
            (0..count).map(|n| capture(folder.path(), &format!("f{n:03}"), &[100 + n, 1_000 + n])).collect();
        let (sources, frames) = read(&files);
        assert_eq!((sources.len(), frames.len()), (files.len(), 2 * files.len()));
    }

    /// Interfaces without a name in a pcapng file (draft-ietf-opsawg-pcapng-03, 4.1 to 4.3), one empty Ethernet frame from each.
    fn nameless(folder: &Path, interfaces: u32) -> PathBuf {
        let mut words = vec![0x0a0d_0d0a_u32, 28, 0x1a2b_3c4d, 1, u32::MAX, u32::MAX, 28];
        for _ in 0..interfaces {
            words.extend([1, 20, 1, 0, 20]);
        }
        for interface in 0..interfaces {
            words.extend([6, 48, interface, 0, 0, 14, 14, 0, 0, 0, 0, 48]);
        }
        let path = folder.join("two.pcapng");
        std::fs::write(&path, words.iter().flat_map(|word| word.to_le_bytes()).collect::<Vec<_>>()).unwrap();
        path
    }

    #[test]
    fn interfaces_without_a_name_are_mirrors_of_their_own() {
        let folder = tempfile::tempdir().unwrap();
        let (sources, frames) = read(&[nameless(folder.path(), 3)]);
        assert_eq!(sources, ["two.pcapng", "two.pcapng:#1", "two.pcapng:#2"]);
        assert_eq!(frames.iter().map(|(source, ..)| *source).collect::<Vec<_>>(), [0, 1, 2]);
    }
}
