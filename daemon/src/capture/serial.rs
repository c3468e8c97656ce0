//! Serial lines, receive only: the listener's end of an IEC 61162-1 talker (4,800 baud) or -2 (38,400), or a gateway's line.
//!
//! The device is opened for reading, so no write can ever succeed, and set to raw 8N1 without any flow control: the system neither echoes what it
//! hears nor sends stop signs. Modem control lines are left to the system, which raises DTR and RTS when a port is opened; a tap that leaves its
//! transmit pin unconnected is the sure way.
//!
//! A line that goes away is tried again, with growing pauses: adapters are unplugged and come back. Deliberately absent: parity, other word
//! lengths, and finding out the speed.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use dogwatch_model::CaptureTime;
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use rustix::termios::{ControlModes, InputModes, OptionalActions, SpecialCodeIndex};

use super::live::Visit;

/// Speeds that serial ports commonly have, baud.
pub const SPEEDS: [u32; 13] =
    [300, 600, 1_200, 2_400, 4_800, 9_600, 14_400, 19_200, 38_400, 57_600, 115_200, 230_400, 460_800];
/// Bytes taken from the system at a time.
const CHUNK: usize = 4_096;
/// A line without an end is handed over in pieces of this size: binary records of gateways have none.
const LONGEST_PIECE: usize = 1_024;
/// And after this time, whatever there is.
const LONGEST_WAIT: Duration = Duration::from_millis(250);
/// Pauses between two tries to open a line that went away: the first, and the longest.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// How a line is opened.
#[derive(Debug, Clone)]
pub struct SerialSettings {
    /// The device, such as `/dev/ttyUSB0`; a name below `/dev/serial/by-id` stays the same when adapters are plugged elsewhere.
    pub device: PathBuf,
    /// Its speed.
    pub baud: u32,
}

/// Why a line cannot be listened to.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {}: {hint}", .device.display())]
pub struct SerialError {
    /// The device.
    pub device: PathBuf,
    /// What to do about it.
    pub hint: &'static str,
    /// What the system said.
    #[source]
    pub source: std::io::Error,
}

/// One line, open or waiting to be there again.
pub struct SerialLine {
    settings: SerialSettings,
    port: Option<OwnedFd>,
    /// What has arrived of a line that is not complete, and when its first byte did.
    pending: Vec<u8>,
    pending_since: Instant,
    failures: u64,
    pause: Duration,
    tried: Instant,
}

impl SerialLine {
    /// A line. One that is not there yet is waited for: an adapter that was left out must not keep the other sources from being watched.
    #[must_use]
    pub fn new(settings: SerialSettings) -> Self {
        let port = match open(&settings.device, settings.baud) {
            Ok(port) => Some(port),
            Err(error) => {
                tracing::warn!(device = %settings.device.display(), %error, cause = %error.source, "serial line is tried again");
                None
            }
        };
        Self {
            settings,
            port,
            pending: Vec::with_capacity(CHUNK + LONGEST_PIECE),
            pending_since: Instant::now(),
            failures: 0,
            pause: FIRST_PAUSE,
            tried: Instant::now(),
        }
    }

    /// The device.
    #[must_use]
    pub fn device(&self) -> &Path {
        &self.settings.device
    }

    /// Whether it is open now.
    #[must_use]
    pub const fn is_up(&self) -> bool {
        self.port.is_some()
    }

    /// Times it went away.
    #[must_use]
    pub const fn failures(&self) -> u64 {
        self.failures
    }

