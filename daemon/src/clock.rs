//! The wall clock, read in one place. Frames carry their own time; this is for what has none: silence, uploads, pages.

use dogwatch_model::CaptureTime;

/// Now, by this machine's clock.
#[must_use]
pub fn now() -> CaptureTime {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    CaptureTime(0).plus(since)
}
