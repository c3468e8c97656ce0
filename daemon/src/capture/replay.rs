//! Files into the pipeline's kind of frames: every interface of every file is a source of its own.

use std::path::{Path, PathBuf};

use dogwatch_flow::Frame;
use dogwatch_model::SourceId;

use super::file::{CaptureFile, OpenError};
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

/// Reads the files one after the other into `sink`.
///
/// # Errors
/// When a file cannot be opened as a capture. Damage inside a file ends that file only and is reported in the answer.
pub fn replay(files: &[PathBuf], sink: &mut impl FrameSink) -> Result<Replayed, OpenError> {
    let mut answer = Replayed::default();
    for path in files {
        let mut file = CaptureFile::open(path)?;
        let mut sources: Vec<Option<SourceId>> = Vec::new();
        loop {
            // the name of a new interface is asked for before its first frame borrows the file
            let interface = match file.next_frame() {
                Ok(None) => break,
                Err(damage) => {
                    answer.damaged.push(damage);
                    break;
                }
                Ok(Some(raw)) => {
                    answer.frames += 1;
                    match sources.get(raw.interface).copied().flatten() {
                        Some(source) => {
                            let frame = Frame {
                                at: raw.at,
                                source,
                                number: raw.number,
                                link: raw.link,
                                original_length: raw.original_length,
                                bytes: raw.bytes,
                            };
                            sink.frame(&frame);
                            continue;
                        }
                        None => {
                            let kept = (raw.interface, raw.at, raw.link, raw.original_length, raw.bytes.to_vec());
                            (kept, raw.number)
                        }
                    }
                }
            };
            let ((interface, at, link, original_length, bytes), number) = interface;
            let source = sink.add_source(source_info(path, &file, interface));
            if sources.len() <= interface {
                sources.resize(interface + 1, None);
            }
            if let Some(slot) = sources.get_mut(interface) {
                *slot = Some(source);
            }
            sink.frame(&Frame { at, source, number, link, original_length, bytes: &bytes });
        }
        answer.frames += file.records_without_frame();
        answer.records_without_frame += file.records_without_frame();
    }
    Ok(answer)
}

fn source_info(path: &Path, file: &CaptureFile, interface: usize) -> SourceInfo {
    let name = path.file_name().map_or_else(|| path.display().to_string(), |name| name.to_string_lossy().into_owned());
    match file.interface_name(interface) {
        Some(interface) => SourceInfo { label: format!("{name}:{interface}"), interface: Some(interface.to_owned()) },
        None => SourceInfo { label: name, interface: None },
    }
}