    /// What to wait on for bytes.
    #[must_use]
    pub fn as_fd(&self) -> Option<BorrowedFd<'_>> {
        self.port.as_ref().map(AsFd::as_fd)
    }

    /// Tries to open it again, if the pause is over; whether that made it.
    pub fn reopen(&mut self) -> bool {
        if self.port.is_some() || self.tried.elapsed() < self.pause {
            return false;
        }
        self.tried = Instant::now();
        self.pause = self.pause.saturating_mul(2).min(LONGEST_PAUSE);
        self.port = open(&self.settings.device, self.settings.baud).ok();
        self.port.is_some()
    }

    /// Hands over what has arrived, line by line; takes at most `budget` bytes from the system.
    pub fn read(&mut self, now: CaptureTime, budget: usize, mut take: impl FnMut(CaptureTime, &[u8])) -> Visit {
        let Some(port) = &self.port else { return Visit::Down };
        let mut pieces = 0;
        let mut taken = 0;
        let mut buffer = [0; CHUNK];
        let mut is_gone = false;
        while taken < budget {
            match rustix::io::read(port, &mut buffer[..]) {
                // a terminal that was hung up reads as ended
                Ok(0) => {
                    is_gone = true;
                    break;
                }
                Ok(read) => {
                    taken += read;
                    self.pause = FIRST_PAUSE;
                    if self.pending.is_empty() {
                        self.pending_since = Instant::now();
                    }
                    self.pending.extend_from_slice(buffer.get(..read).unwrap_or_default());
                    pieces += whole_lines(&mut self.pending, |line| take(now, line));
                }
                Err(Errno::AGAIN) => break,
                Err(Errno::INTR) => {}
                Err(errno) => {
                    tracing::debug!(device = %self.settings.device.display(), %errno, "serial line failed");
                    is_gone = true;
                    break;
                }
            }
        }
        if !self.pending.is_empty() && (is_gone || self.pending_since.elapsed() >= LONGEST_WAIT) {
            take(now, &self.pending);
            self.pending.clear();
            pieces += 1;
        }
        if is_gone {
            tracing::warn!(device = %self.settings.device.display(), "serial line went away, it is tried again");
            self.failures += 1;
            self.port = None;
            self.tried = Instant::now();
        }
        match (is_gone, pieces) {
            (true, _) => Visit::Down,
            (false, 0) => Visit::Idle,
            (false, pieces) => Visit::Frames(pieces),
        }
    }
}

/// Hands over the lines of `pending` that have their end, and pieces of those that grow too long; keeps the rest. Says how many.
fn whole_lines(pending: &mut Vec<u8>, mut take: impl FnMut(&[u8])) -> u32 {
    let (mut done, mut pieces) = (0, 0);
    while let Some(rest) = pending.get(done..).filter(|rest| !rest.is_empty()) {
        let within = rest.get(..LONGEST_PIECE).unwrap_or(rest);
        let end = match memchr::memchr(b'\n', within) {
            Some(end) => end + 1,
            None if rest.len() >= LONGEST_PIECE => LONGEST_PIECE,
            None => break,
        };
        take(rest.get(..end).unwrap_or_default());
        done += end;
        pieces += 1;
    }
    pending.drain(..done);
    pieces
}

/// Whether a device could be listened to: for a look ahead.
///
/// # Errors
/// As the daemon would have it, with what to do.
pub fn try_out(device: &Path, baud: u32) -> Result<(), SerialError> {
    open(device, baud).map(drop)
}

