//! A capture file played at the pace it was recorded, or faster: a source for demonstrations and for machines without a live interface.
//!
//! Frames are stamped with the time they are played, as a live interface would, so that the rest of the daemon cannot tell the difference.

use std::path::PathBuf;
use std::time::Instant;

use dogwatch_flow::LinkType;
use dogwatch_model::CaptureTime;

use super::file::{CaptureFile, OpenError};
use super::live::Visit;

/// A file being played.
pub struct PacedFile {
    path: PathBuf,
    file: CaptureFile,
    speed: f64,
    started: Instant,
    started_at: CaptureTime,
    first: Option<CaptureTime>,
    /// The next frame, read but not due yet.
    next: Option<Held>,
    is_over: bool,
}

struct Held {
    due: CaptureTime,
    link: LinkType,
    original_length: u32,
    bytes: Vec<u8>,
}

impl PacedFile {
    /// Opens a file; it begins to play at `now` and plays `speed` times as fast as it was recorded.
    ///
    /// # Errors
    /// When the file is no capture.
    pub fn open(path: PathBuf, speed: f64, now: CaptureTime) -> Result<Self, OpenError> {
        let file = CaptureFile::open(&path)?;
        Ok(Self {
            path,
            file,
            speed,
            started: Instant::now(),
            started_at: now,
            first: None,
            next: None,
            is_over: false,
        })
    }

    /// The file.
    #[must_use]
    pub fn name(&self) -> String {
        self.path.display().to_string()
    }

    /// Whether there is more to play.
    #[must_use]
    pub const fn is_over(&self) -> bool {
        self.is_over
    }

    /// Hands over the frames that are due, at most `budget`.
    pub fn read(&mut self, budget: u32, mut take: impl FnMut(CaptureTime, LinkType, u32, &[u8])) -> Visit {
        let now = self.started_at.plus(self.started.elapsed());
        let mut read = 0;
        while read < budget {
            if self.next.is_none() {
                self.next = self.fetch();
            }
            let Some(held) = self.next.take_if(|held| held.due <= now) else { break };
            take(held.due, held.link, held.original_length, &held.bytes);
            read += 1;
        }
        match (read, self.is_over) {
            (0, true) => Visit::Down,
            (0, false) => Visit::Idle,
            _ => Visit::Frames(read),
        }
    }

    fn fetch(&mut self) -> Option<Held> {
        let frame = match self.file.next_frame() {
            Ok(Some(frame)) => frame,
            Ok(None) => {
                self.is_over = true;
                return None;
            }
            Err(damage) => {
                tracing::warn!(%damage, "the played file ends here");
                self.is_over = true;
                return None;
            }
        };
        let first = *self.first.get_or_insert(frame.at);
        let due = self.started_at.plus(frame.at.since(first).div_f64(self.speed));
        Some(Held { due, link: frame.link, original_length: frame.original_length, bytes: frame.bytes.to_vec() })
    }
}