fn open(device: &Path, baud: u32) -> Result<OwnedFd, SerialError> {
    let failed = |errno: Errno| {
        let hint = match errno {
            Errno::NOENT | Errno::NXIO | Errno::NODEV => "no such device; is the adapter plugged in?",
            Errno::ACCESS | Errno::PERM => {
                "no permission; put the daemon's user into the group of the device (dialout)"
            }
            Errno::NOTTY => "this is no serial device",
            _ => "see the cause",
        };
        SerialError { device: device.to_owned(), hint, source: errno.into() }
    };
    // read only: a write on this descriptor fails whoever tries it
    let flags = OFlags::RDONLY | OFlags::NOCTTY | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let port = rustix::fs::open(device, flags, Mode::empty()).map_err(failed)?;
    let mut modes = rustix::termios::tcgetattr(&port).map_err(failed)?;
    modes.make_raw();
    modes.input_modes.remove(InputModes::IXON | InputModes::IXOFF | InputModes::IXANY | InputModes::INPCK);
    modes
        .control_modes
        .remove(ControlModes::CSIZE | ControlModes::PARENB | ControlModes::CSTOPB | ControlModes::CRTSCTS);
    modes.control_modes.insert(ControlModes::CS8 | ControlModes::CREAD | ControlModes::CLOCAL);
    modes.special_codes[SpecialCodeIndex::VMIN] = 1;
    modes.special_codes[SpecialCodeIndex::VTIME] = 0;
    modes.set_speed(baud).map_err(failed)?;
    rustix::termios::tcsetattr(&port, OptionalActions::Now, &modes).map_err(failed)?;
    Ok(port)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

    /// A line: the talker's end, and the name of the listener's.
    fn line() -> (OwnedFd, PathBuf) {
        let talker = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
        grantpt(&talker).unwrap();
        unlockpt(&talker).unwrap();
        let name = ptsname(&talker, Vec::new()).unwrap();
        (talker, PathBuf::from(name.to_str().unwrap()))
    }

    fn heard(line: &mut SerialLine) -> (Visit, Vec<String>) {
        let mut pieces = Vec::new();
        let visit = line.read(CaptureTime(1), 1 << 16, |_, piece| {
            pieces.push(String::from_utf8_lossy(piece).into_owned());
        });
        (visit, pieces)
    }

    fn say(talker: &OwnedFd, text: &[u8]) {
        assert_eq!(rustix::io::write(talker, text).unwrap(), text.len());
    }

    #[test]
    fn lines_come_whole_and_nothing_is_sent_back() {
        let (talker, device) = line();
        let mut listener = SerialLine::new(SerialSettings { device, baud: 4_800 });
        assert_eq!(heard(&mut listener), (Visit::Idle, vec![]));
        say(&talker, b"$GPGLL,1\r\n$GPG");
        assert_eq!(heard(&mut listener), (Visit::Frames(1), vec!["$GPGLL,1\r\n".to_owned()]));
        // 0x13 and 0x11 are flow control where that is on, 0x03 and 0x04 are signals to a terminal that is not raw
        say(&talker, b"LL,2\x13\x11\x03\x04\x00\xff\r\n");
        let (_, pieces) = heard(&mut listener);
        assert_eq!(pieces, [String::from_utf8_lossy(b"$GPGLL,2\x13\x11\x03\x04\x00\xff\r\n")]);
        // an echo would arrive at the talker
        rustix::io::ioctl_fionbio(&talker, true).unwrap();
        assert_eq!(rustix::io::read(&talker, &mut [0_u8; 16][..]), Err(Errno::AGAIN));
        let port = listener.as_fd().unwrap();
        assert_eq!(rustix::io::write(port, b"x"), Err(Errno::BADF), "the line cannot be written to");
    }

    #[test]
    fn what_has_no_line_end_comes_in_pieces() {
        let mut pieces = Vec::new();
        let mut pending = vec![7; 2 * LONGEST_PIECE + 5];
        assert_eq!(whole_lines(&mut pending, |piece| pieces.push(piece.len())), 2);
        assert_eq!((pieces, pending.len()), (vec![LONGEST_PIECE; 2], 5));
    }

    #[test]
    fn a_line_that_went_away_is_tried_again_after_a_pause_that_grows() {
        let folder = tempfile::tempdir().unwrap();
        let device = folder.path().join("line");
        let (talker, name) = line();
        std::os::unix::fs::symlink(&name, &device).unwrap();
        let mut listener = SerialLine::new(SerialSettings { device: device.clone(), baud: 38_400 });
        say(&talker, b"$GPG");
        drop(talker);
        let (visit, pieces) = heard(&mut listener);
        assert_eq!((visit, listener.is_up(), listener.failures()), (Visit::Down, false, 1));
        assert!(pieces.len() <= 1, "the half line is handed over once: {pieces:?}");
        assert!(!listener.reopen(), "not before the pause is over");
        for pause in [1, 2, 4, 8, 16, 30, 30] {
            assert_eq!(listener.pause, Duration::from_secs(pause));
            listener.tried = Instant::now().checked_sub(listener.pause).unwrap();
            assert!(!listener.reopen(), "there is nothing to open");
        }
        let (talker, name) = line();
        std::fs::remove_file(&device).unwrap();
        std::os::unix::fs::symlink(&name, &device).unwrap();
        listener.tried = Instant::now().checked_sub(LONGEST_PAUSE).unwrap();
        assert!(listener.reopen() && listener.is_up());
        say(&talker, b"LL,3\r\n");
        assert_eq!(heard(&mut listener).1, ["LL,3\r\n"]);
        assert_eq!(listener.pause, FIRST_PAUSE, "a line that speaks starts over");
    }

    #[test]
    fn what_is_no_serial_device_is_told() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let error = try_out(file.path(), 4_800).unwrap_err().to_string();
        assert!(error.contains("no serial device"), "{error}");
        let error = try_out(Path::new("/dev/no-such-line"), 4_800).unwrap_err().to_string();
        assert!(error.contains("plugged in"), "{error}");
    }
}
